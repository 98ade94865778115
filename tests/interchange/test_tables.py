"""Tables and netCDF, read by pandas, pyarrow, the csv module and h5py."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from landscape import interchange
from landscape.errors import LandscapeError
from landscape.interchange import formats
from landscape.surface import Surface
from tests.interchange.surfaces import PEAK, hill


@pytest.fixture
def surface() -> Surface:
    """Two seeds, a loss that is infinite, one that is not a number, a missing point."""
    first = hill()
    first.losses[1, 0], first.losses[2, 0] = np.inf, np.nan
    first.evaluated[3, 3] = False
    second = replace(hill(), settings={**first.settings, "seed": 6})
    return replace(first, repeats=(second,))


def expected(surface: Surface) -> list[tuple[float, ...]]:
    return [
        (seed, alpha, beta, values.loss)
        for seed, each in zip((5, 6), surface.seeds, strict=True)
        for alpha, beta, values in each
    ]


def test_comma_separated_values_keep_every_digit(surface: Surface, tmp_path: Path) -> None:
    notes = interchange.write(surface, tmp_path / "a.csv")
    assert notes == ["left out, the format does not hold them: numbers of images, settings"]
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("seed", "alpha", "beta", "loss")
    found = [tuple(float(row[name]) for name in names) for row in rows]
    assert len(found) == 2 * 28 - 1
    np.testing.assert_array_equal(found, expected(surface))
    assert float(rows[0]["rate/s"]) == surface.metrics["rate/s"][0, 0]


def test_parquet_is_read_by_arrow(surface: Surface, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    interchange.write(surface, tmp_path / "a.parquet")
    table: Any = parquet.read_table(tmp_path / "a.parquet")
    assert table.column_names == [
        *("seed", "alpha", "beta", "loss", "accuracy", "standard_error", "rate/s")
    ]
    found = np.column_stack([table[name].to_numpy() for name in ("seed", "alpha", "beta", "loss")])
    np.testing.assert_array_equal(found, expected(surface))


def test_netcdf_is_read_by_xarray_and_by_hdf5(surface: Surface, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    interchange.write(surface, tmp_path / "a.nc")
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as found:
        assert dict(found.sizes) == {"seed": 2, "alpha": 7, "beta": 4}
        alpha, beta = surface.grid.alphas[PEAK[0]], surface.grid.betas[PEAK[1]]
        peak = found["losses"].sel(seed=6, alpha=alpha, beta=beta)
        assert float(peak) == surface.seeds[1].losses[PEAK]
        assert found["evaluated"].dtype == bool
        np.testing.assert_array_equal(found["losses"][0], surface.losses)
        assert found.attrs["loss"] == "cross_entropy"
    with h5py.File(tmp_path / "a.nc") as file:
        np.testing.assert_array_equal(file["losses"][0], surface.losses)
        assert "rate_s" in file


def test_a_missing_package_is_named(
    surface: Surface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "pyarrow" else "found")
    with pytest.raises(LandscapeError, match=r"^\.parquet needs pyarrow: pip install pyarrow$"):
        interchange.write(surface, tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())
