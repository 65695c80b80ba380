"""The published experiment at its size: five tasks of CIFAR-100 with 2,500 images each, sources and paths as published, for one network.

    python benchmarks/published.py small --root DATA --size 16 --forecast
    python benchmarks/published.py small --root DATA --size 16 --minutes 120
    python benchmarks/published.py wrn --root DATA --size 16 --pairs 6
    python benchmarks/published.py wrn --root DATA --size 16 --only fit:herbivores floor:herbivores coupled:herbivores:carnivores
    python benchmarks/published.py wrn --root DATA --size 16 --held herbivores

What is as published: networks (`small_cnn_authors`, `wrn_16_4_authors`), images, source training, paths of 20,000 steps of 20 images in reshuffled epochs,
held tau, 100 checkpoints, blocks of 25 x 25 (`TransferConfig.paper`). What is not, to save time: `ECONOMIES` below; 16 x 16 pixels with --size 16. What is
added: two walks of each path, the cross-validated length, and as control a renamed copy of each task, which is made of its 500 test images (400 to learn, 100
to test), since a task has no other images.

Each finished fit, floor and path is a record in --store; a second start goes on there, and --minutes stops it between records. After each record the tables
in --out are written anew: `NAME_SIZE.csv` (a row a path: the configuration in its first line, lengths by reading, parts as `reading:part`) and
`NAME_SIZE_curves.csv` (test accuracy along each path). The order makes every prefix a balanced design: all sources, floors and copies, then pairs of tasks
that are one step apart in the list, then two, and so on. --only makes the records that it names. --held reads what the noise of a source is made of
(`standing_still`). --forecast times a few steps on this machine and prints what each kind of record will take.

On a GPU one command does the same for both networks. Pairs are walked --together in lock-step (10 of them there, 1 on a CPU), and what has to be brought back after each call is
the folder --store, whose files stay under 16 MiB each, and the tables:

    python benchmarks/published.py small wrn --root DATA --size 16 --device cuda --minutes 9 --store STORE --out TABLES

A group takes minutes, so a call that is cut off loses no more. Before it starts, the time and the memory that a group needs are printed.
"""

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from taskdist_nb.cifar100 import PAPER_TASKS, write_table
from taskdist_nb.data import Suite
from taskdist_nb.datasets import cifar100_suite
from taskdist_nb.jobs import Job, make_plan
from taskdist_nb.running import do_jobs
from taskdist_nb.making import fit_of, source_of, stored_result
from taskdist_nb.building import build_model
from taskdist_nb.predictions import predict_logits
from taskdist_nb.models import to_inputs
from taskdist_nb.settings import TransferConfig
from taskdist_nb.lengths import lengths_at, parts_at
from taskdist_nb.noise_floor import still_trajectory
from taskdist_nb.training import train
from taskdist_nb.fitting import device_of
from taskdist_nb.seeds import make_generator
from taskdist_nb.moving import StaticTask

NETWORKS = {"small": "small_cnn_authors", "wrn": "wrn_16_4_authors"}
ECONOMIES = dict(
    coupling_iterations=2,
    cost_checkpoints=10,
    probes=500,
    excess_points=1,
    excess_steps=500,
    precision="auto",
)
WALKED = ("coupled", "fine_tuning")


def scaled(task, size):
    "The task with images of size x size pixels: means of squares."
    if task.shape[-1] == size:
        return task
    shrink = lambda x: F.avg_pool2d(x.float(), x.shape[-1] // size).round().clamp(0, 255).to(torch.uint8)
    return replace(task, x_train=shrink(task.x_train), x_test=shrink(task.x_test))


def copy_of(task):
    "Other images of the same classes under labels of their own: the task's test images, four fifths to learn from."
    learn = torch.zeros(len(task.y_test), dtype=torch.bool)
    for c in range(task.n_classes):
        own = (task.y_test == c).nonzero().flatten()
        learn[own[: len(own) * 4 // 5]] = True
    parts = dict(
        x_train=task.x_test[learn],
        y_train=task.y_test[learn],
        x_test=task.x_test[~learn],
        y_test=task.y_test[~learn],
    )
    return replace(task, name=f"{task.name} copy", vocabulary="copy", **parts)


def jobs_of(tasks, seed, pairs):
    "All records in order; `pairs` between different tasks at most."
    jobs = [Job(stage, seed, (t,)) for t in tasks for stage in ("fit", "floor")]
    jobs += [Job(walk, seed, (t, f"{t} copy")) for walk in WALKED for t in tasks]
    n = len(tasks)
    apart = [(tasks[i], tasks[(i + k) % n]) for k in range(1, n) for i in range(n)]
    return jobs + [Job(walk, seed, pair) for pair in apart[:pairs] for walk in WALKED]


def named(jobs, names):
    "The jobs of these names, STAGE:TASK or STAGE:SOURCE:TARGET, in their order; without names all jobs."
    known = {":".join((job.stage, *job.tasks)): job for job in jobs}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"--only must name records such as {next(iter(known))}. Got: {', '.join(unknown)}.")
    return [known[name] for name in names] or jobs


def groups_of(jobs, together):
    "The jobs in order, pairs of one distance in groups of at most so many."
    groups = [[job] for job in jobs if job.stage not in WALKED]
    pairs = [job for job in jobs if job.stage in WALKED]
    for k in range(0, len(pairs), 2 * together):
        some = pairs[k : k + 2 * together]
        for walk in WALKED:
            same = [job for job in some if job.stage == walk]
            groups += [same[i : i + together] for i in range(0, len(same), together)]
    return groups


def row_of(job, result):
    "A path as a row: readings, parts, what fine-tuning came to."
    last = result.path.iloc[-1]
    row = dict(distance=job.stage, source=job.tasks[0], target=job.tasks[-1], seed=job.seed) | lengths_at(
        last
    )
    row |= {f"{reading}:{part}": v for reading, parts in parts_at(last).items() for part, v in parts.items()}
    kept = ("stderr", "noise_floor", "excess_loss", "accuracy", "area", "source_accuracy", "seconds")
    to_cut = (
        {f"{reading} cut": v for reading, v in result.lengths.items()} if job.stage == "fine_tuning" else {}
    )
    return (
        row
        | to_cut
        | {k: getattr(result, k) for k in kept}
        | dict(cross_stderr=last.cross_stderr, iterations=" ".join(f"{v:.5g}" for v in result.iterations))
    )


def write_tables(plan, jobs, out, name):
    "Everything that the store holds, as CSV files."
    rows, curves = [], []
    for job in jobs:
        if job.stage == "floor" and plan.store.read(plan.key(job)):
            last = source_of(plan, job.tasks[0], job.seed).floor.path.iloc[-1]
            parts = {
                f"{reading}:{part}": v
                for reading, found in parts_at(last).items()
                for part, v in found.items()
            }
            rows.append(
                dict(
                    distance="floor",
                    source=job.tasks[0],
                    target=job.tasks[0],
                    seed=job.seed,
                    cross_stderr=last.cross_stderr,
                )
                | lengths_at(last)
                | parts
            )
        if job.stage not in WALKED or (result := stored_result(plan, job)) is None:
            continue
        rows.append(row_of(job, result))
        seen = result.path.dropna(subset="accuracy")
        curves.append(
            dict(distance=job.stage, source=job.tasks[0], target=job.tasks[1], seed=job.seed)
            | dict(zip(seen.step.astype(int), seen.accuracy))
        )
    if rows:
        write_table(pd.DataFrame(rows), plan.config, out / f"{name}.csv")
    if curves:
        write_table(pd.DataFrame(curves), plan.config, out / f"{name}_curves.csv")


def memory_of(plan):
    "Bytes that a group of pairs needs: what SGD keeps of a batch for its backward pass, four copies of the weights, images of both tasks."
    task, c = next(iter(plan.suite.values())), plan.config
    model = build_model(plan.model, plan.n_outputs, task.x_train, 0)
    kept = []
    note = lambda x: kept.append(x.nbytes) or x
    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        model.train()(to_inputs(task.x_train[: c.batch_size]))
    weights = sum(p.nbytes for p in model.parameters())
    images = 2 * 4 * sum(x.numel() for x in (task.x_train, task.x_test))
    return plan.together * (c.walks * (sum(kept) + 4 * weights) + images)


def forecast(plan, jobs):
    "Seconds of each kind of record, from a few steps on this machine, and memory."
    task, c = next(iter(plan.suite.values())), plan.config
    model = build_model(plan.model, plan.n_outputs, task.x_train, 0)

    def rate(batch, steps=6):
        still = StaticTask(task, plan.n_outputs)
        run = lambda n: train(model, still, np.zeros(n), np.full(n, 1e-4), c, batch, make_generator(0))
        run(2)
        start = time.perf_counter()
        run(steps)
        return steps * batch / (time.perf_counter() - start)

    start = time.perf_counter()
    predict_logits(model, task.x_train[:500], precision=c.precision)
    look, fit, walk = 500 / (time.perf_counter() - start), rate(c.source_batch_size), rate(c.batch_size)
    n = len(task.y_train)
    path, probes = c.steps * c.batch_size / walk, 2 * c.probes * c.checkpoints / look
    pairs = (c.cost_checkpoints + 1) * 2 * n * c.block_size / look
    per = dict(
        fit=c.source_epochs * n / fit,
        floor=c.walks * (path + probes),
        fine_tuning=c.walks * (path + probes + c.checkpoints * len(task.y_test) / look),
        coupled=(c.walks + c.coupling_iterations - 1) * (path + probes) + (c.coupling_iterations - 1) * pairs,
    )
    table = pd.DataFrame(
        {"records": pd.Series([j.stage for j in jobs]).value_counts(), "minutes each": pd.Series(per) / 60}
    )
    table["hours"] = table["records"] * table["minutes each"] / 60
    print(f"images a second: {fit:.0f} fitting, {walk:.0f} walking, {look:.0f} predicting")
    print(table.round(1).to_string(), f"\n{table.hours.sum():.1f} hours in all, one at a time")
    print(f"memory of {plan.together} pairs together: {memory_of(plan) / 2**30:.1f} GiB", flush=True)


def standing_still(plan, name, seed):
    """Published lengths of the first tenth of the path of a task that does not move, with one thing held, or both.

    Weights are held by a learning rate of nearly zero; batch norm's running statistics by `norm_speed`."""
    c = plan.config
    short = replace(
        c,
        steps=c.steps // 10,
        checkpoints=c.checkpoints // 10,
        walks=1,
        reading="per_input",
        excess_points=0,
        accuracy_points=0,
    )
    weights, statistics = dict(lr=1e-12), dict(norm_speed=0.0)
    held = {
        "nothing held": {},
        "weights held": weights,
        "statistics held": statistics,
        "both held": weights | statistics,
    }
    fitted, task = fit_of(plan, name, seed), plan.suite[name]
    walk = lambda changes: still_trajectory(fitted, task, replace(short, **changes), seed).path
    paths = {label: walk(changes) for label, changes in held.items()}
    lengths = {label: path.per_input.to_numpy() for label, path in paths.items()}
    return pd.DataFrame({"step": paths["nothing held"].step.astype(int)} | lengths)


def carry_out(plan, jobs, out, name, until, only=()):
    "Make what the store lacks, group by group, and write the tables after each. False if the time was up before the end."
    plan.store.make_ready()
    for group in groups_of(named(jobs, only), plan.together):
        missing = [job for job in group if not plan.store.sound(plan.key(job))]
        if not missing:
            continue
        if time.perf_counter() > until:
            return False
        began = time.perf_counter()
        do_jobs(plan, *missing)
        write_tables(plan, jobs, out, name)
        said = f"{missing[0]}" if len(missing) == 1 else f"{missing[0]} and {len(missing) - 1} more"
        print(
            f"{time.strftime('%H:%M')} {said}: {(time.perf_counter() - began) / 60:.1f} minutes", flush=True
        )
    return True


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+", choices=NETWORKS)
    parser.add_argument("--root", default="data", help="torchvision's folder with CIFAR-100")
    parser.add_argument(
        "--size", type=int, default=32, choices=[8, 16, 32], help="height and width of the images"
    )
    parser.add_argument(
        "--images", type=int, default=0, help="training images a task, for a rehearsal; 0: all 2,500"
    )
    parser.add_argument("--steps", type=int, default=0, help="of each path, for a rehearsal; 0: as published")
    parser.add_argument("--pairs", type=int, default=20, help="at most so many pairs of different tasks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--together", type=int, default=0, help="pairs in lock-step; 0: 10 on a GPU, else 1")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no further record after so many")
    parser.add_argument("--store", type=Path, default=Path("runs/published"))
    parser.add_argument("--out", type=Path, default=Path("nbs/results/published"))
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="RECORD", help="STAGE:TASK or STAGE:SOURCE:TARGET"
    )
    parser.add_argument(
        "--held", metavar="TASK", help="what standing still reads with weights or statistics held, and stop"
    )
    parser.add_argument("--forecast", action="store_true", help="say what it will take, and stop")
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    originals = [scaled(t, a.size) for t in cifar100_suite(PAPER_TASKS, root=a.root).values()]
    suite = Suite([*originals, *map(copy_of, originals)], "published")
    changes = dict(walks=2, reading="auto", crop_padding=a.size // 8, device=a.device) | ECONOMIES
    if a.steps:
        changes |= dict(
            steps=a.steps,
            tau_hold=1,
            checkpoints=min(20, a.steps),
            source_epochs=2,
            excess_steps=2,
            block_size=5,
            probes=20,
        )
    config = TransferConfig.paper(a.images, **changes)
    print({k: v for k, v in asdict(config).items() if getattr(TransferConfig.paper(), k) != v})
    until, names = time.perf_counter() + 60 * a.minutes, [t.name for t in originals]
    together = a.together or (10 if device_of(config).startswith("cuda") else 1)
    for network in a.networks:
        plan = make_plan(suite, NETWORKS[network], config, a.store, [a.seed], together)
        jobs = jobs_of(names, a.seed, a.pairs)
        name = f"{network}_{a.size}"
        if a.held:
            write_table(standing_still(plan, a.held, a.seed), config, a.out / f"{name}_held.csv")
            continue
        if a.forecast or together > 1:
            forecast(plan, named(jobs, a.only))
        if not a.forecast and not carry_out(plan, jobs, a.out, name, until, a.only):
            break


if __name__ == "__main__":
    main()
