"""Configuration of Sphinx: ``sphinx-build -W --keep-going docs build/docs``.

Without the internet: no inventory of other projects is asked for, and formulas become MathML,
which browsers show without a script.
"""

from __future__ import annotations

import contextlib
import html
import io
import os
import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

import fastnn
from fastnn.cli import main

project = "fastnn"
author = "The fastnn developers"
copyright = "the fastnn developers"
release = version = fastnn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_templates"]
default_role = "obj"  # `MLP.fit` in a docstring is a link

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_mock_imports = ["torch"]  # gigabytes, for two docstrings
autodoc_typehints = "none"  # the docstrings have the types, with shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the class template lists them

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",  # written by the build, not kept
    "filename_pattern": "/plot_",  # the others take minutes, or MNIST: shown, not run
    "abort_on_example_error": True,
    "write_computation_times": False,
    "min_reported_time": 10,
    "default_thumb_file": str(Path(__file__).parent / "figures" / "descend.png"),
    "download_all_examples": False,
    "show_signature": False,
    "copyfile_regex": r"$^",
}

html_theme = "pydata_sphinx_theme"
html_title = "fastnn"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["fastnn.css"]
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
}
# The only pages of their sections: an empty column would be all there is to their left.
_ALONE = [
    "quickstart",
    "backpropagation",
    "formulas",
    "scikit-learn",
    "cli",
    "performance",
    "reliability",
]
html_sidebars = {page: [] for page in [*_ALONE, "contributing", "changelog"]}


class Help(SphinxDirective):
    """``{help} train``: what ``fastnn train --help`` prints."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return what is printed as a literal block."""
        os.environ |= {"COLUMNS": "88", "NO_COLOR": "1"}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if main([*self.arguments, "--help"]) != 0:
                raise self.error(f"fastnn {self.arguments[0]} --help failed")
        text = printed.getvalue()
        return [nodes.literal_block(text, text, language="text")]


class Lesson(SphinxDirective):
    """``{lesson} begun only=backprop&step=4``: the page at a place, on a network of the docs."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return a frame, whose page is made when the site is."""
        network, place = self.arguments
        up = "../" * self.env.docname.count("/")
        frame = (
            f'<iframe class="lesson" src="{up}_static/{network}.html#{html.escape(place)}" '
            f'title="fastnn lab, {html.escape(place)}" loading="lazy"></iframe>'
        )
        return [nodes.raw("", frame, format="html")]


def _make_lessons(app: Sphinx, error: Exception | None) -> None:
    """Write the pages of the frames: a network that has begun to learn, and a trained one."""
    if error is not None or app.builder.format != "html":
        return
    (X, y), (X_test, y_test) = fastnn.datasets.load_digits()
    net = fastnn.MLP(
        [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="quadratic", seed=0
    )
    for name, epochs in (("begun", 2), ("trained", 28)):
        net.fit(X, y, epochs=epochs, batch_size=10, optimizer=fastnn.SGD(lr=1.5))
        fastnn.explain.page(net, X_test, y_test).save(Path(app.outdir, "_static", f"{name}.html"))


def _mathml(node: nodes.Node, as_block: bool) -> str:
    try:
        return str(tex2mathml(node.astext(), as_block=as_block))
    except MathError as error:
        logging.getLogger(__name__).warning("%s", error, location=node)
        return ""


def _inline_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def _display_math(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula">{_mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def _keep_bars(app: Sphinx, what: str, name: str, obj: object, _: object, lines: list[str]) -> None:
    """Let |w| in a docstring be an absolute value: it is no substitution of reStructuredText."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = re.sub(r"(``.*?``)|\|(?=\S)", lambda m: m[1] or r"\|", line)


def _only_ours(
    app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object
) -> bool | None:
    """Leave out what the estimators inherit from scikit-learn, which documents it."""
    function = obj.fget if isinstance(obj, property) else obj
    return True if (getattr(function, "__module__", None) or "").startswith("sklearn") else None


def setup(app: Sphinx) -> None:
    """Add the ``help`` directive, MathML, and what docstrings need."""
    app.add_directive("help", Help)
    app.add_directive("lesson", Lesson)
    app.connect("build-finished", _make_lessons)
    app.connect("autodoc-process-docstring", _keep_bars, priority=900)  # after numpydoc
    app.connect("autodoc-skip-member", _only_ours)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_display_math, None))
