"""Heights other than the loss: every plan, files, resuming, the command line, refusals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import landscape
from landscape.errors import (
    DataError,
    DifferentScanError,
    LandscapeError,
    SurfaceFileError,
    UserCodeError,
)
from landscape.evaluation import Precision, autotune, reference_plan
from landscape.evaluation import run as values_at
from landscape.evaluation.streamed_plane import StreamedPlane, is_streamed
from landscape.grid import Grid
from landscape.hf import causal_lm_loss
from landscape.metrics import Metric
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.progress import Silent
from landscape.surface import Surface
from landscape.values import Values
from tests import oracles
from tests.conftest import Run
from tests.evaluation.test_evaluation import GRID, NETS, POINTS, make, plans
from tests.huggingface import library

CPU = torch.device("cpu")


def margin(outputs: Tensor, targets: Tensor) -> Tensor:
    best = outputs.topk(2, 1).values
    return best[:, 0] - best[:, 1]


def is_right(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.argmax(1) == targets


def of_later_classes(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return outputs.square().mean(1), targets


def norm(model: nn.Module) -> Tensor:
    return torch.stack([p.double().square().sum() for p in model.parameters()]).sum().sqrt()


def response(model: nn.Module) -> float:
    """A number that needs a forward pass, as a generation does."""
    kernel = next(model.parameters())
    shape = (2, kernel.shape[1], 8, 8) if kernel.dim() == 4 else (2, kernel.shape[1])
    x = torch.linspace(-1, 1, int(np.prod(shape))).reshape(shape).to(kernel)
    return float(model(x).square().mean())


METRICS: dict[str, Metric | str] = {
    "margin": margin,
    "right": is_right,
    "later": of_later_classes,
    "norm": norm,
    "response": response,
}


def naive(model: nn.Module, data: Any, plane: Plane) -> dict[str, list[float]]:
    """The definition: for every point a float64 copy with its weights, and plain means."""
    found: dict[str, list[float]] = {name: [] for name in METRICS}
    for alpha, beta in POINTS:
        moved = oracles.moved(model, plane.delta, plane.eta, alpha, beta)
        with torch.no_grad():
            outputs, targets = moved(data[0].double()), data[1]
            best = [sorted(map(float, each)) for each in outputs]
            found["margin"].append(float(np.mean([each[-1] - each[-2] for each in best])))
            right = [int(o.argmax()) == int(t) for o, t in zip(outputs, targets, strict=True)]
            found["right"].append(float(np.mean(right)))
            squares = [float((o**2).mean()) for o in outputs]
            found["later"].append(float(np.average(squares, weights=targets.numpy())))
            found["norm"].append(float(norm(moved)))
            found["response"].append(response(moved))
    return found


def assert_metrics(values: list[Values], expected: dict[str, list[float]], rtol: float) -> None:
    for name, numbers in expected.items():
        np.testing.assert_allclose(
            [each.metrics[name] for each in values], numbers, rtol=rtol, atol=1e-6, err_msg=name
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_every_plan_agrees_with_the_definition(
    name: str, device: str, request: pytest.FixtureRequest
) -> None:
    model, data = make(name, request)
    directions = Plane.random(Objective(model, data=data, dtype=torch.float64).center, seed=1)
    expected = naive(model, data, directions)
    tolerances: dict[Precision, float] = {"float64": 1e-9, "float32": 1e-3}
    kinds = set()
    for precision, tolerance in tolerances.items():
        dtype = torch.float64 if precision == "float64" else torch.float32
        objective = Objective(
            model, F.cross_entropy, data, metrics=METRICS, device=device, dtype=dtype,
            images_per_batch=5,
        )  # fmt: skip
        plane = directions.to(torch.device(device), dtype)
        reference = reference_plan(objective, plane)
        for plan in plans(objective, plane, precision):
            kinds.add((plan.network.name, plan.points_per_batch > 1))
            with_reference = replace(plan, reference=reference)
            values = list(values_at(with_reference, objective, POINTS, pytest.fail))
            assert_metrics(values, expected, tolerance)
        points = [(0.0, 0.0), *POINTS]
        tuned = autotune(objective, plane, points, 10_000, precision=precision, note=pytest.fail)
        assert_metrics(list(values_at(tuned.plan, objective, POINTS)), expected, tolerance)
    assert len(kinds) >= 3, kinds


def test_weights_that_are_formed_on_reading_are_those_of_the_metric(
    mlp: nn.Module, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landscape.evaluation.strategy.is_streamed", lambda _: True)
    objective = Objective(mlp, data=vectors, metrics=METRICS, device="cpu", dtype=torch.float64)
    plane = Plane.random(objective.center, seed=1)
    assert StreamedPlane.of(plane).at(torch.zeros(2)).keys() == plane.center.keys()
    values = list(values_at(reference_plan(objective, plane), objective, POINTS))
    assert_metrics(values, naive(mlp, vectors, plane), 1e-9)


def test_half_precision_weights_have_metrics(mlp: nn.Module, vectors: Any) -> None:
    half = mlp.bfloat16()
    objective = Objective(half, data=vectors, metrics=METRICS, device="cpu", share=True)
    plane = Plane.random(objective.center, seed=1)
    assert is_streamed(plane)
    values = list(values_at(reference_plan(objective, plane), objective, POINTS))
    expected = naive(half, vectors, plane)
    del expected["right"]  # rounding changes the largest of two close outputs
    assert_metrics(values, expected, 0.1)


def test_a_plan_with_other_metrics_is_not_used(mlp: nn.Module, vectors: Any) -> None:
    def is_vectorized(outputs: Tensor, _: Tensor) -> Tensor:
        wrong = torch._C._functorch.is_batchedtensor(outputs)
        return outputs.sum(1) + (1.0 if wrong else 0.0)

    objective = Objective(
        mlp, data=vectors, metrics={"sum": is_vectorized}, device="cpu", dtype=torch.float64
    )
    plane = Plane.random(objective.center, seed=1)
    notes: list[str] = []
    tuned = autotune(objective, plane, POINTS, 10_000, precision="float64", note=notes.append)
    assert tuned.plan.points_per_batch == 1
    assert any("points at once" in note and note.startswith("Rejected") for note in notes)


def test_a_metric_that_cannot_be_vectorized_is_computed_point_by_point(
    mlp: nn.Module, vectors: Any
) -> None:
    def by_numpy(outputs: Tensor, _: Tensor) -> Tensor:
        return torch.from_numpy(outputs.numpy().max(1))

    objective = Objective(mlp, data=vectors, metrics={"largest": by_numpy}, device="cpu")
    surface = landscape.scan(objective, grid=GRID)
    assert "at once" not in str(surface.provenance["plan"])
    outputs = [objective.outputs(vectors[0], Plane.random(objective.center).at(*p)) for p in POINTS]
    expected = [float(each.max(1).values.mean()) for each in outputs]
    np.testing.assert_allclose(surface.metrics["largest"].ravel(), expected, rtol=1e-5)


def scan(mlp: nn.Module, vectors: Any, **options: Any) -> Surface:
    metrics = options.pop("metrics", METRICS)
    planes = options.pop("planes", None)
    objective = Objective(mlp, data=vectors, metrics=metrics, device="cpu", dtype=torch.float64)
    return landscape.scan(objective, planes, GRID, **options)


def test_a_surface_has_a_layer_for_each_metric(
    mlp: nn.Module, vectors: Any, tmp_path: Path
) -> None:
    objective = Objective(mlp, data=vectors, dtype=torch.float64)
    planes = [Plane.random(objective.center, seed) for seed in (1, 2)]
    surface = scan(mlp, vectors, planes=planes, file=tmp_path / "a.h5")
    for seed, plane in zip(surface.seeds, planes, strict=True):
        for name, numbers in naive(mlp, vectors, plane).items():
            np.testing.assert_allclose(seed.metrics[name].ravel(), numbers, rtol=1e-9)
    loaded = landscape.load(tmp_path / "a.h5")
    assert list(loaded.metrics) == sorted(METRICS)
    for a, b in zip(surface.seeds, loaded.seeds, strict=True):
        for name in METRICS:
            np.testing.assert_array_equal(a.metrics[name], b.metrics[name])
    assert loaded.settings["metrics"] == (
        "later (of_later_classes), margin, norm, response, right (is_right)"
    )
    assert "test_metrics.py:margin" in str(loaded.provenance["metric_sources"])
    loaded.save(tmp_path / "b.h5")
    again = landscape.load(tmp_path / "b.h5")
    np.testing.assert_array_equal(again.seeds[1].metrics["norm"], surface.seeds[1].metrics["norm"])
    middle = np.median([each.metrics["norm"] for each in surface.seeds], axis=0)
    np.testing.assert_array_equal(surface.median.metrics["norm"], middle)
    values = [values for _, _, values in surface]
    assert [each.metrics["norm"] for each in values] == surface.metrics["norm"].ravel().tolist()


def test_a_file_without_metrics_has_nothing_of_them(
    mlp: nn.Module, vectors: Any, tmp_path: Path
) -> None:
    surface = scan(mlp, vectors, metrics=None, file=tmp_path / "a.h5")
    assert surface.metrics == landscape.load(tmp_path / "a.h5").metrics == {}
    with h5py.File(tmp_path / "a.h5") as file:
        assert not [name for name in file["layers/loss"] if "metric" in name]
        assert not [name for group in ("settings", "provenance") for name in file[group].attrs
                    if "metric" in name]  # fmt: skip


class StoppedError(Exception):
    pass


class Stops(Silent):
    """Interrupts the scan after some points."""

    def __init__(self, after: int) -> None:
        self.after = after

    def update(self, done: int, detail: str = "") -> None:
        if done == self.after:
            raise StoppedError


@pytest.mark.parametrize("tolerance", [0.0, 0.3])
def test_an_interrupted_scan_resumes(
    mlp: nn.Module, vectors: Any, tmp_path: Path, tolerance: float
) -> None:
    metrics: dict[str, Metric | str] = {"margin": margin, "norm": norm}
    compute = landscape.Compute(tolerance=tolerance)
    x, y = (torch.cat([each] * 20) for each in vectors)
    data = x + 0.1 * torch.randn(x.shape), y
    options: Any = {"metrics": metrics, "compute": compute}
    whole = scan(mlp, data, **options)
    with pytest.raises(StoppedError):
        scan(mlp, data, file=tmp_path / "a.h5", progress=Stops(3), **options)
    found = landscape.load(tmp_path / "a.h5")
    assert 0 < found.evaluated.sum() < GRID.size or tolerance
    assert np.isnan(found.metrics["norm"][~found.evaluated]).all()
    resumed = scan(mlp, data, file=tmp_path / "a.h5", **options)
    for surface in (resumed, landscape.load(tmp_path / "a.h5")):
        for name in metrics:
            np.testing.assert_allclose(surface.metrics[name], whole.metrics[name], rtol=1e-12)
    if not tolerance:
        plane = Plane.random(Objective(mlp, data=data, dtype=torch.float64).center)
        np.testing.assert_allclose(
            whole.metrics["margin"].ravel(), naive(mlp, data, plane)["margin"], rtol=1e-9
        )


def test_stages_add_examples_and_not_model_metrics(mlp: nn.Module) -> None:
    calls = []

    def counted(model: nn.Module) -> float:
        calls.append(1)
        return float(norm(model))

    data = torch.randn(3000, 7), torch.randint(3, (3000,))
    metrics: dict[str, Metric | str] = {"margin": margin, "norm": counted}
    stages = scan(mlp, data, metrics=metrics, compute=landscape.Compute(tolerance=0.02))
    assert stages.examples.max() > 256  # more than the first stage
    assert len(calls) == GRID.size + 2  # twice at the center, to check it
    whole = scan(mlp, data, metrics=metrics)
    np.testing.assert_array_equal(stages.metrics["norm"], whole.metrics["norm"])
    seen = int(stages.examples.max())
    order = np.argsort(np.random.Generator(np.random.PCG64(0)).random(3000), kind="stable")[:seen]
    part = scan(mlp, tuple(each[order] for each in data), metrics=metrics)
    np.testing.assert_allclose(stages.metrics["margin"], part.metrics["margin"], rtol=1e-9)


def test_a_scan_of_other_metrics_is_another_scan(
    mlp: nn.Module, vectors: Any, tmp_path: Path
) -> None:
    file = tmp_path / "a.h5"
    scan(mlp, vectors, metrics={"m": margin}, file=file)
    for metrics in (None, {"m": is_right}, {"m": margin, "n": norm}):
        with pytest.raises(DifferentScanError, match="metrics"):
            scan(mlp, vectors, metrics=metrics, file=file)

    def changed(outputs: Tensor, targets: Tensor) -> Tensor:
        return 2 * margin(outputs, targets)

    changed.__qualname__ = "margin"
    with pytest.raises(SurfaceFileError, match="a different metric 'm'"):
        scan(mlp, vectors, metrics={"m": changed}, file=file)


def test_a_weighted_metric_is_not_subsampled(mlp: nn.Module, vectors: Any) -> None:
    with pytest.raises(ValueError, match="also of metrics|loss, metrics and data"):
        scan(mlp, vectors, metrics={"later": of_later_classes},
             compute=landscape.Compute(tolerance=0.1))  # fmt: skip


def test_batchnorm_statistics_are_those_of_the_point(conv_net: nn.Module, images: Any) -> None:
    objective = Objective(
        conv_net, data=images, metrics={"response": response}, device="cpu",
        batchnorm="recomputed", dtype=torch.float64,
    )  # fmt: skip
    plane = Plane.random(objective.center, seed=1)
    (values,) = values_at(reference_plan(objective, plane), objective, [(0.5, -0.5)])
    moved = oracles.moved(conv_net, plane.delta, plane.eta, 0.5, -0.5)
    for module in moved.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        moved.train()(images[0].double())
        assert values.metrics["response"] == pytest.approx(response(moved.eval()), rel=1e-9)


def test_random_numbers_of_torch_are_the_same_at_every_point(mlp: nn.Module, vectors: Any) -> None:
    def noise(model: nn.Module) -> float:
        return float(torch.rand(()))

    before = torch.get_rng_state()
    surface = scan(mlp, vectors, metrics={"noise": noise})
    assert len(np.unique(surface.metrics["noise"])) == 1
    state = Objective(mlp, data=vectors, metrics={"noise": noise})
    state.metrics_of_model({})
    torch.set_rng_state(before)
    state.metrics_of_model({})
    assert torch.equal(torch.get_rng_state(), before)


def test_the_model_of_a_metric_is_left_as_it_was(mlp: nn.Module, vectors: Any) -> None:
    def trains(model: nn.Module) -> float:
        assert not model.training
        model.train()
        return 1.0

    objective = Objective(mlp, data=vectors, metrics={"one": trains}, device="cpu")
    before = {name: tensor.clone() for name, tensor in objective.parameters.items()}
    landscape.scan(objective, grid=3)
    assert not any(module.training for module in objective.model.modules())
    for name, tensor in objective.parameters.items():
        assert torch.equal(tensor, before[name])


def _nan(outputs: Tensor, targets: Tensor) -> Tensor:
    return torch.full((len(targets),), torch.nan)


def _fails(model: nn.Module) -> float:
    raise RuntimeError("no tokenizer")


def _state(model: nn.Module, *, calls: list[int] = []) -> float:  # noqa: B006
    calls.append(1)
    return float(len(calls))


@pytest.mark.parametrize(
    ("metric", "error", "message"),
    [
        (lambda o, t: o[:5, 0], ValueError, r"metric 'm' must return one value per example, shape"),
        (lambda o, t: "high", ValueError, r"the metric 'm' must return .* it returned str"),
        (lambda o, t: o.std(), ValueError, "the metric 'm' is not a mean over examples"),
        (lambda o, t: o - o.mean(0), ValueError, "the metric 'm' is not a mean over examples"),
        (lambda o, t, extra: o, DataError, "the metric 'm' does not take outputs of shape"),
        (lambda o, t: 1 / 0, DataError, "metric 'm' does not take .* ZeroDivisionError"),
        (_nan, LandscapeError, "the metric 'm' is nan at the center, expected a finite number"),
        (lambda model: torch.inf, LandscapeError, "the metric 'm' is inf at the center"),
        (
            lambda model: torch.ones(3),
            UserCodeError,
            r"must return one number, .* got shape \(3,\)",
        ),
        (lambda model: None, UserCodeError, "must return one number, .* got NoneType"),
        (_fails, UserCodeError, "the metric 'm' failed: RuntimeError: no tokenizer"),
        (_state, LandscapeError, "the metric 'm' differs in two evaluations at the center"),
        ("margin", ValueError, "must be cross_entropy, mse or a callable"),
    ],
)
def test_what_is_refused(
    metric: Any, error: type[Exception], message: str, mlp: nn.Module, vectors: Any
) -> None:
    with pytest.raises(error, match=message) as raised:
        scan(mlp, vectors, metrics={"m": metric})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["", " ", "loss", "accuracy", "alpha", "two\nlines"])
def test_names_that_are_refused(name: str, mlp: nn.Module, vectors: Any) -> None:
    with pytest.raises(ValueError, match="name"):
        scan(mlp, vectors, metrics={name: margin})


def test_a_name_may_hold_anything_else(mlp: nn.Module, vectors: Any, tmp_path: Path) -> None:
    name = "Erfolg / $α$ (%)"
    surface = scan(mlp, vectors, metrics={name: margin}, file=tmp_path / "a.h5")
    loaded = landscape.load(tmp_path / "a.h5")
    np.testing.assert_array_equal(loaded.metrics[name], surface.metrics[name])
    loaded.plot(kind="contour", quantity=name)


def test_losses_of_torch_are_metrics(mlp: nn.Module, vectors: Any) -> None:
    metrics: dict[str, Metric | str] = {"smooth": nn.CrossEntropyLoss(label_smoothing=0.1)}
    surface = scan(mlp, vectors, metrics={**metrics, "ce": "cross_entropy"})
    np.testing.assert_allclose(surface.metrics["ce"], surface.losses, rtol=1e-12)
    assert (surface.metrics["smooth"] != surface.losses).all()


MINE = """
import torch

def make():
    return torch.nn.Linear(4, 3)

def data():
    return torch.arange(40.0).reshape(10, 4) / 40, torch.arange(10) % 3

def confidence(outputs, targets):
    return outputs.softmax(1).max(1).values

def size(model):
    return model.weight.norm()

def broken(model):
    return model.tokenizer
"""


@pytest.mark.slow
def test_the_command_line_takes_metrics_from_a_folder_of_the_users(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    model = nn.Linear(4, 3)
    torch.save(model.state_dict(), tmp_path / "a.pt")
    own = ("scan", "a.pt", "--model", "mine.py:make", "--data", "mine.py:data")
    command = (*own, "--points", "3", "--device", "cpu", "--out", "a.h5")
    metrics = ("--metric", "mine.py:confidence", "--metric", "mine.py:size")
    assert run(*command, *metrics, cwd=tmp_path).returncode == 0
    surface = landscape.load(tmp_path / "a.h5")
    assert list(surface.metrics) == ["confidence", "size"]
    plane = Plane.random(Objective(model, data=(torch.zeros(2, 4), torch.tensor([0, 1]))).center)
    for alpha, beta, values in surface:
        weight = plane.at(alpha, beta)["weight"]
        assert values.metrics["size"] == pytest.approx(float(weight.norm()), rel=1e-5)
    x = torch.arange(40.0).reshape(10, 4) / 40
    expected = float(model(x).detach().softmax(1).max(1).values.mean())
    assert surface.center_metrics["confidence"] == pytest.approx(expected, rel=1e-5)
    again = run(*command, *metrics[2:], *metrics[:2], cwd=tmp_path)
    assert "already" in again.stderr  # in another order it is the same scan
    other = run(*command, *metrics[:2], cwd=tmp_path)
    assert other.returncode == 1
    assert "different scan (metrics" in other.stderr
    facts = json.loads(run("info", "a.h5", "--json", cwd=tmp_path).stdout)
    assert facts["size_at_the_center"] == pytest.approx(
        float(model.weight.detach().norm()), rel=1e-5
    )
    assert facts["metrics"] == "confidence, size"
    assert facts["metric_sources"] == "mine.py:confidence, mine.py:size"
    drawn = run("plot", "a.h5", "--quantity", "size", "--out", "a.png", cwd=tmp_path)
    assert drawn.returncode == 0
    assert (tmp_path / "a.png").stat().st_size > 1000
    unknown = run("plot", "a.h5", "--quantity", "height", cwd=tmp_path)
    assert unknown.returncode == 1
    assert "has no height, only loss, accuracy, confidence, size" in unknown.stderr
    broken = run(*command[:-1], "b.h5", "--metric", "mine.py:broken", cwd=tmp_path)
    assert broken.returncode == 1
    assert "the metric 'broken' failed: AttributeError" in broken.stderr
    assert "mine.py:" in broken.stderr
    assert "Traceback" not in broken.stderr
    twice = run(*command, *metrics[:2], *metrics[:2], cwd=tmp_path)
    assert twice.returncode == 2


@pytest.mark.slow
def test_figures_draw_a_metric(mlp: nn.Module, vectors: Any) -> None:
    surface = scan(mlp, vectors, metrics={"margin": margin})
    (axes, bar) = surface.plot(kind="heatmap", quantity="margin").axes
    drawn = np.asarray(axes.collections[0].get_array()).reshape(2, 3).T
    np.testing.assert_allclose(drawn, surface.metrics["margin"])
    assert bar.get_ylabel() == "margin"
    for kind in ("surface", "contour"):
        surface.plot(kind=kind, quantity="margin")
    centered = landscape.scan(Objective(mlp, data=vectors, metrics={"margin": margin}), grid=3)
    text = f"margin {centered.center_metrics['margin']:.4g} at the center"
    assert text in centered.plot(kind="heatmap").axes[0].get_title().replace("\n", " ")
    with pytest.raises(ValueError, match="a quantity of loss, accuracy, margin, got 'norm'"):
        surface.plot(quantity="norm")
    without = scan(mlp, vectors, metrics=None)
    with pytest.raises(LandscapeError, match="has no margin, only loss, accuracy"):
        landscape.plot(surface, without, quantity="margin")


def test_lines_draw_a_metric(mlp: nn.Module, vectors: Any) -> None:
    objective = Objective(mlp, data=vectors, metrics={"margin": margin}, device="cpu")
    planes = [Plane.random(objective.center, seed) for seed in (0, 1)]
    line = landscape.scan(objective, planes, Grid.regular((5, 1)))
    (axes,) = line.plot(quantity="margin").axes
    assert axes.get_ylabel() == "margin"
    middle = np.median([each.metrics["margin"][:, 0] for each in line.seeds], axis=0)
    x, y = (np.asarray(each) for each in axes.lines[-1].get_data())
    np.testing.assert_allclose(np.interp(line.grid.alphas, x, y), middle)


def test_tables_have_a_column_for_each_metric(mlp: nn.Module, vectors: Any) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("xarray")
    surface = scan(mlp, vectors, metrics={"margin": margin})
    rows = surface.to_dataframe()
    assert list(rows.columns)[-2:] == ["standard_error", "margin"]
    np.testing.assert_array_equal(rows["margin"], surface.metrics["margin"].ravel())
    np.testing.assert_array_equal(surface.to_xarray()["margin"][0], surface.metrics["margin"])


@pytest.mark.slow
def test_processes_compute_metrics(
    mlp: nn.Module, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landscape.scan_loop._SECONDS_WORTH_PROCESSES", 0.0)
    alone = scan(mlp, vectors)
    together = scan(mlp, vectors, compute=landscape.Compute(devices=("cpu", "cpu")))
    for name, values in alone.metrics.items():
        np.testing.assert_allclose(together.metrics[name], values, rtol=1e-12)


@pytest.mark.slow
def test_generations_are_those_of_the_weights_of_a_point() -> None:
    transformers = library()
    config = transformers.GPT2Config(
        vocab_size=20, n_positions=12, n_embd=8, n_layer=1, n_head=2, initializer_range=0.5,
        bos_token_id=0, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config).eval()
    tokens = torch.randint(2, 20, (6, 12))

    def rate(network: Any) -> Any:
        made = network.generate(tokens[:, :3], max_new_tokens=6, do_sample=True)
        return (made[:, 3:] < 10).double().mean()

    batch = {"input_ids": tokens, "labels": tokens}
    objective = Objective(model, causal_lm_loss, batch, metrics={"rate": rate}, device="cpu")
    plane = Plane.random(objective.center)
    surface = landscape.scan(objective, plane, 3)
    assert len(np.unique(surface.metrics["rate"])) > 3
    for alpha, beta, values in surface:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(plane.at(alpha, beta)[name])
        torch.manual_seed(0)
        assert values.metrics["rate"] == pytest.approx(float(rate(model)))
