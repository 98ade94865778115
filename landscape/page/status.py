"""Status of a surface on the page: what is shown of it before it is drawn."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

State = Literal["complete", "running", "stopped", "unfinished", "waiting", "damaged"]


def status(  # noqa: D417  # the rest is what the page shows
    identifier: str,
    name: str,
    version: str,
    state: State,
    note: str = "",
    done: int = 0,
    total: int = 0,
    shape: Sequence[int] = (),
    picture: Mapping[str, Any] | None = None,
    file: str = "",
) -> Mapping[str, Any]:
    """Return the status of a surface, which the page needs before it is drawn.

    Args:
        identifier: By which the page knows it.
        version: Changes with the content; empty for a missing file.
        file: Its path as the user gave it, for commands that the page shows.
    """
    return {
        "id": identifier,
        "file": file,
        "name": name,
        "version": version,
        "state": state,
        "note": note,
        "done": done,
        "total": total,
        "shape": list(shape),
        "thumbnail": picture,
    }


def with_different_names(index: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return statuses in which those that are called alike are called by their identifiers."""
    index = list(index)
    names = [each["name"] for each in index]
    return [
        {**each, "name": each["id"]} if names.count(each["name"]) > 1 else each for each in index
    ]
