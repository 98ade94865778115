"""Join the parts of a scan that were computed independently, as by the jobs of a SLURM array."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from landscape.errors import SurfaceFileError
from landscape.grid import part_from
from landscape.hdf5 import load
from landscape.hdf5.differences import differences_of
from landscape.surface import ARRAYS, Surface


def merge(paths: Sequence[str | Path]) -> Surface:
    """Return the whole surface of a scan from the files of all its parts.

    Args:
        paths: Files of ``Compute(part=(k, n))`` for every k from 1 to n, in any order.

    Raises:
        SurfaceFileError: A file is no part of a scan, or of another one; a part is missing, given
            twice, or incomplete.
        ValueError: No file is given.

    Example:
        >>> import tempfile, pathlib, torch, landscape
        >>> model, x = torch.nn.Linear(4, 3), torch.randn(20, 4)
        >>> objective = landscape.Objective(model, data=(x, torch.randint(3, (20,))))
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for k in (1, 2):
        ...     compute = landscape.Compute(part=(k, 2))
        ...     part = landscape.scan(objective, grid=5, file=folder / f"{k}.h5", compute=compute)
        >>> merge(sorted(folder.glob("*.h5"))).is_complete
        True
    """
    if not paths:
        raise ValueError("expected the files of all parts of a scan, got none")
    parts = {Path(path): load(path) for path in paths}
    _check(parts)
    seeds = [
        _joined([surface.seeds[seed] for surface in parts.values()])
        for seed in range(len(next(iter(parts.values())).seeds))
    ]
    return replace(seeds[0], repeats=tuple(seeds[1:]))


def _check(parts: Mapping[Path, Surface]) -> None:
    first_path, first = next(iter(parts.items()))
    seen: dict[int, Path] = {}
    total = 0
    for path, surface in parts.items():
        part = part_from(surface.settings.get("part"))
        if part is None:
            raise SurfaceFileError(
                f"{path} is no part of a scan: give files of --part K/N", path=path
            )
        total = total or part[1]
        differences = differences_of(_whole(surface), _whole(first))
        if part[1] != total or differences:
            what = ", ".join(differences) or "number of parts"
            raise SurfaceFileError(
                f"{path} is a part of another scan than {first_path} (different: {what})",
                path=path,
            )
        if part[0] in seen:
            raise SurfaceFileError(
                f"{path} and {seen[part[0]]} are both part {part[0]} of {total}: give each once",
                path=path,
            )
        seen[part[0]] = path
        if not surface.is_complete:
            done, of_all = surface.done
            raise SurfaceFileError(
                f"{path}: {done} of {of_all} points are evaluated: resume its scan", path=path
            )
    missing = [number for number in range(1, total + 1) if number not in seen]
    if missing:
        raise SurfaceFileError(
            f"part {', '.join(map(str, missing))} of {total} is missing: give the files of all "
            "parts"
        )


def _whole(surface: Surface) -> Surface:
    settings = {name: value for name, value in surface.settings.items() if name != "part"}
    return replace(surface, settings=settings)


def _joined(parts: Sequence[Surface]) -> Surface:
    """Return the surface of one seed from its parts."""
    first = _whole(parts[0])
    result = first.copy()
    for part in parts[1:]:
        known = part.evaluated
        for name in (*ARRAYS, *first.metrics):
            result.array(name)[known] = part.array(name)[known]
    deviations = [float(p.provenance.get("deviation_checked", 0.0)) for p in parts]
    more: dict[str, Any] = {"parts": len(parts), "deviation_checked": max(deviations)}
    return replace(
        result,
        seconds=float(np.sum([part.seconds for part in parts])),
        provenance={**first.provenance, **more},
        repeats=(),
    )
