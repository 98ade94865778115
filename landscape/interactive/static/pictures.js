/** What plotly is told to draw: a surface as a relief or from above, and lines. */

import { number } from "landscape/scale.js";
import { coordinate } from "landscape/surface.js";

/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/** Of Okabe and Ito, told apart by the colorblind. */
const COLORS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];

/** Nothing is sent anywhere: plotly offers an upload by default. */
export const CONFIG = {
  displayModeBar: false,
  showSendToCloud: false,
  plotlyServerURL: "",
  showTips: false,
};

/**
 * @typedef {object} Style
 * @property {string} text color of letters
 * @property {string} grid color of grid lines
 * @property {string} missing color of what is not known
 * @property {any} colorscale
 *
 * @typedef {object} Shown
 * @property {"loss" | "accuracy"} quantity
 * @property {string} label what the losses are
 * @property {Scale} scale of heights
 * @property {Scale} colors
 * @property {boolean} marks
 * @property {boolean} paths
 * @property {Style} style
 */

/**
 * The color of the net or the path of that number, as text.
 *
 * @param {number} order
 * @param {Style} style
 */
export function color(order, style) {
  return order < COLORS.length ? COLORS[order] : style.text;
}

/**
 * @param {Surface} surface
 * @param {Shown} shown
 */
function values(surface, shown) {
  return shown.quantity === "loss" ? surface.losses : surface.accuracies;
}

/**
 * A relief.
 *
 * @param {Surface} surface
 * @param {Shown} shown
 * @param {import("landscape/state.js").Camera} camera
 */
export function relief(surface, shown, camera) {
  const { scale, colors, style } = shown;
  const heights = values(surface, shown);
  const [cmin, cmax] = colors.limits;
  /** @type {any[]} */
  const data = [
    {
      type: "surface",
      x: Array.from(surface.alphas),
      y: Array.from(surface.betas),
      z: surface.rows((k) => scale.height(heights[k])),
      surfacecolor: surface.rows((k) => colors.height(heights[k])),
      cmin,
      cmax,
      colorscale: style.colorscale,
      colorbar: bar(shown),
      hoverinfo: "none",
      lighting: { ambient: 0.6, diffuse: 0.7, specular: 0.12, roughness: 0.6 },
      contours: { x: { highlight: false }, y: { highlight: false }, z: { highlight: false } },
    },
  ];
  if (shown.marks) {
    const dots = lowest(surface);
    data.push(
      {
        ...marker(dots, "circle", 2.5, "#ffffff", "#000000"),
        type: "scatter3d",
        z: dots.map(({ k }) => scale.height(heights[k])),
        hoverinfo: "none",
      },
    );
    const named = surface.marks.filter(() => shown.quantity === "loss");
    data.push({
      ...marker(
        named.map(({ alpha, beta }) => ({ x: alpha, y: beta })),
        "diamond",
        5,
        style.text,
        "#888888",
      ),
      type: "scatter3d",
      z: named.map(({ loss }) => scale.height(loss ?? NaN)),
      text: named.map(({ name }) => name),
      mode: "markers+text",
      hoverinfo: "none",
      meta: "mark",
    });
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
  const axis = {
    color: style.text,
    gridcolor: style.grid,
    zerolinecolor: style.grid,
    showspikes: false,
    nticks: 6,
  };
  const [low, high] = scale.limits;
  const margin = 0.01 * (high - low);
  const scene = {
    xaxis: { ...axis, title: { text: "α" } },
    yaxis: { ...axis, title: { text: "β" } },
    zaxis: {
      ...axis,
      title: { text: "" },
      range: [low - margin, high + margin], // fixed, or the box jumps while points arrive
      ...scale.ticks(7),
    },
    aspectmode: "manual",
    aspectratio: { x: 1, y: 1, z: 0.75 },
    dragmode: "turntable",
    camera,
  };
  return { data: data.map(nameless), layout: { ...paper(style), scene } };
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
  const heights = values(surface, shown);
  const [low, high] = colors.limits;
  /** @type {any} */
  const picture = {
    type,
    x: Array.from(surface.alphas),
    y: Array.from(surface.betas),
    z: surface.rows((k) => colors.height(heights[k])),
    zmin: low,
    zmax: high,
    colorscale: style.colorscale,
    colorbar: bar(shown),
    hoverinfo: "none",
  };
  if (type === "contour") {
    picture.autocontour = false;
    picture.contours = { start: low, end: high, size: (high - low) / 20 };
    picture.line = { width: 0.6, color: "rgba(0, 0, 0, 0.55)" };
  }
  /** @type {any[]} */
  const data = [picture];
  if (shown.paths) {
    surface.paths.forEach((path, order) => {
      const line = { color: color(order, style), width: 2 };
      data.push(
        { ...nets(path), mode: "lines", line: { color: "#ffffff", width: 4 }, hoverinfo: "skip" },
        {
          ...nets(path),
          mode: "lines+markers",
          line,
          marker: { size: 5, color: line.color },
          hoverinfo: "none",
          meta: `path ${order}`,
        },
      );
    });
  }
  if (shown.marks) {
    data.push({ ...marker(lowest(surface), "circle", 5, "#ffffff", "#000000"), hoverinfo: "none" });
    const center = surface.center;
    data.push({
      ...marker(center ? [{ x: 0, y: 0 }] : [], "cross-thin", 10, "#ffffff", "#ffffff"),
      hoverinfo: "none",
    });
    data.push({
      ...marker(
        surface.marks.map(({ alpha, beta }) => ({ x: alpha, y: beta })),
        "triangle-up",
        9,
        "#ffffff",
        "#000000",
      ),
      text: surface.marks.map(({ name }) => name),
      mode: "markers+text",
      textposition: "top right",
      textfont: { color: "#ffffff", shadow: "0 0 3px #000, 0 0 3px #000" },
      hoverinfo: "none",
      meta: "mark",
    });
  }
  const axis = { color: style.text, showgrid: false, zeroline: false, constrain: "domain" };
  const spans = [surface.alphas, surface.betas].map((a) => a[a.length - 1] - a[0]);
  const square = Math.max(...spans) < 4 * Math.min(...spans);
  const layout = {
    ...paper(style),
    margin: { l: 52, r: 12, t: 8, b: 104 },
    plot_bgcolor: style.missing,
    xaxis: { ...axis, title: { text: "α", standoff: 4 }, range: range(surface.alphas, type) },
    yaxis: {
      ...axis,
      title: { text: "β", standoff: 4 },
      range: range(surface.betas, type),
      ...(square ? { scaleanchor: "x" } : {}),
    },
    hovermode: "closest",
  };
  return { data: data.map(nameless), layout };
}

/**
 * The values of every net along one line of the plane.
 *
 * @param {Surface[]} surfaces
 * @param {"loss" | "accuracy"} quantity
 * @param {"alpha" | "beta"} axis the coordinate that is constant
 * @param {number} at
 * @param {string} label what the losses are
 * @param {Scale} scale
 * @param {Style} style
 */
export function profiles(surfaces, quantity, axis, at, label, scale, style) {
  /** @type {any[]} */
  const data = [];
  surfaces.forEach((surface, order) => {
    const of = quantity === "loss" ? surface.losses : surface.accuracies;
    const { at: there, x, y } = surface.profile(axis, at, of);
    const line = { color: color(order, style), width: 2 };
    const unit = quantity === "loss" ? 1 : 100;
    if (quantity === "loss") {
      const error = surface.profile(axis, at, surface.errors).y;
      const known = x.map((_, k) => k).filter((k) => y[k] !== null && error[k] !== null);
      const edge = (/** @type {number} */ sign) => (/** @type {number} */ k) =>
        Math.max((y[k] ?? 0) + sign * (error[k] ?? 0), scale.log ? scale.low : -Infinity);
      data.push({
        x: [...known.map((k) => x[k]), ...known.toReversed().map((k) => x[k])],
        y: [...known.map(edge(1)), ...known.toReversed().map(edge(-1))],
        fill: "toself",
        fillcolor: line.color,
        opacity: 0.25,
        line: { width: 0 },
        hoverinfo: "skip",
        showlegend: false,
      });
    }
    const name = `${surface.name}, ${axis === "beta" ? "β" : "α"} = ${coordinate(there)}`;
    data.push({
      x,
      y: y.map((value) => (value === null ? null : unit * value)),
      mode: "lines",
      line,
      name: escape(name),
      hovertemplate: `${axis === "beta" ? "α" : "β"} %{x:.4~g}: %{y:.4~g}<extra></extra>`,
    });
  });
  const [low, high] = scale.log ? scale.limits : [scale.low, scale.high];
  const margin = 0.03 * (high - low);
  const unit = quantity === "loss" ? 1 : 100;
  return {
    data,
    layout: {
      ...paper(style),
      margin: { l: 60, r: 12, t: 8, b: 40 },
      showlegend: true,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      xaxis: {
        color: style.text,
        gridcolor: style.grid,
        zerolinecolor: style.grid,
        title: { text: axis === "beta" ? "α" : "β" },
      },
      yaxis: {
        color: style.text,
        gridcolor: style.grid,
        zerolinecolor: style.grid,
        type: scale.log ? "log" : "linear",
        ...(quantity === "loss"
          ? { tickvals: scale.levels(6), ticktext: scale.levels(6).map(number) }
          : {}),
        range: [unit * (low - margin), unit * (high + margin)],
        title: { text: quantity === "loss" ? label : "accuracy (%)" },
      },
    },
  };
}

/**
 * How far every net of every path is off the plane.
 *
 * @param {Surface[]} surfaces
 * @param {Style} style
 */
export function distances(surfaces, style) {
  const paths = surfaces.flatMap((surface) =>
    surface.paths.map((path, order) => ({ surface, path, order }))
  );
  return {
    data: paths.map(({ surface, path, order }) => ({
      x: path.steps,
      y: path.distances,
      mode: "lines+markers",
      line: { color: color(order, style), dash: surface === surfaces[0] ? "solid" : "dot" },
      name: escape(surfaces.length > 1 ? `${path.name} (${surface.name})` : path.name),
      hovertemplate: "%{x}: %{y:.4~g}<extra></extra>",
    })),
    layout: {
      ...paper(style),
      margin: { l: 60, r: 12, t: 8, b: 40 },
      showlegend: true,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      xaxis: {
        color: style.text,
        gridcolor: style.grid,
        zerolinecolor: style.grid,
        title: { text: paths[0]?.path.unit ?? "" },
      },
      yaxis: {
        color: style.text,
        gridcolor: style.grid,
        zerolinecolor: style.grid,
        rangemode: "tozero",
        title: { text: "distance off the plane" },
      },
    },
  };
}

/** @param {Style} style */
function paper(style) {
  return {
    paper_bgcolor: "rgba(0, 0, 0, 0)",
    plot_bgcolor: "rgba(0, 0, 0, 0)",
    font: { color: style.text, family: "system-ui, sans-serif", size: 12 },
    margin: { l: 0, r: 0, t: 0, b: 66 },
    showlegend: false,
  };
}

/** @param {Shown} shown */
function bar({ quantity, label, colors, style }) {
  const clipped = colors.clipped ? `, clipped at ${colors.text(colors.high)}` : "";
  const title = quantity === "loss"
    ? `${label}${colors.log ? ", log scale" : ""}${clipped}`
    : "accuracy";
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

/** @param {Surface} surface */
function lowest(surface) {
  return surface.minima.map(([i, j]) => ({
    x: surface.alphas[i],
    y: surface.betas[j],
    k: surface.index(i, j),
  }));
}

/**
 * @param {{x: number, y: number}[]} points
 * @param {string} symbol
 * @param {number} size
 * @param {string} inside
 * @param {string} border
 */
function marker(points, symbol, size, inside, border) {
  return {
    x: points.map(({ x }) => x),
    y: points.map(({ y }) => y),
    mode: "markers",
    marker: { symbol, size, color: inside, line: { color: border, width: 1 } },
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

/**
 * A text that plotly must not read as markup.
 *
 * @param {string} text
 */
function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
