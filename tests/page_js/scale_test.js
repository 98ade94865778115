/** The page's scale against the one of figures, whose answers tests/test_page_js.py passes. */

import { number, Scale } from "landscape/scale.js";

const cases = JSON.parse(Deno.readTextFileSync(Deno.env.get("SCALES") ?? ""));

/** @param {unknown} a @param {unknown} b @param {string} what */
function same(a, b, what) {
  if (JSON.stringify(a) !== JSON.stringify(b)) {
    throw new Error(`${what}: ${JSON.stringify(a)}, expected ${JSON.stringify(b)}`);
  }
}

Deno.test("limits, levels and labels are those of figures", () => {
  for (const wanted of cases) {
    const surfaces = wanted.surfaces.map((/** @type {number[]} */ v) => Float64Array.from(v));
    const scale = Scale.ofLosses(surfaces, wanted.kind, "auto");
    const what = JSON.stringify(wanted);
    same([scale.log, scale.clipped], [wanted.log, wanted.clipped], what);
    same(scale.floored, wanted.floored, what);
    const near = (/** @type {number} */ a, /** @type {number} */ b) =>
      Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b), 1e-300);
    if (!near(scale.low, wanted.low) || !near(scale.high, wanted.high)) {
      throw new Error(`${what}: ${scale.low} to ${scale.high}`);
    }
    same(scale.levels(12).map(number), wanted.labels, what);
  }
});

Deno.test("numbers are short, and round ones have all of their digits", () => {
  const texts = { 0.05: 0.05, 30: 30, 12345: 12345, 0.123456789: 0.123, 1e-7: 1e-7 };
  for (const [value, shown] of Object.entries(texts)) {
    same(Number(number(Number(value))), shown, value);
  }
  same(number(NaN), "nan", "nan");
  same(number(-Infinity), "-inf", "-inf");
});

Deno.test("what is not finite has no height", () => {
  const scale = new Scale(1, 100, true, false);
  same([0, 1000, NaN, Infinity].map((v) => scale.height(v)), [0, 2, null, null], "heights");
});
