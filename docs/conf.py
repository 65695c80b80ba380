"""Sphinx settings; the pages come from docs/build.py. Nothing here asks for a network."""

import re
import shutil
import sys
from configparser import ConfigParser
from functools import cache
from html import escape, unescape
from pathlib import Path

from pygments.formatters import HtmlFormatter
from pygments.token import Token
from sphinx.highlighting import PygmentsBridge

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import reference  # noqa: E402

settings = ConfigParser(delimiters=["="])
settings.read(HERE.parent / "settings.ini", encoding="utf-8")
settings = settings["DEFAULT"]

project, author, release = settings["title"], settings["author"], settings["version"]
copyright = settings["copyright"]
language = "en"

extensions = ["myst_nb", "sphinx.ext.linkcode", "sphinx_copybutton", "sphinx-mathjax-offline"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # widgets are shown as pictures
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_block", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True  # as Jupyter does
add_module_names = False
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = project
html_favicon = "static/icon.svg"
html_static_path = ["static", "images"]
templates_path = ["templates"]
html_additional_pages = {"404": "404.html"}
html_search_scorer = str(HERE / "scorer.js")
html_css_files = ["site.css"]
html_js_files = [("search.js", {"defer": "defer"})]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}


@cache
def cells(module):
    "{name: (notebook, cell id)} of a module of the package, which is read, not imported: where each function, class and member is written."
    code = (HERE.parent / Path(*module.split(".")).with_suffix(".py")).read_text(encoding="utf-8")
    places, at = [None], None
    for line in code.splitlines():
        at = (m[1], m[2]) if (m := reference.CELL.match(line)) else at
        places.append(at)
    entries = [e for top in reference.entries(code) for e in (top, *top.members)]
    return {e.name: places[e.line] for e in entries if places[e.line]}


def linkcode_resolve(domain, info):
    "[source] leads to the cell in the chapter that explains it, not to the exported file."
    at = cells(info["module"]).get(info["fullname"])
    return at and f"../{at[0]}.html#cell-{at[1]}"


class ColouredOnly(HtmlFormatter):
    "Code without a mark on what is shown as plain text anyway: names, operators, brackets. That is half of a page of code."

    PLAIN = {Token.Name, Token.Operator, Token.Punctuation, Token.Text, Token.Text.Whitespace}

    def _get_css_class(self, token):
        return "" if token in self.PLAIN else super()._get_css_class(token)


PygmentsBridge.html_formatter = ColouredOnly

# Of MathJax the site loads one script and its fonts, and the extensions that some commands of TeX ask for; the rest is for other formats.
MATHJAX = (
    "tex-chtml.js",
    "output/chtml/fonts/woff-v2",
    *(f"input/tex/extensions/{name}.js" for name in ("boldsymbol", "cancel", "color")),
)


def keep_what_is_loaded(app, exception):
    "Remove the parts of MathJax that no page asks for, nine tenths of them, and what only a debugger asks for."
    static = Path(app.outdir) / "_static"
    if exception or not static.exists():
        return
    kept = [static / "mathjax" / part for part in MATHJAX]
    unused = [
        f
        for f in (static / "mathjax").rglob("*")
        if f.is_file() and not any(f.is_relative_to(part) for part in kept)
    ]
    for file in [*unused, *static.rglob("*.map")]:
        file.unlink()
    for empty in sorted((f for f in static.rglob("*") if f.is_dir()), reverse=True):
        if not any(empty.iterdir()):
            empty.rmdir()


SAME = re.compile(r'(<span class="(\w+)">[^<]*)</span><span class="\2">')
UNUSED = re.compile(r'<symbol id="svg-(?:pencil|eye)".*?</symbol>', re.S)


VERBATIM = re.compile(r"(<(pre|script|textarea)\b.*?</\2>)", re.S)
# classes that no style sheet speaks of
WORDLESS = {
    'class="reference internal"': 'class="reference"',
    'class="docutils literal notranslate"': 'class="literal"',
    'class="xref py py-obj docutils literal notranslate"': 'class="literal"',
    'class="cell_input docutils container"': 'class="cell_input"',
    'class="cell_output docutils container"': 'class="cell_output"',
    ' title="Link to this heading"': "",
    ' title="Link to this definition"': "",
}


def unindented(text):
    "HTML without spaces at the start of its lines, but where these are shown."
    # a verbatim part, its tag, what follows, and so on
    first, *rest = VERBATIM.split(text)
    flush = lambda part: re.sub(r"\n\s+", "\n", part)
    return flush(first) + "".join(rest[k] + flush(rest[k + 2]) for k in range(0, len(rest), 3))


# the theme's icons, each in one path
ICONS = {
    "toc": '<path d="M4 6h16M4 12h16M4 18h10"/>',
    "sun": '<path d="M12 7a5 5 0 1 0 .1 0M12 1v2m0 18v2M4 4l2 2m12 12l2 2M1 12h2m18 0h2M4 20l2-2M18 6l2-2"/>',
    "moon": '<path d="M20 15A8 8 0 1 1 9 4a6 6 0 0 0 11 11z"/>',
    "sun-with-moon": '<path d="M12 4a8 8 0 0 0 0 16z"/><path fill="currentColor" d="M12 4a8 8 0 0 1 0 16z"/>',
    "moon-with-sun": '<path fill="currentColor" d="M12 4a8 8 0 0 0 0 16z"/><path d="M12 4a8 8 0 0 1 0 16z"/>',
}
SYMBOL = re.compile(
    r'(<symbol id="svg-([\w-]+)" viewBox="0 0 24 24">\s*<title>[^<]*</title>)\s*<svg.*?</svg>\s*</symbol>',
    re.S,
)
DRAWN = '{}<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.5">{}</svg></symbol>'
MODULES = re.compile(
    r'(?:<input[^>]*toctree-checkbox[^>]*>\s*<label.*?</label>\s*)?<ul[^>]*>\s*<li class="toctree-l2.*?</ul>',
    re.S,
)
TREE = re.compile(r'(<div class="sidebar-tree">)(.*?)(</div>)', re.S)
MARKED = re.compile(r'<span class="(\w+)">([^<]*)</span>')
PRE = re.compile(r"<pre>.*?</pre>", re.S)
OPEN = re.compile(r'caption-text">(?:I{1,3} |Words|Reference)')


def closed(part):
    "A part of the sidebar as one line that leads to its first page."
    first = re.search(r'href="([^"]+)"', part)[1]
    words = re.search(r'caption-text">([^<]*)', part)[1]
    return f'<p class="caption"><a class="caption-text" href="{first}">{words}</a></p>\n'


def navigation(text):
    "A sidebar with the parts that are read from front to back. Of the engine room only the part that a page belongs to is open; the list of modules is a page."

    def shown(tree):
        start, *parts = re.split(r'(?=<p class="caption")', tree[2])
        made = []
        for part in parts:
            is_open = OPEN.search(part) or "current-page" in part
            made.append(MODULES.sub("", part) if is_open else closed(part))
        return tree[1] + start + "".join(made) + tree[3]

    return TREE.sub(shown, text)


CELL = re.compile(r'<div class="cell([^"]*?) tag_cell-(\w+)')


def shorter(text):
    """A page without spans that mark nothing: one around each word of inline code, three for each string; without icons that it does not show,
    classes that mean nothing, and indentation.

    A cell that is exported can be linked to."""
    text = CELL.sub(r'<div id="cell-\2" class="cell\1', text)
    text = UNUSED.sub("", re.sub(r'<span class="pre">([^<]*)</span>', r"\1", text))
    while (joined := SAME.sub(r"\1", text)) != text:
        text = joined
    icon = lambda m: DRAWN.format(m[1], ICONS[m[2]]) if m[2] in ICONS else m[0]
    text = PRE.sub(lambda m: MARKED.sub(r"<i class=\1>\2</i>", m[0]), SYMBOL.sub(icon, text))
    for long, short in WORDLESS.items():
        text = text.replace(long, short)
    return unindented(text)


def write_plainly(app, exception):
    for page in Path(app.outdir).rglob("*.html") if not exception else ():
        page.write_text(navigation(shorter(page.read_text(encoding="utf-8"))), encoding="utf-8")


# A page that is not there may be asked for from any depth: its links start where the site does.
BASE = """<script>document.write('<base href="' + (location.pathname.startsWith("%s/") ? "%s/" : location.protocol === "file:" ? "" : "/") + '">')</script>"""


def describe(app, pagename, templatename, context, doctree):
    "What a search engine or a message shows of a page: its title, the sentence under it, and the first figure of the site."
    body = context.get("body") or ""
    quoted = re.search(r"</h1>\s*<blockquote>(.*?)</blockquote>", body, re.S)
    plain = lambda markup: " ".join(unescape(re.sub(r"<[^>]+>", "", markup)).split())
    words = plain(quoted[1]) if quoted else settings["description"]
    title = plain(context.get("title") or project)
    home = settings["doc_host"] + settings["doc_baseurl"]
    told = {
        "og:title": title,
        "og:description": words,
        "og:type": "article",
        "og:image": f"{home}/_static/index_0.png",
        "og:site_name": project,
    }
    tags = [
        f'<meta name="description" content="{escape(words)}">',
        *(f'<meta property="{name}" content="{escape(value)}">' for name, value in told.items()),
    ]
    if pagename == "404":
        tags.append(BASE % (settings["doc_baseurl"], settings["doc_baseurl"]))
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


def setup(app):
    app.connect("html-page-context", describe)
    # what Sphinx remembers is no part of the site
    if Path(app.doctreedir).is_relative_to(app.outdir):
        shutil.rmtree(app.doctreedir, ignore_errors=True)
        app.doctreedir = Path(app.srcdir).parent / "doctrees"
        app.doctreedir.mkdir(exist_ok=True)
    app.connect("build-finished", keep_what_is_loaded)
    app.connect("build-finished", write_plainly)
