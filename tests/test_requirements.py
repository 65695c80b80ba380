"""settings.ini names every package that is imported and no other, from releases on in which no hole is known."""

import ast
import configparser
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
# what a reader may have: functions that use it say so if it is not there
OPTIONAL = {"timm", "transformers", "skbio", "cloudpickle"}  # the last comes with joblib
OWN = {
    "taskdist_nb",
    *(p.stem for folder in ("tests", "docs", "benchmarks") for p in (ROOT / folder).rglob("*.py")),
}
# The first release that mends the last hole known when this was written; `make audit` looks for newer ones.
MENDED = {
    "torch": "2.8.0",
    "pillow": "12.1.1",
    "scikit-learn": "1.5.0",
    "tqdm": "4.66.3",
    "jinja2": "3.1.6",
    "joblib": "1.2.0",
    "scipy": "1.10.0",
    "jupyterlab": "4.4.8",
    "pytest": "9.0.3",
    "dask": "2026.1.0",
    "pyyaml": "5.4",
    "setuptools": "78.1.1",
}


def named(*keys):
    "{name: Requirement} of settings.ini."
    config = configparser.ConfigParser(delimiters=["="])
    config.read(ROOT / "settings.ini", encoding="utf-8")
    return {
        canonicalize_name(r.name): r for key in keys for r in map(Requirement, config["DEFAULT"][key].split())
    }


def imports(source):
    "Top-level packages that a module or a cell imports, but for the standard library, our own, and what is optional."
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {n.split(".")[0] for n in names} - set(sys.stdlib_module_names) - OWN - OPTIONAL


def packages(modules):
    "What installs them."
    known = packages_distributions()
    return {canonicalize_name(name) for m in modules for name in known.get(m, [m])[:1]}


def cells():
    for path in (p for p in (ROOT / "nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                yield "\n".join(
                    line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!"))
                )


def test_what_the_package_imports_is_named_and_nothing_else():
    imported = set().union(
        *(imports(p.read_text(encoding="utf-8")) for p in (ROOT / "taskdist_nb").glob("*.py"))
    )
    assert packages(imported) == set(named("requirements"))


def test_what_notebooks_tests_and_scripts_import_is_named():
    scripts = [
        p.read_text(encoding="utf-8")
        for folder in ("tests", "docs", "benchmarks")
        for p in (ROOT / folder).rglob("*.py")
    ]
    imported = set().union(*map(imports, [*scripts, *cells()]))
    extras = set(
        named(
            "requirements",
            "dev_requirements",
            "docs_requirements",
            "browser_requirements",
            "mutation_requirements",
        )
    )
    inside = {"ipython", "packaging", "setuptools"}  # of ipykernel, of pytest, of the build
    assert packages(imported) - extras - inside == set()


@pytest.mark.parametrize("name", MENDED)
def test_floors_have_no_hole_that_was_known(name):
    found = named("requirements", "dev_requirements", "docs_requirements", "browser_requirements")
    if name == "setuptools":
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        found[name] = Requirement(text.split('requires = ["')[1].split('"]')[0])
    floor = next(s.version for s in found[name].specifier if s.operator == ">=")
    assert Version(floor) >= Version(MENDED[name])
