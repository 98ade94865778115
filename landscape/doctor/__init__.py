"""Check what a machine computes, and how fast: every plan against a naive loop in float64."""

from landscape.doctor.finding import Finding
from landscape.doctor.report import block, examine, reference_is_right

__all__ = ["Finding", "block", "examine", "reference_is_right"]
