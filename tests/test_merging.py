"""A scan in parts, as by the jobs of a SLURM array, is the scan."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import landscape
from landscape import captions
from landscape.cli import group
from landscape.compute import Compute
from landscape.environment import PLAIN_VARIABLE
from landscape.errors import SurfaceFileError
from landscape.grid import Grid, part_from
from landscape.objective import Objective
from landscape.plane import Plane
from landscape.surface import Surface
from tests.reporters import Recorder


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30))
def test_every_point_belongs_to_one_part(rows: int, columns: int, total: int) -> None:
    grid = Grid.regular((rows, columns))
    parts = [grid.part(number, total) for number in range(1, total + 1)]
    assert (np.sum(parts, axis=0) == 1).all()
    sizes = [part.sum() for part in parts]
    assert max(sizes) <= grid.size / total + max(1, grid.size / (2 * total))


@pytest.mark.parametrize(
    ("text", "part"),
    [("3/16", (3, 16)), ("1/1", (1, 1)), ("0/3", None), ("4/3", None), ("a", None), (3, None)],
)
def test_a_part_is_a_text(text: Any, part: Any) -> None:
    assert part_from(text) == part


@pytest.fixture
def objective() -> Objective:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 30), nn.Tanh(), nn.Linear(30, 3))
    data = (torch.randn(50, 7), torch.randint(3, (50,)))

    def first(outputs: Any, _: Any) -> Any:
        return outputs[:, 0]

    return Objective(model, F.cross_entropy, data, device="cpu", metrics={"first": first})


class Stopping(Recorder):
    def update(self, done: int, detail: str = "") -> None:
        super().update(done, detail)
        raise KeyboardInterrupt


def scan_part(
    objective: Objective, path: Path, part: tuple[int, int], seed: int = 0, **more: Any
) -> Surface:
    planes = [Plane.random(objective.center, seed + k) for k in (0, 1)]
    return landscape.scan(objective, planes, (9, 6), file=path, compute=Compute(part=part), **more)


def test_parts_in_any_order_are_the_whole(
    objective: Objective, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN_VARIABLE, "1")
    planes = [Plane.random(objective.center, k) for k in (0, 1)]
    whole = landscape.scan(objective, planes, (9, 6))
    paths = [tmp_path / f"{k}.h5" for k in (2, 3, 1)]
    with pytest.raises(KeyboardInterrupt):
        scan_part(objective, paths[1], (3, 3), progress=Stopping())
    stopped = landscape.load(paths[1])
    size = int(stopped.grid.part(3, 3).sum())
    assert stopped.done == (1, 2 * size)
    assert captions.unfinished(stopped)[0].startswith("part 3/3: ")
    with pytest.raises(SurfaceFileError, match=rf"3\.h5: 1 of {2 * size} points are evaluated"):
        landscape.merge([paths[1]])
    for path in paths:
        part = scan_part(objective, path, (int(path.stem), 3))
        assert part.is_complete
        assert (part.evaluated == part.grid.part(int(path.stem), 3)).all()
    merged = landscape.merge(paths)
    merged.save(tmp_path / "whole.h5")
    for surface in (merged, landscape.load(tmp_path / "whole.h5")):
        assert surface.is_complete
        assert surface.settings == whole.settings
        for one, other in zip(surface.seeds, whole.seeds, strict=True):
            for name in ("losses", "accuracies", "standard_errors", "examples", "first"):
                np.testing.assert_array_equal(one.array(name), other.array(name))
    resumed = landscape.scan(objective, planes, (9, 6), file=tmp_path / "whole.h5")
    np.testing.assert_array_equal(resumed.losses, whole.losses)


def test_wrong_parts_are_refused_by_name(objective: Objective, tmp_path: Path) -> None:
    one, two, foreign, more = (tmp_path / f"{name}.h5" for name in ("one", "two", "f", "m"))
    scan_part(objective, one, (1, 2))
    scan_part(objective, two, (2, 2))
    scan_part(objective, foreign, (2, 2), seed=5)
    scan_part(objective, more, (2, 3))
    landscape.merge([one, two])
    with pytest.raises(SurfaceFileError, match="part 2 of 2 is missing"):
        landscape.merge([one])
    copy = tmp_path / "copy.h5"
    copy.write_bytes(two.read_bytes())
    with pytest.raises(SurfaceFileError, match=r"copy\.h5 and .*two\.h5 are both part 2 of 2"):
        landscape.merge([one, two, copy])
    with pytest.raises(SurfaceFileError, match=r"f\.h5 is a part of another scan .*seed"):
        landscape.merge([one, foreign])
    with pytest.raises(SurfaceFileError, match=r"m\.h5 is a part of another .*number of parts"):
        landscape.merge([one, more])
    whole = tmp_path / "w.h5"
    landscape.merge([one, two]).save(whole)
    with pytest.raises(SurfaceFileError, match=r"w\.h5 is no part of a scan"):
        landscape.merge([whole, one])
    with pytest.raises(ValueError, match="got none"):
        landscape.merge([])


def test_what_needs_all_points_is_refused(objective: Objective) -> None:
    wrong: Any
    for wrong in ((0, 2), (3, 2)):
        with pytest.raises(ValueError, match="part must be"):
            Compute(part=wrong)
    with pytest.raises(ValueError, match="take tolerances of 0"):
        Compute(part=(1, 2), tolerance=0.1)
    with pytest.raises(ValueError, match="curvature is evaluated at all points"):
        landscape.scan(
            objective, grid=3, quantities=("loss", "curvature"), compute=Compute(part=(1, 2))
        )


def test_the_command_line(scan_command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape.commands.cluster._SECONDS", 0.5)
    command = [*scan_command, "--points", "7"]

    def run(*given: str) -> Any:
        return CliRunner().invoke(group, given)

    for k in ("1", "2"):
        result = run(*command, "--part", f"{k}/2", "--out", "parts")
        assert result.exit_code == 0, result.output
    parts = sorted(map(str, Path("parts").iterdir()))
    assert parts == ["parts/w-part-1-of-2.h5", "parts/w-part-2-of-2.h5"]
    result = run("merge", *reversed(parts), "--out", "w.h5")
    assert result.exit_code == 0, result.output
    assert landscape.load("w.h5").is_complete
    assert run(*command, "--part", "3/2", "--out", "parts").exit_code == 2
    assert run(*command, "--part", "1/2", "--tolerance", "1%", "--out", "x").exit_code == 2
    result = run(*command, "--cluster", "tcp://127.0.0.1:1", "--out", "c.h5")
    assert result.exit_code == 1
    assert not Path("c.h5").exists()
