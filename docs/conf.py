"""Sphinx: ``sphinx-build docs docs/_build`` after ``pip install -e ".[docs]"``."""

import sksearch

project = "sksearch"
release = sksearch.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "myst_parser",
]
myst_enable_extensions = ["dollarmath"]
plot_html_show_source_link = False
plot_html_show_formats = False
exclude_patterns = ["_build"]
numpydoc_show_class_members = False
html_theme = "alabaster"
