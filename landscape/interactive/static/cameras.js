/**
 * Cameras that turn together.
 *
 * plotly tells of a drag by mouse, of a wheel with the camera before it, and of a touch not at
 * all. So while a picture is being turned its camera is looked at once a frame.
 */

import { CAMERA } from "landscape/state.js";

/** @typedef {import("landscape/state.js").Camera} Camera */

const NEAREST = 0.25;
const FARTHEST = 6;
const AFTER_WHEEL_MS = 400;
const TURN = Math.PI / 36;

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

/**
 * Watch a 3-D picture.
 *
 * @param {HTMLElement} plot
 * @param {(camera: Camera) => void} turned called when its camera has changed
 * @param {AbortSignal} signal ends it
 */
export function watch(plot, turned, signal) {
  let until = 0;
  let held = false;
  let running = false;
  let last = "";
  const look = () => {
    const camera = read(plot);
    if (camera !== null) {
      const text = JSON.stringify(camera);
      if (last !== "" && text !== last) turned(clamped(camera));
      last = text;
    }
    running = held || performance.now() < until;
    if (running) requestAnimationFrame(look);
    else last = "";
  };
  const begin = () => {
    if (running) return;
    running = true;
    look();
  };
  plot.addEventListener("pointerdown", () => {
    held = true;
    begin();
  }, { capture: true });
  const release = () => {
    if (held) until = performance.now() + AFTER_WHEEL_MS;
    held = false;
  };
  globalThis.addEventListener("pointerup", release, { capture: true, signal });
  globalThis.addEventListener("pointercancel", release, { capture: true, signal });
  // It may have been let go outside of the window.
  globalThis.addEventListener("pointermove", ({ buttons }) => {
    if (held && buttons === 0) release();
  }, { capture: true, signal });
  plot.addEventListener("wheel", () => {
    until = performance.now() + AFTER_WHEEL_MS;
    begin();
  }, { capture: true, passive: true });
  plot.addEventListener("keydown", (event) => {
    const camera = read(plot);
    const moved = camera && byKey(camera, event.key);
    if (moved && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      turned(moved);
    }
  });
}

/**
 * The camera of a picture at this moment; null where there is none.
 *
 * @param {any} plot
 * @returns {Camera | null}
 */
export function read(plot) {
  const scene = plot._fullLayout?.scene?._scene;
  return scene?.getCamera ? plain(scene.getCamera()) : null;
}

/**
 * Turn a picture.
 *
 * @param {any} plot
 * @param {Camera} camera
 */
export function turn(plot, camera) {
  const now = read(plot);
  if (now !== null && JSON.stringify(now) !== JSON.stringify(plain(camera))) {
    Plotly.relayout(plot, { "scene.camera": plain(camera) });
  }
}

/**
 * A camera that is neither inside the surface nor lost in the distance.
 *
 * @param {Camera} camera
 * @returns {Camera}
 */
function clamped(camera) {
  const { x, y, z } = camera.eye;
  const distance = Math.hypot(x, y, z);
  if (!Number.isFinite(distance) || distance === 0) return CAMERA;
  const factor = Math.min(Math.max(distance, NEAREST), FARTHEST) / distance;
  return factor === 1 ? camera : {
    ...camera,
    eye: { x: factor * x, y: factor * y, z: factor * z },
  };
}

/**
 * @param {Camera} camera
 * @param {string} key
 * @returns {Camera | null}
 */
function byKey(camera, key) {
  const { x, y, z } = camera.eye;
  let [around, up, factor] = [0, 0, 1];
  if (key === "ArrowLeft") around = -TURN;
  else if (key === "ArrowRight") around = TURN;
  else if (key === "ArrowUp") up = TURN;
  else if (key === "ArrowDown") up = -TURN;
  else if (key === "+" || key === "=") factor = 1 / 1.1;
  else if (key === "-") factor = 1.1;
  else return null;
  const radius = factor * Math.hypot(x, y, z);
  const azimuth = Math.atan2(y, x) + around;
  const highest = Math.PI / 2 - 0.01;
  const elevation = Math.min(Math.max(Math.atan2(z, Math.hypot(x, y)) + up, -highest), highest);
  return clamped({
    ...camera,
    eye: {
      x: radius * Math.cos(elevation) * Math.cos(azimuth),
      y: radius * Math.cos(elevation) * Math.sin(azimuth),
      z: radius * Math.sin(elevation),
    },
  });
}

/**
 * @param {any} camera
 * @returns {Camera}
 */
function plain({ eye, center, up }) {
  const point = (/** @type {any} */ p) => ({ x: p.x, y: p.y, z: p.z });
  return { eye: point(eye), center: point(center), up: point(up) };
}
