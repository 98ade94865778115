"""What a scan records for the checks, against slow and independent computations."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

import landscape
from landscape import checkpoints, planes, scan_loop
from landscape.checkpoints import Checkpoint
from landscape.commands.loaded import LoadedModel
from landscape.compute import Compute
from landscape.evaluation import Plan, run
from landscape.grid import Grid
from landscape.hdf5.checksums import ATTRIBUTE
from landscape.hdf5.layout import MARK
from landscape.objective import Objective
from landscape.overlays import Mark
from landscape.parameters import LARGE
from landscape.plane import Plane
from landscape.scan_facts import facts_of_batchnorm, facts_of_plane
from landscape.surface import Surface
from landscape.values import Values
from tests.nets import ConvNet

Data = tuple[Tensor, Tensor]


@pytest.fixture
def many_images() -> Data:
    """64 images for ConvNet, sorted by label, with labels 0 to 2."""
    y = torch.sort(torch.randint(3, (64,)))[0]
    return torch.randn(64, 1, 6, 6) + y[:, None, None, None], y


def test_zero_filters_are_counted_by_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    center = {"a": torch.randn(8, 3, 2), "b": torch.randn(5, 4), "bias": torch.zeros(5)}
    center["a"][[1, 6]] = 0
    center["b"][2] *= 1e-9
    zero = sum(float(row.norm()) < 1e-6 for name in "ab" for row in center[name])
    assert facts_of_plane(Plane.random(center))["zero_filters"] == zero / 13 == 3 / 13
    assert "zero_filters" not in facts_of_plane(Plane.random(center, normalization="layer"))
    monkeypatch.setattr("landscape.parameters.LARGE", 1)  # compact directions
    large = Plane.random(center)
    assert facts_of_plane(large) == {"zero_filters": 3 / 13}
    assert LARGE > 1


def test_the_cosine_is_that_of_flat_vectors() -> None:
    center = {"a": torch.randn(8, 3), "b": torch.randn(2, 2)}
    plane = Plane.random(center)
    delta, eta = (
        torch.cat([tensor.flatten() for tensor in direction.values()])
        for direction in (plane.delta, plane.eta)
    )
    expected = float(torch.cosine_similarity(delta, eta, dim=0))
    assert facts_of_plane(plane)["cosine"] == pytest.approx(expected, rel=1e-5)
    other = {name: torch.randn_like(tensor) for name, tensor in center.items()}
    line = Plane.through(center, other)
    assert facts_of_plane(line) == {}
    third = {name: torch.randn_like(tensor) for name, tensor in center.items()}
    assert abs(float(facts_of_plane(Plane.through(center, other, third))["cosine"])) < 1e-6


def test_statistics_of_the_data_are_those_of_torch(many_images: Data) -> None:
    net = ConvNet().eval()
    facts = facts_of_batchnorm(Objective(net, data=many_images, device="cpu"))
    assert (facts["batchnorm_layers"], facts["batchnorm_initial"]) == (1, 0)
    assert facts["statistics_images"] == 64
    x, y = many_images
    with torch.no_grad():
        for which in ("stored", "data"):
            if which == "data":
                update_bn([(x,)], net)
                net.eval()
            outputs = net(x)
            loss, accuracy = F.cross_entropy(outputs, y), (outputs.argmax(1) == y).double().mean()
            assert facts[f"{which}_statistics_loss"] == pytest.approx(float(loss), rel=1e-5)
            assert facts[f"{which}_statistics_accuracy"] == float(accuracy)


def test_initial_statistics_are_counted(many_images: Data) -> None:
    net = nn.Sequential(ConvNet(), nn.BatchNorm1d(3))
    facts = facts_of_batchnorm(Objective(net, data=many_images, device="cpu"))
    assert (facts["batchnorm_layers"], facts["batchnorm_initial"]) == (2, 1)
    recomputed = Objective(net, data=many_images, device="cpu", batchnorm="recomputed")
    assert facts_of_batchnorm(recomputed) == {}
    few = facts_of_batchnorm(Objective(net, data=(many_images[0][:9], many_images[1][:9])))
    assert few == {"batchnorm_layers": 2, "batchnorm_initial": 1}


def test_a_scan_records_facts_and_changes_nothing_of_the_model(
    many_images: Data, tmp_path: Path
) -> None:
    objective = Objective(ConvNet(), data=many_images, device="cpu")
    before = {name: tensor.clone() for name, tensor in objective.model.state_dict().items()}
    landscape.scan(objective, grid=3, file=tmp_path / "a.h5")
    torch.testing.assert_close(dict(objective.model.state_dict()), before, rtol=0, atol=0)
    stored = landscape.load(tmp_path / "a.h5").provenance
    expected = {**facts_of_plane(Plane.random(objective.center)), **facts_of_batchnorm(objective)}
    assert {key: stored[key] for key in expected} == expected


def test_the_loss_of_the_plane_below_a_mark_is_stored(many_images: Data, tmp_path: Path) -> None:
    first, second = ConvNet().eval(), ConvNet().eval()
    objective = Objective(first, data=many_images, device="cpu")
    for plane in (planes.through(objective, second), planes.towards(objective, second)):
        mark = plane.marks[-1]
        x, y = many_images
        with torch.no_grad():
            own = float(F.cross_entropy(second(x), y))
            mixed = torch.func.functional_call(
                first, {name: p.detach() for name, p in second.named_parameters()}, (x,)
            )
            below = float(F.cross_entropy(mixed, y))
        assert mark.loss == pytest.approx(own, rel=1e-5)
        assert mark.plane_loss == pytest.approx(below, rel=1e-4)
        assert own != pytest.approx(below, rel=0.01)
        path = tmp_path / f"{mark.name}.h5"
        landscape.scan(objective, plane, (3, 1), file=path, overwrite=True)
        assert landscape.load(path).marks == tuple(plane.marks)


def test_marks_of_older_files_have_no_loss_of_the_plane(tmp_path: Path) -> None:
    import h5py

    mark = Mark("a", 0.0, 0.5, 0.0, 1.0, 2.0)
    replace(Surface.empty(Grid.regular(3), {}, {}), marks=(mark,)).save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        attributes = file["marks/000"].attrs
        assert set(attributes) == {"name", *MARK, "plane_loss", ATTRIBUTE}
        del attributes["plane_loss"], attributes[ATTRIBUTE]
    # As text: nan is not equal to itself.
    assert repr(landscape.load(tmp_path / "a.h5").marks) == repr((Mark("a", 0.0, 0.5, 0.0, 1.0),))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"acc": 93.66}, {"accuracy": 0.9366}),  # that of resnet56.t7 of Li et al.
        ({"best_prec1": torch.tensor(91.73)}, {"accuracy": pytest.approx(0.9173)}),
        ({"test_acc": 0.5}, {"accuracy": 0.5}),
        ({"acc": True}, {}),
        ({"acc": math.nan}, {}),
        ({"acc": -1}, {}),
        ({"acc": "high"}, {}),
        ({"accuracy": 0.5}, {}),  # of which images?
    ],
)
def test_accuracies_of_other_programs_are_read(
    content: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    torch.save({"state_dict": nn.Linear(2, 2).state_dict(), **content}, tmp_path / "a.t7")
    found = checkpoints.load(tmp_path / "a.t7")
    assert found.recorded == expected


def test_records_count_for_the_data_of_the_checkpoint_only() -> None:
    history = {"test_accuracy": [0.1, 0.9], "test_loss": [2.0, 0.3], "train_accuracy": [1.0, 1.0]}
    checkpoint = Checkpoint({}, data="digits", history=history)
    assert checkpoint.recorded == {"accuracy": 0.9, "loss": 0.3}
    loaded = LoadedModel(Path("a.pt"), checkpoint, nn.Linear(2, 2), "net", "a")
    assert loaded.recorded("digits") == {"recorded_accuracy": 0.9, "recorded_loss": 0.3}
    assert loaded.recorded("mnist") == {}
    assert replace(loaded, checkpoint=Checkpoint({})).recorded("mnist") == {}


def test_the_lowest_point_is_compared_with_the_reference_in_reduced_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plan that is wrong at its lowest point alone."""
    data = torch.randn(64, 4), torch.randint(3, (64,))
    objective = Objective(nn.Linear(4, 3), data=data, device="cpu")
    grid, of_points = Grid.regular(11), run
    lowest = float(landscape.scan(objective, grid=grid).losses.min())

    def wrong(plan: Plan, *args: Any, **options: Any) -> Iterator[Values]:
        for values in of_points(plan, *args, **options):
            is_low = plan.reference is not None and values.loss < 1.001 * lowest
            yield values._replace(loss=values.loss * (0.8 if is_low else 1.0))

    monkeypatch.setattr(scan_loop, "run", wrong)
    reduced = landscape.scan(objective, grid=grid, compute=Compute("bfloat16"))
    assert reduced.provenance["computed_in"] == "bfloat16"
    assert float(reduced.provenance["deviation_checked"]) > 0.1
    assert [f.check for f in landscape.check(reduced) if f.severity == "wrong"][-1] == "imprecise"
    assert np.isfinite(reduced.losses).all()
