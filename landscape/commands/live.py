"""``--view``: the live page of what a verb is making."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import landscape


@contextmanager
def watched(surfaces: Sequence[Path]) -> Iterator[None]:
    """Show surfaces while they grow, and until Ctrl-C when they are done.

    The viewer is a process of its own, which only reads: it cannot harm what is being made. It
    ends with this one, however that ends.

    Args:
        surfaces: Files, which may not be there yet.
    """
    options = ["view", "--wait", "--with-parent", "--"]
    command = [sys.executable, "-m", "landscape", *options, *map(str, surfaces)]
    # This very program, whatever lies in the folder where we are.
    ours = str(Path(landscape.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [ours, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    viewer = subprocess.Popen(  # noqa: S603  # our own program
        command, stdin=subprocess.PIPE, stdout=sys.stderr, env=environment
    )
    try:
        yield
        with suppress(KeyboardInterrupt):  # everything is on disk
            viewer.wait()
    finally:
        if viewer.stdin is not None:
            viewer.stdin.close()  # that ends it
        with suppress(KeyboardInterrupt):
            viewer.wait()
