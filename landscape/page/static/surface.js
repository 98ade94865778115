/** A surface: arrays over a grid, with marks and trajectories. */

import { isCurvature } from "landscape/quantity.js";

/**
 * @typedef {import("landscape/quantity.js").Quantity} Quantity
 *
 * @typedef {object} Mark
 * @property {string} name
 * @property {string} title with its loss where it is off the plane
 * @property {number} alpha
 * @property {number} beta
 * @property {number} distance how far off the plane
 * @property {number | null} loss its own
 * @property {number | null} below that of the plane
 *
 * @typedef {object} Path
 * @property {string} name
 * @property {string} unit what `steps` count
 * @property {number[]} steps
 * @property {number[]} alphas
 * @property {number[]} betas
 * @property {number[]} distances how far off the plane
 * @property {boolean} off_plane whether these are more than rounding
 * @property {(number | null)[]} losses its own
 * @property {(number | null)[]} plane_losses those of the plane below it
 *
 * @typedef {object} Status
 * @property {string} id
 * @property {string} name
 * @property {string} version changes with the content
 * @property {"complete" | "running" | "stopped" | "unfinished" | "waiting" | "damaged"} state
 * @property {string} note what else must be said
 * @property {number} done points
 * @property {number} total points
 * @property {string} file where it is stored
 * @property {number | null} left seconds, if known
 * @property {number[]} shape points along alpha and beta
 * @property {{width: number, height: number, values: string} | null} thumbnail
 */

/** @typedef {Map<string, Float64Array>} Metrics values by the name of the metric */

/** A surface; element `i * betas.length + j` belongs to `(alphas[i], betas[j])`. */
export class Surface {
  /** @param {any} data what landscape/page/payload.py makes */
  constructor(data) {
    /** @type {string} */ this.id = data.id;
    /** @type {string} */ this.name = data.name;
    /** @type {string} */ this.quantity = data.quantity;
    /** @type {string} */ this.unit = data.unit;
    /** @type {string} */ this.version = data.version;
    this.alphas = new Float64Array(bytes(data.alphas));
    this.betas = new Float64Array(bytes(data.betas));
    this.losses = new Float64Array(bytes(data.losses));
    this.errors = new Float32Array(bytes(data.standard_errors));
    this.accuracies = new Float32Array(bytes(data.accuracies));
    this.evaluated = bits(data.evaluated, this.losses.length);
    /** @type {number[][]} */ this.minima = data.minima;
    /** @type {Mark[]} */ this.marks = data.marks;
    /** @type {Path[]} */ this.paths = data.paths;
    /** @type {[string, string][]} */ this.facts = data.facts;
    /** @type {string[]} */ this.notes = data.notes;
    /** @type {string[]} */ this.warnings = data.warnings;
    this.hasAccuracies = this.accuracies.some(Number.isFinite);
    const curvature = data.curvature;
    this.curvature = curvature && {
      ratio: new Float64Array(bytes(curvature.ratio)),
      lowest: new Float64Array(bytes(curvature.lowest)),
      highest: new Float64Array(bytes(curvature.highest)),
      state: new Uint8Array(bytes(curvature.state)),
    };
    this.metrics = read(data.metrics);
    /** @type {Map<Quantity, Float64Array>} */ this.samples = new Map(); // once made
    /** @type {{losses: Float64Array, accuracies: Float64Array, metrics: Metrics}[]} */
    this.seeds = data.seeds.map((/** @type {any} */ seed) => ({
      losses: new Float64Array(bytes(seed.losses)),
      accuracies: new Float64Array(bytes(seed.accuracies)),
      metrics: read(seed.metrics),
    }));
  }

  /** Whether it has points along alpha alone. */
  get isLine() {
    return this.betas.length === 1;
  }

  /**
   * @param {Quantity} quantity
   * @returns {Float64Array | Float32Array} NaN everywhere where it has none
   */
  values(quantity) {
    if (quantity === "loss") return this.losses;
    if (quantity === "accuracy") return this.accuracies;
    const found = isCurvature(quantity) ? this.curvature?.[quantity] : this.metrics.get(quantity);
    return found ?? new Float64Array(this.losses.length).fill(NaN);
  }

  /** @param {Quantity} quantity */
  has(quantity) {
    if (quantity === "loss") return true;
    if (quantity === "accuracy") return this.hasAccuracies;
    return isCurvature(quantity) ? this.curvature !== null : this.metrics.has(quantity);
  }

  /**
   * Whether a quantity was evaluated at a point, not filled in between others.
   *
   * @param {Quantity} quantity
   * @param {number} k
   */
  isKnown(quantity, k) {
    const known = isCurvature(quantity) ? this.curvature?.state : this.evaluated;
    return Boolean(known?.[k]);
  }

  /**
   * Where a quantity was evaluated.
   *
   * @param {Quantity} quantity
   */
  knownPlaces(quantity) {
    return [...this.evaluated.keys()].filter((k) => this.isKnown(quantity, k));
  }

  /**
   * Whether a quantity that it has was not evaluated at some point.
   *
   * @param {Quantity} quantity
   */
  isPartial(quantity) {
    return this.has(quantity) && !this.evaluated.every((_, k) => this.isKnown(quantity, k));
  }

  /**
   * A quantity where it was evaluated.
   *
   * @param {Quantity} quantity
   */
  sampled(quantity) {
    const values = this.values(quantity);
    const found = this.samples.get(quantity) ??
      Float64Array.from(this.knownPlaces(quantity), (k) => values[k]);
    this.samples.set(quantity, found);
    return found;
  }

  /**
   * The values of all seeds; none where only their median is known.
   *
   * @param {Quantity} quantity
   */
  seedsOf(quantity) {
    if (quantity === "loss") return this.seeds.map(({ losses }) => losses);
    if (quantity === "accuracy") return this.seeds.map(({ accuracies }) => accuracies);
    return this.seeds.flatMap(({ metrics }) => metrics.get(quantity) ?? []);
  }

  /**
   * @param {number} i along alpha
   * @param {number} j along beta
   */
  index(i, j) {
    return i * this.betas.length + j;
  }

  /**
   * Rows for plotly: one per beta, with one entry per alpha.
   *
   * @template T
   * @param {(index: number) => T} value
   * @returns {T[][]}
   */
  rows(value) {
    return Array.from(
      this.betas,
      (_, j) => Array.from(this.alphas, (_, i) => value(this.index(i, j))),
    );
  }

  /** @returns {{i: number, j: number} | null} the trained net, where it is a point of the grid */
  get center() {
    const i = this.alphas.indexOf(0);
    const j = this.betas.indexOf(0);
    return i < 0 || j < 0 || !this.evaluated[this.index(i, j)] ? null : { i, j };
  }

  /**
   * Whether a point of the plane is within the surface.
   *
   * @param {number} alpha
   * @param {number} beta
   */
  holds(alpha, beta) {
    return isWithin(this.alphas, alpha) && isWithin(this.betas, beta);
  }

  /**
   * The point of the grid that is nearest to a point of the plane.
   *
   * @param {number} alpha
   * @param {number} beta
   */
  snapped(alpha, beta) {
    const [i, j] = [nearest(this.alphas, alpha), nearest(this.betas, beta)];
    return { alpha: this.alphas[i], beta: this.betas[j], k: this.index(i, j) };
  }

  /** Losses of off-plane checkpoints, which may lie outside its own range. */
  get ownLosses() {
    const losses = this.paths.flatMap((path) => [...path.losses, ...path.plane_losses]);
    return [...this.marks.map((mark) => mark.loss), ...losses].filter((loss) => loss !== null);
  }

  /**
   * The values along a line of the grid, at the points that are known; null where not finite.
   *
   * @param {"alpha" | "beta"} axis which coordinate is constant
   * @param {number} at its value; the nearest line of the grid is taken
   * @param {ArrayLike<number>} values
   * @param {Quantity} quantity which decides what points are known
   */
  profile(axis, at, values, quantity) {
    const fixed = axis === "beta" ? this.betas : this.alphas;
    const along = axis === "beta" ? this.alphas : this.betas;
    const line = nearest(fixed, at);
    const index = (/** @type {number} */ k) =>
      axis === "beta" ? this.index(k, line) : this.index(line, k);
    const known = [...along.keys()].filter((k) => this.isKnown(quantity, index(k)));
    const finite = (/** @type {number} */ value) => (Number.isFinite(value) ? value : null);
    return {
      at: fixed[line],
      x: known.map((k) => along[k]),
      y: known.map((k) => finite(values[index(k)])),
    };
  }
}

/**
 * The index of the entry of a rising axis that is nearest to a value.
 *
 * @param {Float64Array} axis
 * @param {number} value
 */
export function nearest(axis, value) {
  let best = 0;
  for (let k = 1; k < axis.length; k++) {
    if (Math.abs(axis[k] - value) < Math.abs(axis[best] - value)) best = k;
  }
  return best;
}

/**
 * @param {Float64Array} axis
 * @param {number} value
 */
function isWithin(axis, value) {
  const step = axis.length > 1 ? axis[1] - axis[0] : 1;
  return value >= axis[0] - step && value <= axis[axis.length - 1] + step;
}

/**
 * A coordinate as text, without the noise of binary fractions.
 *
 * @param {number} value
 */
export function coordinate(value) {
  return String(Number(value.toPrecision(4))).replace("-", "−");
}

/**
 * @param {string} base64
 * @returns {ArrayBuffer}
 */
export function bytes(base64) {
  const text = atob(base64);
  const result = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) result[k] = text.charCodeAt(k);
  return result.buffer;
}

/**
 * @param {string} base64 of a bit for each point, the lowest of a byte first
 * @param {number} num points
 * @returns {Uint8Array} 0 or 1 for each
 */
function bits(base64, num) {
  const packed = new Uint8Array(bytes(base64));
  return Uint8Array.from({ length: num }, (_, k) => (packed[k >> 3] >> (k & 7)) & 1);
}

/**
 * @param {Record<string, string>} texts
 * @returns {Metrics}
 */
function read(texts) {
  return new Map(
    Object.entries(texts).map(([name, text]) => [name, new Float64Array(bytes(text))]),
  );
}
