"""Why would a larger network be nearer? One network at three widths, each walked at three learning rates, so that widths can be compared at equal excess loss.

A row a width, rate, seed and pair goes to a CSV file as it is finished; a second start goes on. Three tasks of CIFAR-100 (500 images of 16 x 16 pixels),
each with the next one as target. The network is `slim_cnn` with its channels times the width. Everything else is preset `fast` with two walks of each path and
the first turn of the coupling. Columns are named as in `known_answers.py`; `train_loss` is the source network's cross-entropy on its training images.

    python benchmarks/width.py --root DATA --out nbs/results/width/slim.csv
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from known_answers import readings, walk
from ruler_study import shrunk
from same_answer import append_row, rows_done
from taskdist_nb.cifar100 import PAPER_TASKS
from taskdist_nb.datasets import cifar100_suite
from taskdist_nb.predictions import predict_logits
from taskdist_nb.settings import TransferConfig
from taskdist_nb.fitting import fit_task
from taskdist_nb.noise_floor import still_trajectory

KEY = ["width", "rate", "seed", "source", "target"]
IMAGES = 500


class Wide:
    "A factory: `slim_cnn` with its channels times `width`."

    def __init__(self, width: int):
        self.width = width

    def __call__(self, n_classes: int) -> nn.Sequential:
        channels = [16 * self.width, 32 * self.width, 64 * self.width]
        layers: list[nn.Module] = []
        before = None
        for c in channels:
            conv = nn.Conv2d(before, c, 3, padding=1) if before else nn.LazyConv2d(c, 3, padding=1)
            layers += [conv, nn.BatchNorm2d(c), nn.ReLU(), nn.MaxPool2d(2)]
            before = c
        return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(n_classes))


def measure(tasks, width, rates, seed, config, out):
    "Append the rows of one width and seed that the file lacks."
    names = list(tasks)
    done = rows_done(out, KEY)
    for k, name in enumerate(names):
        target = tasks[names[(k + 1) % len(names)]]
        left = [r for r in rates if (width, r, seed, name, target.name) not in done]
        if not left:
            continue
        source, model = tasks[name], Wide(width)
        fitted = fit_task(source, 2 * source.n_classes, model, config, seed, progress=False)
        logits = predict_logits(fitted.model, source.x_train)[:, : source.n_classes]
        loss = F.cross_entropy(logits.float(), source.y_train).item()
        for rate in left:
            c = replace(config, lr=config.lr * rate)
            fitted.floor = still_trajectory(fitted, source, c, seed)
            row = dict(zip(KEY, (width, rate, seed, name, target.name)))
            row |= dict(
                weights=sum(p.numel() for p in fitted.model.parameters()),
                source_error=1 - fitted.accuracy,
                train_loss=loss,
            )
            row |= walk("coupled", source, target, model, c, seed, {name: fitted})
            row |= readings("still", fitted.floor.path.iloc[-1])
            append_row(row, out)
            shown = ("coupled:per_input", "coupled:cross", "still:per_input", "coupled:excess_loss")
            print(*(row[k] for k in KEY), *(f"{row.get(k, float('nan')):.3f}" for k in shown), flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data", help="torchvision's folder")
    parser.add_argument("--widths", default="1,2,4", help="times the channels of slim_cnn")
    parser.add_argument("--rates", default="0.5,1,2", help="times the learning rate of the preset")
    parser.add_argument("--seeds", default="0,1,2", help="of fits and paths")
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    watch = dict(probes=200, excess_points=1, excess_steps=100, accuracy_points=1, crop_padding=2)
    config = TransferConfig.fast(IMAGES, walks=2, coupling_iterations=1, **watch)
    tasks = {n: shrunk(t, IMAGES) for n, t in cifar100_suite(PAPER_TASKS[:3], root=a.root).items()}
    for seed in map(int, a.seeds.split(",")):
        for width in map(int, a.widths.split(",")):
            measure(tasks, width, [float(r) for r in a.rates.split(",")], seed, config, a.out)


if __name__ == "__main__":
    main()
