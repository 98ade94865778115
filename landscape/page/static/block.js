/** The sides of a relief: what is below the border of the surface, down to the floor. */

const INSIDE = 1e-3;

/** @typedef {import("landscape/mesh.js").Mesh} Mesh */

/**
 * Walls that make a solid block of a surface.
 *
 * Without them one looks from outside at the lower side of the slopes. They have one dull color,
 * so that they are not taken for slopes.
 *
 * @param {Mesh} surface
 * @param {number} floor height at which they end, within the box
 * @param {string} color
 * @returns {any[]} traces
 */
export function walls({ x, y, z }, floor, color) {
  const [across, along] = [[...x.keys()], [...y.keys()]];
  const edges = [
    across.map((i) => [i, 0]),
    across.map((i) => [i, y.length - 1]),
    along.map((j) => [0, j]),
    along.map((j) => [x.length - 1, j]),
  ];
  /** @type {Record<"x" | "y" | "z" | "i" | "j" | "k", number[]>} */
  const mesh = { x: [], y: [], z: [], i: [], j: [], k: [] };
  for (const edge of edges) {
    let isOpen = false; // whether the last point has a height
    for (const [i, j] of edge) {
      const height = z[j][i];
      if (height !== null) {
        const [a, b] = [inside(x, i), inside(y, j)];
        const first = mesh.x.push(a, a) - 2;
        mesh.y.push(b, b);
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
 * @param {number[]} axis
 * @param {number} k
 */
function inside(axis, k) {
  const middle = (axis[0] + axis[axis.length - 1]) / 2;
  return middle + (1 - INSIDE) * (axis[k] - middle);
}
