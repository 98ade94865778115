"""Direction files of the code of Li et al., written here in its layout with its arithmetic."""

import copy
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landscape import hdf5
from landscape.errors import ParameterMismatchError, SurfaceFileError
from landscape.grid import Grid
from landscape.hdf5 import SurfaceFile
from landscape.interchange.li2018 import load_directions, write_directions
from landscape.models import Architecture
from landscape.surface import Surface
from tests.scans import scan


def original_direction(tensors: list[Tensor]) -> list[Tensor]:
    """Per filter, float32, with the original's small constant in the divisor."""
    direction = [torch.randn(t.shape) for t in tensors]
    for d, t in zip(direction, tensors, strict=True):
        if d.dim() <= 1:
            d.zero_()
        else:
            for d_filter, t_filter in zip(d, t, strict=True):
                d_filter *= t_filter.norm() / (d_filter.norm() + 1e-10)
    return direction


def write(path: Path, **groups: list[Tensor]) -> None:
    with h5py.File(path, "w") as file:
        for name, tensors in groups.items():
            for number, tensor in enumerate(tensors):
                file[f"{name}/{number}"] = tensor.numpy()


@pytest.fixture
def net() -> nn.Module:
    return Architecture("resnet8", in_channels=1, shortcut="B").build()


def tensors_of(net: nn.Module, kind: str) -> list[Tensor]:
    if kind == "weights":
        return [p.detach() for p in net.parameters()]
    return [t for n, t in net.state_dict().items() if kind == "states" or "num_batches" not in n]


@pytest.mark.parametrize("kind", ["weights", "states", "states before BatchNorm counted"])
def test_the_plane_is_the_originals(net: nn.Module, tmp_path: Path, kind: str) -> None:
    tensors = tensors_of(net, kind)
    x, y = original_direction(tensors), original_direction(tensors)
    write(tmp_path / "d.h5", xdirection=x, ydirection=y)
    center = {name: p.detach() for name, p in net.named_parameters()}
    plane = load_directions(tmp_path / "d.h5", center, list(net.state_dict()))
    names = (
        list(center)
        if kind == "weights"
        else [n for n in net.state_dict() if kind == "states" or "num_batches" not in n]
    )
    for step in ((0.0, 0.0), (0.5, -1.0), (-0.25, 0.75)):
        point = plane.at(*step)
        for name, t, dx, dy in zip(names, tensors, x, y, strict=True):
            if name in center:
                expected = t + (dx * step[0] + dy * step[1])
                torch.testing.assert_close(point[name], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("form", ["<f4", ">f4"])
def test_numbers_of_either_byte_order_are_read(net: nn.Module, tmp_path: Path, form: str) -> None:
    x, y = (original_direction(tensors_of(net, "weights")) for _ in range(2))
    with h5py.File(tmp_path / "d.h5", "w") as file:
        for number, (dx, dy) in enumerate(zip(x, y, strict=True)):
            file[f"xdirection/{number}"] = dx.numpy().astype(form)
            file[f"ydirection/{number}"] = dy.numpy().astype(form)
    center = {name: p.detach() for name, p in net.named_parameters()}
    plane = load_directions(tmp_path / "d.h5", center, list(net.state_dict()))
    for name, dx, dy in zip(center, x, y, strict=True):
        assert torch.equal(plane.delta[name], dx)
        assert torch.equal(plane.eta[name], dy)


def test_the_surface_is_the_originals(net: nn.Module, tmp_path: Path) -> None:
    data = torch.randn(9, 1, 8, 8), torch.randint(10, (9,))
    weights = tensors_of(net, "weights")
    dx, dy = original_direction(weights), original_direction(weights)
    write(tmp_path / "d.h5", xdirection=dx, ydirection=dy)
    surface = scan(net, F.cross_entropy, data, points=(3, 2), directions=tmp_path / "d.h5")
    for i, a in enumerate((-1.0, 0.0, 1.0)):
        for j, b in enumerate((-1.0, 1.0)):
            moved = copy.deepcopy(net).eval()
            for p, w, d0, d1 in zip(moved.parameters(), weights, dx, dy, strict=True):
                p.data = w + (d0 * a + d1 * b)
            expected = F.cross_entropy(moved(data[0]), data[1]).item()
            assert surface.losses[i, j] == pytest.approx(expected, rel=1e-5)


def test_a_file_that_moves_batch_statistics_is_refused(net: nn.Module, tmp_path: Path) -> None:
    tensors = tensors_of(net, "states")
    direction = [torch.ones(t.shape) for t in tensors]
    write(tmp_path / "d.h5", xdirection=direction, ydirection=direction)
    center = {name: p.detach() for name, p in net.named_parameters()}
    with pytest.raises(SurfaceFileError, match="bn1.running_mean, which is not a parameter"):
        load_directions(tmp_path / "d.h5", center, list(net.state_dict()))


def test_other_files_are_refused(net: nn.Module, tmp_path: Path) -> None:
    center = {name: p.detach() for name, p in net.named_parameters()}
    names = list(net.state_dict())
    path = tmp_path / "d.h5"
    weights = tensors_of(net, "weights")
    cases: list[tuple[dict[str, list[Tensor]], type[Exception], str]] = [
        ({"xdirection": weights}, SurfaceFileError, "ydirection"),
        ({"xdirection": weights[:3], "ydirection": weights[:3]}, SurfaceFileError, "another net"),
        (
            {"xdirection": [t[:1] for t in weights], "ydirection": weights},
            ParameterMismatchError,
            "shape",
        ),
        ({"other": weights}, SurfaceFileError, "not a surface"),
    ]
    for groups, error, text in cases:
        write(path, **groups)
        with pytest.raises(error, match=text):
            load_directions(path, center, names)
    with h5py.File(path, "w") as file:
        file["xdirection/a"] = np.zeros(3)
        file["ydirection/a"] = np.zeros(3)
    with pytest.raises(SurfaceFileError, match="no whole group xdirection"):
        load_directions(path, center, names)


def test_our_directions_are_theirs(net: nn.Module, tmp_path: Path) -> None:
    data = torch.randn(9, 1, 8, 8), torch.randint(10, (9,))
    ours, theirs = tmp_path / "ours.h5", tmp_path / "theirs.h5"
    surface = scan(net, F.cross_entropy, data, points=(3, 2), path=ours, store_directions=True)
    assert write_directions(ours, theirs) == []
    weights = tensors_of(net, "weights")
    with h5py.File(theirs) as file:
        for name in ("xdirection", "ydirection"):
            tensors = [file[name][str(number)] for number in range(len(file[name]))]
            assert [each.shape for each in tensors] == [tuple(t.shape) for t in weights]
            assert {each.dtype for each in tensors} == {np.dtype("f4")}
    center = {name: p.detach() for name, p in net.named_parameters()}
    plane = load_directions(theirs, center, list(net.state_dict()))
    for found, direction in zip((plane.delta, plane.eta), hdf5.load_directions(ours), strict=True):
        assert found.keys() == direction.keys()
        for name, tensor in direction.items():
            torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)
    again = scan(net, F.cross_entropy, data, points=(3, 2), directions=theirs)
    np.testing.assert_allclose(again.losses, surface.losses, rtol=1e-5)


def test_variances_of_principal_components_stand_with_their_directions(tmp_path: Path) -> None:
    settings = {"explained_variation_alpha": 0.5, "explained_variation_beta": 0.25}
    surface = Surface.empty(Grid.regular(3), settings, {})
    directions = {"w": torch.ones(2, 3, dtype=torch.float64)}
    with SurfaceFile(tmp_path / "a.h5") as file:
        file.write(surface, (directions, directions))
    assert write_directions(tmp_path / "a.h5", tmp_path / "b.h5") == [
        "directions are rounded to float32"
    ]
    with h5py.File(tmp_path / "b.h5") as found:
        assert found["explained_variance_ratio_"][:].tolist() == [0.5, 0.25]


def test_directions_that_theirs_do_not_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    Surface.empty(Grid.regular(3), {}, {}).save(path)
    with pytest.raises(SurfaceFileError, match="stores no direction arrays: scan it again"):
        write_directions(path, tmp_path / "b.h5")
    one = {"w": torch.ones(2, 3)}
    with SurfaceFile(path, overwrite=True) as file:
        file.write(Surface.empty(Grid.regular(3), {"batchnorm": "interpolated"}, {}), (one, one))
    with pytest.raises(SurfaceFileError, match="move BatchNorm statistics"):
        write_directions(path, tmp_path / "b.h5")
