/** Plotly traces along one axis: the cut line, and the distances of paths. */

import { color, escape, paper } from "landscape/look.js";
import { number } from "landscape/scale.js";
import { coordinate } from "landscape/surface.js";

/** @typedef {import("landscape/look.js").Style} Style */
/** @typedef {import("landscape/quantity.js").Quantity} Quantity */
/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/**
 * The values of every net along one line of the plane.
 *
 * @param {Surface[]} surfaces
 * @param {Quantity} quantity
 * @param {"alpha" | "beta"} axis the coordinate that is constant
 * @param {number} at
 * @param {string} label what the values are
 * @param {Scale} scale
 * @param {Style} style
 */
export function profiles(surfaces, quantity, axis, at, label, scale, style) {
  const unit = unitOf(quantity);
  const [fixed, along] = axis === "beta" ? ["β", "α"] : ["α", "β"];
  const data = surfaces.flatMap((surface, order) => {
    const values = surface.values(quantity);
    const { at: there, x, y } = surface.profile(axis, at, values, quantity);
    // Of one net alone the line has no color, which paths might have as well.
    const line = { color: surfaces.length > 1 ? color(order, style) : style.text, width: 2 };
    const errors = surface.profile(axis, at, surface.errors, "loss").y;
    const lowest = scale.log ? scale.low : -Infinity;
    return [
      {
        ...band(x, y, quantity === "loss" ? errors : [], lowest),
        fill: "toself",
        fillcolor: line.color,
        opacity: 0.25,
        mode: "lines",
        line: { width: 0 },
        hoverinfo: "skip",
        showlegend: false,
      },
      {
        x,
        y: y.map((value) => (value === null ? null : unit * value)),
        mode: x.length < 30 ? "lines+markers" : "lines",
        marker: { size: 4 },
        line,
        name: escape(`${surface.name}, ${fixed} = ${coordinate(there)}`),
        hovertemplate: `${along} %{x:.4~g}: %{y:.4~g}<extra></extra>`,
      },
    ];
  });
  const [low, high] = scale.limits;
  const margin = 0.03 * (high - low);
  const levels = scale.levels(6);
  return {
    data,
    layout: chart(style, labelOf(surfaces, along), {
      type: scale.log ? "log" : "linear",
      ...(quantity === "accuracy" ? {} : { tickvals: levels, ticktext: levels.map(number) }),
      range: [unit * (low - margin), unit * (high + margin)],
      title: { text: titleOf(quantity, label) },
    }),
  };
}

/**
 * How far every net of every path is off the plane.
 *
 * @param {Surface[]} surfaces
 * @param {Style} style
 */
export function distances(surfaces, style) {
  const paths = surfaces
    .flatMap((surface) => surface.paths.map((path, order) => ({ surface, path, order })))
    .filter(({ path }) => path.off_plane);
  const units = new Set(paths.map(({ path }) => path.unit));
  const unit = units.size === 1 ? [...units][0] : [...units].join(" or ");
  return {
    data: paths.map(({ surface, path, order }) => ({
      x: path.steps,
      y: path.distances,
      mode: "lines+markers",
      line: { color: color(order, style), dash: surface === surfaces[0] ? "solid" : "dot" },
      name: escape(surfaces.length > 1 ? `${path.name} (${surface.name})` : path.name),
      hovertemplate: "%{x}: %{y:.4~g}<extra></extra>",
    })),
    layout: chart(style, unit, {
      rangemode: "tozero",
      title: { text: "distance off the plane" },
    }),
  };
}

/**
 * The border of what lies within an error of a curve, a piece for each run of known points.
 *
 * @param {number[]} x
 * @param {(number | null)[]} y
 * @param {(number | null)[]} errors
 * @param {number} lowest where the border ends below
 */
function band(x, y, errors, lowest) {
  /** @type {number[][]} */
  const runs = [[]];
  for (const k of errors.keys()) {
    if (y[k] !== null && errors[k] !== null) runs[runs.length - 1].push(k);
    else runs.push([]);
  }
  /** @type {(number | null)[]} */ const along = [];
  /** @type {(number | null)[]} */ const border = [];
  for (const run of runs.filter((run) => run.length > 1)) {
    for (const k of run) {
      along.push(x[k]);
      border.push(Number(y[k]) + Number(errors[k]));
    }
    for (const k of run.toReversed()) {
      along.push(x[k]);
      border.push(Math.max(Number(y[k]) - Number(errors[k]), lowest));
    }
    along.push(null);
    border.push(null);
  }
  return { x: along, y: border };
}

/**
 * The label of an axis that all share; its name alone where their labels differ.
 *
 * @param {Surface[]} surfaces
 * @param {string} along α or β
 */
export function labelOf(surfaces, along) {
  const labels = new Set(surfaces.map(({ axes }) => axes[along === "α" ? 0 : 1]));
  return labels.size === 1 ? escape([...labels][0]) : along;
}

/**
 * What a chart multiplies a quantity with: an accuracy is drawn in percent.
 *
 * @param {Quantity} quantity
 */
export function unitOf(quantity) {
  return quantity === "accuracy" ? 100 : 1;
}

/**
 * @param {Quantity} quantity
 * @param {string} label
 */
export function titleOf(quantity, label) {
  return quantity === "accuracy" ? `${label} (%)` : label;
}

/**
 * @param {Style} style
 * @param {string} along what is along x
 * @param {any} yaxis
 */
export function chart(style, along, yaxis) {
  const axis = { color: style.text, gridcolor: style.grid, zerolinecolor: style.grid };
  return {
    ...paper(style),
    margin: { l: 60, r: 12, t: 8, b: 40 },
    showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    xaxis: { ...axis, title: { text: along } },
    yaxis: { ...axis, ...yaxis },
  };
}
