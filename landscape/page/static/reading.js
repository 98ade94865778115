/** What is known at a point of a surface, as text. */

import { coordinate } from "landscape/surface.js";

/** @typedef {import("landscape/surface.js").Surface} Surface */

/**
 * The values at the point of the grid that is nearest to (alpha, beta).
 *
 * @param {Surface} surface
 * @param {number} alpha
 * @param {number} beta
 */
export function describe(surface, alpha, beta) {
  if (!surface.holds(alpha, beta)) {
    return `α ${coordinate(alpha)}, β ${coordinate(beta)}: outside of this surface`;
  }
  const { evaluated, losses, errors, accuracies } = surface;
  const { k, ...point } = surface.snapped(alpha, beta);
  const at = `α ${coordinate(point.alpha)}, β ${coordinate(point.beta)}: `;
  if (!evaluated.includes(1)) return at + "not evaluated yet";
  const error = evaluated[k] && Number.isFinite(errors[k]) ? ` ± ${round(errors[k], 2)}` : "";
  const values = [
    `loss ${Number.isFinite(losses[k]) ? round(losses[k], 4) : "not finite"}${error}`,
    ...(Number.isFinite(accuracies[k]) ? [`accuracy ${(100 * accuracies[k]).toFixed(1)} %`] : []),
    ...[...surface.metrics].map(([name, each]) => `${name} ${round(each[k], 3)}`),
  ];
  return at + [...(evaluated[k] ? [] : ["interpolated"]), ...values, ...eigenvalues(surface, k)]
    .join(", ");
}

const STATES = [" (interpolated)", "", " (not converged)"];

/**
 * @param {Surface} surface
 * @param {number} k
 */
function eigenvalues({ curvature }, k) {
  if (curvature === null) return [];
  const [lowest, highest, ratio] = ["lowest", "highest", "ratio"]
    .map((name) => round(curvature[name][k], 3));
  return [`Hessian λ ${lowest} to ${highest}, ratio ${ratio}${STATES[curvature.state[k]]}`];
}

/**
 * @param {number} value
 * @param {number} digits
 */
function round(value, digits) {
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}
