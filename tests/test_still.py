"""docs/still.py, and that no committed notebook needs a kernel to show a widget."""

import base64
import io

import nbformat
import numpy as np
import pictures
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image
from still import NBS, VIEW, main, make_still, smaller

NOTEBOOKS = sorted(
    p for p in NBS.rglob("*.ipynb") if not any(part[0] in "._" for part in p.relative_to(NBS).parts)
)


def picture(colours, mode="RGB"):
    "A noisy PNG in base64."
    pixels = np.random.default_rng(0).choice(np.linspace(0, 255, colours), (60, 60, len(mode)))
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8), mode).save(out, format="png")
    return base64.b64encode(out.getvalue()).decode()


def test_pictures_get_a_palette():
    light = smaller(picture(4))
    assert len(light) < len(picture(4)) and smaller(light) == light
    seen, made = (Image.open(io.BytesIO(base64.b64decode(p))).convert("RGB") for p in (picture(4), light))
    assert made.tobytes() == seen.tobytes()
    # the ground of the page shows through
    assert smaller(picture(4, "RGBA")) == picture(4, "RGBA")


def test_widgets_become_pictures(tmp_path):
    both = {VIEW: {"model_id": "x"}, "image/png": picture(2), "text/plain": "a picture"}
    only = {VIEW: {"model_id": "y"}, "text/plain": "a slider"}
    bar = {VIEW: {"model_id": "z"}, "text/plain": "fit:  33%|###3      | 2/6 [00:03<00:06,  1.51s/it]"}
    cells = [
        new_code_cell("bar", outputs=[new_output("display_data", bar)]),
        new_code_cell("panel", outputs=[new_output("display_data", both)]),
        new_code_cell("slider", outputs=[new_output("display_data", only)]),
    ]
    nbformat.write(
        new_notebook(
            cells=cells,
            metadata={"widgets": {"state": {}}, "kernelspec": {"name": "python3", "display_name": "python3"}},
        ),
        tmp_path / "a.ipynb",
    )
    main([tmp_path / "a.ipynb"])
    made = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    assert made.cells[0].outputs == []
    assert set(made.cells[1].outputs[0].data) == {"image/png", "text/plain"}
    # nothing to show in its place: left for the test below
    assert set(made.cells[2].outputs[0].data) == {VIEW, "text/plain"}
    assert set(made.metadata) == {"kernelspec"}
    before = (tmp_path / "a.ipynb").read_bytes()
    main([tmp_path / "a.ipynb"])
    assert (tmp_path / "a.ipynb").read_bytes() == before


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.relative_to(NBS).as_posix())
def test_committed_notebook_holds_no_widget(path):
    notebook = nbformat.read(path, as_version=4)
    assert not make_still(notebook), "run `make export`"
    pictures = [
        out.data.get("image/png", "") for c in notebook.cells for out in c.get("outputs", []) if "data" in out
    ]
    assert max(map(len, pictures), default=0) * 3 / 4 < 60_000
    assert not any(VIEW in out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", []))


# the pictures of the notebooks that lie nearest to each limit of docs/pictures.py, on either side: (notebook, cell, what is limited, turned over in the dark)
NEAREST = (
    # points of three kinds
    ("03_moving", "c076", "white", True),
    # couplings, mostly pale; bars
    ("04d_first_coupling", "22b351c4", "white", False),
    ("11_cifar100_judgement", "369349b0", "white", True),
    # a heat map; grey and white fields
    ("09b_widgets_map", "c088", "flat", False),
    ("06c_keys", "c016", "flat", True),
    # curves over images of digits; intervals
    ("explanations/known_answers", "402c4bad", "black", False),
    ("08d_judgement_tables", "c060", "black", True),
)


@pytest.mark.parametrize("name, cell, share, turned", NEAREST, ids=lambda value: str(value))
def test_pictures_near_a_limit_are_told_apart(name, cell, share, turned):
    cells = {c.id: c for c in nbformat.read(NBS / f"{name}.ipynb", as_version=4).cells}
    png = next(o.data["image/png"] for o in cells[cell].outputs if "image/png" in o.get("data", {}))
    found = pictures.shares(pictures.opened(png))
    assert pictures.is_drawing(pictures.opened(png)) == turned
    # if one comes this near, look at it and move the limit
    limits = {"white": (pictures.LINES, pictures.AREAS), "flat": (pictures.FLAT,), "black": (pictures.BLACK,)}
    assert min(abs(getattr(found, share) - limit) for limit in limits[share]) > 0.006
