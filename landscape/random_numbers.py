"""Standard normal numbers of a parameter, of which any part can be drawn alone."""

import hashlib

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**16
"""Numbers that are drawn together."""

UNIT = 2.0**-12
"""What the numbers are multiples of, so that they are exact in two bytes."""

_LARGEST = 2**15 - 1


def normal_integers(name: str, seed: int, axis: int, first: int, last: int) -> NDArray[np.int16]:
    """Return standard normal numbers, as multiples of :data:`UNIT`.

    Every block of :data:`BLOCK` numbers has its own position in the stream of a counter-based
    generator (Philox, Salmon et al. 2011), whose key is made from the seed, the axis and the name.
    Any part of a tensor therefore has the same numbers, whoever draws it, and in any order.

    Args:
        name: Name of the parameter.
        seed: Random seed.
        axis: 0 for δ, 1 for η.
        first: Index of the first number, in C order of the tensor.
        last: Index after the last number.

    Example:
        >>> whole = normal_integers("conv.weight", 0, 0, 0, 100_000)
        >>> part = normal_integers("conv.weight", 0, 0, 70_000, 80_000)
        >>> bool((part == whole[70_000:80_000]).all())
        True
    """
    digest = hashlib.sha256(f"{seed} {axis} {name}".encode()).digest()
    key = np.frombuffer(digest[:16], "<u8")
    numbers = np.empty(last - first, np.int16)
    buffer = np.empty(BLOCK, np.float32)
    for block in range(first // BLOCK, -(-last // BLOCK)):
        begin, end = max(first - block * BLOCK, 0), min(last - block * BLOCK, BLOCK)
        counter = np.array([0, block, 0, 0], np.uint64)
        generator = np.random.Generator(np.random.Philox(key=key, counter=counter))
        drawn = buffer[:end]
        generator.standard_normal(out=drawn, dtype=np.float32)
        drawn *= np.float32(1 / UNIT)
        np.clip(np.rint(drawn, out=drawn), -_LARGEST, _LARGEST, out=drawn)
        start = block * BLOCK + begin - first
        numbers[start : start + end - begin] = drawn[begin:]
    return numbers
