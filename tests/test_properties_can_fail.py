"""A property that covers a function fails if the function always raises: an error of the package's own, well worded, as a refusal is."""

import functools
import importlib
import inspect
import sys

import cases
import pytest
import test_properties
from hypothesis import Phase, settings
from test_properties import small_sets  # noqa: F401, a fixture

import taskdist_nb

# Compiled as a file of the package, as `meant` wants it.
scope = {}
exec(
    compile(
        "def refuse(*args, **kwargs): raise ValueError('made to fail. Got: nothing.')",
        str(cases.LIB / "refusal.py"),
        "exec",
    ),
    scope,
)


def places_of(value):
    "(module, name) of every place in the package and its tests that holds the value."
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == taskdist_nb.__name__ or module is test_properties:
            yield from ((module, key) for key, held in list(vars(module).items()) if held is value)


def break_it(monkeypatch, name):
    "Make a function, a method, or the making of an object of a class always raise; name: module.name or module.Class.method."
    module, *path = name.split(".")
    holder, value = None, importlib.import_module(f"{taskdist_nb.__name__}.{module}")
    for part in path:
        holder, value = value, getattr(value, part)
    if isinstance(value, type):
        return monkeypatch.setattr(
            value, "__init__" if value.__new__ is object.__new__ else "__new__", scope["refuse"]
        )
    broken = functools.wraps(value)(lambda *args, **kwargs: scope["refuse"]())
    if isinstance(holder, type):
        return monkeypatch.setattr(
            holder, path[-1], staticmethod(broken) if inspect.ismethod(value) else broken
        )
    for place, key in places_of(value):
        monkeypatch.setattr(place, key, broken)


def passes(call, fixtures, monkeypatch, name):
    "Does the property pass though the function raises?"
    with monkeypatch.context() as broken:
        # any failing case will do
        broken.setattr(cases, "QUIET", settings(cases.QUIET, phases=[Phase.explicit, Phase.generate]))
        break_it(broken, name)
        try:
            call(**fixtures)
        except (Exception, pytest.fail.Exception):
            return False  # `pytest.warns` fails by the second
    return True


def tried():
    "What the last property tried, but for what it found inside of functions."
    return {name for name in cases.TRIED if "<locals>" not in name}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call, covered", cases.PROPERTIES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_property_fails_if_what_it_covers_always_raises(call, covered, request, monkeypatch):
    fixtures = {name: request.getfixturevalue(name) for name in inspect.signature(call).parameters}
    names, done, silent = set(covered), set(), []
    while todo := names - done:
        name = min(todo)
        if passes(call, fixtures, monkeypatch, name):
            silent.append(name)
        done.add(name)
        names |= tried()
    assert silent == [], "always raising, and nothing fails"
