"""What are the readings worth between real tasks? Every reading of every pair, beside what fine-tuning the target comes to.

A row a pair and seed goes to a CSV file as it is finished; a second start goes on. Targets are the suite's other tasks and, as a control, a renamed copy of
the source: other images of its classes under labels of their own. Columns are named as in `known_answers.py`.

    python benchmarks/ruler_study.py five --root DATA --out nbs/results/ruler/five_slim.csv
    python benchmarks/ruler_study.py five --root DATA --model small_cnn --walks 3 --seeds 0 --out nbs/results/ruler/five_small.csv
    python benchmarks/ruler_study.py second --root DATA --labels union --out nbs/results/ruler/second_union.csv
    python benchmarks/ruler_study.py second --root DATA --labels disjoint --out nbs/results/ruler/second_disjoint.csv
    python benchmarks/ruler_study.py digits --out nbs/results/ruler/digits.csv

Five tasks of CIFAR-100 (500 images, 16 x 16 pixels), the second suite (MNIST's even, odd, low and high digits, CIFAR-10's animals and vehicles; 500 images,
16 x 16), or the six cuts of the digits. CIFAR-10 is read from ROOT/cifar10_subset.npz if torchvision's folder is not there.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from known_answers import glance, readings, walk
from same_answer import append_row, rows_done
from taskdist_nb.cifar100 import PAPER_TASKS, second_suite
from taskdist_nb.data import Suite, digits_suite
from taskdist_nb.labels import joint_label_space
from taskdist_nb.datasets import cifar100_suite
from taskdist_nb.distances import PATHS
from taskdist_nb.embeddings import embed_task, fit_probe
from taskdist_nb.copies import renamed_copy
from taskdist_nb.models import get_model
from taskdist_nb.settings import TransferConfig
from taskdist_nb.noise_floor import fit_source

KEY = ["seed", "source", "target"]
PIXELS, TEST_IMAGES = 16, 500


def shrunk(task, images):
    "Few images of 16 x 16 pixels; as many training images as are asked for."
    task = task.subsample(min(images, len(task.y_train)), min(TEST_IMAGES, len(task.y_test)), seed=0)
    small = {
        k: F.avg_pool2d(getattr(task, k).float(), task.shape[-1] // PIXELS)
        .round()
        .clamp(0, 255)
        .to(torch.uint8)
        for k in ("x_train", "x_test")
    }
    return replace(task, **small)


def cifar10(root):
    "Animals and vehicles from an archive of a part of CIFAR-10; None where torchvision's folder is to be read."
    path = Path(root) / "cifar10_subset.npz"
    if not path.exists():
        return None
    z = np.load(path)
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    cuts = {"animals": [2, 3, 4, 5, 6, 7], "vehicles": [0, 1, 8, 9]}
    return Suite.from_arrays(
        z["x_train"], z["y_train"], cuts, z["x_test"], z["y_test"], class_names=names, flip=True
    )


def study_suite(name, root):
    "The tasks, each with twice the images that a walk takes, so that a copy gets others."
    if name == "digits":
        return digits_suite()
    if name == "five":
        return {n: shrunk(t, 1000) for n, t in cifar100_suite(PAPER_TASKS, root=root).items()}
    return {n: shrunk(t, 1000) for n, t in second_suite(root, cifar10(root)).items()}


def measure(tasks, model, config, seed, distances, done, keep):
    "Calls `keep` with a row for each pair that is not done."
    halves = {n: renamed_copy(t) for n, t in tasks.items()}
    originals = {n: original for n, (original, _) in halves.items()}
    outputs = 2 * max(t.n_classes for t in originals.values())
    probe = embeddings = None
    for name, source in originals.items():
        targets = [t for n, t in originals.items() if n != name] + [halves[name][1]]
        left = [t for t in targets if (seed, name, t.name) not in done]
        if not left:
            continue
        if probe is None:
            probe = fit_probe(originals.values(), model, config, seed, progress=False)
            embeddings = {
                t.name: embed_task(t, probe.model, config.fisher_images, seed)
                for pair in halves.values()
                for t in pair
            }
        fitted = {name: fit_source(source, outputs, model, config, seed, progress=False)}
        still = readings("still", fitted[name].floor.path.iloc[-1])
        for target in left:
            shared = joint_label_space(source, target, config.labels).shared / target.n_classes
            row = dict(
                zip(KEY, (seed, name, target.name)), shared=shared, source_error=1 - fitted[name].accuracy
            )
            ways = {
                k: v
                for d in distances
                for k, v in walk(d, source, target, model, config, seed, fitted).items()
            }
            keep(row | ways | still | glance(source, target, model, config, seed, fitted, embeddings))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", choices=["five", "second", "digits"])
    parser.add_argument("--root", default="data", help="torchvision's folder")
    parser.add_argument("--model", help="slim_cnn, or mlp for the digits, if not given")
    parser.add_argument("--labels", default="union", choices=["union", "disjoint"])
    parser.add_argument("--walks", type=int, default=4, help="of each path")
    parser.add_argument(
        "--turns", type=int, default=1, help="of the alternation between weights and coupling"
    )
    parser.add_argument("--distances", default="coupled,fine_tuning", help=f"among {','.join(PATHS)}")
    parser.add_argument("--seeds", default="0,1,2", help="of fits and paths")
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    how = dict(walks=a.walks, labels=a.labels, coupling_iterations=a.turns)
    small = a.suite == "digits"
    config = (
        TransferConfig.toy(**how)
        if small
        else TransferConfig.fast(500, **how, crop_padding=2, excess_points=1, wasserstein_images=250)
    )
    tasks, model = study_suite(a.suite, a.root), get_model(a.model or ("mlp" if small else "slim_cnn"))

    def keep(row):
        append_row(row, a.out)
        print(
            *(row[k] for k in KEY),
            f"{row['coupled:per_input']:.2f} {row['coupled:cross']:.2f} {row['fine_tuning:area']:.3f}",
            flush=True,
        )

    for seed in map(int, a.seeds.split(",")):
        measure(tasks, model, config, seed, a.distances.split(","), rows_done(a.out, KEY), keep)


if __name__ == "__main__":
    main()
