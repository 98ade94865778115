/** An animation of one turn of the 3-D pictures, recorded by the browser. */

import { show } from "landscape/cameras.js";
import { canvasOf, layout } from "landscape/snapshot.js";
import { around } from "landscape/turning.js";
import { css } from "landscape/view.js";

/** @typedef {import("landscape/snapshot.js").Picture} Picture */
/** @typedef {import("landscape/view.js").View} View */

/** What can be changed from the console: how long the animation is, and how many frames it has. */
export const ANIMATION = { seconds: 6, frames: 120 };

const MOST_MS = 40_000; // for drawing: a slow machine draws fewer frames
const FEWEST = 24;
const LAST_MS = 100;
const TYPES = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];
const BITS_PER_SECOND = 6_000_000;

/** @returns {string} why this browser records no animation; empty where it does */
export function whyNoAnimation() {
  const canRecord = typeof MediaRecorder === "function" &&
    typeof HTMLCanvasElement.prototype.captureStream === "function" && type() !== "";
  return canRecord ? "" : "this browser does not record WebM";
}

/** @returns {string} the type of WebM that the browser can write */
function type() {
  return TYPES.find((each) => MediaRecorder.isTypeSupported(each)) ?? "";
}

/**
 * Record one turn from the present cameras, to which the pictures return.
 *
 * The recorder pauses while a frame is drawn, so a slow machine takes longer but its animation runs
 * as fast.
 *
 * @param {View} view
 * @param {Picture[]} pictures
 * @param {(part: number) => void} report
 * @returns {Promise<Blob>}
 */
export async function animation(view, pictures, report) {
  const canvas = await canvasOf(pictures, css("paper"), css("ink"), 1);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(1, 0, 0, 1, 0, 0);
  const places = layout(pictures).places;
  const scenes = view.drawn.map((panel, k) => ({
    relief: panel.relief,
    begin: view.camera(k),
    left: places[k].left,
    top: places[k].top,
  }));
  const stream = canvas.captureStream(0);
  const [track] = /** @type {any} */ (stream.getVideoTracks());
  const recorder = new MediaRecorder(stream, {
    mimeType: type(),
    videoBitsPerSecond: BITS_PER_SECOND,
  });
  /** @type {Blob[]} */
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const ended = new Promise((resolve, reject) => {
    recorder.onstop = resolve;
    recorder.onerror = () => reject(new Error("the browser stopped recording"));
  });
  recorder.start();
  recorder.pause();
  try {
    let frames = ANIMATION.frames;
    for (let frame = 0; frame < frames; frame++) {
      const began = performance.now();
      for (const scene of scenes) {
        await drawScene(context, scene, around(scene.begin, (2 * Math.PI * frame) / frames));
      }
      if (frame === 0) {
        const affordable = Math.max(FEWEST, Math.floor(MOST_MS / (performance.now() - began)));
        frames = Math.min(frames, affordable);
      }
      await new Promise((resolve) => {
        recorder.onresume = resolve; // what is captured earlier is lost
        recorder.resume();
      });
      capture(context, track);
      await pause((1000 * ANIMATION.seconds) / frames);
      if (frame === frames - 1) { // an animation lasts until the beginning of its last frame
        capture(context, track);
        await pause(LAST_MS);
      }
      recorder.pause();
      report((frame + 1) / frames);
    }
  } finally {
    recorder.stop();
    for (const { relief, begin } of scenes) show(relief, begin);
  }
  await ended;
  return new Blob(parts, { type: "video/webm" });
}

/**
 * Record the canvas: the browser takes a frame whenever something is drawn.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {{requestFrame: () => void}} track
 */
function capture(context, track) {
  track.requestFrame();
  context.drawImage(context.canvas, 0, 0, 1, 1, 0, 0, 1, 1);
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Draw a 3-D picture from a camera over the place of the last one.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {{relief: any, left: number, top: number}} scene
 * @param {import("landscape/state.js").Camera} camera
 */
async function drawScene(context, { relief, left, top }, camera) {
  await show(relief, camera);
  const { glplot } = relief._fullLayout.scene._scene;
  glplot.redraw(); // at once: the browser forgets the pixels of WebGL when it has shown them
  const box = glplot.canvas.getBoundingClientRect();
  const frame = relief.getBoundingClientRect();
  const place = [left + box.left - frame.left, top + box.top - frame.top, box.width, box.height];
  const [x, y, width, height] = place;
  context.fillStyle = css("paper");
  context.fillRect(x, y, width, height);
  context.drawImage(glplot.canvas, x, y, width, height);
}
