/** A surface as plotly draws it: at the points of its grid, or between them as well. */

import { between } from "landscape/between.js";

/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/**
 * @typedef {object} Mesh
 * @property {number[]} x
 * @property {number[]} y
 * @property {(number | null)[][]} z rows, one per beta, with one entry per alpha; null where missing
 */

/**
 * A surface at the points of its grid.
 *
 * @param {Surface} surface
 * @param {(index: number) => number | null} height
 * @returns {Mesh}
 */
export function coarse(surface, height) {
  return {
    x: Array.from(surface.alphas),
    y: Array.from(surface.betas),
    z: surface.rows(height),
  };
}

/**
 * A surface at about `num` coordinates along each axis.
 *
 * @param {Surface} surface
 * @param {(index: number) => number | null} height
 * @param {Scale} scale at whose upper end it is cut off
 * @param {number} num
 * @returns {Mesh}
 */
export function fine(surface, height, scale, num) {
  const rows = surface.rows((k) => height(k) ?? NaN);
  const mesh = between({ alphas: surface.alphas, betas: surface.betas, rows }, num);
  const [, high] = scale.limits;
  return {
    x: Array.from(mesh.alphas),
    y: Array.from(mesh.betas),
    z: mesh.rows.map((row) => Array.from(row, (z) => Number.isNaN(z) ? null : Math.min(z, high))),
  };
}
