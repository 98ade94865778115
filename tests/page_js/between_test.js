/** Heights between the points of a grid, against those that tests/page/test_modules.py passes. */

import { between } from "landscape/between.js";

const cases = JSON.parse(Deno.readTextFileSync(Deno.env.get("HEIGHTS") ?? ""));

/**
 * @param {ArrayLike<number>} found
 * @param {(number | null)[]} wanted null where NaN
 * @param {string} what
 * @param {number} largest height, of whose size rounding is
 */
function near(found, wanted, what, largest = 1) {
  const isNear = (/** @type {number | null} */ value, /** @type {number} */ k) =>
    value === null ? Number.isNaN(found[k]) : Math.abs(found[k] - value) <= 1e-12 * largest;
  const isSame = found.length === wanted.length && wanted.every(isNear);
  if (!isSame) throw new Error(`${what}: ${found}, expected ${wanted}`);
}

Deno.test("heights between the points are those of scipy", () => {
  for (const { given, num, wanted } of cases) {
    const rows = given.rows.map((/** @type {any[]} */ row) => row.map((height) => height ?? NaN));
    const found = between({ ...given, rows }, num);
    const what = JSON.stringify({ given, num });
    near(found.alphas, wanted.alphas, what);
    near(found.betas, wanted.betas, what);
    if (found.rows.length !== wanted.rows.length) throw new Error(what);
    const largest = Math.max(1, ...given.rows.flat());
    found.rows.forEach((row, j) => near(row, wanted.rows[j], what, largest));
  }
});

Deno.test("a grid that is fine enough is unchanged", () => {
  const axis = Float64Array.from({ length: 120 }, (_, k) => k);
  const rows = Array.from(axis, (j) => Array.from(axis, (i) => Math.sin(i * j)));
  const found = between({ alphas: axis, betas: axis, rows }, 150);
  found.rows.forEach((row, j) => near(row, rows[j], `row ${j}`));
});
