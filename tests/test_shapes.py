"""The comparison of shapes itself: it reads what is written, and it can fail."""

import numpy as np
import pytest
import torch
from shapes import compare, documented, functions, shape_in, watched

from taskdist_nb.fisher import step_length


@pytest.mark.parametrize(
    "comment, shape",
    {
        "(n, K) predictions": "n K",
        "(n,) of each": "n",
        "(..., K) start": "... K",
        "(M+1, n, K) predictions": "M_43_1 n K",
        "(n, 3, 32, 32) images": "n 3 32 32",
        "(n) a remark": None,
        "(task, seed): what": "task seed",
        "of the (n, K) predictions": None,
        "": None,
    }.items(),
)
def test_shapes_are_read(comment, shape):
    assert shape_in(comment) == shape


def test_the_comparison_can_fail():
    shapes = {"p": "n K", "w": "n", "return": "... K"}
    compare("f", shapes, {"p": np.zeros((5, 3)), "w": torch.zeros(5), "return": torch.zeros(2, 2, 3)})
    with pytest.raises(AssertionError, match=r"w is documented as \(n\). Shapes were .*\(4,\)"):
        compare("f", shapes, {"p": np.zeros((5, 3)), "w": torch.zeros(4)})
    with pytest.raises(AssertionError, match="return is documented"):
        compare("f", shapes, {"p": np.zeros((5, 3)), "return": torch.zeros(2, 4)})


def test_a_watched_function_is_the_function():
    p = torch.tensor([[0.5, 0.5], [0.2, 0.8]])
    assert watched(step_length)(p, p) == step_length(p, p) == 0
    assert documented(step_length)["p"] == "n K"


def test_many_functions_are_watched():
    assert len(list(functions())) > 100
