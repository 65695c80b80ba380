"""Timing shared by the benchmarks: functions timed by turns on one machine, and ratios of their times."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch


def seconds_of(f: Callable[[], object]) -> float:
    "Seconds of one call; a GPU is waited for. On one CPU thread the clock is the process's own, which stands still while other jobs run."
    gpu = torch.cuda.is_available()
    clock = time.process_time if torch.get_num_threads() == 1 and not gpu else time.perf_counter
    if gpu:
        torch.cuda.synchronize()
    start = clock()
    f()
    if gpu:
        torch.cuda.synchronize()
    return clock() - start


def by_turns(
    functions: dict[str, Callable[[], object]],  # name -> function without arguments
    rounds: int,  # each round calls every function once, so that a slow moment hits all
) -> pd.DataFrame:  # (rounds, functions) seconds a call
    "Time functions by turns, after one call of each to warm up."
    for f in functions.values():
        f()
    return pd.DataFrame([{name: seconds_of(f) for name, f in functions.items()} for _ in range(rounds)])


def ratio(seconds: pd.DataFrame, slow: str, fast: str) -> np.ndarray:
    "(3,) quartiles over the rounds of the time of `slow` divided by the time of `fast`: lower, median, upper."
    return np.quantile(seconds[slow] / seconds[fast], [0.25, 0.5, 0.75])


def quartiles(values: np.ndarray) -> str:
    "A median with the quartiles around it."
    return f"{values[1]:.3g} [{values[0]:.3g}, {values[2]:.3g}]"


def machine() -> str:
    "What the numbers are measured on, in words."
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    amx = " with AMX bf16" if getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)() else ""
    return f"{torch.get_num_threads()} CPU thread(s){amx}, {gpu}, torch {torch.__version__}"
