"""How near to the hardware's limit are the training and the evaluation loop?

Each loop of the package is timed by turns with a bare benchmark: the same convolutions and linear layers alone, on fixed
tensors of the same shapes, batch and data type (weights and inputs already in that type, channels-last), without data,
batch normalisation, ReLU, pooling, loss or optimiser. Goal: at least 60% of its images a second.
Random images of CIFAR's shape serve as data; speed does not depend on what they show.

    python benchmarks/throughput.py [--quick] [--device cuda] [--models small_cnn] [--precisions bfloat16]
"""

import argparse
import copy
from collections.abc import Callable

import pandas as pd
import torch
from timing import by_turns, machine, quartiles, ratio
from torch import Tensor, nn

from taskdist_nb.data import Task
from taskdist_nb.labels import joint_label_space
from taskdist_nb.models import MODELS
from taskdist_nb.building import build_model
from taskdist_nb.predictions import predict_logits
from taskdist_nb.ruler import LengthMeter
from taskdist_nb.settings import TransferConfig
from taskdist_nb.training import soft_cross_entropy, train
from taskdist_nb.fitting import augmentation
from taskdist_nb.seeds import make_generator
from taskdist_nb.block_coupling import BlockCoupling
from taskdist_nb.moving import Displacement
from taskdist_nb.couplings import make_blocks

GOAL = 0.6


def random_task(name: str, n: int, seed: int, device: str) -> Task:
    "n random 3 x 32 x 32 images in five classes."
    g = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=g).to(device)
    y = (torch.arange(n) % 5).to(device)
    return Task(name, x, y, x[:50], y[:50], tuple("abcde"), flip=True)


def random_displacement(n: int, config: TransferConfig, seed: int, device: str) -> Displacement:
    "Two random tasks under an independent coupling in blocks, augmented as for CIFAR-100."
    a, b = random_task("a", n, seed, device), random_task("b", n, seed + 1, device)
    rows, columns = make_blocks(n, n, config.block_size, make_generator(seed, "blocks"))
    plans = torch.full((*rows.shape, config.block_size), config.block_size**-2, dtype=torch.float64)
    return Displacement(
        a,
        b,
        BlockCoupling(rows, columns, plans),
        joint_label_space(a, b, "disjoint"),
        augmentation(config, a, b),
    )


def layers_with_inputs(model: nn.Module, x: Tensor, dtype: torch.dtype) -> list[tuple[nn.Module, Tensor]]:
    "Copies of the model's convolutions and linear layers in `dtype`, each with the input that it sees."
    seen: list[tuple[nn.Module, Tensor]] = []

    def note(layer: nn.Module, args: tuple) -> None:
        seen.append((copy.deepcopy(layer).to(dtype), args[0].detach().to(dtype)))

    hooks = [
        m.register_forward_pre_hook(note) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))
    ]
    with torch.no_grad():
        model(x)
    for h in hooks:
        h.remove()
    for layer, _ in seen:
        layer._forward_pre_hooks.clear()
    return seen


def bare(model: nn.Module, x: Tensor, dtype: torch.dtype, backward: bool) -> Callable[[], None]:
    "A function that runs the layers of `model` alone, forward or forward and backward."
    layers = layers_with_inputs(model, x, dtype)
    if not backward:

        def forward() -> None:
            with torch.no_grad():
                for layer, h in layers:
                    layer(h)

        return forward
    for _, h in layers[1:]:
        h.requires_grad_()  # the images themselves need no gradient
    work = [
        (layer, h, [h] * h.requires_grad + list(layer.parameters()), torch.randn_like(layer(h)))
        for layer, h in layers
    ]

    def both() -> None:
        for layer, h, wanted, gradient in work:
            torch.autograd.grad(layer(h), wanted, gradient)

    return both


def training(
    model: nn.Module, moving: Displacement, config: TransferConfig, steps: int, dtype: torch.dtype
) -> dict[str, Callable]:
    "The training loop, some of its parts, and the bare layers; each function does `steps` steps."
    g = make_generator(0, "benchmark")
    x, y = moving.batch(0.5, config.batch_size, g)
    trained = copy.deepcopy(model)
    updated = copy.deepcopy(model)
    layers = bare(model, x, dtype, backward=True)
    optimizer = torch.optim.SGD(
        updated.parameters(), lr=1e-3, momentum=config.momentum, weight_decay=config.weight_decay
    )
    for p in updated.parameters():
        p.grad = torch.zeros_like(p)
    logits = torch.zeros_like(y, requires_grad=True)

    def repeat(f: Callable) -> Callable[[], None]:
        def several() -> None:
            for _ in range(steps):
                f()

        return several

    return {
        "loop": lambda: train(trained, moving, [0.5] * steps, [1e-3] * steps, config, config.batch_size, g),
        "bare": repeat(layers),
        "data": repeat(lambda: moving.batch(0.5, config.batch_size, g)),
        "optimiser": repeat(optimizer.step),
        "loss": repeat(lambda: torch.autograd.grad(soft_cross_entropy(logits, y).mean(), logits)),
    }


def evaluation(
    model: nn.Module, moving: Displacement, config: TransferConfig, n: int, dtype: torch.dtype
) -> dict[str, Callable]:
    "Prediction of n images, a step of the length meter on n/2 (it predicts them twice), and the bare layers on n images, all 100 at a time."
    probe = moving.probe(n // 2, make_generator(0, "probe"))
    x = torch.cat([probe.inputs(0.3), probe.inputs(0.6)])
    layers, meter = bare(model, x[:100], dtype, backward=False), LengthMeter(probe, config.precision)
    meter.mark(model, 0.3)

    def limit() -> None:
        for _ in range(n // 100):
            layers()

    return {
        "predict_logits": lambda: predict_logits(model, x, precision=config.precision),
        "LengthMeter": lambda: meter.mark(model, 0.5),
        "bare": limit,
    }


def share(seconds: pd.DataFrame, loop: str) -> str:
    "Throughput of a loop as a share of the bare layers' (1: the same speed)."
    return quartiles(ratio(seconds, "bare", loop))


def measure(name: str, precision: str, args: argparse.Namespace) -> list[dict[str, str | int]]:
    "The lines of the table for one model and data type; prints where the training loop's time goes."
    config, dtype = TransferConfig.fast(precision=precision, device=args.device), getattr(torch, precision)
    moving = random_displacement(500, config, args.seed, args.device)
    model = build_model(MODELS[name], 10, moving.x_s, args.seed)
    steps, images = (2 if args.device == "cpu" else 50), (200 if args.device == "cpu" else 10_000)
    seconds = by_turns(training(model, moving, config, steps, dtype), args.rounds)
    ms = 1e3 * seconds.median() / steps
    parts = {k: ms[k] for k in ("bare", "data", "optimiser", "loss")}
    parts["the rest (batch norm, ReLU, pooling, casts)"] = ms["loop"] - sum(parts.values())
    print(
        f"{name}, {precision}: a step takes {ms['loop']:.1f} ms: "
        + ", ".join(f"{k} {v / ms['loop']:.0%}" for k, v in parts.items())
    )
    read = by_turns(evaluation(model, moving, config, images, dtype), args.rounds)
    line = {"model": name, "type": precision}
    speeds = [
        ("train", seconds, "loop", steps * config.batch_size),
        *((f, read, f, images) for f in ("predict_logits", "LengthMeter")),
    ]
    return [
        line
        | {
            "loop": title,
            "images/s": round(n / s[f].median()),
            "bare": round(n / s["bare"].median()),
            "share": share(s, f),
        }
        for title, s, f, n in speeds
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the small network in bfloat16 alone, 3 rounds")
    parser.add_argument(
        "--models", nargs="+", default=["small_cnn", "wrn_16_4"], choices=["small_cnn", "wrn_16_4"]
    )
    parser.add_argument(
        "--precisions", nargs="+", default=["bfloat16", "float32"], choices=["bfloat16", "float32"]
    )
    parser.add_argument("--device", default="cpu", help="cpu (the default) or cuda")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads; a matrix runs one process of one thread a core"
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.quick:
        args.models, args.precisions, args.rounds = ["small_cnn"], ["bfloat16"], 3
    torch.set_num_threads(args.threads)
    print(
        f"{machine()}; batches of {TransferConfig.fast().batch_size} to train, of 100 to predict, {args.rounds} rounds"
    )
    lines = [
        line
        for precision in args.precisions
        for name in args.models
        for line in measure(name, precision, args)
    ]
    print(pd.DataFrame(lines).to_string(index=False))
    worst = min(lines, key=lambda line: float(str(line["share"]).split()[0]))
    enough = float(str(worst["share"]).split()[0]) >= GOAL
    print(
        f"{'PASS' if enough else 'SHORT'}: the slowest loop, {worst['loop']} of {worst['model']} in {worst['type']}, reaches {worst['share']} of the bare layers' images a second (goal {GOAL})"
    )


if __name__ == "__main__":
    main()
