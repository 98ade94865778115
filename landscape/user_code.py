"""User-supplied Python code: ``FILE.py:CALLABLE``."""

import importlib.util
import sys
import traceback
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from landscape.errors import UserCodeError, first_line

_PREFIX = "landscape_user_"


@dataclass(frozen=True)
class UserCallable:
    """A user-supplied callable; its exceptions become one line with file and line number.

    Attributes:
        reference: ``FILE.py:CALLABLE`` as it was given.
        call: The callable itself.
    """

    reference: str
    call: Any

    def __call__(self, **arguments: Any) -> Any:
        """Call it.

        Returns:
            What it returns.

        Raises:
            UserCodeError: It raised an exception.
        """
        try:
            return self.call(**arguments)
        except (Exception, SystemExit) as error:
            raise UserCodeError(f"{self.reference} failed: {_where(error)}") from error


def load_callable(reference: str) -> UserCallable:
    """Import ``FILE.py:CALLABLE``.

    The file's own folder is on the import path, so that it can import its neighbors.

    Returns:
        The callable.

    Raises:
        UserCodeError: No such file or callable, or importing it raised an exception.
    """
    file, _, name = reference.rpartition(":")
    path = Path(file)
    if not file.endswith(".py") or not name:
        raise UserCodeError(f"expected FILE.py:CALLABLE, not {reference!r}")
    if not path.is_file():
        raise UserCodeError(f"{path}: no such file")
    value = getattr(_module(path.resolve()), name, None)
    if not callable(value):
        raise UserCodeError(f"{path} has no callable {name!r}")
    return UserCallable(reference, value)


def loaded_files() -> list[str]:
    """Return the files of all callables that were imported, for another process to import."""
    return [
        str(module.__file__) for key, module in list(sys.modules.items()) if key.startswith(_PREFIX)
    ]


def load_file(file: str) -> None:
    """Import a file under the name that its callables are known by.

    Raises:
        UserCodeError: Importing it raised an exception.
    """
    _module(Path(file))


def _module(path: Path) -> ModuleType:
    key = f"{_PREFIX}{path.stem}_{zlib.crc32(str(path).encode()):08x}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise UserCodeError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[key]
        raise UserCodeError(f"{path} cannot be imported: {_where(error)}") from error
    return module


def failure(error: BaseException) -> str | None:
    """Return what a user's own code raised and where in it, or None if it was not there.

    Their own are the files of all callables that were imported, and the neighbors of these.
    """
    folders = {Path(file).parent for file in loaded_files()}
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent in folders and frame.name != "<module>"
    ]
    return _said(error, frames[-1]) if frames else None


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return _said(error, frames[-1] if frames else None)


def _said(error: BaseException, frame: traceback.FrameSummary | None) -> str:
    """Return an exception's type, its first line and a place."""
    text = f"{type(error).__name__}: {first_line(error)}"
    return f"{text} ({frame.filename}:{frame.lineno})" if frame else text
