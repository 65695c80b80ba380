"""How do time and memory grow with the number of pairs, images a task, checkpoints M and block size b?

Each quantity is doubled on tiny random tasks (8 x 8 images, multilayer perceptron); the slope of log time against log size is
1 for linear growth. Expected: pairs 1 (each pair is worked on alone; the sources, one a task, grow more slowly); images at most
1 (source epochs and costs grow with them, the path's steps do not); checkpoints at most 1 (costs on all of them; the SGD between
them is the same); block size at most 1 for a whole transfer (n*b costs), up to 2 for the plans alone (n/b blocks, each a linear
system in 2b unknowns). Memory: no tensor grows with M, since lengths are summed as the weights pass by.

    python benchmarks/growth.py [--quick]
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch
from timing import by_turns, machine
from torch.profiler import ProfilerActivity, profile

from taskdist_nb.data import Suite, Task
from taskdist_nb.distances import coupled_transfer
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.settings import TransferConfig
from taskdist_nb.noise_floor import fit_source
from taskdist_nb.couplings import proximal_step

MODEL = "mlp"
SETTINGS = dict(
    source_epochs=4,
    steps=80,
    checkpoints=10,
    probes=100,
    block_size=4,
    cost_checkpoints=0,
    coupling_iterations=2,
    excess_points=0,
    accuracy_points=1,
    crop_padding=1,
    precision="float32",
    device="cpu",
)
# expected slopes
MOST = {"pairs": 1, "images a task": 1, "checkpoints": 1, "block size": 1, "block size, plans alone": 2}
# of a measured slope
SLACK = 0.15


def random_task(name: str, n: int, seed: int) -> Task:
    "n random 8 x 8 images in five classes."
    x = torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    y = torch.arange(n) % 5
    return Task(name, x, y, x[:50], y[:50], tuple("abcde"))


def matrix_of(tasks: int) -> Callable[[], object]:
    "A function that makes the coupled distance matrix of so many tasks, with short paths."
    suite = Suite({f"task {k}": random_task(f"task {k}", 100, k) for k in range(tasks)})
    return lambda: distance_matrix(
        suite, "coupled", MODEL, TransferConfig(**SETTINGS | {"steps": 10}), progress=False
    )


def transfer(images: int = 400, **changes: int) -> Callable[[], object]:
    "A function that makes one coupled transfer, the fitted source included unless only checkpoints or blocks change."
    a, b = random_task("a", images, 0), random_task("b", images, 1)
    config = TransferConfig(**(SETTINGS | changes))
    prepared = {"a": fit_source(a, 10, MODEL, config, progress=False)} if changes else None
    return lambda: coupled_transfer(a, b, MODEL, config, prepared=prepared, progress=False)


def plans(block_size: int) -> Callable[[], object]:
    "A function that takes a proximal step for 3,200 images in blocks of so many."
    costs = torch.rand(
        3200 // block_size,
        block_size,
        block_size,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(0),
    )
    return partial(proximal_step, costs, torch.full_like(costs, block_size**-2), 0.05)


def slope(sizes: list[int], seconds: np.ndarray) -> float:
    "Least-squares slope of log time against log size."
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def memory(run: Callable[[], object]) -> tuple[float, float]:
    "(peak, largest) in MB: the most that tensors made during `run` held at once, and the largest one of them."
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as p:
        run()
    events = [e for e in p.profiler.kineto_results.events() if e.name() == "[memory]"]
    sizes = np.array([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())])
    return sizes.cumsum().max() / 1e6, sizes.max() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="3 sizes instead of 4, 1 round")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sizes, rounds = (3, 1) if args.quick else (4, args.rounds)
    print(f"{machine()}; random 8 x 8 images, {MODEL}, medians of {rounds} rounds")
    series = {
        "pairs": ([2, 6, 12, 20], lambda k: matrix_of(round((1 + np.sqrt(1 + 4 * k)) / 2))),
        "images a task": ([200, 400, 800, 1600], transfer),
        "checkpoints": ([10, 20, 40, 80], lambda m: transfer(200, checkpoints=m)),
        "block size": ([4, 8, 16, 32], lambda b: transfer(320, block_size=b)),
        "block size, plans alone": ([4, 8, 16, 32], plans),
    }
    rows = []
    for name, (all_of_them, make) in series.items():
        at = all_of_them[:sizes]
        seconds = by_turns({str(k): make(k) for k in at}, rounds).median()
        found = slope(at, seconds.to_numpy())
        rows.append(
            {
                "quantity": name,
                "sizes": " ".join(map(str, at)),
                "seconds": " ".join(f"{s:.3g}" for s in seconds),
                "expected": f"<= {MOST[name]}",
                "slope": round(found, 2),
                "as expected": found <= MOST[name] + SLACK,
            }
        )
    print(pd.DataFrame(rows).to_string(index=False))
    held = pd.DataFrame(
        [(m, *memory(transfer(200, checkpoints=m))) for m in [10, 20, 40, 80][:sizes]],
        columns=["checkpoints", "peak MB", "largest tensor MB"],
    )
    print(held.round(3).to_string(index=False))
    flat = held["peak MB"].max() <= 1.02 * held["peak MB"].min() and held["largest tensor MB"].nunique() == 1
    fine = flat and all(r["as expected"] for r in rows)
    slopes = ", ".join(f"{r['quantity']} {r['slope']}" for r in rows)
    print(
        f"{'PASS' if fine else 'SHORT'}: slopes: {slopes}; memory {'does not grow' if flat else 'grows'} with the checkpoints"
    )


if __name__ == "__main__":
    main()
