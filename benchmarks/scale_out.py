"""Two ways to a large matrix: more processes, and fewer pairs.

`python benchmarks/scale_out.py [--jobs 2] [--rounds 3]` runs the same digits matrix in one process and in several, by turns, and prints the ratio. Workers are started before the clock; the
pairs of one round are all computed, none read. On a busy machine the ratio says as much about the others as about us: the load is printed beside it.

`python benchmarks/scale_out.py --skip DIR [--exact coupled]` asks which pairs need not be computed by who wants each target's nearest source: a cheap measure of all pairs proposes k finalists a target,
and only these are measured exactly. DIR holds matrices as `DistanceMatrix.to_csv` writes them (`taskdist run` puts them into OUT/pairs); each is tried as the cheap one. Printed is the share of targets whose
nearest source, by the exact distance, is among the finalists, and how much farther than the nearest the best finalist is.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np
import pandas as pd

from taskdist_nb.data import digits_suite
from taskdist_nb.matrices import DistanceMatrix
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.settings import TransferConfig

CONFIG = TransferConfig.toy(source_epochs=5, steps=100, coupling_iterations=1, excess_points=0)


# ---------- more processes


def seconds(jobs, seed):
    begun = time.perf_counter()
    distance_matrix(digits_suite(), "coupled", "mlp", CONFIG, seeds=[seed], n_jobs=jobs, progress=False)
    return time.perf_counter() - begun


def more_processes(jobs, rounds):
    # starts the workers
    distance_matrix(
        digits_suite().subset(["low", "odd"]), "wasserstein", "mlp", CONFIG, n_jobs=jobs, progress=False
    )
    rows = np.array([[seconds(n, seed) for n in (1, jobs)] for seed in range(rounds)])
    one, many = np.median(rows, axis=0)
    print(
        f"36 coupled pairs of digits, {rounds} rounds by turns, {joblib.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"1 process {one:.1f} s, {jobs} processes {many:.1f} s: {one / many:.2f} times faster, efficiency {one / many / jobs:.0%}"
    )


# ---------- fewer pairs


def read_matrices(folder):
    "{file's name: matrix} of all CSV files that hold a matrix of distances."
    found = {}
    for path in sorted(Path(folder).glob("*.csv")):
        try:
            found[path.stem] = DistanceMatrix.from_csv(path)
        except (ValueError, KeyError):
            continue  # another kind of table
    return found


def candidates(frame, target):
    return frame[target].drop(target)


def recall(exact, cheap):
    "(n-1,): for k = 1, 2, ..., the share of targets whose nearest source is among the k that `cheap` puts first. Ties are drawn by lot: the expectation is given."
    k = np.arange(1, len(exact))
    shares = []
    for target in exact.columns:
        score, nearest = candidates(cheap, target), candidates(exact, target).idxmin()
        before, tied = (score < score[nearest]).sum(), (score == score[nearest]).sum()
        shares.append(np.clip((k - before) / tied, 0, 1))
    return np.mean(shares, axis=0)


def regret(exact, cheap):
    "(n-1,): how much farther the best of k finalists is than the nearest, as a share of how much farther a source drawn at random is; mean over targets."
    lost = []
    for target in exact.columns:
        d = candidates(exact, target)
        in_order = d[candidates(cheap, target).sort_values(kind="stable").index].to_numpy()
        lost.append((np.minimum.accumulate(in_order) - d.min()) / (d.mean() - d.min()))
    return np.mean(lost, axis=0)


def other_seeds(matrix, how):
    "What the exact distance itself makes of its nearest sources with other seeds: the most that a cheap measure can be asked for."
    one = lambda v: pd.DataFrame(v, matrix.names, matrix.names)
    turns = range(len(matrix.values))
    return np.mean(
        [how(one(matrix.values[s]), one(np.delete(matrix.values, s, axis=0).mean(0))) for s in turns], axis=0
    )


def table_of(matrices, exact, how, by_chance):
    "A row for each cheap measure, a column for each k."
    truth = matrices[exact].mean
    rows = {
        name: how(truth, m.mean.loc[truth.index, truth.columns])
        for name, m in matrices.items()
        if name != exact and set(m.names) >= set(truth.index)
    }
    table = pd.DataFrame(rows, index=pd.Index(range(1, len(truth)), name="k")).T.sort_values(
        1, ascending=how is regret
    )
    if len(matrices[exact].seeds) > 1:
        table.loc[f"({exact}, other seeds)"] = other_seeds(matrices[exact], how)
    table.loc["(drawn at random)"] = by_chance(truth)
    return table


def regret_by_chance(exact, draws=200):
    rng = np.random.default_rng(0)
    return np.mean(
        [
            regret(exact, pd.DataFrame(rng.random(exact.shape), exact.index, exact.columns))
            for _ in range(draws)
        ],
        axis=0,
    )


def fewer_pairs(folder, exact):
    matrices = read_matrices(folder)
    if exact not in matrices:
        raise SystemExit(
            f"DIR must hold {exact}.csv, written by DistanceMatrix.to_csv. Got: {folder!r} with {', '.join(matrices) or 'no matrix'}."
        )
    names = matrices[exact].names
    n = len(names)
    shown = [k for k in (1, 2, 3, 4, 5, 7, 10, 15, 20, 50, 100) if k < n]
    print(
        f"{n} tasks, {len(matrices[exact].seeds)} seeds; exact: {exact}. k finalists a target are {', '.join(f'{k / (n - 1):.0%}' for k in shown)} of its sources for k = {', '.join(map(str, shown))}."
    )
    print("\nShare of targets whose nearest source is among k finalists:")
    print(
        table_of(matrices, exact, recall, lambda truth: np.arange(1, n) / (n - 1))[shown].to_string(
            float_format="%.2f"
        )
    )
    print("\nHow much farther the best finalist is than the nearest source (1: as far as a random source):")
    print(table_of(matrices, exact, regret, regret_by_chance)[shown].to_string(float_format="%.2f"))
    print(f"\n{n} targets: one of them is {1 / n:.2f}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="processes to compare with one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip", metavar="DIR", help="which pairs can be skipped, by the matrices in DIR")
    parser.add_argument(
        "--exact", default="coupled", help="name of the matrix that holds the truth (default: %(default)s)"
    )
    args = parser.parse_args()
    if args.skip:
        fewer_pairs(args.skip, args.exact)
    else:
        more_processes(args.jobs, args.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
