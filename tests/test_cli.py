"""The installed command, in processes of its own: what it prints, where, and the exit status."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import taskdist_nb
from taskdist_nb.data import digits_suite

COMMAND = Path(sys.executable).with_name("taskdist")


def run(*words, cwd=None):
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, cwd=cwd)


def test_version_is_the_package_version():
    "That it does not wait for PyTorch, `nbs/12_cli.ipynb` tests."
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"taskdist {taskdist_nb.__version__}\n", "")


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["select", "--help"], ["status", "--help"]], ids=" ".join
)
def test_help(words):
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: taskdist")


@pytest.mark.parametrize(
    "line, part",
    [
        ("run --suite digits --seedz 2", "did you mean '--seeds'?"),
        ("run --suite digits --tasks low,hihg", "Did you mean 'high'?"),
        ("run --suite digits --set steps=-1", "Got: -1"),
        ("run --suite cifar100 --root nowhere", "Got: 'nowhere'"),
        ("select --suite digits --target lwo", "Did you mean 'low'?"),
        ("select --suite digits --target low --budget -1", "positive number of seconds. Got: '-1'"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(line, part, tmp_path):
    done = run(*line.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"taskdist: error: .*\n", done.stderr) and part in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_interrupted_run_says_how_to_go_on(tmp_path):
    words = "run --suite digits --distances fine_tuning --out out --n-jobs 1 --set steps=100000".split()
    # tests that run in the background of a shell inherit that interrupts are ignored
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        [COMMAND, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    )
    assert "fine_tuning" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=600)[1].splitlines()
    assert process.returncode == 130
    assert said[-1].startswith("taskdist: interrupted.") and said[-1].endswith(" ".join(words))
    assert "unfinished" in run("status", "out", cwd=tmp_path).stdout


def test_select_prints_the_ranking_and_writes_it(tmp_path):
    few = "images=100 source_epochs=2 steps=5 checkpoints=1 cost_checkpoints=1 probes=20 excess_points=0 accuracy_points=1 coupling_iterations=1".split()
    done = run(
        *"select --suite digits --target odd --candidates low,even --shots 4 --quiet --n-jobs 1 --out out --set".split(),
        *few,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Best of 2 sources for odd: ") and "fine_tuning_error" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Cost: ") and (tmp_path / "out" / "report.html").exists()
    assert (tmp_path / "out" / "ranking.png").exists()
    assert (
        (tmp_path / "out" / "ranking.csv").read_text().startswith("# command: taskdist select --suite digits")
    )


QUICK = "run --suite digits --tasks low,high --distances wasserstein --n-jobs 1 --out out --set wasserstein_images=20".split()


def finish_quickly(tmp_path, after="", words=QUICK, **environment):
    "A short run through a shell, with redirections after it: its exit status and what it said."
    line = f"{shlex.join([str(COMMAND), *words])} {after}"
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, env=os.environ | environment
    )


def assert_whole(folder):
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["state"] == "finished"
    assert (folder / "report.html").stat().st_size > 10_000 and (folder / "figures" / "matrices.png").exists()


@pytest.fixture(scope="module")
def surrounded(tmp_path_factory):
    """A run in a terminal without the letters, a locale without any, with a backend that is none, and settings of matplotlib that would need TeX.
    -> where it was done, in the folder `out`; what it said"""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "matplotlibrc").write_text("text.usetex: True\nfigure.figsize: 1, 1\n")
    done = finish_quickly(
        folder,
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
        PYTHONIOENCODING="ascii:strict",
        MPLBACKEND="module://nowhere",
        DISPLAY="",
        MATPLOTLIBRC=str(folder / "matplotlibrc"),
    )
    return folder, done


@pytest.fixture
def finished(surrounded):
    "Where a run was finished, in its folder `out`."
    folder, done = surrounded
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirections")
@pytest.mark.parametrize(
    "after",
    [
        '2>&1 | head -c0; exit "${PIPESTATUS[0]}"',  # the reader leaves at once
        "<&- >&- 2>&-",  # started without streams, as by some schedulers
    ],
    ids=["left", "no streams"],
)
def test_a_run_does_not_fail_by_its_output(after, tmp_path):
    done = finish_quickly(tmp_path, after=after)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert_whole(tmp_path / "out")


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirections")
@pytest.mark.parametrize(
    "after", ['| head -c0; exit "${PIPESTATUS[0]}"', '2>&- | head -1; exit "${PIPESTATUS[0]}"', ">&-"]
)
@pytest.mark.parametrize("words", [["status", "out"], ["--help"]], ids=" ".join)
def test_nor_does_what_only_prints(words, after, finished):
    done = finish_quickly(finished, after, words)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal")
def test_a_terminal_that_is_closed_does_not_end_the_run(finished):
    import pty

    ours, theirs = pty.openpty()
    # no session of its own, so no SIGHUP
    process = subprocess.Popen(
        [COMMAND, "status", "out"], cwd=finished, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.close(ours)
    assert process.wait(timeout=600) == 0


def test_surroundings_do_not_fail_a_run(surrounded):
    folder, done = surrounded
    assert done.returncode == 0, done.stderr
    assert r"\u2013" in done.stdout and done.stdout.isascii()  # the dash of what was not measured
    assert "τ" in (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert_whole(folder / "out")


SELECT = "select --suite digits --target odd --candidates low,even --shots 4 --method leep --out out --set source_epochs=2".split()


@pytest.mark.skipif(os.name == "nt", reason="a shell's redirections")
@pytest.mark.parametrize(
    "after, jobs",
    [('2>&1 | head -c0; exit "${PIPESTATUS[0]}"', "1"), ("<&- >&- 2>&-", "2")],  # workers inherit the streams
    ids=["left", "no streams"],
)
def test_a_choice_does_not_fail_by_its_surroundings(after, jobs, tmp_path):
    done = finish_quickly(
        tmp_path,
        after,
        [*SELECT, "--n-jobs", jobs],
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
        PYTHONIOENCODING="ascii:strict",
        MPLBACKEND="module://nowhere",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {"ranking.csv", "ranking.png", "ranking.txt"} <= {p.name for p in (tmp_path / "out").iterdir()}


def write_pictures(root, tasks):
    "Some digits of each task in files TASK/PART/CLASS/*.png."
    for name, task in tasks.items():
        for part, n in (("train", 4), ("test", 3)):
            x, y = getattr(task, f"x_{part}"), getattr(task, f"y_{part}")
            for k, c in enumerate(task.classes):
                folder = root / name / part / f"digit {c}"
                folder.mkdir(parents=True)
                for i in (y == k).nonzero().flatten().tolist()[:n]:
                    Image.fromarray(x[i, 0].numpy()).resize((32, 32)).save(folder / f"{i}.png")


def test_what_was_read_is_told_and_leaks_are_named(tmp_path):
    digits = digits_suite()
    write_pictures(tmp_path / "mine", {"low": digits["low"], "=high": digits["high"]})
    leaked = min((tmp_path / "mine/low/train/digit 0").iterdir())
    (tmp_path / "mine/=high/test/digit 5/copied.png").write_bytes(leaked.read_bytes())
    done = run(
        *"run --suite mine --model mlp --distances wasserstein --n-jobs 1 --out out --quiet --set wasserstein_images=10".split(),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("What I read from 'mine' (layout TASK/PART/CLASS")
    assert (
        re.search(r"digit 5 +4 +4 +32 x 32", done.stdout)
        and "For training and for the test: 1 (=high/test/digit 5/copied.png)" in done.stdout
    )
    said = f"1 of the 16 test images of =high stand among the training images of low (low/train/digit 0/{leaked.name})"
    assert said in done.stdout and said in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    # no spreadsheet computes it
    assert (
        (tmp_path / "out/wasserstein.csv").read_text().startswith('"source","\'=high","low"\n"\'=high",0.0,')
    )


def test_a_distance_that_comes_to_nothing_leaves_the_others_and_is_told(tmp_path):
    words = "run --suite digits --tasks low,high --distances fine_tuning,wasserstein --n-jobs 1 --seeds 1 --out out --quiet --set lr=1e8 images=50 source_epochs=1 steps=20 checkpoints=4 walks=2"
    done = run(*words.split(), cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert (
        "Missing: 1, see the report. The first: fine-tuning: floor low (seed 0): " in done.stdout
        and "diverged" in done.stdout
    )
    noted = json.loads((tmp_path / "out/run.json").read_text(encoding="utf-8"))["missing"]
    assert (
        [*noted] == ["fine-tuning"]
        and (tmp_path / "out/wasserstein.csv").exists()
        and not (tmp_path / "out/fine_tuning.csv").exists()
    )
    assert "1 missing: fine-tuning (floor low" in (tmp_path / "out/report.html").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device")
def test_a_full_disk_is_said(finished):
    done = finish_quickly(finished, "> /dev/full", ["status", "out"])
    assert (done.returncode, done.stderr) == (1, "taskdist: error: [Errno 28] No space left on device\n")


@pytest.mark.skipif(sys.platform != "linux", reason="file names in another encoding")
def test_any_bytes_in_the_command_line(tmp_path):
    done = subprocess.run(
        [os.fsencode(COMMAND), *map(os.fsencode, QUICK), b"--out", b"\xff\x1b[2J"],
        capture_output=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    assert_whole(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J")))


def test_python_m_is_the_command(tmp_path):
    module = [sys.executable, "-m", "taskdist_nb"]
    run_module = lambda *words: subprocess.run(
        [*module, *words], capture_output=True, text=True, cwd=tmp_path
    )
    for words in (["--version"], ["--help"], ["run", "--help"], ["run", "--suite", "digit"], []):
        one, other = run_module(*words), run(*words, cwd=tmp_path)
        assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)


@pytest.mark.parametrize("words", ["run --suite digit --debug", "--debug run --suite digit"])
def test_debug_shows_where_an_error_came_from(words, tmp_path):
    done = run(*words.split(), cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert (done.returncode, lines[0], lines[-1]) == (
        2,
        "Traceback (most recent call last):",
        run("run", "--suite", "digit", cwd=tmp_path).stderr.strip(),
    )
    assert any("in check_source" in line for line in lines)
