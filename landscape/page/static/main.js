/** The page: when it is drawn again, and what happens then. */

import { listenToUser, showState } from "landscape/controls.js";
import { draw, drawProfile, isLine, isOld, refresh } from "landscape/drawing.js";
import { ANIMATION } from "landscape/animation.js";
import { number, Scale } from "landscape/scale.js";
import { sharing } from "landscape/share.js";
import { content, listen } from "landscape/source.js";
import { format, parse } from "landscape/state.js";
import { turnOnce } from "landscape/turning.js";
import { byId, View } from "landscape/view.js";

const REST = 4; // times as long as an answer took

const view = new View(content());

let isDrawing = false;
let isWanted = false;
let times = 0;
let hasTurned = false;
let rested = 0; // when the server may be asked again for what it must not do all the time

/** Draw everything, once the browser has time for it. */
function redraw() {
  isWanted = true;
  if (!isDrawing) requestAnimationFrame(drawAll);
}

async function drawAll() {
  if (isDrawing || !isWanted) return;
  isDrawing = true;
  isWanted = false;
  try {
    view.problem = "";
    const began = performance.now();
    await refresh(view, reports);
    rested = performance.now() + REST * (performance.now() - began);
    showState(view, choose); // first, since the height of the controls is not the panels'
    await draw(view);
  } catch (error) {
    view.problem = error instanceof Error ? error.message : String(error);
    console.error(error);
  }
  isDrawing = false;
  document.documentElement.dataset.drawn = String(++times);
  if (!hasTurned && view.drawn.length) {
    hasTurned = true;
    turnOnce(view, address);
  }
  showPoint();
  showState(view, choose);
  address();
  if (isWanted) requestAnimationFrame(drawAll);
}

/** @param {Partial<import("landscape/state.js").State>} change */
function set(change) {
  Object.assign(view.state, change);
  redraw();
}

/** Show it as it was shown first. */
function reset() {
  const { show, theme } = view.state;
  view.state = { ...parse("", view.defaults), show, theme };
  redraw();
}

let timer = 0;

/** Write the state into the address, but not at every frame: browsers forbid that. */
function address() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const text = format(view.state, view.defaults);
    // A page in a cell of a notebook has no address of its own.
    if (text !== location.hash && location.protocol !== "about:") {
      history.replaceState(null, "", text || location.pathname + location.search);
    }
  }, 150);
}

// ---- what panels report

/**
 * @param {string} id of the panel
 * @returns {import("landscape/panel.js").Reports}
 */
function reports(id) {
  return {
    pointed: (alpha, beta) => hover({ alpha, beta }),
    left: () => hover(null),
    chosen: () => view.hovered && keep(view.hovered),
    camera: () => {
      const own = view.drawn.findIndex((panel) => panel.id === id);
      return own < 0 ? null : view.camera(own);
    },
    turned: (camera) => turned(id, camera),
    cutMoved: moveCut,
    resized: redraw,
  };
}

/** @param {import("landscape/state.js").State["point"]} point */
function hover(point) {
  view.hovered = point;
  showPoint();
}

/** Mark the point that is read in every panel, with its values. */
function showPoint() {
  const { point, drawn } = view;
  for (const panel of drawn) {
    if (point === null) panel.unpoint();
    else panel.point(point.alpha, point.beta);
  }
}

/**
 * Have a point read also when the pointer has left it.
 *
 * @param {import("landscape/state.js").State["point"]} point null for none
 */
function keep(point) {
  view.state.point = point;
  showPoint();
  showState(view, choose);
  address();
}

/**
 * @param {string} id whose picture was turned
 * @param {import("landscape/state.js").Camera} camera
 */
function turned(id, camera) {
  const { state, drawn } = view;
  state.cameras = state.link
    ? [camera]
    : drawn.map((panel, k) => panel.id === id ? camera : view.camera(k));
  showCameras();
  address();
}

let areCamerasWanted = false;

/** Have all pictures seen from the cameras of the state, once a frame. */
function showCameras() {
  if (areCamerasWanted) return;
  areCamerasWanted = true;
  requestAnimationFrame(() => {
    areCamerasWanted = false;
    view.drawn.forEach((panel, k) => panel.turn(view.camera(k)));
  });
}

let isProfileWanted = false;

/** @param {number} at */
function moveCut(at) {
  const { state } = view;
  if (at === view.at) return;
  state.at = at;
  for (const { cut, surface } of view.drawn) if (surface) cut.set(surface, state.axis, at);
  if (!isProfileWanted) {
    isProfileWanted = true;
    requestAnimationFrame(async () => {
      isProfileWanted = false;
      await drawProfile(view);
    });
  }
  address();
}

/**
 * @param {string} id
 * @param {boolean} on
 */
function choose(id, on) {
  const { link, cameras, show } = view.state;
  const others = show.filter((other) => other !== id);
  const chosen = on ? [...others, id] : others;
  // Each keeps its own where they are not linked.
  const lines = new Set(view.index.filter(isLine).map((status) => status.id));
  const panels = chosen.filter((each) => !lines.has(each));
  const own = new Map(view.drawn.map((panel, k) => [panel.id, view.camera(k)]));
  set({
    show: chosen,
    cameras: link || !cameras.length
      ? cameras.slice(0, 1)
      : panels.map((each) => own.get(each) ?? (view.drawn.length ? view.nearest : cameras[0])),
  });
}

// ---- what comes from outside

const link = (/** @type {Partial<import("landscape/state.js").State>} */ change) =>
  location.href.split("#")[0] + format({ ...view.state, ...change }, view.defaults);
listenToUser(view, set, { ...sharing(view, link), reset, forget: () => keep(null) });
globalThis.addEventListener("resize", redraw);
globalThis.addEventListener("hashchange", () => {
  view.state = parse(location.hash, view.defaults);
  redraw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

let waiting = 0;

if (view.page.live) {
  listen((index) => {
    const isSame = String(index.map(({ id }) => id)) === String(view.index.map(({ id }) => id));
    view.index = index;
    const isFirst = JSON.stringify(view.state.show) === JSON.stringify(view.defaults.show);
    const wasFull = view.page.gallery && view.state.show.length > 1;
    view.setDefaults();
    if (isFirst && !wasFull) view.state.show = view.defaults.show ?? [];
    const isNew = index.some((status) =>
      view.state.show.includes(status.id) &&
      isOld(view.panels.get(status.id)?.surface ?? view.lines.get(status.id), status)
    );
    if ((isNew || !isSame) && waiting === 0) {
      waiting = setTimeout(() => {
        waiting = 0;
        redraw();
      }, Math.max(0, rested - performance.now()));
    }
    showState(view, choose); // at least the time that is left
  }, (isConnected) => {
    view.isConnected = isConnected;
    showState(view, choose);
  });
}

byId("gallery").hidden = !(view.page.gallery && view.index.length > 2);
redraw();

// For a look from the console, and for tests.
Object.assign(globalThis, {
  landscape: {
    number,
    Scale,
    parse,
    format,
    animation: ANIMATION,
    state: () => view.state,
    surfaces: () => view.surfaces,
  },
});
