"""Matrix-free Hessian of the mean loss: eigenvalues, trace and spectral density."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landscape.curvature.eigenvalues import End, NotFiniteError, lanczos, outermost, with_repeated
from landscape.curvature.operator import (
    HessianOperator,
    ShareOfLoss,
    batches_of,
    twice_differentiable,
)
from landscape.curvature.results import Density, Eigenpairs, Trace
from landscape.curvature.spectrum import estimated_trace, spectral_density
from landscape.devices import release
from landscape.errors import LandscapeError
from landscape.memory import is_out_of_memory, keep_freed_memory
from landscape.modules import copied
from landscape.objective import Objective
from landscape.parameters import Parameters

# Below this many parameters the matrix is made: iterations need more rows than they have steps.
_DENSE = 64

# A product with the Hessian keeps all activations: more examples at once are no faster.
_IMAGES_PER_BATCH = 256


class Hessian:
    """Matrix-free Hessian of the mean loss, accessed through Hessian-vector products.

    The mean is over all examples, so that nothing depends on how they are split into batches.

    Args:
        objective: The objective; its model is in evaluation mode.
        groups: Prefixes of parameter names: restrict the Hessian to the block of these.

    Attributes:
        size: Number of rows.
        products: Number of products so far.

    Raises:
        ValueError: No parameter's name has such a prefix.
        LandscapeError: The loss has no derivative by these parameters.

    Example:
        >>> import torch, landscape
        >>> model, x = torch.nn.Linear(4, 3), torch.randn(20, 4)
        >>> objective = landscape.Objective(model, data=(x, torch.randint(3, (20,))))
        >>> landscape.Hessian(objective).eigenpairs(2).converged
        True
    """

    def __init__(self, objective: Objective, groups: Sequence[str] = ()) -> None:
        keep_freed_memory()
        self._model = copied(objective.model)
        named = dict(self._model.named_parameters())
        self._names = [
            name
            for name in named
            if objective.moves(name) and (not groups or name.startswith(tuple(groups)))
        ]
        if not self._names:
            raise ValueError(
                f"no parameter's name begins with {' or '.join(groups)}: they are "
                + ", ".join(list(named)[:8])
            )
        if objective.detached.issuperset(self._names):
            raise LandscapeError(
                f"the loss has no derivative by {', '.join(self._names[:3])}: the model or the "
                "loss computes without gradients"
            )
        self._parameters = [named[name].requires_grad_() for name in self._names]
        self._zero = {name: torch.zeros_like(p, requires_grad=False) for name, p in named.items()}
        self.dtype = np.float64 if objective.dtype == torch.float64 else np.float32
        self.products = 0
        self.size = sum(p.numel() for p in self._parameters)
        size = min(objective.images_per_batch, _IMAGES_PER_BATCH)
        self._objective = objective.replaced(model=self._model, images_per_batch=size)
        self._operator = self._made()

    def _made(self) -> HessianOperator:
        objective = self._objective
        return HessianOperator(
            objective.outputs,
            ShareOfLoss(objective),
            self._parameters,
            batches_of(objective),
            check_deterministic=False,  # the objective is
            num_data=objective.num_images,
            batch_size_fn=lambda x: x["batch"].num,
        )

    def _product(self, vector: Tensor) -> Tensor:
        """Return a product, with batches of half the size where memory runs out.

        Raises:
            RuntimeError: The model or the loss is not twice differentiable.
            MemoryError: One example does not fit.
        """
        while True:
            try:
                product: Tensor = self._operator @ vector
                return product.detach()
            except (RuntimeError, MemoryError) as error:
                size = self._objective.images_per_batch // 2
                if not (is_out_of_memory(error) and self._objective.data.can_split and size):
                    raise
            self._objective = self._objective.replaced(images_per_batch=size)
            self._operator = self._made()
            release(self._objective.device)

    @torch.no_grad()
    def move_to(self, parameters: Parameters) -> None:
        """Move to another point of parameter space.

        Args:
            parameters: All parameters.
        """
        self._operator.forget()
        for name, own in self._model.named_parameters():
            own.copy_(parameters[name])

    def times(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Return Hessian-vector products, shape (size,) or (size, vectors).

        Args:
            vectors: The vectors, as columns.

        Raises:
            LandscapeError: The model or the loss is not twice differentiable.
        """
        columns = vectors if vectors.ndim == 2 else vectors[:, None]
        device = self._parameters[0].device
        done = []
        with twice_differentiable():
            for column in columns.T:  # one after the other: memory of one
                v = torch.from_numpy(np.ascontiguousarray(column)).to(
                    device, self._parameters[0].dtype
                )
                done.append(self._product(v).cpu().numpy())
                self.products += 1
        result = np.stack(done, 1).astype(self.dtype)
        return result if vectors.ndim == 2 else result[:, 0]

    def matrix(self) -> NDArray[Any]:
        """Return the matrix itself, shape (size, size), symmetric up to rounding."""
        return self.times(np.eye(self.size, dtype=self.dtype))

    def eigenpairs(
        self,
        num: int = 1,
        end: End = "highest",
        *,
        tolerance: float = 1e-3,
        max_hvps: int = 1000,
        seed: int = 0,
    ) -> Eigenpairs:
        """Return extreme eigenvalues with eigenvectors, by ARPACK's Lanczos iteration.

        Repeated eigenvalues are returned with their multiplicity.

        Args:
            num: Number of eigenvalues; of ``both`` ends together.
            end: The end of the spectrum.
            tolerance: Relative accuracy of the eigenvalues; 0 is that of the type.
            max_hvps: About how many products with vectors to spend at most; several
                eigenvalues may take as many again for each search for a further copy.
            seed: Seed of the start vector.

        Raises:
            ValueError: The Hessian has fewer eigenvalues.
            LandscapeError: The loss cannot be differentiated twice, or has no finite Hessian.
        """
        if not 1 <= num <= self.size:
            raise ValueError(f"the Hessian has {self.size} eigenvalues, not {num}")
        if self.size <= max(_DENSE, 2 * num + 2):
            return self._dense_pairs(num, end)
        values, vectors, converged = lanczos(self, num, end, tolerance, max_hvps, seed, 20)
        if converged:
            values, vectors = with_repeated(
                self, values, vectors, end, tolerance, max_hvps, seed + 1
            )
        return self._pairs(values, vectors, converged)

    def ends(
        self, *, tolerance: float = 1e-3, max_hvps: int = 1000, seed: int = 0
    ) -> tuple[float, float, bool]:
        """Return the lowest and the highest eigenvalue, and whether they converged.

        Both are nan, and not converged, where the loss is not finite.

        Args:
            tolerance: Relative accuracy.
            max_hvps: About how many products to spend at most.
            seed: Seed of the start vector.
        """
        try:
            if self.size <= _DENSE:
                values = self._dense_pairs(self.size, "highest").values
                return float(values[-1]), float(values[0]), True
            # A short basis: the highest comes at once, and products are what takes time.
            values, _, converged = lanczos(self, 2, "both", tolerance, max_hvps, seed, 12)
        except NotFiniteError:
            return math.nan, math.nan, False
        return float(values.min()), float(values.max()), converged

    def trace(self, samples: int = 100, *, seed: int = 0) -> Trace:
        """Return the trace, by Hutchinson's estimator; exact where that costs no more.

        Args:
            samples: Number of probe vectors.
            seed: Seed of these.

        Raises:
            LandscapeError: The loss cannot be differentiated twice.
        """
        if self.size <= samples:
            return Trace(float(np.trace(self.matrix().astype(np.float64))), 0.0)
        self.products += samples
        return estimated_trace(self._operator, samples, seed)

    def density(
        self, *, steps: int = 40, samples: int = 5, points: int = 512, seed: int = 0
    ) -> Density:
        """Return the spectral density, by stochastic Lanczos quadrature (Papyan 2020).

        Args:
            steps: Lanczos steps of a sample: the more, the narrower the bumps.
            samples: Number of start vectors.
            points: Number of points between the extreme eigenvalues.
            seed: Seed of these.

        Raises:
            LandscapeError: All eigenvalues are the same.
            NotFiniteError: The loss has overflowed.
            ValueError: Fewer than two parameters or steps.
        """
        steps = min(steps, self.size)
        if steps < 2:
            raise ValueError("a density needs two parameters or more, and two steps or more")
        low, high, _ = self.ends(tolerance=1e-2, seed=seed)
        if not math.isfinite(high - low):
            raise NotFiniteError
        if high == low:
            raise LandscapeError(f"all eigenvalues are {low:g}: no density to plot")
        self.products += steps * samples
        return spectral_density(self._operator, (low, high), steps, samples, points, seed)

    def finite_times(self, vector: NDArray[Any]) -> NDArray[Any]:
        """Return the product with a vector, shape (size,).

        Args:
            vector: The vector.

        Raises:
            NotFiniteError: The product is not finite.
        """
        product = self.times(vector.reshape(-1))
        if not np.isfinite(product).all():
            raise NotFiniteError
        return product

    def _dense_pairs(self, num: int, end: End) -> Eigenpairs:
        matrix = self.matrix().astype(np.float64)
        if not np.isfinite(matrix).all():
            raise NotFiniteError
        return self._pairs(*outermost(matrix, num, end), True)

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
