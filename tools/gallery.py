"""Run examples/*.py, and write docs/gallery: the picture and a page of each, and the index.

Run as ``python tools/gallery.py``, or with names of examples to run these alone; ``--pages`` writes
the pages without running anything. Not sphinx-gallery: it runs scripts while the site builds and
wants reStructuredText, where these figures are committed and the pages are Markdown.
"""

import ast
import os
import runpy
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from matplotlib import pyplot as plt
from PIL import Image

from landscape.atomic import replacing

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES, GALLERY = ROOT / "examples", ROOT / "docs" / "gallery"
ORDER = (
    "skip_connections",
    "own_network",
    "optimizers",
    "language_model",
    "physics_informed",
    "random_directions",
    "standard_errors",
    "low_loss_curve",
    "curvature",
    "margin",
    "adaptive_points",
    "mesh",
)
"""Examples as the index has them: first what most readers look for."""

_WIDTH = 720  # pixels, about that of the text

_INDEX = """# Gallery

Each picture with the script that makes it, in seconds on two cores. Run them in a checkout, with
landscape installed: `python examples/NAME.py` writes `NAME.png`. The language model
needs transformers, the mesh trimesh.

{entries}

Further pictures: [experiments](experiments.md), claims of the literature with verdict, figure and
command; [live pages](live.md), to turn and cut surfaces in the browser; and
[results](../../results/README.md). Notebooks, for Jupyter:
[the loss surface of a network](../notebooks/surface.ipynb),
[lines, seeds and files](../notebooks/lines.ipynb) and
[the interactive page in a cell](../notebooks/page.ipynb).

```{{toctree}}
:hidden:

{names}
experiments
live
```
"""

_PAGE = """# {title}

![{title}]({name}.png)

{text}

<!-- not run: the tests of the gallery run the script -->
```sh
python examples/{name}.py
```

```{{literalinclude}} ../../examples/{name}.py
:language: python
:lines: {first}-
```
"""


@dataclass(frozen=True)
class Example:
    """A script of examples/, whose docstring is a title and what its picture shows.

    Attributes:
        name: Name of its file, without the ending.
    """

    name: str

    @property
    def script(self) -> Path:
        """Its file."""
        return EXAMPLES / f"{self.name}.py"

    @property
    def code(self) -> str:
        """Text of its file."""
        return self.script.read_text(encoding="utf-8")

    @property
    def title(self) -> str:
        """First line of the docstring, without the full stop."""
        return self._parts[0].removesuffix(".")

    @property
    def page(self) -> str:
        """Page of the gallery, in Markdown."""
        title, text, first = self._parts
        title = title.removesuffix(".")
        return _PAGE.format(title=title, text=text, name=self.name, first=first)

    @property
    def _parts(self) -> tuple[str, str, int]:
        """Title, text, and the number of the first line of code.

        Raises:
            ValueError: The docstring is not a title, an empty line and a text.
        """
        module = ast.parse(self.code)
        title, _, text = (ast.get_docstring(module) or "").partition("\n\n")
        if not title or "\n" in title or not text:
            raise ValueError(f"{self.script}: expected a docstring with a title and a text")
        return title, text, module.body[1].lineno

    def run(self, picture: Path) -> None:
        """Run the script, in an empty folder.

        Args:
            picture: Where it writes its picture, an absolute path.
        """
        before, here = sys.argv, Path.cwd()
        with tempfile.TemporaryDirectory() as folder:
            try:
                os.chdir(folder)
                sys.argv = [str(self.script), str(picture)]
                runpy.run_path(str(self.script), run_name="__main__")
            finally:
                sys.argv = before
                os.chdir(here)
                plt.close("all")


def index() -> str:
    """Return the first page of the gallery, in Markdown."""
    entries = [
        f"- [![{each.title}]({each.name}.png)]({each.name}.md) [{each.title}]({each.name}.md)"
        for each in map(Example, ORDER)
    ]
    return _INDEX.format(entries="\n".join(entries), names="\n".join(ORDER))


def pages() -> dict[str, str]:
    """Return the generated pages by the name of their file."""
    return {"index.md": index()} | {f"{name}.md": Example(name).page for name in ORDER}


def shrink(picture: Path) -> None:
    """Reduce a picture to the width of the text.

    Args:
        picture: The file.
    """
    image = Image.open(picture).convert("RGB")
    if image.width > _WIDTH:
        size = (_WIDTH, round(image.height * _WIDTH / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    image.save(picture, optimize=True)


def main(arguments: list[str]) -> None:
    """Run examples and write the gallery.

    Args:
        arguments: Names of examples, or ``--pages``; none for all.
    """
    unknown = set(arguments) - {*ORDER, "--pages"}
    if unknown:
        names = ", ".join(ORDER)
        sys.exit(f"expected names of {names}, or --pages, got {', '.join(sorted(unknown))}")
    plt.switch_backend("agg")
    for name in [] if "--pages" in arguments else arguments or ORDER:
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder, f"{name}.png")
            Example(name).run(picture)
            with replacing(GALLERY / picture.name) as path:
                shrink(picture)
                shutil.copyfile(picture, path)
    for file, text in pages().items():
        (GALLERY / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
