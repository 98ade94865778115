"""Exceptions for invalid files, checkpoints, data and user code.

::

    LandscapeError
    ├── ParameterMismatchError
    ├── DataError
    ├── CheckpointError
    ├── SurfaceFileError
    │   └── DifferentScanError
    └── UserCodeError

A wrong call raises ``ValueError`` or ``TypeError``. The command line prints the message of a
``LandscapeError`` as one line and exits with 1.
"""

import re
from collections.abc import Mapping
from pathlib import Path


class LandscapeError(Exception):
    """A file, checkpoint or state is not what was expected; the message says what to do.

    Args:
        message: One line: what was expected, what was found, and what to do.
        path: The file, if the error is about one.
        key: Name of the parameter, entry or setting that is wrong, if it is one.
        expected: Its expected value.
        got: Its value.

    Attributes:
        path: The file, or None.
        key: The name, or None.
        expected: The expected value, or None.
        got: The value, or None.

    Example:
        >>> import landscape
        >>> try:
        ...     landscape.load("missing.h5")
        ... except landscape.LandscapeError as error:
        ...     print(error.path)
        missing.h5
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: Path | None = None,
        key: str | None = None,
        expected: object = None,
        got: object = None,
    ) -> None:
        super().__init__(message)
        self.path, self.key, self.expected, self.got = path, key, expected, got


class ParameterMismatchError(LandscapeError):
    """Two sets of parameters differ in names or shapes."""


class DataError(LandscapeError):
    """A data set is missing, damaged, or of the wrong shape."""


class CheckpointError(LandscapeError):
    """A checkpoint cannot be read, holds code, or does not fit the network."""


class SurfaceFileError(LandscapeError):
    """A surface or direction file cannot be read, or holds another scan."""


class DifferentScanError(SurfaceFileError):
    """A file contains a different scan from the one requested.

    Args:
        path: The file.
        differences: Settings in which they differ: name to (value in the file, requested value).

    Attributes:
        differences: Settings in which they differ: name to (value in the file, requested value).
    """

    def __init__(self, path: Path, differences: Mapping[str, tuple[object, object]]) -> None:
        self.differences = differences
        listed = "; ".join(
            f"{key}: file {_short(found)}, requested {_short(wanted)}"
            for key, (found, wanted) in differences.items()
        )
        super().__init__(
            f"{path} contains a different scan ({listed}). Pass overwrite=True or another path.",
            path=path,
        )

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Return the arguments of the constructor, for pickle."""
        return type(self), (self.path, dict(self.differences))


class UserCodeError(LandscapeError):
    """A user-supplied file could not be imported, or its callable failed."""


def _short(value: object) -> object:
    """Return a value; of a SHA-256 its first digits, which distinguish two as well."""
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return f"{value[:12]}…"
    return value


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, or its type if it has none.

    Args:
        error: The exception.
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def root_cause(error: BaseException) -> BaseException:
    """Return the exception that others were raised from or in handling it; itself if none was.

    Args:
        error: The exception.
    """
    while True:
        earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if earlier is None:
            return error
        error = earlier
