"""Plain pytest runs the notebooks: the collector is tests/notebook_cells.py, and has to be named at the root to see nbs/."""

import os
from pathlib import Path

# Before torch is imported anywhere: one thread per test process and no window for a figure.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# drawn as in Jupyter, whichever folder matplotlib is first imported in
os.environ.setdefault("MATPLOTLIBRC", str(Path(__file__).parent / "nbs" / "matplotlibrc"))

pytest_plugins = ["notebook_cells"]

# What takes half a minute or more on one processor. It is begun first, so that at the end no process waits for one of these.
LONG = (
    "tests/test_scale_out.py",
    "tests/test_store.py",
    "tests/test_cli.py",
    "nbs/10_select.ipynb",
    "nbs/12_cli.ipynb",
    "tests/test_measures.py",
    "tests/test_packaging.py",
    "nbs/07_matrix.ipynb",
    "nbs/explanations/exact_toy.ipynb",
    "nbs/explanations/exact_toy_appendix.ipynb",
    "nbs/11_cifar100.ipynb",
    "nbs/09_viz_paths.ipynb",
    "nbs/explanations/generalisation.ipynb",
    "nbs/tutorials/your_own_model.ipynb",
)


def pytest_collection_modifyitems(items):
    rank = {Path(__file__).parent / name: k for k, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
