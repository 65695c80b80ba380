"""What `import taskdist_nb as td` offers."""

import subprocess
import sys

import numpy as np
import pytest

import taskdist_nb as td

PROMISED = """digits_suite cifar100_suite Suite graded_suite TransferConfig coupled_transfer uncoupled_transfer fine_tuning small_cnn distance_matrix
DistanceMatrix mantel rank_sources rank_architectures fisher_rao step_length fisher_information""".split()


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_every_name_is_there_and_explained():
    assert set(PROMISED) <= set(td.__all__) <= set(dir(td))
    for name in td.__all__:
        assert getattr(td, name).__doc__, name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'taskdist_nb' has no attribute 'distanse_matrix'"):
        td.distanse_matrix


def test_importing_the_package_loads_nothing_heavy():
    loaded = python("import sys, taskdist_nb; print(*sys.modules)")
    assert not {"torch", "pandas", "matplotlib", "matplotlib.pyplot"} & set(loaded)


@pytest.mark.parametrize(
    "first",
    [
        "import taskdist_nb.viz",
        "import taskdist_nb.mantel",
        "from taskdist_nb.mantel import mantel",
        "td.mantel",
        "pass",
    ],
)
def test_mantel_is_callable_whatever_was_imported_before(first):
    a = np.arange(16.0).reshape(4, 4)
    read = python(
        f"import numpy as np, taskdist_nb as td\n{first}\na = np.arange(16.).reshape(4, 4)\nprint(td.mantel(a, a).pvalue)"
    )
    assert float(read[0]) == td.mantel(a, a).pvalue
