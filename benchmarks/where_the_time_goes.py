"""Where does the time of one coupled distance go, in the preset `paper` and in the preset `fast`?

Measured in one run: the cost of each part (a training step with its data, a forward pass, a coupling), on random images of CIFAR-100's
shape. Multiplied by how often each preset does it. The published procedure is not run to its end: at 2,500 images that takes a day.

    python benchmarks/where_the_time_goes.py [--network wrn_16_4] [--fast-images 2500]
"""

import argparse

import pandas as pd
import torch

from taskdist_nb.labels import LabelSpace
from taskdist_nb.data import Task
from taskdist_nb.building import build_model
from taskdist_nb.models import get_model
from taskdist_nb.predictions import predict_logits, resolve_precision
from taskdist_nb.settings import TransferConfig
from taskdist_nb.training import train
from taskdist_nb.fitting import augmentation
from taskdist_nb.seeds import make_generator
from taskdist_nb.block_coupling import BlockCoupling
from taskdist_nb.moving import Displacement
from taskdist_nb.couplings import block_plans, make_blocks, proximal_step
from timing import seconds_of


def seconds(work, repeats=3) -> float:
    "The best of several; the first call warms up."
    work()
    return min(seconds_of(work) for _ in range(repeats))


def random_task(name: str, n: int) -> Task:
    g = make_generator(0, name)
    x = torch.randint(0, 256, (n + 100, 3, 32, 32), generator=g, dtype=torch.uint8)
    y = torch.arange(n + 100) % 5
    return Task(name, x[:n], y[:n], x[n:], y[n:], tuple("abcde"), flip=True)


def units(config: TransferConfig, network: str, n: int, steps: int) -> dict[str, float]:
    "Seconds: a training image (source and path batches), its data, a forward pass, the coupling of one block."
    n = min(n, 10 * config.block_size)  # the time a block or an image takes does not hang on their number
    source, target = random_task("source", n), random_task("target", n)
    rows, columns = make_blocks(n, n, config.block_size, make_generator(0, "blocks"))
    costs = torch.rand(
        *rows.shape, config.block_size, generator=make_generator(0, "costs"), dtype=torch.float64
    )
    coupling = BlockCoupling(rows, columns, block_plans(costs, 0.05))
    moving = Displacement(source, target, coupling, LabelSpace(10, 5), augmentation(config, source, target))
    model = build_model(get_model(network), 10, source.x_train, 0)
    g = make_generator(0, "batches")
    precision = resolve_precision(config.precision)

    def step(batch):
        return lambda: train(model, moving, [0.5] * steps, [1e-4] * steps, config, batch, g)

    def data():
        [moving.batch(0.5, config.batch_size, g) for _ in range(steps)]

    images = moving.batch(0.5, 500, g)[0]
    return dict(
        source=seconds(step(config.source_batch_size)) / steps / config.source_batch_size,
        path=seconds(step(config.batch_size)) / steps / config.batch_size,
        data=seconds(data) / steps / config.batch_size,
        forward=seconds(lambda: predict_logits(model, images, precision=precision)) / 500,
        block=seconds(lambda: proximal_step(costs, coupling.plans, config.proximal_weight)) / len(rows),
    )


def counts(c: TransferConfig, n: int, accuracy_images: int = 500) -> dict[str, int]:
    "How much of everything one coupled distance asks for."
    turns, looks = c.coupling_iterations, 1 if c.probe_inputs == "moving" else 2
    return dict(
        source=c.source_epochs * n,
        path=turns * c.steps * c.batch_size,
        block=(turns - 1) * -(-n // c.block_size),
        costs=(turns - 1) * n * c.block_size * (c.cost_checkpoints or c.checkpoints) * looks,
        watching=turns * c.checkpoints * min(c.probes, 500) * looks
        + c.accuracy_points * accuracy_images
        + c.excess_points * 2 * c.excess_steps * c.batch_size * 4,
    )


def parts(c: TransferConfig, network: str, n: int, steps: int) -> pd.Series:
    u, k = units(c, network, n, steps), counts(c, n)
    return pd.Series(
        {
            "source training": u["source"] * k["source"],
            "SGD on the path": (u["path"] - u["data"]) * k["path"],
            "data of the path": u["data"] * k["path"],
            "cost evaluation": u["forward"] * k["costs"],
            "coupling": u["block"] * k["block"],
            "length, accuracy, excess loss": u["forward"] * k["watching"],
        }
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", default="small_cnn")
    parser.add_argument("--images", type=int, default=2500, help="images a task of the published procedure")
    parser.add_argument("--fast-images", type=int, default=500, help="images a task of the preset fast")
    parser.add_argument("--steps", type=int, default=10, help="training steps to time")
    parser.add_argument("--out", default="", help="CSV file of the table, in minutes")
    a = parser.parse_args()
    torch.set_num_threads(1)
    runs = {
        f"paper, {a.images} images, float32": (TransferConfig.paper(images=a.images), a.images),
        f"paper, {a.fast_images} images, float32": (
            TransferConfig.paper(images=a.fast_images),
            a.fast_images,
        ),
        f"fast, {a.images} images": (TransferConfig.fast(images=a.images), a.images),
        f"fast, {a.fast_images} images": (TransferConfig.fast(images=a.fast_images), a.fast_images),
    }
    table = pd.DataFrame({name: parts(c, a.network, n, a.steps) for name, (c, n) in runs.items()})
    source, pair = table.loc["source training"], table.drop("source training").sum()
    table.loc["a pair, source apart"] = pair
    # pairs from one task share its source
    for tasks in (20, 5, 2):
        table.loc[f"a pair of {tasks} tasks"] = pair + source / (tasks - 1)
    if a.out:
        (table / 60).to_csv(a.out, float_format="%.4g", index_label="part")
    pd.set_option("display.width", 200)
    print(f"{a.network}, one thread; minutes\n{(table / 60).round(2).to_string()}")
    for n in (a.images, a.fast_images):
        p, f = (next(k for k in runs if k.startswith(f"{kind}, {n} ")) for kind in ("paper", "fast"))
        ratio = (table[p] / table[f]).filter(like="a pair").round().astype(int)
        print(f"ratio at {n} images: " + ", ".join(f"{r} {what}" for what, r in ratio.items()))


if __name__ == "__main__":
    main()
