"""The project's own rules: what is generated is in step with the notebooks, and the notebooks and modules keep their form."""

import ast
import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import make_readme
import nbformat
import pytest

import taskdist_nb
from taskdist_nb.options import make_parser

ROOT = Path(__file__).parents[1]
LIB, NBS = ROOT / "taskdist_nb", ROOT / "nbs"
NOTEBOOKS = sorted(
    p for p in NBS.rglob("*.ipynb") if not any(part[0] in "._" for part in p.relative_to(NBS).parts)
)
MODULE_NOTEBOOKS = [p for p in NOTEBOOKS if p.parent == NBS and re.match(r"\d\d[a-z]?_", p.name)]
SOURCES = sorted(
    p for folder in ("taskdist_nb", "tests", "docs", "benchmarks") for p in (ROOT / folder).rglob("*.py")
)
MACHINE_PATH = re.compile(r"(?<![\w./:~-])/(?:work|tmp|home|root|Users|private|mnt|opt/conda)/\S*")
EMBEDDED = re.compile(r"data:[\w/+.-]+;base64,[\w+/=\s]+")
MAX_STATEMENTS = 40
PLOTTING = {"matplotlib", "seaborn", "torchvision", "ipywidgets"}
CORE = {
    "attached",
    "checks",
    "convert",
    "class_names",
    "cuts",
    "data",
    "labels",
    "folders",
    "leakage",
    "pictures",
    "reading",
    "archives",
    "readers",
    "torchdata",
    "datasets",
    "models",
    "building",
    "predictions",
    "fisher",
    "information",
    "batches",
    "block_coupling",
    "crops",
    "later",
    "moving",
    "crossvalidated",
    "parts",
    "looks",
    "ruler",
    "couplings",
    "fewer_steps",
    "constraints",
    "presets",
    "settings",
    "seeds",
    "schedules",
    "training",
    "averages",
    "fitting",
    "clock",
    "lengths",
    "excess",
    "trajectory",
    "walks",
    "noise_floor",
    "results",
    "heads",
    "pairs",
    "first_coupling",
    "alternation",
    "paths",
    "scratch",
    "samples",
    "embeddings",
    "distances",
    "products",
    "stack",
    "together",
    "formulas",
    "labelled_samples",
    "scores",
    "matrices",
    "matrix",
    "mantel",
}


def name(path):
    return path.relative_to(ROOT).as_posix()


def module(path):
    return path.stem.partition("_")[2]


def each_notebook(paths):
    return pytest.mark.parametrize("path", paths, ids=name)


def in_step(made, kept, pattern):
    "Names (relative) that differ between two folders: missing on one side, or with other bytes."
    names = {p.relative_to(folder).as_posix() for folder in (made, kept) for p in folder.rglob(pattern)}
    same = lambda n: (
        (made / n).exists() and (kept / n).exists() and (made / n).read_bytes() == (kept / n).read_bytes()
    )
    return sorted(n for n in names if ".ipynb_checkpoints" not in n and not same(n))


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    "A copy of the project in which the notebooks were cleaned and the modules exported anew."
    copy = tmp_path_factory.mktemp("remade")
    shutil.copy(ROOT / "settings.ini", copy)
    shutil.copytree(NBS, copy / "nbs", ignore=shutil.ignore_patterns(".*"))
    (copy / LIB.name).mkdir()
    for written_by_hand in ("__init__.py", "__main__.py"):
        shutil.copy(LIB / written_by_hand, copy / LIB.name)
    code = "from nbdev.clean import nbdev_clean; from nbdev.doclinks import nbdev_export; nbdev_export(); nbdev_clean()"
    subprocess.run([sys.executable, "-c", code], cwd=copy, check=True)
    return copy


def test_modules_are_in_step_with_notebooks(remade):
    assert in_step(remade / LIB.name, LIB, "*.py") == [], "run `make export`"


def test_notebooks_are_clean(remade):
    assert in_step(remade / "nbs", NBS, "*.ipynb") == [], "run `make export`"


def test_readme_is_in_step_with_index():
    text, images = make_readme.render(NBS / "index.ipynb")
    kept = {p.name: p.read_bytes() for p in (ROOT / make_readme.IMAGES).glob("index_*.png")}
    assert (ROOT / "README.md").read_text(encoding="utf-8") == text, "run `make export`"
    assert kept == images, "run `make export`"


@each_notebook(MODULE_NOTEBOOKS)
def test_module_notebook_says_what_it_is_and_exports(path):
    cells = nbformat.read(path, as_version=4).cells
    assert re.match(r"# \S.*\n+> \S", cells[0].source), "first cell: `# Title`, then `> description`"
    exports = [m[1] for cell in cells if (m := re.match(r"#\|\s*default_exp (\w+)", cell.source))]
    exporting = any(re.match(r"#\|\s*export", cell.source) for cell in cells)
    assert exports == ([module(path)] if exporting else []), (
        "a notebook that exports has a `default_exp` with its own name"
    )
    assert not exporting or "nbdev_export()" in cells[-1].source


@each_notebook(NOTEBOOKS)
def test_committed_notebook_holds_no_machine_path_error_or_warning(path):
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        outputs = cell.get("outputs", [])
        found += [
            f"{out.output_type} {out.get('name', '')}"
            for out in outputs
            if out.output_type == "error" or out.get("name") == "stderr"
        ]
        data = [
            value
            for out in outputs
            for mime, value in out.get("data", {}).items()
            if mime.startswith("text/")
        ]
        texts = [cell.source, *(out.get("text", "") for out in outputs), *data]
        found += [hit for text in texts for hit in MACHINE_PATH.findall(EMBEDDED.sub("", text))]
    assert found == []


@each_notebook(NOTEBOOKS)
def test_a_cell_that_draws_holds_its_picture(path):
    "An edit drops a cell's outputs; a page then tells of a picture that is not there."
    said = re.compile(r"#\| fig-alt|plt\.show\(\)$", re.M)
    drawn = [
        c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code" and said.search(c.source)
    ]
    pictures = ("image/png", "image/svg+xml", "text/html")
    assert [
        c.id for c in drawn if not any(kind in out.get("data", {}) for out in c.outputs for kind in pictures)
    ] == []


SIZE = re.compile(r"(?:fontsize|labelsize|\.size\"?)\s*[=:]\s*([\d.]+)")


@each_notebook(NOTEBOOKS)
def test_type_of_a_figure_is_at_least_nine_points(path):
    "STYLE of 09_style sets type and resolution; a figure that sets its own is not smaller, and no page holds one of another resolution."
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert [(c.id, size) for c in cells for size in SIZE.findall(c.source) if float(size) < 9] == []
    drawn = [c for c in cells if any("image/png" in out.get("data", {}) for out in c.outputs)]
    assert [c.id for c in drawn if "dpi=" in c.source] == []


def test_chapters_in_folders_are_drawn_alike():
    kept = {folder: (folder / "matplotlibrc") for folder in {path.parent for path in NOTEBOOKS}}
    assert len(kept) > 2 and len({file.read_bytes() for file in kept.values()}) == 1


def texts_of(path):
    "What a reader sees as text in a notebook."
    return [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]


def reached(path):
    "The value of a dotted name in the package, or None."
    value = taskdist_nb
    for part in path.split("."):
        value = getattr(value, part, None)
    return value


def missing_names(text):
    "Names after `td.`, as in `td.Suite.from_folder`, that the package has not."
    return [n for n in re.findall(r"\btd\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", text) if reached(n) is None]


@functools.cache
def commands():
    "name -> parser of each command."
    return make_parser()._subparsers._group_actions[0].choices


def missing_options(text):
    "Options after `taskdist COMMAND`, on its line, that the command has not; in code an error may follow that shows one."
    found = []
    for command, rest in re.findall(rf"taskdist ({'|'.join(commands())})((?:\\\n|[^\n`])*)", text):
        found += [
            o
            for o in re.findall(r"(?<!\S)--[a-z][\w-]*", rest)
            if o not in commands()[command]._option_string_actions
        ]
    return found


def test_missing_names_and_options_are_seen():
    assert missing_names("`td.Suite.from_folder(x)`, td.Suite.from_nowhere and td.nothing") == [
        "Suite.from_nowhere",
        "nothing",
    ]
    assert missing_options("`taskdist run --suite S --sead 3`, ``taskdist select \\\n  --nothing``") == [
        "--sead",
        "--nothing",
    ]


def test_texts_name_functions_and_options_that_there_are():
    texts = [text for path in NOTEBOOKS for text in texts_of(path)]
    texts += [
        (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")
    ]
    assert [name for text in texts for name in missing_names(text)] == []
    # 11g_options shows how a wrong option is answered
    assert set(option for text in texts for option in missing_options(text)) == {"--sead"}
    assert (
        sum(text.count("td.") for text in texts) > 20
        and sum(text.count("taskdist run") for text in texts) > 10
    )


def statements(function):
    "How many statements are in it, at any depth. Lines are the formatter's choice."
    return sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 1


@each_notebook(SOURCES)
def test_functions_are_short(path):
    defined = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, defined)
    ]
    assert {node.name: n for node in nodes if (n := statements(node)) > MAX_STATEMENTS} == {}


def imported(path):
    "(own modules imported anywhere, packages imported at the top) of a module."
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {
        (node.module or "").removeprefix(f"{LIB.name}.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith(f"{LIB.name}."))
    }
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in tree.body if isinstance(node, ast.ImportFrom) and not node.level]
    return own - {""}, {n.split(".")[0] for n in names}


@each_notebook([p for p in MODULE_NOTEBOOKS if (LIB / f"{module(p)}.py").exists()])
def test_module_imports_only_those_before_it(path):
    own, top = imported(LIB / f"{module(path)}.py")
    assert own <= {module(p) for p in MODULE_NOTEBOOKS if p < path}
    if module(path) in CORE:
        assert not top & PLOTTING


def test_machine_paths_are_told_from_other_text():
    hits = ["in /tmp/x.csv", "'/home/me/data'", "/work/x/nbs", '<a href="/root/a">']
    misses = ["https://example.org/home/x", "../work/x", "n/tmp/x", "a/root/b"]
    assert all(MACHINE_PATH.search(text) for text in hits) and not any(
        MACHINE_PATH.search(text) for text in misses
    )


def test_mutation_testing_names_what_is_there():
    "benchmarks/mutate.py is run by hand, so that a module that was split would be missed there for long."
    tree = ast.parse((ROOT / "benchmarks" / "mutate.py").read_text(encoding="utf-8"))
    tables = [
        dict(zip(table.keys, table.values))
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id in ("CORE", "TESTS")
        for table in ast.walk(node.value)
        if isinstance(table, ast.Dict)
    ]
    tests = {key.value: ast.literal_eval(value) for table in tables for key, value in table.items()}
    assert len(tests) > 20 and [name for name in tests if not (LIB / f"{name}.py").is_file()] == []
    properties = (ROOT / "tests" / "test_properties.py").read_text(encoding="utf-8")
    for test in (test for several in tests.values() for test in several):
        path, _, name = test.partition("::")
        within = properties if path.startswith("test_") else (ROOT / path).read_text(encoding="utf-8")
        wanted = path if path.startswith("test_") else name
        assert not wanted or f"def {wanted}(" in within, test
