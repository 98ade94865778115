/** The page: what is shown, by which controls, and when it is drawn again. */

import * as cameras from "landscape/cameras.js";
import { fill } from "landscape/gallery.js";
import { Panel } from "landscape/panel.js";
import { CONFIG, distances, profiles } from "landscape/pictures.js";
import { number, Scale } from "landscape/scale.js";
import { save, snapshot } from "landscape/snapshot.js";
import { content, listen, load } from "landscape/source.js";
import { CAMERA, format, parse } from "landscape/state.js";

/** @typedef {import("landscape/state.js").State} State */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

const MOST_RELIEFS = 12; // a browser stops at about 16 WebGL contexts
const STEPS = 1000;
const OPTIONS = { ...CONFIG, responsive: true };

const page = content();
const root = document.documentElement;
const controls = /** @type {HTMLFormElement} */ (document.getElementById("controls"));
/** @type {(id: string) => any} */
const byId = (id) => document.getElementById(id);
const profilePlot = byId("profile").querySelector(".plot");
const distancePlot = byId("distances").querySelector(".plot");

const defaults = {
  ...page.defaults,
  show: page.gallery ? [] : page.index.map((status) => status.id),
};
let state = parse(location.hash, defaults);
let index = page.index;
/** @type {Map<string, Panel>} */
const panels = new Map();
let isConnected = true;
let problem = "";

const hasWebGL = (() => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
  /** @type {any} */ (context)?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
})();

/** @returns {string | null} why nothing can be drawn in 3-D */
function noRelief() {
  if (!hasWebGL) {
    return "This browser has no WebGL, which 3-D pictures need. Contours and heat maps work; for " +
      "3-D, turn on hardware acceleration or take another browser.";
  }
  if (panels.size > MOST_RELIEFS) {
    return `A browser draws at most ${MOST_RELIEFS} pictures in 3-D: choose fewer surfaces.`;
  }
  return null;
}

function view() {
  return noRelief() === null ? state.view : state.view === "surface" ? "contour" : state.view;
}

/** @returns {Panel[]} */
function drawn() {
  return [...panels.values()].filter((panel) => panel.surface !== null);
}

/** @returns {Surface[]} */
function surfaces() {
  return drawn().map((panel) => /** @type {Surface} */ (panel.surface));
}

/** @param {number} number of a panel */
function camera(number) {
  return state.cameras[state.link ? 0 : number] ?? state.cameras[0] ?? CAMERA;
}

/** @param {string} name of a color of the style sheet */
function css(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function style() {
  return {
    text: css("ink"),
    grid: css("line"),
    missing: css("missing"),
    colorscale: page.colorscale,
  };
}

/** @param {Surface[]} all */
function quantity(all) {
  return all.some((surface) => surface.hasAccuracies) ? state.quantity : "loss";
}

/** @param {Surface[]} all */
function label(all) {
  const labels = new Set(all.map((surface) => surface.quantity));
  return labels.size === 1 ? [...labels][0] : "mean loss";
}

// ---- drawing

let isDrawing = false;
let isWanted = false;
let isHeld = false;
let times = 0;

/** Draw everything, once the browser has time for it and nobody is turning a picture. */
function redraw() {
  isWanted = true;
  if (!isDrawing && !isHeld) requestAnimationFrame(drawAll);
}

async function drawAll() {
  if (isDrawing || !isWanted) return;
  isDrawing = true;
  isWanted = false;
  try {
    await refresh();
    await draw();
    problem = "";
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
    console.error(error);
  }
  tell();
  isDrawing = false;
  root.dataset.drawn = String(++times);
  if (isWanted && !isHeld) requestAnimationFrame(drawAll);
}

/** Have a panel for every surface that is shown, with its newest content. */
async function refresh() {
  const known = new Map(index.map((status) => [status.id, status]));
  const wanted = state.show.filter((id) => known.has(id));
  for (const [id, panel] of panels) {
    if (!wanted.includes(id)) {
      panel.remove();
      panels.delete(id);
    }
  }
  const before = new Map(panels);
  panels.clear();
  for (const id of wanted) {
    const panel = before.get(id) ?? new Panel(id, {
      hovered: (alpha, beta) => hovered(alpha, beta),
      turned: (camera) => turned(id, camera),
      cutMoved: (at) => moveCut(at),
    });
    panels.set(id, panel);
    byId("panels").append(panel.element);
  }
  for (const panel of panels.values()) {
    const status = known.get(panel.id);
    const hasContent = status !== undefined && status.version !== "";
    if (hasContent && panel.surface?.version !== status.version) {
      panel.set(await load(page, panel.id));
    }
  }
}

async function draw() {
  const all = surfaces();
  root.dataset.theme = state.theme;
  byId("profile").hidden = true;
  byId("distances").hidden = true;
  if (!all.length) return;
  const of = quantity(all);
  const one = scaleOf(all);
  const kind = one.log ? "log" : "linear";
  /** @type {(which: "one" | "own", surface: Surface) => Scale} */
  const scale = (which, surface) => {
    if (of === "accuracy") return Scale.ofAccuracies();
    return which === "one"
      ? one
      : Scale.ofLosses([surface.losses], kind, one.clipped ? one.high : null);
  };
  for (const [number, panel] of drawn().entries()) {
    const surface = /** @type {Surface} */ (panel.surface);
    await panel.draw(view(), {
      quantity: of,
      label: label(all),
      scale: scale(state.heights, surface),
      colors: scale(state.colors, surface),
      marks: state.marks,
      paths: state.paths,
      style: style(),
    }, camera(number));
    panel.setCut(state.axis, state.at);
  }
  if (view() !== "surface") await drawProfile();
  if (state.paths && all.some((surface) => surface.paths.length)) {
    byId("distances").hidden = false;
    const lines = distances(all, style());
    await Plotly.react(distancePlot, lines.data, lines.layout, OPTIONS);
  }
}

/** Draw the values along the cut line. */
async function drawProfile() {
  const all = surfaces();
  const of = quantity(all);
  const scale = of === "loss" ? scaleOf(all) : Scale.ofAccuracies();
  const lines = profiles(all, of, state.axis, state.at, label(all), scale, style());
  byId("profile").hidden = false;
  await Plotly.react(profilePlot, lines.data, lines.layout, OPTIONS);
}

/** @param {Surface[]} all */
function scaleOf(all) {
  return Scale.ofLosses(all.map((surface) => surface.losses), state.scale, state.clip);
}

/** Bring controls, texts and the address in line with the state. */
function tell() {
  const all = surfaces();
  const statuses = new Map(index.map((status) => [status.id, status]));
  for (const panel of panels.values()) {
    const status = statuses.get(panel.id);
    if (status) panel.tell(status);
  }
  const one = scaleOf(all);
  /** @type {any} */
  const form = controls.elements;
  form.view.value = view();
  form.view[0].disabled = noRelief() !== null;
  form.quantity.value = quantity(all);
  form.quantity[1].disabled = !all.some((surface) => surface.hasAccuracies);
  const isLoss = form.quantity.value === "loss";
  form.scale.value = one.log ? "log" : "linear";
  for (const control of [...form.scale, form.clip]) control.disabled = !isLoss;
  form.heights.checked = state.heights === "one";
  form.colors.checked = state.colors === "one";
  form.link.checked = state.link;
  form.marks.checked = state.marks;
  form.paths.checked = state.paths;
  byId("same").hidden = panels.size < 2;
  byId("paths-switch").hidden = !all.some((surface) => surface.paths.length);
  form.clip.value = one.clipped ? place(one.high) : STEPS;
  form["clip-at"].value = one.clipped ? one.text(one.high) : "nothing";
  for (const radio of document.querySelectorAll("input[name=axis]")) {
    const input = /** @type {HTMLInputElement} */ (radio);
    input.checked = input.value === state.axis;
  }
  const gallery = byId("gallery");
  gallery.hidden = index.length < 2 && !page.gallery;
  if (page.gallery && !state.show.length) gallery.open = true;
  fill(gallery.querySelector(".cards"), index, state.show, page.colorscale, choose);
  const unknown = state.show.filter((id) => !statuses.has(id));
  const texts = [
    problem && `Something went wrong: ${problem}`,
    isConnected
      ? ""
      : "The viewer has ended; this is what it showed last. Start it again to go on.",
    state.view === "surface" ? noRelief() ?? "" : "",
    unknown.length ? `There is no surface ${unknown.join(", ")} here.` : "",
    index.length ? "" : "There is no surface in this folder yet.",
  ].filter(Boolean);
  const message = byId("message");
  message.textContent = texts.join(" ");
  message.hidden = !texts.length;
  address();
}

let timer = 0;

/** Write the state into the address, but not at every frame: browsers forbid that. */
function address() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const text = format(state, defaults);
    if (text !== location.hash) {
      history.replaceState(null, "", text || location.pathname + location.search);
    }
  }, 150);
}

/** @param {Partial<State>} change */
function set(change) {
  state = { ...state, ...change };
  redraw();
}

// ---- what panels report

/**
 * @param {number} alpha
 * @param {number} beta
 */
function hovered(alpha, beta) {
  for (const panel of drawn()) panel.point(alpha, beta);
}

/**
 * @param {string} id whose picture was turned
 * @param {import("landscape/state.js").Camera} camera
 */
function turned(id, camera) {
  const all = drawn();
  const own = all.findIndex((panel) => panel.id === id);
  if (state.link) {
    state.cameras = [camera];
    for (const panel of all) cameras.turn(panel.relief, camera);
  } else {
    state.cameras = all.map((_, k) => k === own ? camera : state.cameras[k] ?? CAMERA);
    cameras.turn(all[own].relief, camera);
  }
  address();
}

let isProfileWanted = false;

/** @param {number} at */
function moveCut(at) {
  if (at === state.at) return;
  state.at = at;
  for (const panel of drawn()) panel.setCut(state.axis, at);
  if (!isProfileWanted) {
    isProfileWanted = true;
    requestAnimationFrame(async () => {
      isProfileWanted = false;
      await drawProfile();
    });
  }
  address();
}

/**
 * @param {string} id
 * @param {boolean} on
 */
function choose(id, on) {
  const others = state.show.filter((other) => other !== id);
  set({ show: on ? [...others, id] : others, cameras: state.cameras.slice(0, 1) });
}

// ---- controls

/** @param {number} clip */
function place(clip) {
  const { low, high } = Scale.ofLosses(surfaces().map((s) => s.losses), state.scale, null);
  const part = low > 0 ? Math.log(clip / low) / Math.log(high / low) : (clip - low) / (high - low);
  return Math.round(STEPS * part);
}

/** @param {number} step */
function clipAt(step) {
  if (step >= STEPS) return null;
  const { low, high } = Scale.ofLosses(surfaces().map((s) => s.losses), state.scale, null);
  const part = Math.max(step, 1) / STEPS;
  const clip = low > 0 ? low * (high / low) ** part : low + part * (high - low);
  return Number(clip.toPrecision(3));
}

document.addEventListener("input", (event) => {
  const input = /** @type {HTMLInputElement} */ (event.target);
  if (input.name === "clip") set({ clip: clipAt(Number(input.value)) });
});

document.addEventListener("change", (event) => {
  const input = /** @type {HTMLInputElement} */ (event.target);
  const { name } = input;
  if (["view", "quantity", "scale", "axis"].includes(name)) {
    set({ [name]: input.value });
  } else if (["heights", "colors"].includes(name)) {
    set({ [name]: input.checked ? "one" : "own" });
  } else if (["link", "marks", "paths"].includes(name)) {
    const first = state.cameras.slice(0, 1);
    set({ [name]: input.checked, ...(name === "link" ? { cameras: first } : {}) });
  }
});

/** @type {Record<string, () => void>} */
const actions = {
  png: () => savePicture(),
  reset: () => set({ cameras: [], clip: "auto", at: 0 }),
  theme: () => {
    const themes = /** @type {const} */ (["auto", "light", "dark"]);
    set({ theme: themes[(themes.indexOf(state.theme) + 1) % 3] });
  },
  help: () => byId("help").showModal(),
};

controls.addEventListener("click", (event) => {
  const { name } = /** @type {HTMLButtonElement} */ (event.target);
  if (name in actions && event.target instanceof HTMLButtonElement) actions[name]();
});

/** @type {Record<string, () => void>} */
const keys = {
  "1": () => set({ view: "surface" }),
  "2": () => set({ view: "contour" }),
  "3": () => set({ view: "heatmap" }),
  l: () => set({ scale: scaleOf(surfaces()).log ? "linear" : "log" }),
  a: () => set({ quantity: state.quantity === "loss" ? "accuracy" : "loss" }),
  c: () => set({ axis: state.axis === "beta" ? "alpha" : "beta" }),
  r: actions.reset,
  s: actions.png,
  t: actions.theme,
  "?": actions.help,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const action = keys[event.key.toLowerCase()];
  if (action) {
    event.preventDefault();
    action();
  }
});

async function savePicture() {
  const isRelief = view() === "surface";
  const pictures = drawn().map((panel) => ({
    plot: isRelief ? panel.relief : panel.flat,
    title: panel.surface?.name ?? "",
  }));
  if (!pictures.length) return;
  if (!isRelief) pictures.push({ plot: profilePlot, title: "Along the cut line" });
  try {
    const name = surfaces().map((surface) => surface.name).join("-").replaceAll(/[^\w.-]+/g, "_");
    const picture = await snapshot(pictures, css("paper"), css("ink"));
    save(picture, `${name.slice(0, 100)}-${view()}.png`);
  } catch (error) {
    problem = `the picture was not made (${error})`;
    tell();
  }
}

// ---- what comes from outside

document.addEventListener("pointerdown", ({ target }) => {
  isHeld = target instanceof Element && target.closest(".relief") !== null;
}, { capture: true });
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    isHeld = false;
    if (isWanted) redraw();
  }, { capture: true });
}
globalThis.addEventListener("hashchange", () => {
  state = parse(location.hash, defaults);
  redraw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

if (page.live) {
  listen((changed) => {
    index = changed;
    if (!page.gallery) {
      defaults.show = index.map((status) => status.id);
    }
    redraw();
  }, (connected) => {
    isConnected = connected;
    tell();
  });
}

redraw();

// For a look from the console, and for tests.
Object.assign(globalThis, { landscape: { number, Scale, state: () => state, surfaces } });
