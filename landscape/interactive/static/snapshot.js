/** The present view as one PNG. */

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

const SHARPNESS = 2;
const TITLE = 34;

/**
 * Draw pictures onto one canvas, each where it stands on the page.
 *
 * @param {{plot: any, title: string}[]} pictures
 * @param {string} paper
 * @param {string} ink
 * @returns {Promise<Blob>}
 */
export async function snapshot(pictures, paper, ink) {
  const boxes = pictures.map(({ plot }) => plot.getBoundingClientRect());
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top)) - TITLE;
  const right = Math.max(...boxes.map((box) => box.right));
  const bottom = Math.max(...boxes.map((box) => box.bottom));
  const canvas = document.createElement("canvas");
  canvas.width = SHARPNESS * Math.ceil(right - left);
  canvas.height = SHARPNESS * Math.ceil(bottom - top);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(SHARPNESS, SHARPNESS);
  context.fillStyle = paper;
  context.fillRect(0, 0, right - left, bottom - top);
  context.fillStyle = ink;
  context.font = "600 17px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const [k, { plot, title }] of pictures.entries()) {
    const box = boxes[k];
    const address = await Plotly.toImage(plot, {
      format: "png",
      width: box.width,
      height: box.height,
      scale: SHARPNESS,
    });
    const image = new Image();
    image.src = address;
    await image.decode();
    context.drawImage(image, box.left - left, box.top - top, box.width, box.height);
    context.fillText(title, box.left - left + 8, box.top - top - TITLE / 2, box.width - 16);
  }
  return await new Promise((resolve, reject) =>
    canvas.toBlob((blob) => blob ? resolve(blob) : reject(new Error("too large")), "image/png")
  );
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
