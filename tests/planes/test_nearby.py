"""Planes through nets and along paths, curves between nets: against known answers."""

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape.checkpoints import CheckpointSequence, Run, load
from landscape.errors import CheckpointError, ParameterMismatchError
from landscape.evaluation import values_at
from landscape.objective import Objective
from landscape.parameters import Parameters
from landscape.plane import Plane
from landscape.planes.bezier import on_curve, on_line
from landscape.planes.nearby import project_checkpoint, project_trajectory
from landscape.planes.pca import principal_plane
from landscape.planes.states import load_state
from landscape.training.connecting import connect
from landscape.training.recipe import Recipe
from tests import inputs, oracles
from tests.reporters import StopAfter
from tests.scans import scan

CPU = torch.device("cpu")


def point(seed: int) -> Parameters:
    """Some parameters in 12 dimensions, in two tensors."""
    values = torch.from_numpy(np.random.default_rng(seed).standard_normal(12))
    return {"a": values[:6].view(2, 3), "b": values[6:]}


def vector(parameters: Parameters) -> np.ndarray[Any, Any]:
    return np.concatenate([t.double().numpy().ravel() for t in parameters.values()])


def test_a_plane_through_three_points_has_a_true_scale() -> None:
    a, b, c = (vector(point(k)) for k in range(3))
    plane = Plane.through(point(0), point(1), point(2))
    delta, eta = vector(plane.delta), vector(plane.eta)
    np.testing.assert_allclose(delta, b - a)
    assert delta @ eta == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(eta) == pytest.approx(np.linalg.norm(delta))
    assert plane.project(point(1)) == pytest.approx((1, 0))
    x, y = plane.project(point(2))
    np.testing.assert_allclose(a + x * delta + y * eta, c)
    assert y > 0
    assert plane.distance(point(2)) == pytest.approx(0, abs=1e-9)
    off = vector(point(3)) - a
    basis = np.stack([delta, eta], 1)
    nearest = basis @ np.linalg.lstsq(basis, off, rcond=None)[0]
    assert plane.distance(point(3)) == pytest.approx(np.linalg.norm(off - nearest))


def test_points_that_span_nothing_are_refused() -> None:
    a, b = point(0), point(1)
    middle = {name: (tensor + b[name]) / 2 for name, tensor in a.items()}
    with pytest.raises(ValueError, match="identical weights"):
        Plane.through(a, a)
    for third in (a, b, middle):
        with pytest.raises(ValueError, match="span no plane"):
            Plane.through(a, b, third)
    with pytest.raises(ParameterMismatchError):
        Plane.through(a, {"a": b["a"]})


def test_a_line_between_two_nets_is_the_loss_between_them(mlp: nn.Module, vectors: Any) -> None:
    other = {n: p.detach() + 0.3 * torch.randn_like(p) for n, p in mlp.named_parameters()}
    center = {n: p.detach() for n, p in mlp.named_parameters()}
    plane = Plane.through(center, other)
    surface = scan(
        mlp,
        F.cross_entropy,
        vectors,
        points=(5, 1),
        alpha=(-0.5, 1.5),
        directions=(plane.delta, plane.eta),
        precision="float64",
    )
    objective = Objective(mlp, F.cross_entropy, vectors, device=CPU, dtype=torch.float64)
    for alpha, loss in zip(surface.grid.alphas, surface.losses[:, 0], strict=True):
        assert loss == pytest.approx(
            values_at(objective, on_line(center, other, alpha)).loss, rel=1e-6
        )


def test_a_random_line_is_the_row_of_the_plane(mlp: nn.Module, vectors: Any) -> None:
    arguments: Any = {"seed": 3, "precision": "float64"}
    plane = scan(mlp, F.cross_entropy, vectors, points=(7, 3), **arguments)
    line = scan(mlp, F.cross_entropy, vectors, points=(7, 1), **arguments)
    assert line.is_line
    assert not plane.is_line
    np.testing.assert_allclose(line.losses[:, 0], plane.losses[:, 1], rtol=1e-12)


def test_a_line_of_a_parabola_is_a_parabola() -> None:
    """(a - 0.25)² + 3 (b + 0.5)² + 7 along the line from (0, 0) to (1, 2)."""
    plane = Plane.through(
        {"weight": torch.tensor([[0.0, 0.0]])}, {"weight": torch.tensor([[1.0, 2.0]])}
    )
    surface = scan(
        oracles.Bowl(),
        oracles.bowl_loss,
        (torch.zeros(3, 1), torch.zeros(3)),
        points=(9, 1),
        alpha=(-1, 2),
        directions=(plane.delta, plane.eta),
        precision="float64",
    )
    t = surface.grid.alphas
    expected = (t - 0.25) ** 2 + 3 * (2 * t + 0.5) ** 2 + 7
    np.testing.assert_allclose(surface.losses[:, 0], expected, rtol=1e-12)


def test_statistics_move_with_the_line_or_are_those_of_the_data(
    conv_net: nn.Module, images: Any
) -> None:
    """Against a copy of the net whose statistics are set by hand."""
    other = copy.deepcopy(conv_net)
    with torch.no_grad():
        for tensor in (*other.parameters(), *other.buffers()):
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    first, second = (
        {
            n: t.detach().double()
            for n, t in (*net.named_parameters(), *net.named_buffers())
            if t.is_floating_point()
        }
        for net in (conv_net, other)
    )
    plane = Plane.through(first, second)
    arguments: Any = {"points": (3, 1), "alpha": (0, 1), "precision": "float64"}
    moved = scan(
        conv_net, F.cross_entropy, images, directions=(plane.delta, plane.eta), **arguments
    )
    middle = copy.deepcopy(conv_net).double()
    middle.load_state_dict(on_line(first, second, 0.5), strict=False)
    expected = F.cross_entropy(middle.eval()(images[0].double()), images[1])
    assert moved.losses[1, 0] == pytest.approx(expected.item(), rel=1e-10)

    names = dict(conv_net.named_parameters()).keys()
    directions = tuple({n: d[n] for n in names} for d in (plane.delta, plane.eta))
    again = scan(
        conv_net,
        F.cross_entropy,
        images,
        directions=directions,  # type: ignore[arg-type]
        batchnorm="recomputed",
        **arguments,
    )
    middle.bn.reset_running_stats()  # type: ignore[union-attr,operator]
    middle.bn.momentum = None  # type: ignore[union-attr]
    middle.train()(images[0].double())
    expected = F.cross_entropy(middle.eval()(images[0].double()), images[1])
    assert again.losses[1, 0] == pytest.approx(expected.item(), rel=1e-10)
    assert again.settings["batchnorm"] == "recomputed"


@pytest.mark.parametrize("images_per_batch", [22, 23, 12])
def test_re_estimated_statistics_do_not_hang_on_a_small_rest(
    conv_net: nn.Module, images: Any, images_per_batch: int
) -> None:
    """23 images in batches of 22 would weigh one image as much as all others."""
    whole, parts = (
        scan(
            conv_net,
            F.cross_entropy,
            images,
            points=2,
            precision="float64",
            batchnorm="recomputed",
            images_per_batch=size,
        )
        for size in (23, images_per_batch)
    )
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=0.05)
    assert parts.settings["images_per_batch"] == images_per_batch
    with pytest.raises(ValueError, match="do not recompute BatchNorm"):
        scan(conv_net, F.cross_entropy, images, batchnorm="recomputed", tolerance=0.1)


def test_only_batchnorm_can_be_re_estimated(mlp: nn.Module, vectors: Any) -> None:
    with pytest.raises(ValueError, match="no BatchNorm"):
        scan(mlp, F.cross_entropy, vectors, points=2, batchnorm="recomputed")
    with pytest.raises(ValueError, match="batchnorm must be"):
        scan(mlp, F.cross_entropy, vectors, points=2, batchnorm="guess")


@pytest.mark.parametrize("num", [5, 40])
def test_the_principal_plane_of_a_known_path(num: int) -> None:
    """Nets on an ellipse in a plane of their own, with a little noise, against numpy's SVD."""
    random = np.random.default_rng(1)
    basis = np.linalg.qr(random.standard_normal((12, 2)))[0]
    angles = np.linspace(0, 3, num)
    points = np.stack([5 * np.cos(angles), 2 * np.sin(angles)], 1) @ basis.T
    points += 0.05 * random.standard_normal(points.shape)
    center = points[-1]

    def net(values: np.ndarray[Any, Any]) -> Parameters:
        tensor = torch.from_numpy(values)
        return {"a": tensor[:6].view(2, 3), "b": tensor[6:]}

    plane, explained = principal_plane(net(center), [lambda p=p: net(p) for p in points])  # type: ignore[misc]
    centered = points - points.mean(0)
    _, sizes, right = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(explained, sizes[:2] ** 2 / (sizes**2).sum(), rtol=1e-9)
    for direction, expected in zip((plane.delta, plane.eta), right, strict=False):
        assert abs(vector(direction) @ expected) == pytest.approx(1, rel=1e-9)
    np.testing.assert_array_equal(vector(plane.center), center)


def test_nets_on_a_line_have_no_principal_plane() -> None:
    a, b = point(0), point(1)
    for ts in ([0.0, 1.0], [0.0, 0.3, 1.0], [0.0, 0.0, 0.0]):
        with pytest.raises(ValueError, match="span no plane"):
            principal_plane(a, [lambda t=t: on_line(a, b, t) for t in ts])  # type: ignore[misc]
    with pytest.raises(ParameterMismatchError):
        principal_plane(a, [lambda: a, lambda: b, lambda: {"a": b["a"]}])


def test_a_path_has_its_own_losses_and_those_below_it(mlp: nn.Module, vectors: Any) -> None:
    objective = Objective(mlp, F.cross_entropy, vectors, device=CPU, dtype=torch.float64)
    nets = [
        {n: p.detach() + 0.2 * torch.randn_like(p) for n, p in mlp.named_parameters()}
        for _ in range(5)
    ]
    plane, _ = principal_plane(nets[-1], [lambda net=net: net for net in nets])  # type: ignore[misc]
    path = project_trajectory("run", objective, plane, nets, range(5))
    for k, net in enumerate(nets):
        assert path.losses[k] == pytest.approx(values_at(objective, net).loss)
        below = plane.at(path.alphas[k], path.betas[k])
        assert path.plane_losses[k] == pytest.approx(values_at(objective, below).loss)
        assert path.distances[k] == pytest.approx(
            np.linalg.norm(vector(net) - vector(below)), abs=1e-6
        )
    assert path.distances[-1] == 0
    assert path.losses[-1] == pytest.approx(path.plane_losses[-1])
    found = project_checkpoint("third", objective, plane, nets[2])
    assert (found.alpha, found.beta) == pytest.approx((path.alphas[2], path.betas[2]))
    assert (found.distance, found.loss) == pytest.approx((path.distances[2], path.losses[2]))


class Valleys(nn.Module):
    """A point of the plane for every input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 2, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(len(x), 2)


def two_valleys(outputs: Tensor, targets: Tensor) -> Tensor:
    """A circular valley of radius 1: 0 on it, 1 (the barrier) in the middle."""
    return (outputs.square().sum(1) - 1) ** 2


ENDS = ({"weight": torch.tensor([[-1.0, 0.0]])}, {"weight": torch.tensor([[1.0, 0.1]])})
DATA = (torch.zeros(8, 1), torch.zeros(8))
RECIPE = Recipe(
    epochs=400, images_per_batch=8, learning_rate=0.05, schedule="cosine", weight_decay=0.0
)


def join(
    model: nn.Module,
    loss: Any,
    data: Any,
    first: Parameters,
    second: Parameters,
    recipe: Recipe,
    *,
    path: Path | None = None,
    **options: Any,
) -> Parameters:
    model = copy.deepcopy(model)
    model.load_state_dict(first, strict=False)
    return connect(Objective(model, loss, data, device=CPU), second, recipe, file=path, **options)


def highest(path: list[Parameters]) -> float:
    return max(float(two_valleys(p["weight"], torch.zeros(1))) for p in path)


def test_a_curve_goes_around_a_known_barrier() -> None:
    control = join(Valleys(), two_valleys, DATA, *ENDS, RECIPE)
    line = [on_line(*ENDS, t) for t in np.linspace(0, 1, 51)]
    curve = [on_curve(ENDS[0], control, ENDS[1], t) for t in np.linspace(0, 1, 51)]
    assert highest(line) == pytest.approx(1, abs=0.01)
    assert highest(curve) < 0.06

    def mean_loss(flat: np.ndarray[Any, Any]) -> float:
        """The mean over t, from the formula of the curve."""
        t = np.linspace(0, 1, 2001)[:, None]
        a, b = (end["weight"].double().numpy() for end in ENDS)
        points = (1 - t) ** 2 * a + 2 * t * (1 - t) * flat + t**2 * b
        return float((((points**2).sum(1) - 1) ** 2).mean())

    side = np.sign(float(control["weight"][0, 1]))
    best = scipy.optimize.minimize(mean_loss, [0.0, 1.5 * side])
    assert mean_loss(control["weight"].numpy()[0]) == pytest.approx(best.fun, rel=0.05)
    for t, end in ((0.0, ENDS[0]), (1.0, ENDS[1])):
        assert torch.equal(on_curve(ENDS[0], control, ENDS[1], t)["weight"], end["weight"])


def test_a_curve_that_was_interrupted_resumes(tmp_path: Path) -> None:
    path = tmp_path / "control.pt"
    recipe = Recipe(epochs=12, images_per_batch=4, learning_rate=0.1, weight_decay=0.0)
    whole = join(Valleys(), two_valleys, DATA, *ENDS, recipe)
    with pytest.raises(KeyboardInterrupt):
        join(Valleys(), two_valleys, DATA, *ENDS, recipe, path=path, progress=StopAfter(9))
    resumed = join(Valleys(), two_valleys, DATA, *ENDS, recipe, path=path)
    assert torch.equal(resumed["weight"], whole["weight"])
    with pytest.raises(CheckpointError, match="different curve"):
        join(Valleys(), two_valleys, DATA, ENDS[1], ENDS[0], recipe, path=path)
    with pytest.raises(CheckpointError, match=r"different curve \(loss\)"):
        join(Valleys(), lambda o, t: 2 * two_valleys(o, t), DATA, *ENDS, recipe, path=path)
    with pytest.raises(ValueError, match="the same network"):
        join(Valleys(), two_valleys, DATA, ENDS[0], ENDS[0], recipe)


def test_a_finished_curve_is_not_trained_again_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "control.pt"
    recipe = Recipe(epochs=3, images_per_batch=4, learning_rate=0.1, weight_decay=0.0)
    whole = join(Valleys(), two_valleys, DATA, *ENDS, recipe, path=path)
    assert not load(path).resume
    found = replace(load(path), state={"weight": torch.zeros(1, 2)})
    found.save(path)
    again = join(Valleys(), two_valleys, DATA, *ENDS, recipe, path=path)
    assert torch.equal(again["weight"], torch.zeros(1, 2))
    path.write_bytes(b"damaged")
    again = join(Valleys(), two_valleys, DATA, *ENDS, recipe, path=path, overwrite=True)
    assert torch.equal(again["weight"], whole["weight"])


def test_a_curve_of_nets_with_dropout_is_the_same_again(mlp: nn.Module, vectors: Any) -> None:
    net = nn.Sequential(nn.Dropout(0.5), mlp)
    first = dict(net.named_parameters())
    second = {name: torch.randn_like(tensor) for name, tensor in first.items()}
    bends = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        recipe = Recipe(epochs=2, images_per_batch=8, learning_rate=0.1)
        bends.append(join(net, F.cross_entropy, vectors, first, second, recipe))
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(bends[0][name], bends[1][name]) for name in first)


def test_repeats_are_scans_of_their_seeds(mlp: nn.Module, vectors: Any, tmp_path: Path) -> None:
    arguments: Any = {"points": (3, 2), "precision": "float64"}
    path = tmp_path / "repeats.h5"
    with pytest.raises(KeyboardInterrupt):
        scan(
            mlp,
            F.cross_entropy,
            vectors,
            seed=5,
            repeats=3,
            path=path,
            progress=StopAfter(8),
            **arguments,
        )
    assert 6 < sum(s.evaluated.sum() for s in landscape.load(path).seeds) < 18
    scan(mlp, F.cross_entropy, vectors, seed=5, repeats=3, path=path, **arguments)
    found = landscape.load(path)
    assert found.is_complete
    for number, each in enumerate(found.seeds):
        alone = scan(mlp, F.cross_entropy, vectors, seed=5 + number, **arguments)
        np.testing.assert_allclose(each.losses, alone.losses, rtol=1e-12)
        assert each.settings["seed"] == 5 + number
    np.testing.assert_array_equal(found.median.losses, np.median(found.stacked(), axis=0))
    with pytest.raises(ValueError, match="expected one plane, or several"):
        scan(mlp, F.cross_entropy, vectors, repeats=0, **arguments)


def test_marks_and_paths_are_stored(mlp: nn.Module, vectors: Any, tmp_path: Path) -> None:
    objective = Objective(mlp, F.cross_entropy, vectors, device=CPU)
    nets = [
        {n: p.detach() + 0.2 * torch.randn_like(p) for n, p in mlp.named_parameters()}
        for _ in range(4)
    ]
    plane = Plane.through(objective.center, nets[0], nets[1])
    path = project_trajectory("a/path", objective, plane, nets, [0, 1, 2, 5])
    found = project_checkpoint("näme", objective, plane, nets[2])
    file = tmp_path / "s.h5"
    scan(
        mlp,
        F.cross_entropy,
        vectors,
        points=2,
        directions=(plane.delta, plane.eta),
        marks=[found],
        trajectories=[path],
        path=file,
    )
    read = landscape.load(file)
    assert read.marks == (found,)
    assert (read.trajectories[0].name, read.trajectories[0].unit) == ("a/path", "epoch")
    for key in ("steps", "alphas", "betas", "distances", "losses", "plane_losses"):
        np.testing.assert_array_equal(getattr(read.trajectories[0], key), getattr(path, key))


def test_marks_are_added_and_curvature_is_not_computed_unasked(
    mlp: nn.Module, vectors: Any, tmp_path: Path
) -> None:
    from landscape.overlays import Mark

    path = tmp_path / "s.h5"
    arguments: Any = {"points": 2, "path": path}
    with pytest.raises(KeyboardInterrupt):
        scan(mlp, F.cross_entropy, vectors, curvature=True, progress=StopAfter(5), **arguments)
    some = landscape.load(path).curvature
    assert some is not None
    scan(mlp, F.cross_entropy, vectors, marks=[Mark("here", 0.0, 0.0)], **arguments)
    found = landscape.load(path)
    assert [mark.name for mark in found.marks] == ["here"]
    assert found.curvature is not None
    np.testing.assert_array_equal(found.curvature.evaluated, some.evaluated)
    assert not found.is_complete


def test_curvature_is_refused_where_buffers_move(conv_net: nn.Module, images: Any) -> None:
    everything = {
        n: torch.ones_like(t)
        for n, t in (*conv_net.named_parameters(), *conv_net.named_buffers())
        if t.is_floating_point()
    }
    with pytest.raises(ValueError, match="directions move buffers"):
        scan(
            conv_net,
            F.cross_entropy,
            images,
            points=2,
            directions=(everything, everything),
            curvature=True,
        )


class Masked(nn.Module):
    """Its weights are pruned: what is left out is a buffer of truth values."""

    mask: Tensor
    steps: Tensor

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(3, 7, generator=generator))
        self.register_buffer("mask", torch.rand(3, 7, generator=generator) < 0.5)
        self.register_buffer("steps", torch.tensor(seed))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.mask) + self.steps


def test_the_loss_of_a_net_is_that_with_all_of_its_own_buffers(vectors: Any) -> None:
    first, other = Masked(1), Masked(2)
    objective = Objective(first, F.cross_entropy, vectors, device=torch.device("cpu"))
    plane = Plane.random(objective.center, 0)
    expected = F.cross_entropy(other(vectors[0]), vectors[1]).item()
    assert project_checkpoint("other", objective, plane, other).loss == pytest.approx(expected)
    path = project_trajectory("p", objective, plane, [lambda: load_state(objective, other)], [0])
    assert path.losses[0] == pytest.approx(expected)
    assert torch.equal(objective.model.get_buffer("mask"), first.mask)


def test_planes_are_computed_in_float32_or_better() -> None:
    half = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to(torch.bfloat16)
    data = torch.randn(4, 3, dtype=torch.bfloat16), torch.tensor([0, 1, 0, 1])
    objective = Objective(half, F.cross_entropy, data, device=CPU, batchnorm="interpolated")
    assert {tensor.dtype for tensor in objective.center.values()} == {torch.float32}
    assert {n: t.dtype for n, t in load_state(objective, half).items() if "num" not in n} == {
        name: torch.float32 for name in half.state_dict() if "num" not in name
    }
    assert objective.statistics.keys() == {"1.running_mean", "1.running_var"}


def test_rounding_is_no_distance_from_the_plane() -> None:
    """A curve on its plane, far from the origin, in coordinates of another unit."""
    first, second, control = ({"w": 400 * torch.randn(1, 3000)} for _ in range(3))
    plane = Plane.through(first, second, control)
    for t in np.linspace(0, 1, 5):
        assert plane.distance(on_curve(first, control, second, t)) == 0
    off = {"w": first["w"] + 0.01}
    assert plane.distance(off) == pytest.approx(0.01 * math.sqrt(3000), rel=0.01)


def test_plain_checkpoints_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    def track(*names: str) -> CheckpointSequence:
        for name in names:
            torch.save({"w": torch.tensor([float(len(name))])}, tmp_path / f"{name}.pt")
        found = CheckpointSequence.from_run(Run.in_folder(tmp_path))
        for path in tmp_path.glob("*.pt"):
            path.unlink()
        return found

    plain = track("epoch-1", "epoch-2", "epoch-10", "last")
    assert [path.stem for path in plain.checkpoints] == ["epoch-1", "epoch-2", "epoch-10", "last"]
    assert (plain.steps, plain.unit) == ([1, 2, 10, 11], "epoch")
    finer = track("epoch-0-step-100", "epoch-0-step-50", "epoch-1-step-0")
    assert [path.stem[6:] for path in finer.checkpoints] == ["0-step-50", "0-step-100", "1-step-0"]
    assert (finer.steps, finer.unit) == ([0, 1, 2], "checkpoint")
    again = track("epoch-1", "epoch-22", "last")
    assert [path.stem for path in again.checkpoints] == ["epoch-1", "epoch-22", "last"]
    torch.save({"w": torch.zeros(1)}, tmp_path / "epoch-1.pt")
    for name in ("epoch-2", "last"):
        torch.save({"w": torch.ones(1)}, tmp_path / f"{name}.pt")
    twice = CheckpointSequence.from_run(Run.in_folder(tmp_path))
    assert [path.stem for path in twice.checkpoints] == ["epoch-1", "last"]
    assert twice.steps == [1, 2]


@pytest.mark.parametrize(("num", "size"), [(11, 2), (7, 2), (7, 1), (13, 4), (64, 64), (5, 100)])
def test_re_estimation_has_no_batch_of_one(num: int, size: int) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    data = torch.randn(num, 3), torch.randint(4, (num,))
    device = torch.device("cpu")
    objective = Objective(
        net, F.cross_entropy, data, device=device, images_per_batch=size, batchnorm="recomputed"
    )
    assert math.isfinite(values_at(objective, objective.center).loss)


def test_checkpoints_that_are_not_finite_are_refused(mlp: nn.Module, vectors: Any) -> None:
    objective = Objective(mlp, data=vectors, device="cpu")
    plane = Plane.random(objective.center)
    with pytest.raises(CheckpointError, match="contains NaN or inf"):
        project_checkpoint("diverged", objective, plane, inputs.diverged(objective.center))
