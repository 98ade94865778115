/** Heights between the points of a grid, by the rules of landscape/figures/between.py. */

/**
 * @typedef {object} Heights
 * @property {ArrayLike<number>} alphas
 * @property {ArrayLike<number>} betas
 * @property {ArrayLike<number>[]} rows one per beta, with one entry per alpha; NaN where missing
 */

/**
 * Heights at about `num` coordinates of each axis: its own, and evenly spaced ones in between.
 *
 * Monotone cubic along one axis, then along the other (PCHIP; the mean of both orders): through the
 * given heights, without further extrema, and missing between four of which one is missing.
 *
 * @param {Heights} heights
 * @param {number} num
 * @returns {Heights}
 */
export function between({ alphas, betas, rows }, num) {
  const [across, along] = [division(alphas, num), division(betas, num)];
  const one = lines(betas, transposed(lines(alphas, rows, across)), along);
  const other = lines(alphas, transposed(lines(betas, transposed(rows), along)), across);
  return {
    alphas: finer(alphas, across),
    betas: finer(betas, along),
    rows: other.map((line, j) => line.map((height, i) => (height + one[i][j]) / 2)),
  };
}

/**
 * The monotone cubic through values along one axis, at about `num` coordinates.
 *
 * @param {ArrayLike<number>} axis two coordinates or more
 * @param {ArrayLike<number>} values NaN where missing
 * @param {number} num
 * @returns {{x: Float64Array, y: Float64Array}}
 */
export function curve(axis, values, num) {
  const pieces = division(axis, num);
  return { x: finer(axis, pieces), y: lines(axis, [values], pieces)[0] };
}

/**
 * Into how many pieces an interval of an axis is divided for about `num` coordinates.
 *
 * @param {ArrayLike<number>} axis
 * @param {number} num
 */
function division(axis, num) {
  return Math.max(1, Math.floor(num / axis.length + 0.5));
}

/**
 * @param {ArrayLike<number>} axis
 * @param {number} pieces of each interval
 */
function finer(axis, pieces) {
  return Float64Array.from({ length: (axis.length - 1) * pieces + 1 }, (_, k) => {
    const [i, part] = [Math.floor(k / pieces), (k % pieces) / pieces];
    return part === 0 ? axis[i] : axis[i] + part * (axis[i + 1] - axis[i]);
  });
}

/**
 * Interpolate along every row; what is missing divides it into parts of their own.
 *
 * @param {ArrayLike<number>} axis
 * @param {ArrayLike<number>[]} rows
 * @param {number} pieces of each interval
 */
function lines(axis, rows, pieces) {
  const steps = Float64Array.from({ length: axis.length - 1 }, (_, k) => axis[k + 1] - axis[k]);
  return rows.map((values) => {
    const result = new Float64Array(steps.length * pieces + 1).fill(NaN);
    for (let first = 0; first < values.length; first++) {
      if (Number.isNaN(values[first])) continue;
      let last = first;
      while (last < steps.length && !Number.isNaN(values[last + 1])) last++;
      pchip(result, steps, values, first, last, pieces);
      first = last;
    }
    return result;
  });
}

/**
 * Write the monotone cubic through some values, of which each piece lies between its ends.
 *
 * @param {Float64Array} result
 * @param {Float64Array} steps from each value to the next
 * @param {ArrayLike<number>} values
 * @param {number} first
 * @param {number} last
 * @param {number} pieces of each step
 */
function pchip(result, steps, values, first, last, pieces) {
  const slopes = slopesOf(steps, values, first, last);
  for (let k = first; k < last; k++) {
    const rise = values[k + 1] - values[k];
    const [begin, end] = [steps[k] * slopes[k - first], steps[k] * slopes[k + 1 - first]];
    for (let piece = 0; piece < pieces; piece++) {
      const t = piece / pieces;
      const s = 1 - t;
      result[k * pieces + piece] = values[k] + t * t * (1 + 2 * s) * rise +
        t * s * (s * begin - t * end);
    }
  }
  result[last * pieces] = values[last];
}

/**
 * Slopes of a monotone cubic (Fritsch and Butland, 1984) at values from the first to the last.
 *
 * @param {Float64Array} steps
 * @param {ArrayLike<number>} values
 * @param {number} first
 * @param {number} last
 */
function slopesOf(steps, values, first, last) {
  const slope = (/** @type {number} */ k) => (values[k + 1] - values[k]) / steps[k];
  if (last - first < 2) return [slope(first), slope(first)];
  const result = [slopeAtEnd(steps[first], steps[first + 1], slope(first), slope(first + 1))];
  for (let k = first + 1; k < last; k++) {
    const [before, after] = [slope(k - 1), slope(k)];
    // Their harmonic mean, weighted.
    const [a, b] = [2 * steps[k] + steps[k - 1], steps[k] + 2 * steps[k - 1]];
    const isMonotone = Math.sign(before) * Math.sign(after) > 0;
    result.push(isMonotone ? (a + b) / (a / before + b / after) : 0);
  }
  result.push(slopeAtEnd(steps[last - 1], steps[last - 2], slope(last - 1), slope(last - 2)));
  return result;
}

/**
 * That of the parabola through three values, limited so that it stays monotone.
 *
 * @param {number} step from the end
 * @param {number} next
 * @param {number} rise of the first step
 * @param {number} following
 */
function slopeAtEnd(step, next, rise, following) {
  const slope = ((2 * step + next) * rise - step * following) / (step + next);
  if (Math.sign(slope) !== Math.sign(rise)) return 0;
  const turns = Math.sign(rise) !== Math.sign(following);
  return turns && Math.abs(slope) > 3 * Math.abs(rise) ? 3 * rise : slope;
}

/** @param {ArrayLike<number>[]} rows */
function transposed(rows) {
  return Array.from(
    { length: rows[0].length },
    (_, i) => Float64Array.from(rows, (row) => row[i]),
  );
}
