"""``landscape curvature``."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import torch

from landscape import figures, progress
from landscape.atomic import check_writable
from landscape.commands.input_options import INPUT_OPTIONS, input_options
from landscape.commands.inputs import Inputs
from landscape.commands.messages import usage_errors
from landscape.commands.options import FRACTION, PATH, device_option
from landscape.commands.selection_options import SELECTION_OPTIONS, Selection, selection_options
from landscape.commands.verb import Verb
from landscape.curvature.hessian import Hessian
from landscape.threads import use_free_cores

_GROUPS = {
    "Network and data": INPUT_OPTIONS,
    "Spectrum": ("top", "bottom", *SELECTION_OPTIONS, "groups", "samples", "density", "seed"),
    "Precision and speed": (
        "tolerance",
        "max_hvps",
        "precision",
        "device",
        "images_per_batch",
    ),
    "Output": ("as_json",),
}
_ESSENTIAL = (
    "model_reference",
    "loss_reference",
    "data_name",
    "images",
    "top",
    "bottom",
    "groups",
    "tolerance",
    "density",
    "device",
)


@click.command(cls=Verb, groups=_GROUPS, essential=_ESSENTIAL)
@click.argument("checkpoint", metavar="CHECKPOINT", type=PATH)
@input_options
@selection_options
@click.option(
    "--top",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Number of largest eigenvalues.",
)
@click.option(
    "--bottom",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of smallest eigenvalues.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="Restrict the Hessian to the block of parameters whose name starts with NAME, e.g. "
    "`layer1.` (repeatable).",
)
@click.option(
    "--tolerance",
    type=FRACTION,
    default=1e-3,
    show_default=True,
    help="Relative accuracy of the eigenvalues.",
)
@click.option(
    "--max-hvps",
    type=click.IntRange(20),
    default=1000,
    show_default=True,
    help="Maximum number of Hessian-vector products per end of the spectrum (approximate).",
)
@click.option(
    "--samples",
    type=click.IntRange(2),
    default=30,
    show_default=True,
    help="Number of Hutchinson probe vectors for the trace.",
)
@click.option("--density", type=PATH, help="Draw the spectral density to FILE.png, .pdf or .svg.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed of start and probe vectors.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "float64"]),
    default="float32",
    show_default=True,
)
@click.option(
    "--images-per-batch",
    type=click.IntRange(1),
    help="Images in one forward pass; affects memory, speed and rounding.",
)
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    checkpoint: Path,
    inputs: Inputs,
    selection: Selection,
    top: int,
    bottom: int,
    groups: tuple[str, ...],
    tolerance: float,
    max_hvps: int,
    samples: int,
    density: Path | None,
    seed: int,
    precision: str,
    images_per_batch: int | None,
    device: torch.device,
    as_json: bool,
) -> None:
    """Compute eigenvalues, trace and spectral density of the Hessian of the mean loss.

    What is computed is printed also if the command is interrupted.

    \b
    Example:
      landscape curvature runs/resnet56/last.pt --images 256
      landscape curvature runs/resnet56/last.pt --group layer1. --density density.png
    """
    if density is not None and density.suffix.lstrip(".").lower() not in figures.FORMATS:
        raise click.UsageError(f"--density must end in .{', .'.join(figures.FORMATS)}")
    if density is not None:
        check_writable(density)
    use_free_cores()
    report = progress.Silent() if as_json else progress.for_terminal()
    net = inputs.networks.net(checkpoint)
    examples = inputs.data(net, report)
    with usage_errors():
        objective = inputs.objective(
            net,
            examples,
            device=device,
            dtype=torch.float64 if precision == "float64" else torch.float32,
            images_per_batch=images_per_batch,
            only=selection.patterns,
        )
        hessian = Hessian(objective, groups)
        report.note(f"{hessian.size} parameters, {objective.unit.counted(objective.num_images)}")
        facts: dict[str, Any] = {"parameters": hessian.size, "images": objective.num_images}
        if "moved" in objective.settings:
            facts["moved"] = objective.settings["moved"]
        with _printed(facts, as_json):
            for end, num in (("highest", top), ("lowest", bottom)):
                pairs = hessian.eigenpairs(
                    num,
                    end,  # type: ignore[arg-type]
                    tolerance=tolerance,
                    max_hvps=max_hvps,
                    seed=seed,
                )
                facts[f"{end} eigenvalues"] = pairs.values.tolist()
                facts[f"{end} residuals"] = pairs.residuals.tolist()
                facts[f"{end} converged"] = pairs.converged
                report.note(f"{end} done after {hessian.products} products")
            trace = hessian.trace(samples, seed=seed)
            facts["trace"], facts["trace standard error"] = trace.value, trace.standard_error
            if density is not None:
                found = hessian.density(seed=seed)
                figures.save(figures.spectrum({net.title: found}), density)
                facts["density"] = str(density)
            facts["products"] = hessian.products


@contextmanager
def _printed(facts: dict[str, Any], as_json: bool) -> Iterator[None]:
    """Print facts at the end of a block; after an interrupt or an error, those that are known."""
    sizes = len(facts)
    try:
        yield
    except BaseException:
        if len(facts) > sizes:
            facts["incomplete"] = True
            _print(facts, as_json)
        raise
    _print(facts, as_json)


def _print(facts: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({key.replace(" ", "_"): value for key, value in facts.items()}))
        return
    width = max(map(len, facts))
    for key, value in facts.items():
        click.echo(f"{key:{width}}  {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO: raise --max-hvps or --tolerance"
    if isinstance(value, list):
        return ", ".join(f"{each:.6g}" for each in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
