"""docs/make_readme.py and docs/reference.py on small examples, docs/build.py on the project's own notebooks, and the links of the built site."""

import base64
import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from urllib.parse import unquote

import breaks
import build
import markup
import nbformat
import pictures
import pytest
import reference
import schematic
import terms
from cells import split
from fold import fold, summary
from make_readme import HEADER, IMAGES, render
from PIL import Image
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PNG = b"\x89PNG pretend"


def test_readme_from_every_kind_of_cell(tmp_path):
    image = new_output(
        "display_data", {"image/png": base64.b64encode(PNG).decode(), "text/plain": "<Figure>"}
    )
    table = new_output("execute_result", {"text/plain": "   a\n0  1", "text/html": "<table>"})
    warned = new_output("stream", name="stderr", text="careful")
    printed = new_output("stream", name="stdout", text="\x1b[31m```\x1b[0m\n")
    cells = [
        new_markdown_cell(
            "# Title\n\n[data](00_data.ipynb), [licence](../LICENSE), [web](https://a.b/c), [up](#title)"
        ),
        new_code_cell("#| hide\nimport os"),
        new_code_cell('#| echo: false\n#| fig-alt: "A figure"\nplot()', outputs=[image]),
        new_code_cell("#| slow\n\nf(1) #| kept", outputs=[warned, table]),
        new_code_cell("print('`'*3)", outputs=[printed]),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "index.ipynb")
    text, images = render(tmp_path / "index.ipynb")
    assert images == {"index_0.png": PNG}
    assert (
        text
        == HEADER
        + f"""# Title

[data](nbs/00_data.ipynb), [licence](LICENSE), [web](https://a.b/c), [up](#title)

![A figure]({IMAGES}/index_0.png)

```python
f(1) #| kept
```

```text
   a
0  1
```

```python
print('`'*3)
```

````text
```
````
"""
    )


def test_split_takes_only_leading_directives():
    source = "#| export\n#| fig-cap: two: words\n\nx = 1\n#| not one"
    assert split(source) == ({"export": "", "fig-cap": "two: words"}, "x = 1\n#| not one")
    assert split("x = 1") == ({}, "x = 1")


def folded(*cells):
    """The cells of a page made of (directives, code) or (directives, code, what it shows), as [(summary or '', code)]."""
    picture = new_output("display_data", {"image/png": "cGljdHVyZQ==", "text/plain": "<Figure>"})
    made = []
    for directives, source, *shown in cells:
        outputs = [
            picture if out == "picture" else new_output("execute_result", {"text/plain": out})
            for out in shown
        ]
        made.append(new_code_cell(source, metadata={"directives": directives}, outputs=outputs))
    return [(summary(cell) if cell.metadata["folded"] else "", cell.source) for cell in fold(made)]


def test_imports_and_checks_of_arguments_are_folded():
    exported = {"export": ""}
    first = "import numpy as np"
    second = "from math import pi"
    check = "def _check_number(n):\n    if n < 0: raise ValueError(n)"
    shown = "def root(n): return _check_number(n)"
    assert folded((exported, first), (exported, second), (exported, check), (exported, shown)) == [
        ("Imports", f"{first}\n\n{second}"),
        ("Argument checks: 2 lines", check),
        ("", shown),
    ]
    hints = "import os\nif TYPE_CHECKING:\n    from torch import Tensor"
    assert folded((exported, hints), (exported, shown)) == [("Imports", hints), ("", shown)]
    also = f"{hints}\n    x = 1"
    assert folded((exported, also))[0][0] == ""
    # a notebook about nothing else
    assert folded((exported, check)) == [("", check)]
    helper, public = "def _half(x):\n    return x / 2", "def quarter(x):\n    return _half(_half(x))"
    both = folded((exported, helper), (exported, f"{helper}\n\n\n{public}"))
    assert [words for words, _ in both] == ["A helper: 2 lines", ""]


def test_checks_are_folded_with_what_is_computed_for_them_alone():
    setup, test, again = "x = 3\ny = x*x", "test_eq(y, 9)", "for k in range(y):\n    assert k >= 0"
    assert folded(({}, setup), ({}, test), ({}, again)) == [
        ("Checks: 5 lines", "\n\n".join((setup, test, again)))
    ]
    used = folded(({}, setup), ({}, test), ({}, "y", "9"))
    assert [words for words, _ in used] == ["", "Checks: 1 line", ""]  # y is shown below
    # another x
    assert folded(({}, "x = 1\nassert x"), ({}, "x = 2\nx + 1", "3"))[0][0] == "Checks: 2 lines"
    # its output is what it is about
    assert folded(({}, "assert x\nx", "1")) == [("", "assert x\nx")]
    own = "def refused(f):\n    try: f()\n    except ValueError: return\n    raise AssertionError"
    assert [words for words, _ in folded(({}, own), ({}, "refused(lambda: int('x'))"))] == ["Checks: 5 lines"]
    assert folded(({"export": ""}, "def f(x):\n    assert x\n    return x"))[0][0] == ""
    assert folded(({}, "%timeit f(1)"))[0][0] == ""


def test_code_of_figures_is_folded_unless_it_shows_a_call():
    plot = "fig, ax = plt.subplots()\nax.plot(x)\nax.set(title='x')\nplt.show()"
    within = "with style():\n    " + plot.replace("\n", "\n    ")
    assert folded(({}, plot, "picture"), ({}, within, "picture")) == [
        ("Code of the figure: 4 lines", plot),
        ("Code of the figure: 5 lines", within),
    ]
    assert folded(({}, "plot_matrix(d)\nplt.show()", "picture"))[0][0] == ""
    helper = "def _draw_lines(ax, x):\n    ax.plot(x)"
    assert [
        words
        for words, _ in folded(
            ({"export": ""}, helper), ({"export": ""}, "def plot(x): return _draw_lines(None, x)")
        )
    ] == ["Code of the figure: 2 lines", ""]


def test_a_directive_opens_and_closes_a_cell():
    assert folded(({"fold": "false"}, "assert naive(3) == fast(3)"))[0][0] == ""
    assert (
        folded(({"fold": '"Two settings"'}, "a = 1\nb = 2"), ({}, "a + b", "3"))[0][0]
        == "Two settings: 2 lines"
    )


MODULE = r'''"""About rulers."""
__all__ = ['WIDTH', 'Ruler', 'measure', 'undescribed']

# %% ../nbs/02_ruler.ipynb #c004
WIDTH = 3   # in inches

# %% ../nbs/02_ruler.ipynb #c005
@dataclass
class Ruler:
    r"Has a *length*, $\sqrt{2}$ and `marks`."
    # never negative
    length: float            # in nats | bits
    # where it is cut
    marks: list = field(default_factory=list)

    @property
    def half(self) -> float: return self.length/2
    def _private(self): "Not shown."

@patch(cls_method=True)
def metre(cls:Ruler,
    unit:str="m",            # its name
    *, n=1, **more) -> Ruler:
    "A ruler of one metre."

# %% ../nbs/02_ruler.ipynb #c009
def measure(
    x, y,                    # both ends
    kind:str="a|b",
):                           # nats
    """Measure.

    More."""

def undescribed(x): return x
'''


def test_reference_reads_a_module():
    width, ruler, measure = reference.entries(MODULE)
    assert (width.name, width.kind, width.doc, width.options) == ("WIDTH", "data", "in inches", [":value: 3"])
    assert ruler.signature == "(length, marks=[])" and ruler.rows == [
        ("length", "float", "in nats | bits; never negative"),
        ("marks", "list", "where it is cut"),
    ]
    half, metre = ruler.members
    assert (half.name, half.kind, half.options) == ("Ruler.half", "property", [":type: float"])
    assert (metre.name, metre.kind, metre.signature, metre.options) == (
        "Ruler.metre",
        "method",
        "(unit='m', *, n=1, **more)",
        [":classmethod:"],
    )
    assert metre.rows == [("unit", "str", "its name"), ("returns", "Ruler", "")]
    assert measure.signature == "(x, y, kind='a|b')" and measure.rows == [
        ("x, y", "", "both ends"),
        ("kind", "str", ""),
        ("returns", "", "nats"),
    ]


def test_reference_page_of_a_module():
    made = reference.entries(MODULE)
    page = reference.page(
        "difficulty", made, MODULE, {("02_ruler", "c005"): "ruler-1", ("02_ruler", "c009"): "ruler-2"}
    )
    assert r"Has a \*length\*, $\sqrt{2}$ and `marks`." in page
    assert "| `length` | `float` | in nats \\| bits; never negative |" in page
    assert (
        page.index("[](#ruler-1)")
        < page.index("{py:method} Ruler.metre")
        < page.index("{py:function} measure")
        < page.index("[](#ruler-2)")
    )
    assert reference.names(
        {
            "ruler": made,
            "other": reference.entries(
                MODULE.replace("def measure", "def mantel").replace("'measure'", "'mantel'")
            ),
        }
    ) == {"mantel": "taskdist_nb.other.mantel"}  # Ruler is in two modules, and measure a common word


def test_a_type_that_two_modules_have_is_the_one_that_is_imported():
    source = (
        MODULE.replace("def half(self) -> float", "def half(self) -> Index")
        + "\nfrom .records import Index\n"
    )
    page = reference.page("difficulty", reference.entries(source), source, {})
    assert ":type: ~taskdist_nb.records.Index\n" in page


def test_names_become_links_except_in_code_headings_and_links():
    known = {"Ruler": "taskdist_nb.ruler.Ruler", "Ruler.metre": "taskdist_nb.ruler.Ruler.metre"}
    text = "# `Ruler`\n`Ruler`, `Ruler.metre()`, [`Ruler`](x), `other`, `Ruler(3)`\n```python\n# not a heading\n`Ruler`\n```\n"
    labels = []
    assert build.outside_fences(
        lambda part: build.link_names(build.label_headings(part, "a/b", labels), known), text
    ) == (
        "(a-b-0)=\n# `Ruler`\n{py:obj}`Ruler <taskdist_nb.ruler.Ruler>`, {py:obj}`Ruler.metre() <taskdist_nb.ruler.Ruler.metre>`, [`Ruler`](x), `other`, `Ruler(3)`\n"
        "```python\n# not a heading\n`Ruler`\n```\n"
    )
    assert labels == ["a-b-0"]


def test_first_use_of_a_term_is_a_link_and_nothing_else_is_touched():
    known, seen = {"noise floor": "term-noise-floor", "nat": "term-nat", "task": "term-task"}, set()
    text = "# Noise floor\n> noise floor\n\nThe noise floor, in nats; the noise floor of a task. `nat` $nat$ [nat](x.ipynb)\n"
    linked = terms.link_terms(text, known, seen)
    assert linked == text.replace(
        "The noise floor, in nats", "The [noise floor](#term-noise-floor), in [nats](#term-nat)"
    )
    assert seen == {"term-noise-floor", "term-nat"} and terms.link_terms(text, known, seen) == text
    # explained where it stands
    assert (
        terms.link_terms("A **nat** is a unit. Nats add up.", known, set())
        == "A **nat** is a unit. Nats add up."
    )


def test_every_symbol_and_term_of_the_glossary_is_shown_in_plain_html():
    said, symbols = terms.entries(terms.glossary())
    texts = [*said.values(), *(part for row in symbols for part in row[1:3])]
    assert not any(sign in text for text in texts for sign in ("$", "\\", "{", "**"))
    keys = [key for row in symbols for key in row[0]]
    assert len(said) > 50 and {"pw", "τ", "Γ", "g", "ds", "KL", "K", "xτ", "Cij", "ε", "μ"} <= set(keys)
    pages = {name for names in build.sections().values() for name in names}
    assert {place for row in symbols for place, _ in row[3]} <= pages
    assert terms.plain_tex(r"p_w(y \mid x) \le \sqrt{2}^{1/2}") == (
        "<i>p</i><sub><i>w</i></sub>(<i>y</i> | <i>x</i>) ≤ √(2)<sup>1/2</sup>"
    )


def test_the_schematic_is_drawn_by_its_code_in_the_colours_of_live_figures():
    assert schematic.FILE.read_text(encoding="utf-8") == schematic.drawing() + "\n", "run docs/schematic.py"
    assert len(schematic.drawing()) < 60_000 and "#0072B2" in schematic.drawing()
    chapters = {chapter for _, chapter in schematic.PIECES.values()} | set(schematic.ALSO)
    assert chapters <= {name for names in build.sections().values() for name in names}
    lit = schematic.drawing("../", 3)
    assert lit.count("class=pale") == 4 and 'href="../04_trajectory.html"><title>3' in lit


def test_markup_is_named_and_light():
    summary = '<summary aria-label="Toggle hidden content">\n<p class="collapsed admonition-title">Imports</p>\n<p class="expanded admonition-title">Imports</p>\n</summary>'
    signature = "<dt><dl>\n<dd>a,</dd>\n<dd>b</dd>\n</dl></dt>"
    table = '<tr class="row-odd"><th class="head"><p></p></th><th class="head"><p>a</p></th><td><p>b</p><p>c</p></td></tr>'
    text = markup.reachable(summary + signature) + markup.shorter(markup.reachable(table))
    assert text == (
        '<summary>Imports</summary><dt><div class="parameters"><div>a,</div>\n<div>b</div>\n</div></dt>'
        "<tr><td></td><th>a</th><td><p>b</p><p>c</p></td></tr>"
    )


def test_lines_break_in_long_names_and_sentences_and_not_beside_formulas():
    math = '<span class="math notranslate nohighlight">\\(r\\)</span>'
    # a formula stays with its bracket and its full stop; a bare one needs no help
    held = '<span class="whole">(<span class="math">\\(r\\)</span>).</span>'
    assert (
        breaks.broken(f"so ({math}). Or {math} here")
        == f'so {held} Or <span class="math">\\(r\\)</span> here'
    )
    # a short name stays whole, and so does an attribute
    row = '<th id="a_long_enough_id">wasserstein_features</th><th>per_input</th><td>1.2</td>'
    wrapped = row.replace("wasserstein_", "wasserstein_<wbr>")
    head = "<thead></thead>"
    assert breaks.broken(f"<table>{head}{row}</table>") == f'<table class="named">{head}{wrapped}</table>'
    words = '<table class="docutils"><thead><th>why</th></thead><td>a record that was cut off is computed again</td></table>'
    assert breaks.broken(words) == words.replace('"docutils"', '"words docutils"')
    cells = "<td>PART/TASK/CLASS</td><td>train/pets/cat/1.png</td><td>the folders in the middle</td>"
    for kind, found in (("docutils", "words docutils"), ("dataframe", "dataframe")):
        made = breaks.broken(f'<table class="{kind}"><thead></thead><tr>{cells}</tr></table>')
        assert f'class="{found}"' in made
    script = f"<script>{row}<table>{row}</table></script>"
    assert breaks.broken(script) == script
    out = '<div class="output stream highlight-myst-ansi notranslate"><div class="highlight"><pre>%s</pre>'
    assert '<pre class="columns">' in breaks.broken(
        out % "a    1\nbc   2"
    ) and "columns" not in breaks.broken(out % "a 1")


def test_sidebar_must_list_each_notebook_once(tmp_path, monkeypatch):
    for name in ("index", "a", "b"):
        (tmp_path / f"{name}.ipynb").touch()
    (tmp_path / "sidebar.yml").write_text(
        "website: {sidebar: {contents: [index.ipynb, {section: S, contents: [a.ipynb, a.ipynb, c.ipynb]}]}}"
    )
    monkeypatch.setattr(build, "NBS", tmp_path)
    with pytest.raises(
        ValueError, match="not listed: b.ipynb; listed but not there: c.ipynb; listed twice: a.ipynb"
    ):
        build.sections()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    "The folder that Sphinx reads."
    folder = tmp_path_factory.mktemp("docs") / "pages"
    build.main(folder)
    return folder


def test_pages_hold_all_notebooks_and_no_directives(pages):
    made = {
        p.relative_to(pages).with_suffix("").as_posix(): nbformat.read(p, as_version=4)
        for p in pages.rglob("*.ipynb")
    }
    listed = sum(build.sections().values(), [])
    assert set(made) == {"index", *listed}
    cells = [cell for notebook in made.values() for cell in notebook.cells]
    # also not in prose, where a directive means nothing
    assert [cell.source for cell in cells if cell.source.startswith("#|")] == []
    assert not any("nbdev_export()" in cell.source for cell in cells if cell.cell_type == "code")
    told = [
        cell.metadata.get("mystnb", {}).get("code_prompt_show", "")
        for notebook in made.values()
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    for kind in ("Imports", "Checks", "Argument checks", "Code of the figure", "A helper"):
        assert sum(words.startswith(kind) for words in told) > 5
    contents = made["index"].cells[-1].source
    assert all(page in contents for page in listed)


def test_reference_has_a_page_for_each_module(pages):
    modules = {p.stem for p in reference.LIB.glob("*.py")} - {"__init__", "__main__", "_modidx"}
    assert {p.stem for p in (pages / "reference").glob("*.md")} == modules | {"index"}
    assert "{py:function} coupled_transfer(source, target, model=" in (
        pages / "reference" / "distances.md"
    ).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(pages):
    "The built site, as `make docs` builds it: a warning is an error. TASKDIST_SITE names one that was built just before."
    if built := os.environ.get("TASKDIST_SITE"):
        return build.ROOT / built
    if not find_spec("sphinx"):
        pytest.skip("Sphinx is not installed; `make docs` installs it")
    folder = pages.parent / "html"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            "-c",
            build.ROOT / "docs",
            pages,
            folder,
        ],
        check=True,
    )
    return folder


class Page(HTMLParser):
    "What a page offers to links, links to, loads, and says."

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded, self.images, self.text, self.inside = set(), [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        a = {name: value or "" for name, value in attributes}
        self.anchors |= {a[name] for name in ("id", "name") if name in a}
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        if tag == "link" and a.get("rel") not in ("canonical", "author"):
            self.loaded.append(a["href"])
        if tag != "a" and "src" in a:
            self.loaded.append(a["src"])
        if tag == "img":
            self.images.append(a)
        if tag in ("script", "style", "pre", "code") or "math" in a.get("class", "").split():
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        if not self.inside:
            self.text.append(data)


@pytest.fixture(scope="module")
def html(site):
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def broken(page, link, html):
    "Whether a link of a page within the site leads nowhere."
    place, _, anchor = link.partition("#")
    target = (page.parent / unquote(place.partition("?")[0])).resolve() if place else page
    if not target.is_file():
        return True
    return bool(anchor) and target in html and unquote(anchor) not in html[target].anchors


def test_every_link_and_file_of_the_site_is_there(site, html):
    wrong = [
        f"{page.relative_to(site)}: {link}"
        for page, found in html.items()
        for link in found.links + found.loaded
        if not re.match(r"[a-z]+:", link) and link != "#" and broken(page, link, html)
    ]
    assert wrong == []
    assert len(html) > 40 and sum(len(found.links) for found in html.values()) > 1000


def test_site_loads_nothing_from_elsewhere(site, html):
    assert [
        f"{page.name}: {url}"
        for page, found in html.items()
        for url in found.loaded
        if re.match(r"(https?:)?//", url)
    ] == []
    styles = {
        path.name: re.findall(
            r"(?:@import\s+|url\()[\"']?((?:https?:)?//[^\"')]+)", path.read_text(encoding="utf-8")
        )
        for path in site.rglob("*.css")
    }
    assert {name: urls for name, urls in styles.items() if urls} == {}


def test_formulas_use_the_fonts_that_the_site_has(site):
    elsewhere = r"\\(?:mathit|textit|emph|boldsymbol|bm|mathtt|mathsf|mathscr|texttt|textsf)\b"
    formulas = {
        page.name: re.findall(
            r'<(?:span|div) class="math[^>]*>(.*?)</(?:span|div)>', page.read_text(encoding="utf-8"), re.S
        )
        for page in site.rglob("*.html")
    }
    assert sum(map(len, formulas.values())) > 1000
    assert [name for name, found in formulas.items() if re.search(elsewhere, " ".join(found))] == [], (
        "add its font to FONTS of docs/conf.py"
    )
    fonts = {path.name for path in (site / "_static" / "mathjax").rglob("*.woff")}
    assert {"MathJax_Main-Regular.woff", "MathJax_Fraktur-Regular.woff", "MathJax_Zero.woff"} <= fonts


def test_formulas_are_typeset_and_figures_described(site, html):
    tex = {
        page.name: hits
        for page, found in html.items()
        if (hits := re.findall(r"\$[^$\n]*[\\^_][^$\n]*\$", "".join(found.text)))
    }
    assert tex == {}
    assert [
        f"{page.name}: {image.get('src')}"
        for page, found in html.items()
        for image in found.images
        if not image.get("alt")
    ] == []


class Reached(HTMLParser):
    "What of a page a screen reader or a keyboard would miss."

    def __init__(self, path):
        super().__init__()
        self.wrong, self.heads, self.landmarks, self.labels, self.inside = [], [], [], [], []
        self.fields, self.ids = [], set()
        self.feed(path.read_text(encoding="utf-8"))
        if self.heads.count(1) != 1:
            self.wrong.append(f"{self.heads.count(1)} headings of the first level")
        self.wrong += [f"h{b} after h{a}" for a, b in zip(self.heads, self.heads[1:]) if b > a + 1]
        self.wrong += [f"two {name}" for name in set(self.landmarks) if self.landmarks.count(name) > 1]
        self.wrong += [f"no label: {field}" for field in self.fields if field not in self.labels]

    def handle_starttag(self, tag, attributes):
        a = {name: value or "" for name, value in attributes}
        if re.fullmatch("h[1-6]", tag):
            self.heads.append(int(tag[1]))
        if tag in ("aside", "nav", "main") or a.get("role") in ("main", "navigation", "search"):
            self.landmarks.append((a.get("role", tag), a.get("aria-label", "")))
        if tag == "label":
            self.labels.append(a.get("for", ""))
        named = a.get("aria-label") or a.get("type") == "hidden" or "label" in self.inside
        if tag in ("input", "select", "textarea") and not named:
            self.fields.append(a.get("id", tag))
        if a.get("id") in self.ids:
            self.wrong.append(f"two of {a['id']}")
        self.ids.add(a.get("id") or id(a))
        if tag == "th" and "blank" in a.get("class", ""):
            self.wrong.append("a head of a table without words")
        if tag not in ("meta", "link", "input", "img", "br", "hr", "path", "col"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            del self.inside[len(self.inside) - 1 - self.inside[::-1].index(tag) :]


def test_every_page_can_be_reached_by_ear_and_keyboard(site, html):
    wrong = {path.relative_to(site).as_posix(): found for path in html if (found := Reached(path).wrong)}
    assert wrong == {}


def test_source_of_each_function_is_a_cell_of_a_chapter(site):
    pages, links = {}, 0
    for page in (site / "reference").glob("*.html"):
        for href in re.findall(
            r'href="([^"]*)"><span class="viewcode-link">', page.read_text(encoding="utf-8")
        ):
            chapter, anchor = href.split("#")
            text = pages.setdefault(chapter, (page.parent / chapter).read_text(encoding="utf-8"))
            assert f'id="{anchor}"' in text, (page.name, href)
            links += 1
    assert links > 400


def test_site_is_light(site):
    sizes = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 15e6 and not (site / ".doctrees").exists()
    assert {path.name: size for path, size in sizes.items() if path.suffix == ".html" and size > 1e6} == {}


def test_icons_are_in_the_style_sheet_once(site):
    text = (site / "02_fisher.html").read_text(encoding="utf-8")
    drawn = set(re.findall(r'<svg class="(?:[\w-]+ )?(icon-[\w-]+)"></svg>', text))
    assert {"icon-menu", "icon-toc", "icon-moon"} <= drawn and "<symbol" not in text and "<use" not in text
    styles = (site / "_static" / "site.css").read_text(encoding="utf-8")
    assert {name for name in drawn if f"svg.{name} {{" not in styles} == set()


def png(size, *parts):
    "A white picture with boxes of other colours, in base64."
    picture, out = Image.new("RGB", size, "white"), io.BytesIO()
    for colour, box in parts:
        picture.paste(colour, box)
    picture.save(out, format="png")
    return base64.b64encode(out.getvalue()).decode()


def test_dark_turns_over_drawings_in_lines_and_nothing_else(site):
    lines = png((100, 50), ("black", (10, 40, 90, 41)), ("#0072B2", (20, 10, 80, 13)))
    heat = png((100, 50), ("#440154", (10, 5, 50, 45)), ("#fde725", (50, 5, 90, 45)))
    digit = png((100, 50), ("black", (30, 10, 60, 40)))
    drawn = [pictures.is_drawing(pictures.opened(p)) for p in (lines, heat, digit)]
    assert drawn == [True, False, False]
    both = new_code_cell("", outputs=[new_output("display_data", {"image/png": p}) for p in (lines, heat)])
    assert pictures.classes(both) == {"classes": "small"} and pictures.classes(new_code_cell("")) == {}
    wide = new_code_cell("", outputs=[new_output("display_data", {"image/png": png((1036, 50))})])
    assert pictures.classes(wide) == {"classes": "drawing sharp"}
    # a curve is one, a heat map is not
    shown = {n: (site / n).read_text(encoding="utf-8") for n in ("04_trajectory.html", "07_matrix.html")}
    kinds = [re.findall(r'<img alt="[^>]*?( class="drawing[^>]*")? src', text) for text in shown.values()]
    assert all(kinds[0]) and not any(kinds[1]) and all(kinds)


def test_pages_tell_what_they_are_about(site):
    page = (site / "02_fisher.html").read_text(encoding="utf-8")
    assert '<meta name="description" content="How far apart two classifiers are' in page
    picture = re.search(r'<meta property="og:image" content="https://[^"]*/_static/([^"]+)"', page)[1]
    assert (site / "_static" / picture).is_file()
    assert "<h1>No such page" in (site / "404.html").read_text(encoding="utf-8")


def test_the_reference_shows_a_part_of_the_book_as_one_line(site):
    links = lambda page: re.findall(
        r'<a[^>]* href="(?:\.\./)?([^"]+)"',
        (site / page).read_text(encoding="utf-8").split('class="sidebar-tree"')[1].split("</aside>")[0],
    )
    chapters, modules = links("02_fisher.html"), links("reference/fisher.html")
    assert "02c_information.html" in chapters and "02c_information.html" not in modules
    # the first chapter of each part, the glossary, the list of modules, the index
    assert "02_fisher.html" in modules and {"explanations/glossary.html", "genindex.html"} <= set(modules)
    assert len(modules) < 15 < len(chapters)


def test_next_page_is_the_next_of_the_sidebar_and_both_have_numbers(site):
    text = (site / "02_fisher.html").read_text(encoding="utf-8")
    sidebar = re.findall(
        r'<li[^>]*><a[^>]*href="([^"]+)">([^<]*)</a>',
        text.split('class="sidebar-tree"')[1].split("</aside>")[0],
    )
    here = [href for href, _ in sidebar].index("#")
    assert (
        re.search(r'class="next-page" href="([^"]+)"', text)[1] == sidebar[here + 1][0]
        and sidebar[here][1] == "02 Fisher metric"
    )


@pytest.mark.parametrize("path", sorted(build.NBS.rglob("*.ipynb")), ids=lambda path: path.stem)
def test_committed_live_figures_hold_the_scripts_of_today(path):
    from taskdist_nb.live import figure_part

    for cell in nbformat.read(path, as_version=4).cells:
        for page in (out.get("data", {}).get("text/html", "") for out in cell.get("outputs", [])):
            if not page.startswith("<div data-live"):
                continue
            kind = re.match(r'<div data-live="(\w+)"', page)[1]
            assert all(figure_part(part) in page for part in ("common.css", "common.js", f"{kind}.js")), (
                f"run the notebook again: {kind}.js has changed"
            )
            assert len(page) < 60_000
