/** One surface on the page: its picture, and what is said below it. */

import * as cameras from "landscape/cameras.js";
import { label } from "landscape/contours.js";
import { CutLine } from "landscape/cutline.js";
import { color, CONFIG } from "landscape/look.js";
import { flat, relief } from "landscape/pictures.js";
import { coordinate } from "landscape/surface.js";

/** @typedef {import("landscape/pictures.js").Shown} Shown */
/** @typedef {import("landscape/surface.js").Status} Status */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

/**
 * @typedef {object} Reports what a panel tells the page
 * @property {(alpha: number, beta: number) => void} pointed
 * @property {(camera: import("landscape/state.js").Camera) => void} turned
 * @property {(at: number) => void} cutMoved
 */

/** A surface's part of the page. */
export class Panel {
  /**
   * @param {string} id
   * @param {Reports} reports
   */
  constructor(id, reports) {
    this.id = id;
    this.reports = reports;
    /** @type {Surface | null} */ this.surface = null;
    /** @type {{alpha: number, beta: number} | null} */ this.last = null;
    /** @type {import("landscape/scale.js").Scale | null} */ this.colors = null;
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("panel"));
    const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (copy.firstElementChild);
    this.element.dataset.id = id;
    this.relief = this.part(".relief");
    this.flat = this.part(".flat");
    this.here = this.part(".here");
    this.cut = new CutLine(this.part(".cut"), this.flat, reports.cutMoved);
    this.end = new AbortController();
    /** @type {Set<HTMLElement>} */ this.watched = new Set();
    this.resized = new ResizeObserver((entries) => {
      for (const { target } of entries) fit(target);
    });
    this.resized.observe(this.relief);
    this.resized.observe(this.flat);
    cameras.watch(this.relief, reports.turned, this.end.signal);
    // A tap does not hover.
    this.flat.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
      if (event.pointerType === "touch") this.tap(event);
    }, { capture: true });
  }

  /**
   * @param {string} selector
   * @returns {any}
   */
  part(selector) {
    return this.element.querySelector(selector);
  }

  /** Free what the browser holds for its pictures. */
  remove() {
    this.end.abort();
    this.resized.disconnect();
    Plotly.purge(this.relief);
    Plotly.purge(this.flat);
    this.element.remove();
  }

  /**
   * Say how far it is, and what must be known of it.
   *
   * @param {Status} status
   */
  tell(status) {
    this.part("h2").textContent = status.name;
    const notes = [...(this.surface?.notes ?? []), status.note].filter(Boolean);
    this.part(".note").textContent = notes.join(" · ");
    const bar = /** @type {HTMLProgressElement} */ (this.part("progress"));
    bar.hidden = status.state === "complete";
    bar.max = Math.max(1, status.total);
    bar.value = status.done;
  }

  /** @param {Surface} surface */
  set(surface) {
    this.surface = surface;
    this.part(".facts tbody").replaceChildren(...surface.facts.map(([key, value]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = key;
      const cell = document.createElement("td");
      cell.textContent = value;
      row.append(head, cell);
      return row;
    }));
  }

  /**
   * Draw it.
   *
   * @param {"surface" | "contour" | "heatmap"} view
   * @param {Shown} shown
   * @param {import("landscape/state.js").Camera} camera
   */
  async draw(view, shown, camera) {
    if (this.surface === null) return;
    const plot = view === "surface" ? this.relief : this.flat;
    this.relief.hidden = view !== "surface";
    this.part(".from-above").hidden = view === "surface";
    const picture = view === "surface"
      ? relief(this.surface, shown, camera)
      : flat(this.surface, shown, view);
    try {
      await Plotly.react(plot, picture.data, picture.layout, CONFIG);
    } catch (error) {
      Plotly.purge(plot); // what is half drawn takes no other drawing
      this.watched.delete(plot);
      throw error;
    }
    if (!this.watched.has(plot)) {
      this.watched.add(plot);
      plot.on("plotly_hover", (/** @type {any} */ event) => this.hover(event.points[0]));
      plot.on("plotly_afterplot", () => this.finish());
    }
    this.colors = shown.colors;
    this.finish();
    this.nameThePaths(shown);
    if (this.last) this.point(this.last.alpha, this.last.beta);
  }

  /** Do what plotly does not: at every drawing, also one that it does by itself. */
  finish() {
    if (this.colors) label(this.flat, this.colors);
    this.place();
  }

  /** @param {Shown} shown */
  nameThePaths(shown) {
    const paths = shown.paths && this.surface ? this.surface.paths : [];
    this.part(".paths").replaceChildren(...paths.map((path, order) => {
      const item = document.createElement("li");
      item.style.color = color(order, shown.style);
      const name = document.createElement("span");
      name.textContent = path.name;
      item.append(name);
      return item;
    }));
  }

  /** @param {any} point */
  hover(point) {
    this.reports.pointed(Number(point.x), Number(point.y));
    const surface = this.surface;
    const of = String(point.data.meta ?? "");
    const number = point.pointNumber ?? 0;
    if (surface === null || of === "") return;
    /** @param {number | null} loss */
    const text = (loss) => (loss === null ? "not known" : String(Number(loss.toPrecision(4))));
    if (of === "mark") {
      const { name, loss, distance } = surface.marks[number];
      this.say(`${name}: own loss ${text(loss)}, off the plane by ${coordinate(distance)}`);
    } else {
      const path = surface.paths[Number(of.split(" ")[1])];
      this.say(
        `${path.name}, ${path.unit} ${path.steps[number]}: own loss ` +
          `${text(path.losses[number])}, on the plane below ${text(path.plane_losses[number])}, ` +
          `off the plane by ${coordinate(path.distances[number])}`,
      );
    }
  }

  /** @param {PointerEvent} event */
  tap(event) {
    const { xaxis, yaxis } = this.flat._fullLayout ?? {};
    if (!xaxis?._length) return;
    const box = this.flat.getBoundingClientRect();
    const alpha = xaxis.p2d(event.clientX - box.left - xaxis._offset);
    const beta = yaxis.p2d(event.clientY - box.top - yaxis._offset);
    if (this.surface?.holds(alpha, beta)) this.reports.pointed(alpha, beta);
  }

  /** @param {string} text */
  say(text) {
    this.part(".readout").textContent = text;
  }

  /**
   * Say what is known at a point, and show where it is.
   *
   * @param {number} alpha
   * @param {number} beta
   */
  point(alpha, beta) {
    if (this.surface === null) return;
    this.last = { alpha, beta };
    this.say(this.surface.describe(alpha, beta));
    this.place();
  }

  /** Forget the point that was read. */
  unpoint() {
    this.last = null;
    this.here.hidden = true;
    this.say("Point at the picture, or tap it, to read it.");
  }

  /** Put the line and the ring to their places over the picture from above. */
  place() {
    this.cut.place();
    const layout = this.flat._fullLayout;
    const { last, surface } = this;
    const isShown = last !== null && surface?.holds(last.alpha, last.beta) &&
      layout?.xaxis?._length;
    this.here.hidden = !isShown;
    if (!isShown) return;
    this.here.style.left = `${layout.xaxis._offset + layout.xaxis.d2p(last.alpha)}px`;
    this.here.style.top = `${layout.yaxis._offset + layout.yaxis.d2p(last.beta)}px`;
  }
}

/**
 * Let a plot have the size of its place.
 *
 * @param {any} plot
 */
export function fit(plot) {
  if (plot._fullLayout && plot.clientWidth > 0) Plotly.Plots.resize(plot);
}
