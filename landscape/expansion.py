"""Bounds on what files expand to: a small one must not fill the memory."""

_ALWAYS = 1 << 28
_TIMES = 100


def expands(size: int, stored: int) -> bool:
    """Return whether content is out of proportion to the bytes that store it.

    Args:
        size: Size of the content in bytes, as it would be in memory.
        stored: Size of what stores it.

    Example:
        >>> expands(10**9, stored=10**8), expands(10**10, stored=10**7)
        (False, True)
    """
    return size > max(_ALWAYS, _TIMES * stored)
