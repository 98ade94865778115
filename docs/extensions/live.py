"""The directive ``live``: an interactive page of surfaces, written when the site is built.

Its argument is a name, its content the surface files, relative to the page. The reader opens it in
place, where it loads on demand, or in a tab of its own, which needs no JavaScript of the site.
"""

from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import landscape

# Browsers load an iframe of closed details even if it is lazy.
_LOAD = "const frame = this.querySelector('iframe'); frame.src ||= frame.dataset.src"
_HTML = """<details class="live" ontoggle="{load}"><summary>Open “{title}” here</summary>
<iframe data-src="{address}" title="{title}" allow="fullscreen"></iframe></details>
<p><a href="{address}" target="_blank" rel="noopener">Open it in a tab of its own</a></p>
"""


class Live(SphinxDirective):
    """An interactive page in the text."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Write the page, and return what shows it."""
        title = self.arguments[0]
        name = title.lower().replace(" ", "-")
        files = [Path(self.env.relfn2path(line)[1]) for line in self.content if line.strip()]
        for file in files:
            self.env.note_dependency(str(file))
        if self.env.app.builder.format != "html":
            return []
        folder = Path(self.env.app.outdir, self.env.docname).parent / "pages"
        folder.mkdir(parents=True, exist_ok=True)
        surfaces = [landscape.load(file) for file in files]
        landscape.view(
            *surfaces,
            html=folder / f"{name}.html",
            names=[file.stem for file in files],
            open_browser=False,
        )
        html = _HTML.format(load=_LOAD, title=escape(title), address=f"pages/{name}.html")
        return [nodes.raw("", html, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive("live", Live)
    return {"parallel_read_safe": True}
