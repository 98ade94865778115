/** The present view as one PNG. */

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

const SHARPNESS = 2;
const HEAD = 46; // pixels for the texts above a picture
const GAP = 12;
const ROOM = 64; // pixels of a color bar below a picture

/**
 * @typedef {object} Picture
 * @property {any} plot
 * @property {string} title
 * @property {string} note
 * @property {HTMLElement | null} line that lies over it
 * @property {((picture: ParentNode) => void) | null} finish what plotly does not do
 */

/**
 * Draw pictures onto one canvas, in rows as on the page.
 *
 * @param {Picture[]} pictures
 * @param {string} paper
 * @param {string} ink
 * @returns {Promise<Blob>}
 */
export async function snapshot(pictures, paper, ink) {
  const rows = inRows(pictures);
  const widths = rows.map((row) => sum(row.map(({ plot }) => plot.clientWidth + GAP)) - GAP);
  const heights = rows.map((row) => HEAD + Math.max(...row.map(({ plot }) => plot.clientHeight)));
  const [width, height] = [Math.max(...widths), sum(heights)];
  const canvas = document.createElement("canvas");
  canvas.width = SHARPNESS * width;
  canvas.height = SHARPNESS * height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(SHARPNESS, SHARPNESS);
  context.fillStyle = paper;
  context.fillRect(0, 0, width, height);
  let top = 0;
  for (const [number, row] of rows.entries()) {
    let left = 0;
    for (const picture of row) {
      await add(context, picture, left, top, ink);
      left += picture.plot.clientWidth + GAP;
    }
    top += heights[number];
  }
  return await new Promise((resolve, reject) =>
    canvas.toBlob((blob) => blob ? resolve(blob) : reject(new Error("too large")), "image/png")
  );
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {number} left
 * @param {number} top
 * @param {string} ink
 */
async function add(context, { plot, title, note, line, finish }, left, top, ink) {
  const [width, height] = [plot.clientWidth, plot.clientHeight];
  context.fillStyle = ink;
  context.textBaseline = "top";
  context.font = "600 17px system-ui, sans-serif";
  context.fillText(title, left + 8, top + 6, width - 16);
  context.font = "13px system-ui, sans-serif";
  context.fillText(note, left + 8, top + 28, width - 16);
  const image = new Image();
  image.src = finish === null
    ? await Plotly.toImage(withBar(plot), { format: "png", width, height, scale: SHARPNESS })
    : await finished(plot, finish);
  await image.decode();
  context.drawImage(image, left, top + HEAD, width, height);
  if (line !== null && !line.hidden) {
    const box = [line.offsetLeft, line.offsetTop, line.offsetWidth, line.offsetHeight];
    const [x, y, w, h] = box;
    context.fillStyle = "#000000";
    context.fillRect(left + x - 1.5, top + HEAD + y - 1.5, w + 3, h + 3);
    context.fillStyle = "#ffffff";
    context.fillRect(left + x - 0.75, top + HEAD + y - 0.75, w + 1.5, h + 1.5);
  }
}

/**
 * The address of a picture without WebGL, which is changed before it is painted.
 *
 * @param {any} plot
 * @param {(picture: ParentNode) => void} finish
 */
async function finished(plot, finish) {
  const [width, height] = [plot.clientWidth, plot.clientHeight];
  const options = { format: "svg", width, height, imageDataOnly: true };
  const text = await Plotly.toImage(withBar(plot), options);
  const picture = new DOMParser().parseFromString(text, "image/svg+xml");
  finish(picture);
  const changed = new XMLSerializer().serializeToString(picture);
  return `data:image/svg+xml,${encodeURIComponent(changed)}`;
}

/**
 * A picture with a color bar of its own, which the page shows elsewhere.
 *
 * @param {any} plot
 */
function withBar({ data, layout }) {
  const hasBar = data.some((/** @type {any} */ trace) => trace.colorbar);
  const margin = { ...layout.margin, b: layout.margin.b + (hasBar ? ROOM : 0) };
  return {
    data: data.map((/** @type {any} */ trace) =>
      trace.colorbar ? { ...trace, showscale: true } : trace
    ),
    layout: { ...layout, margin },
  };
}

/**
 * @param {Picture[]} pictures
 * @returns {Picture[][]} those that stand side by side together
 */
function inRows(pictures) {
  /** @type {Picture[][]} */
  const rows = [];
  let last = Infinity;
  for (const picture of pictures) {
    const { left } = picture.plot.getBoundingClientRect();
    if (left <= last) rows.push([]);
    rows[rows.length - 1].push(picture);
    last = left;
  }
  return rows;
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((a, b) => a + b, 0);
}

/**
 * Give a file to the user.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
