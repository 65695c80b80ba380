"""Copy the notebooks, as a reader sees them, to a folder that Sphinx reads; then `make docs` builds the site from it.

Usage: python docs/build.py FOLDER. Nothing is executed: the pages show the outputs that are committed with the notebooks.
"""
import shutil
import sys
from pathlib import Path

import nbformat

from cells import hides_input, visible_cells

ROOT = Path(__file__).resolve().parents[1]
PARTS = {"Notebooks": ".", "Tutorials": "tutorials", "Explanations": "explanations"}


def pages(folder):
    "The notebooks of one folder in reading order (their file names')."
    return sorted(p for p in folder.glob("*.ipynb") if not p.name.startswith(("_", ".")))


def to_page(source, target):
    "Write one notebook without directives and hidden cells."
    notebook = nbformat.read(source, as_version=4)
    notebook.cells = list(visible_cells(source))
    for cell in notebook.cells:
        if cell.cell_type == "code": cell.metadata = {"tags": ["remove-input"]} if hides_input(cell) else {}
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.from_dict(notebook), target)


def toctree(caption, names):
    "A hidden table of contents: it fills the sidebar."
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```"])


def main(target):
    shutil.rmtree(target, ignore_errors=True)
    trees, nbs = [], ROOT / "nbs"
    for caption, part in PARTS.items():
        found = pages(nbs / part)
        for page in found: to_page(page, target / page.relative_to(nbs))
        names = [page.relative_to(nbs).with_suffix("").as_posix() for page in found if page.name != "index.ipynb"]
        if names: trees.append(toctree(caption, names))
    index = nbformat.read(target / "index.ipynb", as_version=4)
    index.cells.append(nbformat.v4.new_markdown_cell("\n\n".join(trees), id="contents"))
    nbformat.write(index, target / "index.ipynb")


if __name__ == "__main__": main(Path(sys.argv[1]))
