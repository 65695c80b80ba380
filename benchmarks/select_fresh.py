"""Is the choice right on pictures that no source has seen? Three architectures, each trained here on nine of CIFAR-100's super-classes; targets of CIFAR-10.

    python benchmarks/select_fresh.py --data DATA [--targets 12] [--out nbs/results/select_fresh.csv]

Each target: some classes of CIFAR-10, 20 training images a class, written as PNG files of several sizes and modes and read again, as a user's folder is.
The candidates are networks without the images that they were trained on. The choice (LogME for all, then fine-tuning two of them) is held against
fine-tuning all of them, with other seeds of batches and heads and on other test images than the choice has seen.
One row a target and candidate."""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy import stats
from torch import nn

import taskdist_nb as td
from taskdist_nb.chance import WeakEvidence
from taskdist_nb.data import Suite
from taskdist_nb.embeddings import pool_tasks
from taskdist_nb.models import mlp, slim_cnn
from taskdist_nb.fitting import fit_task

PARTS = {
    "animals": ("herbivores", "carnivores", "aquatic_mammals"),
    "plants": ("flowers", "trees", "fruit_and_vegetables"),
    "things": ("vehicles-1", "vehicles-2", "household_furniture"),
}
SIZES, MODES = (32, 40, 48, 64), ("RGB", "RGBA", "P", "L")
SHOTS, TESTED = 20, 60  # images of a class: labelled for training, and to check with


class Residual(nn.Module):
    "A residual block that halves the image."

    def __init__(self, width_in, width_out):
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(width_in, width_out, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width_out),
            nn.ReLU(),
            nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width_out),
        )
        self.short = nn.Conv2d(width_in, width_out, 1, 2)

    def forward(self, x):
        return (self.path(x) + self.short(x)).relu()


def tiny_resnet(n_classes):
    "Three residual blocks, 80,000 weights."
    return nn.Sequential(
        Residual(3, 16),
        Residual(16, 32),
        Residual(32, 64),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, n_classes),
    )


ARCHITECTURES = {"slim_cnn": slim_cnn, "tiny_resnet": tiny_resnet, "mlp": mlp}


def train_networks(root, epochs, images):
    "Networks as a user would find them: trained modules, a group of super-classes each, in turns of architecture."
    config, networks = td.TransferConfig.choice(source_epochs=epochs, precision="float32"), {}
    suite = td.cifar100_suite([t for part in PARTS.values() for t in part], root=root)
    if images:
        suite = suite.subsample(n_train=images)
    for part, tasks in PARTS.items():
        # as many images as one super-class has, of all its classes and those of two others
        pool = pool_tasks([suite[t] for t in tasks])
        for name, model in ARCHITECTURES.items():
            networks[f"{name} of {part}"] = fit_task(
                pool, pool.n_classes, model, config, 0, progress=False
            ).model
    return networks


def write_target(folder, data, classes, rng):
    "The classes as PNG files of several sizes and modes; returns test images that the choice does not see."
    rest = []
    for k, name in enumerate(classes):
        at = np.flatnonzero(data["y_train"] == list(data["classes"]).index(name))
        at = rng.permutation(at)
        for part, which in (("train", at[:SHOTS]), ("test", at[SHOTS : SHOTS + TESTED])):
            place = Path(folder) / part / name
            place.mkdir(parents=True)
            for i in which:
                size = int(rng.choice(SIZES))
                picture = Image.fromarray(data["x_train"][i]).resize((size, size + int(rng.integers(0, 9))))
                picture.convert(str(rng.choice(MODES, p=(0.7, 0.1, 0.1, 0.1)))).save(place / f"{i:05d}.png")
        rest.append((data["x_train"][at[SHOTS + TESTED :]], np.full(len(at) - SHOTS - TESTED, k)))
    x, y = (np.concatenate(v) for v in zip(*rest))
    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(y)


def one_target(number, data, networks, n_jobs):
    "Choose, then look: a row a candidate."
    rng = np.random.default_rng(number)
    classes = sorted(rng.choice(data["classes"], int(rng.integers(3, 6)), replace=False).tolist())
    with tempfile.TemporaryDirectory() as folder:
        x, y = write_target(folder, data, classes, rng)
        target = next(
            iter(
                Suite.from_folder(
                    folder, size=32, flip=True, name=f"target {number}", progress=False
                ).values()
            )
        )
    config, started = td.TransferConfig.choice(precision="float32"), time.perf_counter()
    ranking = td.rank_sources(
        target, prepared=networks, config=config, scratch=True, finalists=2, n_jobs=n_jobs
    )
    seconds = time.perf_counter() - started
    later = td.Task(target.name, target.x_train, target.y_train, x, y, target.classes, True)
    truth = td.rank_sources(
        later,
        prepared=networks,
        method="fine_tuning_error",
        config=config,
        seeds=[1, 2],
        n_jobs=n_jobs,
        scratch=True,
    )
    logme = ranking.stages["logme"].score
    rows = [
        dict(
            target=number,
            classes=" ".join(classes),
            candidate=n,
            logme=logme[n],
            error=truth.table.score[n],
            chosen=n == ranking.best,
            within_noise=n in ranking.within_noise,
            scratch_error=truth.scratch[0],
            against_scratch=ranking.beside_scratch,
            seconds=seconds,
        )
        for n in networks
    ]
    return pd.DataFrame(rows)


def mean_and_interval(values):
    "Mean over targets and its 95% interval (Student)."
    v = np.asarray(values, float)
    half = stats.t.ppf(0.975, len(v) - 1) * v.std(ddof=1) / len(v) ** 0.5
    return v.mean(), v.mean() - half, v.mean() + half


def summary(table):
    "What choices cost against the best candidate: a row a way to choose, in points of error."
    by = table.groupby("target")
    best = by.error.min()
    first = table.loc[by.logme.idxmin()].set_index("target").error
    chosen = table[table.chosen].set_index("target").error
    ways = {
        "chosen": chosen - best,
        "by LogME alone": first - best,
        "at random": by.error.mean() - best,
        "from scratch": by.scratch_error.first() - best,
        "saved against random": by.error.mean() - chosen,
        "saved against scratch": by.scratch_error.first() - chosen,
    }
    return pd.DataFrame({k: mean_and_interval(100 * v) for k, v in ways.items()}, ["points", "low", "high"]).T


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", required=True, help="torchvision's folder with CIFAR-100, and cifar10_subset.npz"
    )
    parser.add_argument("--targets", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--images", type=int, default=0, help="training images of a network; 0: 2,500")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", default="nbs/results/select_fresh.csv")
    args = parser.parse_args()
    warnings.simplefilter("ignore", WeakEvidence)
    with np.load(Path(args.data) / "cifar10_subset.npz") as file:
        data = {k: file[k] for k in file.files}
    started = time.perf_counter()
    networks = train_networks(args.data, args.epochs, args.images)
    print(f"{len(networks)} networks trained in {time.perf_counter() - started:.0f} s", flush=True)
    tables = []
    for number in range(args.targets):
        tables.append(one_target(number, data, networks, args.n_jobs))
        pd.concat(tables).to_csv(args.out, index=False, float_format="%.6g", lineterminator="\n")
        print(f"target {number}: {time.perf_counter() - started:.0f} s", flush=True)
    print(summary(pd.concat(tables)).round(2).to_string())


if __name__ == "__main__":
    main()
