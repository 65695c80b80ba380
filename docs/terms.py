"""The glossary where its words are used: each page links the first use of a term to it, and the site shows its sentences beside terms and symbols.

The table is nbs/explanations/glossary.ipynb and nothing else. `static/tips.js` shows what `entries` made of it.
"""

import posixpath
import re
from functools import cache
from html import escape
from pathlib import Path
from unicodedata import normalize

import nbformat

NBS = Path(__file__).resolve().parents[1] / "nbs"
GLOSSARY = "explanations/glossary"
TERM = re.compile(r"^\*\*(.+?)\.\*\* (.+)$", re.M)
ROW = re.compile(r"^\| (\$.+?) \| (.+?) \| (.*?) \| (.+?) \|$", re.M)
LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
MATHS = re.compile(r"\$([^$]+)\$")
# Words of everyday language, and of code, are explained in the glossary but not wherever they stand.
EVERYDAY = {
    *("block", "body", "head", "dial", "displacement", "layout", "ignorance", "truth", "probe", "progress", "score", "source", "target", "store", "stretch"),
    *("suite", "switch", "task", "turn", "walk", "chord", "asymmetry", "interaction", "embedding", "vocabulary"),
}  # fmt: skip
SIGNS = dict(
    zip(
        "alpha beta delta epsilon eta theta kappa lambda mu pi tau Gamma Sigma ell sum log mid langle rangle le sqrt in top".split(),
        "α β δ ε η θ κ λ μ π τ Γ Σ ℓ Σ log | ⟨ ⟩ ≤ √ ∈ ⊤".split(),
    )
)
RELATIONS = ("mid", "le", "in")
# what stays as it is: code, a formula, a link or a picture, a heading, a table, a target, raw HTML, a quotation, bold words, an address
KEPT = re.compile(
    r"(`+)(?:.|\n)*?\1|\$\$(?:.|\n)*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|\{[\w:]+\}`[^`]*`|^#.*$|^\|.*$|^\(.*\)=$|^<.*$|^>.*$|\*\*[^*\n]+\*\*|https?://\S+|<[^>\n]+>",
    re.M,
)


def plain_tex(tex):
    "A short formula in HTML without MathJax: letters of the alphabet in italics, what is below and above, signs as characters."
    tex = re.sub(r"\\(?:mathrm|text)\{(\w+)\}", r"\1", tex)
    tex = re.sub(r"\\sqrt\{([^{}]*)\}", r"√(\1)", tex)
    spaced = lambda name: f" {SIGNS[name]} " if name in RELATIONS else SIGNS[name]
    tex = " ".join(re.sub(r"\\([A-Za-z]+) ?", lambda m: spaced(m[1]), tex).split())
    tex = re.sub(r"\\[,;:! ]", " ", tex)
    letters = re.sub(r"(?<![A-Za-z])([A-Za-z])(?![A-Za-z])", r"<i>\1</i>", escape(tex, quote=False))
    below = re.sub(r"_(?:\{([^{}]*)\}|(<i>\w</i>|\w))", lambda m: f"<sub>{m[1] or m[2]}</sub>", letters)
    return re.sub(r"\^(?:\{([^{}]*)\}|(<i>\w</i>|\w))", lambda m: f"<sup>{m[1] or m[2]}</sup>", below)


def within_site(link):
    "A link of the glossary from the root of the site."
    return posixpath.normpath(posixpath.join(posixpath.dirname(GLOSSARY), link))


def html(markdown):
    "A sentence of the glossary in HTML, with links from the root of the site."

    def link(match):
        return f'<a href="{within_site(match[2]).replace(".ipynb", ".html")}">{match[1]}</a>'

    formulas = []
    text = MATHS.sub(lambda m: formulas.append(plain_tex(m[1])) or f"\x00{len(formulas) - 1}\x00", markdown)
    text = LINK.sub(link, escape(text, quote=False))
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)
    return re.sub(r"\x00(\d+)\x00", lambda m: formulas[int(m[1])], text)


def key(tex):
    "The characters of a symbol as they are set one after the other, without its arguments: p_w(y | x) is 'pw'."
    base = re.sub(r"\\mathrm\{(\w+)\}", r"\1", tex)
    name, below = re.match(r"(\\?[A-Za-z]+)(?:_(\{[^}]*\}|\\?\w+))?", base).groups()
    sign = lambda part: SIGNS[part[1:]] if part.startswith("\\") else part
    return normalize("NFKC", sign(name) + "".join(map(sign, re.findall(r"\\?[A-Za-z]+", below or ""))))


def slug(name):
    return "term-" + re.sub(r"\W+", "-", name.split(",")[0].lower()).strip("-")


@cache
def glossary():
    "Text of the glossary's cells."
    cells = nbformat.read(NBS / f"{GLOSSARY}.ipynb", as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def terms(text):
    "{name in small letters: id of its entry} of all names of all terms."
    return {name.strip().lower(): slug(m[1]) for m in TERM.finditer(text) for name in m[1].split(",")}


def entries(text):
    "What the site shows: {id: HTML} of the terms, and of each symbol [[keys], how it is written, what it means, [[page, its name]]]."
    said = {slug(m[1]): f"<b>{escape(m[1])}.</b> {html(m[2])}" for m in TERM.finditer(text)}
    symbols = []
    for written, meaning, _, places in ROW.findall(text):
        pages = [(within_site(m[2]).removesuffix(".ipynb"), m[1]) for m in LINK.finditer(places)]
        keys = [key(tex) for tex in MATHS.findall(written) if not tex.startswith(r"\langle")]
        symbols.append([keys, html(written), html(meaning), pages])
    return said, symbols


def label_terms(text):
    "The glossary's own text with a target before each entry."
    return TERM.sub(lambda m: f"({slug(m[1])})=\n{m[0]}", text)


def pattern(names):
    "Finds any of the names as a whole word, also in the plural; longer ones first."
    ordered = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, ordered))})(s?)(?![\w-])", re.I)


def link_terms(
    text,  # Markdown, without fenced blocks
    known,  # {name: id}
    seen,  # ids that the page has explained already; grows
):
    "The first use of each term on a page as a link to the glossary."
    finds = pattern([name for name in known if name not in EVERYDAY])

    def link(match):
        target = known[match[1].lower()]
        if target in seen:
            return match[0]
        seen.add(target)
        return f"[{match[0]}](#{target})"

    made, at = [], 0
    for kept in KEPT.finditer(text):
        made += [finds.sub(link, text[at : kept.start()]), kept[0]]
        # words in bold are explained there
        if kept[0].startswith("**"):
            seen |= {known[m[1].lower()] for m in finds.finditer(kept[0])}
        at = kept.end()
    return "".join([*made, finds.sub(link, text[at:])])
