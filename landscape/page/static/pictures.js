/** Plotly traces of a surface: in 3-D, or from above. */

import { titleOf } from "landscape/bar.js";
import { walls } from "landscape/block.js";
import { families, lines } from "landscape/contours.js";
import { heights as ends, spans } from "landscape/fit.js";
import { color, escape, paper } from "landscape/look.js";
import { coarse, fine } from "landscape/mesh.js";
import { deepest } from "landscape/minima.js";
import { hasDots } from "landscape/notes.js";
import {
  at,
  beads,
  crosses,
  dots,
  dotsOnRelief,
  lonely,
  lowest,
  marker,
  middle,
  onRelief,
  places,
  smaller,
} from "landscape/points.js";
import { isCurvature } from "landscape/quantity.js";

/** @typedef {import("landscape/look.js").Style} Style */
/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/**
 * @typedef {object} Shown
 * @property {import("landscape/quantity.js").Quantity} quantity
 * @property {string} label what the values are
 * @property {Scale} scale of heights
 * @property {Scale} colors
 * @property {boolean} marks
 * @property {boolean} paths
 * @property {boolean} points whether dots show where the quantity was evaluated
 * @property {Style} style
 * @property {number} [tall] height of the box of a relief, in widths
 */

/**
 * In coordinates of the picture, whose depth is nearly 1: from the left above, wherever the camera
 * is, so that the two sides of every ridge differ.
 */
const LIGHT = { x: -3, y: 3, z: 0.98 };

const VERTICES = 150; // of a relief along each axis, about: with fewer plotly adds its own
const TICK = 20; // pixels between an axis and its numbers, at a relief
const PIXELS = 200; // of contours along each axis, about

/** Contour lines of a relief. */
const LINES = { show: true, color: "rgba(0, 0, 0, 0.6)", width: 1.5, highlight: false };

/**
 * A relief.
 *
 * @param {Surface} surface
 * @param {Shown} shown
 * @param {import("landscape/state.js").Camera} camera
 */
export function relief(surface, shown, camera) {
  const { scale, colors, style } = shown;
  const heights = surface.values(shown.quantity);
  const [cmin, cmax] = colors.limits;
  /** @type {any[]} */
  const data = [];
  // Next to a missing point plotly needs seconds for every frame with lines.
  const isWhole = heights.every(Number.isFinite);
  const levels = (isWhole ? families(scale) : []).map((family) => ({ ...LINES, ...family }));
  const mesh = fine(surface, (k) => scale.height(heights[k]), scale, VERTICES);
  const shades = fine(surface, (k) => colors.height(heights[k]), colors, VERTICES);
  if (heights.some(Number.isFinite)) { // else plotly throws
    data.push({
      type: "surface",
      ...mesh,
      surfacecolor: shades.z,
      cmin,
      cmax,
      colorscale: style.colorscale,
      colorbar: bar(shown),
      hoverinfo: "none",
      lighting: { ambient: 0.6, diffuse: 0.8, specular: 0.1, roughness: 0.5, fresnel: 0.1 },
      lightposition: LIGHT,
      contours: {
        x: { highlight: false },
        y: { highlight: false },
        z: levels[0] ?? { highlight: false },
      },
    });
  }
  const on = (/** @type {import("landscape/points.js").Place[]} */ points) =>
    onRelief(points.map(({ k }) => heights[k]), scale);
  if (hasDots(surface, shown)) {
    const { quantity } = shown;
    const there = onRelief(surface.sampled(quantity), scale);
    data.push({ ...dotsOnRelief(surface, quantity, colors), ...there });
  }
  const alone = lonely(surface, heights);
  if (alone.length > 0) data.push({ ...smaller(beads(alone, heights, shown)), ...on(alone) });
  if (shown.marks && isCurvature(shown.quantity)) {
    const { loose, trace } = crosses(surface, shown.quantity, colors);
    data.push({ ...trace, ...on(loose) });
  }
  if (shown.marks) {
    const center = middle(surface);
    data.push({
      ...marker(center, "cross", 4, "#ffffff", "#000000"),
      ...on(center),
      hoverinfo: "none",
    });
  }
  if (shown.marks && shown.quantity === "loss") {
    const minima = deepest(surface, scale).map(({ i, j }) => at(surface, i, j));
    data.push(
      {
        ...marker(minima, "circle", 2.5, "#ffffff", "#000000"),
        ...on(minima),
        hoverinfo: "none",
      },
      {
        ...marker(places(surface.marks), "diamond", 5, style.text, "#888888"),
        type: "scatter3d",
        z: surface.marks.map(({ loss }) => scale.height(loss ?? NaN)),
        text: surface.marks.map(({ name }) => escape(name)),
        mode: "markers+text",
        hoverinfo: "none",
        meta: "mark",
      },
      {
        type: "scatter3d",
        x: surface.marks.flatMap(({ alpha }) => [alpha, alpha, null]),
        y: surface.marks.flatMap(({ beta }) => [beta, beta, null]),
        z: surface.marks.flatMap(({ loss, below }) => [
          scale.height(loss ?? NaN),
          scale.height(below ?? NaN),
          null,
        ]),
        mode: "lines",
        line: { color: style.text, width: 1.5 },
        hoverinfo: "skip",
      },
    );
  }
  if (shown.paths && shown.quantity === "loss") {
    surface.paths.forEach((path, order) => {
      const line = { color: color(order, style), width: 5 };
      const own = path.losses.map((loss) => scale.height(loss ?? NaN));
      const below = path.plane_losses.map((loss) => scale.height(loss ?? NaN));
      data.push({
        type: "scatter3d",
        x: path.alphas,
        y: path.betas,
        z: own,
        mode: "lines+markers",
        line,
        marker: { size: 3, color: line.color },
        hoverinfo: "none",
        meta: `path ${order}`,
      });
      // From every net down (or up) to the plane: a path does not lie on the surface.
      const drops = path.alphas.map((_, k) => k).filter((k) => below[k] !== null);
      data.push({
        type: "scatter3d",
        x: drops.flatMap((k) => [path.alphas[k], path.alphas[k], null]),
        y: drops.flatMap((k) => [path.betas[k], path.betas[k], null]),
        z: drops.flatMap((k) => [own[k], below[k], null]),
        mode: "lines",
        line: { color: line.color, width: 1.5 },
        hoverinfo: "skip",
      });
    });
  }
  if (data[0]?.type === "surface") {
    data.push(
      ...levels.slice(1).map((family) => ({
        ...data[0],
        surfacecolor: undefined,
        hidesurface: true,
        showscale: false,
        contours: { ...data[0].contours, z: family },
      })),
    );
  }
  const axis = {
    color: style.text,
    gridcolor: style.grid,
    zerolinecolor: style.grid,
    showspikes: false,
    nticks: 6,
    ticks: "outside",
    ticklen: TICK, // so far from a wall that it hides no number
    tickcolor: style.grid,
  };
  const { alphas, betas } = spans(surface, shown.paths, shown.marks);
  const floor = 0.9 * ends(scale)[0] + 0.1 * scale.limits[0];
  // Inside of a block one would not see them.
  const isOpen = shown.quantity === "loss" &&
    ((shown.paths && surface.paths.length > 0) || (shown.marks && surface.marks.length > 0));
  if (!isOpen) data.push(...walls(mesh, floor, style.base));
  const scene = {
    xaxis: { ...axis, title: { text: escape(surface.axes[0]) }, range: alphas },
    yaxis: { ...axis, title: { text: escape(surface.axes[1]) }, range: betas },
    zaxis: {
      ...axis,
      title: { text: "" },
      range: ends(scale), // fixed, or the box jumps while points arrive
      ...scale.ticks(7),
    },
    aspectmode: "manual",
    aspectratio: { x: 1, y: 1, z: shown.tall ?? 0.75 },
    dragmode: false, // the page turns it
    camera,
  };
  const margin = { l: 0, r: 0, t: 0, b: 0 };
  return { data: data.map(nameless), layout: { ...paper(style), margin, scene } };
}

/**
 * A surface from above.
 *
 * @param {Surface} surface
 * @param {Shown} shown
 * @param {"contour" | "heatmap"} type
 */
export function flat(surface, shown, type) {
  const { colors, style } = shown;
  const heights = surface.values(shown.quantity);
  const [low, high] = colors.limits;
  const isContour = type === "contour";
  // Clipped after the interpolation, as in figures: the border of what is cut off is smooth.
  const mesh = isContour
    ? fine(surface, (k) => colors.unclipped(heights[k]), colors, PIXELS)
    : coarse(surface, (k) => colors.height(heights[k]));
  /** @type {any} */
  const picture = {
    type,
    ...mesh,
    zmin: low,
    zmax: high,
    colorscale: style.colorscale,
    colorbar: bar(shown),
    hoverinfo: "none",
  };
  if (isContour) { // colors alone: the lines are a trace of their own
    const contours = { coloring: "heatmap", start: high + 1, end: high + 1, size: 1 };
    Object.assign(picture, { contours, autocontour: false, line: { width: 0 } });
  }
  /** @type {any[]} */
  const data = [picture];
  if (hasDots(surface, shown)) data.push(dots(surface, shown.quantity, colors));
  const alone = isContour ? lonely(surface, heights) : [];
  if (alone.length > 0) data.push(beads(alone, heights, shown));
  if (shown.paths) {
    surface.paths.forEach((path, order) => {
      const line = { color: color(order, style), width: 2 };
      data.push(
        { ...nets(path), mode: "lines", line: { color: "#ffffff", width: 4 }, hoverinfo: "skip" },
        {
          ...nets(path),
          mode: "lines+markers",
          line,
          marker: {
            size: path.steps.map((_, k) => (k === path.steps.length - 1 ? 13 : 5)),
            symbol: path.steps.map((_, k) => (k === path.steps.length - 1 ? "star" : "circle")),
            color: line.color,
            opacity: 1,
            line: { color: "#ffffff", width: 1 },
          },
          hoverinfo: "none",
          meta: `path ${order}`,
        },
      );
    });
  }
  if (shown.marks) {
    if (isCurvature(shown.quantity)) {
      data.push(crosses(surface, shown.quantity, colors).trace);
    }
    const minima = shown.quantity === "loss" ? lowest(surface, shown.scale) : [];
    data.push({ ...marker(minima, "circle", 5, "#ffffff", "#000000"), hoverinfo: "none" });
    data.push({
      ...marker(middle(surface), "cross-thin", 12, "#ffffff", "#ffffff"),
      hoverinfo: "none",
    });
    data.push({
      ...marker(places(surface.marks), "triangle-up", 9, "#ffffff", "#000000"),
      text: surface.marks.map(({ title }) => escape(title)),
      mode: "markers+text",
      textposition: "top right",
      textfont: { color: "#ffffff", shadow: "0 0 3px #000, 0 0 3px #000" },
      hoverinfo: "none",
      meta: "mark",
    });
  }
  if (isContour) data.push(...lines(mesh, colors));
  // Without zooming a finger can scroll the page, and all pictures show the same.
  const fixedrange = true;
  const axis = {
    color: style.text,
    showgrid: false,
    zeroline: false,
    constrain: "domain",
    fixedrange,
  };
  const spans = [surface.alphas, surface.betas].map((a) => a[a.length - 1] - a[0]);
  const square = Math.max(...spans) < 4 * Math.min(...spans);
  const layout = {
    ...paper(style),
    margin: { l: 48, r: 12, t: 8, b: 40 },
    plot_bgcolor: style.missing,
    xaxis: {
      ...axis,
      title: { text: escape(surface.axes[0]), standoff: 4 },
      range: range(surface.alphas, type),
    },
    yaxis: {
      ...axis,
      title: { text: escape(surface.axes[1]), standoff: 4 },
      range: range(surface.betas, type),
      ...(square ? { scaleanchor: "x" } : {}),
    },
    hovermode: "closest",
  };
  return { data: data.map(nameless), layout };
}

/** @param {Shown} shown */
function bar({ label, colors, style }) {
  const title = titleOf(label, colors);
  return {
    orientation: "h",
    thickness: 10,
    len: 0.9,
    y: 0,
    yanchor: "top",
    ypad: 44,
    outlinewidth: 0,
    title: { text: title, side: "bottom" },
    tickcolor: style.text,
    ...colors.ticks(5),
  };
}

/** @param {import("landscape/surface.js").Path} path */
function nets(path) {
  return { x: path.alphas, y: path.betas };
}

/** @param {any} trace */
function nameless(trace) {
  return { name: "", showlegend: false, ...trace };
}

/**
 * @param {Float64Array} axis
 * @param {"contour" | "heatmap"} type
 */
function range(axis, type) {
  const half = type === "heatmap" ? (axis[1] - axis[0]) / 2 : 0;
  return [axis[0] - half, axis[axis.length - 1] + half];
}
