"""Leave the pictures of widgets in committed notebooks, and drop the widgets: a page without a kernel can't move them.

Usage: python docs/still.py [NOTEBOOK ...]; without names, all notebooks under nbs/. A notebook that holds none is not touched.
"""

import sys
from pathlib import Path

from execnb.nbio import read_nb, write_nb

VIEW = "application/vnd.jupyter.widget-view+json"
NBS = Path(__file__).resolve().parents[1] / "nbs"


def make_still(notebook):
    "Remove views of widgets that have a picture beside them, and all saved state. -> whether anything was removed"
    data = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    views = [
        bundle for bundle in data if VIEW in bundle and any(mime.startswith("image/") for mime in bundle)
    ]
    for bundle in views:
        del bundle[VIEW]
    return notebook.metadata.pop("widgets", None) is not None or bool(views)


def main(paths):
    for path in paths or sorted(p for p in NBS.rglob("*.ipynb") if not p.name.startswith((".", "_"))):
        notebook = read_nb(path)
        if make_still(notebook):
            write_nb(notebook, path)


if __name__ == "__main__":
    main(sys.argv[1:])
