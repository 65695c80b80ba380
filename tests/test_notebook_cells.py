"""The notebook collector itself, on a small project made for the purpose."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[1]
NOTEBOOKS = {
    "good": [
        "#| default_exp good",
        "from pathlib import Path\nfrom dataclasses import dataclass",
        "@dataclass\nclass Point:\n    x: 'int'",
        "%time here = Path.cwd().name\nassert here == 'nbs'",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\nassert not plt.get_fignums()",
        "#| eval: false\n1/0",
        "#| slow\nraise SystemError('slow one')",
        "#| hide\nimport nbdev; nbdev.nbdev_export()",
    ],
    "bad": ["def invert(x):\n    return 1/x", "print('before')\ninvert(0)", "assert True"],
    "old": ["import warnings", "warnings.warn('gone soon', DeprecationWarning)"],
    "syntax": ["1 +"],
    "other": ["assert 'invert' not in globals()"],
    "patches": [
        "#| default_exp registry",
        "from taskdist_nb.registry import Entry\nEntry.load = Entry.spoilt = lambda self: 1\nEntry.measure = property(lambda self: 1)\n"
        "from fastcore.basics import patch\n@patch(cls_method=True)\ndef made(cls: Entry):\n    return 1",
    ],
    "patches_not": [
        "from taskdist_nb.registry import Entry\nassert not hasattr(Entry, 'spoilt') and not hasattr(Entry, 'made')",
        "e = Entry('sgd', 'optimizer', 'torch.optim:SGD', 'steps')\nassert 1 not in (e.load(), e.measure)",
        "from taskdist_nb.data import Suite\nassert Suite.from_npz",
    ],
    # the first use of a reader has imported its module, which patches Suite once
    "reads": ["from taskdist_nb.data import Suite\nassert Suite.from_npz"],
}


def make_project(folder):
    for name in ("conftest.py", "pyproject.toml", "settings.ini", "tests/notebook_cells.py"):
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, target)
    (folder / "nbs").mkdir()
    for name, sources in NOTEBOOKS.items():
        cells = [new_markdown_cell(f"# {name}")] + [new_code_cell(source) for source in sources]
        nbformat.write(new_notebook(cells=cells), folder / "nbs" / f"{name}.ipynb")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    return folder


def run(project, *args):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    return subprocess.run(command, cwd=project, capture_output=True, text=True).stdout


def test_passes_skips_and_failures(project):
    out = run(project, "-n", "2", "--dist", "loadfile")
    assert "3 failed, 12 passed, 3 skipped" in out
    assert "#| eval: false" in out
    assert "#| slow (run it with --nb-flags slow)" in out


@pytest.fixture(scope="module")
def failures(project):
    return run(project, "nbs/bad.ipynb", "nbs/syntax.ipynb", "nbs/old.ipynb")


def test_report_names_the_cell_and_shows_its_source_and_traceback(failures):
    out = failures
    assert "ZeroDivisionError in nbs/bad.ipynb, cell 2" in out
    assert "   2  invert(0)" in out  # the cell's source, numbered
    assert "line 2, in invert\n    return 1/x" in out  # the traceback reaches into an earlier cell
    assert "before" in out  # what the cell printed
    assert "site-packages" not in out  # and nothing of the machinery
    assert "SyntaxError: invalid syntax" in out


def test_own_deprecations_are_errors(failures):
    assert "DeprecationWarning in nbs/old.ipynb, cell 2" in failures


def test_one_cell_alone_runs_those_before_it(project):
    good, bad = "nbs/good.ipynb::cell 4: %time here = Path.cwd().name", "nbs/bad.ipynb::cell 3: assert True"
    out = run(project, good, bad)
    assert "1 failed, 1 passed" in out and "ZeroDivisionError in nbs/bad.ipynb, cell 2" in out


def test_flags_run_the_cells_they_name(project):
    assert "SystemError: slow one" in run(project, "nbs/good.ipynb", "--nb-flags", "slow")


EXPORTING = [
    "#| default_exp made",
    "#| export\ndef _half(x): return x/2",
    "assert _half(3) == 1\nassert _half.__module__ == 'taskdist_nb.made'",
]


def test_exported_cells_can_be_taken_from_the_module(tmp_path):
    "The cell halves; the module, which is what is to be tested, halves and rounds down."
    make_project(tmp_path)
    (tmp_path / "taskdist_nb").mkdir()
    (tmp_path / "taskdist_nb" / "__init__.py").touch()
    module = tmp_path / "taskdist_nb" / "made.py"
    module.write_text("def _half(x): return x//2\n")
    nbformat.write(
        new_notebook(cells=[new_code_cell(source) for source in EXPORTING]), tmp_path / "nbs" / "made.ipynb"
    )
    assert "AssertionError in nbs/made.ipynb, cell 2" in run(tmp_path, "nbs/made.ipynb")
    assert "2 passed" in run(tmp_path, "nbs/made.ipynb", "--exported")
    module.write_text("1/0\n")
    assert "ZeroDivisionError in nbs/made.ipynb, cell 1" in run(tmp_path, "nbs/made.ipynb", "--exported")


def test_what_a_notebook_patches_is_put_back(project):
    out = run(project, "nbs/patches.ipynb", "nbs/patches_not.ipynb", "nbs/reads.ipynb")
    assert "5 passed" in out, out
