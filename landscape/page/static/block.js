/** The sides of a relief: what is below the border of the surface, down to the floor. */

const INSIDE = 1e-3;

/** @typedef {import("landscape/scale.js").Scale} Scale */
/** @typedef {import("landscape/surface.js").Surface} Surface */

/**
 * Walls that make a solid block of a surface.
 *
 * Without them one looks from outside at the lower side of the slopes. They have one dull color,
 * so that they are not taken for slopes.
 *
 * @param {Surface} surface
 * @param {ArrayLike<number>} values
 * @param {Scale} scale of heights
 * @param {number} floor height at which they end, within the box
 * @param {string} color
 * @returns {any[]} traces
 */
export function walls(surface, values, scale, floor, color) {
  const [m, n] = [surface.alphas.length, surface.betas.length];
  const along = [...Array(m).keys()];
  const across = [...Array(n).keys()];
  const edges = [
    along.map((i) => [i, 0]),
    along.map((i) => [i, n - 1]),
    across.map((j) => [0, j]),
    across.map((j) => [m - 1, j]),
  ];
  /** @type {Record<"x" | "y" | "z" | "i" | "j" | "k", number[]>} */
  const mesh = { x: [], y: [], z: [], i: [], j: [], k: [] };
  for (const edge of edges) {
    let isOpen = false; // whether the last point has a height
    for (const [i, j] of edge) {
      const height = scale.height(values[surface.index(i, j)]);
      if (height !== null) {
        const [x, y] = [inside(surface.alphas, i), inside(surface.betas, j)];
        const first = mesh.x.push(x, x) - 2;
        mesh.y.push(y, y);
        mesh.z.push(floor, height);
        if (isOpen) {
          mesh.i.push(first - 2, first - 1);
          mesh.j.push(first - 1, first + 1);
          mesh.k.push(first, first);
        }
      }
      isOpen = height !== null;
    }
  }
  if (!mesh.i.length) return [];
  return [{
    ...mesh,
    type: "mesh3d",
    color,
    hoverinfo: "skip",
    flatshading: true,
    lighting: { ambient: 0.92, diffuse: 0.15, specular: 0, fresnel: 0 },
  }];
}

/**
 * A coordinate a little nearer to the middle: what lies in a face of the box is clipped by rounding.
 *
 * @param {Float64Array} axis
 * @param {number} k
 */
function inside(axis, k) {
  const middle = (axis[0] + axis[axis.length - 1]) / 2;
  return middle + (1 - INSIDE) * (axis[k] - middle);
}
