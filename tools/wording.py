"""List words to avoid in code, documents and messages; exit with 1 if there are any.

    python tools/wording.py

Plain technical English: software does not tell, say or know; the nouns of the papers are used
instead of paraphrases (CONTRIBUTING.md).
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

INSTEAD = {
    r"\btold\b|\btells?\b": "reported, raises, distinguishes",
    r"\bbeside\b": "next to, in addition to, off-plane",
    r"\bgo(es|ing)? on\b": "resume, continue",
    r"\bas it is\b|\bas they are\b": "unmodified, unchanged",
    r"\bby itself\b": "by default, automatically",
    r"\bnobody\b": "unknown",
    r"\bthere (is|are|was|were)\b|\b(is|are) there\b": "name the subject",
    r"\bfilms?\b": "animation",
    r"\bletters?\b": "font, text, characters",
    r"\bhits\b": "correct predictions",
    r"\bkinds? of\b": "type of",
    r"\bways?\b": "plan",
    r"\bthe original program\b": "the code of Li et al.",
    r"\bof the user's\b": "user-supplied",
    r"\bbend\b": "control point",
    r"\banew\b": "again",
    r"\bfront door\b|\brooms?\b(?= below)": "entry point, layer",
}
_ALLOWED = "wording: allowed"  # in a comment: a name in files of older versions
_SUFFIXES = (".py", ".js", ".html", ".md", ".toml", ".cff", ".ipynb")


def files() -> list[Path]:
    """Return the files to check: all of the repository but this one and the licence."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(  # noqa: S603  # our own command
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    paths = [ROOT / name for name in names if name.endswith(_SUFFIXES)]
    return [p for p in paths if p.is_file() and not p.is_symlink() and p != Path(__file__)]


def main() -> int:
    """Print every place, and return 1 if there are any."""
    found = 0
    for path in files():
        text = path.read_text(encoding="utf-8")
        prose = re.sub(r"(?m)^\s*(async )?def \w+", lambda name: name[0].replace("_", " "), text)
        lines = prose.splitlines()
        for pattern, instead in INSTEAD.items():
            across = pattern.replace(" ", r"\s+")  # a line may end between two words
            for match in re.finditer(across, prose, re.IGNORECASE):
                number = prose.count("\n", 0, match.start())
                if _ALLOWED not in lines[number]:
                    place = f"{path.relative_to(ROOT)}:{number + 1}"
                    print(f"{place}: {match[0]!r}; use: {instead}")  # noqa: T201
                    found += 1
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
