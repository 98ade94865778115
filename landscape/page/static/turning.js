/** A slow turn of the 3-D pictures when the page has opened, until somebody touches it. */

/** @typedef {import("landscape/state.js").Camera} Camera */
/** @typedef {import("landscape/view.js").View} View */

const SECONDS = 30; // of the whole turn
const SLOW_MS = 250; // a frame that is too slow to look like a turn
const MOST_SLOW = 8; // of such frames, then it ends
const TOUCHES = ["pointerdown", "touchstart", "wheel", "keydown"];

/**
 * A camera that has gone around the vertical axis.
 *
 * @param {Camera} camera
 * @param {number} angle in radians
 * @returns {Camera}
 */
export function around(camera, angle) {
  const { eye, center } = camera;
  const [x, y] = [eye.x - center.x, eye.y - center.y];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return { ...camera, eye: { ...eye, x: center.x + c * x - s * y, y: center.y + s * x + c * y } };
}

/**
 * Turn the pictures once around, then leave them as they were.
 *
 * Nothing turns for those who want no motion, in a tab that is not seen, around a point that is read,
 * or from a camera that somebody chose.
 *
 * @param {View} view
 * @param {() => void} stopped called when a touch has stopped the turn; the cameras stay there
 */
export function turnOnce(view, stopped) {
  const ended = new AbortController();
  const { signal } = ended;
  const isWelcome = () =>
    view.kind === "surface" && view.drawn.length > 0 && view.state.cameras.length === 0 &&
    view.state.point === null && !document.hidden &&
    !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let began = 0;
  let before = 0;
  let slow = 0;
  let times = document.documentElement.dataset.drawn;
  /** @type {Camera} */ let first;

  const turn = (/** @type {Camera} */ camera) => {
    for (const panel of view.drawn) panel.turn(camera);
  };
  const end = () => {
    ended.abort();
    view.passing = null;
  };
  const stop = () => {
    const { passing, drawn, state } = view;
    end();
    if (passing === null || state.cameras.length) return;
    state.cameras = state.link ? [passing] : drawn.map(() => passing);
    stopped();
  };
  const frame = (/** @type {number} */ now) => {
    if (signal.aborted) return;
    began ||= now;
    slow += before && now - before > SLOW_MS ? 1 : 0;
    before = now;
    const part = (now - began) / (1000 * SECONDS);
    if (!isWelcome()) return end();
    if (part >= 1 || slow > MOST_SLOW) {
      end();
      turn(view.nearest);
      return;
    }
    // A new plot may have another camera at first.
    if (times !== document.documentElement.dataset.drawn) {
      times = document.documentElement.dataset.drawn;
      first = view.nearest;
    }
    view.passing = around(first, 2 * Math.PI * part);
    turn(view.passing);
    requestAnimationFrame(frame);
  };
  for (const name of TOUCHES) {
    document.addEventListener(name, stop, { capture: true, passive: true, signal });
  }
  if (!isWelcome()) return end();
  first = view.nearest;
  requestAnimationFrame(frame);
}
