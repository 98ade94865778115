"""Evaluate the loss at many points: batching, vectorization, compilation, several devices."""

from landscape.behavior import torch_settings
from landscape.evaluation.autotune import autotune
from landscape.evaluation.decision import Decision, decisions_from, decisions_to
from landscape.evaluation.metric_checks import check_metrics
from landscape.evaluation.plan import Plan, reference_plan, run, values_at
from landscape.evaluation.precision import PRECISIONS, Precision, check_precision, own_precision
from landscape.evaluation.tuned import Tuned
from landscape.evaluation.tuning import Wish, tune
from landscape.evaluation.workers import NotSpreadError, spread

__all__ = [
    "PRECISIONS",
    "Decision",
    "NotSpreadError",
    "Plan",
    "Precision",
    "Tuned",
    "Wish",
    "autotune",
    "check_metrics",
    "check_precision",
    "decisions_from",
    "decisions_to",
    "own_precision",
    "reference_plan",
    "run",
    "spread",
    "torch_settings",
    "tune",
    "values_at",
]
