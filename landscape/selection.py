"""Which parameters are moved, by patterns of their names."""

import fnmatch
from collections.abc import Sequence


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
    patterns = [only] if isinstance(only, str) else list(only or ())
    if not patterns:
        return frozenset()

    def fitting(pattern: str) -> set[str]:
        found = set(trained if pattern == "trainable" else fnmatch.filter(names, pattern))
        if not found:
            raise ValueError(
                f"no parameter's name fits {pattern!r}: they are {', '.join(names[:8])}, …"
            )
        return found

    wanted = [fitting(each) for each in patterns if not each.startswith("!")]
    left_out = [fitting(each[1:]) for each in patterns if each.startswith("!")]
    chosen = set(names if not wanted else ()).union(*wanted).difference(*left_out)
    if not chosen:
        raise ValueError(f"only={only!r} leaves no parameter to move")
    return frozenset(names) - chosen
