"""``landscape info``."""

import json
import math
from pathlib import Path
from typing import Any

import click
import numpy as np

from landscape import hdf5
from landscape.commands.options import PATH
from landscape.diagnostics import warnings
from landscape.filetypes import is_hdf5, is_numpy
from landscape.progress import duration
from landscape.surface import Surface


@click.command()
@click.argument("path", metavar="FILE", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(path: Path, as_json: bool) -> None:
    """Show the contents of a checkpoint or surface file.

    \b
    Example:
      landscape info surfaces/resnet56.h5
      landscape info runs/resnet56/last.pt --json
    """
    is_surface = path.suffix == ".h5" or is_hdf5(path) or is_numpy(path)
    loaded = hdf5.load(path) if is_surface else None
    facts = _checkpoint(path) if loaded is None else facts_of(loaded)
    if as_json:
        click.echo(json.dumps(_plain(facts), indent=2, ensure_ascii=False, allow_nan=False))
        return
    if loaded is not None:
        facts = {loaded.unit.renamed(key): value for key, value in facts.items()}
    width = max(map(len, facts))
    for key, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items()) or "none"  # noqa: PLW2901
        if isinstance(value, list):
            value = ("\n" + " " * (width + 2)).join(value) or "none"  # noqa: PLW2901
        click.echo(f"{key:{width}}  {'unknown' if value is None else value}")


_HIDDEN = ("name", "plans")  # other lines report them


def facts_of(surface: Surface) -> dict[str, Any]:
    """Return the contents of a surface, by name."""
    middle = surface.median
    losses = middle.losses[middle.evaluated]
    finite = losses[np.isfinite(losses)]
    further = {
        "standard error at the center": middle.center_error,
        "perplexity at the center": middle.center_perplexity,
    }
    return {
        "kind": "surface",
        "name": surface.name,
        "grid": str(surface.grid),
        "evaluated": f"{surface.evaluated.sum()} of {surface.grid.size} points",
        "loss at the center": middle.center_loss,
        **{name: value for name, value in further.items() if value is not None},
        "accuracy at the center": middle.center_accuracy,
        "images at the center": max(each.center_images or 0 for each in surface.seeds) or None,
        "lowest loss": float(finite.min()) if finite.size else None,
        "median loss": float(np.median(finite)) if finite.size else None,
        "highest loss": float(finite.max()) if finite.size else None,
        "points not finite": int(losses.size - finite.size),
        **({"images per point": each} if (each := surface.images_per_point) else {}),
        "time": duration(sum(each.seconds for each in surface.seeds)),
        "warnings": [str(finding) for finding in warnings(surface)],
        **_additional(surface),
        **surface.settings,
        **{key: value for key, value in surface.provenance.items() if key not in _HIDDEN},
    }


def as_one_line(facts: dict[str, Any]) -> str:
    """Return facts as JSON."""
    return json.dumps(_plain(facts), ensure_ascii=False, allow_nan=False)


def _additional(surface: Surface) -> dict[str, Any]:
    """Return the contents in addition to the losses."""
    facts: dict[str, Any] = {}
    if surface.repeats:
        facts["seeds"] = ", ".join(
            str(each.settings.get("seed", k)) for k, each in enumerate(surface.seeds)
        )
    for name, value in surface.median.center_metrics.items():
        facts[f"{name} at the center"] = value
    if surface.marks:
        facts["marks"] = {mark.name: f"loss {mark.loss:.6g}" for mark in surface.marks}
    if surface.trajectories:
        facts["trajectories"] = {
            path.name: f"{len(path.steps)} checkpoints" for path in surface.trajectories
        }
    if surface.curvature is not None:
        curvature = surface.curvature
        loose = curvature.evaluated & ~curvature.converged
        facts["curvature"] = (
            f"{curvature.evaluated.sum()} of {curvature.evaluated.size} points, {loose.sum()} not "
            f"converged, {duration(curvature.seconds)}"
        )
    return facts


def _checkpoint(path: Path) -> dict[str, Any]:
    from landscape import checkpoints  # imports torch

    checkpoint = checkpoints.load(path)
    parameters = sum(tensor.numel() for tensor in checkpoint.state.values())
    return {
        "kind": "checkpoint",
        "net": checkpoint.net and checkpoint.net.name,
        "shortcut": checkpoint.net and checkpoint.net.options.get("shortcut", "none"),
        "options": checkpoint.net and dict(checkpoint.net.changed),
        "numbers": parameters,
        "tensors": len(checkpoint.state),
        "data": checkpoint.data,
        "preprocessing": checkpoint.preprocessing and str(checkpoint.preprocessing),
        "epoch": checkpoint.epoch,
        "unfinished": bool(checkpoint.resume),
        "recipe": dict(checkpoint.recipe),
        "last epoch": {key: values[-1] for key, values in checkpoint.history.items() if values},
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: what is not finite becomes text."""
    if isinstance(value, dict):
        return {key.replace(" ", "_"): _plain(entry) for key, entry in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
