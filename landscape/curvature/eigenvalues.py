"""Extreme eigenvalues of a matrix that is known only by its products: Lanczos iteration."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from landscape.errors import LandscapeError

End = Literal["highest", "lowest", "both"]

# Steps of an estimate where the iteration did not converge, in sizes of its basis.
_FEW_BASES = 3
_ARPACK = {"highest": "LA", "lowest": "SA", "both": "BE"}


class NotFiniteError(LandscapeError):
    """The loss has overflowed, so that it has no second derivatives."""

    def __init__(self) -> None:
        super().__init__("the Hessian is not finite here: the loss has overflowed")


class Products(Protocol):
    """A symmetric matrix, by its products with vectors."""

    size: int
    dtype: Any

    def finite_times(self, vector: NDArray[Any]) -> NDArray[Any]:
        """Return the product with a vector, shape (size,)."""


def with_repeated(
    hessian: Products,
    values: NDArray[Any],
    vectors: NDArray[Any],
    end: End,
    tolerance: float,
    max_hvps: int,
    seed: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return eigenpairs in which repeated eigenvalues occur with their multiplicity.

    Args:
        hessian: The Hessian.
        values: Eigenvalues that Lanczos found, shape (pairs,).
        vectors: Their eigenvectors, shape (size, pairs).
        end: The end of the spectrum, or both.
        tolerance: Relative accuracy.
        max_hvps: About how many products to spend at most for each search.
        seed: Seed of the start vectors.
    """
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    num, limits = len(values), (tolerance, max_hvps, seed)
    highs = num - _lows(num, end)
    _recover_multiplicities(hessian, values, vectors, range(highs), "highest", *limits)
    _recover_multiplicities(hessian, values, vectors, range(highs, num), "lowest", *limits)
    return values, vectors


def _recover_multiplicities(
    hessian: Products,
    values: NDArray[Any],
    vectors: NDArray[Any],
    mine: range,
    end: Literal["highest", "lowest"],
    tolerance: float,
    max_hvps: int,
    seed: int,
) -> None:
    """Recover repeated eigenvalues by deflation, in place.

    Lanczos finds only one vector per distinct eigenvalue, and continues with the next one. The
    pairs found are therefore moved to the other end of the spectrum; if one was missed, the
    outermost eigenvalue of the rest lies further out than the innermost of those found.

    Args:
        hessian: The Hessian.
        values: Eigenvalues, shape (pairs,).
        vectors: Eigenvectors, shape (size, pairs).
        mine: Positions of the eigenvalues of this end.
        end: The end of the spectrum.
        tolerance: Relative accuracy.
        max_hvps: About how many products to spend at most.
        seed: Seed of the start vector.
    """
    sign = 1.0 if end == "highest" else -1.0
    for _ in range(len(mine) if len(mine) > 1 else 0):
        inner = mine[int(np.argmin(sign * values[mine]))]
        moved = values - values[inner] + sign * 2 * float(np.abs(values).max())

        def rest(x: NDArray[Any], moved: NDArray[Any] = moved) -> NDArray[Any]:
            product = hessian.finite_times(x)
            product -= vectors @ (moved * (vectors.T @ x.reshape(-1)))
            return product

        (value,), vector, converged = lanczos(hessian, 1, end, tolerance, max_hvps, seed, 20, rest)
        if not converged or sign * (value - values[inner]) <= 2 * tolerance * abs(value):
            return
        values[inner], vectors[:, inner] = value, vector[:, 0]


def lanczos(
    hessian: Products,
    num: int,
    end: End,
    tolerance: float,
    max_hvps: int,
    seed: int,
    basis: int,
    product: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> tuple[NDArray[Any], NDArray[Any], bool]:
    """Return eigenvalues, eigenvectors, and whether they converged, by ARPACK.

    Args:
        hessian: The Hessian.
        num: Number of eigenvalues.
        end: The end of the spectrum.
        tolerance: Relative accuracy.
        max_hvps: About how many products to spend at most.
        seed: Seed of the start vector.
        basis: Size of the Krylov basis.
        product: Products of another operator; by default of the Hessian.

    Raises:
        LandscapeError: ARPACK failed.
    """
    start = np.random.default_rng(seed).standard_normal(hessian.size).astype(hessian.dtype)
    basis = min(hessian.size, max(2 * num + 1, basis))
    operator = LinearOperator(
        (hessian.size, hessian.size), matvec=product or hessian.finite_times, dtype=hessian.dtype
    )
    try:
        values, vectors = eigsh(
            operator,
            k=num,
            which=_ARPACK[end],
            tol=tolerance,
            v0=start,
            ncv=basis,
            maxiter=max(1, max_hvps // (basis - num)),
        )
    except ArpackError as error:
        if isinstance(error, ArpackNoConvergence):
            known = np.column_stack([error.eigenvectors, start])
            return *_ritz(hessian, known, _FEW_BASES * basis, num, end), False
        if hessian.finite_times(start).any():
            raise LandscapeError(f"the eigenvalues were not found: {error}") from error
        # The Hessian is zero: any vectors are eigenvectors.
        vectors, _ = np.linalg.qr(
            np.random.default_rng(seed).standard_normal((hessian.size, num)).astype(hessian.dtype)
        )
        return np.zeros(num), vectors, True
    return values, vectors, True


def _ritz(
    hessian: Products, known: NDArray[Any], steps: int, num: int, end: End
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return Ritz pairs of the known vectors and some further Lanczos steps."""
    q, _ = np.linalg.qr(known)
    products = np.column_stack([hessian.finite_times(column) for column in q.T])
    for _ in range(min(steps, hessian.size - q.shape[1])):
        new = products[:, -1]
        for _ in range(2):  # twice is enough
            new = new - q @ (q.T @ new)
        size = np.linalg.norm(new)
        if size <= 1e-6 * np.linalg.norm(products[:, -1]):
            break
        q = np.column_stack([q, new / size])
        products = np.column_stack([products, hessian.finite_times(q[:, -1])])
    values, vectors = outermost(q.T @ products, num, end)
    return values, q @ vectors


def outermost(matrix: NDArray[Any], num: int, end: End) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return eigenvalues and eigenvectors at the ends of a symmetric matrix."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    low = _lows(num, end)
    chosen = [*range(low), *range(len(values) - (num - low), len(values))]
    return values[chosen], vectors[:, chosen]


def _lows(num: int, end: End) -> int:
    """Return how many of some eigenvalues are at the lower end."""
    return {"lowest": num, "both": num // 2, "highest": 0}[end]
