"""What a user hands in, arrays, files and data sets, with the right value of each; and that nothing is lost without a word."""

import errno
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import attempt, or_hostile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import TensorDataset

from taskdist_nb import cache, convert, folders, leakage
from taskdist_nb.data import Suite, Task
from taskdist_nb.keys import task_fingerprint
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.settings import TransferConfig

FEW = settings(
    max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
QUIET = dict(size=4, mode="L", progress=False)


def noise(*shape, seed=0, dtype=np.uint8):
    "Different images."
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


def write(root, names, n=3, seed=0):
    "Folders with `n` different pictures each; all of their paths."
    written = []
    for k, name in enumerate(names):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i, pixels in enumerate(noise(n, 4, 4, seed=(seed, k))):
            Image.fromarray(pixels).save(root / name / f"{i}.png")
            written.append(root / name / f"{i}.png")
    return written


# ---------- a fresh interpreter

FRESH = """
from taskdist_nb.data import Suite
from taskdist_nb.datasets import SUITES, load_suite, cifar100_suite
import inspect
assert "on_error" in inspect.signature(Suite.from_folder).parameters
"""
LAZY = """
import sys
from taskdist_nb.data import Suite
assert "taskdist_nb.readers" not in sys.modules and "PIL" not in sys.modules
class Mine(Suite): pass
assert hasattr(Mine, "from_npz") and "taskdist_nb.archives" in sys.modules
assert type(Mine.from_folder(sys.argv[1], size=4)) is Mine and "taskdist_nb.torchdata" not in sys.modules
assert Mine.from_dataset.__func__.__name__ == "from_dataset" and "taskdist_nb.torchdata" in sys.modules
try: Suite.from_nothing
except AttributeError: pass
else: raise AssertionError("there is no such reader")
"""


@pytest.mark.parametrize("code", [FRESH, LAZY], ids=["names that moved", "class methods"])
def test_readers_are_there_when_they_are_asked_for(code, tmp_path):
    write(tmp_path, ["cat", "dog"])
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---------- arrays


@FEW
@given(
    st.sampled_from([1, 3, 4]),
    st.integers(5, 9),
    st.sampled_from(["uint8", "uint16", "float32", "bool"]),
    st.integers(0, 9),
)
def test_channels_are_found_at_either_end(channels, side, dtype, seed):
    x = noise(2, channels, side, side, seed=seed)
    x = x > 127 if dtype == "bool" else (x / 255).astype(dtype) if dtype == "float32" else x.astype(dtype)
    first, last = convert.as_images(x, "x"), convert.as_images(np.moveaxis(x, 1, 3), "x")
    assert torch.equal(first, last) and first.shape == (2, channels, side, side)
    assert first.dtype == (torch.float32 if dtype == "float32" else torch.uint8)


@FEW
@given(
    or_hostile(st.tuples(*[st.integers(1, 6)] * 4)),
    st.sampled_from([None, *convert.LAYOUTS]),
    or_hostile(st.none()),
)
def test_arrays_are_read_as_said_or_refused(shape, layout, value_range):
    x = noise(*shape) if isinstance(shape, tuple) and len(shape) == 4 else shape
    done, found = attempt(convert.as_images, x, "x", layout, value_range)
    if not done or not isinstance(x, np.ndarray) or len(x.shape) != 4:
        return
    order = [x, np.moveaxis(x, 3, 1)]
    right = order[:1] if layout == "NCHW" else order[1:] if layout == "NHWC" else order
    assert any(found.shape == r.shape and (found.numpy() == r).all() for r in right)


@FEW
@given(st.lists(st.integers(0, 3), min_size=4, max_size=12).map(lambda tail: [0, 1, 2, 3, *tail]))
def test_labels_of_every_kind_are_one(labels):
    names = ["ant", "bee", "cow", "dog"]
    for kind in (
        np.array(labels, np.uint16),
        np.array(labels, np.int8),
        np.eye(4)[labels],
        np.array(labels)[:, None],
        [names[k] for k in labels],
        np.array([names[k] for k in labels]),
        torch.tensor(labels),
        [str(k) for k in labels],
    ):
        assert convert.as_labels(kind, len(labels), "y").tolist() == labels


@pytest.mark.parametrize("argument", ["x", "y"])
def test_masks_are_not_lost(argument):
    given_in = dict(x=np.ma.masked_array(noise(8, 5, 5)), y=np.ma.masked_array(np.arange(8) % 2))
    assert len(Suite.from_arrays(**given_in, tasks={"t": [0, 1]})["t"].x_train) == 6
    given_in[argument][3] = np.ma.masked
    with pytest.raises(
        ValueError,
        match=f"{argument} must have no masked values. Got: {25 if argument == 'x' else 1} of them",
    ):
        Suite.from_arrays(**given_in, tasks={"t": [0, 1]})


def test_masks_of_a_data_set_are_not_lost():
    items = [(np.ma.masked_less(image, 3), k % 2) for k, image in enumerate(noise(8, 5, 5))]
    items[2][0][0, 0] = np.ma.masked
    with pytest.raises(ValueError, match="must have no masked values"):
        Suite.from_dataset(items, {"t": [0, 1]})


def test_test_images_are_in_the_same_range():
    x, y = noise(8, 5, 5), np.arange(8) % 2
    with pytest.raises(
        ValueError, match=r"x_test must have pixels near zero.*Got: whole numbers from .* to 25\d"
    ):
        Suite.from_arrays(x / 255, y, {"t": [0, 1]}, x * 1.0, y)
    task = Suite.from_arrays(x * 1.0, y, {"t": [0, 1]}, x, y, value_range=(0, 255))["t"]
    assert task.x_train.dtype == torch.uint8 and torch.equal(task.x_train, task.x_test)


# ---------- folders

NAMES = st.sampled_from(["cat", "dog", "train", "Test", "val", "7", "10", "pets", ".git", "__MACOSX", "ünï"])


@FEW
@given(
    st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6, unique=True),
    st.sampled_from([None, None, *folders.FOLDER_LAYOUTS]),
)
def test_each_picture_is_read_or_left_out_with_its_reason(tmp_path_factory, names, layout):
    root = tmp_path_factory.mktemp("pictures")
    written = write(root, names)
    left_out = []
    done, found = attempt(folders.find_classes, root, layout, left_out)
    if not done:
        return
    read = [p for c in found[1] for p in c.pictures]
    assert len(read) == len(set(read))
    for picture in written:
        reasons = [why for path, why in left_out if path == picture or path in picture.parents]
        assert (picture in read) != bool(reasons), (picture, reasons)


@FEW
@given(
    st.sampled_from(folders.FOLDER_LAYOUTS),
    st.permutations(["cat", "dog", "owl"]),
    st.sampled_from(["test", "VAL", "dev"]),
)
def test_every_layout_tells_itself(tmp_path_factory, layout, classes, part):
    root = tmp_path_factory.mktemp("layout")
    tasks = ("pets", "wild") if "TASK" in layout else ("",)
    parts = ("Train", part) if "PART" in layout else ("",)
    for t, task in enumerate(tasks):
        for p, side in enumerate(parts):
            for c, name in enumerate(classes[: 2 + t]):
                place = layout.replace("TASK", task).replace("PART", side).replace("CLASS", name)
                write(root, [place], n=4, seed=100 * t + 10 * p + c)
    suite = Suite.from_folder(root, **QUIET)
    assert suite.names == list(tasks if tasks != ("",) else ("all",)) and layout in suite.read.layout
    for t, task in enumerate(suite.values()):
        assert task.classes == tuple(sorted(classes[: 2 + t]))
        n = (4, 4) if "PART" in layout else (3, 1)
        assert (
            task.y_train.bincount().tolist() == [n[0]] * task.n_classes
            and task.y_test.bincount().tolist() == [n[1]] * task.n_classes
        )
    assert suite.read.left_out.empty and suite.read.notes == []
    assert sorted(suite.read.table["training images"]) == [n[0]] * sum(t.n_classes for t in suite.values())


def test_classes_of_two_tasks_by_one_name_are_one_class(tmp_path):
    from taskdist_nb.labels import joint_label_space

    write(tmp_path, ["pets/cat", "pets/dog", "felines/cat", "felines/lynx"], n=5)
    suite = Suite.from_folder(tmp_path, **QUIET)
    assert suite["pets"].classes == ("cat", "dog") and suite["felines"].vocabulary == ""
    assert joint_label_space(suite["pets"], suite["felines"]).shared == 1
    both = Suite.from_folder(tmp_path, {"t": ["cat", "dog"]}, **QUIET)["t"]
    one = Suite.from_folder(tmp_path, {"t": ["felines/cat", "dog"]}, **QUIET)["t"]
    assert both.y_train.bincount().tolist() == [8, 4] and one.y_train.bincount().tolist() == [4, 4]


def test_copies_of_a_picture_are_on_one_side(tmp_path):
    written = write(tmp_path, ["p/cat", "p/dog"], n=10)
    for picture in written[:6]:
        (tmp_path / "q/cat").mkdir(parents=True, exist_ok=True)
        (tmp_path / "q/cat" / picture.name).write_bytes(picture.read_bytes())
    write(tmp_path, ["q/owl"], n=10, seed=5)
    for seed in range(10):
        suite = Suite.from_folder(tmp_path, seed=seed, **QUIET)
        for source in suite.values():
            for target in suite.values():
                assert len(leakage.leaks(source, target)) == 0
        assert suite["q"].y_test.bincount().min() >= 1


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    write(tmp_path, ["cat", "dog"])
    look = Path.iterdir

    def iterdir(path):
        if path.name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(
        OSError, match="path must hold folders that may be read. Got: .*Permission denied.*dog"
    ):
        Suite.from_folder(tmp_path, **QUIET)


def test_usual_leftovers_are_noted_and_not_warned_of(tmp_path):
    write(tmp_path, ["cat", "dog", "__MACOSX/cat", ".thumbnails"], n=5)
    for name in ("Thumbs.db", "cat/desktop.ini", "dog/._0.png", "readme.txt"):
        (tmp_path / name).write_bytes(b"x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        suite = Suite.from_folder(tmp_path, **QUIET)
    assert dict(zip(suite.read.left_out["item"], suite.read.left_out["why"])) == {
        ".thumbnails": "hidden",
        "Thumbs.db": "hidden",
        "__MACOSX": "hidden",
        "cat/desktop.ini": "hidden",
        "dog/._0.png": "hidden",
        "readme.txt": "no picture by its name",
    }
    assert suite["all"].y_train.bincount().tolist() == [4, 4]
    assert suite.subset(["all"]).read is suite.subsample(4).read is suite.read


def test_transparent_pictures_keep_their_shapes(tmp_path):
    shape = np.zeros((2, 6, 6, 4), np.uint8)
    shape[0, 1:3, 1:4, 3] = 255
    shape[1, 4, 2:6, 3] = 128
    for name, pixels in zip(("a", "b"), shape):
        (tmp_path / name).mkdir()
        for k in range(2):
            Image.fromarray(np.roll(pixels, k, 0)).save(tmp_path / name / f"{k}.png")
    suite = Suite.from_folder(tmp_path, size=6, mode="L", progress=False)
    found = torch.cat([suite["all"].x_train, suite["all"].x_test])
    wanted = [255 - np.roll(pixels[..., 3], k, 0) for pixels in shape for k in range(2)]
    for pixels in wanted:
        assert any((found[k, 0].numpy() == pixels).all() for k in range(4))


# ---------- pictures on the disk

READ = """
import sys
from taskdist_nb.data import Suite
suite = Suite.from_folder(sys.argv[1], size=4, mode="L", cache=sys.argv[2], n_jobs=2)
from taskdist_nb.keys import task_fingerprint
print(*(task_fingerprint(t) for t in suite.values()))
"""


def test_two_processes_make_one_cache(tmp_path):
    root = tmp_path / "pictures"
    write(root, ["pets/cat", "pets/dog", "birds/owl", "birds/jay"], n=40)
    command = [sys.executable, "-c", READ, str(root), str(tmp_path / "cache")]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    found = [(*process.communicate(timeout=120), process.returncode) for process in both]
    right = " ".join(task_fingerprint(t) for t in Suite.from_folder(root, **QUIET).values())
    assert found == [(right + "\n", "", 0)] * 2
    assert sorted(p.suffix for p in (tmp_path / "cache").iterdir()) == [".json"] + [".npy"] * 4
    again = Suite.from_folder(root, cache=tmp_path / "cache", n_jobs=2, **QUIET)
    assert " ".join(task_fingerprint(t) for t in again.values()) == right


KILLED = """
import os, signal, sys
from taskdist_nb import cache, readers
from taskdist_nb.data import Suite
write, written = cache.write_images, []
def killed(file, x, rows):
    if written:
        open(file.with_name(".part-1"), "wb").write(b"half of it")
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(write(file, x, rows))
cache.write_images = killed
Suite.from_folder(sys.argv[1], size=4, mode="L", cache=sys.argv[2])
"""


def test_a_killed_reading_leaves_nothing_that_is_believed(tmp_path):
    root, kept = tmp_path / "pictures", tmp_path / "cache"
    write(root, ["cat", "dog"], n=10)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), str(kept)], capture_output=True, text=True
    )
    assert killed.returncode == -9, killed.stderr
    assert sorted(p.suffix or p.name for p in kept.iterdir()) == [".npy", ".part-1"]
    memory = Suite.from_folder(root, **QUIET)["all"]
    again = Suite.from_folder(root, cache=kept, **QUIET)["all"]
    assert task_fingerprint(memory) == task_fingerprint(again)


def test_workers_map_the_files_and_measure_the_same(tmp_path):
    write(tmp_path / "pictures", ["low/cat", "low/dog", "high/owl", "high/jay"], n=20)
    memory, kept = (
        Suite.from_folder(tmp_path / "pictures", size=16, cache=cache, progress=False)
        for cache in (None, tmp_path / "cache")
    )
    images = sum(t.x_train.numel() + t.x_test.numel() for t in kept.values())
    sent = pickle.dumps(list(kept.values()))
    assert len(sent) < images / 3 and b"cache" in sent
    config = TransferConfig.fast(source_epochs=1, images=0)
    for distance in ("wasserstein", "logme"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a = distance_matrix(memory, distance, "mlp", config, n_jobs=1, progress=False)
            b = distance_matrix(kept, distance, "mlp", config, n_jobs=2, progress=False)
        assert np.isfinite(a.values).all() and (a.values == b.values).all()


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    write(tmp_path / "pictures", ["cat", "dog"])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.Staged, "add", full)
    with pytest.raises(
        OSError, match="cache must be a folder with room for the images. Got: .*No space left on device"
    ):
        Suite.from_folder(tmp_path / "pictures", cache=tmp_path / "cache", **QUIET)
    assert not list((tmp_path / "cache").iterdir())


# ---------- archives and data sets


def test_an_archive_may_hold_words_and_unsigned_labels(tmp_path):
    x = noise(12, 5, 5)
    np.savez(tmp_path / "a.npz", x=x, y=np.array(["b", "a", "c"])[np.arange(12) % 3], task_t=["a", "c"])
    words = Suite.from_npz(tmp_path / "a.npz")["t"]
    np.savez(
        tmp_path / "b.npz",
        x=x,
        y=np.array([1, 0, 2], np.uint16)[np.arange(12) % 3],
        classes=["a", "b", "c"],
        task_t=np.array([0, 2], np.uint8),
    )
    numbers = Suite.from_npz(tmp_path / "b.npz")["t"]
    assert words.classes == numbers.classes == ("a", "c")
    assert torch.equal(words.x_train, numbers.x_train) and torch.equal(words.y_test, numbers.y_test)


def test_data_sets_match_their_classes_by_name_through_subsets():
    x, y = torch.from_numpy(noise(12, 1, 5, 5)), torch.arange(12) % 3
    train, test = TensorDataset(x, y), TensorDataset(x, torch.tensor([2, 0, 1])[y])
    train.classes, test.classes = ["a", "b", "c"], ["b", "c", "a"]
    task = Suite.from_dataset(
        torch.utils.data.Subset(train, range(12)), {"t": ["c", "a"]}, test, progress=False
    )["t"]
    assert torch.equal(task.x_train, task.x_test) and torch.equal(task.y_train, task.y_test)


def test_a_transform_decides_the_numbers():
    class Halved(TensorDataset):
        def __getitem__(self, i):
            return self.tensors[0][i] // 2, self.tensors[1][i]

    x, y = torch.from_numpy(noise(12, 1, 5, 5)), torch.arange(12) % 3
    plain, halved = (
        Suite.from_dataset(kind(x, y), {"t": [0, 1]}, progress=False)["t"] for kind in (TensorDataset, Halved)
    )
    assert torch.equal(halved.x_train, plain.x_train // 2) and torch.equal(halved.y_train, plain.y_train)


# ---------- leaks


@FEW
@given(st.lists(st.integers(0, 11), max_size=6), st.integers(0, 3))
def test_leaks_are_counted_and_named(copied, seed):
    x = torch.from_numpy(noise(24, 1, 5, 5, seed=seed))
    y = torch.arange(12) % 2
    source = Task("source", x[:12], y, x[12:], y, ("a", "b"))
    x_test = torch.cat([x[12:], x[copied]])
    target = Task("target", x[12:], y, x_test, torch.arange(len(x_test)) % 2, ("c", "d"))
    found = leakage.leaks(source, target)
    assert found["source image"].tolist() == copied and found["target image"].tolist() == list(
        range(12, 12 + len(copied))
    )
    assert found["source class"].tolist() == ["ab"[k % 2] for k in copied]
    assert len(leakage.leaks(source, source)) == 0
    assert len(leakage.leaks(Task("flat", x[:12, :, :4], y, x[12:, :, :4], y, ("a", "b")), target)) == 0
