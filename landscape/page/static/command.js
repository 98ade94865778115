/** The command that draws the present view with matplotlib. */

/** @typedef {import("landscape/state.js").Camera} Camera */
/** @typedef {import("landscape/view.js").View} View */

/**
 * `landscape plot …` for what is shown, a line for each figure, and what it cannot draw.
 *
 * @param {View} view
 * @returns {{command: string, limits: string[]}}
 */
export function command(view) {
  const lines = [];
  if (view.drawn.length) lines.push(line(view, ids(view.drawn), surfaceOptions(view)));
  if (view.lines.size) lines.push(line(view, [...view.lines.keys()], lineOptions(view)));
  return { command: lines.join("\n"), limits: limits(view) };
}

/**
 * Elevation and azimuth in degrees and zoom as matplotlib has them.
 *
 * @param {Camera} camera
 * @param {Camera} usual from which the zoom is 1
 */
export function angles(camera, usual) {
  const { x, y, z, distance } = away(camera);
  const degrees = 180 / Math.PI;
  return {
    elevation: degrees * Math.atan2(z, Math.hypot(x, y)),
    azimuth: degrees * Math.atan2(y, x),
    zoom: away(usual).distance / distance,
  };
}

/** @param {Camera} camera */
function away({ eye, center }) {
  const [x, y, z] = [eye.x - center.x, eye.y - center.y, eye.z - center.z];
  return { x, y, z, distance: Math.hypot(x, y, z) };
}

/** @param {View} view */
function surfaceOptions(view) {
  const { kind } = view;
  const dots = view.state.points && view.isPartial ? ["--evaluated"] : [];
  const result = [`--kind ${kind}`, ...scaleOptions(view, view.scale), ...dots];
  if (kind === "surface") {
    const { elevation, azimuth, zoom } = angles(view.camera(0), view.nearest);
    result.push(`--elevation ${round(elevation)}`, `--azimuth ${round(azimuth)}`);
    if (Math.abs(zoom - 1) > 0.005) result.push(`--zoom ${Number(zoom.toFixed(2))}`);
  }
  return [...result, ...quantityOptions(view)];
}

/** @param {View} view */
function lineOptions(view) {
  return ["--kind line", ...scaleOptions(view, view.lineScale), ...quantityOptions(view)];
}

/** @param {View} view */
function quantityOptions({ quantity }) {
  if (quantity === "loss") return [];
  const isBounded = quantity === "accuracy" || quantity === "ratio"; // with a scale of its own
  return [`--quantity ${quoted(quantity)}`, ...(isBounded ? [] : ["--max none"])];
}

/**
 * @param {View} view
 * @param {import("landscape/scale.js").Scale} scale of the losses
 */
function scaleOptions(view, scale) {
  if (view.quantity !== "loss") return [];
  const maximum = scale.clipped ? Number(scale.high.toPrecision(12)) : "none";
  return [`--scale ${scale.log ? "log" : "linear"}`, `--max ${maximum}`];
}

/** @param {View} view */
function limits(view) {
  const { state, kind, quantity } = view;
  const several = view.drawn.length > 1;
  const isLoss = quantity === "loss" && view.drawn.length > 0;
  const own = isLoss && several &&
    (state.colors === "own" || (kind === "surface" && state.heights === "own"));
  const views = kind === "surface" && several && !state.link && state.cameras.length > 1;
  return [
    own ? "`plot` draws all surfaces on one scale" : "",
    views ? "`plot` draws all surfaces from the camera of the first" : "",
  ].filter(Boolean);
}

/**
 * @param {View} view
 * @param {string[]} shown
 * @param {string[]} options
 */
function line(view, shown, options) {
  const files = new Map(view.index.map(({ id, file }) => [id, file]));
  return ["landscape plot", ...shown.map((id) => quoted(files.get(id) || `${id}.h5`)), ...options]
    .join(" ");
}

/** @param {import("landscape/panel.js").Panel[]} panels */
function ids(panels) {
  return panels.map(({ id }) => id);
}

/** @param {string} text for a shell */
function quoted(text) {
  if (/^[\w@%+=:,./-]+$/.test(text) && !text.startsWith("-")) return text;
  const named = text.startsWith("-") ? `./${text}` : text;
  return `'${named.replaceAll("'", `'\\''`)}'`;
}

/** @param {number} degrees */
function round(degrees) {
  return Number(degrees.toFixed(1)) + 0; // no -0
}
