/** What plotly is told to draw of a surface: a relief, or a picture from above. */

import { color, paper } from "landscape/look.js";

/** @typedef {import("landscape/look.js").Style} Style */
/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/**
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
