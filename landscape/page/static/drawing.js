/** Bringing the panels and the pictures below them in line with the view. */

import * as bar from "landscape/bar.js";
import { distances, labelOf, profiles } from "landscape/charts.js";
import { arrange } from "landscape/layout.js";
import { lineChart } from "landscape/lines.js";
import { CONFIG } from "landscape/look.js";
import { fit, Panel } from "landscape/panel.js";
import { scaleOf } from "landscape/quantity.js";
import { load } from "landscape/source.js";
import { byId } from "landscape/view.js";

/** @typedef {import("landscape/view.js").View} View */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

const LOW = 220; // pixels of a chart without room for a title of its axis

export const linePlot = byId("lines").querySelector(".plot");
export const profilePlot = byId("profile").querySelector(".plot");
export const distancePlot = byId("distances").querySelector(".plot");
const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => fit(target)));
for (const plot of [linePlot, profilePlot, distancePlot]) resized.observe(plot);

/**
 * Have a panel for every surface that is shown, and all lines, with their newest content.
 *
 * @param {View} view
 * @param {(id: string) => import("landscape/panel.js").Reports} reports
 */
export async function refresh(view, reports) {
  const known = new Map(view.index.map((status) => [status.id, status]));
  const shown = view.state.show.filter((id) => known.has(id));
  await refreshLines(view, shown.filter((id) => isLine(known.get(id))));
  const wanted = shown.filter((id) => !isLine(known.get(id)));
  const before = new Map(view.panels);
  for (const [id, panel] of before) if (!wanted.includes(id)) panel.remove();
  view.panels.clear();
  const list = byId("panels");
  wanted.forEach((id, place) => {
    const panel = before.get(id) ?? new Panel(id, reports(id));
    view.panels.set(id, panel);
    // What is in its place stays there, or it would lose the focus.
    if (list.children[place] !== panel.element) {
      list.insertBefore(panel.element, list.children[place] ?? null);
    }
  });
  for (const panel of view.panels.values()) {
    const status = known.get(panel.id);
    if (isOld(panel.surface, status)) {
      try {
        panel.set(await load(view.page, panel.id));
      } catch (error) { // the others can be shown all the same
        view.problem = `${panel.id}: ${error instanceof Error ? error.message : error}`;
      }
    }
    // The index distinguishes those of equal names.
    if (panel.surface && status) panel.surface.name = status.name;
  }
}

/**
 * @param {View} view
 * @param {string[]} wanted ids of lines
 */
async function refreshLines(view, wanted) {
  const before = new Map(view.lines);
  view.lines.clear();
  for (const id of wanted) {
    const status = view.index.find((each) => each.id === id);
    let line = before.get(id);
    if (isOld(line, status)) {
      try {
        line = await load(view.page, id);
      } catch (error) {
        view.problem = `${id}: ${error instanceof Error ? error.message : error}`;
      }
    }
    if (!line) continue;
    if (status) line.name = status.name;
    view.lines.set(id, line);
  }
}

/**
 * Whether what is stored under an id is a line, as far as the index has its shape.
 *
 * @param {import("landscape/surface.js").Status | undefined} status
 */
export function isLine(status) {
  return status?.shape[1] === 1;
}

/**
 * Whether what is shown is not what the index knows of.
 *
 * @param {Surface | null | undefined} surface
 * @param {import("landscape/surface.js").Status | undefined} status
 */
export function isOld(surface, status) {
  return (status?.version ?? "") !== "" && surface?.version !== status?.version;
}

/**
 * Give every panel its place, and the color bar that all share.
 *
 * @param {View} view
 */
function place(view) {
  const { kind, state, label, drawn, style } = view;
  const views = byId("views");
  const charts = [byId("lines"), byId("profile"), byId("distances")];
  const hasCharts = charts.some(({ hidden }) => !hidden);
  const [width, height] = [views.clientWidth, globalThis.innerHeight - views.offsetTop];
  const { columns, cell, rail, size } = arrange(
    width,
    height,
    view.panels.size,
    kind === "surface",
    hasCharts,
  );
  views.dataset.rail = rail;
  for (const [name, value] of Object.entries({ columns, cell: `${cell}px`, rail: `${size}px` })) {
    views.style.setProperty(`--${name}`, String(value));
  }
  const isShared = state.colors === "one" || drawn.length === 1;
  byId("bar").hidden = !isShared || !drawn.length;
  const fill = (/** @type {HTMLElement} */ element, /** @type {Surface} */ surface) => {
    const colors = view.scaleOf(state.colors, surface);
    const isVertical = isShared && rail === "right" && !hasCharts;
    bar.fill(
      element,
      colors,
      bar.titleOf(label, colors),
      style.colorscale,
      isVertical,
    );
  };
  if (drawn.length) fill(byId("bar"), /** @type {Surface} */ (drawn[0].surface));
  for (const panel of drawn) {
    panel.element.dataset.view = kind; // of which the size of its stage depends
    const own = panel.part(".own-bar");
    own.hidden = isShared;
    if (!isShared) {
      fill(
        own.firstElementChild ?? own.appendChild(document.createElement("div")),
        /** @type {Surface} */ (panel.surface),
      );
    }
  }
}

/** @param {View} view */
export async function draw(view) {
  document.documentElement.dataset.theme = view.state.theme;
  const all = view.surfaces;
  const { style, label, kind, state } = view;
  const hasPaths = state.paths &&
    all.some((surface) => surface.paths.some((path) => path.off_plane));
  byId("distances").hidden = !hasPaths;
  byId("profile").hidden = kind === "surface" || !all.length;
  byId("lines").hidden = !view.lines.size;
  place(view);
  const seenFrom = view.drawn.map((_, k) => view.camera(k));
  for (const [number, panel] of view.drawn.entries()) {
    const surface = /** @type {Surface} */ (panel.surface);
    await panel.draw(kind, {
      quantity: view.quantity,
      label,
      scale: view.scaleOf(state.heights, surface),
      colors: view.scaleOf(state.colors, surface),
      marks: state.marks,
      paths: state.paths,
      points: state.points,
      style,
    }, seenFrom[number]);
    panel.cut.set(surface, state.axis, view.at);
  }
  await drawLines(view);
  await drawProfile(view);
  if (hasPaths) {
    const lines = distances(all, style);
    await Plotly.react(distancePlot, lines.data, lines.layout, CONFIG);
  }
}

/**
 * Draw all lines in one chart, with what must be known of them below.
 *
 * @param {View} view
 */
async function drawLines(view) {
  const { quantity, state, label, style } = view;
  const lines = [...view.lines.values()];
  const section = byId("lines");
  if (!lines.length) return;
  const scale = quantity === "loss" ? view.lineScale : scaleOf(quantity, lines);
  const { data, layout } = lineChart(lines, quantity, label, scale, state.marks, style);
  await Plotly.react(linePlot, data, layout, CONFIG);
  const statuses = new Map(view.index.map((status) => [status.id, status.note]));
  const differ = labelOf(lines, "α") === "α";
  section.querySelector(".note").replaceChildren(...lines.map((line) => {
    const item = document.createElement("div");
    const along = differ ? line.axes[0] : "";
    const seeds = line.seeds.length > 1 ? "thin lines: single seeds, band: their range" : "";
    const notes = [along, seeds, ...line.notes, ...line.warnings, statuses.get(line.id)].filter(
      Boolean,
    )
      .join(" · ");
    item.textContent = notes && `${line.name}: ${notes}`;
    return item;
  }));
}

/**
 * Draw the values along the cut line.
 *
 * @param {View} view
 */
export async function drawProfile(view) {
  const { surfaces, quantity, state, label, style, shownScale: scale } = view;
  if (byId("profile").hidden) return;
  const lines = profiles(surfaces, quantity, state.axis, view.at, label, scale, style);
  // The color bar has the title as well.
  if (profilePlot.clientHeight < LOW) lines.layout.yaxis.title = { text: "" };
  await Plotly.react(profilePlot, lines.data, lines.layout, CONFIG);
}
