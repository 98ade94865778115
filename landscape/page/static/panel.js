/** One surface on the page: its picture, and what is said below it. */

import { Handle, project, show } from "landscape/cameras.js";
import { label } from "landscape/contours.js";
import { CutLine } from "landscape/cutline.js";
import { boxHeight, inBox, spans } from "landscape/fit.js";
import { color, CONFIG } from "landscape/look.js";
import { notesOf, planeOf } from "landscape/notes.js";
import { flat, relief } from "landscape/pictures.js";
import { describe } from "landscape/reading.js";
import { coordinate } from "landscape/surface.js";

/** @typedef {import("landscape/pictures.js").Shown} Shown */
/** @typedef {import("landscape/state.js").Camera} Camera */
/** @typedef {import("landscape/surface.js").Status} Status */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/** @type {any} */
const Plotly = Reflect.get(globalThis, "Plotly");

/**
 * @typedef {object} Reports what a panel reports to the page
 * @property {(alpha: number, beta: number) => void} pointed
 * @property {() => void} left called when the pointer leaves
 * @property {() => void} chosen called when the point that is read is clicked
 * @property {() => Camera | null} camera from which it is seen
 * @property {(camera: Camera) => void} turned
 * @property {(at: number) => void} cutMoved
 * @property {() => void} resized
 */

const STILL = 5; // pixels that a click may move
const APART = 12; // pixels between a point and its text

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
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("panel"));
    const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (copy.firstElementChild);
    this.element.dataset.id = id;
    this.stage = this.part(".stage");
    this.relief = this.part(".relief");
    this.flat = this.part(".flat");
    this.here = this.part(".here");
    this.readout = this.part(".readout");
    this.cut = new CutLine(this.part(".cut"), this.flat, reports.cutMoved);
    this.handle = new Handle(this.relief, reports.camera, reports.turned);
    /** @type {Shown | null} what was drawn last */ this.shown = null;
    this.size = ""; // of the stage when it was drawn
    /** @type {Set<HTMLElement>} */ this.watched = new Set();
    this.resized = new ResizeObserver(() => {
      if (this.size !== "" && this.size !== this.sizeNow) reports.resized();
    });
    this.resized.observe(this.stage);
    this.stage.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      this.press(event);
    }, { capture: true });
    this.stage.addEventListener("pointerleave", (/** @type {PointerEvent} */ event) => {
      if (event.pointerType === "mouse") reports.left();
    });
  }

  /**
   * Report a click or a tap, but not a drag, nor what is done with the cut line.
   *
   * @param {PointerEvent} down
   */
  press(down) {
    if (down.button !== 0 || down.target === this.cut.element) return;
    // Of the document: plotly puts an element over everything while a button is down.
    document.addEventListener("pointerup", (up) => {
      const moved = Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY);
      if (up.pointerId !== down.pointerId || moved >= STILL) return;
      if (!this.flat.hidden) this.tap(up);
      this.reports.chosen();
    }, { capture: true, once: true });
  }

  get sizeNow() {
    return `${this.stage.clientWidth} ${this.stage.clientHeight}`;
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
    this.resized.disconnect();
    Plotly.purge(this.relief);
    Plotly.purge(this.flat);
    this.element.remove();
  }

  /**
   * Show how far it is, and what must be known of it.
   *
   * @param {Status} status
   * @param {Surface[]} all that are shown
   */
  showStatus(status, all) {
    this.part("h2").textContent = status.name;
    const { surface, shown } = this;
    const own = surface ? [...planeOf(surface, all), ...notesOf(surface, shown)] : [];
    const notes = [...own, status.note].filter(Boolean);
    this.part(".note").textContent = notes.join(" · ");
    this.part(".warnings").replaceChildren(...(surface?.warnings ?? []).map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
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
   * @param {Camera} camera
   */
  async draw(view, shown, camera) {
    if (this.surface === null) return;
    const isRelief = view === "surface";
    const plot = isRelief ? this.relief : this.flat;
    this.element.dataset.view = view;
    this.relief.hidden = !isRelief;
    this.flat.hidden = isRelief;
    this.nameThePaths(shown);
    this.size = this.sizeNow;
    const { clientWidth: width, clientHeight: height } = this.stage;
    this.shown = { ...shown, tall: boxHeight(width, height) };
    const picture = isRelief
      ? relief(this.surface, this.shown, camera)
      : flat(this.surface, this.shown, view);
    // The color bar is the page's; what is exported has plotly's.
    for (const trace of picture.data) if (trace.colorbar) trace.showscale = false;
    try {
      await Plotly.react(plot, picture.data, { ...picture.layout, width, height }, CONFIG);
    } catch (error) {
      Plotly.purge(plot); // what is half drawn takes no other drawing
      this.watched.delete(plot);
      throw error;
    }
    if (!this.watched.has(plot)) {
      this.watched.add(plot);
      plot.on("plotly_hover", (/** @type {any} */ event) => {
        if (!this.handle.isHeld) this.hover(event.points[0]);
      });
      plot.on("plotly_afterplot", () => this.finish());
    }
    // Where something else has changed as well, plotly keeps the camera that it has.
    if (isRelief) show(this.relief, camera);
    this.finish();
  }

  /** @param {Camera} camera */
  turn(camera) {
    if (this.relief.hidden) return;
    show(this.relief, camera);
    this.place();
  }

  /** Do what plotly does not, whenever it has drawn. */
  finish() {
    if (this.shown) label(this.flat, this.shown.colors);
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
    const surface = this.surface;
    if (surface === null) return;
    const of = String(point.data.meta ?? "");
    const number = point.pointNumber ?? 0;
    if (of === "") { // a surface is drawn at more points than it was evaluated at
      const { alpha, beta } = surface.snapped(point.x, point.y);
      this.reports.pointed(alpha, beta);
      return;
    }
    this.reports.pointed(Number(point.x), Number(point.y));
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

  /**
   * Read the point of a click or a tap, which need not hover before.
   *
   * @param {PointerEvent} event
   */
  tap(event) {
    const { xaxis, yaxis } = this.flat._fullLayout ?? {};
    if (!xaxis?._length) return;
    const box = this.flat.getBoundingClientRect();
    const alpha = xaxis.p2d(event.clientX - box.left - xaxis._offset);
    const beta = yaxis.p2d(event.clientY - box.top - yaxis._offset);
    if (!this.surface?.holds(alpha, beta)) return;
    const point = this.surface.snapped(alpha, beta);
    this.reports.pointed(point.alpha, point.beta);
  }

  /** @param {string} text */
  say(text) {
    this.readout.textContent = text;
    this.place();
  }

  /**
   * Read what is known at a point, and show where it is.
   *
   * @param {number} alpha
   * @param {number} beta
   */
  point(alpha, beta) {
    if (this.surface === null) return;
    this.last = { alpha, beta };
    this.say(describe(this.surface, alpha, beta));
  }

  /** Forget the point that was read. */
  unpoint() {
    this.last = null;
    this.say("");
  }

  /** Place the line, the ring and its text over the plot. */
  place() {
    this.cut.element.hidden = this.flat.hidden;
    if (!this.flat.hidden) this.cut.place();
    const at = this.last && this.pixel(this.last.alpha, this.last.beta);
    this.readout.hidden = !at;
    this.here.hidden = !at || !this.last || !this.surface?.holds(this.last.alpha, this.last.beta);
    if (!at) return;
    const { clientWidth: width, clientHeight: height } = this.stage;
    const x = Math.min(Math.max(at.x, 0), width);
    const y = Math.min(Math.max(at.y, 0), height);
    this.here.style.left = `${x}px`;
    this.here.style.top = `${y}px`;
    const { style, offsetWidth, offsetHeight } = this.readout;
    style.left = `${nextTo(x, offsetWidth, width)}px`;
    style.top = `${nextTo(y, offsetHeight, height)}px`;
  }

  /**
   * Where a point of the plane is seen.
   *
   * @param {number} alpha
   * @param {number} beta
   * @returns {{x: number, y: number} | null} pixels in the stage
   */
  pixel(alpha, beta) {
    const { surface, shown } = this;
    if (surface === null || shown === null) return null;
    if (!this.flat.hidden) {
      const { xaxis, yaxis } = this.flat._fullLayout ?? {};
      if (!xaxis?._length) return null;
      return { x: xaxis._offset + xaxis.d2p(alpha), y: yaxis._offset + yaxis.d2p(beta) };
    }
    const camera = this.reports.camera();
    if (camera === null) return null;
    const { k } = surface.snapped(alpha, beta);
    const point = inBox(
      spans(surface, shown.paths, shown.marks),
      shown.scale,
      shown.tall ?? 1,
      alpha,
      beta,
      surface.values(shown.quantity)[k],
    );
    return project(camera, point, this.stage.clientWidth, this.stage.clientHeight);
  }
}

/**
 * Where a text begins that stands next to a point, on the side with more room, and within it.
 *
 * @param {number} at where the point is
 * @param {number} size of the text
 * @param {number} room
 */
function nextTo(at, size, room) {
  const begin = at < room / 2 ? at + APART : at - APART - size;
  return Math.max(Math.min(begin, room - size), 0);
}

/**
 * Let a plot have the size of its place.
 *
 * @param {any} plot
 */
export function fit(plot) {
  if (plot._fullLayout && plot.clientWidth > 0) Plotly.Plots.resize(plot);
}
