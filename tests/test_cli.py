"""The installed command, in processes of its own: what it prints, where, and the exit status."""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import taskdist_nb

COMMAND = Path(sys.executable).with_name("taskdist")


def run(*words, cwd=None):
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, cwd=cwd)


def test_version_is_the_package_version_and_quick():
    before = os.times()
    done = run("--version")
    after = os.times()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"taskdist {taskdist_nb.__version__}\n", "")
    # processor time, so that a busy machine does not count; importing torch alone takes over a second
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.5


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["select", "--help"], ["status", "--help"]], ids=" ".join)
def test_help(words):
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: taskdist")


@pytest.mark.parametrize("line, part", [
    ("run --suite digits --seedz 2", "did you mean '--seeds'?"),
    ("run --suite digits --tasks low,hihg", "Did you mean 'high'?"),
    ("run --suite digits --set steps=-1", "Got: -1"),
    ("run --suite cifar100 --root nowhere", "Got: 'nowhere'"),
    ("select --suite digits --target lwo", "Did you mean 'low'?"),
    ("select --suite digits --target low --budget -1", "positive number of seconds. Got: '-1'"),
])
def test_wrong_use_is_one_line_and_status_2(line, part, tmp_path):
    done = run(*line.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"taskdist: error: .*\n", done.stderr) and part in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_interrupted_run_says_how_to_go_on(tmp_path):
    words = "run --suite digits --distances fine_tuning --out out --n-jobs 1 --set steps=100000".split()
    process = subprocess.Popen([COMMAND, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert "fine_tuning" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=600)[1].splitlines()
    assert process.returncode == 130
    assert said[-1].startswith("taskdist: interrupted.") and said[-1].endswith(" ".join(words))
    assert "unfinished" in run("status", "out", cwd=tmp_path).stdout


def test_select_prints_the_ranking_and_writes_it(tmp_path):
    few = "images=100 source_epochs=2 steps=5 checkpoints=1 cost_checkpoints=1 probes=20 excess_points=0 accuracy_points=1 coupling_iterations=1".split()
    done = run(*"select --suite digits --target odd --candidates low,even --shots 4 --out out --set".split(), *few, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Best of 2 sources for odd: ") and "coupled_error" in done.stdout
    assert (tmp_path / "out" / "ranking.png").exists()
    assert (tmp_path / "out" / "ranking.csv").read_text().startswith("# command: taskdist select --suite digits")
