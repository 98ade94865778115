"""Shorter signatures than those of autodoc, which has no names for types and functions."""

import re

from sphinx.application import Sphinx

_ARRAY = re.compile(
    r"~?numpy\.ndarray\[tuple\[~?typing\.Any, \.\.\.\], ~?numpy\.dtype\[(~?[\w.]+)\]\]"
)

_DEFAULT = re.compile(r"(?<== )<\w.*?>(?=[,)])")


def _written(
    _app: Sphinx,
    _what: str,
    _name: str,
    _object: object,
    _options: object,
    arguments: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Return the parts of a signature, with arrays as ``NDArray``, functions as ``...``."""
    arguments, returned = (
        text and _ARRAY.sub(r"~numpy.typing.NDArray[\1]", text) for text in (arguments, returned)
    )
    return arguments and _DEFAULT.sub("...", arguments), returned


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("autodoc-process-signature", _written)
    return {"parallel_read_safe": True}
