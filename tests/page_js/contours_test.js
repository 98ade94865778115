/** Contour lines stand at the levels of figures, whatever the scale. */

import { families, lines } from "landscape/contours.js";
import { Scale } from "landscape/scale.js";

const MOST = 6; // families: each takes a trace

/** @param {number[]} found @param {number[]} wanted @param {string} what */
function near(found, wanted, what) {
  const isSame = found.length === wanted.length &&
    wanted.every((value, k) => Math.abs(found[k] - value) <= 1e-6 * Math.max(1, Math.abs(value)));
  if (!isSame) throw new Error(`${what}: ${found}, expected ${wanted}`);
}

/** Scales of all widths, each with the heights of the levels inside. */
function* scales() {
  for (let k = 0; k < 3000; k++) {
    const low = 10 ** (((k * 0.618) % 1) * 8 - 4);
    const scale = new Scale(low, low * (1 + 10 ** (((k * 0.755) % 1) * 8 - 2)), k % 3 > 0, false);
    const [begin, end] = scale.limits;
    const rounding = 1e-9 * (end - begin);
    const heights = scale.levels(12).map((level) => Number(scale.height(level)))
      .filter((height) => height > begin + rounding && height < end - rounding);
    yield { scale, heights, what: `${scale.low} to ${scale.high}, log: ${scale.log}` };
  }
}

Deno.test("every level is drawn in 3-D, with few traces", () => {
  for (const { scale, heights, what } of scales()) {
    const found = families(scale);
    const drawn = found.flatMap(({ start, end, size }) =>
      Array.from({ length: Math.floor((end - start) / size) + 1 }, (_, k) => start + k * size)
    );
    near(drawn.sort((a, b) => a - b), heights, what);
    if (found.length > MOST) throw new Error(`${what}: ${found.length} families`);
  }
});

Deno.test("from above, a height is its position among the levels", () => {
  for (const { scale, heights, what } of scales()) {
    const traces = lines({ x: heights, y: [0], z: [[...heights, null]] }, scale);
    if (traces.length !== Math.min(heights.length, 1)) throw new Error(what);
    for (const { z, contours: { start, end, size } } of traces) {
      near(z[0].slice(0, -1), [...heights.keys()], what);
      near([start, size, Math.floor(end)], [0, 1, heights.length - 1], what);
      if (z[0].at(-1) !== null) throw new Error("what is missing has no position");
    }
  }
});

Deno.test("lines are white on dark colors and black on others", () => {
  const [trace] = lines({ x: [], y: [], z: [] }, new Scale(0.0005, 2000, true, false));
  // 0.001, 0.01, 0.1 | 1, 10, 100, 1000: the middle of the colors is at 0.45 of the heights.
  const at = (/** @type {number} */ part) =>
    trace.colorscale.findLast((/** @type {[number, string]} */ [stop]) => stop <= part + 1e-9)[1];
  const colors = [0, 1, 2, 3, 4, 5, 6].map((k) => at(k / 6));
  if (colors.join() !== [...Array(3).fill("#ffffff"), ...Array(4).fill("#000000")].join()) {
    throw new Error(`${colors}: ${JSON.stringify(trace.colorscale)}`);
  }
});
