/** The page: when it is drawn again, and what happens then. */

import * as cameras from "landscape/cameras.js";
import { listenToUser, tell } from "landscape/controls.js";
import { draw, drawProfile, isOld, refresh } from "landscape/drawing.js";
import { number, Scale } from "landscape/scale.js";
import { FILM } from "landscape/film.js";
import { sharing } from "landscape/share.js";
import { content, listen } from "landscape/source.js";
import { CAMERA, format, parse } from "landscape/state.js";
import { turnOnce } from "landscape/turning.js";
import { View } from "landscape/view.js";

const REST = 4; // times as long as an answer took

const view = new View(content());

let isDrawing = false;
let isWanted = false;
let isHeld = false; // a 3-D picture, by a pointer
let times = 0;
let rested = 0; // when the server may be asked again for what it must not do all the time

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
    view.problem = "";
    const began = performance.now();
    await refresh(view, reports);
    rested = performance.now() + REST * (performance.now() - began);
    await draw(view);
  } catch (error) {
    view.problem = error instanceof Error ? error.message : String(error);
    console.error(error);
  }
  isDrawing = false;
  document.documentElement.dataset.drawn = String(++times);
  if (times === 1) turnOnce(view, address);
  tell(view, choose);
  address();
  if (isWanted && !isHeld) requestAnimationFrame(drawAll);
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
  for (const panel of view.drawn) panel.unpoint();
  redraw();
}

let timer = 0;

/** Write the state into the address, but not at every frame: browsers forbid that. */
function address() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const text = format(view.state, view.defaults);
    if (text !== location.hash) {
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
    pointed: (alpha, beta) => view.drawn.forEach((panel) => panel.point(alpha, beta)),
    turned: (camera) => turned(id, camera),
    cutMoved: moveCut,
  };
}

/**
 * @param {string} id whose picture was turned
 * @param {import("landscape/state.js").Camera} camera
 */
function turned(id, camera) {
  const { state, drawn } = view;
  const own = drawn.findIndex((panel) => panel.id === id);
  if (state.link) {
    state.cameras = [camera];
    for (const panel of drawn) cameras.turn(panel.relief, camera);
  } else {
    state.cameras = drawn.map((_, k) => k === own ? camera : view.camera(k) ?? CAMERA);
    cameras.turn(drawn[own].relief, camera);
  }
  address();
}

let isProfileWanted = false;

/** @param {number} at */
function moveCut(at) {
  const { state } = view;
  if (at === state.at) return;
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
  const own = new Map(view.drawn.map((panel, k) => [panel.id, view.camera(k)]));
  set({
    show: chosen,
    cameras: link
      ? cameras.slice(0, 1)
      : chosen.filter((each) => !view.lines.has(each)).map((each) => own.get(each) ?? CAMERA),
  });
}

// ---- what comes from outside

const link = () => location.href.split("#")[0] + format(view.state, view.defaults);
listenToUser(view, set, { ...sharing(view, link), reset });
document.addEventListener("pointerdown", ({ target }) => {
  isHeld = target instanceof Element && target.closest(".relief") !== null;
}, { capture: true });
for (const name of ["pointerup", "pointercancel", "pointermove"]) {
  document.addEventListener(name, (event) => {
    // One that was let go outside of the window moves without a button.
    if (!isHeld || /** @type {PointerEvent} */ (event).buttons !== 0) return;
    isHeld = false;
    if (isWanted) redraw();
  }, { capture: true });
}
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
    view.setDefaults();
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
    tell(view, choose); // at least the time that is left
  }, (isConnected) => {
    view.isConnected = isConnected;
    tell(view, choose);
  });
}

redraw();

// For a look from the console, and for tests.
Object.assign(globalThis, {
  landscape: { number, Scale, film: FILM, state: () => view.state, surfaces: () => view.surfaces },
});
