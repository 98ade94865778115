"""One point at a time, all images in batches."""

from collections.abc import Iterable, Iterator

from landscape.evaluate.values import Values
from landscape.objective import Objective
from landscape.plane import Plane


def evaluate(
    objective: Objective, plane: Plane, points: Iterable[tuple[float, float]]
) -> Iterator[Values]:
    """Yield the values of each point, in the order of ``points``.

    Args:
        objective: The function; on one device.
        plane: The plane, on the same device.
        points: Coordinates (alpha, beta).
    """
    for alpha, beta in points:
        losses, hits = objective.examples(plane.at(alpha, beta))
        yield Values.of_examples(losses, hits, per_example=objective.per_example)
