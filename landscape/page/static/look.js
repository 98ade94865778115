/** How everything looks that plotly draws. */

/**
 * @typedef {object} Style
 * @property {string} text color of text
 * @property {string} grid color of grid lines
 * @property {string} missing color of what is not known
 * @property {string} base color of what is below a surface
 * @property {any} colorscale
 */

/** Nothing is sent anywhere: plotly offers an upload by default. */
export const CONFIG = {
  displayModeBar: false,
  showSendToCloud: false,
  plotlyServerURL: "",
  showTips: false,
};

/** Colors of Okabe and Ito, distinguishable with color blindness. */
const COLORS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];

/**
 * The color of the net or the path of that number.
 *
 * @param {number} order
 * @param {Style} style
 */
export function color(order, style) {
  return order < COLORS.length ? COLORS[order] : style.text;
}

/** @param {Style} style */
export function paper(style) {
  return {
    paper_bgcolor: "rgba(0, 0, 0, 0)",
    plot_bgcolor: "rgba(0, 0, 0, 0)",
    font: { color: style.text, family: "system-ui, sans-serif", size: 12 },
    margin: { l: 0, r: 0, t: 0, b: 66 },
    showlegend: false,
  };
}

/**
 * A text that plotly must not read as markup.
 *
 * @param {string} text
 */
export function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
