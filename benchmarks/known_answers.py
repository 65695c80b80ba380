"""Does the ruler order what we know? Every distance and score from a source to tasks at known places (`graded_suite`).

A row a task and seed goes to a CSV file as it is finished; a second start goes on. The last task of each suite is a renamed copy of the one at dial 0:
the same images with all labels apart. Columns are readings: `coupled:cross:body` is the body's part of the cross-validated coupled length, `still:...` the
same of the source that stays where it is.

    python benchmarks/known_answers.py --out nbs/results/known_answers/digits.csv
    python benchmarks/known_answers.py --kinds rotation,shared_classes --first-head imprinted --out nbs/results/known_answers/digits_imprinted.csv
    python benchmarks/known_answers.py --data mnist --root DATA --size 14 --images 1000 --kinds rotation --levels 0,15,30,45,60,90,180 --out nbs/results/known_answers/mnist.csv
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from same_answer import append_row, rows_done
from taskdist_nb.labels import joint_label_space
from taskdist_nb.distances import DISTANCES, PATHS
from taskdist_nb.embeddings import embed_task, fit_probe
from taskdist_nb.graded import GRADED, graded_suite
from taskdist_nb.models import get_model
from taskdist_nb.scores import SCORES, measure_scores
from taskdist_nb.settings import TransferConfig
from taskdist_nb.noise_floor import fit_source
from taskdist_nb.lengths import lengths_at, parts_at

KEY = ["kind", "seed", "target"]
PARTS = ("switch", "source", "shared", "target", "spare", "body", "head")


def with_control(suite) -> list:
    "The source, the tasks at known places, and a renamed copy of the first of these: the same images under other names."
    source, first, *others = suite.values()
    copy = replace(first, name="renamed copy", vocabulary="copy")
    return [source, first, *others, copy]


def readings(name, row) -> dict:
    "All lengths in a row of a path, and their parts, as columns."
    columns = {f"{name}:{length}": value for length, value in lengths_at(row).items()}
    for length, parts in parts_at(row).items():
        # a pair has not every part
        columns |= {f"{name}:{length}:{part}": parts.get(part) for part in PARTS}
    return columns


def walk(name, source, target, model, config, seed, prepared) -> dict:
    "One path as columns. The lengths of fine-tuning are read to its end; up to 95% of the final accuracy, as published, `cut`."
    r = DISTANCES[name].measure(source, target, model, config, seed, prepared, progress=False)
    row = readings(name, r.path.iloc[-1]) | {
        f"{name}:error": 1 - r.accuracy,
        f"{name}:excess_loss": r.excess_loss,
    }
    if "cross" in r.lengths:
        row[f"{name}:cross_stderr"] = r.path.cross_stderr.iloc[-1]
    if name == "fine_tuning":
        row |= {f"{name}:area": r.area} | {f"{name}:{k} cut": v for k, v in r.lengths.items()}
    return row | {f"{name}:seconds": r.seconds}


def glance(source, target, model, config, seed, prepared, embeddings) -> dict:
    "What needs no path, as columns."
    how = dict(model=model, config=config, seed=seed, progress=False)
    found = measure_scores(list(SCORES), source, target, prepared=prepared, **how)
    for name in [n for n in DISTANCES if n not in PATHS]:
        given = embeddings if DISTANCES[name].needs == "embedding" else prepared
        found[name] = DISTANCES[name].measure(source, target, prepared=given, **how)
    return {name: r.distance for name, r in found.items()} | {
        f"still:{name}": r.noise_floor for name, r in found.items()
    }


def measure(suite, model, config, seed, done=(), keep=print):
    "Calls `keep` with a row for each target that is not done: where it lies, and all readings of the way there."
    source, *targets = with_control(suite)
    left = [t for t in targets if (suite.name, seed, t.name) not in done]
    if not left:
        return
    outputs = source.n_classes + max(t.n_classes for t in targets)  # enough for the copy
    fitted = {source.name: fit_source(source, outputs, model, config, seed, progress=False)}
    probe = fit_probe([source, *targets], model, config, seed, progress=False)
    embeddings = {t.name: embed_task(t, probe.model, config.fisher_images, seed) for t in (source, *targets)}
    still = readings("still", fitted[source.name].floor.path.iloc[-1])
    for target in left:
        row = dict(
            zip(KEY, (suite.name, seed, target.name)),
            dial=suite.dial.get(target.name, float("nan")),
            shared=joint_label_space(source, target, config.labels).shared / target.n_classes,
        )
        ways = {
            k: v for name in PATHS for k, v in walk(name, source, target, model, config, seed, fitted).items()
        }
        keep(
            row
            | dict(source_error=1 - fitted[source.name].accuracy)
            | ways
            | still
            | glance(source, target, model, config, seed, fitted, embeddings)
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default=",".join(GRADED), help="of dials")
    parser.add_argument("--levels", help="on the dial, e.g. 0,45,90; by default the kind's own")
    parser.add_argument("--data", default="digits", help="name or path of a data set")
    parser.add_argument("--second", help="a second data set, for shared_classes and mixture")
    parser.add_argument("--root", default="data", help="torchvision's folder")
    parser.add_argument("--size", type=int, help="height and width that images are shrunk to")
    parser.add_argument("--images", type=int, help="training images of each task")
    parser.add_argument("--test-images", type=int, help="test images of each task")
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--walks", type=int, default=4, help="of each path")
    parser.add_argument(
        "--first-head", default="fresh", help="outputs of new classes at the start: fresh or imprinted"
    )
    parser.add_argument("--seeds", default="0,1,2", help="of images, fit and paths")
    parser.add_argument("--out", type=Path, default=Path("runs/known_answers.csv"))
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    config, model = TransferConfig.toy(walks=a.walks, first_head=a.first_head), get_model(a.model)
    levels = [float(v) if "." in v else int(v) for v in a.levels.split(",")] if a.levels else None
    how = dict(
        data=a.data, root=a.root, size=a.size, images=a.images, test_images=a.test_images, second=a.second
    )

    def keep(row):
        append_row(row, a.out)
        print(
            *(row[k] for k in KEY),
            f"{row['coupled:per_input']:.2f} {row['coupled:cross']:.2f} {row['fine_tuning:area']:.3f}",
            flush=True,
        )

    for seed in map(int, a.seeds.split(",")):
        for kind in a.kinds.split(","):
            measure(
                graded_suite(kind, levels, seed=seed, **how), model, config, seed, rows_done(a.out, KEY), keep
            )


if __name__ == "__main__":
    main()
