"""What a run survives: `python benchmarks/faults.py [--kills 20]` breaks small runs in every way that came to mind and prints what came of it.

Each fault meets a real `taskdist run` on three tasks of digits. Afterwards the same command must go on and end with the same bits as a run that was left alone.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
COMMAND = str(Path(sys.executable).with_name("taskdist"))
SMALL = "images=100 source_epochs=3 steps=40 checkpoints=5 cost_checkpoints=5 probes=30 coupling_iterations=1 block_size=5 excess_points=0".split()
RECORDS = 6 + 6 + 18  # of such a run: fits, noise floors, pairs
RUN = [
    *"run --suite digits --tasks low,high,odd --distances coupled --seeds 2 --quiet".split(),
    "--set",
    *SMALL,
]


def start(out, *more, jobs=1, file_size=None):
    "The command in a process group of its own, with Ctrl-C at work whatever the shell said, and a limit on the size of files if one is given."

    def prepare():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if file_size:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    words = [COMMAND, *RUN, "--n-jobs", str(jobs), "--out", str(out), *more]
    return subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=prepare,
    )


def finish(process):
    "Exit status and the lines on standard error."
    said = process.communicate(timeout=300)[1]
    return process.returncode, [
        line
        for line in said.splitlines()
        if line.startswith("taskdist:") or "is not read" in line or "worker process died" in line
    ] or ["nothing said"]


def numbers(out):
    "All distances of a finished run, to the last bit."
    from taskdist_nb.store import Store

    store = Store(out / "store")
    records = [store.look_up(key) for key, head in store.heads().items() if head.stage == "coupled"]
    return {(*r["about"]["tasks"], r["about"]["seed"]): r["record"]["distance"] for r in records}


def until(process, out, enough=8):
    "Wait until there are some records, or the run has ended."
    while records(out) < enough and process.poll() is None:
        time.sleep(0.01)


def resume(out):
    "Go on with a run's store, in this process: quicker than the command with its report."
    matrix_in(out / "store")
    return 0


def records(out):
    from taskdist_nb.store import Store

    return len(Store(out / "store").heads())


def matrix_in(store):
    "The same computation without the command's start and report: quick enough to be killed twenty times."
    from taskdist_nb.inputs import make_config
    from taskdist_nb.data import digits_suite
    from taskdist_nb.matrix import distance_matrix

    return distance_matrix(
        digits_suite().subset(["low", "high", "odd"]),
        "coupled",
        "mlp",
        make_config("toy", SMALL),
        [0, 1],
        store,
        progress=False,
    )


def killed_child(store, delay):
    "Fork, compute, and kill -9 the child after `delay` seconds."
    child = os.fork()
    if not child:
        try:
            matrix_in(store)
        finally:
            os._exit(0)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def kill_often(folder, truth, kills):
    store, rng, left, parts = folder / "killed" / "store", random.Random(0), [], 0
    begun = time.perf_counter()
    matrix_in(folder / "whole")
    whole = time.perf_counter() - begun
    for k in range(kills):
        killed_child(store, rng.uniform(0.02, 0.25) * whole)
        left.append(records(store.parent))
        parts += len(list(store.glob(".part-*")))
        if left[-1] == RECORDS:
            shutil.rmtree(store)  # it got to the end: begin again
    values = matrix_in(store).values
    same = np.array_equal(values, matrix_in(folder / "whole").values) and sorted(values.flatten()) == sorted(
        truth.values()
    )
    return (
        f"{kills} kills, after {', '.join(map(str, left))} of {RECORDS} records; {parts} unfinished files left aside",
        same,
    )


def interrupt(folder, truth, jobs):
    out = folder / f"interrupt{jobs}"
    process = start(out, jobs=jobs)
    until(process, out)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    status, said = finish(process)
    done = records(out)
    again = finish(start(out, jobs=jobs))[0]
    return f"exit status {status} after {done} records: {said[-1][:66]}...", (status, again) == (
        130,
        0,
    ) and len(said) == 1 and numbers(out) == truth


def kill_worker(folder, truth):
    import psutil

    out = folder / "worker"
    process = start(out, jobs=2)
    until(process, out)
    workers = [
        c
        for c in psutil.Process(process.pid).children(recursive=True)
        if "loky" in " ".join(c.cmdline()) and "tracker" not in " ".join(c.cmdline())
    ]
    workers[0].kill()
    status, said = finish(process)
    return f"exit status {status}; {said[0].split('RuntimeWarning: ')[-1]}", status == 0 and numbers(
        out
    ) == truth


def kill_parent(folder, truth, how):
    "The parent alone is stopped: no worker may go on."
    import psutil

    out = folder / f"parent{how}"
    process = start(out, jobs=2)
    until(process, out)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    status, said = finish(process)
    left = psutil.wait_procs(children, timeout=20)[1]
    again = resume(out)
    return f"exit status {status}, {len(left)} of {len(children)} workers left after 20 s; {said[-1][:40]}", (
        left,
        again,
    ) == ([], 0) and numbers(out) == truth


def full_disk(folder, truth):
    "On a tmpfs of 400 KiB if it can be mounted, else with a limit on the size of files."
    out = folder / "full"
    out.mkdir()
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(out)], capture_output=True
        ).returncode
        == 0
    )
    try:
        status, said = finish(start(out, file_size=None if mounted else 8000))
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=100m", str(out)], check=True)
        again = resume(out)
        same = numbers(out) == truth
    finally:
        if mounted:
            subprocess.run(["umount", str(out)], check=True)
    how = "tmpfs of 400 KiB" if mounted else "file size limit of 8 kB, for want of the right to mount"
    return f"{how}: exit status {status}; {said[-1][:88]}...", (status, again) == (1, 0) and same


def read_only(folder, truth):
    "A store that cannot be written to: for root, who may write anywhere, a file stands in the folder's place."
    out = folder / "read_only"
    out.mkdir()
    if root := os.geteuid() == 0:
        (out / "store").write_text("")
    else:
        out.chmod(0o500)
    status, said = finish(start(out))
    (out / "store").unlink() if root else out.chmod(0o700)
    again = resume(out)
    return (
        f"{'a file in its place (root ignores permissions)' if root else 'mode 500'}: exit status {status}; {said[-1].replace(str(out), 'DIR')[:70]}...",
        (status, again) == (2, 0) and numbers(out) == truth,
    )


def not_finite(folder, truth):
    out = folder / "nan"
    status, said = finish(start(out, "--set", "lr=1e6"))
    before = records(out)
    again = resume(out)
    return f"exit status {status}, {before} records; {said[-1][:90]}...", (status, again) == (
        1,
        0,
    ) and "diverged" in said[-1] and numbers(out) == truth


def damaged(folder, truth):
    "In every file of records, a bit of every second record; and every third file of weights cut in half."
    from taskdist_nb.records import places_in

    out = folder / "damaged"
    shutil.copytree(folder / "left_alone", out)
    hurt = 0
    for path in (out / "store" / "records").iterdir():
        data = bytearray(path.read_bytes())
        for place in places_in(path)[0][::2]:
            data[place.at + len(data[place.at :].partition(b"\n")[0]) + 40] ^= 1
            hurt += 1
        path.write_bytes(data)
    weights = sorted((out / "store").glob("*.safetensors"))[::3]
    for path in weights:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    status, said = finish(start(out))
    named = sum("is not read" in line for line in said)
    about = f"{hurt} of {RECORDS} records with a flipped bit, {len(weights)} files of weights halved: {named} warnings, exit status {status}"
    return about, status == 0 and numbers(out) == truth


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    kills, begun, well = parser.parse_args().kills, time.perf_counter(), True
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        assert finish(start(folder / "left_alone"))[0] == 0
        truth = numbers(folder / "left_alone")
        faults = {
            "kill -9 at random moments": lambda *a: kill_often(*a, kills),
            "Ctrl-C, one process": lambda *a: interrupt(*a, 1),
            "Ctrl-C, two processes": lambda *a: interrupt(*a, 2),
            "a worker killed": kill_worker,
            "kill -9 to the parent": lambda *a: kill_parent(*a, signal.SIGKILL),
            "TERM to the parent": lambda *a: kill_parent(*a, signal.SIGTERM),
            "disk full": full_disk,
            "folder not writable": read_only,
            "training diverges": not_finite,
            "damaged records": damaged,
        }
        for name, fault in faults.items():
            about, fine = fault(folder, truth)
            well &= bool(fine)
            print(
                f"{name:27s} {'then the same bits' if fine else 'NOT AS IT SHOULD BE':20s} {about}",
                flush=True,
            )
    print(f"{time.perf_counter() - begun:.0f} s")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
