"""Where do networks for seven tasks of CIFAR-100 lie, and do the paths from all of them to one task meet?

    python benchmarks/maps.py --root DATA --parts PARTS --out nbs/results/maps

Five super-classes and two mixtures of them that share classes with both, 500 images of 16 x 16 pixels each, the slim network, preset `fast` with one
walk, 20 checkpoints and 100 epochs for the source; two seeds. nbs/10c_maps_cifar100.ipynb draws what is written: `tasks.npz` and `target.npz` (Bhattacharyya distances between networks
on common test images), `pairs.csv` (a row a pair and seed: distances beside the area under the error curve of fine-tuning), `merging.csv` (how far
apart paths from different sources are).
"""

import argparse
import time
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ruler_study import shrunk
from taskdist_nb.labels import joint_label_space
from taskdist_nb.datasets import cifar100_suite
from taskdist_nb.first_coupling import first_coupling
from taskdist_nb.pairs import prepare_transfer, walk_each
from taskdist_nb.maps import at_progress, bhattacharyya, geodesic_progress, imprinted_predictions
from taskdist_nb.building import build_model
from taskdist_nb.predictions import predict_logits
from taskdist_nb.models import slim_cnn
from taskdist_nb.scores import measure_scores
from taskdist_nb.fitting import Fitted, augmentation, fit_task
from taskdist_nb.seeds import make_generator
from taskdist_nb.settings import TransferConfig
from taskdist_nb.trajectory import follow
from taskdist_nb.walks import walk_streams
from taskdist_nb.moving import Displacement, StaticTask

TASKS = {  # fine classes of CIFAR-100; the last two are mixtures
    "herbivores": [15, 19, 21, 31, 38],
    "carnivores": [3, 42, 43, 88, 97],
    "vehicles-1": [8, 13, 48, 58, 90],
    "vehicles-2": [41, 69, 81, 85, 89],
    "flowers": [54, 62, 70, 82, 92],
    "mixed animals": [15, 19, 21, 3, 42],
    "mixed vehicles": [8, 13, 48, 41, 69],
}
SINGLE = list(TASKS)[:5]
DRAWN, TARGET = (
    ["herbivores", "vehicles-1", "flowers"],
    "vehicles-2",
)  # whose ways to which task are on the map
LOOKS = [0, 1, 2, 4, 9, 20]  # checkpoints at which networks are asked


def study_tasks(root):
    "The seven tasks; a task of all 25 classes, whose test images all networks look at."
    suite = cifar100_suite(TASKS | {"all": sorted({c for t in SINGLE for c in TASKS[t]})}, root=root)
    tasks = {n: shrunk(t, 500) for n, t in suite.items() if n != "all"}
    return tasks, shrunk(suite["all"], 2500)


class Watch:
    "A visitor of a walk that asks the network on its way."

    def __init__(self, **questions):  # name -> network -> predictions
        self.questions, self.seen = questions, {name: [] for name in questions}

    def __call__(self, checkpoint, model, tau):
        if checkpoint in LOOKS:
            for name, ask in self.questions.items():
                self.seen[name].append(ask(model))


def questions(target, outputs, everything, also_all):
    "What is asked: the target's classes by the own head and by an imprinted one; if wished, all 25 classes."

    def own(model):
        return predict_logits(model, target.x_test)[:, list(outputs)].double().softmax(1)

    asked = dict(own=own, imprinted=lambda model: imprinted_predictions(model, target, target.x_test))
    if also_all:
        asked["all"] = lambda model: imprinted_predictions(model, everything, everything.x_test)
    return Watch(**asked)


def tune(source, target, config, seed, fitted, everything):
    "A walk of fine-tuning that is watched, and the mean of the target's error on the way and at its end."
    setting = prepare_transfer(
        source, target, slim_cnn, config, seed, {source.name: fitted}, False, floor=False
    )
    still = StaticTask(target, setting.labels.n_outputs, setting.labels.target, augmentation(config, target))
    drawn = seed == 0 and source.name in DRAWN and target.name == TARGET
    watch = questions(target, setting.labels.target, everything, drawn)
    (trajectory,) = walk_each(
        [setting], [still], ("fine_tuning",), config, [(watch,)], accuracy_everywhere=True
    )
    error = 1 - trajectory.path.accuracy.iloc[1:]
    return watch.seen, dict(area=error.mean(), error=error.iloc[-1])


def learn(target, config, seed, everything):
    "A walk from fresh weights at the source's learning rate, watched."
    network = build_model(slim_cnn, target.n_classes, target.x_train, seed)
    fresh = Fitted("", target.n_classes, float("nan"), seed, 0.0, network)
    labels = joint_label_space(target, target)
    watch = questions(target, labels.target, everything, True)
    streams = walk_streams(config, seed, "scratch", target.name)[0]
    moving = StaticTask(target, target.n_classes, augment=augmentation(config, target))
    follow(fresh, moving, target, labels, replace(config, lr=config.reference_lr), streams, [watch])
    return watch.seen


def couple(source, target, config, seed, fitted, everything):
    "A coupled walk, watched on all 25 classes."
    setting = prepare_transfer(
        source, target, slim_cnn, config, seed, {source.name: fitted}, False, floor=False
    )
    coupling = first_coupling(setting, make_generator(seed, "blocks"))
    moving = Displacement(setting.source, setting.target, coupling, setting.labels)
    watch = questions(target, setting.labels.target, everything, True)
    walk_each([setting], [moving], ("coupled",), config, [(watch,)])
    return watch.seen


def apart(p, q) -> float:
    "Distance between two networks' predictions."
    return float(bhattacharyya(torch.stack([p, q]))[0, 1])


def merging(seen, tasks):
    """How far apart the paths to a target are, at their start, at equal progress and at their end.

    Networks of seed 0 are compared with those of seed 1: from the same source, and from other sources. So neither pair shares weights or batches."""
    for target in tasks:
        y, sources = tasks[target].y_test, [s for s in tasks if s != target]
        for head in ("own", "imprinted"):
            paths = {(k, s): torch.stack(seen[k, s, target][head]) for k in (0, 1) for s in sources}
            made = {k: geodesic_progress(p, y) for k, p in paths.items()}
            common = min(m.max() for m in made.values())
            places = dict(start={k: p[0] for k, p in paths.items()}, end={k: p[-1] for k, p in paths.items()})
            if common >= max(m[0] for m in made.values()):
                places["equal progress"] = {k: at_progress(p, y, [common])[1][0] for k, p in paths.items()}
            for place, at in places.items():
                d = {(s, r): apart(at[0, s], at[1, r]) for s in sources for r in sources}
                same = np.mean([d[s, s] for s in sources])
                other = np.mean([v for (s, r), v in d.items() if s != r])
                progress = np.mean(geodesic_progress(torch.stack(list(at.values())), y))
                yield dict(target=target, head=head, place=place, progress=progress, same=same, other=other)


def pack(out, points):
    "Write distances between points: {(name, seed): [predictions]}."
    names = [(name, seed, k) for (name, seed), path in points.items() for k in range(len(path))]
    d = bhattacharyya(torch.stack([p for path in points.values() for p in path]))
    upper = d[np.triu_indices(len(d), 1)].astype(np.float32)
    columns = {k: np.array(v) for k, v in zip(("name", "seed", "step"), zip(*names))}
    np.savez_compressed(out, distances=upper, **columns)


def landmarks(task):
    K = task.n_classes
    truth = torch.eye(K, dtype=torch.float64)[task.y_test]
    return {("ignorance", 0): [torch.full_like(truth, 1 / K)], ("truth", 0): [truth]}


def measure(seed, tasks, everything, config):
    "All networks and walks of a seed: distances of pairs, predictions on the way to each target, points of the map."
    fits = {n: fit_task(t, 10, slim_cnn, config, seed, False) for n, t in tasks.items()}
    ends = {n: imprinted_predictions(f.model, everything, everything.x_test) for n, f in fits.items()}
    seen, rows, points, scratch = {}, [], {(n, seed): [p] for n, p in ends.items()}, {}
    for s, t in permutations(tasks, 2):
        seen[seed, s, t], told = tune(tasks[s], tasks[t], config, seed, fits[s], everything)
        here, there = (imprinted_predictions(fits[k].model, tasks[t], tasks[t].x_test) for k in (s, t))
        score = measure_scores(["logme"], tasks[s], tasks[t], slim_cnn, config, seed, fits, False)["logme"]
        row = dict(seed=seed, source=s, target=t, map=apart(ends[s], ends[t]), local=apart(here, there))
        row |= dict(shared=len(set(TASKS[s]) & set(TASKS[t])), logme=score.distance)
        row["progress"] = geodesic_progress(here[None], tasks[t].y_test)[0]
        rows.append(row | told)
    if seed == 0:
        scratch = {n: learn(tasks[n], config, 0, everything) for n in SINGLE if n in tasks}
        points |= {(f"{n} from scratch", 0): way["all"] for n, way in scratch.items()}
        for s in [s for s in DRAWN if s in tasks]:
            points[f"{s} tuned", 0] = seen[0, s, TARGET]["all"]
            points[f"{s} coupled", 0] = couple(tasks[s], tasks[TARGET], config, 0, fits[s], everything)["all"]
    return dict(seen=seen, rows=rows, points=points, scratch=scratch)


def write(out, parts, tasks, everything):
    "The tables of both seeds."
    seen = {k: v for part in parts for k, v in part["seen"].items()}
    points = {k: v for part in parts for k, v in part["points"].items()}
    pack(out / "tasks.npz", points | landmarks(everything))
    for head in ("own", "imprinted"):
        paths = {(s, 0): seen[0, s, TARGET][head] for s in tasks if s != TARGET}
        paths["scratch", 0] = parts[0]["scratch"][TARGET][head]
        pack(out / f"target_{head}.npz", paths | landmarks(tasks[TARGET]))
    pairs = pd.DataFrame([row for part in parts for row in part["rows"]])
    pairs.to_csv(out / "pairs.csv", index=False, float_format="%.5g")
    pd.DataFrame(merging(seen, tasks)).to_csv(out / "merging.csv", index=False, float_format="%.5g")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data", help="torchvision's folder")
    parser.add_argument("--seeds", default="0,1", help="one of them: in a process of its own")
    parser.add_argument(
        "--parts", type=Path, required=True, help="folder for what a seed comes to, 40 MB each"
    )
    parser.add_argument("--tiny", action="store_true", help="a trial of the script: three tasks, one epoch")
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    torch.set_num_threads(1)
    for folder in (a.out, a.parts):
        folder.mkdir(parents=True, exist_ok=True)
    how = dict(walks=1, coupling_iterations=1, checkpoints=20, crop_padding=2, excess_points=0)
    config = TransferConfig.fast(500, source_epochs=1 if a.tiny else 100, wasserstein_images=250, **how)
    tasks, everything = study_tasks(a.root)
    if a.tiny:
        tasks = {n: tasks[n] for n in ("herbivores", "flowers", TARGET)}
    files = [a.parts / f"seed_{seed}.pt" for seed in (0, 1)]
    for seed in map(int, a.seeds.split(",")):
        if not files[seed].exists():
            started = time.process_time()
            torch.save(measure(seed, tasks, everything, config), files[seed])
            print(f"seed {seed}: {time.process_time() - started:.0f} s of one core", flush=True)
    if all(f.exists() for f in files):
        write(a.out, [torch.load(f, weights_only=False) for f in files], tasks, everything)


if __name__ == "__main__":
    main()
