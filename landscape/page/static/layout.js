/** How panels share the window. */

const NARROW = 640; // pixels: a phone
const GAP = 8;
const SHARE = 0.79; // of the window that panels have at least
const SHARE_OF_FLAT = 0.72; // or next to a chart
const SHARE_OF_TWO = 0.44; // that each of them has on a phone
const LOWEST_CELL = 260; // pixels

/**
 * @typedef {object} Layout
 * @property {number} columns
 * @property {number} cell height of a panel
 * @property {"right" | "below"} rail where the color bar and the charts stand
 * @property {number} size of the rail: its width, or its height
 */

/**
 * Rows and columns in which panels are as large as possible and not too far from square; what is
 * left at the right or below is the rail's.
 *
 * @param {number} width of the window
 * @param {number} height of the window, below the controls
 * @param {number} num panels
 * @param {boolean} isRelief whether they are 3-D, which may be wider
 * @param {boolean} hasCharts whether the rail holds more than a color bar
 * @returns {Layout}
 */
export function arrange(width, height, num, isRelief, hasCharts) {
  if (num === 0) return { columns: 1, cell: 0, rail: "below", size: Math.floor(height) };
  if (width < NARROW) {
    const share = num > 1 ? SHARE_OF_TWO : SHARE;
    const most = isRelief ? Infinity : 1.15 * width; // what is square needs no more
    const cell = Math.max(Math.min(share * height, most), LOWEST_CELL);
    return { columns: 1, cell: Math.ceil(cell), rail: "below", size: 0 };
  }
  const share = isRelief && !hasCharts ? SHARE : SHARE_OF_FLAT;
  const widest = isRelief ? 1.4 : 1.05;
  const tallest = isRelief ? 0.98 : 0.9;
  let columns = 1;
  let best = -Infinity;
  for (let c = 1; c <= num; c++) {
    const [w, h] = [width / c, height / Math.ceil(num / c)];
    const used = Math.min(w, widest * h) * Math.min(h, w / tallest); // of one panel
    if (used > best * 1.001) [best, columns] = [used, c];
  }
  const rows = Math.ceil(num / columns);
  const [w, h] = [width / columns, Math.max(height / rows, LOWEST_CELL)];
  const isRight = w / h > (isRelief ? 1.2 : 1);
  const [least, most] = isRight
    ? [hasCharts ? 280 : 104, (1 - share) * width]
    : [hasCharts ? 230 : 64, (1 - share) * height];
  const left = isRight ? width - columns * widest * h : height - (rows * w) / tallest;
  const size = Math.floor(Math.min(Math.max(left, least), most));
  const cell = isRight ? h : Math.max((height - size) / rows, LOWEST_CELL);
  return { columns, cell: Math.floor(cell - GAP), rail: isRight ? "right" : "below", size };
}
