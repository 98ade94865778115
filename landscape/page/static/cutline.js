/** The line across a picture from above along which all nets are compared. */

import { coordinate, nearest } from "landscape/surface.js";

/** @typedef {import("landscape/surface.js").Surface} Surface */

const STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 };

/** A line that can be dragged by a pointer, and moved by keys. */
export class CutLine {
  /**
   * @param {HTMLElement} element of the line
   * @param {any} plot over which it lies
   * @param {(at: number) => void} moved called with a coordinate of the grid
   */
  constructor(element, plot, moved) {
    this.element = element;
    this.plot = plot;
    this.moved = moved;
    /** @type {Surface | null} */ this.surface = null;
    /** @type {"alpha" | "beta"} the coordinate that is constant */ this.axis = "beta";
    this.at = 0;
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      event.preventDefault();
      element.focus();
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) this.follow(event);
    });
    element.addEventListener("keydown", (event) => this.step(event));
  }

  /** @returns {Float64Array} the coordinates that it can have */
  get choices() {
    if (this.surface === null) return new Float64Array([0]);
    return this.axis === "beta" ? this.surface.betas : this.surface.alphas;
  }

  /**
   * @param {Surface} surface
   * @param {"alpha" | "beta"} axis
   * @param {number} at
   */
  set(surface, axis, at) {
    this.surface = surface;
    this.axis = axis;
    this.at = at;
    this.place();
  }

  /** Put it to where it belongs in the picture. */
  place() {
    const layout = this.plot._fullLayout;
    if (this.surface === null || !layout?.xaxis?._length) return;
    const { choices, element } = this;
    const at = choices[nearest(choices, this.at)];
    const { xaxis, yaxis } = layout;
    const isLevel = this.axis === "beta";
    const box = isLevel
      ? [xaxis._offset, yaxis._offset + yaxis.d2p(at), xaxis._length, 0]
      : [xaxis._offset + xaxis.d2p(at), yaxis._offset, 0, yaxis._length];
    ["left", "top", "width", "height"].forEach((name, k) => {
      element.style.setProperty(name, `${box[k]}px`);
    });
    element.hidden = false;
    element.dataset.axis = this.axis;
    const facts = {
      "aria-orientation": isLevel ? "vertical" : "horizontal",
      "aria-valuemin": choices[0],
      "aria-valuemax": choices[choices.length - 1],
      "aria-valuenow": at,
      "aria-valuetext": `${isLevel ? "β" : "α"} = ${coordinate(at)}`,
    };
    for (const [key, value] of Object.entries(facts)) element.setAttribute(key, String(value));
  }

  /** @param {PointerEvent} event */
  follow(event) {
    const { xaxis, yaxis } = this.plot._fullLayout;
    const box = this.plot.getBoundingClientRect();
    const wanted = this.axis === "beta"
      ? yaxis.p2d(event.clientY - box.top - yaxis._offset)
      : xaxis.p2d(event.clientX - box.left - xaxis._offset);
    this.moved(this.choices[nearest(this.choices, wanted)]);
  }

  /** @param {KeyboardEvent} event */
  step(event) {
    const by = Reflect.get(STEPS, event.key);
    if (by === undefined || this.surface === null) return;
    event.preventDefault();
    event.stopPropagation();
    const last = this.choices.length - 1;
    const next = nearest(this.choices, this.at) + by;
    this.moved(this.choices[Math.min(Math.max(next, 0), last)]);
  }
}
