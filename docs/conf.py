"""The documentation site: `make docs` builds it, without a network, to docs/_build/html/index.html."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from docutils.nodes import SkipNode

from sparsekit import __version__
from sparsekit.reports.prose import mathml

HERE = Path(__file__).parent
ROOT = HERE.parent

project = "sparsekit"
author = "the sparsekit authors"
copyright = "the sparsekit authors, MIT licence"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": False}
napoleon_google_docstring = False
napoleon_use_ivar = True
autosummary_generate = True
templates_path = ["_templates"]

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
exclude_patterns = ["_build", "_templates", "explorers.ipynb"]  # the explorers need a kernel: `make explore`
# Links from the pages of docs/ into the package's own files hold where the repository is read, not in the site.
# "units, width" as a type is two words, and not somebody's attribute.
suppress_warnings = ["myst.xref_missing", "mystnb.unknown_mime_type", "ref.python"]

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"sparsekit {__version__}"
html_static_path = []
html_theme_options = {"navigation_with_keys": True}


def _gather(app: object) -> None:
    """The notebooks, executed ones where `make report` has left any, so that their figures are in the site."""
    executed, target = ROOT / "reports" / "quick", HERE / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for notebook in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        shown = executed / notebook.name
        shutil.copy(shown if shown.exists() else notebook, target / notebook.name)
    shutil.copy(ROOT / "notebooks" / "glossary.md", target)
    (HERE / "changelog.md").write_text((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), encoding="utf-8")


def _plain(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are written for people: bars and underscores mean themselves, and the kit's own names are links."""
    for number, line in enumerate(lines):
        parts = re.split(r"(`[^`]*`)", line)
        parts[::2] = [re.sub(r"(\||(?<=\w)_(?=\W|$))", r"\\\1", part) for part in parts[::2]]
        parts[1::2] = [f":py:obj:{part}" if part.startswith("`sparsekit.") else part for part in parts[1::2]]
        lines[number] = "".join(parts)


def _whole(mark: str, put: str) -> Callable:
    """A constant's docstring is a sentence: napoleon would read what stands before its colon as the constant's type."""

    def change(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
        if what in ("attribute", "data", "property"):
            lines[:] = [line.replace(mark, put) for line in lines]

    return change


def _equation(page: object, node: object) -> None:
    page.body.append(mathml(node.astext(), block=node.tagname == "math_block"))
    raise SkipNode


def setup(app: object) -> None:
    app.add_html_math_renderer("mathml", (_equation, None), (_equation, None))  # MathJax would come from the network
    app.connect("builder-inited", _gather)
    app.connect("autodoc-process-docstring", _whole(": ", "\0 "), priority=400)  # napoleon's own is 500
    app.connect("autodoc-process-docstring", _whole("\0 ", ": "), priority=600)
    app.connect("autodoc-process-docstring", _plain)
