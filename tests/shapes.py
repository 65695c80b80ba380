"""Are the shapes true that stand beside parameters, such as `p,  # (n, K) predictions`? jaxtyping compares them with what is given and returned, in tests only.

A letter is one number throughout a call: `n` of `p` is `n` of `q`. `...` is any number of axes, and may differ. What has no shape (a list, a number) is not looked at.
"""

import functools
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest
from fastcore.docments import docments
from jaxtyping import Shaped, jaxtyped

import taskdist_nb

AXIS = re.compile(r"\.\.\.|[A-Za-z_]+'?|\d+|[A-Za-z_]+ ?(\+|-|//) ?\d+( ?\+ ?\d+)?")


def spelled(axis):
    "An axis as jaxtyping takes it; a formula such as M+1 as a name of its own."
    if axis == "..." or axis.isdigit():
        return axis
    return re.sub(r"\W", lambda sign: f"_{ord(sign[0])}_", axis.replace(" ", ""))


def shape_in(comment):
    "The shape with which a comment begins, as jaxtyping takes it; None if there is none."
    found = re.match(r"\(([^()]*)\)", comment or "")
    axes = [a.strip() for a in found[1].split(",")] if found else []
    # (n,) has a comma after it, and (n) is a remark
    if len(axes) < 2 or not all(AXIS.fullmatch(a) for a in axes if a):
        return None
    return " ".join(map(spelled, filter(None, axes)))


def documented(function):
    "{parameter or 'return': shape} of a function's trailing comments."
    try:
        comments = docments(function, returns=True)
    except (OSError, SyntaxError):
        return {}
    return {name: s for name, comment in comments.items() if (s := shape_in(comment))}


def compare(name, shapes, values):
    "Raise AssertionError where a value's shape is not the documented one, given the values before it."
    with jaxtyped("context"):
        for parameter, shape in shapes.items():
            found = getattr(values.get(parameter), "shape", None)
            # a stand-in of no size has the shape of anything: a tensor, an array, a table
            if isinstance(found, tuple) and not isinstance(
                np.broadcast_to(np.int8(0), found), Shaped[np.ndarray, shape]
            ):
                seen = {
                    k: tuple(v.shape)
                    for k, v in values.items()
                    if isinstance(getattr(v, "shape", None), tuple)
                }
                raise AssertionError(f"{name}: {parameter} is documented as ({shape}). Shapes were {seen}.")


def watched(function):
    "The function, whose documented shapes are compared after each call that returns."
    shapes, signature = documented(function), inspect.signature(function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        result = function(*args, **kwargs)
        values = signature.bind(*args, **kwargs).arguments
        compare(function.__qualname__, shapes, values | {"return": result})
        return result

    return call


def functions():
    "Public functions whose comments name a shape, with their modules."
    for found in pkgutil.iter_modules(taskdist_nb.__path__):
        module = importlib.import_module(f"taskdist_nb.{found.name}")
        for name in getattr(module, "__all__", []):
            f = getattr(module, name)
            if inspect.isfunction(f) and f.__module__ == module.__name__ and documented(f):
                yield module, name, f


@pytest.fixture(scope="module")
def shapes_hold():
    "In this module's tests every public function's documented shapes are compared."
    with pytest.MonkeyPatch.context() as patch:
        for module, name, f in list(functions()):
            patch.setattr(module, name, watched(f))
        yield
