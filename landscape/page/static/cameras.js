/**
 * Cameras: how a drag, a wheel, a pinch or a key turns one.
 *
 * plotly's own dragging is switched off. It moves a camera of its own, whose motion the page would
 * have to read and to write back frame by frame: where frames are slow, what is written back is a
 * second old and counts as a further turn. Here the state holds the camera, every event changes it
 * by as much as plotly would, and pictures follow.
 */

/** @typedef {import("landscape/state.js").Camera} Camera */
/** @typedef {import("landscape/state.js").Point} Point */

const NEAREST = 0.4; // from the eye to the point that it looks at; the box is 1 wide
const FARTHEST = 5;
const LOWEST = 0.03; // radians above the horizon, so that no one sees the surface from below
const HIGHEST = Math.PI / 2 - 0.01;
const FIELD = Math.PI / 4; // of view, from bottom to top
const BY_KEY = Math.PI / 36;
const BY_WHEEL = 0.001; // per pixel

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

/**
 * Turn a camera around the point that it looks at.
 *
 * @param {Camera} camera
 * @param {number} around radians, counterclockwise seen from above
 * @param {number} up radians
 * @param {number} factor of the distance
 * @returns {Camera}
 */
export function orbit(camera, around, up, factor = 1) {
  const { center } = camera;
  const [x, y, z] = [camera.eye.x - center.x, camera.eye.y - center.y, camera.eye.z - center.z];
  const distance = Math.hypot(x, y, z) * factor;
  const radius = between(NEAREST, Number.isFinite(distance) ? distance : 2, FARTHEST);
  const azimuth = Math.atan2(y, x) + around;
  const elevation = between(LOWEST, Math.atan2(z, Math.hypot(x, y)) + up, HIGHEST);
  return {
    eye: {
      x: center.x + radius * Math.cos(elevation) * Math.cos(azimuth),
      y: center.y + radius * Math.cos(elevation) * Math.sin(azimuth),
      z: center.z + radius * Math.sin(elevation),
    },
    center,
    up: { x: 0, y: 0, z: 1 },
  };
}

/**
 * A camera that is neither below the floor nor inside the surface nor lost in the distance.
 *
 * @param {Camera} camera
 * @returns {Camera} the same one where it is all right
 */
export function bounded(camera) {
  const turned = orbit(camera, 0, 0);
  const [a, b] = [camera.eye, turned.eye];
  return Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z) < 1e-9 ? camera : turned;
}

/**
 * Move a camera so that what it looks at follows the pointer.
 *
 * @param {Camera} camera
 * @param {number} right parts of the picture's height
 * @param {number} down
 * @returns {Camera}
 */
function pan(camera, right, down) {
  const { eye, center } = camera;
  const back = [eye.x - center.x, eye.y - center.y, eye.z - center.z];
  const distance = Math.hypot(...back);
  const flat = Math.hypot(back[0], back[1]);
  const size = 2 * distance * Math.tan(FIELD / 2);
  const toRight = [-back[1] / flat, back[0] / flat, 0];
  const toTop = [
    (-back[0] * back[2]) / (flat * distance),
    (-back[1] * back[2]) / (flat * distance),
    flat / distance,
  ];
  const old = [center.x, center.y, center.z];
  const lowest = [-0.5, -0.5, Math.min(-0.2, center.z)];
  const [x, y, z] = old.map((value, k) =>
    between(lowest[k], value + size * (down * toTop[k] - right * toRight[k]), 0.5)
  );
  return {
    eye: { x: x + back[0], y: y + back[1], z: z + back[2] },
    center: { x, y, z },
    up: camera.up,
  };
}

/** What the user does with one 3-D picture. */
export class Handle {
  /**
   * @param {HTMLElement} plot
   * @param {() => Camera | null} camera the present one
   * @param {(camera: Camera) => void} turned called with another one
   */
  constructor(plot, camera, turned) {
    this.plot = plot;
    this.camera = camera;
    this.turned = turned;
    /** @type {Map<number, {x: number, y: number}>} */ this.pointers = new Map();
    plot.addEventListener("pointerdown", (event) => this.grasp(event), { capture: true });
    plot.addEventListener("pointermove", (event) => this.move(event), { capture: true });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      plot.addEventListener(name, (event) => {
        this.pointers.delete(/** @type {PointerEvent} */ (event).pointerId);
      }, { capture: true });
    }
    // Before plotly, which would forbid a finger to scroll the page.
    for (const name of ["touchstart", "touchmove", "touchend"]) {
      plot.addEventListener(name, (event) => event.stopPropagation(), {
        capture: true,
        passive: true,
      });
    }
    plot.addEventListener("wheel", (event) => this.wheel(event), { capture: true, passive: false });
    plot.addEventListener("keydown", (event) => this.key(event));
  }

  /** Whether it is being turned. */
  get isHeld() {
    return this.pointers.size > 0;
  }

  /** @param {PointerEvent} event */
  grasp(event) {
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.plot.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  move(event) {
    const last = this.pointers.get(event.pointerId);
    const camera = this.camera();
    if (last === undefined || camera === null) return;
    if (event.pointerType === "mouse" && event.buttons === 0) { // let go outside of the window
      this.pointers.delete(event.pointerId);
      return;
    }
    const num = this.pointers.size;
    const before = this.spread();
    const [x, y] = [event.clientX - last.x, event.clientY - last.y];
    last.x = event.clientX;
    last.y = event.clientY;
    const height = num * this.plot.clientHeight;
    const isPan = event.buttons === 2 || (event.buttons === 1 && event.ctrlKey);
    const factor = num === 2 ? before / this.spread() : 1;
    this.turned(
      isPan
        ? pan(camera, x / height, y / height)
        : orbit(camera, (-Math.PI * x) / height, (Math.PI * y) / height, factor),
    );
  }

  /** How far two fingers are apart. */
  spread() {
    const [a, b] = [...this.pointers.values()];
    return b ? Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1) : 1;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const camera = this.camera();
    event.preventDefault();
    event.stopPropagation();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1);
    if (camera) this.turned(orbit(camera, 0, 0, Math.exp(BY_WHEEL * pixels)));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const camera = this.camera();
    /** @type {Record<string, [number, number, number]>} */
    const turns = {
      ArrowLeft: [-BY_KEY, 0, 1],
      ArrowRight: [BY_KEY, 0, 1],
      ArrowUp: [0, BY_KEY, 1],
      ArrowDown: [0, -BY_KEY, 1],
      "+": [0, 0, 1 / 1.1],
      "=": [0, 0, 1 / 1.1],
      "-": [0, 0, 1.1],
    };
    const turn = turns[event.key];
    if (!turn || !camera || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.turned(orbit(camera, ...turn));
  }
}

/**
 * Show a picture from another camera.
 *
 * @param {any} plot
 * @param {Camera} camera
 */
export function show(plot, camera) {
  if (plot._fullLayout?.scene) Plotly.relayout(plot, { "scene.camera": camera });
}

/**
 * Where a point of the box is seen, and how near.
 *
 * @param {Camera} camera
 * @param {Point} point in the box, which is 1 wide and has its middle at 0
 * @param {number} width of the picture, in pixels
 * @param {number} height
 */
export function project({ eye, center }, point, width, height) {
  const back = [eye.x - center.x, eye.y - center.y, eye.z - center.z];
  const distance = Math.hypot(...back);
  const flat = Math.hypot(back[0], back[1]);
  const [fx, fy, fz] = back.map((value) => value / distance);
  const [rx, ry] = [-back[1] / flat, back[0] / flat];
  const [x, y, z] = [point.x - center.x, point.y - center.y, point.z - center.z];
  const depth = distance - (x * fx + y * fy + z * fz);
  const scale = height / (2 * Math.tan(FIELD / 2) * depth);
  return {
    x: width / 2 + scale * (x * rx + y * ry),
    y: height / 2 - scale * (fz * (y * rx - x * ry) + z * (flat / distance)),
    depth,
  };
}

/**
 * @param {number} low
 * @param {number} value
 * @param {number} high
 */
function between(low, value, high) {
  return Math.min(Math.max(value, low), high);
}
