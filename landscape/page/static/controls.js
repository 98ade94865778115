/** The controls, the texts and the keys of the page. */

import { fill } from "landscape/gallery.js";
import { nameOf } from "landscape/quantity.js";
import { byId } from "landscape/view.js";

/** @typedef {import("landscape/view.js").View} View */
/** @typedef {import("landscape/state.js").State} State */

const STEPS = 1000; // of the slider
const SHOWN = ["marks", "paths", "points"]; // switches

const form = /** @type {HTMLFormElement} */ (byId("controls"));

/**
 * Bring controls and texts in line with the view.
 *
 * @param {View} view
 * @param {(id: string, on: boolean) => void} choose
 */
export function showState(view, choose) {
  const { state, index, page, scale, shownScale } = view;
  const statuses = new Map(index.map((status) => [status.id, status]));
  for (const panel of view.panels.values()) {
    const status = statuses.get(panel.id);
    if (status) panel.showStatus(status);
  }
  /** @type {any} */
  const fields = form.elements;
  fields.view.value = view.kind;
  fields.view[0].disabled = view.noRelief() !== null;
  offer(fields.quantity, view.quantities);
  fields.quantity.value = view.quantity;
  fields.scale.value = shownScale.log ? "log" : "linear";
  for (const field of [...fields.scale, fields.clip, fields["clip-at"]]) {
    field.disabled = view.quantity !== "loss";
  }
  fields.heights.checked = state.heights === "one";
  fields.colors.checked = state.colors === "one";
  for (const name of ["link", ...SHOWN]) fields[name].checked = Reflect.get(state, name);
  if (document.activeElement !== fields.clip) {
    fields.clip.value = scale.clipped ? stepOf(view, scale.high) : STEPS;
  }
  if (document.activeElement !== fields["clip-at"]) {
    fields["clip-at"].value = scale.clipped ? scale.text(scale.high) : "";
  }
  byId("unit").textContent = view.unit;
  const isRelief = view.kind === "surface";
  fields.heights.disabled = fields.link.disabled = !isRelief;
  // A cell of a notebook has no link.
  fields.address.hidden = fields.point.hidden = location.protocol === "about:";
  fields.point.disabled = view.point === null;
  fields.theme.textContent = view.isDark ? "Light" : "Dark";
  byId("same").hidden = view.panels.size < 2;
  byId("paths-switch").hidden = !view.surfaces.some((surface) => surface.paths.length);
  byId("points-switch").hidden = !view.isPartial;
  for (const radio of document.querySelectorAll("input[name=axis]")) {
    const input = /** @type {HTMLInputElement} */ (radio);
    input.checked = input.value === state.axis;
  }
  fields.gallery.hidden = index.length < 2 && !page.gallery;
  fields.gallery.setAttribute("aria-expanded", String(!byId("gallery").hidden));
  fill(byId("gallery").querySelector(".cards"), index, state.show, page.colorscale, choose);
  byId("hint").textContent = isRelief
    ? "Drag to turn, wheel to zoom, hover to read, click to keep the point."
    : "Hover to read, click to keep the point; drag the line.";
  const unknown = state.show.filter((id) => !statuses.has(id));
  const texts = [
    view.problem && `Something went wrong: ${view.problem}`,
    view.isConnected ? "" : "Connection lost. Restart `landscape view` to update this page.",
    state.view === "surface" ? view.noRelief() : "",
    unknown.length ? `No such surface: ${unknown.join(", ")}.` : "",
    index.length ? "" : "No surface in this folder yet.",
  ].filter(Boolean);
  const message = byId("message");
  message.textContent = texts.join(" ");
  message.hidden = !texts.length;
  fold();
}

/**
 * Fill a list with quantities; a list that has them stays, since it may be open.
 *
 * @param {HTMLSelectElement} list
 * @param {string[]} quantities
 */
function offer(list, quantities) {
  const before = [...list.options].map(({ value }) => value);
  if (JSON.stringify(before) === JSON.stringify(quantities)) return;
  list.replaceChildren(...quantities.map((each) => new Option(nameOf(each), each)));
}

/** Have the controls in one row: closer together where they need it, then folded. */
function fold() {
  const { dataset } = form;
  const isOneRow = () => {
    const [first, last] = [form.firstElementChild, form.querySelector(".end")];
    return Math.abs(
      Number(first?.getBoundingClientRect().top) - Number(last?.getBoundingClientRect().top),
    ) < 8;
  };
  for (const room of ["wide", "close", "folded"]) {
    dataset.room = room;
    if (room === "folded" || isOneRow()) break;
  }
}

/**
 * Listen to controls and keys.
 *
 * @param {View} view
 * @param {(change: Partial<State>) => void} set
 * @param {{[name: string]: () => void}} buttons
 */
export function listenToUser(view, set, buttons) {
  document.addEventListener("input", ({ target }) => {
    const { name, value } = /** @type {HTMLInputElement} */ (target);
    if (name === "clip") set({ clip: clipAt(view, Number(value)) });
  });
  document.addEventListener("change", ({ target }) => {
    const { name, value, checked } = /** @type {HTMLInputElement} */ (target);
    if (["view", "quantity", "scale", "axis"].includes(name)) set({ [name]: value });
    else if (["heights", "colors"].includes(name)) set({ [name]: checked ? "one" : "own" });
    else if (SHOWN.includes(name)) set({ [name]: checked });
    else if (name === "clip-at") set({ clip: clipFrom(value) });
    else if (name === "link") set({ link: checked, cameras: view.state.cameras.slice(0, 1) });
  });

  /** @type {Record<string, () => void>} */
  const actions = {
    ...buttons,
    theme: () => set({ theme: view.isDark ? "light" : "dark" }),
    help: () => byId("help").showModal(),
    gallery: () => {
      byId("gallery").hidden = !byId("gallery").hidden;
      set({});
    },
    more: () => {
      const isOpen = form.toggleAttribute("data-open");
      /** @type {any} */ (form.elements).more.setAttribute("aria-expanded", String(isOpen));
      set({});
    },
  };
  form.addEventListener("click", ({ target }) => {
    if (target instanceof HTMLButtonElement) actions[target.name]?.();
  });
  // A menu closes when its work is done, or something else begins.
  document.addEventListener("click", ({ target }) => {
    const share = byId("share");
    if (target instanceof Node && target.parentNode !== share) share.open = false;
  });

  /** @type {Record<string, () => unknown>} */
  const keys = {
    "1": () => set({ view: "surface" }),
    "2": () => set({ view: "contour" }),
    "3": () => set({ view: "heatmap" }),
    l: () => view.quantity === "loss" && set({ scale: view.scale.log ? "linear" : "log" }),
    a: () => set({ quantity: view.quantity === "loss" ? "accuracy" : "loss" }),
    c: () => set({ axis: view.state.axis === "beta" ? "alpha" : "beta" }),
    e: () => view.isPartial && set({ points: !view.state.points }),
    p: actions.point,
    escape: actions.forget,
    r: actions.reset,
    s: actions.png,
    t: actions.theme,
    "?": actions.help,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const isTyping = event.target instanceof HTMLInputElement && event.target.type === "text";
    const action = keys[event.key.toLowerCase()];
    if (action && !isTyping && !event.repeat) {
      event.preventDefault();
      action();
    }
  });
}

/**
 * Where the slider stands for a loss: as high as the loss is drawn.
 *
 * @param {View} view
 * @param {number} clip
 */
function stepOf(view, clip) {
  const whole = view.scaleTo(null);
  const [low, high] = whole.limits;
  return Math.round((STEPS * (Number(whole.height(clip)) - low)) / (high - low));
}

/**
 * @param {View} view
 * @param {number} step
 */
function clipAt(view, step) {
  if (step >= STEPS) return null;
  const whole = view.scaleTo(null);
  const [low, high] = whole.limits;
  const height = low + (Math.max(step, 1) / STEPS) * (high - low);
  return whole.log ? 10 ** height : height;
}

/** @param {string} text */
function clipFrom(text) {
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
}
