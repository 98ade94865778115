"""Catalog of surface files, polled for changes, including files being written."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape import hdf5
from landscape.errors import LandscapeError, SurfaceFileError, first_line
from landscape.locks import is_being_written
from landscape.naming import numbered
from landscape.page.payload import content, thumbnail
from landscape.page.status import State, status, with_different_names
from landscape.progress import duration
from landscape.surface import Surface

SUFFIXES = (".h5", ".hdf5")
_MOST_FILES = 1000
_WINDOW = 60.0  # seconds over which the rate is measured
_LONG_WITHOUT = 10.0


def reason_not_drawn(surface: Surface) -> str | None:
    """Return why the page cannot draw a surface, if it cannot."""
    if len(surface.grid.alphas) < 2:
        return f"{surface.name} has {surface.grid}: expected two points or more along alpha"
    return None


@dataclass
class _Kept:
    """What is known of a file.

    Attributes:
        path: Where it is.
        version: What was read last.
        reason: Why it could not be.
        is_other: Whether it is a whole file, but no surface that can be drawn.
        found: Its status without its progress.
        done: Points that are done.
        total: Of how many.
        unit: What its examples are called.
        history: When how many points were done.
    """

    path: Path
    version: str = ""
    reason: str = ""
    is_other: bool = False
    found: Mapping[str, Any] | None = None
    done: int = 0
    total: int = 0
    unit: str = "examples"
    history: list[tuple[float, int]] = field(default_factory=list)


class Shelf:
    """Some surfaces, or all in a folder.

    One thread may ask for the index, others for contents.

    Args:
        paths: Files, or one folder, in which files are looked for again and again.
        wait: Whether they may come later.

    Attributes:
        folder: Where surfaces are looked for, if anywhere.
        left_out: Why some files are not shown.

    Raises:
        SurfaceFileError: A file is missing or is none of ours, or none can be drawn.
    """

    def __init__(self, paths: Sequence[Path], *, wait: bool = False) -> None:
        is_folder = len(paths) == 1 and (
            paths[0].is_dir() or (wait and paths[0].suffix not in SUFFIXES)
        )
        self.folder = paths[0] if is_folder else None
        self.left_out: list[str] = []
        self._kept: dict[str, _Kept] = {}
        if self.folder is None:
            reasons = [None if wait else reason_not_drawn(hdf5.load(path)) for path in paths]
            self.left_out = [reason for reason in reasons if reason]
            if len(self.left_out) == len(paths):
                raise SurfaceFileError(self.left_out[0])
            paths = [path for path, reason in zip(paths, reasons, strict=True) if not reason]
            names = _identifiers(paths)
            self._kept = {name: _Kept(path) for name, path in zip(names, paths, strict=True)}

    def index(self) -> list[Mapping[str, Any]]:
        """Return the status of every surface, having read again those that have changed."""
        if self.folder is not None:
            self._look_around(self.folder)
        statuses = [_status(name, kept) for name, kept in self._kept.items()]
        if (
            self.folder is not None
        ):  # files of other programs are no surfaces; damaged ones come last
            statuses = [each for each in statuses if not self._kept[each["id"]].is_other]
            statuses.sort(key=lambda each: not each["version"])
        return with_different_names(statuses)

    def load(self) -> Mapping[str, Surface]:
        """Return all that can be drawn, by identifier, for a page without a server."""
        statuses = self.index()
        self.left_out += [each["note"] for each in statuses if each["state"] == "damaged"]
        return {name: hdf5.load(kept.path) for name, kept in self._kept.items() if kept.found}

    @property
    def files(self) -> Mapping[str, str]:
        """Where each surface is, by identifier."""
        return {name: str(kept.path) for name, kept in self._kept.items()}

    def content(self, identifier: str) -> Mapping[str, Any] | None:
        """Return all of a surface; None if no surface has that name.

        Raises:
            LandscapeError: It cannot be read.
        """
        kept = self._kept.get(identifier)
        if kept is None or kept.found is None:
            return None
        version = _version(kept.path)  # first: what comes later has another
        surface = hdf5.load(kept.path)
        return None if reason_not_drawn(surface) else content(surface, identifier, version)

    def _look_around(self, folder: Path) -> None:
        found = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
        names = [path.relative_to(folder).with_suffix("").as_posix() for path in found]
        kept = {}
        for name, path in zip(numbered(names), found[:_MOST_FILES], strict=False):
            old = self._kept.get(name)
            kept[name] = old if old is not None and old.path == path else _Kept(path)
        self._kept = kept


def _identifiers(paths: Sequence[Path]) -> list[str]:
    """Return short names, or longer ones where these are not unique."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(paths):
        return stems
    return numbered([path.with_suffix("").as_posix() for path in paths])


def _status(name: str, kept: _Kept) -> Mapping[str, Any]:
    """Return the status of a file, having read it again if it has changed."""
    version = _version(kept.path)
    if version and version != kept.version:
        kept.version = version
        try:
            surface = hdf5.load(kept.path)
            kept.reason = reason_not_drawn(surface) or ""
            kept.is_other = bool(kept.reason)
            kept.done, kept.total = surface.done
            kept.unit = surface.unit.name
            kept.found = None if kept.reason else _found(surface, version)
        except (LandscapeError, OSError, ValueError, TypeError) as error:
            kept.found, kept.reason = None, first_line(error)
            kept.is_other = isinstance(error, SurfaceFileError) and error.key == "format"
    if kept.found is None:
        if kept.version:
            return status(name, name, "", "damaged", kept.reason)
        return status(name, name, "", "waiting", "waiting for the first points")
    state, note = _state(kept)
    more: Mapping[str, Any] = {"done": kept.done, "total": kept.total, "file": str(kept.path)}
    return status(name, state=state, note=note, **more, **kept.found)


def _found(surface: Surface, version: str) -> Mapping[str, Any]:
    """Return what the page shows of a surface, without its progress."""
    return {
        "name": surface.name,
        "version": version,
        "shape": surface.grid.shape,
        "picture": thumbnail(surface),
    }


def _state(kept: _Kept) -> tuple[State, str]:
    """Return how a file is, and what to say of it."""
    done, total = kept.done, kept.total
    is_written = is_being_written(kept.path)
    if is_written:
        return "running", _time_left(kept)
    kept.history.clear()
    if done == total:
        return "complete", ""
    if is_written is None:
        return "unfinished", part(done, total)
    return "stopped", f"{part(done, total)}; stopped; rerun its command to resume it"


def _version(path: Path) -> str:
    """Return a value that changes whenever the file does; empty for a missing file."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def part(done: int, total: int) -> str:
    """Return how far an unfinished scan is."""
    return f"{done} of {total} points, linearly interpolated between them"


def _time_left(kept: _Kept) -> str:
    """Return how far a running scan is, from what was seen of it."""
    done, total = kept.done, kept.total
    if done == total:
        return f"all points; further seeds or {kept.unit} follow"
    now = time.monotonic()
    history = kept.history
    if not history or history[-1][1] != done:
        history.append((now, done))
    while len(history) > 2 and now - history[0][0] > _WINDOW:
        history.pop(0)
    (began, first), (last, latest) = history[0], history[-1]
    waited = now - last
    if latest <= first or waited > max(_LONG_WITHOUT, last - began):
        since = f", none for {duration(waited)}" if waited > _LONG_WITHOUT else ""
        return part(done, total) + since
    left = (total - done) * (last - began) / (latest - first)
    return f"{part(done, total)}, about {duration(left)} left"
