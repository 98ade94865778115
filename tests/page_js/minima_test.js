/** Which local minima are marked: those that are deep, by the climb to a lower one. */

import { deepest } from "landscape/minima.js";
import { Scale } from "landscape/scale.js";

/** A line of heights as a surface of one row. @param {number[]} losses @param {number[][]} minima */
function row(losses, minima) {
  /** @type {any} */
  const surface = {
    alphas: [0],
    betas: losses.map((_, k) => k),
    losses: Float64Array.from(losses),
    minima,
    index: (/** @type {number} */ _, /** @type {number} */ j) => j,
  };
  return surface;
}

/** @param {number[]} losses @param {number[]} minima */
function marked(losses, minima) {
  const finite = losses.filter(Number.isFinite);
  const scale = new Scale(Math.min(...finite), Math.max(...finite), false, false);
  return deepest(row(losses, minima.map((j) => [0, j])), scale).map(({ j }) => j);
}

/** @param {number[]} found @param {number[]} wanted */
function same(found, wanted) {
  if (found.join() !== wanted.join()) throw new Error(`${found}, expected ${wanted}`);
}

Deno.test("the lowest comes first, and ripples are left out", () => {
  // Valleys at 1 (deep), 3 (a ripple of 0.5) and 5 (climb of 4 to reach the lowest).
  same(marked([10, 0, 6, 5.5, 6, 2, 10], [1, 3, 5]), [1, 5]);
});

Deno.test("of many only five are marked", () => {
  const losses = Array.from({ length: 21 }, (_, k) => (k % 2 ? k / 10 : 10));
  const minima = Array.from({ length: 10 }, (_, k) => 2 * k + 1);
  same(marked(losses, minima), [1, 3, 5, 7, 9]);
});

Deno.test("a wall that is not finite separates basins", () => {
  same(marked([5, 1, Infinity, 3, 5], [1, 3]), [1, 3]);
});
