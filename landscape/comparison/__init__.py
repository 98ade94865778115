"""Comparison of surfaces by measures, with their spread over planes and trainings."""

from landscape.comparison.comparing import Comparison, Group, compare
from landscape.comparison.significance import SIGNIFICANCE, Difference, differences
from landscape.comparison.text import conclusions

__all__ = [
    "SIGNIFICANCE",
    "Comparison",
    "Difference",
    "Group",
    "compare",
    "conclusions",
    "differences",
]
