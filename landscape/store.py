"""Surfaces on disk: HDF5 files that survive a crash and can be read while they grow.

The format is specified in docs/FORMAT.md. A file is made complete in one step, and from
then on only numbers change in place: the HDF5 library never writes to it again, so neither
a killed scan nor a reader can harm it.
"""

import io
import math
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from io import FileIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from landscape.atomic import replacing
from landscape.errors import SurfaceFileError, first_line
from landscape.filetypes import is_torch
from landscape.grid import Grid
from landscape.surface import Curvature, Facts, Mark, Surface, Trajectory

if TYPE_CHECKING:
    from landscape.parameters import Parameters
    from landscape.plane import Plane

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

FORMAT = "landscape-surface"
VERSION = 2

_ARRAYS = ("losses", "accuracies", "standard_errors")
_CURVATURE = ("lowest", "highest")
_MARK = ("alpha", "beta", "distance", "loss")
_TRAJECTORY = ("steps", "alphas", "betas", "distances", "losses", "plane_losses")


def save(
    surface: Surface, path: Path, *, directions: "Plane | None" = None, overwrite: bool = False
) -> None:
    """Write a surface to a new file, which appears complete or not at all.

    Args:
        surface: What to write, also if not all of it is evaluated.
        path: Where; its folder is made if it is missing.
        directions: A plane whose δ and η are stored as arrays as well.
        overwrite: Replace a file that is there.

    Raises:
        SurfaceFileError: The file exists and ``overwrite`` is false.
        OSError: It cannot be written.
    """
    if path.exists() and not overwrite:
        raise SurfaceFileError(f"{path} exists: choose another name, or overwrite it")
    with _undisturbed(path):
        _replace(path, surface, directions)


def amend(
    path: Path, change: Callable[[Surface], Surface], *, directions: "Plane | None" = None
) -> Surface:
    """Replace a file by a changed one, while no other process can write it, and return that.

    Args:
        path: A file made by :func:`save`.
        change: Returns the surface to write, given that of the file.
        directions: As for :func:`save`.

    Raises:
        SurfaceFileError: It is no such file, or another process is writing it.
        OSError: It cannot be written.
    """
    with _undisturbed(path):
        changed = change(load(path))
        _replace(path, changed, directions)
    return changed


def _replace(path: Path, surface: Surface, directions: "Plane | None") -> None:
    # In memory first: on a full disk the HDF5 library brings the process down.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        _write(file, surface, directions)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def _write(file: Any, surface: Surface, directions: "Plane | None") -> None:
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = VERSION
    file.create_dataset("alphas", data=surface.grid.alphas.astype("<f8"))
    file.create_dataset("betas", data=surface.grid.betas.astype("<f8"))
    for number, each in enumerate(surface.all):
        _write_values(file if number == 0 else file.create_group(_repeat(number)), each)
    for group, facts in (("settings", surface.settings), ("provenance", surface.provenance)):
        file.create_group(group).attrs.update(facts)
    if surface.curvature is not None:
        group = file.create_group("curvature")
        for name in _CURVATURE:
            group.create_dataset(name, data=getattr(surface.curvature, name).astype("<f8"))
        group.create_dataset("state", data=surface.curvature.state.astype("u1"))
        seconds = np.array([surface.curvature.seconds], dtype="<f8")
        group.create_dataset("seconds", data=seconds)
    for number, mark in enumerate(surface.marks):
        group = file.create_group(f"marks/{number:03d}")
        group.attrs.update({"name": mark.name, **{key: getattr(mark, key) for key in _MARK}})
    for number, path in enumerate(surface.paths):
        group = file.create_group(f"paths/{number:03d}")
        group.attrs.update({"name": path.name, "unit": path.unit})
        for key in _TRAJECTORY:
            group.create_dataset(key, data=getattr(path, key).astype("<f8"))
    if directions is not None:
        _write_direction(file.create_group("directions/delta"), directions.delta)
        _write_direction(file.create_group("directions/eta"), directions.eta)


def _repeat(number: int) -> str:
    return f"repeats/{number:03d}"


def _write_values(group: Any, surface: Surface) -> None:
    for name in _ARRAYS:
        group.create_dataset(name, data=getattr(surface, name).astype("<f8"))
    group.create_dataset("evaluated", data=surface.evaluated.astype("u1"))
    group.create_dataset("examples", data=surface.examples.astype("<i8"))
    group.create_dataset("seconds", data=np.array([surface.seconds], dtype="<f8"))
    if "seed" in surface.settings:
        group.attrs["seed"] = surface.settings["seed"]


def load(path: str | Path) -> Surface:
    """Read a surface, also one whose scan is still running.

    Raises:
        SurfaceFileError: It is missing, damaged, of a later version, or not ours.
    """
    with open_surface(Path(path)) as file:
        try:
            grid = Grid(file["alphas"][()], file["betas"][()])
            settings = _facts(file["settings"].attrs)
            provenance = _facts(file["provenance"].attrs)
            values = _read_values(file, settings)
            first = Surface(grid, **values, settings=settings, provenance=provenance)
            repeats = [
                replace(
                    first,
                    **_read_values(group, settings),
                    settings={**settings, "seed": int(group.attrs["seed"])},
                )
                for group in _members(file, "repeats")
            ]
            return replace(
                first,
                repeats=tuple(repeats),
                marks=tuple(
                    Mark(str(group.attrs["name"]), *(float(group.attrs[key]) for key in _MARK))
                    for group in _members(file, "marks")
                ),
                paths=tuple(
                    Trajectory(
                        str(group.attrs["name"]),
                        **_columns(group),
                        unit=str(group.attrs["unit"]),
                    )
                    for group in _members(file, "paths")
                ),
                curvature=_read_curvature(file["curvature"]) if "curvature" in file else None,
            )
        except Exception as error:  # damaged files raise nearly anything
            raise SurfaceFileError(f"{path} is damaged: {first_line(error)}") from error


def _numbers(dataset: Any) -> NDArray[Any]:
    values: NDArray[Any] = dataset[()]
    if values.dtype.kind not in "fiu":
        raise TypeError(f"{dataset.name} holds {values.dtype}, not numbers")
    return values


def _columns(group: Any) -> dict[str, NDArray[Any]]:
    columns = {key: _numbers(group[key]) for key in _TRAJECTORY}
    shapes = {values.shape for values in columns.values()}
    if len(shapes) > 1 or min(map(math.prod, shapes)) == 0:
        raise ValueError(f"{group.name} has columns of unequal length, or none")
    return columns


def _seconds(group: Any) -> float:
    seconds = float(group["seconds"][0])
    if not math.isfinite(seconds):
        raise ValueError(f"seconds is {seconds}")
    return seconds


def _members(file: Any, name: str) -> list[Any]:
    return [file[name][key] for key in sorted(file[name], key=int)] if name in file else []


def _read_values(group: Any, settings: Facts) -> dict[str, Any]:
    # The mask first: a point that it shows was written before it.
    evaluated = group["evaluated"][()].astype(bool)
    if "examples" in group:
        # Where the mask is not set, nothing means anything.
        examples = np.where(evaluated, group["examples"][()], 0).astype(np.int64)
    else:  # every point is from all of them
        examples = evaluated * np.int64(settings.get("images", 0))
    return {
        "evaluated": evaluated,
        "examples": examples,
        "seconds": _seconds(group),
        **{name: np.where(evaluated, _numbers(group[name]), np.nan) for name in _ARRAYS},
    }


def _read_curvature(group: Any) -> Curvature:
    state = group["state"][()].astype(np.uint8)  # first, as above
    values = {name: _numbers(group[name]) for name in _CURVATURE}
    return Curvature(**values, state=state, seconds=_seconds(group))


def check_same_scan(found: Surface, wanted: Surface, path: Path) -> None:
    """Check that a file's scan is the one now asked for, so that it can go on.

    Raises:
        SurfaceFileError: It is another; the text names each setting with both values.
    """
    settings = [*found.settings, *(key for key in wanted.settings if key not in found.settings)]
    differences = [
        f"{key} {found.settings.get(key, 'unknown')} there, {wanted.settings.get(key, 'none')} now"
        for key in settings
        if found.settings.get(key) != wanted.settings.get(key)
    ]
    if not differences and found.grid != wanted.grid:
        differences = [f"{found.grid} there, {wanted.grid} now"]
    if differences:
        raise SurfaceFileError(
            f"{path} holds another scan ({'; '.join(differences)}): "
            "choose another --out, or --overwrite it"
        )


class Writer:
    """Puts values into an existing file, point by point, without the HDF5 library.

    A commit writes the values, makes them durable, and only then marks them as evaluated;
    points that had values are first marked as not evaluated.

    Args:
        path: A file made by :func:`save`.
        repeat: Which of the repeats.
        curvature: Whether the eigenvalues are written, not the losses.

    Raises:
        SurfaceFileError: It is no such file, or another process is writing it.
    """

    def __init__(self, path: Path, repeat: int = 0, *, curvature: bool = False) -> None:
        self._group = "curvature" if curvature else _repeat(repeat) if repeat else "/"
        self._values = _CURVATURE if curvature else _ARRAYS
        self._mask = "state" if curvature else "evaluated"
        with ExitStack() as opened:
            self._file = opened.enter_context(_claimed(path))
            self._offsets = _offsets(path, self._group)
            with open_surface(path) as file:
                self._has_values = file[self._group][self._mask][()].ravel() > 0
            self._open = opened.pop_all()
        self._path, self._size = path, path.stat().st_size
        self._pending: list[tuple[int, Sequence[float], int, int]] = []
        self._seconds = 0.0

    def put(
        self,
        index: int,
        values: Sequence[float],
        examples: int = 0,
        seconds: float = 0.0,
        state: int = 1,
    ) -> None:
        """Remember the values of a point until the next commit.

        Args:
            index: Flat index into arrays over the grid.
            values: Its values: loss, accuracy and standard error, or two eigenvalues.
            examples: How many examples they are from.
            seconds: Time spent on all points so far.
            state: What the mask says of it.
        """
        self._pending.append((index, values, examples, state))
        self._seconds = seconds

    def commit(self) -> None:
        """Make all points that were put durable."""
        if not self._pending:
            return
        self._check_there()
        again = [index for index, *_ in self._pending if self._has_values[index]]
        for index in again:
            self._write(self._mask, index, b"\x00")
        if again:
            os.fsync(self._file.fileno())
        for index, values, examples, _ in self._pending:
            for name, number in zip(self._values, values, strict=True):
                self._write(name, 8 * index, np.array(number, dtype="<f8").tobytes())
            if "examples" in self._offsets:
                self._write("examples", 8 * index, np.array(examples, dtype="<i8").tobytes())
        self._write("seconds", 0, np.array(self._seconds, dtype="<f8").tobytes())
        os.fsync(self._file.fileno())
        for index, _, _, state in self._pending:
            self._write(self._mask, index, bytes([state]))
            self._has_values[index] = True
        os.fsync(self._file.fileno())
        self._pending.clear()

    def _check_there(self) -> None:
        here = os.fstat(self._file.fileno())
        try:
            is_there = os.path.samestat(here, self._path.stat()) and here.st_size == self._size
        except OSError:
            is_there = False
        if not is_there:
            self._pending.clear()
            raise SurfaceFileError(
                f"{self._path} was removed or changed while it was written: run it again"
            )

    def _write(self, name: str, position: int, data: bytes) -> None:
        self._file.seek(self._offsets[name] + position)
        self._file.write(data)

    def close(self) -> None:
        """Commit, and let go of the file; also after an error or an interrupt."""
        try:
            self.commit()
        finally:
            self._open.close()


def _offsets(path: Path, group: str) -> Mapping[str, int]:
    names = (*_ARRAYS, *_CURVATURE, "evaluated", "state", "examples", "seconds")
    with open_surface(path) as file:
        there = file[group]
        offsets = {name: there[name].id.get_offset() for name in names if name in there}
    if None in offsets.values():
        raise SurfaceFileError(f"{path} is not contiguous: copy it anew with Surface.save")
    return offsets


@contextmanager
def _claimed(path: Path) -> Iterator[FileIO]:
    """Open a file for writing, and let no other process write it until it is closed."""
    _check_is_file(path)
    with path.open("r+b", buffering=0) as file:
        _claim(file, path)
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise SurfaceFileError(f"{path} was just replaced by another process: run it again")
        yield file


def _undisturbed(path: Path) -> AbstractContextManager[object]:
    """Let no other process write a file while it is replaced, where there are locks."""
    return _claimed(path) if fcntl is not None and path.is_file() else nullcontext()


def _check_is_file(path: Path) -> None:
    if not path.is_file():
        raise SurfaceFileError(f"{path}: {'not a' if path.exists() else 'no such'} file")


def _claim(file: FileIO, path: Path) -> None:
    """Lock the file for writing; readers do not notice (the lock is not flock's)."""
    if fcntl is None:
        return
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            # Unlike lockf's, this lock outlives a reading of the file by this same process.
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
        else:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise SurfaceFileError(
            f"{path} is being written by another process: wait for it, or choose another --out"
        ) from None
    except OSError:
        pass  # a file system without locks


def is_being_written(path: Path) -> bool | None:
    """Return whether a scan is writing a file at this moment; None where nobody can tell."""
    if fcntl is None or not hasattr(fcntl, "F_OFD_GETLK"):
        return None
    try:
        with path.open("rb") as file:
            held: bytes = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
    except OSError:
        return None
    return held != _whole_file(fcntl.F_UNLCK)


def _whole_file(kind: int) -> bytes:
    """Return the lock of a whole file as the system has it."""
    return struct.pack("hhqqi0q", kind, os.SEEK_SET, 0, 0, 0)


@contextmanager
def open_surface(path: Path) -> Iterator[Any]:
    """Open one of our files for reading, without locks, and check that it is ours.

    Raises:
        SurfaceFileError: It is missing, damaged, of a later version, or not ours.
    """
    with open_hdf5(path) as file:
        if str(file.attrs.get("format")) != FORMAT:
            hint = " (it is one of the original program of Li et al. 2018)" * (
                "xcoordinates" in file
            )
            raise SurfaceFileError(
                f"{path} is not a surface of landscape{hint}: expected an HDF5 file with the "
                f"attribute format = {FORMAT!r}, as written by `landscape scan`"
            )
        version = file.attrs.get("format_version", 0)
        if not isinstance(version, np.integer | int) or not 1 <= version <= VERSION:
            raise SurfaceFileError(
                f"{path} has format version {version}, this program reads up to {VERSION}: "
                "install a newer landscape"
            )
        if not _is_whole(file):
            raise SurfaceFileError(f"{path} has its data elsewhere: expected a file that is whole")
        yield file


def _is_whole(group: Any) -> bool:
    """Return whether all data are in the file: else it would decide what else is read."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            return False
        item = group[name]
        if isinstance(item, h5py.Group):
            if not _is_whole(item):
                return False
        elif item.external is not None or item.is_virtual:
            return False
    return True


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open any HDF5 file for reading, without locks.

    Raises:
        SurfaceFileError: It is missing, or not a whole HDF5 file.
    """
    _check_is_file(path)
    try:
        file = _open_unlocked(path)
    except OSError as error:
        if is_torch(path):
            raise SurfaceFileError(
                f"{path} is a checkpoint, not a surface: make one with `landscape scan {path}`"
            ) from error
        raise SurfaceFileError(f"{path} is not a whole HDF5 file: {error}") from error
    with file:
        yield file


def _open_unlocked(path: Path) -> Any:
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        # This process has it open already, with locks: HDF5 wants all its handles alike.
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r")


def stores_directions(path: Path) -> bool:
    """Return whether a file of ours stores δ and η as arrays."""
    with open_surface(path) as file:
        return "directions" in file


def load_stored_directions(path: Path) -> "tuple[Parameters, Parameters]":
    """Read δ and η from one of our files.

    Raises:
        SurfaceFileError: The file holds no arrays, or is not ours.
    """
    with open_surface(path) as file:
        if "directions" not in file:
            settings = _facts(file["settings"].attrs)
            raise SurfaceFileError(
                f"{path} stores no direction arrays, only seed {settings.get('seed')} and "
                f"normalization {settings.get('normalize')}: use these, or scan it again with "
                "--store-directions"
            )
        return _read_direction(file["directions/delta"]), _read_direction(file["directions/eta"])


def _write_direction(group: Any, direction: "Parameters") -> None:
    # Numbered, since parameter names may hold a slash, which HDF5 reads as a path.
    for number, (name, tensor) in enumerate(direction.items()):
        dataset = group.create_dataset(f"{number:05d}", data=tensor.cpu().numpy())
        dataset.attrs["name"] = name


def _read_direction(group: Any) -> "Parameters":
    import torch

    return {
        str(group[key].attrs["name"]): torch.from_numpy(group[key][()]) for key in sorted(group)
    }


def _facts(attributes: Any) -> Facts:
    # HDF5 gives numbers as numpy scalars.
    for key, value in attributes.items():
        if not isinstance(value, str | bool | int | float | np.number | np.bool_):
            raise TypeError(f"{key} is a {type(value).__name__}")
    return {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in attributes.items()
    }
