/** Bringing the panels and the pictures below them in line with the view. */

import { distances, profiles } from "landscape/charts.js";
import { CONFIG } from "landscape/look.js";
import { fit, Panel } from "landscape/panel.js";

import { Scale } from "landscape/scale.js";
import { load } from "landscape/source.js";
import { byId } from "landscape/view.js";

/** @typedef {import("landscape/view.js").View} View */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

export const profilePlot = byId("profile").querySelector(".plot");
export const distancePlot = byId("distances").querySelector(".plot");
const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => fit(target)));
resized.observe(profilePlot);
resized.observe(distancePlot);

/**
 * Have a panel for every surface that is shown, with its newest content.
 *
 * @param {View} view
 * @param {(id: string) => import("landscape/panel.js").Reports} reports
 */
export async function refresh(view, reports) {
  const known = new Map(view.index.map((status) => [status.id, status]));
  const wanted = view.state.show.filter((id) => known.has(id));
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
    if (isOld(panel, status)) {
      try {
        panel.set(await load(view.page, panel.id));
      } catch (error) { // the others can be shown all the same
        view.problem = `${panel.id}: ${error instanceof Error ? error.message : error}`;
      }
    }
    // Among those that are called alike the index tells them apart.
    if (panel.surface && status) panel.surface.name = status.name;
  }
}

/**
 * Whether a panel lacks what the index knows of.
 *
 * @param {Panel | undefined} panel
 * @param {import("landscape/surface.js").Status | undefined} status
 */
export function isOld(panel, status) {
  return (status?.version ?? "") !== "" && panel?.surface?.version !== status?.version;
}

/** @param {View} view */
export async function draw(view) {
  document.documentElement.dataset.theme = view.state.theme;
  const all = view.surfaces;
  const { style, label, kind, state } = view;
  for (const [number, panel] of view.drawn.entries()) {
    const surface = /** @type {Surface} */ (panel.surface);
    await panel.draw(kind, {
      quantity: view.quantity,
      label,
      scale: view.scaleOf(state.heights, surface),
      colors: view.scaleOf(state.colors, surface),
      marks: state.marks,
      paths: state.paths,
      style,
    }, view.camera(number));
    panel.cut.set(surface, state.axis, state.at);
  }
  await drawProfile(view);
  const hasPaths = state.paths &&
    all.some((surface) => surface.paths.some((path) => path.off_plane));
  byId("distances").hidden = !hasPaths;
  if (hasPaths) {
    const lines = distances(all, style);
    await Plotly.react(distancePlot, lines.data, lines.layout, CONFIG);
  }
}

/**
 * Draw the values along the cut line.
 *
 * @param {View} view
 */
export async function drawProfile(view) {
  const { surfaces, quantity, state, label, style } = view;
  const hasLine = view.kind !== "surface" && surfaces.length > 0;
  byId("profile").hidden = !hasLine;
  if (!hasLine) return;
  const scale = quantity === "loss" ? view.scale : Scale.ofAccuracies();
  const lines = profiles(surfaces, quantity, state.axis, state.at, label, scale, style);
  await Plotly.react(profilePlot, lines.data, lines.layout, CONFIG);
}
