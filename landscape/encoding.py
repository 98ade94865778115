"""Write on consoles whose encoding lacks some characters, as those of Windows."""

import codecs
import sys
import unicodedata
from io import TextIOWrapper


def write_in_any_encoding() -> None:
    """Let standard output and error spell out the characters that their encoding lacks."""
    codecs.register_error("landscape", _spelled)
    for stream in (sys.stdout, sys.stderr):
        # That of bytes in file names writes every character.
        if isinstance(stream, TextIOWrapper) and stream.errors != "surrogateescape":
            stream.reconfigure(errors="landscape")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Return α as alpha, é as e, and characters without such a form as a question mark.

    Raises:
        UnicodeError: The text cannot be read, not written.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_ascii, error.object[error.start : error.end])), error.end


def _ascii(character: str) -> str:
    """Return a character in ASCII.

    Args:
        character: Any character.
    """
    name = unicodedata.name(character, "")
    if name.startswith("GREEK SMALL "):
        return name.rsplit(" ", 1)[1].lower()
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or {"×": "x", "–": "-", "—": "-", "•": "*"}.get(character, "?")
