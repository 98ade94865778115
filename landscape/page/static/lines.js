/** 1-D scans: all lines in one chart, by the rules of landscape/figures/curves.py. */

import { curve } from "landscape/between.js";
import { chart, labelOf, titleOf, unitOf } from "landscape/charts.js";
import { color, escape } from "landscape/look.js";
import { number } from "landscape/scale.js";

/** @typedef {import("landscape/look.js").Style} Style */
/** @typedef {import("landscape/quantity.js").Quantity} Quantity */
/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

const POINTS = 400; // of a curve, about
const FEW = 25; // from so many points on they are not marked
const OFF_THE_LINE = 1e-6;

/**
 * The values of every line along α, with the range of its seeds as a band.
 *
 * @param {Surface[]} lines
 * @param {Quantity} quantity
 * @param {string} label what the values are
 * @param {Scale} scale
 * @param {boolean} marks
 * @param {Style} style
 */
export function lineChart(lines, quantity, label, scale, marks, style) {
  const unit = unitOf(quantity);
  const drawn = (/** @type {number} */ value) => Number.isFinite(value) ? unit * value : null;
  const data = lines.flatMap((line, order) => {
    const shade = color(order, style);
    const group = { legendgroup: line.id, showlegend: false, hoverinfo: "skip" };
    const known = line.knownPlaces(quantity);
    const x = known.map((k) => line.alphas[k]);
    const values = line.values(quantity);
    const seeds = line.seedsOf(quantity);
    /** @type {any[]} */
    const traces = [];
    if (seeds.length > 1) {
      const { low, high, there } = spread(seeds, known);
      traces.push(
        { ...group, ...smooth(x, there.map((is, k) => is ? drawn(low[k]) : null), scale), ...EDGE },
        {
          ...group,
          ...smooth(x, there.map((is, k) => is ? drawn(high[k]) : null), scale),
          ...EDGE,
          fill: "tonexty",
          fillcolor: translucent(shade, 0.2),
        },
        ...seeds.map((seed) => ({
          ...group,
          ...smooth(x, known.map((k) => drawn(seed[k])), scale),
          mode: "lines",
          line: { color: shade, width: 0.5 },
          opacity: 0.5,
        })),
      );
    }
    const name = escape(named(line, seeds.length));
    if (known.length > 1) {
      traces.push({
        legendgroup: line.id,
        name,
        hoverinfo: "skip",
        ...smooth(x, known.map((k) => drawn(values[k])), scale),
        mode: "lines",
        line: { color: shade, width: 2 },
        meta: "curve",
      });
    }
    traces.push({
      x,
      y: known.map((k) => drawn(values[k])),
      mode: "markers",
      marker: { size: 4, color: shade, opacity: known.length < FEW ? 1 : 0 },
      legendgroup: line.id,
      showlegend: known.length < 2,
      name,
      hovertemplate: "α %{x:.4~g}: %{y:.4~g}<extra></extra>",
      meta: "line",
    });
    if (marks && quantity === "loss") {
      // Where its statistics are another's, the line does not pass through a net's own loss.
      const own = line.marks.filter(({ loss }) => loss !== null);
      traces.push({
        ...group,
        x: own.map(({ alpha }) => alpha),
        y: own.map(({ loss }) => loss),
        mode: "markers",
        marker: { size: 7, color: shade },
        meta: "mark",
      });
    }
    return traces;
  });
  const [low, high] = scale.limits;
  const margin = 0.03 * (high - low);
  const levels = scale.levels(6);
  const layout = chart(style, labelOf(lines, "α"), {
    type: scale.log ? "log" : "linear",
    ...(quantity === "accuracy" ? {} : { tickvals: levels, ticktext: levels.map(number) }),
    range: [unit * (low - margin), unit * (high + margin)],
    title: { text: titleOf(quantity, label) },
  });
  return { data, layout: { ...layout, ...(marks ? marked(lines, style) : {}) } };
}

/**
 * The monotone cubic through values, in what the axis shows, as a surface is.
 *
 * @param {number[]} x
 * @param {(number | null)[]} y
 * @param {Scale} scale
 */
function smooth(x, y, { log, low }) {
  if (x.length < 2) return { x, y };
  const values = y.map((value) => value ?? NaN);
  const heights = log ? values.map((value) => Math.log10(value <= 0 ? low : value)) : values;
  const found = curve(x, heights, POINTS);
  const back = (/** @type {number} */ height) => log ? 10 ** height : height;
  return {
    x: [...found.x],
    y: [...found.y].map((height) => Number.isFinite(height) ? back(height) : null),
  };
}

const EDGE = { mode: "lines", line: { width: 0 } };

/**
 * The range of the seeds at known points, and where all that were evaluated are finite.
 *
 * @param {Float64Array[]} seeds NaN where not evaluated or not a number
 * @param {number[]} known
 */
function spread(seeds, known) {
  const every = known.map((k) => seeds.map((seed) => seed[k]).filter((v) => !Number.isNaN(v)));
  return {
    low: every.map((values) => Math.min(...values)),
    high: every.map((values) => Math.max(...values)),
    there: every.map((values) => values.length > 0 && values.every(Number.isFinite)),
  };
}

/**
 * @param {Surface} line
 * @param {number} seeds
 */
function named(line, seeds) {
  return seeds > 1 ? `${line.name} (median of ${seeds} seeds)` : line.name;
}

/**
 * Dotted lines where something is marked, with the names of it.
 *
 * @param {Surface[]} lines
 * @param {Style} style
 */
function marked(lines, style) {
  const all = lines.map(({ marks }) => marks.map(({ name, alpha }) => `${name} ${alpha}`).join());
  const differ = new Set(all.filter(Boolean)).size > 1;
  /** @type {Map<number, Set<string>>} */
  const names = new Map();
  for (const { name, marks } of lines) {
    for (const mark of marks) {
      const off = Math.abs(mark.beta) > OFF_THE_LINE ? " (off the line)" : "";
      const alpha = Number(mark.alpha.toFixed(9));
      const text = `${differ ? `${name}: ` : ""}${mark.name}${off}`;
      names.set(alpha, (names.get(alpha) ?? new Set()).add(text));
    }
  }
  const places = [...names.keys()];
  return {
    shapes: places.map((alpha) => ({
      type: "line",
      x0: alpha,
      x1: alpha,
      yref: "paper",
      y0: 0,
      y1: 1,
      line: { color: style.text, width: 1, dash: "dot" },
      opacity: 0.6,
    })),
    annotations: places.map((alpha) => ({
      x: alpha,
      yref: "paper",
      y: 1,
      xanchor: "left",
      yanchor: "top",
      textangle: 90,
      showarrow: false,
      text: escape([...(names.get(alpha) ?? [])].join(", ")),
    })),
  };
}

/**
 * @param {string} hex a color as #rrggbb, or one of the style sheet
 * @param {number} opacity
 */
function translucent(hex, opacity) {
  if (!/^#[0-9a-f]{6}$/i.test(hex)) return "rgba(128, 128, 128, 0.2)";
  const [r, g, b] = [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  return `rgba(${r}, ${g}, ${b}, ${opacity})`;
}
