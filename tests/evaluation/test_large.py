"""Large networks and weights of half precision: points are formed tensor by tensor."""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import models
from landscape.compact import CompactDirection
from landscape.compute import Compute
from landscape.directions import NORMALIZATIONS, Normalization
from landscape.evaluation import autotune, reference_plan
from landscape.evaluation.streamed_plane import StreamedPlane
from landscape.grid import Grid
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.unformed import Unformed
from tests import oracles
from tests.reporters import StopAfter

GRID = Grid.regular((3, 2), (-0.5, 1.0), (-0.25, 0.75))
pytestmark = pytest.mark.slow  # each scans several networks

POINTS = [GRID.point(k) for k in range(GRID.size)]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every network counts as large."""
    monkeypatch.setattr("landscape.parameters.LARGE", 0)


class Recurrent(nn.Module):
    def __init__(self, kind: Callable[..., nn.RNNBase]) -> None:
        super().__init__()
        self.layers = kind(5, 6, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.layers(x)[0][:, -1])
        return outputs


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(5, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.body(self.embed(x)).mean(1))
        return outputs


class Uses(nn.Module):
    """Parameters in views, indices, sums, lists and operators of other kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.up = nn.Conv1d(5, 6, 3, padding=1), nn.ConvTranspose1d(6, 6, 3)
        self.pairs, self.head = nn.Bilinear(6, 6, 4), nn.Linear(4, 3)
        self.square = nn.Parameter(torch.randn(4, 4))
        self.listed = nn.ParameterList([nn.Parameter(torch.randn(4, 3))])

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.up(self.conv(x.transpose(1, 2)))).mean(2)
        z, w, v = self.pairs(y, y), self.square, self.listed[0]
        z = torch.einsum("bi,ij->bj", z, w) + z @ w.T + w[0] + w.clone().mul_(2).sum()
        out: Tensor = self.head(z) + z @ v + torch.cat([v, v]).mean(0) + v.new_zeros(3) + v.norm()
        return out


class Differentiated(nn.Module):
    """Second derivatives by the inputs, as of a physics loss, and of a function of these."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 7), nn.Linear(7, 1)

    def forward(self, x: Tensor) -> Tensor:
        def value(one: Tensor) -> Tensor:
            return self.second(torch.tanh(self.first(one))).sum()  # type: ignore[no-any-return]

        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(value(x), x, create_graph=True)
            (second,) = torch.autograd.grad(slope.square().sum(), x)
        jacobian = torch.vmap(torch.func.jacrev(value))(x.detach())
        columns = [each.sum((1, 2)).detach() for each in (slope, second, jacobian)]
        return torch.stack(columns, 1)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: Recurrent(nn.LSTM),
    "gru": lambda: Recurrent(nn.GRU),
    "transformer": Transformer,
    "uses": Uses,
    "differentiated": Differentiated,
}
X, Y = torch.randn(8, 4, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3


def expected(model: nn.Module, plane: Plane, x: Tensor = X, y: Tensor = Y) -> np.ndarray[Any, Any]:
    delta, eta = ({n: t.double() for n, t in d.items()} for d in (plane.delta, plane.eta))
    alphas, betas = GRID.alphas.tolist(), GRID.betas.tolist()
    return oracles.naive_surface(model, F.cross_entropy, x, y, delta, eta, alphas, betas)[0]


@pytest.mark.parametrize("name", MODELS)
def test_large_networks_have_the_surface_of_the_oracle(name: str, large: None) -> None:
    model = MODELS[name]()
    objective = Objective(model, data=(X, Y), device="cpu")
    plane = Plane.random(objective.center)
    surface = landscape.scan(objective, plane, GRID)
    np.testing.assert_allclose(surface.losses, expected(model, plane), rtol=1e-6)


class Language(nn.Module):
    """A language model with logits of shape (examples, vocabulary, positions)."""

    def __init__(self) -> None:
        super().__init__()
        self.gpt = models.create("gpt2", width=32, heads=2, vocabulary=50, context=16)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.gpt(tokens).transpose(1, 2)
        return logits


def language_model(dtype: torch.dtype = torch.float32) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    tokens = torch.randint(50, (6, 17))
    return Language().to(dtype), tokens[:, :-1], tokens[:, 1:]


@pytest.mark.parametrize("how", NORMALIZATIONS)
def test_large_language_models_with_every_normalization(how: Normalization, large: None) -> None:
    model, x, y = language_model()
    objective = Objective(model, data=(x, y), device="cpu")
    plane = Plane.random(objective.center, 1, how)
    assert isinstance(plane.delta, CompactDirection)
    surface = landscape.scan(objective, plane, GRID, compute=Compute(images_per_batch=4))
    losses = expected(model, plane, x, y)
    np.testing.assert_allclose(surface.losses, losses, rtol=1e-6)


def test_stored_directions_and_other_precisions_are_streamed_as_well(large: None) -> None:
    model, x, y = language_model()
    objective = Objective(model, data=(x, y), device="cpu")
    other, _, _ = language_model()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.2)
    plane = landscape.planes.through(objective, other)
    losses = expected(model, plane, x, y)
    surface = landscape.scan(objective, plane, GRID)
    np.testing.assert_allclose(surface.losses, losses, rtol=1e-6)
    rounded = landscape.scan(objective, plane, GRID, compute=Compute("bfloat16"))
    np.testing.assert_allclose(rounded.losses, losses, rtol=0.02)
    assert (rounded.losses != surface.losses).any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision_are_rounded_once(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    center = {
        "w": torch.randn(300, 200, generator=generator).to(dtype),
        "b": torch.randn(7, generator=generator).to(dtype),
    }
    plane = Plane.random(center)
    point = StreamedPlane.of(plane).at(torch.tensor([0.7, -0.3]))
    exact = {n: t.double() for n, t in center.items()}
    exact["w"] += 0.7 * plane.delta["w"].double() - 0.3 * plane.eta["w"].double()
    for name, tensor in point.items():
        assert tensor.dtype == dtype
        formed = tensor + torch.zeros((), dtype=dtype)
        differs = formed != exact[name].to(dtype)
        assert differs.double().mean() < 1e-3  # next to the middle of two numbers
        for other in (exact[name], plane.at(0.7, -0.3)[name].double()):
            # The absolute tolerance is that of float32, where terms cancel.
            eps = torch.finfo(dtype).eps
            torch.testing.assert_close(formed.double(), other, rtol=eps, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_kept_and_stated(dtype: torch.dtype, tmp_path: Path) -> None:
    model, x, y = language_model(dtype)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    objective = Objective(model, data=(x, y), device="cpu", share=True)
    precision = str(dtype).removeprefix("torch.")
    surface = landscape.scan(objective, grid=GRID, file=tmp_path / "a.h5")
    assert surface.settings["precision"] == surface.provenance["computed_in"] == precision
    again = landscape.scan(objective, grid=GRID, file=tmp_path / "a.h5")
    np.testing.assert_array_equal(again.losses, surface.losses)
    copied = Objective(model, data=(x, y), device="cpu")
    exact = landscape.scan(copied, grid=GRID)
    assert exact.settings["precision"] == "float32"
    np.testing.assert_allclose(surface.losses, exact.losses, rtol=100 * torch.finfo(dtype).eps)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(ValueError, match="share=False"):
        landscape.scan(objective, grid=GRID, compute=Compute("float32"))


def test_half_precision_takes_inputs_and_keeps_targets() -> None:
    model = nn.Linear(5, 1).bfloat16()
    x, y = torch.randn(40, 5), 100 + torch.randn(40, 1)
    objective = Objective(model, "mse", (x, y), device="cpu", share=True)
    assert objective.inputs.dtype == torch.bfloat16
    assert objective.targets.dtype == torch.float32
    with torch.no_grad():
        loss = (model(x.bfloat16()).double() - y).square().mean()
    surface = landscape.scan(objective, grid=Grid.regular(1, (-1.0, 1.0)))
    assert surface.losses[0, 0] == pytest.approx(float(loss), rel=1e-5)


def test_shared_weights_are_not_copied_and_the_model_is_not_changed() -> None:
    model, x, y = language_model()
    model.get_parameter("gpt.tokens.weight").requires_grad_(False)
    objective = Objective(model, data=(x, y), device="cpu", share=True)
    for own, parameter in zip(objective.model.parameters(), model.parameters(), strict=True):
        assert own.data_ptr() == parameter.data_ptr()
    assert model.training
    trains = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert trains == {"gpt.tokens.weight"}
    copied = Objective(model, data=(x, y), device="cpu")
    assert all(
        own.data_ptr() != parameter.data_ptr()
        for own, parameter in zip(copied.model.parameters(), model.parameters(), strict=True)
    )


def test_a_large_scan_takes_few_bytes_for_each_parameter(
    large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directions in 4 bytes; and of the point no more than the tensors of one operator."""
    model, x, y = language_model()
    objective = Objective(model, data=(x, y), device="cpu")
    plane = Plane.random(objective.center)
    assert isinstance(plane.delta, CompactDirection)
    assert isinstance(plane.eta, CompactDirection)
    assert all(plane.center[n].data_ptr() == p.data_ptr() for n, p in model.named_parameters())
    moved = sum(t.numel() for n, t in plane.center.items() if plane.delta[n].any())
    held = [t for d in (plane.delta, plane.eta) for t in (d.integers, d.scales)]
    num_bytes = sum(t.numel() * t.element_size() for tensors in held for t in tensors.values())
    rows = sum(len(t) for t in plane.delta.scales.values())
    assert num_bytes == 4 * moved + 2 * 8 * rows
    alive, most = 0, 0
    form = StreamedPlane._formed

    def formed(self: StreamedPlane, name: str, coordinates: Tensor) -> Tensor:
        nonlocal alive, most
        tensor = form(self, name, coordinates)
        if tensor.dim() > 1:
            alive += tensor.numel()
            most = max(most, alive)
            weakref.finalize(tensor, released, tensor.numel())
        return tensor

    def released(num: int) -> None:
        nonlocal alive
        alive -= num

    monkeypatch.setattr(StreamedPlane, "_formed", formed)
    plan = reference_plan(objective, plane)
    list(plan.on(objective)(POINTS))
    assert most == max(t.numel() for t in plane.center.values())


def test_parameters_that_do_not_move_are_those_of_the_model(large: None) -> None:
    model, x, y = language_model()
    objective = Objective(model, data=(x, y), device="cpu", only="gpt.blocks.1.*")
    plane = Plane.random(objective.center)
    point = StreamedPlane.of(plane).at(torch.tensor([0.5, 0.5]))
    for name, tensor in point.items():
        if name.startswith("gpt.blocks.1.") and name.endswith("weight") and "norm" not in name:
            assert isinstance(tensor, Unformed)
        else:
            assert tensor is plane.center[name]


def test_batches_of_large_networks_are_large(large: None) -> None:
    """Since weights are formed again for every batch."""
    model, x, y = language_model()
    x, y = x.repeat(200, 1), y.repeat(200, 1)
    objective = Objective(model, data=(x, y), device="cpu")
    assert objective.images_per_batch == 4
    plane = Plane.random(objective.center)
    tuned = autotune(objective, plane, POINTS, 100, precision="float32")
    assert tuned.plan.images_per_batch > 4
    assert tuned.plan.network.name == "unmodified"
    assert tuned.deviation < 1e-6


def test_an_interrupted_large_scan_resumes(large: None, tmp_path: Path) -> None:
    model, x, y = language_model()
    objective = Objective(model, data=(x, y), device="cpu")
    path = tmp_path / "a.h5"
    with pytest.raises(KeyboardInterrupt):
        landscape.scan(objective, grid=GRID, file=path, progress=StopAfter(3))
    assert 0 < landscape.load(path).evaluated.sum() < GRID.size
    surface = landscape.scan(objective, grid=GRID, file=path)
    np.testing.assert_allclose(surface.losses, landscape.scan(objective, grid=GRID).losses)


def test_large_planes_project_and_measure_distances(large: None) -> None:
    center: Parameters = {"w": torch.randn(30, 40), "b": torch.randn(30)}
    plane = Plane.random(center)
    assert plane.project(plane.at(0.3, -0.7)) == pytest.approx((0.3, -0.7), abs=1e-6)
    assert plane.distance(plane.at(0.3, -0.7)) == 0
    assert not plane.is_line
