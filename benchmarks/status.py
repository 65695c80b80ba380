"""How long does it take to ask how a run is getting on? `python benchmarks/status.py [20000 100000]` fills stores and asks.

Each record is as large as that of a path with a hundred checkpoints. Printed are seconds of processor time for `progress_of`, which is what `taskdist status` waits for,
and for a run that finds everything done: the heads, and each record read once.
"""

import argparse
import json
import tempfile
import time

from taskdist_nb.progress import progress_of
from taskdist_nb.store import Store


def fill(store, n):
    "A store with n records, of which a run wanted twice as many."
    path = {
        column: [0.123456789 + k for k in range(101)]
        for column in ("step", "tau", "per_input", "riemannian", "stderr", "loss")
    }
    for k in range(n):
        store.write(f"{k:020}", dict(path=path), stage="coupled", seconds=60.0)
    wanted = dict(workers=2, keys=dict(coupled=[f"{k:020}" for k in range(2 * n)]))
    store.replace_file(store.folder / "wanted", json.dumps(wanted).encode())


def seconds(call):
    "Processor time of a call, by a process that knows nothing of the store yet."
    from taskdist_nb import store

    store._indexes.clear()
    start = time.process_time()
    call()
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=int, nargs="*", default=[20_000, 100_000])
    print(f"{'records':>8s} {'files':>6s} {'MB':>6s} {'status, s':>10s} {'reading all, s':>15s}")
    for n in parser.parse_args().records:
        with tempfile.TemporaryDirectory() as folder:
            fill(store := Store(folder), n)
            size = sum(p.stat().st_size for p in store.records.iterdir()) / 1e6
            ask = seconds(lambda: progress_of(store))
            read = seconds(lambda: [store.read(key) for key in store.heads()])
            files = len(list(store.records.iterdir()))
        print(f"{n:8,d} {files:6d} {size:6.0f} {ask:10.2f} {read:15.1f}", flush=True)


if __name__ == "__main__":
    main()
