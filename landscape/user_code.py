"""User-supplied Python code: ``FILE.py:CALLABLE``."""

import importlib.util
import inspect
import sys
import tempfile
import traceback
import zlib
from collections.abc import Mapping
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
            UserCodeError: It raised an exception, or needs further arguments.
        """
        if needed := [name for name in self.needed if name not in arguments]:
            name = self.reference.rpartition(":")[2]
            raise UserCodeError(
                f"{self.reference}: expected a function or class that can be called without "
                f"arguments, it needs {', '.join(needed)}: write a function that gives them, def "
                f"make(): return {name}(…)"
            )
        try:
            return self.call(**arguments)
        except (Exception, SystemExit) as error:
            raise UserCodeError(f"{self.reference} failed: {_where(error)}") from error

    @property
    def needed(self) -> list[str]:
        """Names of the arguments that it cannot be called without, if they are known."""
        try:
            parameters = inspect.signature(self.call).parameters.values()
        except (TypeError, ValueError):  # of functions in C
            return []
        return [
            parameter.name
            for parameter in parameters
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]


def load_callable(reference: str) -> UserCallable:
    """Import ``FILE.py:CALLABLE``.

    The file's own folder is on the import path, so that it can import its neighbors.

    Returns:
        The callable.

    Raises:
        UserCodeError: No such file or callable, or importing it raised an exception.
    """
    stem, separator, name = reference.rpartition(".py:")
    if not separator or not name:
        raise UserCodeError(f"expected FILE.py:CALLABLE, not {reference!r}")
    path = Path(f"{stem}.py")
    if "(" in name:
        raise UserCodeError(
            f"expected FILE.py:CALLABLE, got a call {reference!r}: write it into the file, of a "
            f"model or data as def make(): return {name}, of a loss as loss = …, and give "
            f"{path}:make or {path}:loss"
        )
    if not path.is_file():
        raise UserCodeError(f"{path}: no such file")
    value = getattr(_module(path.resolve()), name, None)
    if not callable(value):
        raise UserCodeError(f"{path} has no callable {name!r}")
    return UserCallable(reference, value)


_SOURCES: dict[str, bytes] = {}


def loaded_sources() -> Mapping[str, bytes]:
    """Return the files of all callables that were imported, with their content at that time."""
    return dict(_SOURCES)


def load_source(file: str, source: bytes) -> None:
    """Import a file of another machine under the name that its callables are known by.

    Args:
        file: Its path there.
        source: Its content; a file of this machine that has the same is taken.

    Raises:
        UserCodeError: Importing it raised an exception.
    """
    path = Path(file)
    try:
        is_here = path.read_bytes() == source
    except OSError:
        is_here = False
    if is_here or _key(path) in sys.modules:
        _module(path)
        return
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    copy = folder / path.name
    copy.write_bytes(source)
    _module(copy, _key(path))


def _key(path: Path) -> str:
    return f"{_PREFIX}{path.stem}_{zlib.crc32(str(path).encode()):08x}"


def _module(path: Path, key: str = "") -> ModuleType:
    key = key or _key(path)
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise UserCodeError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    source = path.read_bytes()
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except SystemExit as error:
        del sys.modules[key]
        raise UserCodeError(
            f"{path} ends the program when it is imported: put its functions into a file without "
            'a main program, or guard that with if __name__ == "__main__":'
        ) from error
    except Exception as error:
        del sys.modules[key]
        raise UserCodeError(f"{path} cannot be imported: {_where(error)}") from error
    _SOURCES[str(path)] = source
    return module


def failure(error: BaseException) -> str | None:
    """Return what a user's own code raised and where in it, or None if it was not there.

    Their own are the files of all callables that were imported, and the neighbors of these.
    """
    folders = {Path(file).parent for file in _SOURCES}
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
