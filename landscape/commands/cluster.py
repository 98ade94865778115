"""The Dask cluster of ``--cluster``."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from landscape.errors import LandscapeError, first_line

_SECONDS = 20  # for the scheduler to answer

# A task that ended a worker is given to so many others.
_RETRIES = 3


@contextmanager
def connected(where: str | None) -> Iterator[Executor | None]:
    """Connect to a Dask cluster.

    Args:
        where: Address of its scheduler, or the file in which it has written it; None for none.

    Yields:
        Its executor; None without a cluster. Where all workers have the resource ``GPU``, a task
        takes one.

    Raises:
        LandscapeError: Dask is not installed, or no scheduler answers.
    """
    if where is None:
        yield None
        return
    try:
        import distributed
    except ImportError as error:
        raise LandscapeError("--cluster needs Dask: pip install distributed") from error
    given: dict[str, Any] = {"address": where} if "://" in where else {"scheduler_file": where}
    try:
        client: Any = distributed.Client(**given, timeout=_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise LandscapeError(
            f"no Dask scheduler answers at {where}: {first_line(error)}"
        ) from error
    with client:
        workers = client.scheduler_info()["workers"].values()
        has_gpus = workers and all("GPU" in each.get("resources", {}) for each in workers)
        resources: dict[str, Any] = {"resources": {"GPU": 1}} if has_gpus else {}
        yield client.get_executor(pure=False, retries=_RETRIES, **resources)
