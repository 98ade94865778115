"""Extreme Hessian eigenvalues at every point of a grid."""

import time
from dataclasses import replace

from landscape.curvature.hessian import Hessian
from landscape.curvature_map import Curvature
from landscape.hdf5 import SurfaceFile
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.progress import Progress
from landscape.surface import Surface

# Relative accuracy of the eigenvalues, and about how many products a point may cost.
_TOLERANCE, _MAX_HVPS = 0.05, 300


def map_curvature(
    surface: Surface,
    plane: Plane,
    objective: Objective,
    progress: Progress,
    output: SurfaceFile | None = None,
) -> Surface:
    """Evaluate the eigenvalues of the missing points, and write them to the file if any.

    Args:
        surface: The surface.
        plane: Its plane.
        objective: The objective.
        progress: Receives progress.
        output: The file.

    Returns:
        The surface with its curvature.
    """
    found = surface.curvature or Curvature.empty(surface.grid)
    lowest, highest = found.lowest.copy(), found.highest.copy()
    evaluated, converged = found.evaluated.copy(), found.converged.copy()
    seconds, began = found.seconds, time.monotonic()
    missing = [int(k) for k in surface.grid.order() if not evaluated.flat[k]]
    if missing:
        hessian = Hessian(objective)
        done = surface.grid.size - len(missing)
        progress.start(f"{surface.name}, curvature", surface.grid.size, done)
        try:
            for index in missing:
                hessian.move_to(plane.at(*surface.grid.point(index)))
                low, high, is_converged = hessian.ends(tolerance=_TOLERANCE, max_hvps=_MAX_HVPS)
                lowest.flat[index], highest.flat[index] = low, high
                evaluated.flat[index], converged.flat[index] = True, is_converged
                seconds = found.seconds + time.monotonic() - began
                if output is not None:
                    values = {"lowest": low, "highest": high, "converged": is_converged}
                    output.put("curvature", index, values, seconds=seconds)
                    output.commit()
                done += 1
                progress.update(done)
        finally:
            progress.stop()
    curvature = Curvature(lowest, highest, evaluated, converged, seconds)
    return replace(surface, curvature=curvature)
