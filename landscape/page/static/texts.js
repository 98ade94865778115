/** Texts above the pictures of a snapshot, in as many lines as they need. */

export const FONT = "system-ui, sans-serif";
const SIZE = 13; // pixels of a note
const LINE = 17;
const TITLE = 17;
export const MARGIN = 8; // at the left and at the right

/** @type {CanvasRenderingContext2D | null} */ let ruler = null;

/**
 * @typedef {object} Line a line of text
 * @property {string} text
 * @property {number} size of its font, in pixels
 * @property {number} weight of its font
 * @property {number} y of its baseline
 */

/**
 * The lines of a title and notes, from the top.
 *
 * @param {string} title
 * @param {string[]} notes each begins a line
 * @param {number} width of the picture
 * @returns {{lines: Line[], height: number}}
 */
export function textsAbove(title, notes, width) {
  const first = { text: title, size: TITLE, weight: 600, y: TITLE + 5 };
  const others = notes.flatMap((note) => wrapped(note, width - 2 * MARGIN))
    .map((text, k) => ({ text, size: SIZE, weight: 400, y: first.y + (k + 1) * LINE + 3 }));
  const lines = [first, ...others];
  return { lines, height: lines[lines.length - 1].y + 6 };
}

/** @param {Line} line */
export function fontOf({ size, weight }) {
  return `${weight} ${size}px ${FONT}`;
}

/**
 * @param {string} text
 * @param {number} room in pixels
 */
function wrapped(text, room) {
  ruler ??= document.createElement("canvas").getContext("2d");
  const context = /** @type {CanvasRenderingContext2D} */ (ruler);
  context.font = `${SIZE}px ${FONT}`;
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (!lines.length || context.measureText(longer).width > room) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
