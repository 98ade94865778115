"""Run an experiment by its name."""

import shutil
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path

import torch

import landscape
from landscape.devices import choose_device, hardware
from landscape.experiments.experiment import Experiment
from landscape.experiments.lab import STATE, Lab, Scale
from landscape.experiments.verdict import Verdict
from landscape.notebook import default_progress
from landscape.progress import Progress

NAMES = (
    "skip",
    "depth",
    "motif",
    "identity",
    "normalization",
    "convnext",
    "gelu",
    "optimizers",
    "regularization",
    "labels",
    "recipe",
    "batch",
    "dynamics",
)
"""The experiments; each is the module of its name."""

VERDICT = "verdict.json"


def get(name: str) -> Experiment:
    """Return an experiment.

    Args:
        name: One of :data:`NAMES`.

    Raises:
        ValueError: No experiment has the name.
    """
    if name not in NAMES:
        raise ValueError(f"no experiment is named {name!r}: expected {', '.join(NAMES)}")
    found: Experiment = getattr(import_module(f"landscape.experiments.{name}"), name)
    return found


def run(
    name: str,
    folder: Path,
    *,
    scale: Scale = "small",
    seeds: int = 3,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Verdict:
    """Run an experiment, or resume an interrupted one.

    Args:
        name: One of :data:`NAMES`.
        folder: Its figures, surfaces and ``verdict.json`` are written to ``folder/name``.
        scale: ``small``: embedded digits, minutes on two cores; ``full``: CIFAR-10, for a GPU.
        seeds: Number of training seeds.
        device: Device as torch names it; ``auto`` is a GPU if available.
        overwrite: Replace results instead of resuming.
        progress: Receives progress; by default a bar in a notebook, else nothing.

    Returns:
        The verdict.

    Raises:
        ValueError: No experiment has the name, or an argument is out of its range.
        LandscapeError: The folder holds the experiment with other settings, or data are missing.
        OSError: Files cannot be written.
    """
    chosen = get(name)
    if seeds < 1:
        raise ValueError(f"seeds must be 1 or more, not {seeds}")
    place = choose_device(device)
    mine = folder / name
    if overwrite and (mine / STATE).exists():
        shutil.rmtree(mine)
    lab = Lab(mine, scale, seeds, str(place), progress or default_progress())
    try:
        chosen.examine(lab)
    finally:
        lab.close()
    verdict = Verdict(
        name,
        chosen.claim,
        chosen.source,
        tuple(lab.statements),
        lab.remark,
        scale,
        seeds,
        round(lab.seconds, 1),
        f"landscape experiment {name} --scale {scale} --seeds {seeds}",
        hardware(place),
        {"landscape": landscape.__version__, "torch": str(torch.__version__)},
        datetime.now(timezone.utc).date().isoformat(),
    )
    verdict.save(mine / VERDICT)
    return verdict
