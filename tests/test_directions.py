import hashlib
import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from landscape.compact import CompactDirection
from landscape.directions import (
    NORMALIZATIONS,
    RECIPES,
    Normalization,
    filter_normalize,
    normalize,
    random_direction,
    random_pair,
    random_rows,
)
from landscape.errors import ParameterMismatchError
from landscape.models import Architecture
from landscape.parameters import Parameters, filter_norms
from landscape.threads import num_threads
from tests import oracles


def parameters(model: nn.Module) -> Parameters:
    return {name: p.detach() for name, p in model.named_parameters()}


def test_filter_normalization_is_the_papers(conv_net: nn.Module) -> None:
    center = parameters(conv_net.double())
    raw = random_direction(center, seed=3, axis=0)
    expected = oracles.filter_normalized(raw, conv_net)
    for name, direction in filter_normalize(raw, center).items():
        torch.testing.assert_close(direction, expected[name], rtol=1e-13, atol=0)


def test_each_filter_has_its_own_norm_not_the_layers_or_a_columns() -> None:
    weight = torch.randn(4, 3, 2, 2) * torch.tensor([1.0, 10, 100, 1000]).view(4, 1, 1, 1)
    center = {"w": weight}
    direction = filter_normalize(random_direction(center, 0, 0), center)["w"]
    torch.testing.assert_close(direction.flatten(1).norm(dim=1), weight.flatten(1).norm(dim=1))
    columns = weight.transpose(0, 1).flatten(1).norm(dim=1)
    assert not torch.allclose(direction.transpose(0, 1).flatten(1).norm(dim=1), columns)


@pytest.mark.parametrize("how", ["filter", "layer", "weight", "none"])
def test_biases_and_normalization_layers_do_not_move(
    conv_net: nn.Module, how: Normalization
) -> None:
    center = parameters(conv_net)
    direction = normalize(random_direction(center, 0, 0), center, how)
    for name in ("bn.weight", "bn.bias", "head.bias"):
        assert not direction[name].any()
    assert direction["conv.weight"].all()


def test_other_normalizations() -> None:
    center = {"w": torch.randn(4, 5)}
    raw = random_direction(center, 0, 0)
    layer = normalize(raw, center, "layer")["w"]
    torch.testing.assert_close(layer.norm(), center["w"].norm())
    torch.testing.assert_close(layer / layer.norm(), raw["w"] / raw["w"].norm())
    torch.testing.assert_close(normalize(raw, center, "weight")["w"], raw["w"] * center["w"])
    torch.testing.assert_close(normalize(raw, center, "none")["w"], raw["w"])
    with pytest.raises(ValueError, match="one of filter, layer, weight, none"):
        normalize(raw, center, "filters")  # type: ignore[arg-type]


def test_a_dead_filter_stays_dead() -> None:
    center = {"w": torch.tensor([[0.0, 0.0], [3.0, 4.0]])}
    direction = filter_normalize({"w": torch.tensor([[1.0, 1.0], [0.0, 0.0]])}, center)["w"]
    assert direction.tolist() == [[0, 0], [0, 0]]


def test_directions_are_standard_normal_and_nearly_orthogonal() -> None:
    center = {"w": torch.zeros(300, 300)}
    a, b = (random_direction(center, 0, axis)["w"].double().flatten() for axis in (0, 1))
    assert abs(a.mean()) < 0.015
    assert abs(a.std() - 1) < 0.01
    assert abs((a.abs() < 1).double().mean() - 0.6827) < 0.01
    assert abs(torch.dot(a, b) / a.norm() / b.norm()) < 0.015


def test_the_seed_and_the_axis_change_the_direction() -> None:
    center = {"w": torch.zeros(3, 3), "v": torch.zeros(3, 3)}
    draws = [random_direction(center, seed, axis) for seed in (0, 1) for axis in (0, 1)]
    numbers = {tuple(draw[name].flatten().tolist()) for draw in draws for name in center}
    assert len(numbers) == 8
    again = random_direction(center, 1, 0)
    assert torch.equal(again["w"], draws[2]["w"])


def test_one_seed_always_means_the_same_numbers() -> None:
    """Numbers in the third block, drawn by numpy alone: files store only the seed."""
    digest = hashlib.sha256(b"5 1 conv1.weight").digest()
    key = np.frombuffer(digest, "<u8")[:2]
    third = np.random.Philox(key=key, counter=[0, 2, 0, 0])
    expected = np.random.Generator(third).standard_normal(3, dtype=np.float32)
    drawn = random_direction({"conv1.weight": torch.zeros(70000, 2)}, seed=5, axis=1)
    numbers = drawn["conv1.weight"].flatten()[2 * 65536 : 2 * 65536 + 3].numpy()
    np.testing.assert_array_equal(numbers, np.round(expected * 4096) / 4096)
    np.testing.assert_array_equal(numbers, np.array([8277, -1729, -4601]) / 4096)


def test_the_older_recipe_draws_whole_tensors() -> None:
    key = np.frombuffer(hashlib.sha256(b"conv1.weight").digest(), "<u4").tolist()
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence([5, 1, *key])))
    center = {"conv1.weight": torch.zeros(2, 2)}
    drawn = random_direction(center, seed=5, axis=1, recipe=1)["conv1.weight"]
    np.testing.assert_array_equal(
        drawn.numpy(), expected.standard_normal(4).reshape(2, 2).astype(np.float32)
    )
    np.testing.assert_allclose(drawn[0].numpy(), [0.9131165, 0.4161792], rtol=1e-6)


SHAPES = [(7, 3), (300, 500), (5, 70_000), (64, 3, 3, 3), (2, 200_000), (1, 9)]


@pytest.mark.parametrize("num_ranks", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_ranks_draw_and_normalize_their_own_filters(shape: tuple[int, ...], num_ranks: int) -> None:
    """To the bit, as sharded parameters need it; in any order."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    whole = random_rows("layer.weight", weight.shape, seed=3, axis=1)
    norms = filter_norms(weight)
    direction = filter_normalize({"layer.weight": whole / 4096}, {"layer.weight": weight})
    bounds = [rank * len(weight) // num_ranks for rank in range(num_ranks + 1)]
    for first, last in reversed(list(itertools.pairwise(bounds))):
        rows = random_rows("layer.weight", weight.shape, 3, 1, first, last)
        assert torch.equal(rows, whole[first:last])
        if first < last:
            own = weight[first:last].clone()
            assert torch.equal(filter_norms(own), norms[first:last])
            local = filter_normalize({"layer.weight": rows / 4096}, {"layer.weight": own})
            assert torch.equal(local["layer.weight"], direction["layer.weight"][first:last])


@pytest.mark.parametrize("threads", [1, 2])
def test_norms_of_filters_do_not_depend_on_threads(threads: int) -> None:
    weight = torch.randn(3, 200_000, generator=torch.Generator().manual_seed(1))
    with num_threads(threads):
        norms = filter_norms(weight)
        assert torch.equal(filter_norms(weight[1:2]), norms[1:2])
    np.testing.assert_allclose(norms, np.linalg.norm(weight.double().numpy(), axis=1), rtol=1e-14)


def test_numbers_of_blocks_are_standard_normal_and_independent() -> None:
    num = 1_000_000
    a, b, c = (
        random_rows(name, torch.Size([num]), 0, axis).double().numpy() / 4096
        for name, axis in (("w", 0), ("w", 1), ("v", 0))
    )
    assert stats.kstest(a, "norm").pvalue > 0.01
    assert stats.kstest(b, "norm").pvalue > 0.01
    moments = [np.mean(a**k) for k in range(1, 5)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=4 * np.sqrt(96 / num))
    following = a[:-1], a[1:]
    other_blocks = a[: num // 65536 * 65536].reshape(-1, 65536)
    pairs = [(a, b), (a, c), following, (other_blocks[0], other_blocks[1])]
    for first, second in pairs:
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(first))


@pytest.mark.parametrize("how", NORMALIZATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_compact_directions_are_the_same(
    how: Normalization, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = {"conv": (7, 5, 3), "bias": (5,), "linear": (300, 400), "row": (1, 9000), "scale": ()}
    center = {name: torch.randn(shape).to(dtype) for name, shape in shapes.items()}
    delta, eta, recipe = random_pair(center, 3, how)
    monkeypatch.setattr("landscape.parameters.LARGE", 1000)
    *compact, same = random_pair(center, 3, how)
    assert same == recipe == RECIPES[2]
    for expected, direction in zip((delta, eta), compact, strict=True):
        assert isinstance(direction, CompactDirection)
        assert list(direction) == list(expected)
        for name, tensor in expected.items():
            assert torch.equal(direction[name], tensor)
            assert direction[name].dtype == tensor.dtype


def test_precision_only_rounds_the_direction() -> None:
    single = {"w": torch.randn(4, 4)}
    double = {"w": single["w"].double()}
    rounded = filter_normalize(random_direction(single, 0, 0), single)["w"]
    exact = filter_normalize(random_direction(double, 0, 0), double)["w"]
    torch.testing.assert_close(rounded.double(), exact, rtol=2e-7, atol=0)


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_matched_nets_get_the_same_raw_directions(shortcut: str) -> None:
    """Also where the residual net has more tensors, as the paper's own pair does."""
    plain = parameters(Architecture("plain8").build())
    residual = parameters(Architecture("resnet8", shortcut=shortcut).build())
    a, b = random_direction(plain, 0, 0), random_direction(residual, 0, 0)
    assert len(b) >= len(a)
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name])


def test_mismatch_is_refused() -> None:
    with pytest.raises(ParameterMismatchError):
        filter_normalize({"a": torch.zeros(2, 2)}, {"b": torch.zeros(2, 2)})
