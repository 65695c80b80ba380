"""A pytest plugin: each code cell of a notebook is one test item.

The cells of a notebook run in order in one IPython shell inside the test process, with the notebook's folder as the working
directory, as Jupyter does. `#| eval: false` and the flags in settings.ini (`tst_flags`, here `slow`) skip a cell;
`--nb-flags slow` runs the flagged ones. The cell that calls `nbdev_export()` is not a test. If a cell fails, the rest of
its notebook is skipped. A cell may be asked for alone: those before it run first, unreported.

`--exported` takes what a cell exports from the module instead of running the cell, so that the notebook tests the module: coverage
and mutation testing look at modules.
"""

import importlib.util
import os
import symtable
import sys
import traceback
from configparser import ConfigParser
from contextlib import contextmanager, nullcontext, suppress

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--nb-flags",
        default="",
        metavar="FLAGS",
        help="space-separated flags (tst_flags in settings.ini) of notebook cells to run, e.g. 'slow'",
    )
    parser.addoption(
        "--exported",
        action="store_true",
        help="use the exported modules in place of the notebook cells that export",
    )
    parser.addoption(
        "--pretend-gpu",
        action="store_true",
        help="run notebook cells as on a machine with a GPU (tests/pretend_gpu.py)",
    )


def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".ipynb" and not file_path.name.startswith(("_", ".")):
        return Notebook.from_parent(parent, path=file_path)


def settings_of(config):
    "What nbdev reads from settings.ini."
    settings = ConfigParser()
    settings.read(config.rootpath / "settings.ini", encoding="utf-8")
    return settings["DEFAULT"]


def flags_to_skip(config):
    "The flags in settings.ini less those asked for on the command line."
    return set(settings_of(config).get("tst_flags", "").split()) - set(config.getoption("--nb-flags").split())


def device_of(config):
    "Where the cells compute: on the CPU as it is, or as if it were a GPU."
    if not config.getoption("--pretend-gpu"):
        return nullcontext()
    from pretend_gpu import pretend_gpu

    return pretend_gpu()


def first_line(source):
    "The first line that is not a directive; empty if there is none."
    lines = (line.strip() for line in source.splitlines())
    return next((line for line in lines if line and not line.startswith("#|")), "")


def skip_reason(
    directives,  # of one cell, as nbdev reads them: {"eval:": ["false"], "slow": [], ...}
    flags,  # the flags that are not to be run
):
    "Why a cell is not run, or None."
    if directives.get("eval:", [""])[0].lower() == "false":
        return "#| eval: false"
    return next((f"#| {flag} (run it with --nb-flags {flag})" for flag in directives if flag in flags), None)


def exports(directives):
    "Does a cell with these directives go into the module?"
    return any(name.rstrip(":") in ("export", "exports", "exporti") for name in directives)


def exported_names(module, source):
    "What a cell that exports binds, as the module has it. Other names stay: a notebook may give one that the module has, too."
    bound = {
        s.get_name()
        for s in symtable.symtable(source, module, "exec").get_symbols()
        if s.is_assigned() or s.is_imported()
    }
    return {name: value for name, value in vars(importlib.import_module(module)).items() if name in bound}


def registries(
    lib,  # name of the package
):
    "Its tables of names, to which a notebook may add; none where it has no registry."
    if not importlib.util.find_spec(lib) or not importlib.util.find_spec(f"{lib}.registry"):
        return []
    return list(importlib.import_module(f"{lib}.registry").TABLES.values())


def classes_of(
    lib,  # name of the package
):
    "class -> its attributes, of every class of the package that is loaded. A notebook that explains a class in steps patches it."
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == lib]
    values = [value for module in modules for value in list(vars(module).values())]
    return {c: dict(vars(c)) for c in values if isinstance(c, type) and c.__module__.split(".")[0] == lib}


def of_notebook(
    member,  # of a class
):
    "Is it a function, method or property that a cell has written? fastcore keeps a class method as `f`."
    function = next((f for k in ("__func__", "fget", "func", "f") if (f := getattr(member, k, None))), member)
    return getattr(function, "__globals__", {}).get("__name__") == "__main__"


class Notebook(pytest.File):
    "The code cells of a notebook, and the shell they share."

    shell = module = None

    def collect(self):
        from nbdev.process import NBProcessor

        self.todo, self.failed, flags = [], None, flags_to_skip(self.config)
        for index, cell in enumerate(NBProcessor(self.path).nb.cells):
            if name := cell.directives_.get("default_exp"):
                self.module = f"{settings_of(self.config)['lib_name']}.{name[0]}"
            if cell.cell_type != "code" or not first_line(cell.source) or "nbdev_export()" in cell.source:
                continue
            item = Cell.make(self, index, cell.source)
            item.exported = self.config.getoption("--exported") and exports(cell.directives_)
            reason = skip_reason(cell.directives_, flags)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))
            else:
                self.todo.append(item)
            yield item

    def setup(self):
        from execnb.shell import CaptureShell

        lib = settings_of(self.config)["lib_name"]
        self.registered = [(registry, dict(registry)) for registry in registries(lib)]
        if self.module:
            with suppress(Exception):  # a cell will say what is wrong with it
                importlib.import_module(self.module)  # and with it the classes that the notebook patches
        self.classes = classes_of(lib)
        with self.as_notebook():
            self.shell = CaptureShell(mpl_format="png")
        # pytest shows the exception, so IPython need not
        self.shell.showtraceback = self.shell.showsyntaxerror = lambda *args, **kwargs: None

    def teardown(self):
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        self.shell = None
        for registry, before in self.registered:  # what a notebook registers is its own
            registry.clear()
            registry.update(before)
        # what it patches, too; what a module patches when it is imported stays
        for changed, before in self.classes.items():
            for name in [n for n, value in vars(changed).items() if of_notebook(value)]:
                if name in before:
                    setattr(changed, name, before[name])
                else:
                    delattr(changed, name)

    @contextmanager
    def as_notebook(self):
        "The process as the notebook knows it (folder, import path, `__main__`); all is put back afterwards."
        folder, path, main = os.getcwd(), list(sys.path), sys.modules["__main__"]
        os.chdir(self.path.parent)
        sys.path.insert(0, str(self.path.parent))
        if self.shell:
            sys.modules["__main__"] = self.shell.user_module
        try:
            yield
        finally:
            os.chdir(folder)
            sys.path[:] = path
            sys.modules["__main__"] = main

    def run(self, cell):
        "What running the cell raised, or None."
        with self.as_notebook(), device_of(self.config):
            if not cell.exported:
                return self.shell.run_cell(cell.source, stdout=False, stderr=False).exception
            try:
                self.shell.user_ns.update(exported_names(self.module, cell.source))
            except Exception as error:
                return error

    def run_up_to(self, item):
        "Run the cells up to and including `item` that have not run yet; raise what a bad one raised."
        while item in self.todo:
            cell = self.todo.pop(0)
            error = self.run(cell)
            if error is None:
                continue
            if not isinstance(error, pytest.skip.Exception):
                self.failed, self.todo = cell, []
            raise error


class Cell(pytest.Item):
    "One code cell."

    @classmethod
    def make(cls, notebook, index, source):
        item = cls.from_parent(notebook, name=f"cell {index}: {first_line(source)[:50]}".replace("::", ":"))
        item.index, item.source = index, source
        return item

    def runtest(self):
        if self.parent.failed:
            pytest.skip(f"{self.parent.failed.name!r} failed before")
        self.parent.run_up_to(self)

    def repr_failure(self, excinfo, style=None):
        cell, error = self.parent.failed or self, excinfo.value
        where = f"{type(error).__name__} in {self.path.relative_to(self.config.rootpath)}, cell {cell.index}"
        listing = "\n".join(f"{number:4d}  {line}" for number, line in enumerate(cell.source.splitlines(), 1))
        error.__traceback__ = from_cell(error)
        return f"{where}\n\n{listing}\n\n{''.join(traceback.format_exception(error))}"

    def reportinfo(self):
        return self.path, self.index - 1, f"{self.path.name}: {self.name}"


def from_cell(error):
    "The error's traceback without the frames of pytest, execnb and IPython that led to the cell."
    at = error.__traceback__
    while at and at.tb_frame.f_globals.get("__name__") != "__main__":
        at = at.tb_next
    return at or (None if isinstance(error, SyntaxError) else error.__traceback__)
