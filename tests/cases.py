"""Generated arguments, good and hostile, and what may come of a call: a result, or a refusal that was meant."""
import dis
import math
import signal
import traceback
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

import taskdist_nb
from taskdist_nb.data import Task

LIB = Path(taskdist_nb.__file__).parent
DOCUMENTED = (TypeError, ValueError, FloatingPointError, OSError)   # UnknownName and WrongUse are ValueErrors
PATIENCE = 20                                                       # seconds of processor time for one call
TALLY, COVERED = Counter(), set()


def covers(
    *names,  # "module.name" of the public names that the test calls
    examples=30,
):
    "Marks a property test: the same cases on every machine, none stored."
    COVERED.update(names)
    return settings(max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate, Phase.shrink],
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture])


@contextmanager
def patience():
    "Raises AssertionError inside a call that goes on and on."
    def stop(*_): raise AssertionError(f"no end after {PATIENCE} s of processor time")
    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try: yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def meant(error) -> bool:
    "Was the exception raised by a `raise` of this package, and not from inside a library or by an operation that failed?"
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    last = error.__traceback__
    while last.tb_next: last = last.tb_next
    code = frame.f_code
    return Path(code.co_filename).is_relative_to(LIB) and code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def attempt(call, *args, **kwargs):
    "(True, the result), or (False, a refusal that is documented, was meant, and says what was given)."
    TALLY["cases"] += 1
    try:
        with patience(): return True, call(*args, **kwargs)
    except DOCUMENTED as e:
        assert meant(e), f"from deep inside: {type(e).__name__}: {e}\n{''.join(traceback.format_tb(e.__traceback__))}"
        assert "Got" in str(e) or "; see taskdist" in str(e) or isinstance(e, (OSError, FloatingPointError)) and len(str(e)) > 20, f"says nothing: {e}"
        TALLY["refused"] += 1
        return False, e


def numbers_in(result):
    "All numbers in a result: floats, arrays, tensors, tuples, dicts."
    if isinstance(result, dict): result = list(result.values())
    if isinstance(result, (list, tuple)): return np.concatenate([numbers_in(r) for r in result] or [np.zeros(0)])
    if isinstance(result, torch.Tensor): result = result.detach().double().numpy()
    return np.ravel(np.asarray(result, dtype=float))


def no_nan(result): return not np.isnan(numbers_in(result)).any()


HOSTILE = [None, True, "", "near", b"x", -1, 0, 10**30, 2.5, -1e300, math.nan, math.inf, 1j, [], {}, (), object(), ..., [[1.0], [2.0, 3.0]], ["a", "b"],
           np.array([]), np.array(["a", "b"]), np.array([None, 1]), np.full((2, 2), np.nan), np.ones((2, 3), complex), np.float64(0.5), np.int64(3),
           torch.tensor([]), torch.tensor(1.0), torch.zeros(2, 0), torch.full((2, 3), math.nan), torch.full((3, 3), math.inf), torch.ones(2, 3, dtype=torch.complex64),
           torch.ones(2, 3, dtype=torch.bool), torch.ones(2, 3, dtype=torch.float16), torch.full((2, 3), 1e38), torch.zeros(3, dtype=torch.int64), torch.zeros(2, 1, 3, 3)]


def or_hostile(good):
    "Mostly what would do, sometimes what never should."
    return st.tuples(st.integers(0, 5), st.integers(0, len(HOSTILE) - 1), good).map(lambda v: HOSTILE[v[1]] if v[0] == 5 else v[2])


@st.composite
def reals(draw, shape=None, kinds=("normal", "zeros", "equal", "huge", "tiny", "integers"), dtypes=(torch.float32, torch.float64)):
    "A floating-point tensor of a shape, (n, m) if none is given."
    shape = shape or (draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    x = torch.randn(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 999))), dtype=torch.float64)
    scale = {"normal": x, "zeros": 0*x, "equal": 0*x + 0.7, "huge": 1e15*x, "tiny": 1e-15*x, "integers": x.round(), "nan": x.masked_fill(x > 0, math.nan), "inf": x.masked_fill(x > 1, math.inf)}
    return scale[draw(st.sampled_from(kinds))].to(draw(st.sampled_from(dtypes)))


@st.composite
def simplex(draw, shape, dtypes=(torch.float32, torch.float64)):
    "Probabilities along the last axis: flat, sharp, or with exact zeros."
    scale = draw(st.sampled_from([0., 1., 30., 1e4]))
    logits = scale*torch.randn(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 999))), dtype=torch.float64)
    return logits.softmax(-1).to(draw(st.sampled_from(dtypes)))


@st.composite
def images(draw, n, shape, dtype):
    "n images, uint8 or floating point."
    x = torch.randint(0, 256, (n, *shape), generator=torch.Generator().manual_seed(draw(st.integers(0, 999))), dtype=torch.uint8)
    return x if dtype == torch.uint8 else x.to(dtype)/64 - 2


@st.composite
def task_parts(draw, shape=None, dtype=None, K=None):
    "The fields of a task: K classes, each with one image or more in both parts."
    K = K or draw(st.integers(2, 4))
    shape, dtype = shape or draw(st.sampled_from([(1, 8, 8), (3, 8, 8), (2, 8, 9), (1, 1, 1)])), dtype or draw(st.sampled_from([torch.uint8, torch.float32]))
    parts = dict(name=draw(st.sampled_from(["a", "b", "ünï", "x/y"])), classes=tuple(f"c{k}" for k in range(K)), flip=draw(st.booleans()))
    for part in ("train", "test"):
        y = torch.tensor(draw(st.permutations([*range(K), *draw(st.lists(st.integers(0, K - 1), max_size=6))])))
        parts |= {f"x_{part}": draw(images(len(y), shape, dtype)), f"y_{part}": y}
    return parts


@st.composite
def task_pairs(draw, shape=(1, 8, 8)):
    "Two tasks that can be compared: one image shape and type, different names."
    dtype = draw(st.sampled_from([torch.uint8, torch.float32]))
    return tuple(Task(**(draw(task_parts(shape, dtype)) | dict(name=name))) for name in ("one", "two"))
