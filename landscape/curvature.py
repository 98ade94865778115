"""The Hessian of the mean loss: its outermost eigenvalues, trace and spectral density."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from curvlinops import HessianLinearOperator, hutchinson_trace
from curvlinops.papyan2020traces.spectrum import lanczos_approximate_spectrum
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape.brief import brief
from landscape.errors import LandscapeError, first_line
from landscape.evaluate import kernels
from landscape.losses import ExampleLoss
from landscape.memory import free_bytes, is_out_of_memory, keep_freed_memory
from landscape.objective import Objective
from landscape.parameters import Parameters

End = Literal["highest", "lowest", "both"]

# Below this many parameters the matrix is made: iterations need more rows than they have steps.
_DENSE = 64
# Steps of an estimate where the iteration did not converge, in sizes of its basis.
_FEW_BASES = 3
# Of the spectral density, as Papyan (2020) has them: width of the bumps, and room at the ends.
_KAPPA, _MARGIN = 3.0, 0.05
_ARPACK = {"highest": "LA", "lowest": "SA", "both": "BE"}


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


class NotFiniteError(LandscapeError):
    """The loss has overflowed, so that it has no second derivatives."""


class Hessian:
    """The matrix of second derivatives of the mean loss, by its products with vectors.

    The mean is over all examples, so that nothing depends on how they are split into batches.

    Args:
        objective: Whose loss; the net is in evaluation mode.
        groups: Beginnings of parameters' names: the block of these alone; all by default.

    Raises:
        ValueError: No parameter's name begins like that.
    """

    def __init__(self, objective: Objective, groups: Sequence[str] = ()) -> None:
        keep_freed_memory()
        self._model = copy.deepcopy(objective.model)
        named = dict(self._model.named_parameters())
        self._names = [name for name in named if not groups or name.startswith(tuple(groups))]
        if not self._names:
            raise ValueError(
                f"no parameter's name begins with {' or '.join(groups)}: they are "
                + ", ".join(list(named)[:8])
            )
        self._parameters = [named[name].requires_grad_() for name in self._names]
        self._zero = {name: torch.zeros_like(p, requires_grad=False) for name, p in named.items()}
        self._dtype = np.float64 if objective.dtype == torch.float64 else np.float32
        batches = list(
            zip(
                torch.split(objective.inputs, objective.images_per_batch),
                torch.split(objective.targets, objective.images_per_batch),
                strict=True,
            )
        )
        self.products = 0
        self._operator = _Operator(
            self._model,
            _MeanLoss(objective.loss, objective.dtype),
            self._parameters,
            batches,
            check_deterministic=False,  # the objective is
            num_data=objective.num_images,
        )
        self.size = sum(p.numel() for p in self._parameters)

    @torch.no_grad()
    def move_to(self, parameters: Parameters) -> None:
        """Go to another point.

        Args:
            parameters: Of the whole net.
        """
        self._operator.forget()
        for name, own in self._model.named_parameters():
            own.copy_(parameters[name])

    def times(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Return products with vectors, shape (size,) or (size, vectors).

        Raises:
            LandscapeError: The net or the loss has no second derivative that torch knows.
        """
        columns = vectors if vectors.ndim == 2 else vectors[:, None]
        device = self._parameters[0].device
        done = []
        with _twice_differentiable():
            for column in columns.T:  # one after the other: memory of one
                v = torch.from_numpy(np.ascontiguousarray(column)).to(
                    device, self._parameters[0].dtype
                )
                product: Tensor = self._operator @ v
                done.append(product.detach().cpu().numpy())
                self.products += 1
        result = np.stack(done, 1).astype(self._dtype)
        return result if vectors.ndim == 2 else result[:, 0]

    def matrix(self) -> NDArray[Any]:
        """Return the matrix itself, shape (size, size), symmetric up to rounding."""
        return self.times(np.eye(self.size, dtype=self._dtype))

    def eigenpairs(
        self,
        num: int = 1,
        end: End = "highest",
        *,
        tolerance: float = 1e-3,
        most_products: int = 1000,
        seed: int = 0,
    ) -> Eigenpairs:
        """Return outermost eigenvalues with eigenvectors, by ARPACK's Lanczos iteration.

        An eigenvalue that is there several times comes as often.

        Args:
            num: How many; of ``both`` ends together.
            end: Which.
            tolerance: Relative accuracy of the eigenvalues; 0 is that of the type.
            most_products: About how many products with vectors to spend at most; several
                eigenvalues may take as many again for each search for a further copy.
            seed: Of the vector that is begun with.

        Raises:
            ValueError: There are not so many.
            LandscapeError: The loss cannot be differentiated twice, or has no finite Hessian.
        """
        if not 1 <= num <= self.size:
            raise ValueError(f"the Hessian has {self.size} eigenvalues, not {num}")
        if self.size <= max(_DENSE, 2 * num + 2):
            return self._dense_pairs(num, end)
        values, vectors, converged = self._lanczos(num, end, tolerance, most_products, seed, 20)
        if converged:
            lows = _lows(num, end)
            order = np.argsort(values)[::-1]
            values, vectors = values[order], vectors[:, order]
            limits = tolerance, most_products, seed + 1
            self._put_in_copies(values, vectors, range(num - lows), "highest", *limits)
            self._put_in_copies(values, vectors, range(num - lows, num), "lowest", *limits)
        return self._pairs(values, vectors, converged)

    def _put_in_copies(
        self,
        values: NDArray[Any],
        vectors: NDArray[Any],
        mine: range,
        end: Literal["highest", "lowest"],
        tolerance: float,
        most_products: int,
        seed: int,
    ) -> None:
        """Replace inner eigenvalues by further copies of outer ones, in place.

        Of a multiple eigenvalue an iteration finds but one vector, and goes on with the next
        eigenvalue. So what is found is moved to the other end of the spectrum, and what is then
        outermost lies further out than the innermost of those found, if one was missed.
        """
        sign = 1.0 if end == "highest" else -1.0
        for _ in range(len(mine) if len(mine) > 1 else 0):
            inner = mine[int(np.argmin(sign * values[mine]))]
            moved = values - values[inner] + sign * 2 * float(np.abs(values).max())

            def rest(x: NDArray[Any], moved: NDArray[Any] = moved) -> NDArray[Any]:
                product = self._finite_times(x)
                product -= vectors @ (moved * (vectors.T @ x.reshape(-1)))
                return product

            (value,), vector, converged = self._lanczos(
                1, end, tolerance, most_products, seed, 20, rest
            )
            if not converged or sign * (value - values[inner]) <= 2 * tolerance * abs(value):
                return
            values[inner], vectors[:, inner] = value, vector[:, 0]

    def _lanczos(
        self,
        num: int,
        end: End,
        tolerance: float,
        most_products: int,
        seed: int,
        basis: int,
        product: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any], bool]:
        """Return eigenvalues, eigenvectors, and whether they converged."""
        start = np.random.default_rng(seed).standard_normal(self.size).astype(self._dtype)
        basis = min(self.size, max(2 * num + 1, basis))
        operator = LinearOperator(
            (self.size, self.size), matvec=product or self._finite_times, dtype=self._dtype
        )
        try:
            values, vectors = eigsh(
                operator,
                k=num,
                which=_ARPACK[end],
                tol=tolerance,
                v0=start,
                ncv=basis,
                maxiter=max(1, most_products // (basis - num)),
            )
        except ArpackError as error:
            if isinstance(error, ArpackNoConvergence):
                known = np.column_stack([error.eigenvectors, start])
                return *self._ritz(known, _FEW_BASES * basis, num, end), False
            if self._finite_times(start).any():
                raise LandscapeError(f"the eigenvalues were not found: {error}") from error
            # The Hessian is zero: any vectors are eigenvectors.
            vectors, _ = np.linalg.qr(
                np.random.default_rng(seed).standard_normal((self.size, num)).astype(self._dtype)
            )
            return np.zeros(num), vectors, True
        return values, vectors, True

    def ends(
        self, *, tolerance: float = 1e-3, most_products: int = 1000, seed: int = 0
    ) -> tuple[float, float, bool]:
        """Return the lowest and the highest eigenvalue, and whether they converged.

        Both are nan, and not converged, where the loss is not finite.
        """
        try:
            if self.size <= _DENSE:
                values = self._dense_pairs(self.size, "highest").values
                return float(values[-1]), float(values[0]), True
            # A short basis: the highest comes at once, and products are what takes time.
            values, _, converged = self._lanczos(2, "both", tolerance, most_products, seed, 12)
        except NotFiniteError:
            return math.nan, math.nan, False
        return float(values.min()), float(values.max()), converged

    def trace(self, samples: int = 100, *, seed: int = 0) -> Trace:
        """Return the trace, by Hutchinson's estimator; exact where that costs no more.

        Args:
            samples: Products with random vectors.
            seed: Of these.
        """
        if self.size <= samples:
            return Trace(float(np.trace(self.matrix().astype(np.float64))), 0.0)
        with torch.random.fork_rng(), _twice_differentiable():
            torch.manual_seed(seed)
            each = [float(hutchinson_trace(self._operator, 1)) for _ in range(samples)]
        self.products += samples
        error = float(np.std(each, ddof=1)) / math.sqrt(samples) if samples > 1 else math.nan
        return Trace(float(np.mean(each)), error)

    def density(
        self, *, steps: int = 40, samples: int = 5, points: int = 512, seed: int = 0
    ) -> Density:
        """Return the spectral density, by stochastic Lanczos quadrature (Papyan 2020).

        Args:
            steps: Lanczos steps of a sample: the more, the narrower the bumps.
            samples: Random vectors that are begun with.
            points: Where the density is computed, between the outermost eigenvalues.
            seed: Of the vectors.

        Raises:
            LandscapeError: All eigenvalues are the same, or not finite.
        """
        steps = min(steps, self.size)
        if steps < 2:
            raise ValueError("a density needs two parameters or more, and two steps or more")
        low, high, _ = self.ends(tolerance=1e-2, seed=seed)
        if not math.isfinite(high - low):
            raise NotFiniteError("the Hessian is not finite here: the loss has overflowed")
        if high == low:
            raise LandscapeError(f"all eigenvalues are {low:g}: there is no density to draw")
        with torch.random.fork_rng(), _twice_differentiable():
            torch.manual_seed(seed)
            where, values = lanczos_approximate_spectrum(
                self._operator,
                steps,
                num_points=points,
                num_repeats=samples,
                kappa=_KAPPA,
                boundaries=(low, high),
                margin=_MARGIN,
            )
        self.products += steps * samples
        span = (1 + 2 * _MARGIN) * (high - low)
        width = span / (steps - 1) / math.sqrt(8 * math.log(_KAPPA))
        return Density(where.cpu().double().numpy(), values.detach().cpu().double().numpy(), width)

    def _finite_times(self, vector: NDArray[Any]) -> NDArray[Any]:
        product = self.times(vector.reshape(-1))
        if not np.isfinite(product).all():
            raise NotFiniteError("the Hessian is not finite here: the loss has overflowed")
        return product

    def _dense_pairs(self, num: int, end: End) -> Eigenpairs:
        matrix = self.matrix().astype(np.float64)
        if not np.isfinite(matrix).all():
            raise NotFiniteError("the Hessian is not finite here: the loss has overflowed")
        return self._pairs(*_outermost(matrix, num, end), True)

    def _ritz(
        self, known: NDArray[Any], steps: int, num: int, end: End
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what some Lanczos steps find beside the vectors that are known."""
        q, _ = np.linalg.qr(known)
        products = np.column_stack([self._finite_times(column) for column in q.T])
        for _ in range(min(steps, self.size - q.shape[1])):
            new = products[:, -1]
            for _ in range(2):  # twice is enough
                new = new - q @ (q.T @ new)
            size = np.linalg.norm(new)
            if size <= 1e-6 * np.linalg.norm(products[:, -1]):
                break
            q = np.column_stack([q, new / size])
            products = np.column_stack([products, self._finite_times(q[:, -1])])
        values, vectors = _outermost(q.T @ products, num, end)
        return values, q @ vectors

    def _pairs(self, values: NDArray[Any], vectors: NDArray[Any], converged: bool) -> Eigenpairs:
        order = np.argsort(values)[::-1]
        values, vectors = values[order].astype(np.float64), vectors[:, order]
        residuals = np.linalg.norm(self.times(vectors) - values * vectors, axis=0)
        return Eigenpairs(
            values, [self._named(v) for v in vectors.T], residuals.astype(np.float64), converged
        )

    def _named(self, vector: NDArray[Any]) -> Parameters:
        """Return a vector as parameters of the whole net, with its largest entry positive."""
        vector = vector * np.sign(vector[np.abs(vector).argmax()])
        named, start = dict(self._zero), 0
        for name, own in zip(self._names, self._parameters, strict=True):
            part = vector[start : start + own.numel()]
            named[name] = torch.from_numpy(part.copy()).to(own.device, own.dtype).view(own.shape)
            start += own.numel()
        return named


def _outermost(matrix: NDArray[Any], num: int, end: End) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return eigenvalues and eigenvectors at the ends of a symmetric matrix."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    lows = _lows(num, end)
    chosen = [*range(lows), *range(len(values) - (num - lows), len(values))]
    return values[chosen], vectors[:, chosen]


def _lows(num: int, end: End) -> int:
    """Return how many of some eigenvalues are at the lower end."""
    return {"lowest": num, "both": num // 2, "highest": 0}[end]


class _Operator(HessianLinearOperator):  # type: ignore[misc]
    """curvlinops' Hessian with products by reverse mode twice.

    Its own take the forward derivative of the gradient, which torch (2.13) has wrong for layer
    normalization: the matrix was not even symmetric.

    The gradients of a point, which are the larger part of a product's memory and a quarter of its
    time, are kept from one product to the next, for as many batches as half of the free memory
    holds.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: dict[int, tuple[Tensor, tuple[Tensor, ...]]] = {}
        self._most: int | None = None  # batches whose gradients are kept, once it is known
        free = free_bytes(self._params[0].device)
        self._reserve = free / 2 if math.isfinite(free) else math.inf

    def forget(self) -> None:
        """Let go what was kept of a point."""
        self._kept.clear()

    def _gradients(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of the mean loss of a batch, with the graph that made them."""
        kept = self._kept.get(id(inputs))
        if kept is not None:
            return kept[1]
        gradients = torch.autograd.grad(
            self._loss_func(self._model_func(inputs), targets),
            self._params,
            create_graph=True,
            materialize_grads=True,
        )
        if self._most is None and free_bytes(inputs.device) < self._reserve:
            self._most = len(self._kept)
        if self._most is None or len(self._kept) < self._most:
            self._kept[id(inputs)] = inputs, gradients  # held, so that no other has its id
        return gradients

    def _matmat_batch(self, X: Tensor, y: Tensor, M: list[Tensor]) -> list[Tensor]:  # noqa: N803
        """Return the products of one batch.

        Args:
            X: Inputs.
            y: Targets.
            M: Columns, one tensor per parameter with a last dimension more.
        """
        with torch.enable_grad():
            gradients = self._gradients(X, y)
            curved = [g.requires_grad for g in gradients]
            products = []
            for column in range(M[0].shape[-1]):
                along = sum(
                    (g * m[..., column]).sum()
                    for g, m, depends in zip(gradients, M, curved, strict=True)
                    if depends
                )
                parts: Sequence[Tensor | None] = [None] * len(self._params)
                if isinstance(along, Tensor):  # not for a loss that is linear in all parameters
                    parts = torch.autograd.grad(
                        along, self._params, retain_graph=True, allow_unused=True
                    )
                    if all(part is None for part in parts):
                        raise RuntimeError("its gradient forgets where it comes from")
                products.append(
                    [
                        torch.zeros_like(p) if part is None else part
                        for part, p in zip(parts, self._params, strict=True)
                    ]
                )
        return [torch.stack(columns, -1).detach() for columns in zip(*products, strict=True)]


class _MeanLoss(nn.Module):
    """A loss as curvlinops takes it: a module that says what it does with the examples."""

    reduction = "mean"

    def __init__(self, loss: ExampleLoss, dtype: torch.dtype) -> None:
        super().__init__()
        self._loss, self._dtype = loss, dtype

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._loss(outputs, targets).mean().to(self._dtype)


@contextmanager
def _twice_differentiable() -> Iterator[None]:
    """Keep torch from fused attention, which has no second derivative.

    Raises:
        LandscapeError: There is none nonetheless, or no memory for it.
    """
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), kernels(tf32=False):
            yield
    except (RuntimeError, NotImplementedError, MemoryError) as error:
        if is_out_of_memory(error):
            raise LandscapeError(
                "out of memory in a product with the Hessian: take fewer images per batch "
                "(--images-per-batch)"
            ) from error
        raise LandscapeError(
            f"the net or the loss cannot be differentiated twice: {first_line(error)}"
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(was)
