/** What is drawn over the plane: loss, accuracy, eigenvalues of the Hessian, or a metric. */

import { Scale } from "landscape/scale.js";

/** @typedef {string} Quantity one of LABELS, or the name of a metric */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/** @type {Record<Quantity, string>} */
const LABELS = {
  loss: "mean loss",
  accuracy: "accuracy",
  ratio: "|λ min / λ max| of the Hessian",
  lowest: "λ min of the Hessian",
  highest: "λ max of the Hessian",
};

/** @type {Record<Quantity, string>} */
const NAMES = {
  loss: "Loss",
  accuracy: "Accuracy",
  ratio: "|λ min / λ max|",
  lowest: "λ min",
  highest: "λ max",
};

/**
 * What a quantity is called where one is chosen.
 *
 * @param {Quantity} quantity
 */
export function nameOf(quantity) {
  return NAMES[quantity] ?? quantity;
}

/**
 * All that some surface has.
 *
 * @param {Surface[]} surfaces
 * @returns {Quantity[]}
 */
export function quantitiesOf(surfaces) {
  const metrics = surfaces.flatMap((surface) => [...surface.metrics.keys()]);
  return [...new Set([...Object.keys(LABELS), ...metrics])].filter((quantity) =>
    surfaces.some((surface) => surface.has(quantity))
  );
}

/** @param {Quantity} quantity */
export function isMetric(quantity) {
  return !Object.hasOwn(LABELS, quantity);
}

/** @param {Quantity} quantity */
export function isCurvature(quantity) {
  return quantity === "ratio" || quantity === "lowest" || quantity === "highest";
}

/**
 * What the values are, with their unit where all have the same.
 *
 * @param {Quantity} quantity
 * @param {Surface[]} surfaces
 */
export function label(quantity, surfaces) {
  const losses = new Set(surfaces.map((surface) => surface.quantity));
  return quantity === "loss" && losses.size === 1 ? [...losses][0] : (LABELS[quantity] ?? quantity);
}

/**
 * The scale of a quantity other than the loss, by the rules of figures.
 *
 * @param {Quantity} quantity
 * @param {Surface[]} surfaces
 */
export function scaleOf(quantity, surfaces) {
  if (quantity === "accuracy") return Scale.ofAccuracies();
  const every = surfaces.map((surface) => surface.sampled(quantity));
  if (quantity === "ratio") {
    // 0 where the loss is convex; above 1 the Hessian is dominated by negative curvature.
    return new Scale(0, 1, false, every.some((values) => values.some((value) => value > 1)));
  }
  return Scale.ofLosses(every, "auto", null);
}
