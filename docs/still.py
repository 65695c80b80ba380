"""Leave the pictures of widgets in committed notebooks, and drop the widgets: a page without a kernel can't move them.

Usage: python docs/still.py [NOTEBOOK ...]; without names, all notebooks under nbs/. A notebook that holds none is not touched.
"""

import re
import sys
from pathlib import Path

from execnb.nbio import read_nb, write_nb

VIEW = "application/vnd.jupyter.widget-view+json"
NBS = Path(__file__).resolve().parents[1] / "nbs"


def is_bar(bundle):
    "Whether an output is a progress bar, by the text beside its widget: '83%|########3 | 15/18'."
    return VIEW in bundle and bool(re.search(r"\d%\|.*\d+/\d+", "".join(bundle.get("text/plain", ""))))


def make_still(notebook):
    "Remove views of widgets that have a picture beside them, progress bars, and all saved state. -> whether anything was removed"
    bars = 0
    for cell in notebook.cells:
        kept = [out for out in cell.get("outputs", []) if not is_bar(out.get("data", {}))]
        bars += len(cell.get("outputs", [])) - len(kept)
        if "outputs" in cell:
            cell["outputs"] = kept
    data = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    views = [
        bundle for bundle in data if VIEW in bundle and any(mime.startswith("image/") for mime in bundle)
    ]
    for bundle in views:
        del bundle[VIEW]
    return notebook.metadata.pop("widgets", None) is not None or bool(views) or bars > 0


def main(paths):
    for path in paths or sorted(p for p in NBS.rglob("*.ipynb") if not p.name.startswith((".", "_"))):
        notebook = read_nb(path)
        if make_still(notebook):
            write_nb(notebook, path)


if __name__ == "__main__":
    main(sys.argv[1:])
