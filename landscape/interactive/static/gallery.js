/** Thumbnails of all surfaces, to choose from. */

import { bytes } from "landscape/surface.js";

/** @typedef {import("landscape/surface.js").Status} Status */

/**
 * Fill the gallery.
 *
 * @param {HTMLElement} list
 * @param {Status[]} index
 * @param {string[]} chosen
 * @param {[number, string][]} colorscale
 * @param {(id: string, on: boolean) => void} choose
 */
export function fill(list, index, chosen, colorscale, choose) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.choice;
  list.replaceChildren(...index.map((status) => {
    const card = document.createElement("label");
    card.className = "card";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = chosen.includes(status.id);
    box.dataset.choice = status.id;
    box.addEventListener("change", () => choose(status.id, box.checked));
    const name = document.createElement("b");
    name.textContent = status.name;
    const note = document.createElement("small");
    const size = status.shape.length ? `${status.shape.join("×")} points` : "";
    note.textContent = [status.id === status.name ? "" : status.id, size, status.note].filter(
      Boolean,
    ).join(" · ");
    card.append(box, thumbnail(status, colorscale), name, note);
    return card;
  }));
  if (focused !== undefined) {
    /** @type {HTMLElement | null} */ (
      list.querySelector(`[data-choice="${CSS.escape(focused)}"]`)
    )?.focus();
  }
}

/**
 * @param {Status} status
 * @param {[number, string][]} colorscale
 */
function thumbnail({ thumbnail: small }, colorscale) {
  const canvas = document.createElement("canvas");
  canvas.width = small?.width ?? 1;
  canvas.height = small?.height ?? 1;
  if (small === null) return canvas;
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
  return canvas;
}
