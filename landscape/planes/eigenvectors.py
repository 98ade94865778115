"""The plane along two extreme eigenvectors of the Hessian."""

from typing import TYPE_CHECKING

from landscape.errors import LandscapeError
from landscape.facts import Facts
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.planes.spec import PlaneSpec
from landscape.progress import Progress

if TYPE_CHECKING:
    from landscape.curvature.eigenvalues import End

_NAMES = {
    "highest": "top eigenvectors",
    "lowest": "lowest eigenvectors",
    "both": "eigenvectors of the largest and the smallest eigenvalue",
}


def eigenvectors(
    objective: Objective, end: "End" = "highest", *, progress: Progress | None = None
) -> Plane:
    """Return the plane along the eigenvectors of two extreme eigenvalues of the Hessian.

    At a saddle, the plane of both ends shows the directions in which the loss rises and falls
    most (Böttcher and Wheeler 2022, arXiv 2208.13219); random planes seldom do.

    Args:
        objective: The objective.
        end: ``highest``: the two largest eigenvalues; ``lowest``: the two smallest; ``both``: the
            largest, along α, and the smallest, the most negative one if any is, along β.
        progress: Receives messages.

    Returns:
        The plane; both directions have length 1.

    Raises:
        ValueError: ``end`` is unknown.
        LandscapeError: The eigenvalues did not converge, or the loss is not twice
            differentiable.

    Example:
        >>> import torch, landscape
        >>> model, x = torch.nn.Linear(4, 3), torch.randn(20, 4)
        >>> objective = landscape.Objective(model, data=(x, torch.randint(3, (20,))))
        >>> plane = landscape.planes.eigenvectors(objective)
        >>> abs(landscape.parameters.norm(plane.delta) - 1) < 1e-5
        True
    """
    return eigenvectors_spec(objective, end, progress).resolve(objective)


def eigenvectors_spec(
    objective: Objective, end: "End" = "highest", progress: Progress | None = None
) -> PlaneSpec:
    """Return the plane of :func:`eigenvectors`, to be built when a scan begins.

    Args:
        objective: The objective.
        end: Which eigenvalues.
        progress: Receives messages.

    Raises:
        ValueError: ``end`` is unknown.
    """
    if end not in _NAMES:
        raise ValueError(f"end must be one of {', '.join(_NAMES)}, not {end!r}")
    origin: Facts = {"plane": _NAMES[end]}

    def build() -> Plane:
        from landscape.curvature import Hessian  # takes a second to import

        hessian = Hessian(objective)
        pairs = hessian.eigenpairs(2, end)
        if not pairs.converged:
            raise LandscapeError(
                f"the two eigenvalues did not converge in {hessian.products} "
                "Hessian-vector products (`landscape curvature` shows how close they came): use "
                f"other {objective.unit.name}"
            )
        (progress or default_progress()).note(
            "eigenvalues along α and β: " + ", ".join(f"{value:.6g}" for value in pairs.values)
        )
        delta, eta = pairs.vectors
        return Plane(objective.parameters, delta, eta, origin=origin, stored=True)

    return PlaneSpec(origin, build)
