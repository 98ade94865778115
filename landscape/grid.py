"""Where on the plane the loss is sampled: the one owner of axis order and visiting order."""

import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]

MOST_POINTS = 10_000
"""Points of an axis, at most."""

_GROUP = 64  # points, at most


@dataclass(frozen=True, eq=False)
class Grid:
    """The product of two axes.

    Every array over a grid has shape ``(len(alphas), len(betas))``, and its element
    ``[i, j]`` belongs to the point ``(alphas[i], betas[j])``.

    Attributes:
        alphas: Coordinates along δ, strictly increasing, shape (num_alphas,), dimensionless.
        betas: Coordinates along η, strictly increasing, shape (num_betas,), dimensionless.

    Raises:
        ValueError: An axis is empty, not finite, or not strictly increasing.
    """

    alphas: NDArray[np.float64]
    betas: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("alphas", "betas"):
            axis = np.array(getattr(self, name), dtype=np.float64)
            if axis.ndim != 1 or axis.size == 0:
                raise ValueError(f"{name} must have one dimension and one value or more")
            if not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
                raise ValueError(f"{name} must be finite and strictly increasing")
            axis.setflags(write=False)
            object.__setattr__(self, name, axis)

    @classmethod
    def regular(
        cls,
        points: int | Sequence[int] = 51,
        alpha: Interval = (-1.0, 1.0),
        beta: Interval | None = None,
    ) -> "Grid":
        """Return evenly spaced points, both ends included.

        Args:
            points: Points per axis, or (along α, along β). One point lies in the middle of
                its range, so that 51×1 over [-1, 1]² is the line β = 0.
            alpha: First and last α.
            beta: First and last β; the range of α where it is not given.

        Raises:
            ValueError: Fewer than one point or absurdly many, or a range that does not rise.
        """
        num_alphas, num_betas = points if isinstance(points, Sequence) else (points, points)
        beta = alpha if beta is None else beta
        return cls(
            _axis("alpha", alpha, operator.index(num_alphas)),
            _axis("beta", beta, operator.index(num_betas)),
        )

    @classmethod
    def logarithmic(
        cls,
        points: int | Sequence[int] = 51,
        reach: float | tuple[float, float] = 1.0,
        smallest: float = 1e-3,
    ) -> "Grid":
        """Return points dense around the center: 0, and both signs of a geometric sequence.

        Args:
            points: Odd number of points per axis, or (along α, along β).
            reach: Last coordinate, or (along α, along β).
            smallest: First coordinate beyond 0, as a fraction of the last.

        Raises:
            ValueError: A number of points is even, or a reach is not positive.

        Example:
            >>> Grid.logarithmic(5, smallest=0.1).alphas.tolist()
            [-1.0, -0.1, 0.0, 0.1, 1.0]
        """
        pair = points if isinstance(points, Sequence) else (points, points)
        reaches = reach if isinstance(reach, tuple) else (reach, reach)
        axes = []
        for num, last in zip(pair, reaches, strict=True):
            half, is_even = divmod(operator.index(num) - 1, 2)
            if is_even or not 0 <= half <= MOST_POINTS:
                raise ValueError(f"a logarithmic axis has an odd number of points, not {num}")
            if not (0 < last < math.inf and 0 < smallest < 1):
                raise ValueError("reach must be positive and smallest between 0 and 1")
            # From 1 downwards, so that one point on each side lies at the reach.
            steps = last * smallest ** (np.arange(half)[::-1] / max(half - 1, 1))
            axes.append(np.concatenate([-steps[::-1], [0.0], steps]))
        return cls(*axes)

    @property
    def shape(self) -> tuple[int, int]:
        """(num_alphas, num_betas)."""
        return len(self.alphas), len(self.betas)

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.alphas) * len(self.betas)

    def point(self, index: int) -> tuple[float, float]:
        """Return (alpha, beta) of a flat index into arrays over this grid."""
        i, j = divmod(int(index), len(self.betas))
        return float(self.alphas[i]), float(self.betas[j])

    def order(self) -> NDArray[np.int64]:
        """Return all flat indices from coarse to fine, the middle first, shape (size,).

        Corners and middle come first, then halves, quarters and so on, so that an
        unfinished scan already covers the whole range evenly.
        """
        levels = self.levels()
        levels[len(self.alphas) // 2, len(self.betas) // 2] = -1
        return np.argsort(levels.ravel(), kind="stable")

    def levels(self) -> NDArray[np.int64]:
        """Return the number of halvings after which a point belongs to the grid, of its shape.

        The corners have 0, a coarse grid over the whole range has those up to some number.

        Example:
            >>> Grid.regular((3, 2)).levels().tolist()
            [[0, 0], [1, 1], [0, 0]]
        """
        return np.maximum.outer(_levels(len(self.alphas)), _levels(len(self.betas)))

    def part(self, number: int, total: int) -> NDArray[np.bool_]:
        """Return the points of one of several parts of the grid, as a mask of its shape.

        Every part has points from coarse to fine. They come in groups that one forward pass may
        take.

        Args:
            number: Of the part, from 1.
            total: Number of parts.

        Example:
            >>> grid = Grid.regular(3)
            >>> int((grid.part(1, 2) | grid.part(2, 2)).sum())
            9
        """
        group = min(_GROUP, 2 ** int(math.log2(max(1, self.size // (4 * total)))))
        mask = np.zeros(self.size, dtype=bool)
        mask[self.order()[np.arange(self.size) // group % total == number - 1]] = True
        return mask.reshape(self.shape)

    def holds(self, alpha: float, beta: float) -> bool:
        """Return whether a point lies between its first and last coordinates."""
        return bool(
            self.alphas[0] <= alpha <= self.alphas[-1] and self.betas[0] <= beta <= self.betas[-1]
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Grid)
            and np.array_equal(self.alphas, other.alphas)
            and np.array_equal(self.betas, other.betas)
        )

    def __hash__(self) -> int:
        return hash((self.alphas.tobytes(), self.betas.tobytes()))

    def __repr__(self) -> str:
        return f"Grid({self})"

    def __str__(self) -> str:
        return (
            f"{len(self.alphas)}x{len(self.betas)} points, "
            f"alpha {self.alphas[0]:g}:{self.alphas[-1]:g}, "
            f"beta {self.betas[0]:g}:{self.betas[-1]:g}"
        )


def part_from(text: object) -> tuple[int, int] | None:
    """Return (number, total) of a part ``3/16`` of a grid; None if the text is none.

    Args:
        text: The text.
    """
    match = re.fullmatch("([0-9]{1,6})/([0-9]{1,6})", text) if isinstance(text, str) else None
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        return None
    return int(match[1]), int(match[2])


def _axis(name: str, interval: Interval, num: int) -> NDArray[np.float64]:
    start, stop = interval
    if not 1 <= num <= MOST_POINTS:
        raise ValueError(f"points must be 1 or more along {name}, and at most {MOST_POINTS:,}")
    if not (math.isfinite(start) and math.isfinite(stop) and start < stop):
        raise ValueError(
            f"the range of {name} must rise from its first to its last value, "
            f"not {start:g}:{stop:g}"
        )
    if num == 1:
        return np.array([(start + stop) / 2])
    part = np.arange(num) / (num - 1)
    # Weighting both ends keeps the ends, and the middle of a symmetric range, exact.
    return start * (1 - part) + stop * part


def _levels(num: int) -> NDArray[np.int64]:
    """Return the halving of [0, num - 1] at which each index first appears, shape (num,)."""
    levels = np.full(num, -1)
    pieces, level = 1, 0
    while (levels < 0).any():
        ends = (np.arange(pieces + 1) * (num - 1) * 2 + pieces) // (2 * pieces)
        ends = ends[levels[ends] < 0]
        levels[ends] = level
        pieces, level = pieces * 2, level + 1
    return levels
