/**
 * Contour lines at the round losses of figures.
 *
 * plotly draws levels at equal distances alone. Round losses on a logarithmic scale (1, 3, 10, …)
 * are not. From above, heights are therefore replaced by their positions among the levels. In 3-D,
 * levels with the same leading digits are a family, which takes a trace of its own.
 */

/** @typedef {import("landscape/mesh.js").Mesh} Mesh */
/** @typedef {import("landscape/scale.js").Scale} Scale */

const ABOUT = 12; // levels, as in figures
const DARK = 0.45; // the part of the color map on which lines are white, on others black
const [WHITE, BLACK] = ["#ffffff", "#000000"];
const SAME = 1e-6; // of a family's step
const FORMAT = ".1f"; // of a position: no loss is written like this

/**
 * Contour lines with labels, from above.
 *
 * @param {Mesh} mesh
 * @param {Scale} scale
 * @returns {any[]} traces
 */
export function lines({ x, y, z }, scale) {
  const heights = levels(scale).map((level) => Number(scale.height(level)));
  if (!heights.length) return [];
  const dark = heights.filter((height) => inkAt(height, scale) === WHITE).length;
  const last = heights.length - 1;
  return [{
    type: "contour",
    x,
    y,
    z: z.map((row) => row.map((height) => height === null ? null : position(height, heights))),
    autocontour: false,
    contours: {
      start: 0,
      end: last + 0.01, // rounding must not leave out the last one
      size: 1,
      coloring: "lines",
      showlabels: true,
      labelfont: { size: 10 },
      labelformat: FORMAT,
    },
    colorscale: inks(dark, last),
    line: { width: 0.8, smoothing: 0 },
    showscale: false,
    hoverinfo: "skip",
  }];
}

/**
 * Turn the labels of contour lines, which plotly writes as positions, into losses.
 *
 * @param {ParentNode} plot
 * @param {Scale} scale
 */
export function label(plot, scale) {
  const losses = levels(scale);
  for (const text of plot.querySelectorAll(".contourlabels text")) {
    const written = text.textContent ?? "";
    if (/^[0-9]+\.0$/.test(written)) text.textContent = scale.text(losses[Number(written)]);
  }
}

/**
 * Levels in families with equal steps, in heights.
 *
 * @param {Scale} scale
 * @returns {{start: number, end: number, size: number}[]}
 */
export function families(scale) {
  const rest = levels(scale).map((level) => Number(scale.height(level)));
  const result = [];
  while (rest.length) {
    const family = longest(rest);
    for (const height of family) rest.splice(rest.indexOf(height), 1);
    const size = family.length > 1 ? family[1] - family[0] : 1;
    const end = family[family.length - 1] + size / 100; // rounding must not leave out the last one
    result.push({ start: family[0], end, size });
  }
  return result;
}

/**
 * The losses at which contour lines stand.
 *
 * @param {Scale} scale
 */
function levels(scale) {
  const [low, high] = scale.limits;
  const margin = 1e-9 * (high - low);
  // On the border itself no line would be visible.
  return scale.levels(ABOUT).filter((level) => {
    const height = Number(scale.height(level));
    return height > low + margin && height < high - margin;
  });
}

/**
 * The position of a height among rising levels: k at level k, linear in between and beyond.
 *
 * @param {number} height
 * @param {number[]} levels
 */
function position(height, levels) {
  if (levels.length < 2) return height - levels[0];
  let k = 0;
  while (k < levels.length - 2 && height >= levels[k + 1]) k++;
  return k + (height - levels[k]) / (levels[k + 1] - levels[k]);
}

/**
 * What is seen on the color of a height.
 *
 * @param {number | null} height null where missing, which is gray
 * @param {Scale} scale of colors
 */
export function inkAt(height, scale) {
  const [low, high] = scale.limits;
  return height !== null && height < low + DARK * (high - low) ? WHITE : BLACK;
}

/**
 * The color scale of lines, which plotly spreads over the levels from the first to the last.
 *
 * @param {number} dark how many levels lie on dark colors
 * @param {number} last number of the last level
 */
function inks(dark, last) {
  const [first, end] = [dark > 0 ? WHITE : BLACK, dark > last ? WHITE : BLACK];
  if (first === end) return [[0, first], [1, end]];
  return [[0, first], [(dark - 0.75) / last, first], [(dark - 0.25) / last, end], [1, end]];
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
