/** Thumbnails of all surfaces, to choose from. */

import { bytes } from "landscape/surface.js";

/** @typedef {import("landscape/surface.js").Status} Status */

/**
 * Bring the gallery in line with the index.
 *
 * @param {HTMLElement} list
 * @param {Status[]} index
 * @param {string[]} chosen
 * @param {[number, string][]} colorscale
 * @param {(id: string, on: boolean) => void} choose
 */
export function fill(list, index, chosen, colorscale, choose) {
  /** @type {Map<string, HTMLElement>} */
  const before = new Map(
    [...list.children].map((card) => {
      const element = /** @type {HTMLElement} */ (card);
      return [element.dataset.id ?? "", element];
    }),
  );
  index.forEach((status, place) => {
    const card = before.get(status.id) ?? newCard(status.id, choose);
    before.delete(status.id);
    // What is in its place stays there, or a click on it would be lost.
    if (list.children[place] !== card) list.insertBefore(card, list.children[place] ?? null);
    const [box, canvas, name, note] = card.children;
    /** @type {HTMLInputElement} */ (box).checked = chosen.includes(status.id);
    name.textContent = status.name;
    const size = status.shape.length ? `${status.shape.join("×")} points` : "";
    const id = status.id === status.name ? "" : status.id;
    note.textContent = [id, size, status.note].filter(Boolean).join(" · ");
    if (card.dataset.version !== status.version) {
      card.dataset.version = status.version;
      paint(/** @type {HTMLCanvasElement} */ (canvas), status.thumbnail, colorscale);
    }
  });
  for (const card of before.values()) card.remove();
}

/**
 * @param {string} id
 * @param {(id: string, on: boolean) => void} choose
 */
function newCard(id, choose) {
  const card = document.createElement("label");
  card.className = "card";
  card.dataset.id = id;
  const box = document.createElement("input");
  box.type = "checkbox";
  box.dataset.choice = id;
  box.addEventListener("change", () => choose(id, box.checked));
  const parts = ["canvas", "b", "small"].map((name) => document.createElement(name));
  card.append(box, ...parts);
  return card;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Status["thumbnail"]} small
 * @param {[number, string][]} colorscale
 */
function paint(canvas, small, colorscale) {
  canvas.width = small?.width ?? 1;
  canvas.height = small?.height ?? 1;
  if (small === null) return;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(small.width, small.height);
  const colors = colorscale.map(([, hex]) =>
    [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16))
  );
  new Uint8Array(bytes(small.values)).forEach((value, k) => {
    if (value === 255) return; // nothing is known there
    const place = (value / 254) * (colors.length - 1);
    const low = Math.min(Math.floor(place), colors.length - 2);
    for (let c = 0; c < 3; c++) {
      const mixed = colors[low][c] + (place - low) * (colors[low + 1][c] - colors[low][c]);
      image.data[4 * k + c] = Math.round(mixed);
    }
    image.data[4 * k + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}
