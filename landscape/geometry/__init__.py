"""Geometry of a surface: its minima, and measures of its height, sharpness and roughness."""

from landscape.geometry.curvature import (
    curvature_ratio,
    largest_curvature,
    negative_curvature,
    principal_curvatures,
)
from landscape.geometry.heights import area_below, losses_at_radius, mean_loss, worst_loss
from landscape.geometry.measures import Measure, measures
from landscape.geometry.minima import depth_of_minima, depths, local_minima, num_minima
from landscape.geometry.quadratic import quadratic_residual
from landscape.geometry.region import largest_radius

__all__ = [
    "Measure",
    "area_below",
    "curvature_ratio",
    "depth_of_minima",
    "depths",
    "largest_curvature",
    "largest_radius",
    "local_minima",
    "losses_at_radius",
    "mean_loss",
    "measures",
    "negative_curvature",
    "num_minima",
    "principal_curvatures",
    "quadratic_residual",
    "worst_loss",
]
