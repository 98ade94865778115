"""The Hessian of the mean loss: extreme eigenvalues, trace and spectral density."""

from landscape.curvature.hessian import Hessian
from landscape.curvature.results import Density, Eigenpairs, Trace

__all__ = ["Density", "Eigenpairs", "Hessian", "Trace"]
