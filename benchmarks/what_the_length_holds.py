"""What is in the published length, and what must a path of fewer steps share with it?

The first turn of the coupled distance with the published settings, and with one thing changed at a time: weights that do not move
(learning rate 1e-12), frozen statistics of batch norm, the same inputs for both predictions of a step; then with 4 times fewer
steps, matched to the published path in learning time alone, and in gradient noise and normalisation jitter too (`same_path`).
Images and network as in same_answer.py: 16 x 16 pixels, half width, 100 images a task.

    python benchmarks/what_the_length_holds.py --root DATA --out nbs/results/faster/what_the_length_holds.csv
"""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from same_answer import half_cnn, halve
from taskdist_nb.datasets import cifar100_suite
from taskdist_nb.distances import coupled_transfer
from taskdist_nb.predictions import resolve_precision
from taskdist_nb.settings import TransferConfig
from taskdist_nb.fitting import fit_task
from taskdist_nb.fewer_steps import same_path
from taskdist_nb.noise_floor import still_trajectory

IMAGES = 100
PAIRS = [("herbivores", "carnivores"), ("carnivores", "flowers")]


def variants() -> dict[str, TransferConfig]:
    paper = TransferConfig.paper(
        images=IMAGES,
        coupling_iterations=1,
        probes=200,
        crop_padding=2,
        excess_points=0,
        accuracy_points=1,
        precision=resolve_precision("auto"),
    )
    few = replace(paper, tau_hold=1, reset_momentum=0, **same_path(IMAGES))
    return {
        "as published": paper,
        "weights do not move": replace(paper, lr=1e-12),
        "norm statistics frozen": replace(paper, norm_speed=0.0),
        "same inputs": replace(paper, probe_inputs="same"),
        "frozen, same inputs": replace(paper, norm_speed=0.0, probe_inputs="same"),
        "weights do not move, same inputs": replace(paper, lr=1e-12, probe_inputs="same"),
        "fewer steps: learning time": replace(few, batch_size=20, norm_speed=1.0),
        "fewer steps: and gradient noise": replace(few, norm_speed=1.0),
        "fewer steps: and norm jitter": few,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data", help="folder of CIFAR-100")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/what_the_length_holds.csv"))
    a = parser.parse_args()
    torch.set_num_threads(1)
    suite = {
        name: halve(task)
        for name, task in cifar100_suite(sorted({n for pair in PAIRS for n in pair}), root=a.root).items()
    }
    rows = []
    for source, target in PAIRS:
        fitted = fit_task(suite[source], 10, half_cnn, variants()["as published"], a.seed, progress=False)
        for name, config in variants().items():
            fitted.floor = still_trajectory(fitted, suite[source], config, a.seed)
            r = coupled_transfer(
                suite[source], suite[target], half_cnn, config, a.seed, {source: fitted}, progress=False
            )
            rows.append(
                dict(
                    variant=name,
                    source=source,
                    target=target,
                    seed=a.seed,
                    steps=config.steps,
                    batch_size=config.batch_size,
                    length=r.distance,
                    stderr=r.stderr,
                    noise_floor=r.noise_floor,
                    accuracy=r.accuracy,
                    seconds=r.seconds,
                )
            )
            print(rows[-1], flush=True)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv(a.out, index=False, float_format="%.6g")
    print(
        table.pivot_table(index="variant", columns=["source", "target"], values="length", sort=False)
        .round(2)
        .to_string()
    )


if __name__ == "__main__":
    main()
