/** Points that pictures mark: evaluated ones, minima, the trained net, other nets. */

import { inkAt } from "landscape/contours.js";

/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/**
 * @typedef {object} Place
 * @property {number} x
 * @property {number} y
 * @property {number} k index of the point
 */

const LARGEST = 3; // of a dot, in pixels
const DOTS = 300; // pixels that the dots of a row cover at most
const IN_3D = 0.5; // of these sizes, where plotly draws larger ones
const BEAD = 6; // pixels
const LIFT = 0.008; // of the heights: else half of a marker lies within the surface

/**
 * Dots at the points where a quantity was evaluated; between them it is interpolated.
 *
 * @param {Surface} surface
 * @param {import("landscape/quantity.js").Quantity} quantity
 * @param {Scale} colors
 */
export function dots(surface, quantity, colors) {
  const known = surface.knownPlaces(quantity).map((k) => placeOf(surface, k));
  const num = Math.max(surface.alphas.length, surface.betas.length);
  return {
    ...coordinates(known),
    mode: "markers",
    marker: {
      symbol: "circle",
      size: Math.min(LARGEST, DOTS / num),
      color: inks(surface.sampled(quantity), colors),
    },
    hoverinfo: "skip",
    meta: "evaluated",
  };
}

/**
 * The same dots on a relief, before their heights.
 *
 * @param {Surface} surface
 * @param {import("landscape/quantity.js").Quantity} quantity
 * @param {Scale} colors
 */
export function dotsOnRelief(surface, quantity, colors) {
  return smaller(dots(surface, quantity, colors));
}

/**
 * Markers of the sizes that plotly draws in 3-D.
 *
 * @param {any} trace
 */
export function smaller({ marker, ...trace }) {
  return { ...trace, marker: { ...marker, size: IN_3D * marker.size } };
}

/**
 * The points that belong to no area: those of no cell whose corners are all finite.
 *
 * A surface or contours do not show them.
 *
 * @param {Surface} surface
 * @param {ArrayLike<number>} values
 * @returns {Place[]}
 */
export function lonely(surface, values) {
  const [rows, columns] = [surface.alphas.length, surface.betas.length];
  const shown = new Uint8Array(values.length);
  for (let i = 0; i + 1 < rows; i++) {
    for (let j = 0; j + 1 < columns; j++) {
      const corners = [[i, j], [i + 1, j], [i, j + 1], [i + 1, j + 1]]
        .map(([a, b]) => surface.index(a, b));
      if (corners.every((k) => Number.isFinite(values[k]))) corners.forEach((k) => shown[k] = 1);
    }
  }
  return [...shown.keys()].filter((k) => !shown[k] && Number.isFinite(values[k]))
    .map((k) => placeOf(surface, k));
}

/**
 * Beads of their own color at points that belong to no area.
 *
 * @param {Place[]} alone
 * @param {ArrayLike<number>} values
 * @param {Pick<import("landscape/pictures.js").Shown, "colors" | "style">} shown
 */
export function beads(alone, values, { colors, style }) {
  const [low, high] = colors.limits;
  return {
    ...coordinates(alone),
    mode: "markers",
    marker: {
      size: BEAD,
      color: alone.map(({ k }) => colors.height(values[k])),
      cmin: low,
      cmax: high,
      colorscale: style.colorscale,
      line: { width: 0.5, color: "#000000" },
    },
    hoverinfo: "skip",
    meta: "alone",
  };
}

/**
 * Crosses where an eigenvalue is not converged.
 *
 * @param {Surface} surface
 * @param {import("landscape/quantity.js").Quantity} quantity
 * @param {Scale} colors
 */
export function crosses(surface, quantity, colors) {
  const loose = [...surface.evaluated.keys()]
    .filter((k) => surface.curvature?.state[k] === 2)
    .map((k) => placeOf(surface, k));
  const values = surface.values(quantity);
  return {
    loose,
    trace: {
      ...coordinates(loose),
      mode: "text",
      text: "×",
      textfont: { size: 16, color: inks(loose.map(({ k }) => values[k]), colors) },
      hoverinfo: "none",
    },
  };
}

/**
 * @param {ArrayLike<number>} values
 * @param {Scale} colors
 */
function inks(values, colors) {
  return Array.from(values, (value) => inkAt(colors.height(value), colors));
}

/**
 * What puts markers on a relief.
 *
 * @param {ArrayLike<number>} values at the points
 * @param {Scale} scale of heights
 */
export function onRelief(values, scale) {
  const [low, high] = scale.limits;
  const lifted = (/** @type {number} */ value) => {
    const height = scale.height(value);
    return height === null ? null : height + LIFT * (high - low);
  };
  return { type: "scatter3d", z: Array.from(values, lifted) };
}

/**
 * The local minima that are not cut off.
 *
 * @param {Surface} surface
 * @param {Scale} scale
 */
export function lowest(surface, scale) {
  return surface.minima
    .map(([i, j]) => at(surface, i, j))
    .filter(({ k }) => surface.losses[k] <= scale.high);
}

/**
 * The trained net, where it is a point of the grid.
 *
 * @param {Surface} surface
 */
export function middle(surface) {
  const { center } = surface;
  return center ? [at(surface, center.i, center.j)] : [];
}

/**
 * @param {Surface} surface
 * @param {number} i
 * @param {number} j
 * @returns {Place}
 */
export function at(surface, i, j) {
  return { x: surface.alphas[i], y: surface.betas[j], k: surface.index(i, j) };
}

/**
 * @param {Surface} surface
 * @param {number} k
 */
function placeOf(surface, k) {
  const columns = surface.betas.length;
  return at(surface, Math.floor(k / columns), k % columns);
}

/** @param {import("landscape/surface.js").Mark[]} marks */
export function places(marks) {
  return marks.map(({ alpha, beta }) => ({ x: alpha, y: beta }));
}

/**
 * @param {{x: number, y: number}[]} points
 * @param {string} symbol
 * @param {number} size
 * @param {string} inside
 * @param {string} border
 */
export function marker(points, symbol, size, inside, border) {
  return {
    ...coordinates(points),
    mode: "markers",
    marker: { symbol, size, color: inside, line: { color: border, width: 1 } },
  };
}

/** @param {{x: number, y: number}[]} points */
function coordinates(points) {
  return { x: points.map(({ x }) => x), y: points.map(({ y }) => y) };
}
