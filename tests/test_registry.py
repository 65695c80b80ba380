"""Every entry of the registry keeps the same promises."""

import inspect
import math
import os
import re
import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch import nn

from taskdist_nb.methods import methods_alone, methods_now
from taskdist_nb.data import digits_suite
from taskdist_nb.run_settings import changed_settings
from taskdist_nb.inputs import make_config
from taskdist_nb.jobs import Job, make_plan
from taskdist_nb.keys import measure_version, settings_for, settings_read
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.options import make_parser
from taskdist_nb.registry import TABLES, Entry, add
from taskdist_nb.results import TransferResult
from taskdist_nb.running import calls_of
from taskdist_nb.select import rank_sources
from taskdist_nb.settings import TransferConfig
from taskdist_nb.store import Store
from taskdist_nb.schedules import learning_rates
from taskdist_nb.tuning import Tuning

try:
    from joblib.externals import cloudpickle
except ImportError:
    import cloudpickle  # joblib from 1.6 on has none of its own

ENTRIES = [entry for table in TABLES.values() for entry in table.values()]
MEASURED = [e for e in ENTRIES if e.kind in ("distance", "score")]
ASKED = {  # kind -> command and option that take its names
    "distance": ("run", "--distances"),
    "network": ("run", "--model"),
    "suite": ("run", "--suite"),
    "graded": ("run", "--known"),
    "preset": ("select", "--config"),
    "score": ("select", "--method"),
    "end": ("select", "--method"),
    "optimizer": ("select", "--optimizer"),
    "schedule": ("select", "--schedule"),
}
SUITE = digits_suite().subset(["low", "odd"])
CONFIG = TransferConfig.toy(
    source_epochs=1,
    steps=8,
    images=60,
    walks=1,
    stretches=1,
    checkpoints=4,
    probes=40,
    excess_points=0,
    coupling_iterations=1,
    wasserstein_images=20,
    score_images=40,
    fisher_images=20,
)


def called(entry):
    return f"{entry.kind}-{entry.name}"


@pytest.mark.parametrize("entry", ENTRIES, ids=called)
def test_it_says_what_it_is(entry):
    assert TABLES[entry.kind][entry.name] is entry and entry.name.isidentifier()
    found = entry.load()
    assert callable(found) or entry.kind == "graded" and callable(found.make)
    assert 5 < len(entry.meaning) < 140 and not entry.meaning.endswith(".")
    assert entry.text.startswith(entry.meaning)
    if entry.kind in ("distance", "score", "end", "graded"):
        assert entry.unit and entry.unit in entry.text


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.kind in ASKED], ids=called)
def test_the_help_of_its_option_names_it(entry):
    command, option = ASKED[entry.kind]
    options = make_parser(command)._subparsers._group_actions[0].choices[command]._option_string_actions
    assert entry.name in re.findall(r"\w+", options[option].help.split("default:")[0])


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.kind in ("distance", "score", "end")], ids=called)
def test_what_it_reads_is_there(entry):
    read = settings_read(entry.name)
    assert read and read <= set(TransferConfig.__dataclass_fields__)
    assert entry.needs in ("", "fit", "source", "embedding")
    assert set(entry.uses) <= {"images", "features", "head"}
    assert bool(measure_version(entry.name)) == (entry in MEASURED)


@pytest.mark.parametrize("entry", MEASURED, ids=called)
def test_it_measures_twice_the_same_and_refuses_what_is_no_task(entry):
    one, two = (entry.measure(SUITE["low"], SUITE["odd"], "mlp", CONFIG, 3, progress=False) for _ in range(2))
    assert isinstance(one, TransferResult) and (one.name, one.source, one.target) == (
        entry.name,
        "low",
        "odd",
    )
    assert math.isfinite(one.distance) and one.distance == two.distance and one.lengths == two.lengths
    with pytest.raises(TypeError, match="source"):
        entry.measure("low", SUITE["odd"], "mlp", CONFIG, progress=False)
    with pytest.raises(TypeError, match="seed"):
        entry.measure(SUITE["low"], SUITE["odd"], "mlp", CONFIG, 0.5, progress=False)


@pytest.mark.parametrize("entry", MEASURED, ids=called)
def test_a_store_keeps_it(entry, tmp_path):
    # an H-score with fewer images than features is at its best for every pair (06_formulas)
    config = replace(CONFIG, images=300, score_images=200) if entry.name == "h_score" else CONFIG
    make = lambda: distance_matrix(SUITE, entry.name, "mlp", config, store=tmp_path, n_jobs=1, progress=False)
    first, records = make(), len(Store(tmp_path).heads())
    again = make()
    assert np.array_equal(first.values, again.values) and len(Store(tmp_path).heads()) == records >= 4
    assert len(set(first.values.flat)) > 1
    assert [r.seconds for r in first.results] == [r.seconds for r in again.results]


def parameters():
    return [nn.Parameter(torch.ones(3))]


@pytest.mark.parametrize("name", TABLES["optimizer"])
def test_an_optimiser_is_built_with_the_settings_weight_decay(name):
    config = replace(CONFIG, weight_decay=0.25, momentum=0.5)
    made = Tuning(name).maker(config)(parameters(), lr=1.0)
    assert type(made) is TABLES["optimizer"][name].load() and made.param_groups[0]["weight_decay"] == 0.25
    default = inspect.signature(type(made)).parameters["lr"].default
    assert Tuning(name).rate(config) == (config.lr if name == "sgd" else default)
    assert made.param_groups[0].get("momentum", 0.5) == 0.5 and Tuning(name, lr=0.3).rate(config) == 0.3


@pytest.mark.parametrize("name", TABLES["schedule"])
def test_a_schedule_is_the_rates_of_its_entry_everywhere(name):
    rates = TABLES["schedule"][name].load()(0.2, 40)
    assert rates.shape == (40,) and (0 < rates).all() and 0.15 < rates.max() <= 0.2
    assert np.array_equal(learning_rates(name, 0.2, 40), rates)
    assert Tuning(schedule=name).schedule == name == TransferConfig(source_schedule=name).source_schedule


@pytest.mark.parametrize("name", TABLES["preset"])
def test_a_preset_is_the_settings_of_its_entry(name):
    made = make_config(name, ["lr=0.5"], TABLES["preset"])
    assert made == replace(TABLES["preset"][name].load()(), lr=0.5)
    assert changed_settings(dict(preset=name, config=asdict(made))) == {"lr": 0.5}


def two_layers(n_classes):
    from taskdist_nb.models import mlp

    return mlp(n_classes, width=16)


def first_feature(here, there):
    return float(there.features[0].sum())


@pytest.fixture
def added():
    "A network and a score of the user, as if written in a script, which are sent to workers by value."
    known = {kind: dict(table) for kind, table in TABLES.items()}
    two_layers.__module__ = first_feature.__module__ = "__main__"
    add(Entry("two_layers", "network", two_layers, "a narrow network"))
    add(Entry("first_feature", "score", first_feature, "features of one image", "units", uses=("features",)))
    yield known
    for kind, table in TABLES.items():
        table.clear()
        table.update(known[kind])


def test_records_know_the_code_of_a_schedule_and_an_optimiser_that_are_added(added):
    networks = dict(prepared={"one": nn.Sequential(nn.Flatten(), nn.Linear(64, 5))})
    entry = rank_sources(SUITE["odd"], None, "fine_tuning_error", "mlp", CONFIG, **networks).entries["one"]
    names = []
    for factor in (1, 1, 2):
        add(Entry("falling", "schedule", lambda lr, n: np.linspace(lr, lr / n, n) * factor, "straight down"))
        how = replace(entry, tuning=Tuning(schedule="falling"))
        fit = settings_for("fit", replace(CONFIG, source_schedule="falling"))
        names.append((how.plan_of("fine_tuning_error").networks, fit["source_schedule"]))
    assert names[0] == names[1] and all(a != b for a, b in zip(names[0], names[2]))
    assert settings_for("fit", CONFIG)["source_schedule"] == CONFIG.source_schedule


def test_the_code_of_an_optimiser_that_is_added_stays_what_it_is_when_used(added):
    class Slow(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    class Inherits(torch.optim.Optimizer):
        def __init__(self, parameters, lr=0.1, weight_decay=0):
            super().__init__(parameters, dict(lr=lr))

    class Slower(Slow):  # its step is that of a class of the user's
        pass

    for kind in (Slower, Slow, Inherits):
        add(Entry("mine", "optimizer", kind, "of the user"))
        before = Tuning("mine").code()
        kind([torch.zeros(1, requires_grad=True)], lr=0.1)
        assert before and Tuning("mine").code() == before
    installed = []
    for version, name in ((1, "NAdam"), (1, "RAdam"), (2, "RAdam")):
        add(Entry("mine", "optimizer", f"torch.optim:{name}", "installed", version=version))
        installed.append(Tuning("mine").code())
    assert installed[0] != installed[1] != installed[2]


@pytest.mark.parametrize("rates", [lambda lr, n: [lr] * (n // 2), lambda lr, n: [lr] * (n - 1) + [math.nan]])
def test_a_schedule_gives_each_step_a_rate(added, rates):
    add(Entry("short", "schedule", rates, "not whole"))
    with pytest.raises(ValueError, match="schedule 'short' must give 10 finite learning rates. Got: "):
        learning_rates("short", 0.1, 10)


def test_what_an_added_entry_does_not_say(added):
    assert set(add(Entry("gap", "score", first_feature, "says nothing")).uses) == {
        "images",
        "features",
        "head",
    }
    assert "gap" not in methods_alone()
    with pytest.raises(ValueError, match="kind must be one of"):
        add(Entry("my_end", "end", first_feature, "an end"))
    with pytest.raises(ValueError, match="needs of a score must be 'fit'"):
        Entry("gap", "score", first_feature, "wants a floor", needs="source")


def elsewhere(call, known, path):
    "What a call for a worker gives in a process that knows the names of this package alone; 00_registry starts real workers, which takes longer."
    sent, parent = cloudpickle.dumps(call), os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of Python 3.12, for threads, which are idle here
        child = os.fork()
    if not child:
        try:
            assert os.getppid() == parent
            for kind, table in TABLES.items():
                for name in table.keys() - known[kind]:
                    del table[name]
            function, given, more = cloudpickle.loads(sent)
            path.write_bytes(cloudpickle.dumps(function(*given, **more)))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return cloudpickle.loads(path.read_bytes())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not copied here")
def test_what_is_added_is_known_to_worker_processes(added, tmp_path):
    job, plan = Job("first_feature", 0, ("low", "odd")), make_plan(SUITE, "two_layers", CONFIG, tmp_path, [0])
    (call,) = calls_of(plan, [[job]])
    (made,) = elsewhere(call, added, tmp_path / "made")
    assert {head.stage for head in plan.store.heads().values()} == {"fit", "first_feature"}
    alone = distance_matrix(SUITE, "first_feature", "two_layers", config=CONFIG, n_jobs=1, progress=False)
    assert made.distance == alone.mean.loc["low", "odd"] != 0


def test_a_score_that_is_added_ranks_networks_without_their_images(added):
    build = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 5))
    networks = {"one": build(), "two": build()}
    assert "first_feature" in methods_alone() and "first_feature" in methods_now()
    rank = lambda given, **more: rank_sources(SUITE["odd"], given, "first_feature", "mlp", CONFIG, **more)
    table = rank(None, prepared=networks).table
    with_images = rank({"low": SUITE["low"]}, prepared={"low": networks["one"]}).table
    assert table.score["one"] == with_images.score["low"] != table.score["two"]
