"""Data sets: embedded, downloaded, or user-supplied."""

from landscape.datasets.dataset import NAMES, SPLITS, Dataset, OwnData, Split, load, load_any
from landscape.datasets.preprocessing import PREPROCESSINGS, Preprocessing
from landscape.environment import DATA_DIR_VARIABLE

__all__ = [
    "DATA_DIR_VARIABLE",
    "NAMES",
    "PREPROCESSINGS",
    "SPLITS",
    "Dataset",
    "OwnData",
    "Preprocessing",
    "Split",
    "load",
    "load_any",
]
