"""Are many small transport problems solved faster together than one at a time?

100 blocks of 25 x 25 and 625 blocks of 4 x 4, entropic plans, exact plans and proximal steps: all blocks in one call, the same
function called block by block, and POT's own solver block by block (ot.sinkhorn in the log domain, ot.emd; the proximal step has
no counterpart there). The answers are compared before anything is printed.

    python benchmarks/transport.py [--quick]
"""

import argparse
from collections.abc import Callable

import ot
import pandas as pd
import torch
from timing import by_turns, machine, quartiles, ratio
from torch import Tensor

from taskdist_nb.couplings import block_plans, proximal_step

EPSILON, WEIGHT = 0.1, 0.05


def pot_plans(costs: Tensor, epsilon: float) -> Tensor:
    "(B, b, b) plans by POT's solvers, one block after the other."
    uniform = torch.full((costs.shape[1],), 1 / costs.shape[1], dtype=torch.float64)
    if epsilon == 0:
        return torch.stack([ot.emd(uniform, uniform, c) for c in costs])
    solve = lambda c: ot.sinkhorn(
        uniform, uniform, c, epsilon, method="sinkhorn_log", numItermax=5000, stopThr=1e-8, warn=False
    )
    return torch.stack([solve(c) for c in costs])


def ways(kind: str, costs: Tensor) -> dict[str, Callable[[], Tensor]]:
    "The ways to solve all blocks."
    uniform = torch.full_like(costs, 1 / costs.shape[1] ** 2)
    if kind == "proximal step":
        return {
            "together": lambda: proximal_step(costs, uniform, WEIGHT),
            "one at a time": lambda: torch.cat(
                [proximal_step(c[None], u[None], WEIGHT) for c, u in zip(costs, uniform)]
            ),
        }
    epsilon = EPSILON if kind == "entropic" else 0.0
    return {
        "together": lambda: block_plans(costs, epsilon),
        "one at a time": lambda: torch.cat([block_plans(c[None], epsilon) for c in costs]),
        "POT": lambda: pot_plans(costs, epsilon),
    }


def check_equal(functions: dict[str, Callable[[], Tensor]], costs: Tensor) -> None:
    "AssertionError unless all ways give the same plans, to 1e-4 of a block's mass (random costs have one exact plan)."
    first, *others = (f() for f in functions.values())
    for plans in others:
        torch.testing.assert_close(plans, first, rtol=0, atol=1e-4)


def row(kind: str, costs: Tensor, rounds: int) -> dict[str, str | float]:
    "One line of the table."
    functions = ways(kind, costs)
    check_equal(functions, costs)
    seconds = by_turns(functions, rounds)
    line: dict[str, str | float] = {"problem": kind, "blocks": f"{costs.shape[0]} of {costs.shape[1]}"}
    line |= {f"{name}, ms": round(1e3 * seconds[name].median(), 2) for name in functions}
    return line | {
        f"{name} / together": quartiles(ratio(seconds, name, "together"))
        for name in functions
        if name != "together"
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the blocks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    generator = torch.Generator().manual_seed(args.seed)
    shapes = [(n // 10 if args.quick else n, b) for n, b in ((100, 25), (625, 4))]
    problems = [torch.rand(n, b, b, generator=generator, dtype=torch.float64) for n, b in shapes]
    table = pd.DataFrame(
        [
            row(kind, costs, args.rounds)
            for costs in problems
            for kind in ("entropic", "exact", "proximal step")
        ]
    )
    print(
        f"{machine()}; costs uniform in [0, 1], epsilon {EPSILON}, proximal weight {WEIGHT}, {args.rounds} rounds"
    )
    print(table.to_string(index=False, na_rep="-"))
    gains = {
        f"{r.problem} {r.blocks}": float(r["one at a time / together"].split()[0])
        for _, r in table.iterrows()
    }
    least = min(gains, key=gains.get)
    print(
        f"{'PASS' if gains[least] > 1 else 'SHORT'}: together is {gains[least]:.3g} ({least}) to {max(gains.values()):.3g} times as fast as one block at a time"
    )


if __name__ == "__main__":
    main()
