"""Does the preset `fast` give the distances of the preset `paper`?

Both presets measure the coupled distance of every ordered pair of the paper's five CIFAR-100 tasks, with the same images,
network and seeds; `paper` differs from the published settings only in the number of images and in bfloat16 arithmetic.
To make the published procedure affordable the images are halved to 16 x 16 pixels and the small CNN to half its width
(`--network small_cnn` keeps both as they are). Rows go to a CSV file as they are finished; a second start goes on.

    python benchmarks/same_answer.py --root DATA --seeds 0,1,2 --out nbs/results/faster/same_answer.csv

With `--suite digits` the same for five tasks of scikit-learn's digits and the perceptron, which is quick enough for `paper` to be
repeated until its own order of the pairs is known:

    python benchmarks/same_answer.py --suite digits --images 200 --seeds 0,1,2,3,4 --out nbs/results/faster/same_answer_digits.csv

Each preset fits its own sources. `path` is `fast` from the very sources of `paper`: what is left between these two is the path's doing. `costs` is `path` with the costs of pairs
read as in `paper`, in its blocks and at all checkpoints.
`slim_cnn` is the cheapest network on which all three can be repeated, and on which ways to fit the sources can be compared:

    python benchmarks/same_answer.py --root DATA --network slim_cnn --presets fast,path,paper --seeds 0,1,2,3,4 --out nbs/results/faster/same_answer_slim.csv
    python benchmarks/same_answer.py --root DATA --seeds 0,1,2 --recipes nbs/results/faster/source_recipes.csv
"""

import argparse
import itertools
import time
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from taskdist_nb.data import Task, digits_suite
from taskdist_nb.datasets import cifar100_suite
from taskdist_nb.distances import DISTANCES, coupled_transfer
from taskdist_nb.models import mlp, slim_cnn, small_cnn
from taskdist_nb.predictions import resolve_precision
from taskdist_nb.settings import TransferConfig
from taskdist_nb.noise_floor import fit_source
from taskdist_nb.fewer_steps import same_path

TASKS = {
    "cifar100": "herbivores,carnivores,vehicles-1,vehicles-2,flowers",
    "digits": "low,high,even,odd,round",
}
# pixels added before a random crop: an eighth of the image's side
PADDING = {"half_cnn": 2, "slim_cnn": 2, "small_cnn": 4, "mlp": 1}


def conv_pair(conv: nn.Module, width1: int, width2: int) -> list[nn.Module]:
    return [
        conv,
        nn.BatchNorm2d(width1),
        nn.ReLU(inplace=True),
        nn.Conv2d(width1, width2, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    ]


def half_cnn(n_classes: int) -> nn.Sequential:
    "The paper's small CNN at half its width."
    return nn.Sequential(
        *conv_pair(nn.LazyConv2d(16, 3, padding=1), 16, 32),
        *conv_pair(nn.Conv2d(32, 64, 3, padding=1), 64, 64),
        *conv_pair(nn.Conv2d(64, 128, 3, padding=1), 128, 128),
        nn.Flatten(),
        nn.LazyLinear(n_classes),
    )


def halve(task: Task) -> Task:
    "The task with 16 x 16 pixels for 32 x 32: means of four."
    shrink = lambda x: F.avg_pool2d(x.float(), 2).round().to(torch.uint8)
    return replace(task, x_train=shrink(task.x_train), x_test=shrink(task.x_test))


def configuration(preset: str, images: int, network) -> TransferConfig:
    "The preset on so many images. What only watches (probes beside the costs, excess loss, accuracy) is cut down for both."
    watch = dict(
        probes=200,
        accuracy_points=1,
        precision=resolve_precision("auto"),
        crop_padding=PADDING[network.__name__],
    )
    watch |= dict(excess_points=1, excess_steps=100) if preset == "paper" else dict(excess_points=0)
    if preset in ("path", "costs"):
        watch |= source_of_paper(images)
    if preset == "costs":
        watch |= {
            k: getattr(TransferConfig.paper(), k) for k in ("block_size", "block_order", "cost_checkpoints")
        }
    return getattr(TransferConfig, "paper" if preset == "paper" else "fast")(images=images, **watch)


def source_of_paper(images: int) -> dict:
    "How `paper` fits its sources."
    return {k: v for k, v in asdict(TransferConfig.paper(images=images)).items() if k.startswith("source_")}


def rows_done(out: Path, key: list[str]) -> set[tuple]:
    "The keys of the rows that the file has."
    return set(pd.read_csv(out)[key].itertuples(index=False, name=None)) if out.exists() else set()


def append_row(row: dict, out: Path):
    "Add a row to the file under its header; a new file gets one. Raises ValueError for other columns than the file has."
    frame = pd.DataFrame([row])
    if out.exists():
        columns = list(pd.read_csv(out, nrows=0))
        if extra := set(columns) ^ set(frame):
            raise ValueError(
                f"the row must have the columns of {str(out)!r}. Got: {sorted(extra)} on one side only; move the file away."
            )
        frame = frame[columns]
    frame.to_csv(out, mode="a", header=not out.exists(), index=False, float_format="%.6g")


def measure(
    preset: str,
    suite: dict[str, Task],
    network,
    images: int,
    seed: int,
    out: Path,
    distance="coupled",
    path_batch=None,
):
    "Append a row a pair, unless it is there."
    config = configuration(preset, images, network)
    if path_batch and preset != "paper":
        config = replace(config, **same_path(images, batch_size=path_batch))
    done = rows_done(out, ["preset", "source", "target", "seed"])
    for source in suite:
        left = [t for t in suite if t != source and (preset, source, t, seed) not in done]
        if not left:
            continue
        started = time.perf_counter()
        fitted = fit_source(suite[source], 10, network, config, seed, progress=False)
        source_seconds = time.perf_counter() - started
        for target in left:
            r = DISTANCES[distance].measure(
                suite[source], suite[target], network, config, seed, {source: fitted}, progress=False
            )
            row = dict(
                preset=preset,
                source=source,
                target=target,
                seed=seed,
                distance=r.distance,
                iterations=" ".join(f"{d:.6g}" for d in r.iterations),
                noise_floor=r.noise_floor,
                accuracy=r.accuracy,
                source_accuracy=r.source_accuracy,
                stderr=r.stderr,
                seconds=r.seconds,
                source_seconds=source_seconds,
            )
            append_row(row, out)
            print(preset, seed, source, "to", target, f"{r.distance:.3f}  {r.seconds:.1f} s", flush=True)


def recipes() -> dict[tuple, dict]:
    "Ways to fit a source with a learning rate of 0.05: images, schedule, images a step, steps -> settings."
    every = [(100, schedule, batch, 600) for schedule in ("one_cycle", "step") for batch in (25, 50, 100)] + [
        (100, "step", 50, steps) for steps in (300, 1200)
    ]
    every += [(500, "step", 50, steps) for steps in (600, 1200, 3000)]
    return {
        (n, schedule, batch, steps): dict(
            source_schedule=schedule,
            source_batch_size=batch,
            source_lr=0.05,
            reference_lr=0.05,
            source_epochs=steps * batch // n,
        )
        for n, schedule, batch, steps in every
    }


def measure_recipes(suite: dict[str, Task], network, seeds: list[int], out: Path):
    "All pairs walked as in `fast`, from sources fitted by each recipe."
    rows = []
    for seed, (key, settings), source in itertools.product(seeds, recipes().items(), suite):
        walk = same_path(500, 2, 52) if key[0] == 500 else {}  # as `fast` walked when this was measured
        config = replace(configuration("fast", key[0], network), **settings, **walk)
        fitted = fit_source(suite[source], 10, network, config, seed, progress=False)
        for target in suite:
            if target == source:
                continue
            r = coupled_transfer(
                suite[source], suite[target], network, config, seed, {source: fitted}, progress=False
            )
            rows.append(
                dict(zip(("images", "schedule", "batch", "steps"), key))
                | dict(
                    source=source,
                    target=target,
                    seed=seed,
                    distance=r.distance,
                    noise_floor=r.noise_floor,
                    source_accuracy=fitted.accuracy,
                )
            )
        pd.DataFrame(rows).to_csv(out, index=False, float_format="%.6g")


def summary(table: pd.DataFrame, other: str) -> str:
    "Preset `other` against `paper`: differences beside the seeds' spread, rank correlations, the ratio of the times."
    table = table[table.preset.isin(["paper", other])]
    runs = table.pivot_table(
        index=["source", "target"], columns=["preset", "seed"], values="distance"
    ).dropna(axis=1)
    both = (
        table.groupby(["source", "target", "preset"]).distance.agg(["mean", "std"]).unstack("preset").dropna()
    )
    spread = (both["std"]["paper"] ** 2 / 2 + both["std"][other] ** 2 / 2).mean() ** 0.5
    difference = both["mean"][other] - both["mean"]["paper"]
    between = runs["paper"].mean(axis=1).corr(runs[other].mean(axis=1), "spearman")
    single = runs.corr("spearman")
    beside = [single.loc[("paper", s), (other, s)] for s in runs["paper"] if s in runs[other]]
    seconds = table.groupby("preset")[["seconds", "source_seconds"]].mean()
    return (
        f"\n{other} against paper, {len(both)} pairs\nmean distance: paper {both['mean']['paper'].mean():.3f}, {other} {both['mean'][other].mean():.3f}\n"
        f"{other} - paper: mean {difference.mean():+.3f}, largest {difference.abs().max():.3f}; spread between seeds {spread:.3f}\n"
        f"Spearman of the means over seeds: {between:.2f}; of single runs with equal seeds, mean {sum(beside) / max(1, len(beside)):.2f}\n"
        f"Spearman between single runs:\n{single.round(2).to_string()}\n"
        f"seconds a pair (source apart):\n{seconds.round(1).to_string()}\nratio of pair times: {seconds.seconds['paper'] / seconds.seconds[other]:.1f}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data", help="folder of CIFAR-100")
    parser.add_argument("--images", type=int, default=100, help="training images a task")
    parser.add_argument("--seeds", default="0", help="e.g. 0,1,2")
    parser.add_argument("--suite", choices=list(TASKS), default="cifar100")
    parser.add_argument("--tasks", help="names in the suite (default: five)")
    parser.add_argument("--presets", default="fast,paper")
    parser.add_argument("--network", choices=["half_cnn", "slim_cnn", "small_cnn"], default="half_cnn")
    parser.add_argument("--distance", choices=["coupled", "uncoupled", "fine_tuning"], default="coupled")
    parser.add_argument(
        "--path-batch",
        type=int,
        help="images a step of the paths of fast, path and costs (default: as in fast)",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/same_answer.csv"))
    parser.add_argument(
        "--recipes", type=Path, help="instead, a table of ways to fit the sources, for slim_cnn"
    )
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    names = (a.tasks or TASKS[a.suite]).split(",")
    if a.suite == "digits":
        suite, network = digits_suite(names=names), mlp
    else:
        suite = cifar100_suite(names, root=a.root)
        network = {"small_cnn": small_cnn, "half_cnn": half_cnn, "slim_cnn": slim_cnn}[a.network]
    if a.recipes:
        network = slim_cnn
    if network is not small_cnn and a.suite == "cifar100":
        suite = {name: halve(task) for name, task in suite.items()}
    seeds = [int(s) for s in a.seeds.split(",")]
    if a.recipes:
        return measure_recipes(suite, network, seeds, a.recipes)
    for seed in seeds:
        for preset in a.presets.split(","):
            measure(preset, suite, network, a.images, seed, a.out, a.distance, a.path_batch)
    table = pd.read_csv(a.out)
    for other in ("fast", "path", "costs"):
        if {"paper", other} <= set(table.preset):
            print(summary(table, other))


if __name__ == "__main__":
    main()
