"""How long does a widget take to answer? Processor time of a move, from a control's new value to the new picture and sentence.

Each row moves one control of one panel to and fro. Where a move leads to a matrix not seen before, its picture is drawn from nothing; afterwards
its fixed part is kept. So those moves are timed twice: the first visit, and the next.

    python benchmarks/widgets.py [--rounds 5]
"""

import argparse
import time
from pathlib import Path
from statistics import median

import pandas as pd

from taskdist_nb.matrices import DistanceMatrix
from taskdist_nb.widgets import Panel
from taskdist_nb.widgets_map import task_map
from taskdist_nb.widgets_mantel import mantel_explorer
from taskdist_nb.widgets_ruler import fisher_ruler
from taskdist_nb.widgets_toy import exact_toy_explorer
from taskdist_nb.widgets_walk import walk_transfer

RESULTS = Path(__file__).parents[1] / "nbs" / "results" / "cifar100_fast"
KINDS = ("coupled", "uncoupled", "fine_tuning", "task2vec", "wasserstein", "wasserstein_features")
MOVES = [  # panel, control, values
    ("walk_transfer", "step", (3, 8, 13, 18)),
    ("fisher_ruler", "p1", (0.2, 0.4, 0.6, 0.75)),
    ("exact_toy_explorer", "at", (2, 7, 12, 17)),
    ("exact_toy_explorer", "shift", (0.5, 0.9, 1.3, 1.7)),
    ("mantel_explorer", "marked", ("flowers", "herbivores", "vehicles-1", "")),
    ("task_map", "target", ("herbivores", "carnivores", "vehicles-1", "flowers")),
    ("mantel_explorer", "a", KINDS[3:]),
    ("task_map", "distance", KINDS[3:]),
]


def panels() -> dict[str, Panel]:
    "The five, in the states in which their notebooks show them."
    distances = {k: DistanceMatrix.from_csv(RESULTS / f"{k}.csv") for k in KINDS}
    return dict(
        walk_transfer=walk_transfer(),
        fisher_ruler=fisher_ruler(),
        mantel_explorer=mantel_explorer(distances, "coupled", "fine_tuning"),
        task_map=task_map(distances, target="flowers"),
        exact_toy_explorer=exact_toy_explorer(),
    )


def spent(panel: Panel, control: str, value) -> float:
    "Milliseconds of processor time of one move."
    start = time.process_time()
    panel.choose(control, value)
    return 1000 * (time.process_time() - start)


def main(rounds: int) -> pd.DataFrame:
    "A row for each control: medians over its values."
    made, rows = panels(), []
    for name, control, values in MOVES:
        first = [spent(made[name], control, value) for value in values]
        again = [spent(made[name], control, value) for _ in range(rounds) for value in values]
        row = {
            "panel": name,
            "control": control,
            "first visit (ms)": median(first),
            "again (ms)": median(again),
        }
        rows.append(row)
    return pd.DataFrame(rows).round(0).astype({"first visit (ms)": int, "again (ms)": int})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="visits of each value after the first")
    print(main(parser.parse_args().rounds).to_string(index=False))
