"""Named facts, such as the settings and the provenance of a scan."""

from collections.abc import Mapping

Facts = Mapping[str, str | int | float]
"""Facts by name, stored in the attributes of a file."""


def encodable(text: str) -> str:
    r"""Return a text without the bytes of file names that are not UTF-8, which no file can hold.

    Args:
        text: Any text.

    Example:
        >>> encodable("a\udcff.npz") == "a\ufffd.npz"
        True
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def encodable_facts(facts: Facts) -> Facts:
    """Return facts whose texts are :func:`encodable`.

    Args:
        facts: The facts.
    """
    return {k: encodable(v) if isinstance(v, str) else v for k, v in facts.items()}
