/** What is noted of a surface next to its name, as the quantity that is shown needs it. */

import { isCurvature, label } from "landscape/quantity.js";

/** @typedef {import("landscape/pictures.js").Shown} Shown */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/**
 * Notes of the file, after what is noted of the picture alone.
 *
 * @param {Surface} surface
 * @param {Shown | null} shown how it is drawn
 * @returns {string[]}
 */
export function notesOf(surface, shown) {
  const { notes } = surface;
  if (shown === null) return notes;
  const { quantity } = shown;
  if (!surface.has(quantity)) return [`no ${label(quantity, [surface])} in its file`, ...notes];
  const dots = hasDots(surface, shown) ? ["dots: evaluated points"] : [];
  if (isCurvature(quantity)) return [...ofCurvature(surface), ...dots, ...notes];
  return [...(quantity === "accuracy" ? withAccuracy(surface) : notes), ...dots];
}

/**
 * Which plane a surface is of, if the planes of all that are shown differ.
 *
 * @param {Surface} surface
 * @param {Surface[]} all
 * @returns {string[]}
 */
export function planeOf({ plane }, all) {
  const planes = new Set(all.map((each) => each.plane).filter(Boolean));
  return planes.size > 1 ? [`the planes differ, here: ${plane || "unknown"}`] : [];
}

/**
 * Whether its picture has dots: only where some points are interpolated.
 *
 * @param {Surface} surface
 * @param {Pick<Shown, "points" | "quantity">} shown
 */
export function hasDots(surface, { points, quantity }) {
  return points && surface.isPartial(quantity);
}

/**
 * The notes of figures of the curvature.
 *
 * @param {Surface} surface
 */
function ofCurvature({ curvature }) {
  const { length } = curvature.state;
  const done = curvature.state.filter((/** @type {number} */ each) => each > 0).length;
  const loose = curvature.state.filter((/** @type {number} */ each) => each === 2).length;
  return [
    ...(loose ? [`× ${loose} points not converged`] : []),
    ...(done < length ? [`eigenvalues at ${done} of ${length} points`] : []),
  ];
}

/**
 * The notes with the accuracy of the center, in place of its loss if that is all they have.
 *
 * @param {Surface} surface
 */
function withAccuracy(surface) {
  const { center, accuracies, notes } = surface;
  const accuracy = center ? accuracies[surface.index(center.i, center.j)] : NaN;
  if (!Number.isFinite(accuracy) || notes.some((note) => note.includes("accuracy"))) return notes;
  const others = notes.filter((note) => !note.endsWith("at the center"));
  return [`accuracy ${(100 * accuracy).toFixed(1)} % at the center`, ...others];
}
