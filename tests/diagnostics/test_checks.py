"""Warnings: each where it belongs, and nowhere else."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import landscape
from landscape import figures
from landscape.captions import center, notes
from landscape.diagnostics import check, warnings
from landscape.figures.captions import caption
from landscape.grid import Grid, Interval
from landscape.page.payload import content
from landscape.surface import Surface
from tests.conftest import ROOT
from tests.scans import scan

TEN = {"classes": 10, "guess_accuracy": 0.1}


def bowl(
    points: int | tuple[int, int] = 11,
    alpha: Interval = (-1.0, 1.0),
    lowest: tuple[float, float] = (0.0, 0.0),
    **settings: str | int,
) -> Surface:
    """A surface around a net of 10 classes, from 400 images, of loss 0.1 at its lowest point."""
    grid = Grid.regular(points, alpha)
    surface = Surface.empty(grid, {"seed": 0, "loss": "cross_entropy", **settings}, TEN)
    distances = np.hypot(grid.alphas[:, None] - lowest[0], grid.betas[None] - lowest[1])
    surface.losses[:] = 0.1 + distances**2
    surface.accuracies[:] = 0.9
    surface.standard_errors[:] = 0.01
    surface.evaluated[:], surface.examples[:] = True, 400
    return surface


def found(surface: Surface) -> str:
    return "\n".join(finding.text for finding in warnings(surface))


def with_center(surface: Surface, loss: float, accuracy: float) -> Surface:
    surface = surface.copy()
    surface.losses[:] += loss - surface.losses[surface.center or 0]
    surface.accuracies[surface.center or 0] = accuracy
    return surface


def test_a_good_surface_has_none() -> None:
    assert not warnings(bowl())
    assert not warnings(bowl((11, 1)))
    assert not warnings(Surface.empty(Grid.regular(3), {"seed": 0}, TEN))


# What is true of surfaces in results/: the deep linear network of the identity experiment is flat
# around zero, and a grid of 13 points is too coarse for the narrow basin of the plain network.
TRUE = {
    **{f"around zero, plane {number}": {"too-narrow"} for number in range(3)},
    "plain56-curvature": {"too-wide"},
}


@pytest.mark.parametrize("file", sorted((ROOT / "results").rglob("*.h5")), ids=lambda f: f.stem)
def test_results_have_none_but_true_ones(file: Path) -> None:
    """The paper's pair, planes along paths and of a curve; also where chance is known."""
    surface = landscape.load(file)
    found = {finding.check for finding in check(surface)}
    assert found <= TRUE.get(file.stem, set())
    has_classes = not np.isnan(surface.accuracies).all()
    ten = {"classes": 10, "guess_accuracy": 0.12}  # of 256 images and more
    known = {**(ten if has_classes else {}), **surface.provenance}
    found = {finding.check for finding in check(replace(surface, provenance=known))}
    assert found == TRUE.get(file.stem, set())


def test_guessing_is_reported() -> None:
    text = found(with_center(bowl(), math.log(10), 0.1))
    assert (
        text.replace("2.303", "2.3")
    ) == "loss 2.3, accuracy 10.0 % at the center: no better than guessing (2.3, 10.0 %)"
    assert "no better" in found(with_center(bowl(), math.nan, 0.1))
    # Two standard errors of 400 images are 3 %.
    assert "accuracy 12.9 % at the center" in found(with_center(bowl(), 2.0, 0.129))
    assert not found(with_center(bowl(), 2.0, 0.131))
    above = found(with_center(bowl(), 2.4, 0.6))
    assert "loss 2.4 at the center" in above
    assert "accuracy" not in above
    assert not found(with_center(bowl(), 2.2, 0.6))


def test_guessing_is_not_reported_where_it_is_unknown() -> None:
    bad = with_center(bowl(), 5.0, 0.1)
    assert not warnings(replace(bad, provenance={}))  # a file of an older version
    own = replace(bad, settings={"seed": 0, "loss": "own loss"})
    assert "accuracy" in found(own)
    assert "loss" not in found(own)
    mse = replace(bad, settings={"seed": 0, "loss": "mse_loss"}, provenance={})
    mse.accuracies[:] = np.nan
    assert not warnings(mse)
    one_label = replace(bad, provenance={"classes": 10, "guess_accuracy": 1.0})
    assert "accuracy" not in found(one_label)
    odd: Any = {"classes": "ten", "guess_accuracy": math.nan, "better_net": "x"}
    assert not warnings(replace(bad, provenance=odd))


def test_the_most_frequent_label_is_a_guess() -> None:
    unbalanced = replace(bowl(), provenance={"classes": 2, "guess_accuracy": 0.9})
    assert "guessing (90.0 %)" in found(with_center(unbalanced, 0.4, 0.9))
    assert not found(with_center(unbalanced, 0.2, 0.99))


def test_a_center_that_is_no_point_is_reported() -> None:
    for surface in (bowl(10), bowl((10, 1)), bowl((11, 10)), bowl(11, (-0.5, 1.1))):
        assert found(surface) == "the center (0, 0) lies between points of the grid"
        assert "odd number" in warnings(surface)[0].remedy
        assert not center(surface)
    assert "does not contain the center" in found(bowl(11, (0.1, 1.0)))


def test_a_lower_point_is_reported() -> None:
    text = found(bowl(lowest=(0.6, -0.2)))
    assert text == "the center is not the lowest point: loss 0.1 at (0.6, -0.2)"
    assert "at α = 0.6" in found(bowl((11, 1), lowest=(0.6, 0.0)))
    assert not found(bowl(lowest=(0.2, -0.2)))  # adjacent
    unsure = bowl(lowest=(0.6, -0.2))
    unsure.standard_errors[:] = 0.2
    assert not found(unsure)
    unsure.standard_errors[:] = np.nan  # a loss that returns means
    assert found(unsure)
    slightly = bowl(lowest=(0.6, -0.2), loss="own loss")
    slightly.losses[:] += 20
    assert not found(slightly)
    seen_less = bowl(lowest=(0.6, -0.2))
    seen_less.examples[6:] = 100  # not final in a scan with a tolerance
    assert "not the lowest" not in found(seen_less)


def test_an_infinite_center_is_not_the_lowest() -> None:
    surface = bowl(lowest=(0.6, -0.2), loss="own loss")
    surface.losses[5, 5] = math.inf
    assert "not the lowest" in found(surface)
    surface.losses[:] = math.nan
    assert found(surface) == "the loss at the center is nan"


@pytest.mark.parametrize(
    "settings",
    [
        {"plane": "through 0123456789ab, 0123456789ab", "directions": "given, 01"},
        {"plane": "principal components of 62 nets", "directions": "given, 01"},
        {"plane": "of a curve", "directions": "given, 01"},
        {"directions": "given, 01"},  # of a Python program: perhaps a line between nets
    ],
)
def test_planes_of_several_nets_have_their_center_anywhere(settings: dict[str, str]) -> None:
    for surface in (bowl(10), bowl(11, (0.1, 1.0)), bowl(lowest=(0.6, 0.2))):
        assert found(surface)
        assert not warnings(replace(surface, settings=settings))
    # Their center is a net as well.
    bad = with_center(bowl(), 2.4, 0.1)
    assert "guessing" in found(replace(bad, settings={**settings, "loss": "cross_entropy"}))


def test_a_plane_of_eigenvectors_is_around_a_net() -> None:
    assert found(replace(bowl(10), settings={"plane": "top eigenvectors"}))


def test_seeds_are_checked_by_their_median() -> None:
    good, away = bowl(), bowl(lowest=(0.6, -0.2))
    assert found(replace(away, repeats=(away,)))
    assert not found(replace(away, repeats=(good, good)))
    assert center(replace(good, repeats=(good,))) == [
        "loss 0.1, accuracy 90.0 % at the center, 400 images"
    ]


def test_figures_and_page_show_them() -> None:
    bad = with_center(bowl(10), 5.0, 0.1)
    bad = replace(bad, provenance={**TEN, "name": "bad"})
    finding = warnings(bad)[0]
    assert finding.text in caption(bad)
    sent = content(bad, "a", "1")
    assert finding.text in sent["warnings"]
    assert ("warning", str(finding)) in sent["facts"]
    better: Any = {"better_net": "--net resnet20 --shortcut A-centered", "better_accuracy": 0.917}
    other = replace(bad, provenance=better)
    assert "accuracy 91.7 % with --net resnet20 --shortcut A-centered" in found(other)
    drawn = figures.plot(other).axes[0].get_title()
    assert warnings(other)[0].text in " ".join(drawn.split())


def test_lines_show_them_in_the_legend() -> None:
    lines = [bowl((11, 1)), bowl((10, 1))]
    (legend,) = figures.plot(*lines).legends
    good, bad = (text.get_text().split("\n") for text in legend.get_texts())
    assert good[1:] == ["loss 0.1, accuracy 90.0 % at the center, 400 images"]
    assert bad[1:] == [warnings(lines[1])[0].text]


@pytest.mark.slow
def test_a_scan_stores_what_guessing_gives(mlp: nn.Module, vectors: tuple[Tensor, Tensor]) -> None:
    x, y = vectors
    cross_entropy = nn.functional.cross_entropy
    surface = scan(mlp, cross_entropy, vectors, points=3)
    assert surface.provenance["classes"] == 3
    assert surface.provenance["guess_accuracy"] == int(torch.bincount(y).max()) / 23
    correct = (mlp.eval()(x).argmax(1) == y).double().mean().item()
    assert surface.center_accuracy == pytest.approx(correct)
    assert notes(surface)[0].endswith(f"accuracy {100 * correct:.1f} % at the center, 23 images")
    one_hot = nn.functional.one_hot(y, 3).float()
    regression = scan(mlp, nn.functional.mse_loss, (x, one_hot), points=3)
    assert "classes" not in regression.provenance
    assert regression.center_accuracy is None
    assert notes(regression)[0].endswith("at the center, 23 examples")
    assert "accuracy" not in notes(regression)[0]
