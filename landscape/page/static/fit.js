/** From where a 3-D picture is seen at first: as near as its panel allows. */

import { project } from "landscape/cameras.js";

/** @typedef {import("landscape/state.js").Camera} Camera */
/** @typedef {import("landscape/state.js").Point} Point */
/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

const AZIMUTH = -72 * Math.PI / 180;
const ELEVATION = 38 * Math.PI / 180;
const MOST_ROWS = 30; // of a grid that are looked at, along each axis
const ROUNDS = 24;
const EDGE = 6; // pixels between the surface and the panel's right side
const TEXTS = 60; // pixels at the sides that texts take
const FLOOR = 0.01; // below the lowest value, as a part of the heights

/**
 * How high the box is drawn, in widths: as its panel is shaped, so that it fills it.
 *
 * @param {number} width of the panel
 * @param {number} height
 */
export function boxHeight(width, height) {
  const free = width - Math.min(TEXTS, 0.09 * width);
  return Math.min(Math.max(0.72 * (height / free) ** 1.9, 0.37), 1.7);
}

/**
 * The lowest and the highest height of a box.
 *
 * @param {Scale} scale
 * @returns {[number, number]}
 */
export function heights(scale) {
  const [low, high] = scale.limits;
  const margin = FLOOR * (high - low);
  return [low - margin, high + margin];
}

/**
 * What a box spans along α and β: the grid, and what is drawn outside of it.
 *
 * @param {Surface} surface
 * @param {boolean} paths whether they are shown
 * @param {boolean} marks
 * @returns {{alphas: [number, number], betas: [number, number]}}
 */
export function spans(surface, paths, marks) {
  /**
   * @param {Float64Array} axis
   * @param {"alpha" | "beta"} name
   * @returns {[number, number]}
   */
  const span = (axis, name) => {
    const others = [
      ...(marks ? surface.marks.map((mark) => mark[name]) : []),
      ...(paths ? surface.paths.flatMap((path) => path[`${name}s`]) : []),
    ].filter(Number.isFinite);
    const ends = [axis[0], axis[axis.length - 1]];
    return [Math.min(...ends, ...others), Math.max(...ends, ...others)];
  };
  return { alphas: span(surface.alphas, "alpha"), betas: span(surface.betas, "beta") };
}

/**
 * A point of a surface in its box, which is 1 wide and has its middle at 0.
 *
 * @param {{alphas: [number, number], betas: [number, number]}} spans
 * @param {Scale} scale
 * @param {number} tall height of the box
 * @param {number} alpha
 * @param {number} beta
 * @param {number} value
 * @returns {Point}
 */
export function inBox(spans, scale, tall, alpha, beta, value) {
  const part = (/** @type {[number, number]} */ [low, high], /** @type {number} */ at) =>
    (at - low) / (high - low) - 0.5;
  const height = scale.height(value) ?? scale.limits[0];
  return {
    x: part(spans.alphas, alpha),
    y: part(spans.betas, beta),
    z: tall * part(heights(scale), height),
  };
}

/**
 * The outline of a picture: its floor with the middles of its sides, and points all over the surface.
 *
 * @param {Surface} surface
 * @param {ArrayLike<number>} values
 * @param {Scale} scale
 * @param {{alphas: [number, number], betas: [number, number]}} spans
 * @param {number} tall
 * @returns {Point[]}
 */
export function outline(surface, values, scale, spans, tall) {
  const some = (/** @type {Float64Array} */ axis) => {
    const step = Math.ceil(axis.length / MOST_ROWS);
    return [...axis.keys()].filter((k) => k % step === 0 || k === axis.length - 1);
  };
  const floor = -0.5 * tall;
  const points = [-0.5, 0.5].flatMap((x) => [-0.5, 0, 0.5].map((y) => ({ x, y, z: floor })));
  for (const i of some(surface.alphas)) {
    for (const j of some(surface.betas)) {
      const value = values[surface.index(i, j)];
      if (Number.isFinite(value)) {
        points.push(inBox(spans, scale, tall, surface.alphas[i], surface.betas[j], value));
      }
    }
  }
  return points;
}

/**
 * Pixels that stay free for texts; on the right for those of β, whose name stands at the middle of the
 * floor's side, and whose numbers before it are further to the left.
 *
 * @typedef {{top: number, left: number, right: number, bottom: number}} Margin
 */

/**
 * The camera that sees all points, as near as possible.
 *
 * @param {Point[]} points
 * @param {number} width of the picture, in pixels
 * @param {number} height
 * @param {Margin} margin
 * @returns {Camera}
 */
export function fit(points, width, height, margin) {
  const back = {
    x: Math.cos(ELEVATION) * Math.cos(AZIMUTH),
    y: Math.cos(ELEVATION) * Math.sin(AZIMUTH),
    z: Math.sin(ELEVATION),
  };
  const floor = Math.min(...points.map(({ z }) => z));
  const ends = points.map(({ y, z }) => z === floor && y <= 0 ? margin.right : EDGE);
  const room = height - margin.top - margin.bottom;
  let distance = 2;
  let [right, up] = [0, 0]; // of the center, in units of the box
  const camera = () => {
    const center = { x: -Math.sin(AZIMUTH) * right, y: Math.cos(AZIMUTH) * right, z: up };
    const eye = {
      x: center.x + distance * back.x,
      y: center.y + distance * back.y,
      z: center.z + distance * back.z,
    };
    return { eye, center, up: { x: 0, y: 0, z: 1 } };
  };
  for (let round = 0; round < ROUNDS; round++) {
    const seen = points.map((point) => project(camera(), point, width, height));
    const left = Math.min(...seen.map(({ x }) => x)) - margin.left;
    const end = Math.max(...seen.map(({ x }, k) => x + ends[k]));
    const [top, bottom] = [
      Math.min(...seen.map(({ y }) => y)),
      Math.max(...seen.map(({ y }) => y)),
    ];
    const pixel = distance / (1.2 * height); // about its size in the box
    right += pixel * ((left + end) / 2 - width / 2);
    up -= pixel * ((top + bottom) / 2 - (margin.top + height - margin.bottom) / 2);
    // What is near grows faster than the distance shrinks: so only half a step.
    distance *= Math.sqrt(Math.max((end - left) / width, (bottom - top) / room));
    distance = Math.min(Math.max(distance, 0.8), 5);
  }
  return camera();
}
