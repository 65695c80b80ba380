"""Sphinx settings; the pages come from docs/build.py. Nothing here asks for a network."""

import base64
import hashlib
import json
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
import terms  # noqa: E402
from markup import finished  # noqa: E402

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
html_js_files = [(name, {"defer": "defer"}) for name in ("search.js", "reach.js", "tips.js")]
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

# Of MathJax the site loads what reads TeX, writes HTML and tells screen readers, the fonts of the commands that formulas use (a test names those of
# other fonts), and the extensions that some commands of TeX ask for. Its menu is a third of the ready-made script, and the rest is for other formats.
MATHJAX_PARTS = ["input/tex", "output/chtml", "a11y/assistive-mml"]
mathjax3_config = {"loader": {"load": MATHJAX_PARTS}}
FONTS = "Main-Regular Main-Bold Math-Italic AMS-Regular Calligraphic-Regular Fraktur-Regular".split()
FONTS += "Size1-Regular Size2-Regular Size3-Regular Size4-Regular Vector-Regular Vector-Bold Zero".split()
MATHJAX = (
    "startup.js",
    "core.js",
    *(f"{part}.js" for part in MATHJAX_PARTS),
    "output/chtml/fonts/tex.js",
    *(f"output/chtml/fonts/woff-v2/MathJax_{font}.woff" for font in FONTS),
    *(f"input/tex/extensions/{name}.js" for name in ("boldsymbol", "cancel", "color")),
)


# files of Sphinx that no page loads: the theme has its own styles, and language_data.js holds the stemmer
NOT_LOADED = ("basic.css", "skeleton.css", "base-stemmer.js", "english-stemmer.js")


def keep_what_is_loaded(app, exception):
    "Remove the parts of MathJax that no page asks for, nine tenths of them, and what no page or only a debugger asks for."
    static = Path(app.outdir) / "_static"
    if exception or not static.exists():
        return
    kept = [static / "mathjax" / part for part in MATHJAX]
    unused = [
        f
        for f in (static / "mathjax").rglob("*")
        if f.is_file() and not any(f.is_relative_to(part) for part in kept)
    ]
    for file in [*unused, *static.rglob("*.map"), *(static / name for name in NOT_LOADED)]:
        file.unlink(missing_ok=True)
    for empty in sorted((f for f in static.rglob("*") if f.is_dir()), reverse=True):
        if not any(empty.iterdir()):
            empty.rmdir()


STILL = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]{99,})"')


def write_plainly(app, exception):
    "Finish each page. A picture that stands in a page, as in the notebook of a live figure, becomes a file, which pages share."
    site = Path(app.outdir)

    def as_file(still, page):
        picture = base64.b64decode(still[1])
        name = f"_images/{hashlib.sha256(picture).hexdigest()[:32]}.png"
        (site / name).write_bytes(picture)
        return f'src="{"../" * (len(page.relative_to(site).parts) - 1)}{name}"'

    for page in site.rglob("*.html") if not exception else ():
        text = STILL.sub(lambda still: as_file(still, page), page.read_text(encoding="utf-8"))
        page.write_text(finished(text), encoding="utf-8")


def write_glossary(app, exception):
    "What the site says beside terms and symbols, as one script that a page asks for when it is first needed."
    if not exception and app.builder.format == "html":
        said, symbols = terms.entries(terms.glossary())
        told = json.dumps({"terms": said, "symbols": symbols}, ensure_ascii=False, separators=(",", ":"))
        (Path(app.outdir) / "_static" / "glossary.js").write_text(
            f"window.glossary = {told}\n", encoding="utf-8"
        )


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
    # a page of the reference is looked up, not sent to a friend
    shared = {} if pagename.startswith("reference/") else told
    tags = [
        f'<meta name="description" content="{escape(words)}">',
        *(f'<meta property="{name}" content="{escape(value)}">' for name, value in shared.items()),
    ]
    if pagename == "404":
        tags.append(BASE % (settings["doc_baseurl"], settings["doc_baseurl"]))
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


def setup(app):
    app.connect("html-page-context", describe)
    app.config.mathjax_path = "mathjax/startup.js"
    # what Sphinx remembers is no part of the site
    if Path(app.doctreedir).is_relative_to(app.outdir):
        shutil.rmtree(app.doctreedir, ignore_errors=True)
        app.doctreedir = Path(app.srcdir).parent / "doctrees"
        app.doctreedir.mkdir(exist_ok=True)
    app.connect("build-finished", keep_what_is_loaded)
    app.connect("build-finished", write_plainly)
    app.connect("build-finished", write_glossary)
