"""Is the Mantel test faster than scikit-bio's, with the same answer?

9,999 permutations of two symmetric 1000 x 1000 distance matrices, by turns in one process. The correlation must be the same to
1e-10 and the two p-values must differ by no more than their sampling error allows (z, below 4). Goal: at least 10 times faster.
The matrices hold distances between random points, the second set leaning a little on the first.

    python benchmarks/mantel.py [--quick]          (needs: pip install scikit-bio)
"""

import argparse

import numpy as np
import torch
from scipy.spatial.distance import pdist, squareform
from timing import by_turns, machine, quartiles, ratio

from taskdist_nb.mantel import mantel

GOAL = 10


def related_matrices(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    "(n, n), (n, n): distances between random points; the second points lean a little on the first."
    rng = np.random.default_rng(seed)
    points, others = rng.normal(size=(2, n, 5))
    return squareform(pdist(points)), squareform(pdist(others + 0.2 * points))


def check_equal(ours, theirs: tuple, permutations: int) -> float:
    "z of the difference between two p-values; AssertionError where r or p differ by more than they may."
    assert abs(ours.r - theirs[0]) < 1e-10, f"r differs: {ours.r} and {theirs[0]}"
    p = (ours.pvalue + theirs[1]) / 2
    z = (ours.pvalue - theirs[1]) / np.sqrt(2 * p * (1 - p) / permutations)
    assert abs(z) < 4, f"p differs: {ours.pvalue} and {theirs[1]}, z = {z:.1f}"
    return z


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="n = 200 with 999 permutations")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--threads", type=int, default=1, help="set OMP_NUM_THREADS to the same number for scikit-bio"
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    try:
        from skbio.stats.distance import mantel as skbio_mantel
    except ImportError:
        raise SystemExit(
            "This benchmark compares with scikit-bio, which is not installed: pip install scikit-bio"
        ) from None
    torch.set_num_threads(args.threads)
    n, permutations = (200, 999) if args.quick else (1000, 9999)
    a, b = related_matrices(n, args.seed)
    answers = {}

    def ours() -> None:
        answers["taskdist_nb"] = mantel(a, b, permutations=permutations, symmetric=True, seed=args.seed)

    def theirs() -> None:
        answers["scikit-bio"] = skbio_mantel(
            a, b, permutations=permutations, alternative="greater", seed=args.seed
        )

    seconds = by_turns({"taskdist_nb": ours, "scikit-bio": theirs}, args.rounds)
    z = check_equal(answers["taskdist_nb"], answers["scikit-bio"], permutations)
    found = ratio(seconds, "scikit-bio", "taskdist_nb")
    print(f"{machine()}; n = {n}, {permutations} permutations, {args.rounds} rounds")
    print(seconds.median().rename("seconds").round(3).to_string())
    print(
        f"r = {answers['taskdist_nb'].r:.10f} and {answers['scikit-bio'][0]:.10f}; p = {answers['taskdist_nb'].pvalue:.4f} and {answers['scikit-bio'][1]:.4f}, z = {z:.2f}"
    )
    print(
        f"{'PASS' if found[1] >= GOAL else 'SHORT'}: {quartiles(found)} times faster than scikit-bio (goal {GOAL} at n = 1000), same r and p"
    )


if __name__ == "__main__":
    main()
