"""A distance that another package brings: as an entry point, in processes of their own, by the command."""

import os
import subprocess
import sys
from pathlib import Path

from taskdist_nb import registry
from taskdist_nb.data import digits_suite
from taskdist_nb.distances import uncoupled_transfer
from taskdist_nb.few_labels import few_shot
from taskdist_nb.select import rank_sources
from taskdist_nb.settings import TransferConfig
from taskdist_nb.tables import read_table

COMMAND = Path(sys.executable).with_name("taskdist")
PACKAGE = """
def mean_grey(source, target):
    "Difference of mean grey levels."
    return abs(source.x_train.float().mean() - target.x_train.float().mean())
"""


def run(folder, *words):
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, cwd=folder, env=os.environ | {"PYTHONPATH": path}
    )


def test_an_installed_package_brings_a_distance(tmp_path):
    (tmp_path / "greys.py").write_text(PACKAGE)
    about = tmp_path / "greys-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: greys\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[taskdist_nb.measures]\nmean_grey = greys:mean_grey\n")
    done = run(
        tmp_path,
        *"run --suite digits --tasks low,high,odd --distances mean_grey --seeds 1 --n-jobs 2 --quiet --out out".split(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    matrix = read_table(tmp_path / "out" / "mean_grey.csv")
    assert matrix.loc["low", "low"] == 0 < matrix.loc["low", "high"] == matrix.loc["high", "low"]
    assert "Difference of mean grey levels" in (tmp_path / "out" / "report.html").read_text()
    words = "select --suite digits --target odd --candidates low,high --method mean_grey --no-scratch --n-jobs 1 --quiet --out choice --set source_epochs=1"
    done = run(tmp_path, *words.split())
    assert (done.returncode, done.stderr) == (0, "") and ", by mean_grey" in done.stdout
    assert "mean_grey" in run(tmp_path, *words.replace("mean_grey", "mean_gray").split()).stderr


def test_an_added_distance_that_walks_is_ranked_with_its_error():
    "Its entry says that it walks; the columns of a path once asked for three names and were empty for others."
    suite = digits_suite(names=["low", "high", "odd"])
    target, sources = few_shot(suite["odd"], 6), suite.subset(["low", "high"])
    config = TransferConfig.toy(source_epochs=2, steps=20, checkpoints=2, excess_points=0)
    registry.add(
        registry.Entry(
            "their_walk",
            "distance",
            uncoupled_transfer,
            "the mixture's path under another name",
            needs="source",
            walks="paths:uncoupled_paths",
        )
    )
    try:
        theirs = rank_sources(target, sources, "their_walk", "mlp", config)
        said = theirs.shown()
    finally:
        del registry.TABLES["distance"]["their_walk"]
    own = rank_sources(target, sources, "uncoupled", "mlp", config)
    columns = ["score", "error", "error_low", "error_high", "excess_length"]
    assert own.table[columns].notna().all(axis=None) and theirs.table[columns].notna().all(axis=None)
    assert (theirs.table[columns] - own.table[columns]).abs().max(axis=None) < 1e-9
    assert {"error", "excess_length"} <= set(said.columns)
