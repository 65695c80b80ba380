"""Where lines of a page may break: in long names that head rows and columns, in the sentences of a table, and not between a formula and its bracket.

What was printed in columns does not break either."""

import re
from html import unescape

TABLE = re.compile(r"<table\b.*?</table>", re.S)
HEAD = re.compile(r"(<th\b[^>]*>)(.*?)(?=</th>)", re.S)
CELL = re.compile(r"<td\b[^>]*>(.*?)</td>", re.S)
ROW = re.compile(r"<th\b[^>]*>(.*?)</th>", re.S)
# a name breaks after a colon or an underscore; a mark-up in between stays whole
JOINT = re.compile(r"(?<=\w)([_:]+)(?=\w)")
TAG = re.compile(r"(<[^>]*>)")
SCRIPT = re.compile(r"(<script\b.*?</script>)", re.S)
FORMULA = re.compile(r'(\(|\[)?(<span class="math">[^<]*</span>)([)\].,;:?!]+)?')
PRINTED = re.compile(r'(highlight-myst-ansi[^>]*>\s*<div class="highlight">)<pre>(.*?)</pre>', re.S)
COLUMNS = re.compile(r"\S {3,}\S")
LONG = 12  # characters: a name that is no longer stays on its line
SENTENCE = 40  # characters: a cell that holds more is of words, and wraps
PHONE = 50  # characters: what a line of a phone holds


def breakable(head):
    "The text of a heading with places to break after the parts of its long names."
    parts = TAG.split(head)
    words = (
        " ".join(JOINT.sub(r"\1<wbr>", word) if len(word) > LONG else word for word in part.split(" "))
        for part in parts[::2]
    )
    return "".join(word + tag for word, tag in zip(words, [*parts[1::2], ""]))


def lengths(pattern, part):
    "How many characters each cell holds that a pattern finds in a part of a table."
    return [len(unescape(TAG.sub("", cell)).strip()) for cell in pattern.findall(part)]


def kinds(table):
    "What a table has: `words`, a cell with a sentence or, in the text, a row that no phone is wide enough for; `named`, a row with a long name."
    rows = table.partition("</thead>")[2]
    widest = max((sum(lengths(CELL, row)) for row in rows.split("</tr>")), default=0)
    wordy = max(lengths(CELL, rows), default=0) > SENTENCE or ("docutils" in table and widest > PHONE)
    return ["words"] * wordy + ["named"] * (max(lengths(ROW, rows), default=0) > LONG)


def of_table(match):
    "A table whose long names break, with classes that say what it holds."
    table = HEAD.sub(lambda m: m[1] + breakable(m[2]), match[0])
    classes = " ".join(kinds(table))
    if not classes:
        return table
    start, rest = table.split(">", 1)
    named = (
        start.replace('class="', f'class="{classes} ', 1)
        if 'class="' in start
        else f'{start} class="{classes}"'
    )
    return f"{named}>{rest}"


def printed(match):
    "What a cell has printed: with the class `columns` if two lines or more hold wide gaps."
    rows = sum(1 for line in TAG.sub("", match[2]).splitlines() if COLUMNS.search(line))
    return f'{match[1]}<pre class="columns">{match[2]}</pre>' if rows > 1 else match[0]


def together(match):
    "A formula that no line break parts from the bracket before it or from the mark after it."
    if not (match[1] or match[3]):
        return match[2]
    return f'<span class="whole">{match[1] or ""}{match[2]}{match[3] or ""}</span>'


def broken(text):
    "A page with these breaks. Its formulas lose the classes that nothing asks for."
    text = text.replace('class="math notranslate nohighlight"', 'class="math"')
    parts = SCRIPT.split(text)
    parts[::2] = (PRINTED.sub(printed, FORMULA.sub(together, TABLE.sub(of_table, p))) for p in parts[::2])
    return "".join(parts)
