"""Names of networks and files in figures, and what makes them different."""

from collections.abc import Sequence
from pathlib import Path


def title_of(path: Path) -> str:
    """Return the name of a checkpoint: ``runs/resnet56/last.pt`` is ``resnet56``.

    Args:
        path: The checkpoint.
    """
    folder = path.resolve().parent.name
    if path.is_dir():
        return path.resolve().name
    if path.stem == "last":
        return folder
    is_ours = path.stem == "initial" or path.stem.startswith(("epoch-", "step-"))
    return f"{folder}-{path.stem}" if is_ours else path.stem


def disambiguate(titles: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """Return different titles: prefixed by the nearest folder that differs, or numbered.

    Args:
        titles: Titles of files or folders.
        paths: The files or folders.
    """
    found = list(titles)
    folders = [[parent.name for parent in path.resolve().parents] for path in paths]
    for names in zip(*folders, strict=False):
        if len(set(found)) == len(found):
            break
        found = [f"{name}-{title}" for name, title in zip(names, titles, strict=True)]
    counted = [f"{title} ({number})" for number, title in enumerate(titles, 1)]
    return found if len(set(found)) == len(found) else counted


def numbered(names: Sequence[str]) -> list[str]:
    """Return different names: repeated ones are numbered.

    Args:
        names: Names.
    """
    result: list[str] = []
    once = {name for name in names if names.count(name) == 1}
    for name in names:
        unique, number = name, 1
        while name not in once and (unique == name or unique in once or unique in result):
            unique, number = f"{name} ({number})", number + 1
        result.append(unique)
    return result
