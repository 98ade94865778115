"""Which parameters are moved, by patterns of their names."""

import difflib
import fnmatch
from collections.abc import Iterable, Sequence

from landscape.parameters import some_of

_TRAINABLE = "trainable"


def unselected(
    names: Sequence[str], trained: frozenset[str], only: str | Sequence[str] | None
) -> frozenset[str]:
    """Return the names of the parameters that are not to be moved.

    Args:
        names: Names of all parameters.
        trained: Names of those that require gradients.
        only: Patterns, see :class:`landscape.Objective`.

    Raises:
        ValueError: A pattern fits no parameter, or all are left out.
    """
    patterns = _listed(only)
    if not patterns:
        return frozenset()
    possible = frozenset(names)
    if _TRAINABLE in patterns:
        possible &= trained
        if not possible:
            raise ValueError("only='trainable': no parameter requires gradients")
        patterns = [each for each in patterns if each != _TRAINABLE]

    def fitting(pattern: str) -> set[str]:
        found = set(trained if pattern == _TRAINABLE else fnmatch.filter(names, pattern))
        if not found:
            raise ValueError(f"no parameter's name fits {pattern!r}{_advice(pattern, names)}")
        return found

    wanted = [fitting(each) for each in patterns if not each.startswith("!")]
    left_out = [fitting(each[1:]) for each in patterns if each.startswith("!")]
    chosen = possible.intersection(set().union(*wanted) if wanted else names).difference(*left_out)
    if not chosen:
        among = " among the trainable ones" if possible != frozenset(names) else ""
        found = some_of(sorted(possible))
        raise ValueError(f"only={only!r} leaves no parameter to move{among}: they are {found}")
    return frozenset(names) - chosen


def description(only: str | Sequence[str] | None) -> str:
    """Return in words which parameters are moved; nothing for all.

    Args:
        only: Patterns, see :class:`landscape.Objective`.

    Example:
        >>> description(["trainable", "*attn*"])
        'the trainable of *attn*'
    """
    patterns = _listed(only)
    others = [each for each in patterns if each != _TRAINABLE]
    # Files of earlier versions have the two joined by a comma where either sufficed.
    both = len(others) < len(patterns) and any(not each.startswith("!") for each in others)
    return f"the trainable of {', '.join(others)}" if both else ", ".join(patterns)


def frozen_remarks(
    trained: frozenset[str], chosen: frozenset[str], only: str | Sequence[str] | None
) -> list[str]:
    """Return a remark if parameters are moved that were not trained as others were.

    Args:
        trained: Names of those that require gradients.
        chosen: Names of those that are moved.
        only: The patterns that choose them, see :class:`landscape.Objective`.
    """
    frozen = sorted(chosen - trained)
    if not trained or not frozen:
        return []
    advice = "only='trainable'" if only is None else "'trainable' in addition in only"
    return [
        f"parameters that do not require gradients are moved as well: {some_of(frozen)} "
        f"({advice} leaves them where they are)"
    ]


def _listed(only: str | Sequence[str] | None) -> list[str]:
    return [only] if isinstance(only, str) else list(only or ())


def _advice(pattern: str, names: Sequence[str]) -> str:
    """Return the pattern that may be meant, or names, for a message."""
    inner = [name for name in names if name.startswith(f"{pattern}.")]
    if inner:
        return f": it is a module, whose parameters are {f'{pattern}.*'!r} ({some_of(inner)})"
    close = difflib.get_close_matches(pattern, [*names, *_modules(names)], 3)
    if close:
        return f": the closest are {', '.join(close)}"
    return f": they are {some_of(names)}"


def _modules(names: Iterable[str]) -> list[str]:
    """Return patterns of the parameters of every module, the outer ones first."""
    parts = [name.split(".") for name in names]
    return list(
        dict.fromkeys(".".join([*each[:k], "*"]) for each in parts for k in range(1, len(each)))
    )
