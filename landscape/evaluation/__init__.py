"""Evaluate the loss at many points: batching, vectorization, compilation, several devices."""

from landscape.behavior import torch_settings
from landscape.evaluation.autotune import Tuned, autotune
from landscape.evaluation.metric_checks import check_metrics
from landscape.evaluation.plan import Plan, reference_plan, run, values_at
from landscape.evaluation.precision import PRECISIONS, Precision, check_precision, own_precision
from landscape.evaluation.workers import NotSpreadError, spread

__all__ = [
    "PRECISIONS",
    "NotSpreadError",
    "Plan",
    "Precision",
    "Tuned",
    "autotune",
    "check_metrics",
    "check_precision",
    "own_precision",
    "reference_plan",
    "run",
    "spread",
    "torch_settings",
    "values_at",
]
