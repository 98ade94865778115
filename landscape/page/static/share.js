/** What a view can be shared as: a picture, an animation of a turn, a link, a command. */

import { command } from "landscape/command.js";
import { label } from "landscape/contours.js";
import { distancePlot, linePlot, profilePlot } from "landscape/drawing.js";
import { animation, whyNoAnimation } from "landscape/animation.js";
import { drawing, save, snapshot } from "landscape/snapshot.js";
import { byId, css } from "landscape/view.js";

/** @typedef {import("landscape/view.js").View} View */

/**
 * What the buttons of the group "Share" do, by their names.
 *
 * @param {View} view
 * @param {(change: Partial<import("landscape/state.js").State>) => string} address of the view
 * @returns {{[name: string]: () => Promise<void>}}
 */
export function sharing(view, address) {
  /** @type {Record<string, () => Promise<string>>} each returns the message to show */
  const actions = {
    png: async () => {
      if (!isEmpty(view)) {
        save(await snapshot(pictures(view), css("paper"), css("ink")), name(view, "png"));
      }
      return "";
    },
    svg: async () => {
      if (!isEmpty(view)) {
        save(await drawing(pictures(view), css("paper"), css("ink")), name(view, "svg"));
      }
      return "";
    },
    animation: async () => {
      const reason = view.kind === "surface" && view.drawn.length
        ? whyNoAnimation()
        : "only 3-D pictures turn";
      if (reason) return `no animation: ${reason}`;
      const report = (/** @type {number} */ part) => say(`animation: ${Math.round(100 * part)} %`);
      save(await animation(view, pictures(view), report), name(view, "webm"));
      return "animation saved";
    },
    address: async () => (await copied(address({}))) ? "link copied" : `link: ${address({})}`,
    point: async () => {
      const { point } = view;
      if (point === null) return "no point: hover one, or click it";
      const link = address({ point });
      return (await copied(link)) ? "link to the point copied" : `link: ${link}`;
    },
    command: async () => {
      const { command: text, limits } = command(view);
      const dialog = byId("command");
      dialog.querySelector("textarea").value = text;
      dialog.querySelector("p").textContent = limits.map((limit) => `Note: ${limit}.`).join(" ");
      dialog.showModal();
      dialog.querySelector("textarea").select();
      return (await copied(text)) ? "command copied" : "";
    },
  };
  let isBusy = false;
  const run = async (/** @type {() => Promise<string>} */ action) => {
    if (isBusy) return;
    isBusy = true;
    try {
      say(await action());
    } catch (error) {
      say(`not made: ${error instanceof Error ? error.message : error}`);
    }
    isBusy = false;
  };
  document.addEventListener("pointerdown", ({ target }) => {
    if (!isBusy && target !== byId("shared")) say("");
  }, { capture: true });
  return Object.fromEntries(
    Object.entries(actions).map(([key, action]) => [key, () => run(action)]),
  );
}

/** @param {string} text */
function say(text) {
  byId("shared").textContent = text;
}

/**
 * Everything that is drawn now, with its texts.
 *
 * @param {View} view
 * @returns {import("landscape/snapshot.js").Picture[]}
 */
function pictures(view) {
  const isRelief = view.kind === "surface";
  const panels = view.drawn.map((panel) => ({
    plot: isRelief ? panel.relief : panel.flat,
    title: panel.surface?.name ?? "",
    notes: [
      panel.part(".note").textContent,
      ...(panel.surface?.warnings ?? []).map((text) => `⚠ ${text}`),
    ].filter(Boolean),
    line: isRelief ? null : panel.cut.element,
    finish: isRelief
      ? null
      : (/** @type {ParentNode} */ picture) => panel.shown && label(picture, panel.shown.colors),
  }));
  const charts = [linePlot, profilePlot, distancePlot]
    .map((plot) => ({ plot, section: plot.closest("section") }))
    .filter(({ section }) => !section.hidden)
    .map(({ plot, section }) => ({
      plot,
      title: section.querySelector("h2").textContent,
      notes: [],
      line: null,
      finish: null,
    }));
  return [...panels, ...charts];
}

/** @param {View} view */
function isEmpty(view) {
  return view.drawn.length === 0 && view.lines.size === 0;
}

/**
 * @param {View} view
 * @param {string} suffix
 */
function name(view, suffix) {
  const names = [...view.surfaces, ...view.lines.values()].map((surface) => surface.name).join("-");
  const kind = view.drawn.length ? view.kind : "line";
  return `${names.replaceAll(/[^\w.-]+/g, "_").slice(0, 100)}-${kind}.${suffix}`;
}

/**
 * Put a text on the clipboard.
 *
 * @param {string} text
 * @returns {Promise<boolean>} whether the browser allows it
 */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
