"""The process that outlines HDF5 files, started at first use and again after a file ended it."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("outline_process.py")
# On the clock; the process limits its processor time itself, where the system can.
_SECONDS, _BYTES_PER_SECOND = 60.0, 1_000_000


class _EndedError(Exception):
    """The process ended before it had answered."""


class Outliner:
    """Asks a process of its own for the outlines of files, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, path: Path) -> tuple[dict[str, Any], memoryview]:
        """Return what the process answers about a file, and the values it has decoded.

        Args:
            path: The file.
        """
        request = json.dumps({"path": os.fspath(path.absolute())}).encode() + b"\n"
        seconds = _SECONDS + path.stat().st_size / _BYTES_PER_SECOND
        with self._lock:
            process = self._started()
            timer = threading.Timer(seconds, process.kill)
            timer.daemon = True
            timer.start()
            try:
                return _exchange(process, request)
            except (_EndedError, OSError):
                reason = "the HDF5 library does not finish reading it, or crashes"
                self.end()
                return {"damaged": reason}, memoryview(b"")
            except BaseException:  # what comes next must not get this answer
                self.end()
                raise
            finally:
                timer.cancel()

    def end(self) -> None:
        """End the process, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]  # opened below
            process.wait()

    def forget(self) -> None:
        """Leave the process to the parent from which this process was forked."""
        self.__init__()  # type: ignore[misc]  # the lock may be held by a thread of the parent

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.end()
        places = [place for place in sys.path if place]  # not the current folder: it holds data
        self._process = subprocess.Popen(  # noqa: S603  # our own script
            [sys.executable, os.fspath(_SCRIPT), *places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        return self._process


def _exchange(process: "subprocess.Popen[bytes]", request: bytes) -> tuple[Any, memoryview]:
    assert process.stdin is not None  # noqa: S101  # opened above
    process.stdin.write(request)
    process.stdin.flush()
    head = json.loads(_received(process, int.from_bytes(_received(process, 8), "little")))
    return head, memoryview(_received(process, head.get("decoded", 0)))


def _received(process: "subprocess.Popen[bytes]", num: int) -> bytes:
    assert process.stdout is not None  # noqa: S101  # opened above
    data = process.stdout.read(num)
    if len(data) < num:
        raise _EndedError
    return data


outliner = Outliner()
"""That of this process."""

atexit.register(outliner.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=outliner.forget)
