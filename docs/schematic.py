"""The one drawing of the method, as an SVG: two tasks, what moves between them, the network that follows, the length that is read, the pairs chosen again.

Each of its five pieces leads to the chapter that explains it. `python docs/schematic.py` writes docs/images/schematic.svg, which the home notebook shows;
on the site the same drawing stands in the page, so that its links work and its colours follow the theme.
"""

import re
from html import escape
from math import dist
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "images" / "schematic.svg"
LIVE = ROOT / "taskdist_nb" / "live_figures" / "common.css"
# what each piece is called, and its chapter
PIECES = {
    1: ("Two tasks", "00_data"),
    2: ("A task that moves", "03_moving"),
    3: ("A network that follows it", "04_trajectory"),
    4: ("How far apart two predictions are", "02_fisher"),
    5: ("The coupled path, by turns", "04e_alternation"),
}
# other chapters about a piece
ALSO = {
    "03a_crossvalidated": 4,
    "03b_looks": 4,
    "03b_parts": 4,
    "03b_ruler": 4,
    "03c_couplings": 5,
    "04d_first_coupling": 5,
}
WORDS = (
    "The coupled transfer distance in five pieces. 1: a source task and a target task, three images each. 2: every source image is paired with a target image, "
    "and images and labels move along these pairs while tau goes from 0 to 1. 3: a network that was trained on the source follows by small steps of gradient descent; "
    "fine-tuning jumps to the target instead. 4: the length of its path is the sum over steps of the root of twice the Kullback-Leibler divergence between predictions. "
    "5: the pairs are chosen again so that the path just walked would be shorter, and the walk is repeated."
)
LEFT, RIGHT, MIDDLE = 44, 336, 190
ROWS = (56, 100, 144)
PARTNER = (1, 2, 0)  # of each source image among the target images
BEND = (0, -12, 9, -6, 12, -9, 0)  # of the network's path, at each checkpoint
SHAPES = {
    "circle": '<circle r="8"/>',
    "square": '<rect x="-7" y="-7" width="14" height="14"/>',
    "bar": '<path d="M-8 0H8"/>',
    "triangle": '<path d="M0 -8 8 7H-8z"/>',
    "cross": '<path d="M-7 -7 7 7M-7 7 7 -7"/>',
    "star": '<path d="M0 -9V9M-8 -4 8 5M-8 5 8 -4"/>',
}
SOURCE, TARGET = ("circle", "square", "bar"), ("triangle", "cross", "star")


def colours():
    "The colours of the live figures, which are the package's with enough contrast for text. -> those on white and those in the dark, as CSS."
    found = re.findall(r"--blue: .*?--green: #\w+;", LIVE.read_text(encoding="utf-8"))
    return found[0], found[1]


def css():
    "The same rules for the file, which follows the system, and for a page, which has a theme."
    light, dark = colours()
    dark += " --ground: var(--color-background-primary, #131416); color: #e2e2e2;"
    return f""".schematic {{ {light} --ground: var(--color-background-primary, #fff); color: #1a1a1a; }}
@media (prefers-color-scheme: dark) {{ .schematic:not([data-theme="light"] *) {{ {dark} }} }}
[data-theme="dark"] .schematic {{ {dark} }}
@media print {{ .schematic.schematic {{ {light} color: #000; }} }}
.schematic text {{ font: 13px system-ui, sans-serif; fill: currentColor; }}
.schematic :is(path, circle, rect) {{ fill: none; stroke: currentColor; stroke-width: 1.5; }}
.schematic .b {{ --c: var(--blue); }} .schematic .r {{ --c: var(--red); }} .schematic .g {{ --c: var(--green); }}
.schematic :is(.b, .r, .g) :is(path, circle, rect) {{ stroke: var(--c); }}
.schematic :is(.b, .r, .g) text {{ fill: var(--c); font-weight: 600; }}
.schematic .ground {{ fill: var(--ground); }} .schematic .full {{ fill: var(--c); }} .schematic .half {{ opacity: .6; }}
.schematic .thin {{ stroke-width: .8; opacity: .6; }} .schematic .dots {{ stroke-dasharray: 2 4; }} .schematic .dashes {{ stroke-dasharray: 6 4; opacity: .6; }}
.schematic .n circle {{ fill: currentColor; }} .schematic .n text {{ fill: var(--ground); text-anchor: middle; font-weight: 700; font-size: 12px; }}
.schematic .mid {{ text-anchor: middle; }} .schematic .end {{ text-anchor: end; }} .schematic .it {{ font-style: italic; }}"""


def at(x, y, inner, kind="", scale=1):
    "Elements moved to a place."
    size = f" scale({scale})" if scale != 1 else ""
    return f'<g{f" class={chr(34)}{kind}{chr(34)}" if kind else ""} transform="translate({x:g} {y:g}){size}">{inner}</g>'


def text(x, y, words, kind=""):
    return f'<text x="{x:g}" y="{y:g}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{words}</text>'


def line(*points, kind=""):
    way = "L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="M{way}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}/>'


def badge(number, x, y):
    return at(x, y, f'<circle r="9"/><text y="4.5">{number}</text>', "n")


TILE = '<rect x="-15" y="-15" width="30" height="30" rx="4"/>'


def tasks():
    "Three images of each task."
    names = at(LEFT - 15, 31, text(0, 0, "source task"), "b") + at(
        RIGHT + 15, 31, text(0, 0, "target task", "end"), "r"
    )
    drawn = [names]
    for y, source, target in zip(ROWS, SOURCE, TARGET):
        drawn += [at(LEFT, y, TILE + SHAPES[source], "b"), at(RIGHT, y, TILE + SHAPES[target], "r")]
    return "".join(drawn) + badge(1, 14, 27)


def moving():
    "The pairs, an image of each pair half way, and the axis of tau."
    drawn = []
    for k, partner in enumerate(PARTNER):
        drawn.append(line((LEFT + 18, ROWS[k]), (RIGHT - 18, ROWS[partner]), kind="thin"))
    for k, partner in enumerate(PARTNER):
        y = (ROWS[k] + ROWS[partner]) / 2
        # each of the two images at half its strength
        both = f'<g class="b half">{SHAPES[SOURCE[k]]}</g><g class="r half">{SHAPES[TARGET[partner]]}</g>'
        drawn.append(at(MIDDLE, y, TILE.replace("<rect", '<rect class="ground"') + both, scale=0.66))
    axis = line((LEFT, 172), (RIGHT, 172)) + "".join(line((x, 168), (x, 176)) for x in (LEFT, MIDDLE, RIGHT))
    names = text(LEFT, 191, "τ = 0", "mid") + text(RIGHT, 191, "1", "mid")
    return "".join(drawn) + axis + names + badge(2, 97, 191) + text(111, 195.5, "images and labels move")


def path():
    "Checkpoints of the network's path."
    last = len(BEND) - 1
    return [(LEFT + (RIGHT - LEFT) * m / last, 272 - 36 * m / last + bend) for m, bend in enumerate(BEND)]


def following():
    "The network's path of small steps, under the axis of tau; fine-tuning's jump."
    points = path()
    down = "".join(line((x, 200), (x, y - 6), kind="thin dots") for x, y in points[::3])
    dots = "".join(f'<circle class="full" cx="{x:g}" cy="{y:g}" r="4"/>' for x, y in points)
    (x0, y0), (x1, y1) = points[0], points[-1]
    jump = f'<path class="dashes" d="M{x0:g} {y0 + 7:g}Q{MIDDLE} 330 {x1:g} {y1 + 8:g}"/>'
    names = text(x0 - 30, y0 - 12, '<tspan class="it">w</tspan>(0)') + text(
        x1 - 2, y1 - 11, '<tspan class="it">w</tspan>(1)'
    )
    said = (
        badge(3, 97, 222)
        + text(111, 226.5, "the weights follow")
        + text(MIDDLE, 316, "fine-tuning jumps", "mid")
    )
    return down + jump + f'<g class="g">{line(*points)}{dots}</g>' + names + said


def length():
    "The steps of the path, laid end to end, and what their sum is."
    x, steps = LEFT, [dist(a, b) for a, b in zip(path(), path()[1:])]
    ends = [x := x + step for step in steps]
    ruler = line((LEFT, 336), (ends[-1], 336)) + "".join(line((e, 330), (e, 342)) for e in (LEFT, *ends))
    small = '<tspan font-size="9" dy="3">{}</tspan><tspan dy="-3">​</tspan>'
    formula = f'length = Σ √(2 KL[<tspan class="it">p</tspan>{small.format("τ")}, <tspan class="it">p</tspan>{small.format("τ+dτ")}])'
    return f'<g class="g">{ruler}</g>' + badge(4, 53, 362) + text(67, 366.5, formula)


def turns():
    "From the length back to the pairs."
    up = '<path d="M330 392H372Q384 392 384 380V24Q384 12 372 12H202Q190 12 190 24V56"/><path d="M185 50 190 58 195 50"/>'
    return up + badge(5, 53, 392) + text(67, 396.5, "pairs that make this path shorter; again")


def drawing(
    home="",  # where the chapters are, from the page that shows it
    lit=0,  # a piece to be shown in full, the others pale; 0: all
):
    "The SVG, with its style."
    pieces = (tasks, moving, following, length, turns)
    made = [
        f'<a href="{home}{chapter}.html"{" class=pale" if lit and lit != k else ""}><title>{k}: {escape(name)}</title>{piece()}</a>'
        for piece, (k, (name, chapter)) in zip(pieces, PIECES.items())
    ]
    words = (
        f"Where this chapter stands in the drawing of the method: piece {lit} of 5, {PIECES[lit][0]}"
        if lit
        else WORDS
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 396 408" class="schematic" role="group" aria-label="{escape(words)}">'
    return "\n".join((head, f"<style>{css()}</style>", *made, "</svg>"))


if __name__ == "__main__":
    FILE.write_text(drawing() + "\n", encoding="utf-8", newline="\n")
