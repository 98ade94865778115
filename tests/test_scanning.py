"""Whole scans from Python: against the oracle, and against each known fault of other tools."""

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape import hdf5, planes
from landscape.devices import choose_device
from landscape.directions import random_direction
from landscape.errors import DataError, LandscapeError, SurfaceFileError
from landscape.evaluation import Precision
from landscape.models import Architecture
from landscape.objective import Objective
from landscape.plane import Plane
from tests import oracles
from tests.reporters import StopAt
from tests.scans import scan

Data = tuple[Tensor, Tensor]


def directions(model: nn.Module, seed: int = 0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    center = {name: p.detach().double() for name, p in model.named_parameters()}
    delta, eta = (
        oracles.filter_normalized(random_direction(center, seed, axis), model) for axis in (0, 1)
    )
    return delta, eta


@pytest.mark.parametrize("net", ["conv_net", "mlp", "plain8", "resnet8"])
def test_float64_scan_agrees_with_the_oracle(
    net: str, request: pytest.FixtureRequest, device: str
) -> None:
    """With and without BatchNorm, on 3×2 points, with a range that is not square."""
    data: Data
    if net in ("conv_net", "mlp"):
        model = request.getfixturevalue(net)
        data = request.getfixturevalue("images" if net == "conv_net" else "vectors")
    else:
        model = Architecture(net, in_channels=1, num_classes=3).build()
        model.train()(torch.randn(30, 1, 8, 8))  # moves the running statistics
        data = torch.randn(11, 1, 8, 8), torch.randint(3, (11,))
    surface = scan(
        model,
        F.cross_entropy,
        data,
        points=(3, 2),
        alpha=(-0.5, 1),
        beta=(-0.25, 0.75),
        precision="float64",
        images_per_batch=4,
        device=device,
    )
    losses, accuracies = oracles.naive_surface(
        model, F.cross_entropy, *data, *directions(model), [-0.5, 0.25, 1.0], [-0.25, 0.75]
    )
    np.testing.assert_allclose(surface.losses, losses, rtol=1e-10)
    np.testing.assert_allclose(surface.accuracies, accuracies, rtol=1e-10)
    assert surface.is_complete


def test_float32_scan_is_the_rounded_float64_scan(
    conv_net: nn.Module, images: Data, device: str
) -> None:
    exact = scan(conv_net, F.cross_entropy, images, points=5, precision="float64", device="cpu")
    single = scan(conv_net, F.cross_entropy, images, points=5, device=device)
    np.testing.assert_allclose(single.losses, exact.losses, rtol=2e-5)


@pytest.mark.parametrize("points", [(7, 5), (5, 8), (1, 4)])
def test_a_bowl_comes_out_exactly(points: tuple[int, int]) -> None:
    """Not transposed, not shifted by a step, not mirrored, not off center, no zig-zag."""
    surface = scan(
        oracles.Bowl(),
        oracles.bowl_loss,
        (torch.zeros(3, 1), torch.zeros(3)),
        points=points,
        alpha=(-1, 2),
        beta=(-3, 1),
        precision="float64",
        directions=(oracles.BOWL_DELTA, oracles.BOWL_ETA),
    )
    expected = oracles.bowl_surface(surface.grid.alphas, surface.grid.betas)
    np.testing.assert_allclose(surface.losses, expected, rtol=1e-14)
    np.testing.assert_allclose(surface.standard_errors, 0, atol=1e-14)


def test_the_center_has_the_trained_nets_loss(mlp: nn.Module, vectors: Data) -> None:
    x, y = vectors
    surface = scan(mlp, F.cross_entropy, vectors, points=3)
    assert surface.center_loss == pytest.approx(F.cross_entropy(mlp.eval()(x), y).item(), rel=1e-6)


def test_a_scan_does_not_change_when_the_model_is_trained_on(mlp: nn.Module, vectors: Data) -> None:
    """A center aliased to the model's own tensors would follow it."""
    first = scan(mlp, F.cross_entropy, vectors, points=3)
    kept = copy.deepcopy(first.losses)
    with torch.no_grad():
        for parameter in mlp.parameters():
            parameter.mul_(3)
    np.testing.assert_array_equal(first.losses, kept)
    assert scan(mlp, F.cross_entropy, vectors, points=3).center_loss != first.center_loss


def test_batch_statistics_stay_as_trained(conv_net: nn.Module, images: Data) -> None:
    plane = Plane.random({n: p.detach() for n, p in conv_net.named_parameters()}, 0)
    assert not any("running" in name for name in plane.delta)
    losses = scan(conv_net, F.cross_entropy, images, points=11, alpha=(-3, 3)).losses
    assert np.isfinite(losses).all()


def test_infinite_nan_and_zero_losses_are_values() -> None:
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        a, b = outputs[:, 0], outputs[:, 1]
        value = torch.where(a > 0, torch.inf, torch.where(b > 0, torch.nan, 0.0))
        return value.double()

    surface = scan(
        oracles.Bowl(),
        loss,
        (torch.zeros(2, 1), torch.zeros(2)),
        points=3,
        directions=(oracles.BOWL_DELTA, oracles.BOWL_ETA),
        precision="float64",
    )
    assert surface.evaluated.all()
    assert (surface.losses[2] == math.inf).all()
    assert (surface.losses[:2, :2] == 0).all()
    assert np.isnan(surface.losses[:2, 2]).all()


def test_a_rescaled_net_has_the_same_surface() -> None:
    """What filter normalization is for: scaling ReLU layers changes weights, not the net."""
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    scaled = copy.deepcopy(model)
    with torch.no_grad():
        scaled[0].weight.mul_(100)  # type: ignore[operator]
        scaled[0].bias.mul_(100)  # type: ignore[operator]
        scaled[2].weight.div_(100)  # type: ignore[operator]
    data = torch.randn(9, 4), torch.randint(3, (9,))
    a, b = (scan(m, F.cross_entropy, data, points=4, precision="float64") for m in (model, scaled))
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-12)
    c, d = (
        scan(m, F.cross_entropy, data, points=4, precision="float64", normalize="none")
        for m in (model, scaled)
    )
    assert not np.allclose(c.losses, d.losses, rtol=0.1)


def test_seed_and_normalization_change_the_surface(mlp: nn.Module, vectors: Data) -> None:
    surfaces = [
        scan(mlp, F.cross_entropy, vectors, points=3, **options)
        for options in ({}, {"seed": 1}, {"normalize": "layer"}, {"normalize": "weight"})
    ]
    assert len({round(surface.losses[0, 0], 3) for surface in surfaces}) == 4
    assert len({round(surface.center_loss or 0.0, 5) for surface in surfaces}) == 1


def test_points_do_not_depend_on_each_other(mlp: nn.Module, vectors: Data) -> None:
    """A coarse scan is part of a fine one: no point is reached by walking from another."""
    fine = scan(mlp, F.cross_entropy, vectors, points=9, precision="float64")
    coarse = scan(mlp, F.cross_entropy, vectors, points=(5, 3), precision="float64")
    np.testing.assert_allclose(coarse.losses, fine.losses[::2, ::4], rtol=1e-12)


@pytest.mark.parametrize("images_per_batch", [1, 5, 23])
def test_images_per_batch_only_rounds(mlp: nn.Module, vectors: Data, images_per_batch: int) -> None:
    base = scan(mlp, F.cross_entropy, vectors, points=3, precision="float64")
    other = scan(
        mlp,
        F.cross_entropy,
        vectors,
        points=3,
        precision="float64",
        images_per_batch=images_per_batch,
    )
    np.testing.assert_allclose(other.losses, base.losses, rtol=1e-13)
    np.testing.assert_allclose(other.standard_errors, base.standard_errors, rtol=1e-13)


def test_a_random_net_has_no_surface(vectors: Data) -> None:
    class Noisy(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + torch.randn(len(x), 3)

    with pytest.raises(LandscapeError, match="Two evaluations at the center differ"):
        scan(Noisy(7, 3), F.cross_entropy, vectors, points=3)


def test_an_interrupted_scan_resumes(mlp: nn.Module, vectors: Data, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    whole = scan(mlp, F.cross_entropy, vectors, points=5, precision="float64")
    with pytest.raises(KeyboardInterrupt):
        scan(
            mlp,
            F.cross_entropy,
            vectors,
            points=5,
            path=path,
            precision="float64",
            progress=StopAt(7),
        )
    part = landscape.load(path)
    assert part.evaluated.sum() == 7
    np.testing.assert_allclose(
        part.losses[part.evaluated], whole.losses[part.evaluated], rtol=1e-12
    )
    assert np.isnan(part.losses[~part.evaluated]).all()
    # A value that only this file has shows that its points are not computed again.
    first = int(part.grid.order()[0])
    _poke(path, first, 123.0)
    resumed = scan(mlp, F.cross_entropy, vectors, points=5, precision="float64", path=path)
    assert resumed.is_complete
    assert resumed.losses.flat[first] == 123.0
    others = np.arange(25) != first
    np.testing.assert_allclose(resumed.losses.flat[others], whole.losses.flat[others], rtol=1e-12)
    np.testing.assert_array_equal(landscape.load(path).losses, resumed.losses)
    assert resumed.seconds > part.seconds > 0


def _poke(path: Path, index: int, value: float) -> None:
    seconds = landscape.load(path).seconds
    with hdf5.SurfaceFile(path) as file:
        file.put("loss", index, {"losses": value}, seconds=seconds)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"seed": 4}, "seed: file 0, requested 4"),
        ({"normalize": "layer"}, "normalize: file filter, requested layer"),
        ({"precision": "float64"}, "precision: file float32, requested float64"),
        ({"points": 7}, "grid: file 5x5 points.*, requested 7x7 points"),
        ({"alpha": (-2, 1)}, "file .*alpha -1:1.*, requested .*alpha -2:1"),
        ({"settings": {"split": "test"}}, "split: file none, requested test"),
    ],
)
def test_another_scan_is_refused_in_the_file(
    mlp: nn.Module, vectors: Data, tmp_path: Path, change: dict[str, object], text: str
) -> None:
    path = tmp_path / "a.h5"
    scan(mlp, F.cross_entropy, vectors, points=5, path=path)
    before = path.read_bytes()
    with pytest.raises(SurfaceFileError, match=text):
        scan(mlp, F.cross_entropy, vectors, path=path, **{"points": 5, **change})  # type: ignore[arg-type]
    assert path.read_bytes() == before
    scan(mlp, F.cross_entropy, vectors, path=path, overwrite=True, **{"points": 5, **change})  # type: ignore[arg-type]
    assert path.read_bytes() != before


def test_other_weights_or_data_are_refused_in_the_file(
    mlp: nn.Module, vectors: Data, tmp_path: Path
) -> None:
    path, (x, y) = tmp_path / "a.h5", vectors
    scan(mlp, F.cross_entropy, vectors, points=3, path=path)
    with pytest.raises(SurfaceFileError, match="data_sha256"):
        scan(mlp, F.cross_entropy, (x + 1e-6, y), points=3, path=path)
    with torch.no_grad():
        mlp[0].weight[0, 0] += 1e-6  # type: ignore[index]
    with pytest.raises(SurfaceFileError, match="weights_sha256"):
        scan(mlp, F.cross_entropy, vectors, points=3, path=path)


def test_stored_directions_are_used_again(mlp: nn.Module, vectors: Data, tmp_path: Path) -> None:
    stored, bare = tmp_path / "a.h5", tmp_path / "b.h5"
    first = scan(
        mlp, F.cross_entropy, vectors, points=3, seed=5, path=stored, store_directions=True
    )
    again = scan(mlp, F.cross_entropy, vectors, points=3, directions=stored)
    np.testing.assert_allclose(first.losses, again.losses, rtol=1e-5)
    scan(mlp, F.cross_entropy, vectors, points=3, seed=5, path=bare)
    with pytest.raises(SurfaceFileError, match="seed 5 and normalization filter"):
        scan(mlp, F.cross_entropy, vectors, points=3, directions=bare)


def test_directions_can_be_stored_later(mlp: nn.Module, vectors: Data, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    first = scan(mlp, F.cross_entropy, vectors, points=3, path=path)
    scan(mlp, F.cross_entropy, vectors, points=3, path=path, store_directions=True)
    again = scan(mlp, F.cross_entropy, vectors, points=3, directions=path)
    np.testing.assert_allclose(first.losses, again.losses, rtol=1e-5)


@pytest.mark.parametrize("precision", ["bfloat16", "auto"])
def test_a_scan_of_another_precision_is_resumed_in_that(
    conv_net: nn.Module, images: Data, tmp_path: Path, precision: Precision
) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(KeyboardInterrupt):
        scan(
            conv_net,
            F.cross_entropy,
            images,
            points=5,
            path=path,
            precision=precision,
            progress=StopAt(9),
        )
    computed_in = landscape.load(path).provenance["computed_in"]
    assert precision == "auto" or computed_in == "bfloat16"
    surface = scan(conv_net, F.cross_entropy, images, points=5, path=path, precision=precision)
    assert surface.is_complete
    assert surface.provenance["computed_in"] == computed_in
    exact = scan(conv_net, F.cross_entropy, images, points=5)
    assert exact.provenance["computed_in"] == "float32"
    np.testing.assert_allclose(surface.losses, exact.losses, rtol=0.05)


@pytest.mark.parametrize("points", [3, 7])
def test_another_loss_or_net_of_the_same_name_is_refused(
    vectors: Data, tmp_path: Path, points: int
) -> None:
    """What no setting shows: one point is computed again."""
    path = tmp_path / "a.h5"

    def make(scale: float, activation: nn.Module) -> tuple[nn.Module, nn.Module]:
        torch.manual_seed(0)
        margin = nn.MultiMarginLoss(margin=scale)
        return nn.Sequential(nn.Linear(7, 6), activation, nn.Linear(6, 3)), margin

    model, loss = make(0.1, nn.ReLU())
    if points == 3:
        scan(model, loss, vectors, points=points, path=path)
    else:
        with pytest.raises(KeyboardInterrupt):
            scan(model, loss, vectors, points=points, path=path, progress=StopAt(9))
    for other in (make(0.5, nn.ReLU()), make(0.1, nn.Tanh())):
        with pytest.raises(LandscapeError, match="computed with a different model or loss"):
            scan(*other, vectors, points=points, path=path)
    assert scan(model, loss, vectors, points=points, path=path).is_complete


def test_a_loss_has_the_name_and_unit_of_torchs_own_only_if_it_is_that(
    mlp: nn.Module, vectors: Data
) -> None:
    def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, reduction="none") / math.log(2)

    cross_entropy.__qualname__ = "cross_entropy"
    for loss, name, quantity in (
        (F.cross_entropy, "cross_entropy", "mean cross-entropy (nats)"),
        (nn.CrossEntropyLoss(), "CrossEntropyLoss()", "mean cross-entropy (nats)"),
        (cross_entropy, "own cross_entropy", "mean loss"),
        (
            nn.CrossEntropyLoss(label_smoothing=0.25),
            "CrossEntropyLoss(label_smoothing=0.25)",
            "mean loss",
        ),
    ):
        surface = scan(mlp, loss, vectors, points=3)
        assert (surface.settings["loss"], surface.quantity) == (name, quantity)


def test_a_loss_with_an_address_in_its_name_resumes(
    mlp: nn.Module, vectors: Data, tmp_path: Path
) -> None:
    class Callable:
        def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return F.cross_entropy(outputs, targets, reduction="none")

    first = scan(mlp, Callable(), vectors, points=3, path=tmp_path / "a.h5")
    again = scan(mlp, Callable(), vectors, points=3, path=tmp_path / "a.h5")
    np.testing.assert_array_equal(first.losses, again.losses)


def test_non_persistent_buffers_are_weights_too(vectors: Data, tmp_path: Path) -> None:
    class Scaled(nn.Linear):
        def __init__(self, factor: float) -> None:
            torch.manual_seed(0)
            super().__init__(7, 3)
            self.register_buffer("factor", torch.tensor(factor), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * self.factor  # type: ignore[operator]

    scan(Scaled(1), F.cross_entropy, vectors, points=3, path=tmp_path / "a.h5")
    with pytest.raises(SurfaceFileError, match="weights_sha256"):
        scan(Scaled(5), F.cross_entropy, vectors, points=3, path=tmp_path / "a.h5")


def test_given_directions_are_part_of_the_settings(
    mlp: nn.Module, vectors: Data, tmp_path: Path
) -> None:
    delta, eta = directions(mlp)
    path = tmp_path / "a.h5"
    scan(mlp, F.cross_entropy, vectors, points=3, directions=(delta, eta), path=path)
    with pytest.raises(SurfaceFileError, match="directions: file given"):
        scan(mlp, F.cross_entropy, vectors, points=3, directions=(eta, delta), path=path)


def test_losses_have_names(mlp: nn.Module, vectors: Data) -> None:
    x, y = vectors
    by_default = scan(mlp, data=vectors, points=2)
    given = scan(mlp, F.cross_entropy, vectors, points=2)
    np.testing.assert_array_equal(by_default.losses, given.losses)
    assert by_default.settings == given.settings
    targets = F.one_hot(y, 3).float()
    by_name = scan(mlp, "mse", (x, targets), points=2)
    np.testing.assert_array_equal(
        by_name.losses, scan(mlp, F.mse_loss, (x, targets), points=2).losses
    )
    with pytest.raises(ValueError, match=r"loss must be cross_entropy, mse .*, not 'nll'"):
        scan(mlp, "nll", vectors)
    call: Any = scan
    for arguments in ((mlp,), (mlp, vectors)):  # data in place of the loss
        with pytest.raises(TypeError, match=r"Objective\(model, loss, \(x, y\)\)"):
            call(*arguments)


def test_numpy_arrays_are_data(mlp: nn.Module, vectors: Data) -> None:
    x, y = vectors
    a = scan(mlp, F.cross_entropy, (x.numpy(), y.numpy().astype(np.uint8)), points=2)
    b = scan(mlp, F.cross_entropy, vectors, points=2)
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-5)


def test_wrong_calls_are_refused(mlp: nn.Module, vectors: Data, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="precision must be one of"):
        scan(mlp, F.cross_entropy, vectors, precision="float8")
    with pytest.raises(DataError, match="one entry per example"):
        scan(mlp, F.cross_entropy, (torch.zeros(0, 7), torch.zeros(0)))
    with pytest.raises(DataError, match="arrays of numbers"):
        scan(mlp, F.cross_entropy, (["a"], ["b"]))
    with pytest.raises(ValueError, match="device cuda:99 does not exist"):
        choose_device("cuda:99")
    with pytest.raises(ValueError, match="device must be auto"):
        choose_device("gpu")


def test_nothing_is_written_when_the_scan_cannot_start(
    mlp: nn.Module, vectors: Data, tmp_path: Path
) -> None:
    with pytest.raises(DataError):
        scan(mlp, F.cross_entropy, (vectors[0][:, :2], vectors[1]), path=tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


def test_tied_weights_move_together(vectors: Data) -> None:
    """As the output layer of many language models, which is the embedding."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(7, 7)
            self.b = nn.Linear(7, 7)
            self.b.weight = self.a.weight

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.b(torch.relu(self.a(x)))
            return out

    model = Tied()
    surface = scan(model, F.cross_entropy, vectors, points=(3, 2), precision="float64")
    delta, eta = directions(model)
    assert list(delta) == ["a.weight", "a.bias", "b.bias"]
    losses, _ = oracles.naive_surface(
        model, F.cross_entropy, *vectors, delta, eta, [-1.0, 0.0, 1.0], [-1.0, 1.0]
    )
    np.testing.assert_allclose(surface.losses, losses, rtol=1e-10)


def test_float32_is_not_rounded_to_tf32_and_the_setting_comes_back(vectors: Data) -> None:
    def setting() -> tuple[object, ...]:
        convolutions: Any = torch.backends.cudnn
        products = torch.backends.cuda.matmul
        if hasattr(products, "fp32_precision"):
            return convolutions.conv.fp32_precision, products.fp32_precision
        return convolutions.allow_tf32, products.allow_tf32

    seen = set()

    class Looking(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            seen.add(setting())
            return super().forward(x)

    before = setting()
    scan(Looking(7, 3), F.cross_entropy, vectors, points=2)
    assert setting() == before
    exact = ("ieee", "ieee") if isinstance(before[0], str) else (False, False)
    assert seen == {exact}  # also while data and loss are checked


@pytest.mark.parametrize("old", ["highest", "high"])
@pytest.mark.parametrize("new", [None, "tf32", "ieee"])
def test_a_model_may_read_the_old_switches_of_products(
    vectors: Data, old: str, new: str | None
) -> None:
    products: Any = torch.backends.cuda.matmul
    if new is not None and not hasattr(products, "fp32_precision"):
        pytest.skip("torch before 2.9")
    seen = set()

    class Reading(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            seen.add((torch.get_float32_matmul_precision(), products.allow_tf32))
            return super().forward(x)

    first = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(old)
        if new is not None:
            products.fp32_precision = new
        before = getattr(products, "fp32_precision", None)
        scan(Reading(7, 3), F.cross_entropy, vectors, points=2)
        assert seen == {("highest", False)}
        assert getattr(products, "fp32_precision", None) == before
    finally:
        torch.set_float32_matmul_precision(first)


def test_a_net_that_takes_no_few_examples_is_scanned_with_all_threads(
    monkeypatch: pytest.MonkeyPatch, mlp: nn.Module, vectors: tuple[Tensor, Tensor]
) -> None:
    def fail(_: object) -> int:
        raise RuntimeError("expected 23 examples")

    monkeypatch.setattr("landscape.scanning.fastest_num_threads", fail)
    surface = scan(mlp, F.cross_entropy, vectors, points=2)
    assert surface.provenance["threads"] == torch.get_num_threads()
    assert surface.is_complete


def test_wrong_quantities_are_refused_before_the_plane_is_computed(
    mlp: nn.Module, vectors: Data
) -> None:
    objective = Objective(mlp, data=vectors, device="cpu")

    def build() -> Plane:
        raise AssertionError

    plane = replace(planes.eigenvectors_spec(objective), build=build)
    with pytest.raises(ValueError, match="quantities must be loss"):
        landscape.scan(objective, plane, 3, quantities=("accuracy",))  # type: ignore[arg-type]
