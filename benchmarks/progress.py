"""Does progress along the geodesic tell more than length? The 30 pairs of the digits, a row a pair and seed.

    python benchmarks/progress.py --out nbs/results/ruler/progress.csv

Progress (Ramesh et al. 2023) is where on the geodesic from the first predictions to the truth, 0 to 1, the predictions at a checkpoint are
nearest. For each pair: the length of one coupled walk, progress at its end, what remains, the length at which half of the way is made, the share
of classes that are new, and the area under the error curve of fine-tuning. Progress in the committed table was rounded to 1/200.
"""

import argparse
from itertools import permutations
from pathlib import Path

import numpy as np
import torch

from same_answer import append_row, rows_done
from taskdist_nb.data import digits_suite
from taskdist_nb.distances import fine_tuning
from taskdist_nb.first_coupling import first_coupling
from taskdist_nb.pairs import prepare_transfer
from taskdist_nb.maps import geodesic_progress
from taskdist_nb.models import mlp
from taskdist_nb.predictions import predict_logits
from taskdist_nb.settings import TransferConfig
from taskdist_nb.trajectory import follow
from taskdist_nb.noise_floor import fit_source
from taskdist_nb.seeds import make_generator
from taskdist_nb.moving import Displacement

KEY = ["labels", "seed", "source", "target"]


def read_pair(source, target, config, seed, prepared):
    "One coupled walk, and fine-tuning, as columns."
    setting = prepare_transfer(source, target, mlp, config, seed, prepared, False)
    coupling = first_coupling(setting, make_generator(seed, "blocks"))
    moving = Displacement(setting.source, setting.target, coupling, setting.labels)
    seen = []

    def visit(checkpoint, model, tau):
        seen.append(predict_logits(model, target.x_train).softmax(1))

    walk = follow(
        setting.fitted,
        moving,
        setting.target,
        setting.labels,
        config,
        setting.streams("progress")[0],
        [visit],
    )
    outputs = torch.tensor(setting.labels.target)[target.y_train]
    made = np.maximum.accumulate(geodesic_progress(seen, outputs, seen[0], nearest="chord"))
    length = walk.path.per_input.to_numpy()
    tuned = fine_tuning(source, target, mlp, config, seed, prepared, progress=False)
    return dict(
        length=length[-1],
        progress=made[-1],
        remaining=walk.lengths["remaining"],
        half=np.interp(0.5, made, length),
        new=1 - setting.labels.shared / target.n_classes,
        area=tuned.area,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", default="union,disjoint", help="union, disjoint or both")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    torch.set_num_threads(1)
    suite = digits_suite()
    for labels in a.labels.split(","):
        config = TransferConfig.toy(walks=1, labels=labels, coupling_iterations=1, steps=100, excess_points=0)
        for seed in map(int, a.seeds.split(",")):
            done = rows_done(a.out, KEY)
            left = [pair for pair in permutations(suite, 2) if (labels, seed, *pair) not in done]
            prepared = {
                name: fit_source(suite[name], 10, mlp, config, seed, progress=False)
                for name in {s for s, _ in left}
            }
            for source, target in left:
                row = dict(zip(KEY, (labels, seed, source, target)))
                append_row(row | read_pair(suite[source], suite[target], config, seed, prepared), a.out)


if __name__ == "__main__":
    main()
