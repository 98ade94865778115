"""The settings in which two scans differ."""

from collections.abc import Mapping

from landscape.facts import Facts
from landscape.surface import Surface


def differences_of(found: Surface, wanted: Surface) -> Mapping[str, tuple[object, object]]:
    """Return the settings in which two scans differ, each with both values, and the grid.

    Args:
        found: The scan in a file.
        wanted: The scan that is wanted.
    """
    keys = [*found.settings, *(key for key in wanted.settings if key not in found.settings)]
    differences: dict[str, tuple[object, object]] = {
        key: (_value(found.settings, key), _value(wanted.settings, key))
        for key in keys
        if found.settings.get(key) != wanted.settings.get(key)
    }
    if not differences and found.grid != wanted.grid:
        differences["grid"] = found.grid, wanted.grid
    return differences


def _value(settings: Facts, key: str) -> object:
    return settings.get(key, "none")
