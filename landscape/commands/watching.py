"""``--view``: the live page of what a verb is making."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def watched(surfaces: Sequence[Path]) -> Iterator[None]:
    """Show surfaces while they grow, and until Ctrl-C when they are done.

    The viewer is a process of its own, which only reads: it cannot harm what is being made.

    Args:
        surfaces: Files, which may not be there yet.
    """
    command = [sys.executable, "-m", "landscape", "view", "--wait", *map(str, surfaces)]
    viewer = subprocess.Popen(command, stdout=sys.stderr)  # noqa: S603  # our own program
    try:
        yield
        with suppress(KeyboardInterrupt):  # everything is on disk
            viewer.wait()
    finally:
        viewer.terminate()
        viewer.wait()
