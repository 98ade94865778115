"""One-line representations of objects that hold arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

_LONGEST = 48  # characters of one value


def brief(self: Any) -> str:
    """Return a dataclass as one line: arrays by type and shape, collections by length.

    Used as ``__repr__ = brief`` in the class.

    Args:
        self: An instance of a dataclass.
    """
    parts = [f"{field.name}={_value(getattr(self, field.name))}" for field in fields(self)]
    return f"{type(self).__qualname__}({', '.join(parts)})"


def _value(value: Any) -> str:
    if hasattr(value, "dtype") and getattr(value, "shape", ()) != ():
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        # Not their repr: that of a net's weights takes long.
        return _entries(value)
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    text = repr(value)
    if len(text) <= _LONGEST and "\n" not in text:
        return text
    return f"{text[:_LONGEST]}…" if isinstance(value, str) else type(value).__name__


def _entries(value: Mapping[Any, Any] | Sequence[Any]) -> str:
    if not value:
        return repr(value)
    left, right = ("{", "}") if isinstance(value, Mapping) else ("[", "]")
    return f"{left}{len(value)} {'entry' if len(value) == 1 else 'entries'}{right}"
