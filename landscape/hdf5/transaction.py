"""The output file of a scan, opened once: locked, read, checked, amended and written."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from landscape import locks
from landscape.atomic import check_writable, replacing, sync_names, temporary_name
from landscape.errors import DifferentScanError, SurfaceFileError
from landscape.hdf5.differences import differences_of
from landscape.hdf5.layout import VERSION, compose
from landscape.hdf5.opening import check_is_file, check_surface
from landscape.hdf5.outline import Group, read_outline
from landscape.hdf5.reading import read, read_directions
from landscape.hdf5.writer import Writer
from landscape.surface import Surface

if TYPE_CHECKING:
    from landscape.parameters import Parameters


class SurfaceFile:
    """A surface file that this process alone may write, from the first look to the last point.

    If the file exists it is locked and read; :meth:`write` creates or replaces it, and
    :meth:`put` and :meth:`commit` add values in place.

    Args:
        path: The file.
        overwrite: Ignore the content of an existing file; it stays until :meth:`write`.

    Attributes:
        path: The file.
        found: The surface in an existing file, or None.

    Raises:
        SurfaceFileError: The file is being written by another process, or is not a surface.
        OSError: It cannot be written.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.found: Surface | None = None
        self._overwrite = overwrite
        self._raw: FileIO | None = None
        self._writer: Writer | None = None
        self._file: Group | None = None
        self._size = 0
        check_writable(self.path)  # before long work
        if self.path.exists():
            with ExitStack() as opened:
                opened.callback(self.close)
                self._open()
                opened.pop_all()

    def _open(self) -> None:
        check_is_file(self.path)
        self._raw = self.path.open("r+b", buffering=0)
        locks.lock(self._raw, self.path)
        if not os.path.samestat(os.fstat(self._raw.fileno()), self.path.stat()):
            raise SurfaceFileError(
                f"{self.path} was just replaced by another process: run it again", path=self.path
            )
        self._size = os.fstat(self._raw.fileno()).st_size
        if not self._overwrite:
            self._file = read_outline(self._raw, self.path)
            check_surface(self._file, self.path)
            self.found = read(self._file, self.path)

    def directions(self) -> "tuple[Parameters, Parameters] | None":
        """Return δ and η of the existing file, or None if it does not store them."""
        return None if self._file is None else read_directions(self._file, self.path)

    @property
    def stores_directions(self) -> bool:
        """Whether the existing file stores δ and η."""
        return self._file is not None and "directions" in self._file

    def check_same(self, wanted: Surface) -> None:
        """Check that the existing file holds the scan that is wanted.

        Args:
            wanted: A surface with the settings and the grid of the scan.

        Raises:
            DifferentScanError: It holds another scan; the error carries the differences.
        """
        if self.found is not None and (differences := differences_of(self.found, wanted)):
            raise DifferentScanError(self.path, differences)

    def write(
        self, surface: Surface, directions: "tuple[Parameters, Parameters] | None" = None
    ) -> None:
        """Create the file, or replace it atomically, and keep it locked.

        Args:
            surface: The surface, complete or not.
            directions: δ and η, if they are to be stored; by default those of the existing
                file.

        Raises:
            SurfaceFileError: Another process created the file meanwhile.
            OSError: It cannot be written.
        """
        content = compose(surface, directions or self.directions())
        self._replace(content)
        assert self._raw is not None  # noqa: S101  # opened by _replace
        self._size = os.fstat(self._raw.fileno()).st_size
        self._file = read_outline(self._raw, self.path)
        self.found = surface

    def _replace(self, content: bytes) -> None:
        """Put a new file at the path, opened and locked before it gets its name.

        Raises:
            OSError: It cannot be written.
        """
        is_new = self._raw is None
        if locks.fcntl is None:  # Windows: an open file cannot be renamed
            self._release()
            with replacing(self.path) as temporary:
                temporary.write_bytes(content)
            self._raw = self.path.open("r+b", buffering=0)
            return
        temporary = temporary_name(self.path)
        raw: FileIO | None = None
        try:
            raw = temporary.open("w+b", buffering=0)
            _write_all(raw, content)
            os.fsync(raw.fileno())
            locks.lock(raw, self.path)
            _rename(temporary, self.path.resolve(), is_new=is_new)
        except OSError as error:
            if raw is not None:
                raw.close()
            # The user knows the name that was requested, not the temporary one.
            raise OSError(error.errno, error.strerror or str(error), str(self.path)) from error
        except BaseException:
            if raw is not None:
                raw.close()
            raise
        finally:
            temporary.unlink(missing_ok=True)
        self._release()
        self._raw = raw

    def put(
        self, layer: str, index: int, values: Mapping[str, float], *, seconds: float, seed: int = 0
    ) -> None:
        """Remember the values of a point until the next commit; see :meth:`Writer.put`.

        Args:
            layer: Name of the layer.
            index: Flat index into arrays over the grid.
            values: Values by the name of the array.
            seconds: Time spent on all points of this layer and seed so far.
            seed: Position of the seed.
        """
        if self._writer is None:
            assert self._raw is not None  # noqa: S101  # put() is for files that exist
            assert self._file is not None  # noqa: S101
            self._writer = Writer(self._raw, self.path, self._file, self._size)
        self._writer.put(layer, index, values, seconds=seconds, seed=seed)

    def commit(self) -> None:
        """Make all points durable.

        Raises:
            SurfaceFileError: The file was removed or changed by another process.
            OSError: It cannot be written.
        """
        if self._writer is not None:
            self._writer.commit()

    @property
    def is_current(self) -> bool:
        """Whether the existing file is of the current format version."""
        return self._file is not None and int(self._file.attrs["format_version"]) == VERSION

    def close(self) -> None:
        """Commit, and release the file; also after an error or an interrupt."""
        try:
            self.commit()
        finally:
            self._release()

    def _release(self) -> None:
        raw = self._raw
        self._file = self._raw = self._writer = None
        if raw is not None:
            raw.close()

    def __enter__(self) -> "SurfaceFile":
        """Return the file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


def _write_all(raw: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[raw.write(rest) :]


def _rename(temporary: Path, path: Path, *, is_new: bool) -> None:
    """Give a file its name; a new one does not replace a file that was just created.

    Raises:
        SurfaceFileError: Another process has created it.
    """
    if is_new:
        try:
            os.link(temporary, path)
        except OSError:
            if path.exists():
                raise SurfaceFileError(
                    f"{path} was just created by another process: run it again", path=path
                ) from None
            temporary.replace(path)  # a file system without hard links
    else:
        temporary.replace(path)
    sync_names(path.parent)
