"""Stochastic estimates of the trace and of the spectral density, with curvlinops."""

import math

import numpy as np
import torch
from curvlinops import hutchinson_trace
from curvlinops.papyan2020traces.spectrum import lanczos_approximate_spectrum

from landscape.curvature.operator import HessianOperator, twice_differentiable
from landscape.curvature.results import Density, Trace

# As Papyan (2020) has them: width of the bumps, and room at the ends.
_KAPPA, _MARGIN = 3.0, 0.05


def estimated_trace(operator: HessianOperator, samples: int, seed: int) -> Trace:
    """Return the trace by Hutchinson's estimator.

    Args:
        operator: The Hessian.
        samples: Number of probe vectors.
        seed: Seed of these.
    """
    with torch.random.fork_rng(), twice_differentiable():
        torch.manual_seed(seed)
        each = [float(hutchinson_trace(operator, 1)) for _ in range(samples)]
    error = float(np.std(each, ddof=1)) / math.sqrt(samples) if samples > 1 else math.nan
    return Trace(float(np.mean(each)), error)


def spectral_density(
    operator: HessianOperator,
    ends: tuple[float, float],
    steps: int,
    samples: int,
    points: int,
    seed: int,
) -> Density:
    """Return the spectral density by stochastic Lanczos quadrature (Papyan 2020).

    Args:
        operator: The Hessian.
        ends: Its extreme eigenvalues.
        steps: Lanczos steps of a sample.
        samples: Number of start vectors.
        points: Number of points between the extreme eigenvalues.
        seed: Seed of the vectors.
    """
    with torch.random.fork_rng(), twice_differentiable():
        torch.manual_seed(seed)
        where, values = lanczos_approximate_spectrum(
            operator,
            steps,
            num_points=points,
            num_repeats=samples,
            kappa=_KAPPA,
            boundaries=ends,
            margin=_MARGIN,
        )
    span = (1 + 2 * _MARGIN) * (ends[1] - ends[0])
    width = span / (steps - 1) / math.sqrt(8 * math.log(_KAPPA))
    return Density(where.cpu().double().numpy(), values.detach().cpu().double().numpy(), width)
