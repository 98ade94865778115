/** Which local minima are marked in 3-D, where the dots of all would hide the surface. */

/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

const MOST = 5;
const DEEP = 0.1; // of the drawn heights: how far one must climb to reach a lower minimum

/**
 * The lowest minima, and none that is not clearly deeper than its surroundings.
 *
 * @param {Surface} surface
 * @param {Scale} scale of heights
 * @returns {{i: number, j: number}[]} the lowest first
 */
export function deepest(surface, scale) {
  const [low, high] = scale.limits;
  const depths = climbs(surface, Array.from(surface.losses, (loss) => scale.height(loss)));
  const loss = (/** @type {number[]} */ [i, j]) => surface.losses[surface.index(i, j)];
  return surface.minima
    .filter(([i, j]) => (depths.get(surface.index(i, j)) ?? 0) >= DEEP * (high - low))
    .toSorted((a, b) => loss(a) - loss(b))
    .slice(0, MOST)
    .map(([i, j]) => ({ i, j }));
}

/**
 * How far one must climb from every minimum to reach a lower one.
 *
 * The surface is filled with water: basins grow point by point, from the lowest to the highest,
 * and where two meet, the water of the one whose minimum is higher overflows.
 *
 * @param {Surface} surface
 * @param {(number | null)[]} heights
 * @returns {Map<number, number>} by the index of the minimum
 */
function climbs(surface, heights) {
  const [m, n] = [surface.alphas.length, surface.betas.length];
  const basin = new Int32Array(heights.length).fill(-1); // another point of it, or itself
  const bottom = (/** @type {number} */ k) => {
    while (basin[k] !== k) k = basin[k] = basin[basin[k]];
    return k;
  };
  const height = (/** @type {number} */ k) => Number(heights[k]);
  const order = [...heights.keys()].filter((k) => heights[k] !== null)
    .sort((a, b) => height(a) - height(b));
  /** @type {Map<number, number>} */
  const result = new Map();
  for (const k of order) {
    const [i, j] = [Math.floor(k / n), k % n];
    basin[k] = k;
    for (let a = Math.max(i - 1, 0); a <= Math.min(i + 1, m - 1); a++) {
      for (let b = Math.max(j - 1, 0); b <= Math.min(j + 1, n - 1); b++) {
        const other = a * n + b;
        if (basin[other] < 0) continue;
        const [low, high] = [bottom(k), bottom(other)].sort((x, y) => height(x) - height(y));
        if (low === high) continue;
        if (high !== k) result.set(high, height(k) - height(high));
        basin[high] = low;
      }
    }
  }
  // The lowest, and every basin that walls without a finite loss separate from it.
  for (const k of order) if (bottom(k) === k) result.set(k, Infinity);
  return result;
}
