"""Sphinx: ``sphinx-build docs docs/_build`` after ``pip install -e ".[docs]"``."""

import sksearch

project = "sksearch"
release = sksearch.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "numpydoc", "myst_parser"]
exclude_patterns = ["_build"]
numpydoc_show_class_members = False
html_theme = "alabaster"
