"""Settings of the documentation site.

Build it with warnings as errors::

    sphinx-build -W --keep-going -n -b html docs docs/_build/html

Add ``-D plot_gallery=0`` to leave the examples unrun.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from pathlib import Path

import matplotlib

matplotlib.use("agg")
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "ctmri_detect"
author = "The ctmri_detect developers"
project_copyright = author
release = version = installed("ctmri_detect")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "own_members",
    "repository_links",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "gallery/*.py.md5"]
default_role = "literal"  # `name` in a docstring is a name, as in scikit-learn's
smartquotes = False  # "hu" in a type is to be copied as it is

# Links inside the site are checked. Names of other projects are not: that would need the network.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!ctmri_detect).*"),
    ("py:obj", r"ctmri_detect\.(imageops\.\w+|pipelines|layouts|io|io\.volumes|storage)"),
]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # numpydoc sections say the types
autodoc_member_order = "groupwise"
autodoc_inherit_docstrings = True

numpydoc_show_class_members = False  # the templates list them
numpydoc_xref_param_type = False
numpydoc_validation_checks = {
    "all",
    "GL01",  # the summary stands beside the opening quotes: the house's style
    "ES01",  # a short function needs no more than its summary
    "SA01",  # "See also" sections: names in the text do
    "EX01",  # tests/test_reference.py asks classes and functions for examples; methods need none
    "SS05",  # takes nouns that end in s ("Scores of ...") for verbs
    "RT02",  # takes the names of several returned values for a type
    "RT03",  # "self", or a type with its shape, says all
    "RT04",  # a description may begin with a name in lower case
}
numpydoc_validation_exclude = {r"_scorer$"}  # instances: the docstring is that of their class
# A docstring that has neither of these sections says in a sentence what comes in and goes out.
_PROSE = [r"\A(?![\s\S]*\n *(Parameters|Returns|Yields)\n *-{3,}\n)"]
_AS_THERE = [r"Takes what `\w+` takes"]
numpydoc_validation_overrides = {
    "PR01": _PROSE + _AS_THERE,
    "RT01": _PROSE + _AS_THERE,
    "YD01": _PROSE,
    "PR04": [r"\n +As (in|of) |\n +See |\n +As above"],  # described elsewhere, type included
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",  # every example is run
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("matplotlib",),
    "doc_module": ("ctmri_detect",),
    "backreferences_dir": "gallery/uses",
    "abort_on_example_error": False,  # all are run; a failure is an error at the end
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "default_thumb_file": str(HERE / "images" / "hero.png"),
    "parallel": True,  # as many at once as sphinx-build -j says
    "plot_gallery": "True",
}

html_theme = "pydata_sphinx_theme"
html_title = "ctmri_detect"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
# only the guide, the examples and the reference have pages below them
_ALONE = {page.stem for page in HERE.glob("*.md")} - {"guide", "reference"}
html_sidebars = {page: [] for page in sorted(_ALONE)}
toc_object_entries_show_parents = "hide"
html_copy_source = False
html_context = {"default_mode": "light"}
html_theme_options = {
    "logo": {"text": "ctmri_detect"},
    "show_prev_next": True,
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
