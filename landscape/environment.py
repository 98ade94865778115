"""Environment variables that stand in for options."""

DATA_DIR_VARIABLE = "LANDSCAPE_DATA_DIR"
"""Folder with the data sets' official files; stands in for ``--data-dir``."""

PLAIN_VARIABLE = "LANDSCAPE_PLAIN"
"""If set, nothing is optimized: every point is evaluated by the unmodified model."""
