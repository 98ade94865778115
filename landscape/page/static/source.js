/** Where surfaces come from: this file itself, or the server of a running scan. */

import { Surface } from "landscape/surface.js";

/** @typedef {import("landscape/surface.js").Status} Status */

/**
 * @typedef {object} Content what stands in the page
 * @property {boolean} live whether a server is behind the page
 * @property {boolean} gallery whether to begin with a choice
 * @property {Status[]} index
 * @property {Record<string, any>} surfaces
 * @property {any} colorscale
 * @property {{scale: "auto" | "linear" | "log", clip: number | "auto"}} defaults
 */

/** @returns {Content} */
export function content() {
  return JSON.parse(document.getElementById("content")?.textContent ?? "");
}

/**
 * @param {Content} page
 * @param {string} id
 * @returns {Promise<Surface>}
 */
export async function load(page, id) {
  if (!page.live) return new Surface(page.surfaces[id]);
  const answer = await fetch(`surface?id=${encodeURIComponent(id)}`);
  if (!answer.ok) throw new Error(await answer.text());
  return new Surface(await answer.json());
}

/**
 * Hear of every change.
 *
 * @param {(index: Status[]) => void} changed
 * @param {(connected: boolean) => void} connected
 */
export function listen(changed, connected) {
  const events = new EventSource("events");
  events.onopen = () => connected(true);
  events.onerror = () => {
    connected(false);
    // After some refusals a browser gives up.
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(() => listen(changed, connected), 2000);
    }
  };
  // The server has given the connection to another tab: a browser has six for all of them.
  events.addEventListener("replaced", () => {
    events.close();
    setTimeout(() => listen(changed, connected), 3000);
  });
  events.onmessage = (event) => changed(JSON.parse(event.data));
}
