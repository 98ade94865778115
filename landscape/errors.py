"""What can be wrong outside the program: files, checkpoints, data, a user's own code.

A wrong *call* is a ``ValueError`` or ``TypeError``. These are for the rest; the command
line prints their text as one line and exits with 1.
"""


class LandscapeError(Exception):
    """A file, a checkpoint or a state is not what was expected; the text says what to do."""


class ParameterMismatchError(LandscapeError):
    """Two sets of parameters differ in names or shapes."""


class DataError(LandscapeError):
    """A data set is missing, damaged, or of the wrong shape."""


class CheckpointError(LandscapeError):
    """A checkpoint cannot be read, holds code, or does not fit the net."""


class SurfaceFileError(LandscapeError):
    """A surface or direction file cannot be read, or holds another scan."""


class UserCodeError(LandscapeError):
    """A user's own file could not be imported, or its callable failed."""


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's text, or its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
