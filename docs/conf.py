"""Configuration of the site, which ``make docs`` builds into build/docs, without network.

The generator is Sphinx, not mkdocs-material (which is in maintenance mode): it makes the reference
from the docstrings with cross references, checks every reference (``-n``), and knows doctests.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "extensions")]

from landscape import __version__  # noqa: E402

project = "landscape"
author = "The landscape authors"
version = release = __version__
copyright = "The landscape authors, MIT License"  # noqa: A001
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "included",
    "command_line",
    "live",
    "mathml",
    "signatures",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["extensions", "notebooks"]

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "landscape"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False

maximum_signature_line_length = 88
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_attr_annotations = False  # they are in the signature
# Of other packages: their references are not read, which would need the network.
nitpick_ignore_regex = [
    ("py:.*", r"(torch|numpy|collections|matplotlib|plotly|pandas|xarray|concurrent|pathlib)\..*"),
    ("py:class", "go.Figure|Figure|optional"),
    # Types of arguments that callers do not write.
    ("py:class", r".*\.(BlockOptions|Builder|Center|Batch|_Shards|Group)|(.*\.)?SurfaceFile|End"),
]
