/**
 * How losses become heights and colors, by the rules of landscape/scale.py.
 *
 * A logarithmic scale draws the logarithm on a linear axis with ticks in losses: log axes of
 * 3-D surfaces have wrong colors and contour levels.
 */

const LOG_FROM_RATIO = 100;
const CLIPPED_PART = 0.1; // of the points of any surface, at most
const CLIPPED_FROM = 4; // times the range that the others need
const KEPT_HEIGHT = 0.25; // of the picture, at least, for every surface that is clipped

// Limits of what can be drawn on a linear scale.
const LARGEST = 1e300;
const SMALLEST = 1e-300;

/** A scale of losses, or of accuracies. */
export class Scale {
  /**
   * @param {number} low lower end of the scale
   * @param {number} high highest such value; higher ones stand here
   * @param {boolean} log whether heights are logarithms to base 10
   * @param {boolean} clipped whether some values lie above `high`
   * @param {string} unit what ticks end with
   * @param {number} floored number of values that are 0 or less, of a log scale
   */
  constructor(low, high, log, clipped, unit = "", floored = 0) {
    this.low = low;
    this.high = high;
    this.log = log;
    this.clipped = clipped;
    this.unit = unit;
    this.floored = floored;
  }

  /**
   * The scale that holds all finite losses.
   *
   * @param {Float64Array[]} surfaces losses, NaN where missing
   * @param {"auto" | "linear" | "log"} kind
   * @param {number | null | "auto"} maximum where to clip
   * @param {number[]} others losses of off-plane checkpoints
   * @returns {Scale}
   */
  static ofLosses(surfaces, kind, maximum, others = []) {
    const each = surfaces.map((values) => values.filter(Number.isFinite));
    let low = Infinity;
    let high = -Infinity;
    let positive = Infinity;
    for (const values of [...each, others]) {
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
        if (value > 0 && value < positive) positive = value;
      }
    }
    if (low > high) return new Scale(0, 1, false, false); // nothing evaluated yet
    const spans = high > LOG_FROM_RATIO * positive;
    const log = positive <= high && (kind === "log" || (kind === "auto" && low >= 0 && spans));
    const top = high;
    if (log) low = positive;
    if (maximum === "auto") {
      const usual = log ? low : usualHeight(each, low);
      maximum = usual > low && high - low > CLIPPED_FROM * (usual - low) ? usual : null;
    }
    if (!log && high > LARGEST) maximum = Math.min(LARGEST, maximum ?? LARGEST);
    if (maximum !== null && maximum > low) high = Math.min(high, maximum);
    const rounding = 1e-9 * Math.max(Math.abs(low), Math.abs(high));
    if (!(high - low > Math.max(rounding, log ? 0 : SMALLEST))) {
      const margin = Math.max(0.5, 0.5 * Math.abs(low));
      [low, high] = log ? [low / 2, low * 2] : [low - margin, high + margin];
    }
    const onFloor = (/** @type {Float64Array} */ values) => values.filter((v) => v <= 0).length;
    const floored = log ? each.reduce((sum, values) => sum + onFloor(values), 0) : 0;
    return new Scale(low, high, log, top > high, "", floored);
  }

  /** The scale of accuracies: all that are possible. */
  static ofAccuracies() {
    return new Scale(0, 1, false, false, " %");
  }

  /**
   * The height at which a value is drawn; null where it is not finite.
   *
   * @param {number} value
   * @returns {number | null}
   */
  height(value) {
    return Number.isFinite(value) ? this.unclipped(Math.min(value, this.high)) : null;
  }

  /**
   * The same with values above `high` higher than that.
   *
   * @param {number} value
   * @returns {number | null}
   */
  unclipped(value) {
    if (!Number.isFinite(value)) return null;
    const raised = Math.max(value, this.low);
    return this.log ? Math.log10(raised) : raised;
  }

  /** @returns {[number, number]} the heights of the lowest and the highest value */
  get limits() {
    return this.log ? [Math.log10(this.low), Math.log10(this.high)] : [this.low, this.high];
  }

  /**
   * About `num` round values from low to high.
   *
   * @param {number} num
   * @returns {number[]}
   */
  levels(num) {
    if (!this.log || this.high < 10 * this.low) {
      const step = roundUp(this.high / num - this.low / num);
      const first = Math.ceil(this.low / step);
      const count = Math.floor(this.high / step) - first + 1;
      return Array.from({ length: count }, (_, k) => (first + k) * step);
    }
    const first = Math.floor(Math.log10(this.low));
    const last = Math.ceil(Math.log10(this.high));
    const powers = (/** @type {number} */ step) =>
      Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, k) => first + k * step);
    /** @type {number[]} */
    let levels;
    if (last - first >= num) {
      levels = powers(Math.ceil((last - first) / num)).map((e) => Number(`1e${e}`));
    } else {
      const choices = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]];
      const enough = (/** @type {number[]} */ m) =>
        m.length * Math.log10(this.high / this.low) >= num * 0.6;
      const multiples = choices.find(enough) ?? choices[3];
      levels = powers(1).flatMap((e) => multiples.map((m) => Number(`${m}e${e}`)));
    }
    return levels.filter((level) => level >= this.low && level <= this.high);
  }

  /**
   * Ticks for an axis of heights.
   *
   * @param {number} num about how many
   */
  ticks(num) {
    const levels = this.levels(num);
    return {
      tickvals: levels.map((level) => this.height(level)),
      ticktext: levels.map((level) => this.text(level)),
    };
  }

  /**
   * A value as text, with its unit.
   *
   * @param {number} value
   */
  text(value) {
    return this.unit ? `${number(100 * value)}${this.unit}` : number(value);
  }
}

/** A number with no more characters is a round one. */
const ROUND = 9;

/**
 * A short text: `0.05`, `30`, `1e4`. Round numbers have all of their digits, others three.
 *
 * @param {number} value
 */
export function number(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const short = Number(value.toPrecision(3));
  if (value === 0 || (Math.abs(short) >= 0.001 && Math.abs(value) < 10000)) {
    const exact = String(Number(value.toPrecision(10)));
    return exact.length <= ROUND ? exact : String(short);
  }
  const exact = String(Number(value.toExponential(9).split("e")[0]));
  const digits = exact.length <= ROUND ? 9 : 2;
  const [mantissa, exponent] = value.toExponential(digits).split("e");
  return `${Number(mantissa)}e${Number(exponent)}`;
}

/**
 * The lowest maximum that clips few points of every surface and flattens none.
 *
 * @param {Float64Array[]} surfaces finite losses
 * @param {number} low where the picture begins
 */
function usualHeight(surfaces, low) {
  const heights = surfaces
    .filter((values) => values.length)
    .map((values) => {
      const sorted = values.toSorted();
      const few = sorted[Math.ceil((1 - CLIPPED_PART) * sorted.length) - 1];
      const kept = low + (sorted[0] - low) / (1 - KEPT_HEIGHT);
      return Math.min(Math.max(few, kept), sorted[sorted.length - 1]);
    });
  return Math.max(...heights);
}

/**
 * The next of …, 1, 2, 5, 10, … at or above.
 *
 * @param {number} step
 */
function roundUp(step) {
  const exponent = Math.floor(Math.log10(step));
  const power = exponent < -300 ? 10 ** exponent : Number(`1e${exponent}`);
  return ([1, 2, 5].find((m) => m * power >= step * (1 - 1e-9)) ?? 10) * power;
}
