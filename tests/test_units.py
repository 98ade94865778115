"""What heights and examples are called: by the facts of a file, wherever they are named."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import landscape
from landscape import hf
from landscape.captions import center, unfinished, with_error
from landscape.commands.info import facts_of
from landscape.diagnostics import check
from landscape.evaluation.plan import reference_plan
from landscape.figures.summary import facts as facts_of_cell
from landscape.grid import Grid
from landscape.losses import name_of
from landscape.page.payload import content
from landscape.surface import Surface
from landscape.units import unit_of
from tests.conftest import ROOT, Run

TEXT: Any = {"data": "notes.txt", "sequence_length": 64, "loss": "causal_lm_loss", "images": 239}


def surface(
    settings: Any, *, num: int = 239, error: float = 0.02513, loss: float = 3.418913725
) -> Surface:
    found = Surface.empty(Grid.regular(5), {"seed": 0, **settings}, {})
    found.losses[:] = loss + np.hypot(found.grid.alphas[:, None], found.grid.betas[None]) ** 2
    found.standard_errors[:], found.evaluated[:], found.examples[:] = error, True, num
    return found


@pytest.mark.parametrize(
    ("settings", "provenance", "name"),
    [
        (TEXT, {}, "sequences"),
        ({"loss": "masked_lm_loss", "data": "mine.py:text"}, {"classes": 9}, "sequences"),
        ({"data": "digits"}, {}, "images"),
        ({"data": "mine.npz"}, {"classes": 10}, "examples"),
        ({"data": "folder/mine.py:make"}, {"classes": 10}, "examples"),
        ({"loss": "cross_entropy"}, {"classes": 10}, "images"),
        ({"loss": "mse_loss"}, {}, "examples"),
    ],
)
def test_facts_determine_what_examples_are(settings: Any, provenance: Any, name: str) -> None:
    assert unit_of(settings, provenance).name == name


@pytest.mark.parametrize("file", sorted((ROOT / "results").rglob("*.h5")), ids=lambda f: f.stem)
def test_results_of_image_data_sets_have_images(file: Path) -> None:
    found = landscape.load(file)
    is_other = file.parts[-2] in ("identity", "language")
    assert found.unit.name == ("examples" if is_other else "images")


def test_a_text_has_sequences_wherever_its_examples_are_named() -> None:
    text = surface(TEXT)
    assert center(text) == ["loss 3.42 at the center, 239 sequences of 64 tokens"]
    assert center(text, error=True)[0].startswith("loss 3.419 ± 0.025 at the center, 239 seq")
    part = replace(text, examples=np.arange(25).reshape(5, 5))
    assert unfinished(part) == ["4% of the points from all their sequences"]
    sent = content(text, "a", "1")
    assert (sent["unit"], dict(sent["facts"])["sequences"]) == ("sequences", "239")
    assert facts_of_cell(text)["sequences"] == "239"
    for said in (repr(sent["notes"]), repr(dict(sent["facts"])), repr(facts_of_cell(text))):
        assert "image" not in said
    noisy = surface(TEXT, error=0.5)
    assert "too few sequences" in check(noisy)[0].text
    assert check(noisy)[0].remedy == "take more sequences"
    assert "or more sequences" in check(surface(TEXT, error=9.0))[0].remedy


def test_units_of_the_loss() -> None:
    assert surface(TEXT).quantity == "mean cross-entropy (nats per token)"
    assert content(surface(TEXT), "a", "1")["quantity"] == "mean cross-entropy (nats per token)"
    axes = surface(TEXT).plot(kind="heatmap").axes
    assert "nats per token" in " ".join(each.get_ylabel() for each in axes)
    for loss in (hf.causal_lm_loss, hf.masked_lm_loss):
        assert name_of(loss) == loss.__name__

    def causal_lm_loss(outputs: Any, batch: Any) -> Any:
        return 2 * hf.causal_lm_loss(outputs, batch)[0]

    causal_lm_loss.__qualname__ = "causal_lm_loss"
    assert name_of(causal_lm_loss) == "own causal_lm_loss"
    assert surface({"loss": "own causal_lm_loss"}).quantity == "mean loss"


def test_info_has_standard_error_and_perplexity_where_they_are_known() -> None:
    facts = facts_of(surface(TEXT))
    assert facts["standard error at the center"] == 0.02513
    assert facts["perplexity at the center"] == pytest.approx(math.exp(3.418913725))
    assert facts_of(surface(TEXT, loss=1e4))["perplexity at the center"] == math.inf
    images = facts_of(surface({"loss": "cross_entropy", "data": "digits"}, error=math.nan))
    assert not {"standard error at the center", "perplexity at the center"} & set(images)


def test_info_prints_them(run: Run, tmp_path: Path) -> None:
    surface(TEXT).save(tmp_path / "a.h5")
    shown = run("info", "a.h5", cwd=tmp_path).stdout
    lines = dict(line.split("  ", 1) for line in shown.splitlines() if "  " in line)
    assert lines["sequences at the center"].strip() == "239"
    assert lines["sequences"].strip() == "239"
    assert lines["standard error at the center"].strip() == "0.02513"
    assert "image" not in shown
    found = json.loads(run("info", "a.h5", "--json", cwd=tmp_path).stdout)
    assert found["standard_error_at_the_center"] == 0.02513
    assert found["images_at_the_center"] == 239  # names for programs stay


@pytest.mark.parametrize(
    ("loss", "error", "text"),
    [
        (3.4189, 0.02513, "3.419 ± 0.025"),
        (0.138, 0.0996, "0.14 ± 0.10"),
        (0.1, 5.23, "0.1 ± 5.2"),
        (123.4, 17.0, "123 ± 17"),
        (2.5e-8, 1.26e-9, "2.5e-8 ± 1.3e-9"),
        (2.3, 0.0, "2.3 ± 0"),
        (math.inf, 0.1, "inf"),
        (0.5, None, "0.5"),
    ],
)
def test_a_loss_has_the_digits_of_its_standard_error(
    loss: float, error: float | None, text: str
) -> None:
    assert with_error(loss, error) == text


@pytest.mark.parametrize("settings", [TEXT, {"data": "digits"}, {"data": "mine.npz"}])
def test_a_single_example_is_reported(settings: Any) -> None:
    one = surface(settings, num=1, error=math.nan)
    (finding,) = check(one)
    single = one.unit.name.removesuffix("s")
    assert finding.check == "too-few-images"
    assert f"that of a single {single}, so" in finding.text
    line = replace(
        Surface.empty(Grid.regular((5, 1)), settings, {}),
        losses=one.losses[:, 2:3],
        evaluated=one.evaluated[:, :1],
        examples=one.examples[:, :1],
    )
    assert [each.check for each in check(line)] == ["too-few-images"]
    for num in (0, 2, 400):  # 0: unknown, of other programs
        assert check(surface(settings, num=num, error=math.nan)) == []


def test_plans_and_objectives_have_the_word() -> None:
    tokens = torch.randint(7, (5, 4))
    of_text = landscape.Objective(nn.Embedding(7, 7), hf.causal_lm_loss, (tokens, tokens))
    assert "5 sequences" in repr(of_text)
    sized = of_text.described(settings={"sequence_length": 4})
    assert sized.unit.counted(5) == "5 sequences of 4 tokens"
    plan = reference_plan(sized, landscape.Plane.random(sized.center))
    assert "5 sequences per batch" in plan.described(sized.unit.name)
    x, y = torch.randn(5, 3), torch.randint(2, (5,))
    assert "5 images" in repr(landscape.Objective(nn.Linear(3, 2), data=(x, y)))
    assert "5 examples" in repr(landscape.Objective(nn.Linear(3, 3), "mse", (x, x)))
