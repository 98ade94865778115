"""The plane along the two leading eigenvectors of the Hessian."""

from landscape.errors import LandscapeError
from landscape.facts import Facts
from landscape.notebook import default_progress
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.planes.spec import PlaneSpec
from landscape.progress import Progress


def eigenvectors(objective: Objective, *, progress: Progress | None = None) -> Plane:
    """Return the plane along the eigenvectors of the two largest eigenvalues of the Hessian.

    Args:
        objective: The objective.
        progress: Receives messages.

    Returns:
        The plane; both directions have length 1.

    Raises:
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
    return eigenvectors_spec(objective, progress).resolve(objective)


def eigenvectors_spec(objective: Objective, progress: Progress | None = None) -> PlaneSpec:
    """Return the plane of :func:`eigenvectors`, to be built when a scan begins.

    Args:
        objective: The objective.
        progress: Receives messages.
    """
    origin: Facts = {"plane": "top eigenvectors"}

    def build() -> Plane:
        from landscape.curvature import Hessian  # takes a second to import

        hessian = Hessian(objective)
        pairs = hessian.eigenpairs(2, "highest")
        if not pairs.converged:
            raise LandscapeError(
                f"the two largest eigenvalues did not converge in {hessian.products} "
                "Hessian-vector products (`landscape curvature` shows how close they came): use "
                "other images"
            )
        (progress or default_progress()).note(
            "eigenvalues along α and β: " + ", ".join(f"{value:.6g}" for value in pairs.values)
        )
        delta, eta = pairs.vectors
        return Plane(objective.parameters, delta, eta, origin=origin, stored=True)

    return PlaneSpec(origin, build)
