"""How much faster are two processes than one? `python benchmarks/scale_out.py [--jobs 2] [--rounds 3]` runs the same digits matrix both ways, by turns, and prints the ratio.

Workers are started before the clock; the pairs of one round are all computed, none read. On a busy machine the ratio says as much about the others as about us: the load is printed beside it.
"""
import argparse
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np

from taskdist_nb.data import digits_suite
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.trajectory import TransferConfig

CONFIG = TransferConfig.toy(source_epochs=5, steps=100, coupling_iterations=1, excess_points=0)


def seconds(jobs, seed):
    begun = time.perf_counter()
    distance_matrix(digits_suite(), "coupled", "mlp", CONFIG, seeds=[seed], n_jobs=jobs, progress=False)
    return time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2); parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    distance_matrix(digits_suite().subset(["low", "odd"]), "wasserstein", "mlp", CONFIG, n_jobs=args.jobs, progress=False)   # starts the workers
    rows = np.array([[seconds(jobs, seed) for jobs in (1, args.jobs)] for seed in range(args.rounds)])
    one, many = np.median(rows, axis=0)
    print(f"36 coupled pairs of digits, {args.rounds} rounds by turns, {joblib.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"1 process {one:.1f} s, {args.jobs} processes {many:.1f} s: {one/many:.2f} times faster, efficiency {one/many/args.jobs:.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
