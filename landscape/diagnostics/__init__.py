"""Signs in a surface that it is not the picture its user wants, each with a remedy."""

from landscape.diagnostics.finding import Finding, Severity
from landscape.diagnostics.registry import brief, check, names, warnings

__all__ = ["Finding", "Severity", "brief", "check", "names", "warnings"]
