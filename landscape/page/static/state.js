/** What is shown and how: a value that stands in the page's address. */

/** @typedef {{x: number, y: number, z: number}} Point */
/** @typedef {{eye: Point, center: Point, up: Point}} Camera */

/**
 * @typedef {object} State
 * @property {string[]} show which surfaces, by their ids
 * @property {"surface" | "contour" | "heatmap"} view
 * @property {import("landscape/quantity.js").Quantity} quantity
 * @property {"auto" | "linear" | "log"} scale
 * @property {"one" | "own"} heights one range for all surfaces, or its own for each
 * @property {"one" | "own"} colors
 * @property {number | null | "auto"} clip losses above are drawn at this one
 * @property {"alpha" | "beta"} axis the coordinate that is constant along the cut line
 * @property {number | null} at where; null is away from the center
 * @property {boolean} link whether all cameras turn together
 * @property {boolean} marks
 * @property {boolean} paths
 * @property {boolean} points dots at the evaluated ones, where others are interpolated
 * @property {{alpha: number, beta: number} | null} point that is marked and read
 * @property {"auto" | "light" | "dark"} theme
 * @property {Camera[]} cameras the first is everybody's where they are linked; none: as near as
 *     the panels allow
 */

/** @type {State} */
const DEFAULTS = {
  show: [],
  view: "surface",
  quantity: "loss",
  scale: "auto",
  heights: "one",
  colors: "one",
  clip: "auto",
  axis: "beta",
  at: null,
  link: true,
  marks: true,
  paths: true,
  points: false,
  point: null,
  theme: "auto",
  cameras: [],
};

/** @type {Record<string, string[] | null>} null: any text, of which the view takes what it has */
const CHOICES = {
  view: ["surface", "contour", "heatmap"],
  quantity: null,
  scale: ["auto", "linear", "log"],
  heights: ["one", "own"],
  colors: ["one", "own"],
  axis: ["alpha", "beta"],
  theme: ["auto", "light", "dark"],
};

const SWITCHES = ["link", "marks", "paths", "points"];

/**
 * The state that an address stands for; what it does not say, or says wrongly, is as by default.
 *
 * @param {string} hash
 * @param {Partial<State>} defaults
 * @returns {State}
 */
export function parse(hash, defaults) {
  /** @type {any} */
  const state = { ...DEFAULTS, ...defaults };
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  for (const [key, choices] of Object.entries(CHOICES)) {
    const value = given.get(key);
    if (value !== null && (choices?.includes(value) ?? true)) state[key] = value;
  }
  for (const key of SWITCHES) {
    if (given.has(key)) state[key] = given.get(key) !== "0";
  }
  const clip = given.get("clip");
  if (clip === "none") state.clip = null;
  else if (clip === "auto") state.clip = "auto";
  else if (clip !== null && isNumber(clip)) state.clip = Number(clip);
  const at = given.get("at");
  if (at !== null && isNumber(at)) state.at = Number(at);
  const point = readNumbers(given.get("point") ?? "", 2);
  if (point !== null) state.point = { alpha: point[0], beta: point[1] };
  if (given.has("show")) {
    state.show = given.getAll("show").filter(Boolean);
  }
  const cameras = given.getAll("camera").map(readCamera);
  if (cameras.length && cameras.every((camera) => camera !== null)) state.cameras = cameras;
  return state;
}

/**
 * The address of a state; what is as by default is left out.
 *
 * @param {State} state
 * @param {Partial<State>} defaults
 */
export function format(state, defaults) {
  /** @type {any} */
  const usual = { ...DEFAULTS, ...defaults };
  /** @type {any} */
  const now = state;
  const result = new URLSearchParams();
  for (const key of Object.keys(CHOICES)) if (now[key] !== usual[key]) result.set(key, now[key]);
  for (const key of SWITCHES) if (now[key] !== usual[key]) result.set(key, now[key] ? "1" : "0");
  if (state.clip !== usual.clip) {
    result.set("clip", state.clip === null ? "none" : String(state.clip));
  }
  if (state.at !== null) result.set("at", String(Number(state.at.toPrecision(6))));
  if (state.point !== null) {
    const { alpha, beta } = state.point;
    result.set("point", [alpha, beta].map((each) => Number(each.toPrecision(6))).join("_"));
  }
  if (JSON.stringify(state.show) !== JSON.stringify(usual.show)) {
    for (const id of state.show.length ? state.show : [""]) result.append("show", id);
  }
  for (const camera of state.cameras) result.append("camera", writeCamera(camera));
  const text = result.toString();
  return text && `#${text}`;
}

/** @param {string} text */
function isNumber(text) {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

/**
 * @param {string} text
 * @param {number} num how many numbers it must have
 */
function readNumbers(text, num) {
  const parts = text.split("_");
  return parts.length === num && parts.every(isNumber) ? parts.map(Number) : null;
}

/** @param {Camera} camera */
function writeCamera({ eye, center, up }) {
  return [eye, center, up]
    .flatMap(({ x, y, z }) => [x, y, z])
    .map((value) => String(Number(value.toFixed(3))))
    .join("_");
}

/**
 * @param {string} text
 * @returns {Camera | null}
 */
function readCamera(text) {
  const numbers = readNumbers(text, 9);
  if (numbers === null) return null;
  const [a, b, c, d, e, f, g, h, i] = numbers;
  return {
    eye: { x: a, y: b, z: c },
    center: { x: d, y: e, z: f },
    up: { x: g, y: h, z: i },
  };
}
