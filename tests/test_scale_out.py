"""One store, several processes: two runs at once, and a Dask cluster that loses a worker. Both must give the bits of a serial run."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from torch import nn

from taskdist_nb.data import digits_suite
from taskdist_nb.store import Store
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.settings import TransferConfig

NAMES = ["low", "high", "odd"]
RECORDS = 3 + 3 + 9  # fits, noise floors, pairs
CONFIG = TransferConfig.toy(
    images=200,
    source_epochs=2,
    steps=40,
    checkpoints=5,
    walks=2,
    coupling_iterations=1,
    excess_points=0,
    probes=50,
)
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_scale_out import matrix
print(matrix(sys.argv[1]).values.tobytes().hex())
"""


def matrix(store=None, **how):
    return distance_matrix(
        digits_suite().subset(NAMES), "coupled", "mlp", CONFIG, store=store, progress=False, **how
    )


@pytest.fixture(scope="module")
def serial():
    return matrix().values


def sound(store):
    "All records of the store can be read, and nothing lies about."
    store = Store(store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = [store.sound(key) for key in store.heads()]
    return (
        all(records)
        and len(records) == RECORDS
        and not [*store.folder.glob(".part-*"), *store.folder.glob("*.running")]
    )


def finished(folder):
    "How many records are there?"
    return len(Store(folder).heads())


def test_two_processes_on_one_store(serial, tmp_path):
    code = SCRIPT.format(tests=str(Path(__file__).parent))
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=600) for process in both]
    assert all(process.returncode == 0 for process in both), said
    assert [out.strip() for out, _ in said] == [serial.tobytes().hex()] * 2, said
    assert all("is not read" not in err for _, err in said)
    assert sound(tmp_path)


def test_given_networks_go_to_other_processes(serial, tmp_path):
    torch.manual_seed(0)
    # of another architecture, here untrained
    own = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it guesses
        one, two = (matrix(tmp_path / str(n), prepared={"high": own}, n_jobs=n).values for n in (1, 2))
    assert np.array_equal(one, two) and sound(tmp_path / "1") and sound(tmp_path / "2")
    assert Store(tmp_path / "1").heads().keys() == Store(tmp_path / "2").heads().keys()
    rest = [NAMES.index(name) for name in NAMES if name != "high"]
    assert np.array_equal(one[:, rest], serial[:, rest]) and not np.isclose(one[:, 1], serial[:, 1]).any()


def test_dask_cluster_that_loses_a_worker(serial, tmp_path):
    distributed = pytest.importorskip(
        "dask.distributed", reason="needs dask.distributed: pip install 'taskdist_nb[dask]'"
    )
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=tmp_path / "dask",
        memory_limit=0,
    )
    with cluster, distributed.Client(cluster) as client:
        workers = sorted(client.run(os.getpid).values())
        killed = []

        def kill_one():
            give_up = time.monotonic() + 600
            while finished(tmp_path / "store") < 5 and time.monotonic() < give_up:
                time.sleep(0.02)
            os.kill(workers[0], signal.SIGKILL)
            killed.append(finished(tmp_path / "store"))

        killer = threading.Thread(target=kill_one, daemon=True)
        killer.start()
        with joblib.parallel_config("dask"):
            values = matrix(tmp_path / "store").values
        killer.join()
        assert killed[0] < RECORDS, "killed too late"
        assert sorted(client.run(os.getpid).values()) != workers
    assert np.array_equal(values, serial)
    for left in (tmp_path / "store").glob("*.running"):
        left.unlink()  # of the worker that was killed
    assert sound(tmp_path / "store")
