/** The page's address: everything that is written can be read, and nothing else changes a view. */

import { format, parse } from "landscape/state.js";

/** @param {unknown} a @param {unknown} b */
function same(a, b) {
  if (JSON.stringify(a) !== JSON.stringify(b)) {
    throw new Error(`${JSON.stringify(a)}, expected ${JSON.stringify(b)}`);
  }
}

/** A generator of reproducible choices. @param {number} seed */
function chooser(seed) {
  let state = seed;
  return (/** @type {any[]} */ values) => {
    state = (1103515245 * state + 12345) % 2147483648;
    return values[state % values.length];
  };
}

Deno.test("every state comes back from its address", () => {
  for (let seed = 0; seed < 500; seed++) {
    const one = chooser(seed);
    const point = () => ({ x: one([0, 1.25, -2]), y: one([0, 0.5]), z: one([0, 1]) });
    const state = {
      ...parse("", {}),
      show: one([[], ["a"], ["a b", "c&d#e"], ["ä/ö"]]),
      view: one(["surface", "contour", "heatmap"]),
      quantity: one(["loss", "accuracy", "ratio", "lowest", "highest"]),
      scale: one(["auto", "linear", "log"]),
      heights: one(["one", "own"]),
      colors: one(["one", "own"]),
      clip: one([null, "auto", 3.5, 1e-3]),
      axis: one(["alpha", "beta"]),
      at: one([null, 0, -0.25]),
      link: one([true, false]),
      marks: one([true, false]),
      paths: one([true, false]),
      points: one([true, false]),
      point: one([null, { alpha: 0.25, beta: -0.5 }, { alpha: -1e-7, beta: 0 }]),
      theme: one(["auto", "light", "dark"]),
      cameras: one([[], [{ eye: point(), center: point(), up: point() }]]),
    };
    const defaults = one([{}, { show: ["a"], scale: "log" }]);
    same(parse(format(state, defaults), defaults), state);
  }
});

Deno.test("an address with unknown values is the default view", () => {
  const usual = parse("", {});
  for (
    const hash of ["#view=cube", "#clip=high", "#at=", "#camera=1_2", "#scale=LOG&theme=pink", "#x"]
  ) {
    same(parse(hash, {}), usual);
  }
});

Deno.test("the default view has an empty address", () => {
  same(format(parse("", { show: ["a"] }), { show: ["a"] }), "");
});
