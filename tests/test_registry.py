"""Every entry of the registry keeps the same promises."""

import math

import numpy as np
import pytest

from taskdist_nb.data import digits_suite
from taskdist_nb.keys import measure_version, settings_read
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.options import make_parser
from taskdist_nb.registry import TABLES, Entry, add
from taskdist_nb.results import TransferResult
from taskdist_nb.settings import TransferConfig
from taskdist_nb.store import Store

ENTRIES = [entry for table in TABLES.values() for entry in table.values()]
MEASURED = [e for e in ENTRIES if e.kind in ("distance", "score")]
ASKED = {  # kind -> command that takes its names
    "distance": "run",
    "network": "run",
    "suite": "run",
    "graded": "run",
    "preset": "select",
    "score": "select",
    "end": "select",
    "optimizer": "select",
    "schedule": "select",
}
SUITE = digits_suite().subset(["low", "odd"])
CONFIG = TransferConfig.toy(source_epochs=1, steps=8, images=60, wasserstein_images=20, checkpoints=4)


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
def test_the_command_takes_its_name(entry):
    command = ASKED[entry.kind]
    shown = make_parser(command)._subparsers._group_actions[0].choices[command].format_help()
    assert entry.name in shown.replace(",", " ").split()


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.kind in ("distance", "score", "end")], ids=called)
def test_what_it_reads_is_there(entry):
    assert settings_read(entry.name) <= set(TransferConfig.__dataclass_fields__)
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
    make = lambda: distance_matrix(SUITE, entry.name, "mlp", CONFIG, store=tmp_path, n_jobs=1, progress=False)
    first, records = make(), len(Store(tmp_path).heads())
    again = make()
    assert np.array_equal(first.values, again.values) and len(Store(tmp_path).heads()) == records >= 4
    assert [r.seconds for r in first.results] == [r.seconds for r in again.results]


def two_layers(n_classes):
    from taskdist_nb.models import mlp

    return mlp(n_classes, width=16)


def test_a_network_that_is_added_is_known_to_worker_processes():
    two_layers.__module__ = "__main__"  # sent by value, as what is written in a script is
    add(Entry("two_layers", "network", two_layers, "a narrow network"))
    try:
        more = dict(config=CONFIG, progress=False)
        side_by_side = distance_matrix(SUITE, "wasserstein_features", "two_layers", n_jobs=2, **more)
        alone = distance_matrix(SUITE, "wasserstein_features", "two_layers", n_jobs=1, **more)
        assert np.array_equal(side_by_side.values, alone.values)
    finally:
        del TABLES["network"]["two_layers"]
