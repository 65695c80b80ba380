"""benchmarks/published.py in small: a study that is cut off goes on, and pairs together give what they give alone; also on a GPU that is not there."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pretend_gpu import pretend_gpu

from taskdist_nb.data import Suite, digits_suite
from taskdist_nb.jobs import make_plan
from taskdist_nb.settings import TransferConfig

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import published  # noqa: E402

NAMES = ["low", "even"]
ORIGINALS = [replace(t, name=name) for name, t in digits_suite(names=NAMES).items()]
SUITE = Suite([*ORIGINALS, *map(published.copy_of, ORIGINALS)], "published")
CONFIG = TransferConfig.paper(
    50,
    walks=2,
    reading="auto",
    steps=10,
    tau_hold=1,
    checkpoints=5,
    source_epochs=2,
    coupling_iterations=2,
    cost_checkpoints=2,
    block_size=5,
    probes=20,
    excess_points=1,
    excess_steps=2,
    accuracy_points=2,
)


def study(folder, together, config=CONFIG, until=float("inf")):
    "The rows of the table, and whether the study came to its end."
    plan = make_plan(SUITE, "mlp", config, folder / "store", [0], together)
    jobs = published.jobs_of(NAMES, 0, pairs=2)
    done = published.carry_out(plan, jobs, folder, "mlp_16", until)
    rows = pd.read_csv(table, comment="#") if (table := folder / "mlp_16.csv").exists() else None
    return rows, done


def test_the_order_makes_every_prefix_a_balanced_design():
    jobs = published.jobs_of(["low", "even", "odd"], 0, pairs=6)
    assert [j.stage for j in jobs[:6]] == ["fit", "floor"] * 3
    groups = published.groups_of(jobs, 2)
    assert sum(map(len, groups)) == len(jobs) and all(len({j.stage for j in g}) == 1 for g in groups)
    assert [j for g in published.groups_of(jobs, 1) for j in g] == jobs
    assert max(map(len, groups)) == 2


def test_only_the_named_records_are_made():
    jobs = published.jobs_of(["low", "even", "odd"], 0, pairs=6)
    one = published.named(jobs, ["coupled:low:odd", "fit:odd"])
    assert [(j.stage, *j.tasks) for j in one] == [("coupled", "low", "odd"), ("fit", "odd")]
    assert published.named(jobs, []) == jobs
    with pytest.raises(ValueError, match="--only must name records such as fit:low. Got: fit:none."):
        published.named(jobs, ["fit:low", "fit:none"])


def test_what_stands_still_is_noise_of_weights_and_of_batch_norm(tmp_path):
    config = replace(CONFIG, steps=100, checkpoints=50, lr=0.01)
    plan = make_plan(SUITE, "slim_cnn", config, tmp_path, [0], 1)
    plan.store.make_ready()
    table = published.standing_still(plan, "low", 0)
    assert table.step.tolist() == [0, 2, 4, 6, 8, 10]
    end = table.iloc[-1]
    assert end["both held"] < 1e-6 < 1e-3 < min(end["weights held"], end["statistics held"])
    assert end["nothing held"] > end["statistics held"]


def test_a_study_that_is_cut_off_goes_on(tmp_path, capsys):
    rows, done = study(tmp_path, 1, until=time.perf_counter() - 1)
    assert rows is None and not done
    whole, done = study(tmp_path, 1)
    assert done and len(whole) == 2 + 2 * 2 + 2 * 2  # floors, copies, pairs
    capsys.readouterr()
    again, done = study(tmp_path, 1)
    assert done and capsys.readouterr().out == "" and again.equals(whole)


def test_pairs_together_are_what_they_are_alone_and_on_a_gpu(tmp_path):
    (tmp_path / "alone").mkdir()
    (tmp_path / "gpu").mkdir()
    alone, _ = study(tmp_path / "alone", 1)
    with pretend_gpu():
        together, done = study(tmp_path / "gpu", 3, replace(CONFIG, device="cuda"))
    assert done
    at = ["distance", "source", "target"]
    alone, together = (t.set_index(at).sort_index() for t in (alone, together))
    numbers = ["per_input", "riemannian", "cross", "accuracy"]
    np.testing.assert_allclose(together[numbers], alone[numbers], rtol=2e-3, atol=2e-3)
