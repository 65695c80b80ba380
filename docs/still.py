"""Leave the pictures of widgets in committed notebooks, and drop the widgets: a page without a kernel can't move them. Pictures get 256 colours.

Usage: python docs/still.py [NOTEBOOK ...]; without names, all notebooks under nbs/. A notebook that holds none is not touched.
"""

import base64
import io
import re
import sys
from pathlib import Path

from execnb.nbio import read_nb, write_nb
from PIL import Image

VIEW = "application/vnd.jupyter.widget-view+json"
NBS = Path(__file__).resolve().parents[1] / "nbs"


def is_bar(bundle):
    "Whether an output is a progress bar, by the text beside its widget: '83%|########3 | 15/18'."
    return VIEW in bundle and bool(re.search(r"\d%\|.*\d+/\d+", "".join(bundle.get("text/plain", ""))))


def smaller(png):
    "A picture, in base64, with 256 colours at most, if that makes it smaller."
    picture, out = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    # a transparent ground is the page's
    if picture.mode == "P" or picture.mode == "RGBA" and picture.getextrema()[3][0] < 255:
        return png
    picture.convert("RGB").quantize(256).save(out, format="png", optimize=True)
    return min(png, base64.b64encode(out.getvalue()).decode(), key=len)


def make_light(bundles):
    "Replace pictures by smaller ones. -> whether any was replaced"
    changed = False
    for bundle in bundles:
        if (png := bundle.get("image/png")) and len(light := smaller(png)) < len(png.strip()):
            bundle["image/png"] = light
            changed = True
    return changed


def make_still(notebook):
    "Remove views of widgets that have a picture beside them, progress bars, and all saved state; make pictures smaller. -> whether anything changed"
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
    light = make_light(data)
    return notebook.metadata.pop("widgets", None) is not None or bool(views) or bars > 0 or light


def main(paths):
    for path in paths or sorted(p for p in NBS.rglob("*.ipynb") if not p.name.startswith((".", "_"))):
        notebook = read_nb(path)
        if make_still(notebook):
            write_nb(notebook, path)


if __name__ == "__main__":
    main(sys.argv[1:])
