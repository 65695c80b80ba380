"""What a store must know, and what a run survives: each number that comes out of a store is the one that a fresh run would give."""

import csv
import errno
import functools
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import joblib
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastcore.test import test_fail as refuses
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from taskdist_nb import making, records
from taskdist_nb.data import Suite, digits_suite
from taskdist_nb.distances import DISTANCES
from taskdist_nb.results import TransferResult, to_record
from taskdist_nb.matrices import DistanceMatrix
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.progress import progress_of
from taskdist_nb.jobs import Job, make_plan
from taskdist_nb.select import rank_architectures, rank_sources
from taskdist_nb.store import DamagedRecord, Store
from taskdist_nb.registry import Entry
from taskdist_nb.records import FORMAT, Head, to_line
from taskdist_nb.fingerprints import fingerprint
from taskdist_nb.scores import SCORES
from taskdist_nb.settings import TransferConfig

refuses.__test__ = False
SUITE = Suite([t.subsample(n_train=60, n_test=40) for t in digits_suite().subset(["low", "odd"]).values()])
CONFIG = TransferConfig.toy(
    source_epochs=2,
    steps=20,
    checkpoints=4,
    cost_checkpoints=4,
    probes=20,
    coupling_iterations=1,
    block_size=5,
    excess_points=0,
    fisher_images=20,
    wasserstein_images=30,
    score_images=60,
)


def measured(distance="wasserstein_features", model="mlp", store=None, config=CONFIG, **how):
    return distance_matrix(SUITE, distance, model, config, store=store, progress=False, **how)


class Net(nn.Module):
    "A perceptron whose forward pass can be edited without a trace in its name, its printed form or its first weights."

    def __init__(self, k, act=F.relu, noise=None, p=0.0):
        super().__init__()
        self.body, self.head = nn.Linear(64, 32), nn.Linear(32, k)
        self.how = act, noise, p

    def forward(self, x):
        act, noise, p = self.how
        x = F.dropout(x.flatten(1), p, self.training)
        if noise and self.training:
            x = x + noise()
        return self.head(act(self.body(x)))


# ---------- what changes a number


@pytest.mark.parametrize("distance", ["wasserstein_features", "leep", "task2vec"])
def test_an_edited_forward_is_not_served_the_old_numbers(tmp_path, distance):
    before, after = (partial(Net, act=act) for act in (F.relu, torch.sin))
    old = measured(distance, before, tmp_path)
    new = measured(distance, after, tmp_path)
    assert np.array_equal(new.values, measured(distance, after).values)
    assert not np.array_equal(new.values, old.values)
    assert np.array_equal(measured(distance, before, tmp_path).values, old.values)


def constant(value):
    "A distance of the user: a number, and the largest number of threads that may be used."

    def measure(source, target, model=None, config=None, seed=0, prepared=None, progress=True):
        threads = max([torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())])
        return TransferResult(
            "own", source.name, target.name, seed, value, noise_floor=float(threads), config=config
        )

    return measure


@pytest.fixture
def own():
    "Registers a distance of the user under the name own."
    yield lambda measure, needs="", version=1: DISTANCES.update(
        own=Entry("own", "distance", measure, "a test", needs=needs, version=version)
    )
    DISTANCES.pop("own", None)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_edited_distance_is_not_served_the_old_numbers(tmp_path, own, n_jobs):
    for value, version in ((1.0, 1), (2.0, 1), (2.0, 2)):
        own(constant(value), "", version)
        records = len(Store(tmp_path).heads())
        assert (measured("own", store=tmp_path, n_jobs=n_jobs).values == value).all()
        assert len(Store(tmp_path).heads()) == records + 4
        assert (measured("own", store=tmp_path, n_jobs=n_jobs).values == value).all()
        assert len(Store(tmp_path).heads()) == records + 4


def test_an_edited_score_is_not_served_the_old_numbers(tmp_path, monkeypatch):
    make = lambda value: lambda here, there: value
    for value in (1.0, 2.0):
        monkeypatch.setitem(SCORES, "own", Entry("own", "score", make(value), "a test"))
        assert (measured("own", store=tmp_path).values == value).all()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_job_has_one_thread_of_every_kind(own, n_jobs):
    own(constant(1.0))
    assert {r.noise_floor for r in measured("own", n_jobs=n_jobs).results} == {1.0}


@pytest.mark.parametrize(
    "rank",
    [
        lambda a, b: rank_sources(a, {"b": b}, "wasserstein", "mlp", CONFIG),
        lambda a, b: rank_architectures(b, a, ["mlp"], "wasserstein", CONFIG),
    ],
    ids=["sources", "architectures"],
)
def test_a_ranking_has_one_thread_of_every_kind(monkeypatch, rank):
    def threads(source, target, *_, **__):
        many = max([torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())])
        return TransferResult(
            "wasserstein", source.name, target.name, 0, float(many), noise_floor=0.0, config=CONFIG
        )

    monkeypatch.setitem(DISTANCES, "wasserstein", Entry("wasserstein", "distance", threads, "a test"))
    suite = digits_suite(names=["low", "high"])
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2):
            assert rank(suite["low"], suite["high"]).table.score.tolist() == [1.0]
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def put(setter, value, usual):
    class Put:
        def __enter__(self):
            setter(value)

        def __exit__(self, *error):
            setter(usual)

    return Put()


AROUND = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "default type": lambda: put(torch.set_default_dtype, torch.float64, torch.float32),
    "default device": lambda: put(torch.set_default_device, "meta", None),
    "coarse products": lambda: put(torch.set_float32_matmul_precision, "medium", "highest"),
}


@pytest.mark.parametrize("distance", ["uncoupled", "task2vec", "leep"])
def test_what_the_caller_has_switched_on_changes_nothing(tmp_path, distance):
    plain = measured(distance).values
    for name, around in AROUND.items():
        with around():
            values = measured(distance, store=tmp_path / name).values
        assert np.array_equal(values, plain), name
    assert [len(Store(folder).heads()) for folder in tmp_path.iterdir()] == [
        len(Store(tmp_path / "no_grad").heads())
    ] * len(AROUND)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(measured(distance, store=tmp_path / "autocast").values, plain)


def test_one_module_for_all_is_refused_before_anything_is_fitted(tmp_path):
    once = functools.cache(Net)  # one and the same module at each call
    refuses(lambda: measured(model=once, store=tmp_path), contains="a new module at each call")
    assert not Store(tmp_path).heads()


# `random.random` itself would take its stream along to another process
def draw_python():
    return random.random()


def draw_numpy():
    return np.random.rand()


@pytest.mark.parametrize("draw", [draw_python, draw_numpy])
def test_networks_may_draw_from_any_global_stream(draw):
    model = partial(Net, noise=draw)
    one = measured("leep", model, n_jobs=1)
    draw()
    assert np.array_equal(measured("leep", model, n_jobs=2).values, one.values)
    assert not np.array_equal(measured("leep", Net).values, one.values)


# ---------- threads and processes

DROPOUT = partial(Net, p=0.3)


@pytest.fixture(scope="module")
def serial():
    return measured("leep", DROPOUT, seeds=[0, 1]).values


@pytest.mark.filterwarnings("ignore:another thread")
def test_joblib_threads_give_the_same_bits(serial):
    with joblib.parallel_config("threading"):
        assert np.array_equal(measured("leep", DROPOUT, seeds=[0, 1], n_jobs=4).values, serial)


@pytest.mark.filterwarnings("ignore:another thread")
def test_threads_of_the_caller_give_the_same_bits(serial, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        found = list(
            pool.map(lambda k: measured("leep", DROPOUT, tmp_path / str(k), seeds=[0, 1]).values, range(3))
        )
    assert all(np.array_equal(values, serial) for values in found)


def test_no_more_workers_than_work(monkeypatch):
    asked, real = [], joblib.Parallel
    monkeypatch.setattr(
        joblib, "Parallel", lambda n_jobs, **how: asked.append(n_jobs) or real(n_jobs=1, **how)
    )
    measured("leep", n_jobs=8)
    assert asked == [2, 4]  # two fits, four pairs


def test_a_relative_store_is_where_it_was_meant(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        measured("leep", store="s", n_jobs=2)
        assert len(Store(tmp_path / name / "s").heads()) == 6
    store = Store("s")
    monkeypatch.chdir(tmp_path)
    store.write("key", {})
    assert "key" in Store(tmp_path / "b" / "s").heads() and not (tmp_path / "s").exists()


LONG = """
    import sys
    from taskdist_nb.data import digits_suite
    from taskdist_nb.matrix import distance_matrix
    from taskdist_nb.settings import TransferConfig
    if __name__ == "__main__":
        config = TransferConfig.toy(source_epochs=20000, images=100)
        distance_matrix(digits_suite(), "leep", "mlp", config, store=sys.argv[1], n_jobs=2, progress=False)
"""


@pytest.mark.parametrize("when", ["at work", "starting"])
@pytest.mark.parametrize("how, status", [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_no_worker_outlives_its_parent(tmp_path, how, status, when):
    psutil = pytest.importorskip("psutil")
    script = tmp_path / "long.py"
    script.write_text(textwrap.dedent(LONG))
    run = subprocess.Popen([sys.executable, script, tmp_path / "store"], stderr=subprocess.PIPE, text=True)
    parent, give_up = psutil.Process(run.pid), time.monotonic() + 300

    def ready():
        if when == "at work":
            return len(list((tmp_path / "store").glob("*.running"))) == 2
        return sum("LokyProcess" in " ".join(child.cmdline()) for child in parent.children()) == 2

    while not ready() and time.monotonic() < give_up and run.poll() is None:
        time.sleep(0.1)
    children = parent.children(recursive=True)
    assert len(children) >= 2, "no workers were started"
    run.send_signal(how)
    assert run.wait(60) == status
    _, left = psutil.wait_procs(children, timeout=60)
    assert left == []
    if how == signal.SIGTERM:
        assert not list((tmp_path / "store").glob("*.running"))


# ---------- what is not kept


def test_weights_without_end_are_not_stored(tmp_path, monkeypatch):
    fit_task = making.fit_task

    def diverging(*args, **how):
        fitted = fit_task(*args, **how)
        next(fitted.model.parameters()).data[0, 0] = 1e25
        return fitted

    monkeypatch.setattr(making, "fit_task", diverging)
    with pytest.raises(
        FloatingPointError, match=r"fit low \(seed 0\): training diverged: 1.weight holds 1e\+25"
    ):
        measured("leep", store=tmp_path)
    assert not Store(tmp_path).heads()


class Loud(Net):
    "Logits a hundred times too large."

    def forward(self, x):
        return 100 * super().forward(x)


def test_paths_longer_than_any_are_not_stored(tmp_path):
    with pytest.raises(FloatingPointError, match="noise floor came out as .*: training diverged"):
        measured("uncoupled", Loud, tmp_path, replace(CONFIG, lr=1.0, source_lr=1e-4, reference_lr=1e-4))
    assert {head.stage for head in Store(tmp_path).heads().values()} <= {"fit"}


def failing(how):
    "A distance that fails from low to odd."

    def measure(source, target, model=None, config=None, seed=0, prepared=None, progress=True):
        value = how() if (source.name, target.name) == ("low", "odd") else 1.0
        return TransferResult("own", source.name, target.name, seed, value, config=config)

    return measure


def raising(error):
    def fail():
        raise error

    return fail


@pytest.mark.parametrize(
    "how, said",
    [
        (lambda: np.inf, "came out as inf"),
        (lambda: np.nan, "came out as nan"),
        (raising(ValueError("k must be smaller")), "k must be smaller"),
        (raising(FloatingPointError("diverged")), "diverged"),
    ],
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_bad_pair_does_not_end_a_matrix(tmp_path, own, how, said, n_jobs):
    own(failing(how))
    with pytest.warns(RuntimeWarning, match="1 of 4 pairs have no number"):
        found = measured("own", store=tmp_path, n_jobs=n_jobs)
    assert np.array_equal(found.values, [[[1.0, np.nan], [1.0, 1.0]]], equal_nan=True)
    assert list(found.failures) == [("low", "odd", 0)] and said in found.failures["low", "odd", 0]
    assert (
        found.failures["low", "odd", 0].startswith("own low to odd (seed 0)")
        and len(Store(tmp_path).heads()) == 3
    )
    found.to_csv(tmp_path / "own.csv")
    assert DistanceMatrix.from_csv(tmp_path / "own.csv") == found


def test_a_source_that_cannot_be_fitted_costs_its_own_pairs_alone():
    wild = replace(
        SUITE["odd"], x_train=SUITE["odd"].x_train.float() * 1e30, x_test=SUITE["odd"].x_test.float() * 1e30
    )
    tame = replace(
        SUITE["low"], x_train=SUITE["low"].x_train.float() / 8, x_test=SUITE["low"].x_test.float() / 8
    )
    with pytest.warns(
        RuntimeWarning, match=r"2 of 4 pairs have no number, see `failures`: fit odd \(seed 0\)"
    ):
        found = distance_matrix([tame, wild], "source_accuracy", "mlp", CONFIG, progress=False)
    assert np.isnan(found.values[0, 1]).all() and np.isfinite(found.values[0, 0]).all()


def test_all_bad_pairs_are_an_error(own):
    own(
        lambda source, target, model, config, seed, **others: TransferResult(
            "own", source.name, target.name, seed, np.inf, config=config
        )
    )
    with pytest.raises(FloatingPointError, match=r"own low to low \(seed 0\): distance came out as inf"):
        measured("own")


@pytest.mark.parametrize("number, ends", [(errno.EISDIR, False), (errno.ENOSPC, True)])
def test_a_write_error_costs_one_pair_a_full_disk_ends_the_run(tmp_path, own, monkeypatch, number, ends):
    own(constant(1.0))
    write = Store.write

    def failing_write(self, key, record, *args, **about):
        if record.get("target") == "odd" and record["source"] == "low":
            raise OSError(number, "no luck")
        write(self, key, record, *args, **about)

    monkeypatch.setattr(Store, "write", failing_write)
    if ends:
        with pytest.raises(OSError, match="no luck"):
            measured("own", store=tmp_path)
        return
    with pytest.warns(RuntimeWarning, match="1 of 4"):
        found = measured("own", store=tmp_path)
    assert "no luck" in found.failures["low", "odd", 0] and np.isnan(found.values).sum() == 1


# ---------- other versions, other machines, large stores


def test_a_record_of_another_version_is_named_and_computed_again(tmp_path, own):
    own(constant(1.0))
    plan = make_plan(SUITE, "mlp", CONFIG, tmp_path, [0])
    key = plan.key(Job("own", 0, ("low", "odd")))
    later = to_record(TransferResult("own", "low", "odd", 0, 7.0, config=plan.config)) | dict(
        a_field_of_tomorrow=1
    )
    plan.store.write(key, later, stage="own", seconds=1.0)
    with pytest.warns(DamagedRecord, match="another version of this package.*a_field_of_tomorrow"):
        found = measured("own", store=tmp_path)
    assert (found.values == 1).all()


def test_a_table_of_another_version_is_refused(tmp_path, own):
    own(constant(1.0))
    measured("own").to_csv(tmp_path / "m.csv")
    text = (tmp_path / "m.csv").read_text()
    (tmp_path / "m.csv").write_text(text.replace('"walks"', '"walks_of_tomorrow"'))
    refuses(
        lambda: DistanceMatrix.from_csv(tmp_path / "m.csv"),
        contains="settings that this version does not know: ['walks_of_tomorrow']",
    )


def test_keys_of_a_mapping_name_the_tasks(own):
    own(constant(1.0))
    assert distance_matrix(
        {"a": SUITE["low"], "日本": SUITE["odd"]}, "own", "mlp", CONFIG, progress=False
    ).names == ["a", "日本"]


LOCALE = """
    import sys
    import numpy as np
    from taskdist_nb.distances import TransferResult
    from taskdist_nb.matrix import DistanceMatrix, assemble
    made = assemble([TransferResult("own", a, b, 0, 0.1 + 0.2) for a in ("日本", "=é") for b in ("日本", "=é")])
    made.to_csv(sys.argv[1])
    assert DistanceMatrix.from_csv(sys.argv[1]) == made
"""


def test_tables_are_utf8_in_any_locale(tmp_path):
    script, table = tmp_path / "script.py", tmp_path / "m.csv"
    script.write_text(textwrap.dedent(LOCALE), encoding="utf-8")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))} | dict(
        LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"
    )
    done = subprocess.run([sys.executable, script, table], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()[2:]))
    assert [row["source"] for row in rows] == ["日本", "日本", "'=é", "'=é"] and rows[0][
        "distance"
    ] == "0.30000000000000004"


def test_a_resumed_run_reads_each_record_once(tmp_path, monkeypatch):
    measured("leep", store=tmp_path, seeds=[0, 1])
    read, open_record = [], Store.open_record
    monkeypatch.setattr(
        Store, "open_record", lambda self, place: read.append(place.head.stage) or open_record(self, place)
    )
    measured("leep", store=tmp_path, seeds=[0, 1])
    assert read == ["leep"] * 8


def test_status_of_a_store_reads_each_head_once_and_no_record(tmp_path, monkeypatch):
    "How long that takes, `benchmarks/status.py` measures."
    store, body, n = Store(tmp_path), b"{" + b" " * 2000 + b"}", 2000
    keys = [f"{k:020}" for k in range(n)]
    lines = (
        to_line(Head(key, "coupled", 2.0, False, len(body), fingerprint(body), FORMAT)) + body + b"\n"
        for key in keys[: n // 2]
    )
    (store.records / "a.jsonl").write_bytes(b"".join(lines))
    (tmp_path / "wanted").write_text(f'{{"workers": 1, "keys": {{"coupled": {keys!r}}}}}'.replace("'", '"'))
    heads, opened, from_line = [], [], records.from_line
    monkeypatch.setattr(records, "from_line", lambda line: heads.append(line) or from_line(line))
    monkeypatch.setattr(Store, "open_record", lambda self, place: opened.append(place))
    for _ in range(2):
        assert progress_of(store).loc["coupled"].tolist() == [n // 2, 0, n - n // 2, 2.0]
    assert len(heads) == n // 2 and opened == []


def test_a_worker_is_sent_any_part_of_a_graded_suite(tmp_path):
    "A graded suite itself refuses to lose its source, from which the dial counts; a worker has no dial."
    from taskdist_nb.graded import graded_suite
    from taskdist_nb.jobs import make_plan
    from taskdist_nb.settings import TransferConfig

    suite = graded_suite("rotation", [0, 90])
    name = suite.names[-1]
    plan = make_plan(suite, "mlp", TransferConfig.toy(), tmp_path, [0])
    assert plan.only(name).suite.names == [name] and plan.only().suite is suite
