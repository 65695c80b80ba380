"""Generated arguments, good and hostile, and what may come of a call: a result, or a refusal that was meant.

A property holds of results, so a function that never gives one would pass it: successes are counted, and must not be rare.
"""

import dis
import functools
import inspect
import itertools
import math
import pickle
import random
import signal
import traceback
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import numpy as np
import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

import taskdist_nb
from taskdist_nb.data import Task

LIB = Path(taskdist_nb.__file__).parent
DOCUMENTED = (TypeError, ValueError, FloatingPointError, OSError)  # UnknownName and WrongUse are ValueErrors
PATIENCE = 20  # seconds of processor time for one call
# of a property's calls of a function, this share must give a result
FLOOR = 0.3
TALLY, COVERED, PROPERTIES = Counter(), set(), []
# calls of each function in the property that runs; those with a result
TRIED, DONE = Counter(), Counter()

# The same cases on every machine, none stored.
QUIET = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.nested_given],
)


def given(*strategies):
    "As Hypothesis's `given`, from right to left; what stands before are pytest's fixtures. To be used under `covers`."

    def mark(test):
        test.strategies = strategies
        return test

    return mark


def covers(
    *names,  # "module.name" of the public names that the test calls
    examples=30,  # how often it is tried
):
    "Marks a property: whatever it tries by `attempt` must give a result in a good share of its cases."
    COVERED.update(names)

    def mark(test):
        @functools.wraps(test)
        def counted(**fixtures):
            run(test, fixtures, settings(QUIET, max_examples=examples))

        counted.__signature__ = inspect.Signature(
            list(inspect.signature(test).parameters.values())[: -len(test.strategies)]
        )
        PROPERTIES.append((counted, names))
        return counted

    return mark


def run(
    test,  # a property
    fixtures,  # pytest's, by name
    how,  # Hypothesis's settings
):
    "Try a property on generated arguments; fail if a function that it tries hardly ever gave a result."
    TRIED.clear()
    DONE.clear()
    names = list(inspect.signature(test).parameters)[-len(test.strategies) :]

    @how
    @hypothesis.given(at_most_one_hostile(dict(zip(names, test.strategies))))
    def each(arguments):
        test(**fixtures, **arguments)

    each()
    rare = rarely_done()
    assert not rare, f"too few results, (results, calls): {rare}; generate arguments that are accepted"


def rarely_done():
    "Functions that gave a result in too few of the calls: name -> (results, calls)."
    return {name: (DONE[name], n) for name, n in TRIED.items() if DONE[name] < FLOOR * n}


def name_of(call):
    "As module.name or module.Class.method, without the package."
    return f"{call.__module__.removeprefix(taskdist_nb.__name__ + '.')}.{call.__qualname__}"


@contextmanager
def patience():
    "Raises AssertionError inside a call that goes on and on."

    def stop(*_):
        raise AssertionError(f"no end after {PATIENCE} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def meant(error) -> bool:
    "Was the exception raised by a `raise` of this package, and not from inside a library or by an operation that failed?"
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    code = frame.f_code
    return (
        Path(code.co_filename).is_relative_to(LIB)
        and code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    )


def attempt(call, *args, **kwargs):
    "(True, the result), or (False, a refusal that is documented, was meant, and says what was given); counted for `FLOOR`."
    TRIED[name_of(call)] += 1
    done, found = result_or_refusal(call, *args, **kwargs)
    DONE[name_of(call)] += done
    return done, found


def refused(call, *args, **kwargs):
    "The refusal of what must be refused."
    done, found = result_or_refusal(call, *args, **kwargs)
    assert not done, f"not refused: {found!r:.200}"
    return found


def result_or_refusal(call, *args, **kwargs):
    "As `attempt`, not counted for `FLOOR`."
    TALLY["cases"] += 1
    try:
        with patience():
            return True, call(*args, **kwargs)
    except DOCUMENTED as e:
        assert meant(e), (
            f"from deep inside: {type(e).__name__}: {e}\n{''.join(traceback.format_tb(e.__traceback__))}"
        )
        assert (
            "Got" in str(e)
            or "; see taskdist" in str(e)
            or isinstance(e, (OSError, FloatingPointError))
            and len(str(e)) > 20
        ), f"says nothing: {e}"
        TALLY["refused"] += 1
        return False, e


def numbers_in(result):
    "All numbers in a result: floats, arrays, tensors, tuples, dicts."
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return np.concatenate([numbers_in(r) for r in result] or [np.zeros(0)])
    if isinstance(result, torch.Tensor):
        result = result.detach().double().numpy()
    return np.ravel(np.asarray(result, dtype=float))


def no_nan(result):
    return not np.isnan(numbers_in(result)).any()


HOSTILE = [
    None,
    True,
    "",
    "near",
    b"x",
    -1,
    0,
    10**30,
    2.5,
    -1e300,
    math.nan,
    math.inf,
    1j,
    [],
    {},
    (),
    object(),
    ...,
    [[1.0], [2.0, 3.0]],
    ["a", "b"],
    np.array([]),
    np.array(["a", "b"]),
    np.array([None, 1]),
    np.full((2, 2), np.nan),
    np.ones((2, 3), complex),
    np.float64(0.5),
    np.int64(3),
    torch.tensor([]),
    torch.tensor(1.0),
    torch.zeros(2, 0),
    torch.full((2, 3), math.nan),
    torch.full((3, 3), math.inf),
    torch.ones(2, 3, dtype=torch.complex64),
    torch.ones(2, 3, dtype=torch.bool),
    torch.ones(2, 3, dtype=torch.float16),
    torch.full((2, 3), 1e38),
    torch.zeros(3, dtype=torch.int64),
    torch.zeros(2, 1, 3, 3),
]


hostile = st.integers(0, len(HOSTILE) - 1).map(HOSTILE.__getitem__)


def or_hostile(good):
    "Mostly what would do, sometimes what never should; an argument of `given` is hostile only where no other one is."
    strategy = st.tuples(st.integers(0, 5), hostile, good).map(lambda v: v[1] if v[0] == 5 else v[2])
    strategy.good = good
    return strategy


@st.composite
def at_most_one_hostile(
    draw,
    strategies,  # name -> strategy of an argument
):
    "Arguments by name. In two cases of three all of them would do, in the third one that may be hostile is."
    may_be = [name for name, strategy in strategies.items() if hasattr(strategy, "good")]
    # Hypothesis copies parts of cases into others, so that shares of what it draws are not what was asked for
    seed = draw(st.integers(0, 2**32))
    spoilt = seed and random.Random(seed).choice([*[None] * max(1, 2 * len(may_be)), *may_be])
    return {
        name: draw(hostile if name == spoilt else getattr(strategy, "good", strategy))
        for name, strategy in strategies.items()
    }


@st.composite
def reals(
    draw,
    shape=None,
    kinds=("normal", "zeros", "equal", "huge", "tiny", "integers"),
    dtypes=(torch.float32, torch.float64),
):
    "A floating-point tensor of a shape, (n, m) if none is given."
    shape = shape or (draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    x = torch.randn(
        shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 999))), dtype=torch.float64
    )
    scale = {
        "normal": x,
        "zeros": 0 * x,
        "equal": 0 * x + 0.7,
        "huge": 1e15 * x,
        "tiny": 1e-15 * x,
        "integers": x.round(),
        "nan": x.masked_fill(x > 0, math.nan),
        "inf": x.masked_fill(x > 1, math.inf),
    }
    return scale[draw(st.sampled_from(kinds))].to(draw(st.sampled_from(dtypes)))


@st.composite
def simplex(draw, shape, dtypes=(torch.float32, torch.float64)):
    "Probabilities along the last axis: flat, sharp, or with exact zeros."
    scale = draw(st.sampled_from([0.0, 1.0, 30.0, 1e4]))
    logits = scale * torch.randn(
        shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 999))), dtype=torch.float64
    )
    return logits.softmax(-1).to(draw(st.sampled_from(dtypes)))


@st.composite
def images(draw, n, shape, dtype):
    "n images, uint8 or floating point."
    x = torch.randint(
        0,
        256,
        (n, *shape),
        generator=torch.Generator().manual_seed(draw(st.integers(0, 999))),
        dtype=torch.uint8,
    )
    return x if dtype == torch.uint8 else x.to(dtype) / 64 - 2


NAMES = ["a", "b", "ünï", "x/y"]  # of tasks


@st.composite
def task_parts(draw, shape=None, dtype=None, K=None, least=1):
    "The fields of a task: K classes, each with `least` images or more in both parts."
    K = K or draw(st.integers(2, 4))
    shape = shape or draw(st.sampled_from([(1, 8, 8), (3, 8, 8), (2, 8, 9), (1, 1, 1)]))
    dtype = dtype or draw(st.sampled_from([torch.uint8, torch.float32]))
    first, word = draw(st.integers(0, 2)), draw(st.sampled_from(["c{}", "c{}", "{}"]))
    parts = dict(
        name=draw(st.sampled_from(NAMES)),
        classes=tuple(word.format(first + k) for k in range(K)),
        flip=draw(st.booleans()),
        vocabulary=draw(st.sampled_from(["", "", "digits"])),
    )
    for part in ("train", "test"):
        y = torch.tensor(
            draw(st.permutations([*range(K)] * least + [*draw(st.lists(st.integers(0, K - 1), max_size=6))]))
        )
        parts |= {f"x_{part}": draw(images(len(y), shape, dtype)), f"y_{part}": y}
    return parts


@st.composite
def task_pairs(draw, shape=(1, 8, 8)):
    "Two tasks that can be compared: one image shape and type, different names."
    dtype = draw(st.sampled_from([torch.uint8, torch.float32]))
    return tuple(Task(**(draw(task_parts(shape, dtype)) | dict(name=name))) for name in ("one", "two"))


def pickled(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))


def numbered(path, values):
    "An array of bytes in the format of MNIST: type, number of dimensions, sizes, bytes."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes() + values.tobytes()
    )


def write_torchvision_sets(
    root,  # an empty folder
    datasets,  # `torchvision.datasets`; its classes are told to expect other bytes than those of the true files
):  # what the classes' attributes were: (class, name) -> value
    "Random images, two a class in each part, in the files of torchvision's CIFAR-10, CIFAR-100, MNIST and Fashion-MNIST."
    draw = lambda *shape: np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for k in (10, 100):
        kind, names, y = (
            (datasets.CIFAR10, "label_names", "labels")
            if k == 10
            else (datasets.CIFAR100, "fine_label_names", "fine_labels")
        )
        folder, each = root / kind.base_folder, -(-2 * k // len(kind.train_list))
        for b, (part, _) in enumerate(kind.train_list):
            pickled(
                folder / part, {"data": draw(each, 3072), y: [i % k for i in range(b * each, (b + 1) * each)]}
            )
        for part, _ in kind.test_list:
            pickled(folder / part, {"data": draw(2 * k, 3072), y: [i % k for i in range(2 * k)]})
        pickled(folder / kind.meta["filename"], {names: [f"c{i}" for i in range(k)]})
    for kind, part in itertools.product(("MNIST", "FashionMNIST"), ("train", "t10k")):
        numbered(root / kind / "raw" / f"{part}-images-idx3-ubyte", draw(20, 28, 28))
        numbered(root / kind / "raw" / f"{part}-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 10)
    kept = {
        (kind, name): getattr(kind, name)
        for kind in (datasets.CIFAR10, datasets.CIFAR100)
        for name in ("train_list", "test_list", "meta")
    }
    for (kind, name), value in kept.items():
        setattr(kind, name, value | {"md5": None} if name == "meta" else [[file, None] for file, _ in value])
    return kept
