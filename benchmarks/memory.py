"""How much memory do images of 224 x 224 take, in memory and in a cache on the disk, and how fast are they read?

Writes pictures of smooth random colours to a temporary folder. A child process each way reads them (from the cache
twice: made, and found) and ranks a small trained network by LogME and a short fine-tuning run. Memory that counts is
what has no file behind it (RssAnon of /proc/self/status, sampled), because pages of files are dropped when memory is short.

    python benchmarks/memory.py --pictures 10000
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

WAYS = {  # name -> (cache?, threads)
    "memory (1 thread)": (False, 1),
    "memory (2 threads)": (False, 2),
    "cache made (2 threads)": (True, 2),
    "cache found": (True, 2),
}


def write_pictures(folder, n, size, classes=10):
    "Smooth pictures in one folder a class, each class with a tint of its own."
    rng = np.random.default_rng(0)
    for k in range(n):
        place = folder / f"class {k % classes}"
        place.mkdir(exist_ok=True)
        coarse = rng.integers(0, 256, (6, 6, 3)) // 2 + np.array([k % 2, k // 2 % 2, k // 4 % 2]) * 100
        Image.fromarray(coarse.astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC).save(
            place / f"{k}.jpg", quality=85
        )


def anonymous():
    "MB of this process that no file is behind."
    with open("/proc/self/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon")) / 1024


class Peak:
    "The most anonymous memory since `restart`, looked at every 5 milliseconds."

    def __init__(self):
        self.most = 0.0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            self.most = max(self.most, anonymous())
            time.sleep(0.005)

    def restart(self):
        self.most = anonymous()


def child(folder, cache, threads, args):
    "Read, then rank; what it took, as JSON on the last line."
    import torch
    from torch import nn

    from taskdist_nb.data import Suite
    from taskdist_nb.models import slim_cnn
    from taskdist_nb.select import rank_sources
    from taskdist_nb.settings import TransferConfig

    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    body = slim_cnn(1000)
    # a small network: time and memory are those of the images
    network = nn.Sequential(nn.AvgPool2d(4), *body)
    network(torch.zeros(2, 3, args.size, args.size))
    start, peak, found = anonymous(), Peak(), {}

    def took(name, work):
        peak.restart()
        begun = time.perf_counter()
        done = work()
        found[name], found[f"{name} MB"] = time.perf_counter() - begun, max(peak.most, anonymous()) - start
        return done

    suite = took(
        "read", lambda: Suite.from_folder(folder, size=args.size, cache=cache, n_jobs=threads, progress=False)
    )
    task = suite[suite.names[0]]
    config = TransferConfig.choice(steps=20)
    ranking = took("rank", lambda: rank_sources(task, {"network": network}, config=config))
    found |= dict(
        images=len(task.x_train) + len(task.x_test),
        error=float(ranking.table.score.iloc[0]),
        maxrss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
    print(json.dumps(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--size", type=int, default=224, help="height and width (default: 224)")
    parser.add_argument("--ways", default=",".join(WAYS), help="which, separated by commas (default: all)")
    parser.add_argument("--child", nargs=3, metavar=("FOLDER", "CACHE", "THREADS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return child(args.child[0], args.child[1] or None, int(args.child[2]), args)
    with tempfile.TemporaryDirectory() as root:
        pictures, cache = Path(root) / "pictures", Path(root) / "cache"
        pictures.mkdir()
        write_pictures(pictures, args.pictures, args.size)
        print(
            f"{args.pictures:,} pictures of {args.size} x {args.size}: {args.pictures * args.size**2 * 3 / 2**20:,.0f} MB of bytes. Memory without a file, beyond that at the start:"
        )
        print(f"{'':24}{'read':>8}{'':>11}{'rank':>8}{'':>11}{'maxrss':>10}  error")
        for way in args.ways.split(","):
            kept, threads = WAYS[way]
            if way.startswith("cache made"):
                shutil.rmtree(cache, ignore_errors=True)
            command = [
                sys.executable,
                __file__,
                "--size",
                str(args.size),
                "--child",
                str(pictures),
                str(cache) if kept else "",
                str(threads),
            ]
            done = subprocess.run(
                command, capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1")
            )
            if done.returncode:
                sys.exit(done.stderr)
            f = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{way:24}{f['read']:6.1f} s{f['read MB']:8,.0f} MB{f['rank']:6.1f} s{f['rank MB']:8,.0f} MB{f['maxrss']:7,.0f} MB  {f['error']:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
