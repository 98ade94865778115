"""Curvature of the mean loss: eigenvalues, trace and spectral density; critical sharpness."""

from landscape.curvature.critical_sharpness import Sharpness, sharpness
from landscape.curvature.hessian import Hessian
from landscape.curvature.results import Density, Eigenpairs, Trace

__all__ = ["Density", "Eigenpairs", "Hessian", "Sharpness", "Trace", "sharpness"]
