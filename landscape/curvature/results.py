"""Results of a curvature analysis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.brief import brief
from landscape.parameters import Parameters


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Some eigenvalues and their eigenvectors.

    Attributes:
        values: Eigenvalues, from the highest to the lowest, shape (pairs,).
        vectors: Eigenvectors of length 1, by parameter; those outside the group are zero.
        residuals: ‖H v - λ v‖ of each, shape (pairs,).
        converged: Whether all came out within the tolerance; if not, these are estimates from
            few products, and the outermost eigenvalues lie further out.
    """

    values: NDArray[np.float64]
    vectors: Sequence[Parameters]
    residuals: NDArray[np.float64]
    converged: bool

    __repr__ = brief


@dataclass(frozen=True)
class Trace:
    """The sum of all eigenvalues.

    Attributes:
        value: The trace.
        standard_error: Of the estimate; 0 where it is exact.
    """

    value: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class Density:
    """How many eigenvalues are where.

    Attributes:
        eigenvalues: Where, rising, shape (points,).
        values: Part of all eigenvalues per unit there, shape (points,).
        width: Standard deviation of the bump that stands for one eigenvalue.
    """

    eigenvalues: NDArray[np.float64]
    values: NDArray[np.float64]
    width: float

    __repr__ = brief
