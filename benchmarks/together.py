"""What is gained by training many pairs in lock-step, and how long would a 20 x 20 matrix take?

Throughput (images a second, SGD steps of the moving task included) of `train` on a stack against the number of networks, by
turns with `train`, one network at a time; both ways to write a convolution. First a small case shows that the answers are
equal. The time of a matrix (380 pairs, coupled and fine-tuning, 2,500 images a task) is put together from the measured rates
and the configuration's counts; `--whole` runs one group of pairs from end to end and extrapolates from that alone
(the default on a GPU). A forecast for a GPU is counted on any machine. Random images of CIFAR's shape serve as data; speed does not depend on what they show.

    python benchmarks/together.py [--quick] [--device cuda] [--model small_cnn] [--networks 1 2 4 8 16 32 64] [--whole]
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from throughput import random_displacement, random_task
from timing import by_turns, machine
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from taskdist_nb.data import digits_suite
from taskdist_nb.distances import DISTANCES
from taskdist_nb.first_coupling import first_coupling
from taskdist_nb.pairs import prepare_transfer
from taskdist_nb.building import build_model
from taskdist_nb.predictions import predict_logits, resolve_precision
from taskdist_nb.together import transfer_together
from taskdist_nb.stack import Stack
from taskdist_nb.settings import TransferConfig
from taskdist_nb.noise_floor import fit_source
from taskdist_nb.training import train
from taskdist_nb.seeds import make_generator
from taskdist_nb.couplings import proximal_step

PAIRS, GOAL_MINUTES = 380, 30


def equality() -> None:
    "Distances of two pairs of digits, one at a time and together, in float32; AssertionError if they differ by more than 0.1%."
    suite = digits_suite()
    config = TransferConfig.toy(
        images=200,
        source_epochs=5,
        steps=20,
        checkpoints=5,
        coupling_iterations=2,
        probes=50,
        block_size=5,
        excess_steps=10,
        device="cpu",
    )
    ready = {n: fit_source(suite[n], 10, "mlp", config, progress=False) for n in ("low", "even")}
    pairs = [(suite["low"], suite["even"]), (suite["even"], suite["low"])]
    for distance in ("coupled", "uncoupled", "fine_tuning"):
        together = transfer_together(pairs, distance, "mlp", config, 0, ready, progress=False)
        alone = [DISTANCES[distance].measure(*p, "mlp", config, 0, ready, progress=False) for p in pairs]
        worst = max(abs(a.distance / b.distance - 1) for a, b in zip(alone, together))
        print(f"equal: {distance:11s} MLP, digits, 2 pairs: largest relative difference {worst:.0e}")
        assert worst < 1e-3


def training_rates(
    model: str, sizes: list[int], config: TransferConfig, images: int, steps: int, rounds: int
) -> pd.DataFrame:
    "Images a second by number of networks (rows) and by way: alone, grouped, unfolded."
    device, n, table = config.device, config.batch_size, {}
    task = random_task("first", images, 0, device)
    # their images are shared by more
    moving_tasks = [random_displacement(images, config, 2 * p, "cpu") for p in range(min(max(sizes), 4))]
    for size in sizes:
        taus, lrs = np.linspace(0, 1, steps), np.full(steps, config.lr)
        networks = [build_model(model, 10, task.x_train, p) for p in range(size)]
        streams = [make_generator(p) for p in range(size)]
        mine = [moving_tasks[p % len(moving_tasks)] for p in range(size)]
        on_device = random_displacement(images, config, 0, device)

        def alone() -> None:
            train(networks[0], on_device, taus, lrs, config, n, streams[0])

        def together(stack: Stack) -> None:
            train(stack, mine, taus, lrs, config, n, streams)

        stacks = {c: Stack(networks, c) for c in ("grouped", "unfolded")}
        calls = {"alone": alone} | {c: (lambda s=s: together(s)) for c, s in stacks.items()}
        seconds = by_turns(calls, rounds).median()
        table[size] = {c: n * steps * (1 if c == "alone" else size) / seconds[c] for c in calls}
    return pd.DataFrame(table).T.rename_axis("networks")


def evaluation_rate(model: str, config: TransferConfig, images: int, rounds: int) -> float:
    "Images a second through one network in evaluation mode."
    task = random_task("a", images, 0, config.device)
    network, precision = build_model(model, 10, task.x_train, 0), resolve_precision(config.precision)

    def look() -> None:
        predict_logits(network, task.x_train, precision=precision)

    return images / by_turns({"look": look}, rounds)["look"].median()


def coupling_seconds(config: TransferConfig, images: int) -> float:
    "Seconds a pair for the first coupling and the new plans, on a CPU, features left out."
    a, b = random_task("a", images, 0, "cpu"), random_task("b", images, 1, "cpu")
    pixels = replace(
        config,
        first_coupling="pixels",
        source_epochs=1,
        steps=1,
        checkpoints=1,
        cost_checkpoints=1,
        excess_points=0,
        accuracy_points=0,
        images=200,
        device="cpu",
    )
    setting = prepare_transfer(a, b, "mlp", pixels, 0, None, False)
    setting = replace(setting, source=a, target=b)

    def solve() -> None:
        coupling = first_coupling(setting, make_generator(0))
        for k in range(config.coupling_iterations - 1):
            costs = 1 + 0.3 * torch.rand(coupling.plans.shape, generator=torch.Generator().manual_seed(k))
            proximal_step(costs, coupling.plans, config.proximal_weight * config.proximal_growth**k)

    return by_turns({"solve": solve}, 1)["solve"].item()


def counts(config: TransferConfig, images: int, tests: int = 500) -> tuple[int, int]:
    "Images a pair, coupled and fine-tuning: through SGD, and through evaluation."
    c, turns = config, config.coupling_iterations
    twice = 2 if c.probe_inputs == "same" else 1
    rivals = 2 * c.excess_points * c.excess_steps * len({c.lr, c.reference_lr})
    training = ((turns + 1) * c.steps + rivals) * c.batch_size
    costs = (turns - 1) * images * c.block_size * twice * ((c.cost_checkpoints or c.checkpoints) + 1)
    lengths = c.probes * c.checkpoints * (turns * twice + 1)
    accuracy = tests * (c.accuracy_points + c.checkpoints + 1)
    excess = 2 * c.excess_points * c.probes * (1 + len({c.lr, c.reference_lr}))
    return training, costs + lengths + accuracy + excess + 2 * images


def whole_group(model: str, config: TransferConfig, size: int, images: int) -> float:
    "Seconds a pair, coupled and fine-tuning, for one group from end to end; the sources are fitted before."
    tasks = [
        random_task(f"task {k}", images, k, "cpu")
        for k in range(int(np.ceil((1 + np.sqrt(1 + 4 * size)) / 2)))
    ]
    ready = {t.name: fit_source(t, 10, model, config, progress=False) for t in tasks}
    pairs = [(a, b) for a in tasks for b in tasks if a is not b][:size]
    start = time.perf_counter()
    for distance in ("coupled", "fine_tuning"):
        transfer_together(pairs, distance, model, config, 0, ready, progress=False)
    if config.device.startswith("cuda"):
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / size


class Started(TorchDispatchMode):
    "Counts what PyTorch starts inside, views left out: on a GPU about as many kernels."

    count = 0

    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        out = f(*args, **(kwargs or {}))
        self.count += not f.is_view
        return out


def started_in_a_step(model: str, config: TransferConfig, size: int) -> float:
    "Operations that a step of `train` starts, and as many draws of a batch as there are networks; small batches, for the number depends on no size."
    moving = random_displacement(20, config, 0, "cpu")
    stack = Stack([build_model(model, 10, moving.x_s, p) for p in range(size)])
    with Started() as mode:
        train(stack, [moving] * size, [0.5], [0.01], config, 4, [make_generator(p) for p in range(size)])
    return mode.count


def forecast(model: str, config: TransferConfig, images: int, coupling: float) -> str:
    "What the matrix asks of a GPU, counted, and minutes at assumed rates. Not a measurement."
    config, task = replace(config, device="cpu"), random_task("a", 20, 0, "cpu")
    network, (training, evaluated) = build_model(model, 10, task.x_train, 0), counts(config, images)
    with FlopCounterMode(display=False) as flops:
        predict_logits(network, task.x_train)
    # a step costs about three forward passes
    work = PAIRS * (3 * training + evaluated) * flops.get_total_flops() / 20
    steps = PAIRS * training / config.batch_size
    moving = random_displacement(images, config, 0, "cpu")
    stream = make_generator(0)

    def draw() -> None:
        for _ in range(20):
            moving.batch(0.5, config.batch_size, stream)

    drawing = PAIRS * training * by_turns({"draw": draw}, 3)["draw"].median() / 20 / config.batch_size
    starts = {p: steps / p * started_in_a_step(model, config, p) for p in (1, 16)}
    return (
        f"forecast for {PAIRS} pairs on a GPU, counted here and not measured there:\n"
        f"  arithmetic {work / 1e15:.0f} PFLOP: {work / 1e14 / 60:.0f} minutes at 1e14 a second, a tenth of what an H200's data sheet promises in bfloat16\n"
        f"  operations to start: {starts[1] / 1e6:.0f} million one network at a time, {starts[16] / 1e6:.0f} million 16 at once: "
        f"{starts[1] * 7e-6 / 60:.0f} and {starts[16] * 7e-6 / 60:.0f} minutes at 7 microseconds\n"
        f"  on the host, one thread: batches {drawing / 60:.0f} minutes (beside the GPU's work), couplings {PAIRS * coupling / 60:.0f}"
    )


def verdict(seconds: float, what: str) -> None:
    "Say how long the matrix would take."
    minutes = PAIRS * seconds / 60
    print(
        f"{'PASS' if minutes < GOAL_MINUTES else 'SHORT'}: {PAIRS} pairs in {minutes:.0f} minutes {what} (goal {GOAL_MINUTES} on one H200)"
    )


def arguments() -> argparse.Namespace:
    "What was asked for on the command line."
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="up to 4 networks, 3 steps, 500 images a task for the rates"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--model", default="small_cnn")
    parser.add_argument("--networks", type=int, nargs="+", default=[])
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument(
        "--group", type=int, default=0, help="pairs in the group of --whole; 0: the fastest size measured"
    )
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    gpu = args.device.startswith("cuda")
    sizes = args.networks or ([1, 2, 4] if args.quick else [1, 2, 4, 8, 16] + [32, 64, 128] * gpu)
    images, steps = (500, args.steps or 3) if args.quick else (2500, args.steps or (50 if gpu else 5))
    config = TransferConfig.fast(images=images, device=args.device, precision=args.precision)
    full = TransferConfig.fast(images=2500, device=args.device, precision=args.precision)
    print(
        f"{machine()}; device {args.device}, {args.model}, batches of {config.batch_size}, {resolve_precision(config.precision)}, {steps} steps, {args.rounds} rounds"
    )
    equality()
    rates = training_rates(args.model, sizes, config, images, steps, args.rounds)
    print(
        "\nimages a second while training; alone: one network at a time\n"
        + rates.round(0).astype(int).to_string()
    )
    gain = rates.div(rates.alone, axis=0)[["grouped", "unfolded"]]
    print("\nratio to one at a time\n" + gain.round(2).to_string())
    best = rates.max(axis=1).idxmax()
    looking, coupling = evaluation_rate(args.model, config, images, args.rounds), coupling_seconds(full, 2500)
    training, evaluated = counts(full, 2500)
    print(
        f"\na pair: {training:,} images through SGD, {evaluated:,} through evaluation at {looking:,.0f} a second, {coupling:.2f} s for couplings"
    )
    for what, rate in (
        ("one at a time", rates.alone.median()),
        (f"{best} at once", rates.loc[best, ["grouped", "unfolded"]].max()),
    ):
        verdict(training / rate + evaluated / looking + coupling, f"{what}, from the rates above")
    print(forecast(args.model, full, 2500, coupling))
    if args.whole or gpu:
        way = gain.loc[best].idxmax()
        size = args.group or int(best)
        verdict(
            whole_group(args.model, full, size, 2500),
            f"from one group of {size} pairs, end to end ({way} would be the faster convolution)",
        )


if __name__ == "__main__":
    main()
