"""Surfaces in files, as they are at this moment: also those whose scan is still running."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from landscape import store
from landscape.errors import SurfaceFileError
from landscape.interactive.payload import content, thumbnail
from landscape.progress import duration
from landscape.surface import Surface

State = Literal["complete", "running", "stopped", "unfinished", "waiting", "damaged"]

SUFFIXES = (".h5", ".hdf5")
_MOST_FILES = 1000
_WINDOW = 60.0  # seconds over which the rate is measured
_LONG_WITHOUT = 10.0


def status(  # noqa: D417  # the rest is what the page shows
    identifier: str,
    name: str,
    version: str,
    state: State,
    note: str = "",
    done: int = 0,
    total: int = 0,
    shape: Sequence[int] = (),
    picture: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Return what the page is told of a surface before it is drawn.

    Args:
        identifier: By which the page knows it.
        version: Changes with the content; empty where there is none.
    """
    return {
        "id": identifier,
        "name": name,
        "version": version,
        "state": state,
        "note": note,
        "done": done,
        "total": total,
        "shape": list(shape),
        "thumbnail": picture,
    }


def points(surface: Surface) -> tuple[int, int]:
    """Return how many points are done, of how many, over all that a scan computes."""
    parts = [each.evaluated for each in surface.all]
    parts += [surface.curvature.state > 0] if surface.curvature is not None else []
    return sum(int(part.sum()) for part in parts), sum(part.size for part in parts)


def reason_not_drawn(surface: Surface) -> str | None:
    """Return why the page cannot draw a surface, if it cannot."""
    if min(surface.grid.shape) < 2:
        return f"{surface.name} is a line, not a surface: draw it with `landscape plot`"
    return None


@dataclass
class _Kept:
    """What is known of a file."""

    path: Path
    version: str = ""
    surface: Surface | None = None
    status: Mapping[str, Any] | None = None
    history: list[tuple[float, int]] = field(default_factory=list)


class Shelf:
    """Some surfaces, or all in a folder.

    Args:
        paths: Files, or one folder, in which files are looked for again and again.
        wait: Whether files may come later.

    Raises:
        SurfaceFileError: A file is missing or is none of ours, or cannot be drawn.
    """

    def __init__(self, paths: Sequence[Path], *, wait: bool = False) -> None:
        self.folder = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
        self._kept: dict[str, _Kept] = {}
        if self.folder is None:
            for path in paths:
                if path.exists() or not wait:
                    reason = reason_not_drawn(store.load(path))
                    if reason:
                        raise SurfaceFileError(reason)
            names = _identifiers(paths)
            self._kept = {name: _Kept(path) for name, path in zip(names, paths, strict=True)}

    def index(self) -> list[Mapping[str, Any]]:
        """Return the status of every surface, having read again those that have changed."""
        if self.folder is not None:
            self._look_around(self.folder)
        statuses = [self._status(name, kept) for name, kept in self._kept.items()]
        if self.folder is not None:
            surfaces = self.surfaces
            statuses = [each for each in statuses if each["id"] in surfaces]
        return with_different_names(statuses)

    @property
    def surfaces(self) -> Mapping[str, Surface]:
        """All that have been read and can be drawn, by identifier."""
        return {
            name: kept.surface
            for name, kept in self._kept.items()
            if kept.surface is not None and reason_not_drawn(kept.surface) is None
        }

    def content(self, identifier: str) -> Mapping[str, Any] | None:
        """Return all of a surface; None where there is none of that name."""
        kept = self._kept.get(identifier)
        if kept is None or kept.surface is None:
            return None
        return content(kept.surface, identifier, kept.version)

    def _look_around(self, folder: Path) -> None:
        found = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
        for path in found[:_MOST_FILES]:
            name = path.relative_to(folder).with_suffix("").as_posix()
            self._kept.setdefault(name, _Kept(path))

    def _status(self, name: str, kept: _Kept) -> Mapping[str, Any]:
        version = _version(kept.path)
        if version != kept.version and version:
            try:
                kept.surface = store.load(kept.path)
                kept.version = version
                kept.status = None
            except SurfaceFileError as error:
                if kept.surface is None:
                    return status(name, name, "", "damaged", str(error))
        if kept.surface is None:
            return status(name, name, "", "waiting", "waiting for the first points")
        if kept.status is None or kept.status["state"] != "complete":
            kept.status = self._told(name, kept, kept.surface)
        return kept.status

    def _told(self, name: str, kept: _Kept, surface: Surface) -> Mapping[str, Any]:
        done, total = points(surface)
        written = store.is_being_written(kept.path)
        state: State
        if written:
            state, note = "running", _time_left(kept, done, total)
        elif done == total:
            state, note = "complete", ""
        elif written is None:
            state, note = "unfinished", _part(done, total)
        else:
            state = "stopped"
            note = f"{_part(done, total)}; stopped: the command that made it goes on with it"
        if state != "running":
            kept.history.clear()
        picture = thumbnail(surface)
        shape = surface.grid.shape
        return status(name, surface.name, kept.version, state, note, done, total, shape, picture)


def told_apart(names: Sequence[str]) -> list[str]:
    """Return names, numbered where they are not different."""
    return [
        f"{name} ({number})" if names.count(name) > 1 else name
        for number, name in enumerate(names, 1)
    ]


def with_different_names(index: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return statuses in which those that are called alike are called by their identifiers."""
    names = [each["name"] for each in index]
    return [
        {**each, "name": each["id"]} if names.count(each["name"]) > 1 else each for each in index
    ]


def _identifiers(paths: Sequence[Path]) -> list[str]:
    """Return short names, or longer ones where these are not unique."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(paths):
        return stems
    return told_apart([path.with_suffix("").as_posix() for path in paths])


def _version(path: Path) -> str:
    """Return what changes whenever a file does; empty where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def _part(done: int, total: int) -> str:
    return f"{done} of {total} points"


def _time_left(kept: _Kept, done: int, total: int) -> str:
    """Return how far a running scan is, from what was seen of it."""
    if done == total:
        return "all points; going on"
    now = time.monotonic()
    history = kept.history
    if not history or history[-1][1] != done:
        history.append((now, done))
    while len(history) > 2 and now - history[0][0] > _WINDOW:
        history.pop(0)
    (began, first), (last, latest) = history[0], history[-1]
    if latest <= first:
        waited = now - last
        since = f", none for {duration(waited)}" if waited > _LONG_WITHOUT else ""
        return _part(done, total) + since
    left = (total - done) * (last - began) / (latest - first)
    return f"{_part(done, total)}, about {duration(left)} left"
