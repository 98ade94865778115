/** Color bars, which stand once where all surfaces share a scale. */

/** @typedef {import("landscape/scale.js").Scale} Scale */

/**
 * Fill a place with a color bar.
 *
 * @param {HTMLElement} place
 * @param {Scale} colors
 * @param {string} title
 * @param {[number, string][]} colorscale
 * @param {boolean} isVertical
 */
export function fill(place, colors, title, colorscale, isVertical) {
  const [low, high] = colors.limits;
  const { tickvals, ticktext } = colors.ticks(5);
  place.className = "bar";
  place.toggleAttribute("data-vertical", isVertical);
  place.style.setProperty("--ramp", colorscale.map(([at, hex]) => `${hex} ${100 * at}%`).join());
  const [head, ramp, ticks] = ["title", "ramp", "ticks"].map((name) => {
    const part = document.createElement("div");
    part.className = name;
    return part;
  });
  head.textContent = title;
  ticks.replaceChildren(...ticktext.map((text, k) => {
    const tick = document.createElement("span");
    tick.textContent = text;
    tick.style.setProperty("--at", `${100 * (Number(tickvals[k]) - low) / (high - low)}%`);
    return tick;
  }));
  place.replaceChildren(head, ramp, ticks);
}

/**
 * What a color bar is titled.
 *
 * @param {string} label of the values
 * @param {Scale} colors
 */
export function titleOf(label, colors) {
  const clipped = colors.clipped ? `, clipped at ${colors.text(colors.high)}` : "";
  const points = colors.floored === 1 ? "1 point" : `${colors.floored} points`;
  const floored = colors.floored > 0 ? `, ${points} at or below 0` : "";
  return `${label}${colors.log ? ", log scale" : ""}${floored}${clipped}`;
}
