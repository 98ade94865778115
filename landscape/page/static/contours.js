/**
 * Contour lines at round losses.
 *
 * plotly draws levels at equal distances alone. Round losses on a logarithmic scale (1, 3, 10, …)
 * are not; but those with the same leading digits are, so each of these is a family of its own.
 */

/** @typedef {import("landscape/scale.js").Scale} Scale */

const ABOUT = 12; // levels, as in figures
const MOST = 6; // families, each of which is one trace
const SAME = 1e-6; // of a family's step

/**
 * Levels in families with equal steps, in heights.
 *
 * @param {Scale} scale
 * @param {number} about how many levels
 * @returns {{start: number, end: number, size: number}[]} at least one, which may be empty
 */
export function families(scale, about = ABOUT) {
  const [low, high] = scale.limits;
  const margin = 1e-9 * (high - low);
  // On the border itself no line would be visible.
  const rest = scale.levels(about).map((level) => Number(scale.height(level)))
    .filter((height) => height > low + margin && height < high - margin);
  const result = [];
  while (rest.length) {
    const family = longest(rest);
    for (const height of family) rest.splice(rest.indexOf(height), 1);
    const size = family.length > 1 ? family[1] - family[0] : high - low;
    // The end lies a little above the last level, which rounding must not leave out.
    result.push({ start: family[0], end: family[family.length - 1] + size / 100, size });
  }
  if (result.length > MOST) { // of few losses on a logarithmic scale
    const size = (high - low) / ABOUT;
    return [{ start: low + size, end: high - size / 2, size }];
  }
  return result.length ? result : [{ start: high + 1, end: high + 1, size: 1 }];
}

/**
 * The most levels with equal steps that begin with the lowest, every one that lies on them.
 *
 * @param {number[]} heights rising
 */
function longest(heights) {
  let best = heights.slice(0, 1);
  for (const second of heights.slice(1)) {
    const size = second - heights[0];
    const family = [heights[0], second];
    for (const height of heights) {
      const next = family[family.length - 1] + size;
      if (Math.abs(height - next) < SAME * size) family.push(height);
    }
    if (family.length > best.length) best = family;
  }
  return best;
}

/**
 * Turn the labels of contour lines, which plotly writes as heights, into losses.
 *
 * @param {ParentNode} plot
 * @param {Scale} scale
 */
export function label(plot, scale) {
  const levels = scale.levels(ABOUT);
  for (const text of plot.querySelectorAll(".contourlabels text")) {
    const written = text.textContent?.replace("−", "-") ?? "";
    if (!/^-?[0-9]+\.[0-9]{6,}$/.test(written)) continue; // it is a loss already
    const off = (/** @type {number} */ level) =>
      Math.abs(Number(scale.height(level)) - Number(written));
    const nearest = levels.toSorted((a, b) => off(a) - off(b))[0];
    const isLevel = nearest !== undefined && off(nearest) < 1e-4;
    text.textContent = isLevel ? scale.text(nearest) : scale.textAt(Number(written));
  }
}
