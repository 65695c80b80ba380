"""nbs/index.ipynb -> README.md and docs/images/index_N.png. The same notebook gives the same bytes.

`nbdev_readme` would need Quarto. Run from anywhere: `python docs/make_readme.py`.
"""

import base64
import posixpath
import re
from pathlib import Path

from cells import hides_input, visible_cells

ROOT = Path(__file__).resolve().parents[1]
IMAGES = "docs/images"
HEADER = (
    "<!-- Made from nbs/index.ipynb by docs/make_readme.py: edit the notebook, then `make export`. -->\n\n"
)
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s]+)")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def relink(text):
    "Links relative to nbs/ become links relative to the project's root."
    return LINK.sub(lambda m: m[1] + posixpath.normpath(posixpath.join("nbs", m[2])), text)


def fenced(text, language):
    "A fenced block, with a fence longer than any in the text."
    ticks = max((len(run) for run in re.findall(r"`{3,}", text)), default=2) + 1
    return f"{'`' * ticks}{language}\n{text.rstrip()}\n{'`' * ticks}"


def show_image(data, cell, images):
    "Store a PNG under the next free name; -> the Markdown that shows it."
    name = f"index_{len(images)}.png"
    images[name] = base64.b64decode(data)
    directives = cell.metadata["directives"]
    alt = directives.get("fig-alt") or directives.get("fig-cap") or f"Figure {len(images)}"
    return f"![{alt.strip(chr(34))}]({IMAGES}/{name})"


def show_output(output, cell, images):
    "One output of a code cell as Markdown; '' if there is nothing to show."
    if output.output_type == "stream":
        return fenced(ANSI.sub("", output.text), "text")
    data = output.get("data", {})
    if "image/png" in data:
        return show_image(data["image/png"], cell, images)
    if "text/markdown" in data:
        return relink(data["text/markdown"])
    return fenced(ANSI.sub("", data["text/plain"]), "text") if data.get("text/plain", "").strip() else ""


def render(
    path,  # of the index notebook
):
    "-> (README's text, {name of an image in docs/images: its bytes})."
    blocks, images = [], {}
    for cell in visible_cells(path):
        if cell.cell_type == "markdown":
            blocks.append(relink(cell.source))
        if cell.cell_type != "code":
            continue
        if not hides_input(cell):
            blocks.append(fenced(cell.source, "python"))
        blocks += [show_output(output, cell, images) for output in cell.outputs]
    return HEADER + "\n\n".join(block.strip() for block in blocks if block.strip()) + "\n", images


def main():
    text, images = render(ROOT / "nbs" / "index.ipynb")
    folder = ROOT / IMAGES
    for old in folder.glob("index_*.png"):
        if old.name not in images:
            old.unlink()
    for name, content in images.items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (ROOT / "README.md").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
