/** One surface on the page: its picture, and what is said below it. */

import * as cameras from "landscape/cameras.js";
import { CONFIG } from "landscape/look.js";
import { flat, relief } from "landscape/pictures.js";
import { coordinate, nearest } from "landscape/surface.js";

/** @typedef {import("landscape/state.js").State} State */
/** @typedef {import("landscape/pictures.js").Shown} Shown */
/** @typedef {import("landscape/surface.js").Status} Status */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

/**
 * @typedef {object} Reports what a panel tells the page
 * @property {(alpha: number, beta: number) => void} hovered
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
    /** @type {"alpha" | "beta"} */ this.axis = "beta";
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("panel"));
    const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (copy.firstElementChild);
    this.element.dataset.id = id;
    this.relief = this.part(".relief");
    this.flat = this.part(".flat");
    this.cut = this.part(".cut");
    this.here = this.part(".here");
    this.watchCut();
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
    const table = this.part(".facts tbody");
    table.replaceChildren(...surface.facts.map(([key, value]) => {
      const row = document.createElement("tr");
      const [head, cell] = [document.createElement("th"), document.createElement("td")];
      head.scope = "row";
      head.textContent = key;
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
    const isNew = !plot.classList.contains("js-plotly-plot");
    await Plotly.react(plot, picture.data, picture.layout, CONFIG);
    if (isNew) {
      plot.on("plotly_hover", (/** @type {any} */ event) => this.hover(event.points[0]));
      if (view === "surface") {
        cameras.watch(plot, this.reports.turned);
      } else {
        plot.on("plotly_afterplot", () => this.place());
      }
    }
    this.place();
  }

  /** @param {any} point */
  hover(point) {
    this.reports.hovered(Number(point.x), Number(point.y));
    const surface = this.surface;
    const of = String(point.data.meta ?? "");
    const number = point.pointNumber ?? 0;
    if (surface === null || of === "") return;
    /** @param {number | null} loss */
    const text = (loss) => (loss === null ? "not known" : String(Number(loss.toPrecision(4))));
    if (of === "mark") {
      const mark = surface.marks[number];
      this.say(
        `${mark.name}: own loss ${text(mark.loss)}, off the plane by ${coordinate(mark.distance)}`,
      );
    } else {
      const path = surface.paths[Number(of.split(" ")[1])];
      this.say(
        `${path.name}, ${path.unit} ${path.steps[number]}: own loss ${
          text(path.losses[number])
        }, ` +
          `on the plane below ${text(path.plane_losses[number])}, ` +
          `off the plane by ${coordinate(path.distances[number])}`,
      );
    }
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
    this.say(this.surface.describe(alpha, beta));
    const at = this.pixels(alpha, beta);
    this.here.hidden = at === null;
    if (at !== null) {
      this.here.style.left = `${at.x}px`;
      this.here.style.top = `${at.y}px`;
    }
  }

  /**
   * Where a point of the plane is in the picture from above.
   *
   * @param {number} alpha
   * @param {number} beta
   */
  pixels(alpha, beta) {
    const layout = this.flat._fullLayout;
    if (!layout?.xaxis?._length || this.part(".from-above").hidden) return null;
    return {
      x: layout.xaxis._offset + layout.xaxis.d2p(alpha),
      y: layout.yaxis._offset + layout.yaxis.d2p(beta),
    };
  }

  /**
   * Put the cut line to its place.
   *
   * @param {"alpha" | "beta"} axis
   * @param {number} at
   */
  setCut(axis, at) {
    this.axis = axis;
    this.at = at;
    this.place();
  }

  place() {
    const layout = this.flat._fullLayout;
    const surface = this.surface;
    if (surface === null || this.at === undefined || !layout?.xaxis?._length) return;
    const fixed = this.axis === "beta" ? surface.betas : surface.alphas;
    const at = fixed[nearest(fixed, this.at)];
    const { xaxis, yaxis } = layout;
    const style = this.cut.style;
    if (this.axis === "beta") {
      const y = yaxis.d2p(at);
      style.left = `${xaxis._offset}px`;
      style.width = `${xaxis._length}px`;
      style.top = `${yaxis._offset + y}px`;
      style.height = "0";
      this.cut.hidden = y < 0 || y > yaxis._length;
    } else {
      const x = xaxis.d2p(at);
      style.top = `${yaxis._offset}px`;
      style.height = `${yaxis._length}px`;
      style.left = `${xaxis._offset + x}px`;
      style.width = "0";
      this.cut.hidden = x < 0 || x > xaxis._length;
    }
    this.cut.dataset.axis = this.axis;
    this.cut.setAttribute("aria-orientation", this.axis === "beta" ? "vertical" : "horizontal");
    this.cut.setAttribute("aria-valuemin", String(fixed[0]));
    this.cut.setAttribute("aria-valuemax", String(fixed[fixed.length - 1]));
    this.cut.setAttribute("aria-valuenow", coordinate(at));
    this.cut.setAttribute(
      "aria-valuetext",
      `${this.axis === "beta" ? "β" : "α"} = ${coordinate(at)}`,
    );
  }

  watchCut() {
    /** @param {PointerEvent} event */
    const move = (event) => {
      const { xaxis, yaxis } = this.flat._fullLayout;
      const box = this.flat.getBoundingClientRect();
      this.moveCut(
        this.axis === "beta"
          ? yaxis.p2d(event.clientY - box.top - yaxis._offset)
          : xaxis.p2d(event.clientX - box.left - xaxis._offset),
      );
    };
    this.cut.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      this.cut.setPointerCapture(event.pointerId);
      this.cut.addEventListener("pointermove", move);
      event.preventDefault();
      this.cut.focus();
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.cut.addEventListener(end, () => this.cut.removeEventListener("pointermove", move));
    }
    this.cut.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
      if (step === undefined || this.surface === null) return;
      event.preventDefault();
      event.stopPropagation();
      const fixed = this.axis === "beta" ? this.surface.betas : this.surface.alphas;
      const now = nearest(fixed, this.at ?? 0);
      this.reports.cutMoved(fixed[Math.min(Math.max(now + step, 0), fixed.length - 1)]);
    });
  }

  /** @param {number} wanted */
  moveCut(wanted) {
    if (this.surface === null) return;
    const fixed = this.axis === "beta" ? this.surface.betas : this.surface.alphas;
    this.reports.cutMoved(fixed[nearest(fixed, wanted)]);
  }
}
