"""Plain pytest runs the notebooks: the collector is tests/notebook_cells.py, and has to be named at the root to see nbs/."""

import os
from pathlib import Path

# Before torch is imported anywhere: one thread per test process and no window for a figure.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# drawn as in Jupyter, whichever folder matplotlib is first imported in
os.environ.setdefault("MATPLOTLIBRC", str(Path(__file__).parent / "nbs" / "matplotlibrc"))

pytest_plugins = ["notebook_cells"]
