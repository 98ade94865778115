"""Surfaces as files of tables and of netCDF, by pandas and xarray."""

from pathlib import Path

from landscape import exports
from landscape.interchange.parts import left_out
from landscape.surface import Surface

_HELD = ("accuracies", "standard errors", "metrics")


def write_csv(surface: Surface, path: Path) -> list[str]:
    """Write the evaluated points of all seeds as rows of comma-separated values.

    Args:
        surface: The surface.
        path: The file, which is replaced.

    Returns:
        Notes on what the format does not hold.
    """
    exports.to_dataframe(surface).to_csv(path, index=False, na_rep="nan")
    return left_out(surface, _HELD)


def write_parquet(surface: Surface, path: Path) -> list[str]:
    """Write the evaluated points of all seeds as rows of Apache Parquet.

    Args:
        surface: The surface.
        path: The file, which is replaced.

    Returns:
        Notes on what the format does not hold.
    """
    exports.to_dataframe(surface).to_parquet(path, engine="pyarrow", index=False)
    return left_out(surface, _HELD)


def write_netcdf(surface: Surface, path: Path) -> list[str]:
    """Write all seeds as netCDF, with dimensions seed, alpha and beta.

    Args:
        surface: The surface.
        path: The file, which is replaced.

    Returns:
        Notes on what the format does not hold.
    """
    data = exports.to_xarray(surface)
    # A slash would begin a group.
    data = data.rename({name: name.replace("/", "_") for name in surface.metrics})
    data.to_netcdf(path, engine="h5netcdf")
    return left_out(surface, (*_HELD, "numbers of images", "settings"))
