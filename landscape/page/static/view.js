/** What the page shows at this moment, and what follows from it. */

import { bounded } from "landscape/cameras.js";
import { boxHeight, fit, outline, spans } from "landscape/fit.js";
import { label, quantitiesOf, scaleOf } from "landscape/quantity.js";
import { Scale } from "landscape/scale.js";
import { parse } from "landscape/state.js";

/** @typedef {import("landscape/state.js").State} State */
/** @typedef {import("landscape/surface.js").Surface} Surface */
/** @typedef {import("landscape/surface.js").Status} Status */
/** @typedef {import("landscape/panel.js").Panel} Panel */
/** @typedef {import("landscape/source.js").Content} Content */

const MOST_RELIEFS = 12; // a browser stops at about 16 WebGL contexts
const FIRST_OF_GALLERY = 2;
const NARROW = 560; // pixels of a panel whose title may cover the picture

/** The state, the surfaces it is about, and their panels. */
export class View {
  /** @param {Content} page */
  constructor(page) {
    this.page = page;
    /** @type {Status[]} */ this.index = page.index;
    /** @type {Partial<State>} */ this.defaults = page.defaults;
    /** @type {Map<string, Panel>} */ this.panels = new Map();
    /** @type {Map<string, Surface>} */ this.lines = new Map();
    /** @type {import("landscape/state.js").Camera | null} */ this.passing = null; // of a turn
    /** @type {State["point"]} under the pointer */ this.hovered = null;
    this.setDefaults();
    this.state = parse(location.hash, this.defaults);
    this.isConnected = true;
    this.problem = "";
    this.hasWebGL = hasWebGL();
    /** @type {{key: string, camera: any}} */ this.fitted = { key: "", camera: null };
  }

  /** A gallery begins with the first surfaces, all others with everything. */
  setDefaults() {
    const all = this.index.map((status) => status.id);
    const show = this.page.gallery ? all.slice(0, FIRST_OF_GALLERY) : all;
    this.defaults = { ...this.defaults, show };
  }

  /** @returns {string | null} why nothing can be drawn in 3-D */
  noRelief() {
    if (!this.hasWebGL) {
      return "This browser has no WebGL, which 3-D pictures need. Contours and heat maps work; " +
        "for 3-D, turn on hardware acceleration or take another browser.";
    }
    if (this.panels.size > MOST_RELIEFS) {
      return `A browser draws at most ${MOST_RELIEFS} pictures in 3-D: choose fewer surfaces.`;
    }
    return null;
  }

  /** @returns {State["view"]} what is drawn, which is not always what was asked for */
  get kind() {
    const { view } = this.state;
    return view === "surface" && this.noRelief() !== null ? "contour" : view;
  }

  /** @returns {Panel[]} those that have something to show */
  get drawn() {
    return [...this.panels.values()].filter((panel) => panel.surface !== null);
  }

  /** @returns {Surface[]} */
  get surfaces() {
    return this.drawn.map((panel) => /** @type {Surface} */ (panel.surface));
  }

  /**
   * @param {number} number of a panel
   * @returns {import("landscape/state.js").Camera}
   */
  camera(number) {
    const { cameras, link } = this.state;
    const own = cameras[link ? 0 : number] ?? cameras[0];
    return own ? bounded(own) : this.passing ?? this.nearest;
  }

  /** The camera that sees all surfaces, as near as their panels allow. */
  get nearest() {
    const { clientWidth: width, clientHeight: height } = this.drawn[0].stage;
    const key = JSON.stringify([
      ...[width, height, this.quantity, this.scale, this.state.heights],
      ...[
        this.state.paths,
        this.state.marks,
        this.surfaces.map(({ id, version }) => [id, version]),
      ],
    ]);
    if (key !== this.fitted.key) {
      const tall = boxHeight(width, height);
      const points = this.surfaces.flatMap((surface) =>
        outline(
          surface,
          surface.values(this.quantity),
          this.scaleOf(this.state.heights, surface),
          spans(surface, this.state.paths, this.state.marks),
          tall,
        )
      );
      const isNarrow = width < NARROW;
      const margin = isNarrow
        ? { top: 12, left: 24, right: 20, bottom: 20 }
        : { top: 8, left: 48, right: 98, bottom: Math.min(50, 0.085 * height) };
      this.fitted = { key, camera: fit(points, width, height, margin) };
    }
    return this.fitted.camera;
  }

  /** Where the cut line is: at first away from the center and what is marked there. */
  get at() {
    const { at, axis } = this.state;
    const [surface] = this.surfaces;
    if (at !== null || !surface) return at ?? 0;
    const choices = axis === "beta" ? surface.betas : surface.alphas;
    return choices[Math.round(0.75 * (choices.length - 1))];
  }

  /** Surfaces and lines. */
  get all() {
    return [...this.surfaces, ...this.lines.values()];
  }

  /** Names of the quantities. */
  get quantities() {
    return quantitiesOf(this.all);
  }

  get quantity() {
    return this.quantities.includes(this.state.quantity) ? this.state.quantity : "loss";
  }

  /** Whether some surface has points of the quantity that are interpolated. */
  get isPartial() {
    return this.surfaces.some((surface) => surface.isPartial(this.quantity));
  }

  /** The point that is read: under the pointer, or else the chosen one, if a surface has it. */
  get point() {
    const { alpha, beta } = this.state.point ?? { alpha: NaN, beta: NaN };
    const surface = this.surfaces.find((each) => each.holds(alpha, beta));
    return this.hovered ?? surface?.snapped(alpha, beta) ?? null;
  }

  /** What the values are, with their unit where all have the same. */
  get label() {
    return label(this.quantity, this.all);
  }

  /** The scale of the losses of all lines together, of every seed. */
  get lineScale() {
    return this.lineScaleTo(this.state.clip);
  }

  /** What the examples of all surfaces are called. */
  get unit() {
    const units = new Set(this.all.map((surface) => surface.unit));
    return units.size === 1 ? [...units][0] : "examples";
  }

  /** The scale of what is shown: of the losses, or of another quantity. */
  get shownScale() {
    const { quantity, surfaces } = this;
    if (quantity === "loss") return this.scale;
    return scaleOf(quantity, surfaces.length ? surfaces : [...this.lines.values()]);
  }

  /** @param {State["clip"]} clip */
  lineScaleTo(clip) {
    const lines = [...this.lines.values()];
    const every = lines.flatMap((line) =>
      line.seeds.length ? line.seeds.map(({ losses }) => losses) : [line.sampled("loss")]
    );
    const others = lines.flatMap((line) => line.ownLosses);
    return Scale.ofLosses(every, this.state.scale, clip, others);
  }

  /** The scale of the losses of all surfaces together; of lines if no surface is shown. */
  get scale() {
    return this.scaleTo(this.state.clip);
  }

  /** @param {State["clip"]} clip */
  scaleTo(clip) {
    const { surfaces, state } = this;
    if (!surfaces.length && this.lines.size) return this.lineScaleTo(clip);
    const others = surfaces.flatMap((surface) => surface.ownLosses);
    return Scale.ofLosses(surfaces.map((s) => s.sampled("loss")), state.scale, clip, others);
  }

  /**
   * The scale on which a surface is drawn.
   *
   * @param {"one" | "own"} which
   * @param {Surface} surface
   */
  scaleOf(which, surface) {
    if (this.quantity !== "loss") {
      return scaleOf(this.quantity, which === "one" ? this.surfaces : [surface]);
    }
    const one = this.scale;
    const kind = one.log ? "log" : "linear";
    return which === "one" ? one : Scale.ofLosses(
      [surface.sampled("loss")],
      kind,
      one.clipped ? one.high : null,
      surface.ownLosses,
    );
  }

  get isDark() {
    const { theme } = this.state;
    return theme === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
  }

  /** The colors of the page, for plotly. */
  get style() {
    return {
      text: css("ink"),
      grid: css("line"),
      missing: css("missing"),
      base: css("base"),
      colorscale: this.page.colorscale,
    };
  }
}

/** @param {string} name of a color of the style sheet */
export function css(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** @param {string} id */
export function byId(id) {
  return /** @type {any} */ (document.getElementById(id));
}

function hasWebGL() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
  /** @type {any} */ (context)?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}
