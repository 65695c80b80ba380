"""HTML of the site as Sphinx leaves it, made lighter and reachable: fewer marks and classes, a short sidebar, names for what a screen reader lists.

Each change is of text, and leaves a page that says the same.
"""

import re

from breaks import broken

SAME = re.compile(r'(<span class="(\w+)">[^<]*)</span><span class="\2">')

VERBATIM = re.compile(r"(<(pre|script|textarea)\b.*?</\2>)", re.S)
# classes that no style sheet speaks of, roles that say what is not so
WORDLESS = {
    ' role="heading"': "",
    'class="row-even"': "",
    'class="row-odd"': "",
    'class="highlight-python notranslate"': 'class="highlight-python"',
    'class="table-wrapper colwidths-auto docutils container"': 'class="table-wrapper"',
    'th class="head"': "th",
    'class="reference internal"': 'class="reference"',
    'class="docutils literal notranslate"': 'class="literal"',
    'class="xref py py-obj docutils literal notranslate"': 'class="literal"',
    'class="cell_input docutils container"': 'class="cell_input"',
    'class="cell_output docutils container"': 'class="cell_output"',
    ' title="Link to this heading"': "",
    ' title="Link to this definition"': "",
    '<meta name="viewport" content="width=device-width, initial-scale=1" />': "",  # once is enough
}
COMMENT = re.compile(r"<!--.*?-->", re.S)


def unindented(text):
    "HTML without spaces at the start of its lines, but where these are shown."
    # a verbatim part, its tag, what follows, and so on
    first, *rest = VERBATIM.split(text)
    flush = lambda part: re.sub(r"\n\s+", "\n", part)
    return flush(first) + "".join(rest[k] + flush(rest[k + 2]) for k in range(0, len(rest), 3))


# the theme draws its icons in every page; here site.css holds them, once
SYMBOLS = re.compile(r'<svg [^>]*style="display: none;?">\s*<symbol id="svg-.*?</symbol>\s*</svg>', re.S)
ICON = re.compile(r'<svg(?: class="([^"]*)")?><use href="#svg-([\w-]+)"></use></svg>')


def icons(text):
    "A page whose icons are shapes of the style sheet."
    shape = lambda m: f'<svg class="{m[1] + " " if m[1] else ""}icon-{m[2]}"></svg>'
    return ICON.sub(shape, SYMBOLS.sub("", text))


MODULES = re.compile(
    r'(?:<input[^>]*toctree-checkbox[^>]*>\s*<label.*?</label>\s*)?<ul[^>]*>\s*<li class="toctree-l2.*?</ul>',
    re.S,
)
TREE = re.compile(r'(<div class="sidebar-tree"[^>]*>)(.*?)(</div>)', re.S)
MARKED = re.compile(r'<span class="(\w+)">([^<]*)</span>')
PRE = re.compile(r"<pre>.*?</pre>", re.S)
READ = re.compile(r'caption-text">I{1,3} ')
LOOKED_UP = re.compile(r'caption-text">(?:Words|Reference)')


# furo's colours of code, which site.css holds once
STYLE = re.compile(r"<style>\s*body \{\s*--color-code-background.*?</style>\s*", re.S)
ENDS = re.compile(
    r"</li>(?=\s*(?:<li|</ul|</ol))|</t[dh]>(?=\s*(?:<t[dh]|</tr))|</tr>(?=\s*(?:<tr|</tbody|</thead|</table))"
)


def closed(part):
    "A part of the sidebar as one line that leads to its first page."
    first = re.search(r'href="([^"]+)"', part)[1]
    words = re.search(r'caption-text">([^<]*)', part)[1]
    return f'<p class="caption"><a class="caption-text" href="{first}">{words}</a></p>\n'


def plain_links(part):
    "Links of the sidebar without the two classes that each has."
    return (
        part.replace('class="toctree-l1"', "").replace("<li >", "<li>").replace('<a class="reference"', "<a")
    )


def navigation(text):
    """A sidebar with the part that a page belongs to; each other part is a line that leads to its first page.

    The parts of the book that are read from front to back are open together; so are the glossary and the reference. The list of modules is a page."""

    def shown(tree):
        start, *parts = re.split(r'(?=<p class="caption")', tree[2])
        here = next((part for part in parts if "current-page" in part or 'class="current"' in part), "")
        reads = not here or READ.search(here)
        made = []
        for part in parts:
            is_open = part is here or LOOKED_UP.search(part) or (reads and READ.search(part))
            made.append(plain_links(MODULES.sub("", part)) if is_open else closed(part))
        return tree[1] + start + "".join(made) + tree[3]

    return TREE.sub(shown, text)


# the heading of a folded cell is written twice, for the open and the closed one, and read as something else
SUMMARY = re.compile(
    r'<summary aria-label="[^"]*">\s*<p class="collapsed admonition-title">(.*?)</p>\s*<p class="expanded admonition-title">\1</p>\s*</summary>'
)
NAMELESS = re.compile(r'<th(?: class="(?:head|[^"]*blank[^"]*)")?\s*>(?:<p></p>|&nbsp;|&#160;|\xa0)?</th>')
TWICE = re.compile(r'(<div class="table-wrapper[^>]* id="([^"]+)">\s*<table[^>]*?) id="\2"')
PARAGRAPH = re.compile(r"(<t[dh][^>]*>)<p>((?:(?!<p>|</p>).)*)</p>(</t[dh]>)", re.S)
TERM = re.compile(
    r'<a class="reference" href="([^"]*#term-[^"]*)"><span class="std std-ref">([^<]*)</span></a>'
)
LINKED = re.compile(r'<span class="std std-(?:ref|doc)">([^<]*)</span>')
# a link's text, said once more; a parameter's name, marked twice
SAID_AGAIN = re.compile(r' title="taskdist_nb\.[\w.]+"')
PARAMETER = re.compile(r'(<em class="sig-param">)<span class="n">([^<]*)</span>')
# what pandas says of a table, the style sheet of the site says of all
SCOPED = re.compile(r"<style scoped>.*?</style>\s*", re.S)
# a signature on several lines: a list of definitions without a term
PARAMETERS = re.compile(r"<dl>\s*((?:<dd>(?:(?!</?d[dl]>).)*</dd>\s*)+)</dl>", re.S)


def reachable(text):
    "A page whose landmarks have names, whose heads of tables are not empty, and whose folded cells are called what they show."
    text = SUMMARY.sub(r"<summary>\1</summary>", text)
    text = TWICE.sub(r"\1", NAMELESS.sub("<td></td>", text))
    text = PARAMETERS.sub(lambda m: f'<div class="parameters">{m[1].replace("dd>", "div>")}</div>', text)
    text = text.replace('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="Book">')
    text = text.replace(
        '<div class="sidebar-tree">', '<div class="sidebar-tree" role="navigation" aria-label="Chapters">'
    )
    text = text.replace('<aside class="toc-drawer">', '<aside class="toc-drawer" aria-label="On this page">')
    return text.replace('<div id="search-results"></div>', '<h1>Search</h1>\n<div id="search-results"></div>')


CELL = re.compile(r'<div class="cell([^"]*?) tag_cell-(\w+)')


def shorter(text):
    """A page without spans that mark nothing: one around each word of inline code, three for each string; without icons that it does not show,
    classes that mean nothing, and indentation.

    A cell that is exported can be linked to."""
    text = CELL.sub(r'<div id="cell-\2" class="cell\1', text)
    text = icons(re.sub(r'<span class="pre">([^<]*)</span>', r"\1", text))
    while (joined := SAME.sub(r"\1", text)) != text:
        text = joined
    text = PRE.sub(lambda m: MARKED.sub(r"<i class=\1>\2</i>", m[0]), text)
    for long, short in WORDLESS.items():
        text = text.replace(long, short)
    text = PARAGRAPH.sub(r"\1\2\3", COMMENT.sub("", text)).replace("<tr >", "<tr>")
    text = PARAMETER.sub(r"\1\2", SAID_AGAIN.sub("", text))
    text = LINKED.sub(r"\1", SCOPED.sub("", TERM.sub(r'<a class="term" href="\1">\2</a>', text)))
    return unindented(text)


def unclosed(text):
    "HTML without end tags that it need not have: of an item, a row, a cell before the next one or the end of them all."
    return ENDS.sub("", text)


def finished(text):
    "The page as it is served."
    return unclosed(broken(navigation(shorter(reachable(STYLE.sub("", text))))))
