import math

import pytest
import torch

from landscape.errors import ParameterMismatchError
from landscape.parameters import check_match, filters, fingerprint, inner_product


def test_filters_are_indices_of_the_first_dimension() -> None:
    weight = torch.arange(2 * 3 * 4).reshape(2, 3, 4)
    assert filters(weight)[1].tolist() == list(range(12, 24))


def test_inner_product_runs_over_all_tensors_in_float64() -> None:
    a = {"x": torch.full((3,), 1e-4), "y": torch.tensor([[1e4]])}
    assert math.isclose(inner_product(a, a), 1e8 + 3e-8, rel_tol=1e-15, abs_tol=1e-7)


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"b": torch.zeros(2)}, "missing a, unexpected b"),
        ({"a": torch.zeros(3)}, r"a has shape \(3,\), expected \(2,\)"),
    ],
)
def test_mismatch_is_named(other: dict[str, torch.Tensor], text: str) -> None:
    with pytest.raises(ParameterMismatchError, match=text):
        check_match(other, {"a": torch.zeros(2)}, "it")


def test_fingerprint_changes_with_every_difference() -> None:
    base = {"a": torch.zeros(2, 3), "n": torch.tensor(1)}
    others = [
        {"b": base["a"], "n": base["n"]},
        {"a": base["a"].T, "n": base["n"]},
        {"a": base["a"].double(), "n": base["n"]},
        {"a": base["a"] + 1e-30, "n": base["n"]},
        {"a": base["a"], "n": torch.tensor(2)},
    ]
    prints = {fingerprint(each) for each in [base, *others]}
    assert len(prints) == 6
    assert fingerprint({k: v.clone() for k, v in base.items()}) == fingerprint(base)


def test_fingerprint_reads_values_not_memory_order() -> None:
    columns = torch.arange(6.0).reshape(3, 2).T
    assert fingerprint({"a": columns}) == fingerprint({"a": columns.contiguous()})
