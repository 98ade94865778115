"""The Hessian against a dense one, from torch's own second derivatives."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

import landscape
from landscape import hdf5
from landscape.curvature.eigenvalues import End
from landscape.curvature.hessian import Hessian
from landscape.errors import LandscapeError, SurfaceFileError
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.progress import Silent
from landscape.surface import Surface
from tests import oracles
from tests.reporters import StopAfter
from tests.scans import scan

CPU = torch.device("cpu")


def with_batchnorm() -> nn.Module:
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    net.train()(torch.randn(40, 1, 6, 6))
    return net


def without_batchnorm() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 3), nn.Tanh(), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)
    )


@pytest.fixture(params=[with_batchnorm, without_batchnorm])
def net(request: pytest.FixtureRequest) -> nn.Module:
    model: nn.Module = request.param()
    return model.double()


@pytest.fixture
def data() -> tuple[Tensor, Tensor]:
    return torch.randn(60, 1, 6, 6, dtype=torch.float64), torch.randint(3, (60,))


def objective_of(net: nn.Module, data: Any, images_per_batch: int = 60) -> Objective:
    return Objective(
        net,
        F.cross_entropy,
        data,
        device=CPU,
        dtype=torch.float64,
        images_per_batch=images_per_batch,
    )


def dense(net: nn.Module, data: Any, names: Sequence[str] | None = None) -> NDArray[Any]:
    """The whole matrix by torch.autograd, of the mean loss of all examples at once."""
    net.eval()
    named = {n: p.detach() for n, p in net.named_parameters() if names is None or n in names}
    sizes = [p.numel() for p in named.values()]

    def loss(flat: Tensor) -> Tensor:
        parts = [
            v.view(p.shape) for v, p in zip(torch.split(flat, sizes), named.values(), strict=True)
        ]
        moved = dict(zip(named, parts, strict=True))
        outputs = torch.func.functional_call(net, moved, (data[0],))
        return F.cross_entropy(outputs, data[1])

    flat = torch.cat([p.reshape(-1) for p in named.values()])
    matrix: Tensor = torch.autograd.functional.hessian(loss, flat)  # type: ignore[no-untyped-call]
    return matrix.numpy()


def test_products_are_those_of_the_dense_matrix(net: nn.Module, data: Any) -> None:
    matrix = dense(net, data)
    found = Hessian(objective_of(net, data))
    np.testing.assert_allclose(found.matrix(), matrix, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("images_per_batch", [60, 20, 16, 7])
def test_outermost_eigenvalues_whatever_the_batches(
    net: nn.Module, data: Any, images_per_batch: int
) -> None:
    """1×60, 3×20, and 16+16+16+12: a ragged last batch weighs what it should."""
    values = np.linalg.eigvalsh(dense(net, data))
    hessian = Hessian(objective_of(net, data, images_per_batch))
    assert hessian.size > 64  # not the dense algorithm
    top = hessian.eigenpairs(3, "highest", tolerance=1e-10)
    bottom = hessian.eigenpairs(2, "lowest", tolerance=1e-10)
    assert top.converged
    assert bottom.converged
    np.testing.assert_allclose(top.values, values[::-1][:3], rtol=1e-6)
    np.testing.assert_allclose(bottom.values, values[1::-1], rtol=1e-6)
    assert (top.residuals < 1e-6).all()
    low, high, converged = hessian.ends(tolerance=1e-10)
    assert converged
    assert (low, high) == pytest.approx((values[0], values[-1]), rel=1e-6)


@pytest.mark.parametrize(("free", "forwards"), [([8.0], 3), ([8.0, 3.0], 7), ([1.0], 9)])
def test_a_point_keeps_the_gradients_that_memory_holds(
    net: nn.Module, data: Any, free: list[float], forwards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([10.0, *free, *[free[-1]] * 20])
    monkeypatch.setattr("landscape.curvature.operator.free_bytes", lambda device: next(answers))
    hessian = Hessian(objective_of(net, data, 20))
    calls = []
    hessian._model.register_forward_hook(lambda *_: calls.append(1))
    names = [n for n, _ in net.named_parameters()]
    for factor in (1.0, 0.5):  # the second point has other gradients
        moved = {n: factor * p.detach() for n, p in net.named_parameters()}
        hessian.move_to(moved)
        calls.clear()
        products = [hessian.times(np.eye(hessian.size)[:, k]) for k in (0, 3, 7)]
        assert len(calls) == forwards
        net.load_state_dict({**net.state_dict(), **moved})
        np.testing.assert_allclose(
            np.stack(products, 1), dense(net, data, names)[:, [0, 3, 7]], rtol=1e-9, atol=1e-12
        )


def test_eigenvectors_are_directions_of_that_curvature(net: nn.Module, data: Any) -> None:
    objective = objective_of(net, data)
    pairs = Hessian(objective).eigenpairs(2, "highest", tolerance=1e-8)
    plane = Plane(objective.center, *pairs.vectors)
    step = 1e-3
    surface = scan(
        net,
        F.cross_entropy,
        data,
        points=3,
        alpha=(-step, step),
        directions=(plane.delta, plane.eta),
        precision="float64",
    )
    for line, value in (
        (surface.losses[:, 1], pairs.values[0]),
        (surface.losses[1], pairs.values[1]),
    ):
        assert (line[0] - 2 * line[1] + line[2]) / step**2 == pytest.approx(value, rel=1e-3)


def test_the_trace(net: nn.Module, data: Any) -> None:
    hessian = Hessian(objective_of(net, data))
    expected = np.trace(dense(net, data))
    exact = hessian.trace(samples=1000)
    assert exact.value == pytest.approx(expected, rel=1e-9)
    assert exact.standard_error == 0
    rough = hessian.trace(samples=50)
    assert rough.standard_error > 0
    assert abs(rough.value - expected) < 4 * rough.standard_error
    assert hessian.trace(samples=50).value == rough.value  # the seed determines it


@pytest.mark.slow
def test_the_density_is_that_of_the_eigenvalues(net: nn.Module, data: Any) -> None:
    hessian = Hessian(objective_of(net, data))
    values = np.linalg.eigvalsh(dense(net, data))
    found = hessian.density(steps=30, samples=60)
    bumps = np.exp(-((found.eigenvalues - values[:, None]) ** 2) / (2 * found.width**2))
    expected = bumps.mean(0) / (found.width * np.sqrt(2 * np.pi))
    step = np.diff(found.eigenvalues)[0]
    # In parts of all eigenvalues, up to any place, and never off by more than a few hundredths.
    assert np.abs(np.cumsum(found.values - expected) * step).max() < 0.05
    assert found.values.sum() * step == pytest.approx(1, abs=0.05)


def test_a_group_is_a_block(net: nn.Module, data: Any) -> None:
    last = [name for name, _ in net.named_parameters()][-2:]
    prefix = last[0].split(".")[0] + "."
    hessian = Hessian(objective_of(net, data), [prefix])
    matrix = dense(net, data, last)
    np.testing.assert_allclose(hessian.matrix(), matrix, rtol=1e-9, atol=1e-12)
    pairs = hessian.eigenpairs(1, "highest", tolerance=1e-9)
    assert pairs.values[0] == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-6)
    vector = pairs.vectors[0]
    assert vector.keys() == dict(net.named_parameters()).keys()
    assert all(not t.any() for name, t in vector.items() if name not in last)
    with pytest.raises(ValueError, match="no parameter's name begins with nothing"):
        Hessian(objective_of(net, data), ["nothing"])


def test_what_has_not_converged_says_so(net: nn.Module, data: Any) -> None:
    hessian = Hessian(objective_of(net, data))
    pairs = hessian.eigenpairs(4, "lowest", tolerance=1e-14, max_hvps=1)
    assert not pairs.converged
    assert len(pairs.values) >= 1
    assert hessian.ends(tolerance=1e-14, max_hvps=1)[2] is False


def test_what_cannot_be_differentiated_twice_is_reported(data: Any) -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, *grads: Any) -> Any:
            return grads[0]

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(36, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = Once.apply(self.inner(x.flatten(1)))  # type: ignore[no-untyped-call]
            return out

    with pytest.raises(LandscapeError, match="cannot be differentiated twice"):
        Hessian(objective_of(Net().double(), data)).ends()


@pytest.mark.slow
def test_a_transformer_has_a_hessian() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True, dropout=0.0)
            self.head = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.layer(x).mean(1))
            return out

    net = Net().double()
    data = torch.randn(12, 4, 8, dtype=torch.float64), torch.randint(3, (12,))
    values = np.linalg.eigvalsh(dense_of_transformer(net, data))
    found = Hessian(objective_of(net, data, 5)).eigenpairs(1, tolerance=1e-9)
    assert found.values[0] == pytest.approx(values[-1], rel=1e-6)


def dense_of_transformer(net: nn.Module, data: Any) -> NDArray[Any]:
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return dense(net, data)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def test_a_map_of_a_known_surface_and_its_resumption(tmp_path: Path) -> None:
    """A quartic whose second derivatives are 12 a² - 2 and 6, plain to see."""

    def quartic(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs[:, 0] ** 4 - outputs[:, 0] ** 2 + 3 * outputs[:, 1] ** 2

    def go(path: Path | None, progress: Any = None) -> landscape.Surface:
        return scan(
            oracles.Bowl(),
            quartic,
            (torch.zeros(3, 1), torch.zeros(3)),
            points=(5, 2),
            directions=(oracles.BOWL_DELTA, oracles.BOWL_ETA),
            precision="float64",
            curvature=True,
            path=path,
            progress=progress,
        )

    path = tmp_path / "map.h5"
    with pytest.raises(KeyboardInterrupt):
        go(path, StopAfter(10 + 4))  # in the middle of the eigenvalues
    part = landscape.load(path).curvature
    assert part is not None
    assert 0 < part.evaluated.sum() < 10
    assert part.seconds > 0
    for surface in (go(path), landscape.load(path)):
        assert surface.curvature is not None
        assert surface.is_complete
        second = np.broadcast_to(12 * surface.grid.alphas[:, None] ** 2 - 2, (5, 2))
        np.testing.assert_allclose(surface.curvature.lowest, np.minimum(second, 6), rtol=1e-9)
        np.testing.assert_allclose(surface.curvature.highest, np.maximum(second, 6), rtol=1e-9)
        assert surface.curvature.converged.all()
        assert surface.curvature.ratio[2, 0] == pytest.approx(1 / 3)
        assert surface.curvature.seconds > part.seconds


def test_a_map_is_added_to_an_existing_surface(
    mlp: nn.Module, vectors: Any, tmp_path: Path
) -> None:
    path = tmp_path / "s.h5"
    arguments: Any = {"points": (2, 2), "precision": "float64", "path": path}
    before = scan(mlp, F.cross_entropy, vectors, store_directions=True, **arguments)
    after = scan(mlp, F.cross_entropy, vectors, curvature=True, **arguments)
    np.testing.assert_array_equal(before.losses, after.losses)
    assert landscape.load(path).curvature is not None
    assert hdf5.load_directions(path)


class Replacing(Silent):
    """Tries to replace the file when the eigenvalues begin, then moves another to its place."""

    def __init__(self, other: Surface, path: Path) -> None:
        self.other, self.path = other, path

    def start(self, label: str, total: int, done: int = 0) -> None:
        if "curvature" in label:
            with pytest.raises(SurfaceFileError, match="being written by another process"):
                self.other.save(self.path, overwrite=True)
            self.other.save(self.path.with_name("other.h5"))
            self.path.with_name("other.h5").replace(self.path)


def test_eigenvalues_are_not_written_into_the_file_of_another_scan(
    mlp: nn.Module, vectors: Any, tmp_path: Path
) -> None:
    path = tmp_path / "s.h5"
    arguments: Any = {"points": (2, 2), "curvature": True}
    other = scan(mlp, F.cross_entropy, vectors, seed=5, **arguments)
    with pytest.raises(SurfaceFileError, match="removed or changed while it was written"):
        scan(mlp, F.cross_entropy, vectors, path=path, progress=Replacing(other, path), **arguments)
    np.testing.assert_array_equal(landscape.load(path).losses, other.losses)


@pytest.mark.parametrize("what", ["ends", "trace", "density"])
def test_running_out_of_memory_is_reported(mlp: nn.Module, vectors: Any, what: str) -> None:
    objective = Objective(mlp, F.cross_entropy, vectors, device=CPU)
    hessian = Hessian(objective)

    def greedy(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hessian._model.forward = greedy
    with pytest.raises(LandscapeError, match="out of memory in a product with the Hessian: take"):
        hessian.trace(3) if what == "trace" else getattr(hessian, what)()


@pytest.mark.parametrize("end", ["highest", "lowest", "both"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_multiple_eigenvalues_are_returned_with_their_multiplicity(
    end: End, dtype: torch.dtype
) -> None:
    """Every eigenvalue of a linear layer's squares occurs once for each output."""
    x, y = torch.randn(50, 12), torch.randn(50, 8)
    net = nn.Linear(12, 8, bias=False)
    hessian = Hessian(Objective(net, F.mse_loss, (x, y), device=CPU, dtype=dtype))
    pairs = hessian.eigenpairs(6, end, tolerance=1e-9 if dtype == torch.float64 else 1e-5)
    dense = np.linalg.eigvalsh(2 / 8 / 50 * np.asarray(x.T.double() @ x.double())).repeat(8)[::-1]
    tops = {"highest": 6, "lowest": 0, "both": 3}[end]
    expected = [*dense[:tops], *dense[len(dense) - (6 - tops) :]]
    np.testing.assert_allclose(
        pairs.values, expected, rtol=1e-4 if dtype == torch.float32 else 1e-8
    )
    assert pairs.converged
    assert pairs.residuals.max() < 1e-3
    flat = torch.stack([v["weight"].flatten() for v in pairs.vectors]).double()
    np.testing.assert_allclose(flat @ flat.T, np.eye(6), atol=1e-3)


def test_an_estimate_that_has_not_converged_is_near(net: nn.Module, data: Any) -> None:
    hessian = Hessian(objective_of(net, data))
    dense = np.linalg.eigvalsh(hessian.matrix())
    ends: Any = {"highest": dense[::-1][:6], "lowest": dense[:6][::-1]}
    for end, outermost in ends.items():
        pairs = hessian.eigenpairs(6, end, tolerance=1e-14, max_hvps=25)
        assert not pairs.converged
        np.testing.assert_allclose(pairs.values, outermost, atol=0.01 * np.abs(dense).max())


def test_a_loss_without_curvature_has_eigenvalues_of_zero(data: Any) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).double()
    objective = Objective(
        net, lambda outputs, targets: outputs.sum(1), data, device=CPU, dtype=torch.float64
    )
    hessian = Hessian(objective)
    assert hessian.ends() == (0, 0, True)
    assert hessian.eigenpairs(2).values.tolist() == [0, 0]
    assert hessian.trace(samples=3).value == 0
    with pytest.raises(LandscapeError, match="all eigenvalues are 0"):
        hessian.density()
