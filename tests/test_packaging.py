"""What is handed out: type hints that hold, and archives that install and run by themselves."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import taskdist_nb

ROOT = Path(__file__).parents[1]
PARTS = [
    "taskdist_nb",
    "setup.py",
    "settings.ini",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
]


def run(*words, **options):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(
    os.environ.get("TASKDIST_MATRIX") == "oldest", reason="hints are checked against the newest releases"
)
def test_type_hints_hold(tmp_path):
    pytest.importorskip("mypy")
    run(sys.executable, "-m", "mypy", "--no-error-summary", cwd=ROOT)


def test_code_is_formatted():
    "`ruff check` and `ruff format` have nothing to say about notebooks and files: one statement a line."
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    run(ruff, "check", "--quiet", ".", cwd=ROOT)
    run(ruff, "format", "--quiet", "--check", ".", cwd=ROOT)


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    "A source archive, and the wheel that is built from it."
    pytest.importorskip("build")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for part in PARTS:
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, source / part)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def test_archives_hold_the_package_and_nothing_else(archives):
    modules = {f"taskdist_nb/{p.name}" for p in (ROOT / "taskdist_nb").glob("*.py")}
    for folder in ("live_figures", "templates"):
        modules |= {f"taskdist_nb/{folder}/{p.name}" for p in (ROOT / "taskdist_nb" / folder).iterdir()}
    with zipfile.ZipFile(archives[1]) as wheel:
        names = {n for n in wheel.namelist() if ".dist-info/" not in n}
    assert names == modules
    with tarfile.open(archives[0]) as source:
        inside = {n.partition("/")[2] for n in source.getnames()}
    assert modules | set(PARTS[1:]) <= inside


@pytest.fixture(scope="module")
def installed(archives, tmp_path_factory):
    "The bin folder of a new environment that holds the wheel; torch and the rest are borrowed from this one, since they are gigabytes."
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        archives[1],
    )
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.mark.skipif(os.name == "nt", reason="bin/ is Scripts/ on Windows")
def test_the_wheel_runs_in_an_empty_environment(installed, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | dict(OMP_NUM_THREADS="1")
    place = run(
        installed / "python",
        "-c",
        "import taskdist_nb; print(taskdist_nb.__file__)",
        cwd=tmp_path,
        env=environment,
    ).strip()
    assert Path(place).is_relative_to(installed.parent)
    assert (
        run(installed / "taskdist", "--version", cwd=tmp_path, env=environment)
        == f"taskdist {taskdist_nb.__version__}\n"
    )
    run(
        installed / "taskdist",
        "run",
        "--suite",
        "digits",
        "--tasks",
        "low,high,even",
        "--distances",
        "wasserstein,fine_tuning,task2vec_filters",
        "--n-jobs",
        "1",
        "--out",
        "out",
        "--set",
        "source_epochs=2",
        "steps=20",
        "checkpoints=5",
        "images=100",
        "wasserstein_images=50",
        "probes=20",
        cwd=tmp_path,
        env=environment,
    )
    assert {"wasserstein.csv", "fine_tuning.csv", "task2vec_filters.csv", "mantel.csv", "report.html"} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
