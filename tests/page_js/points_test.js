/** Points without an area around them, which a surface does not show. */

import { lonely } from "landscape/points.js";

Deno.test("points that belong to no cell whose corners are all finite are alone", () => {
  const rows = [
    [1, 1, NaN, 1],
    [1, 1, NaN, NaN],
    [NaN, NaN, NaN, 1],
    [1, Infinity, 1, 1],
  ];
  const index = (/** @type {number} */ i, /** @type {number} */ j) => 4 * i + j;
  const axis = [0, 1, 2, 3];
  /** @type {any} */
  const surface = { alphas: axis, betas: axis, index };
  const found = lonely(surface, rows.flat()).map(({ k }) => k);
  const wanted = [index(0, 3), index(2, 3), index(3, 0), index(3, 2), index(3, 3)];
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${found}`);
});
