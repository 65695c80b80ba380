"""docs/still.py, and that no committed notebook needs a kernel to show a widget."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from still import NBS, VIEW, main, make_still

NOTEBOOKS = sorted(
    p for p in NBS.rglob("*.ipynb") if not any(part[0] in "._" for part in p.relative_to(NBS).parts)
)


def test_widgets_become_pictures(tmp_path):
    both = {VIEW: {"model_id": "x"}, "image/png": "cGljdHVyZQ==", "text/plain": "a picture"}
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
    assert not any(VIEW in out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", []))
