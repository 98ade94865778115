"""Files of other programs: read their surfaces, and write surfaces for them.

docs/how-to/exchange.md describes the formats.
"""

from landscape.interchange.formats import write
from landscape.interchange.reading import read
from landscape.interchange.relief import Shape

__all__ = ["Shape", "read", "write"]
