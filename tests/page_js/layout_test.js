/** Panels fill the window, and never overflow it if they fit. */

import { arrange } from "landscape/layout.js";

Deno.test("panels take at least three quarters of a window", () => {
  for (const [width, height] of [[1400, 760], [1920, 940], [1280, 700], [2560, 1300]]) {
    for (const num of [1, 2, 4]) {
      for (const charts of [false, true]) {
        const { columns, cell, rail, size } = arrange(width, height, num, true, charts);
        const rows = Math.ceil(num / columns);
        const across = rail === "right" ? width - size : width;
        const share = (across * rows * cell) / (width * height);
        const down = rows * cell + (rail === "below" ? size : 0);
        if (down > height + 1 || (share < 0.7 && rows * cell > 260 * rows)) {
          throw new Error(`${width}×${height}, ${num}, ${charts}: ${share.toFixed(2)} ${down}`);
        }
      }
    }
  }
});

Deno.test("four panels are two by two", () => {
  if (arrange(1400, 800, 4, true, false).columns !== 2) throw new Error("not two columns");
});

Deno.test("a phone has one column", () => {
  for (const num of [1, 2, 5]) {
    if (arrange(390, 700, num, true, true).columns !== 1) throw new Error(`${num} panels`);
  }
});

Deno.test("no panels need no room", () => {
  if (arrange(1000, 500, 0, true, true).cell !== 0) throw new Error("a cell of nothing");
});
