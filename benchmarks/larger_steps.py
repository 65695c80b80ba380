"""How large may the steps be, when network and images grow? Where weights are held by the loss, few large steps are hotter than many small ones.

A source is fitted as in `fast`. Then its noise floor and the first turn of coupled distances are walked in the published way and in fewer, larger steps,
all from that source, with the same probes and the same first coupling. A row a walk goes to a CSV file as it is finished; a second start goes on.

    python benchmarks/larger_steps.py --root DATA --network small_cnn --images 500 --out nbs/results/faster/larger_steps.csv
    python benchmarks/larger_steps.py --root DATA --network slim_cnn --images 500 --seeds 0,1,2 --out nbs/results/faster/larger_steps.csv
    python benchmarks/larger_steps.py --root DATA --network slim_cnn --images 2500 --walks published,2x210,10x161,10x259,10x400,20x178 --out nbs/results/faster/larger_steps.csv

A walk is `published`, or steps a checkpoint x images a step; `2x56` and `10x259` are those of `fast` for 500 and 2,500 images.
"""

import argparse
import itertools
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from same_answer import PADDING, append_row, halve, rows_done
from taskdist_nb.datasets import cifar100_suite
from taskdist_nb.distances import coupled_transfer
from taskdist_nb.models import slim_cnn, small_cnn
from taskdist_nb.settings import TransferConfig
from taskdist_nb.fitting import fit_task
from taskdist_nb.fewer_steps import same_path
from taskdist_nb.noise_floor import still_trajectory

KEY = ["network", "images", "seed", "walk", "target"]
OF_PATH = ("steps", "batch_size", "lr", "reset_momentum", "norm_speed", "tau_hold")


def settings(walk: str, images: int) -> dict:
    "Settings of a path by its name."
    if walk == "published":
        return {k: v for k, v in asdict(TransferConfig.paper(images=images)).items() if k in OF_PATH}
    k, batch = walk.split("x")
    return same_path(images, int(k), int(batch))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data", help="folder of CIFAR-100")
    parser.add_argument(
        "--network",
        choices=["small_cnn", "slim_cnn"],
        default="slim_cnn",
        help="slim_cnn: on images of 16 x 16 pixels",
    )
    parser.add_argument("--images", default="500", help="training images a task, e.g. 500,2500")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--tasks", default="herbivores,carnivores,vehicles-1", help="the source first")
    parser.add_argument("--walks", default="published,2x56,4x48,8x42,2x104,4x84,8x84")
    parser.add_argument("--out", type=Path, default=Path("runs/larger_steps.csv"))
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    network, names = {"small_cnn": small_cnn, "slim_cnn": slim_cnn}[a.network], a.tasks.split(",")
    suite = cifar100_suite(names, root=a.root)
    if network is slim_cnn:
        suite = {name: halve(task) for name, task in suite.items()}
    source = suite[names[0]]
    for seed, images in itertools.product(map(int, a.seeds.split(",")), map(int, a.images.split(","))):
        config = TransferConfig.fast(
            images=images,
            coupling_iterations=1,
            excess_points=0,
            accuracy_points=1,
            crop_padding=PADDING[a.network],
        )
        fitted = None
        for walk in a.walks.split(","):
            done = rows_done(a.out, KEY)
            left = [t for t in names if (a.network, images, seed, walk, t) not in done]
            if not left:
                continue
            fitted = fitted or fit_task(source, 10, network, config, seed, progress=False)
            walked = replace(config, **settings(walk, images))
            started = time.perf_counter()
            fitted.floor = still_trajectory(fitted, source, walked, seed)
            floor_seconds = time.perf_counter() - started
            for target in left:
                floor = target == names[0]
                r = (
                    None
                    if floor
                    else coupled_transfer(
                        source, suite[target], network, walked, seed, {names[0]: fitted}, progress=False
                    )
                )
                path = fitted.floor.path if floor else r.path
                row = dict(zip(KEY, (a.network, images, seed, walk, target))) | dict(
                    images_a_checkpoint=walked.steps * walked.batch_size // walked.checkpoints,
                    lr=walked.lr,
                    batch_size=walked.batch_size,
                    length=path.per_input.iloc[-1],
                    loss=path.loss.iloc[-20:].mean(),
                    accuracy=fitted.floor.accuracy if floor else r.accuracy,
                    source_accuracy=fitted.accuracy,
                    seconds=floor_seconds if floor else r.seconds,
                )
                append_row(row, a.out)
                print(*row.values(), flush=True)


if __name__ == "__main__":
    main()
