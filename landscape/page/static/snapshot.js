/** The present view as one picture: PNG, or SVG in which 3-D pictures are pixels. */

import { FONT, fontOf, MARGIN, textsAbove } from "landscape/texts.js";

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

const SHARPNESS = 2;
const GAP = 12;
const ROOM = 64; // pixels of a color bar below a picture
const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {object} Picture
 * @property {any} plot
 * @property {string} title
 * @property {string[]} notes
 * @property {HTMLElement | null} line that lies over it
 * @property {((picture: ParentNode) => void) | null} finish what plotly does not do
 */

/**
 * Draw pictures onto one PNG, in rows as on the page.
 *
 * @param {Picture[]} pictures
 * @param {string} paper
 * @param {string} ink
 * @returns {Promise<Blob>}
 */
export async function snapshot(pictures, paper, ink) {
  const canvas = await canvasOf(pictures, paper, ink, SHARPNESS);
  return await new Promise((resolve, reject) =>
    canvas.toBlob((blob) => blob ? resolve(blob) : reject(new Error("too large")), "image/png")
  );
}

/**
 * Draw pictures onto one canvas.
 *
 * @param {Picture[]} pictures
 * @param {string} paper
 * @param {string} ink
 * @param {number} sharpness pixels for one of the page
 */
export async function canvasOf(pictures, paper, ink, sharpness) {
  const { width, height, places } = layout(pictures);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(sharpness * width);
  canvas.height = Math.round(sharpness * height);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(sharpness, sharpness);
  context.fillStyle = paper;
  context.fillRect(0, 0, width, height);
  for (const [number, picture] of pictures.entries()) {
    const { left, top } = places[number];
    await add(context, picture, left, top, ink);
  }
  return canvas;
}

/**
 * Draw pictures into one SVG, in rows as on the page.
 *
 * @param {Picture[]} pictures
 * @param {string} paper
 * @param {string} ink
 * @returns {Promise<Blob>}
 */
export async function drawing(pictures, paper, ink) {
  const { width, height, places } = layout(pictures);
  const root = element("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  root.append(element("rect", { width, height, fill: paper }));
  for (const [number, picture] of pictures.entries()) {
    const { left, top } = places[number];
    const part = element("g", { transform: `translate(${left} ${top})` });
    const { lines, height: head } = textsOf(picture);
    const texts = { x: MARGIN, fill: ink, "font-family": FONT };
    part.append(...lines.map(({ text, size, weight, y }) => {
      const font = { "font-size": size, "font-weight": weight };
      const line = element("text", { ...texts, ...font, y: y - head });
      line.textContent = text;
      return line;
    }));
    part.append((await vector(picture)).documentElement);
    const [x, y, w, h] = box(picture.line) ?? [0, 0, -1, -1];
    if (w >= 0) {
      const ends = { x1: x, y1: y, x2: x + w, y2: y + h };
      part.append(element("line", { ...ends, stroke: "#000000", "stroke-width": 3 }));
      part.append(element("line", { ...ends, stroke: "#ffffff", "stroke-width": 1.5 }));
    }
    root.append(part);
  }
  return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}

/**
 * Where pictures stand, in rows as on the page, below room for their texts.
 *
 * @param {Picture[]} pictures
 */
export function layout(pictures) {
  /** @type {Picture[][]} */
  const rows = [];
  let last = Infinity;
  for (const picture of pictures) {
    const onPage = picture.plot.getBoundingClientRect().left;
    if (onPage <= last) rows.push([]);
    last = onPage;
    rows[rows.length - 1].push(picture);
  }
  /** @type {{left: number, top: number}[]} */
  const places = [];
  let [width, height] = [0, 0];
  for (const row of rows) {
    height += Math.max(...row.map((picture) => textsOf(picture).height));
    let left = 0;
    for (const { plot } of row) {
      places.push({ left, top: height });
      left += sizeOf(plot)[0] + GAP;
    }
    width = Math.max(width, left - GAP);
    height += Math.max(...row.map(({ plot }) => sizeOf(plot)[1]));
  }
  return { width, height, places };
}

/** @param {Picture} picture */
function textsOf({ plot, title, notes }) {
  return textsAbove(title, notes, sizeOf(plot)[0]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {number} left
 * @param {number} top of the picture, below its texts
 * @param {string} ink
 */
async function add(context, picture, left, top, ink) {
  const { plot, line, finish } = picture;
  const [width, height] = sizeOf(plot);
  const texts = textsOf(picture);
  context.fillStyle = ink;
  for (const each of texts.lines) {
    context.font = fontOf(each);
    context.fillText(each.text, left + MARGIN, top - texts.height + each.y, width - 2 * MARGIN);
  }
  const image = new Image();
  image.src = finish === null
    ? await Plotly.toImage(withBar(plot), { format: "png", width, height, scale: SHARPNESS })
    : address(await vector(picture));
  await image.decode();
  context.drawImage(image, left, top, width, height);
  const [x, y, w, h] = box(line) ?? [0, 0, -1, -1];
  if (w >= 0) {
    context.fillStyle = "#000000";
    context.fillRect(left + x - 1.5, top + y - 1.5, w + 3, h + 3);
    context.fillStyle = "#ffffff";
    context.fillRect(left + x - 0.75, top + y - 0.75, w + 1.5, h + 1.5);
  }
}

/**
 * A picture as SVG, with what plotly does not do.
 *
 * @param {Picture} picture
 */
async function vector({ plot, finish }) {
  const [width, height] = sizeOf(plot);
  const options = { format: "svg", width, height, imageDataOnly: true };
  const text = await Plotly.toImage(withBar(plot), options);
  const picture = new DOMParser().parseFromString(text, "image/svg+xml");
  finish?.(picture);
  return picture;
}

/** @param {Document} picture */
function address(picture) {
  const text = new XMLSerializer().serializeToString(picture);
  return `data:image/svg+xml,${encodeURIComponent(text)}`;
}

/**
 * A picture with a color bar of its own below it, which the page shows elsewhere.
 *
 * @param {any} plot
 */
function withBar({ data, layout }) {
  const first = data.findIndex((/** @type {any} */ trace) => trace.colorbar);
  const margin = { ...layout.margin, b: layout.margin.b + (first < 0 ? 0 : ROOM) };
  return {
    data: data.map((/** @type {any} */ trace, /** @type {number} */ k) =>
      k === first ? { ...trace, showscale: true } : trace
    ),
    layout: { ...layout, margin },
  };
}

/**
 * How large a picture is with its color bar.
 *
 * @param {any} plot
 * @returns {[number, number]}
 */
function sizeOf({ data, clientWidth, clientHeight }) {
  const hasBar = data.some((/** @type {any} */ trace) => trace.colorbar);
  return [clientWidth, clientHeight + (hasBar ? ROOM : 0)];
}

/**
 * Where the cut line is over its picture.
 *
 * @param {HTMLElement | null} line
 */
function box(line) {
  return line === null || line.hidden
    ? null
    : [line.offsetLeft, line.offsetTop, line.offsetWidth, line.offsetHeight];
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
function element(name, attributes) {
  const result = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) result.setAttribute(key, String(value));
  return result;
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
