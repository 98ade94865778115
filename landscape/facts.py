"""Named facts, such as the settings and the provenance of a scan."""

from collections.abc import Mapping

Facts = Mapping[str, str | int | float]
"""Facts by name, stored in the attributes of a file."""
