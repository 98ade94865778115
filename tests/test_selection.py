"""Which parameters patterns select, against sets of names that are written out."""

import pytest
import torch
from torch import nn

import landscape
from landscape.selection import description, unselected

NAMES = ["h.0.attn.base", "h.0.attn.lora", "h.0.mlp.base", "h.0.mlp.lora", "head"]
TRAINED = frozenset({"h.0.attn.lora", "h.0.mlp.lora"})


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (None, set(NAMES)),
        ("trainable", TRAINED),
        (["*attn*"], {"h.0.attn.base", "h.0.attn.lora"}),
        (["trainable", "*attn*"], {"h.0.attn.lora"}),
        (["*attn*", "trainable"], {"h.0.attn.lora"}),
        (["trainable", "trainable", "*attn*"], {"h.0.attn.lora"}),
        (["trainable", "*attn*", "*mlp*"], TRAINED),
        (["trainable", "!*mlp*"], {"h.0.attn.lora"}),
        (["trainable", "h.*", "!*mlp*"], {"h.0.attn.lora"}),
        (["!trainable"], {"h.0.attn.base", "h.0.mlp.base", "head"}),
    ],
)
def test_patterns(only: str | list[str] | None, expected: set[str]) -> None:
    assert set(NAMES) - unselected(NAMES, TRAINED, only) == expected


@pytest.mark.parametrize(
    ("only", "message"),
    [
        ("h.0.mlp", r"it is a module, whose parameters are 'h.0.mlp.\*' \(h.0.mlp.base, "),
        ("h.0.attn.lorra", r"the closest are h.0.attn.lora"),
        ("h.0.atn.*", r"the closest are h.0.attn.\*"),
        ("zzz", "they are h.0.attn.base, "),
        (["trainable", "head"], "leaves no parameter to move among the trainable ones: they are h"),
    ],
)
def test_a_pattern_that_fits_nothing_is_advised(only: str | list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unselected(NAMES, TRAINED, only)


def test_nothing_is_trainable() -> None:
    with pytest.raises(ValueError, match="no parameter requires gradients"):
        unselected(NAMES, frozenset(), "trainable")


def test_a_scan_that_moved_either_is_not_resumed_as_one_that_moves_both() -> None:
    assert description(["trainable", "*attn*"]) != "trainable, *attn*"
    assert description(["trainable", "!*attn*"]) == "trainable, !*attn*"


def test_frozen_parameters_stay_where_patterns_are_given() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    model[0].requires_grad_(False)
    data = torch.randn(9, 4), torch.randint(3, (9,))
    objective = landscape.Objective(model, data=data, device="cpu", only=["trainable", "*.weight"])
    assert not any("require gradients" in remark for remark in objective.remarks)
    both = landscape.Objective(model, data=data, device="cpu", only="*.weight")
    (remark,) = both.remarks
    assert "are moved as well: 0.weight ('trainable' in addition in only leaves" in remark
    delta = landscape.planes.random(objective, normalization="none").delta
    assert [name for name, tensor in delta.items() if tensor.any()] == ["1.weight"]
