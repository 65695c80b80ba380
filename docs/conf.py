"""Sphinx settings; the pages come from docs/build.py. Nothing here asks for a network."""
import sys
from configparser import ConfigParser
from functools import cache
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import reference  # noqa: E402

settings = ConfigParser(delimiters=["="])
settings.read(HERE.parent / "settings.ini", encoding="utf-8")
settings = settings["DEFAULT"]

project, author, release = settings["title"], settings["author"], settings["version"]
copyright = settings["copyright"]
language = "en"

extensions = ["myst_nb", "sphinx.ext.viewcode", "sphinx_copybutton", "sphinx-mathjax-offline"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}                 # widgets are shown as pictures
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_block", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True      # as Jupyter does
add_module_names = False
viewcode_follow_imported_members = False
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = project
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("search.js", {"defer": "defer"})]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}


def find_source(app, module): return places(module)


@cache
def places(module):
    "(source, {name: where it is}) for the pages behind [source]; the module is read, not imported. A patched method is found under its class."
    analyzer = ModuleAnalyzer.for_file(HERE.parent / Path(*module.split(".")).with_suffix(".py"), module)
    analyzer.find_tags()
    members = [m.name for e in reference.entries(analyzer.code) for m in e.members]
    patched = {name: analyzer.tags[bare] for name in members if (bare := name.split(".")[1]) in analyzer.tags and name not in analyzer.tags}
    return analyzer.code, analyzer.tags | patched


def setup(app): app.connect("viewcode-find-source", find_source)
