"""The package on a GPU that is not there (tests/pretend_gpu.py): the numbers are those of the CPU, and nothing mixes devices.

`python -m pytest --pretend-gpu nbs` runs every notebook that way.
"""

from dataclasses import replace

import pytest
import torch
from pretend_gpu import pretend_gpu

from taskdist_nb.data import digits_suite
from taskdist_nb.distances import DISTANCES
from taskdist_nb.first_coupling import first_coupling
from taskdist_nb.pairs import prepare_transfer
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.scores import SCORES
from taskdist_nb.settings import TransferConfig
from taskdist_nb.seeds import make_generator
from taskdist_nb.fitting import on_device
from taskdist_nb.viz_images import plot_interpolation

CONFIG = TransferConfig.toy(
    images=100,
    source_epochs=2,
    steps=12,
    checkpoints=4,
    coupling_iterations=2,
    probes=20,
    block_size=5,
    excess_steps=4,
    excess_points=1,
    batch_size=20,
    fisher_images=30,
    wasserstein_images=40,
    score_images=80,
    averaging=3,
    norm_speed=2.0,
    crop_padding=1,
)
SUITE = digits_suite(names=["low", "even"])


def on_both(measure):
    "What `measure` gives with the configuration on the CPU, and on the GPU that is not there."
    there = replace(CONFIG, device="cuda")
    with pretend_gpu():
        gpu = measure(there)
    return measure(replace(CONFIG, device="cpu")), gpu


@pytest.mark.parametrize("name", [*DISTANCES, *SCORES])
def test_measures_are_those_of_the_cpu(name):
    measure = (DISTANCES | SCORES)[name].measure
    cpu, gpu = on_both(
        lambda c: measure(SUITE["low"], SUITE["even"], "slim_cnn", c, 0, progress=False).distance
    )
    assert cpu == gpu


@pytest.fixture(scope="module")
def matrix_on_cpu():
    return matrix(replace(CONFIG, device="cpu"), 1)


def matrix(config, together):
    return distance_matrix(SUITE, "coupled", "mlp", config, seeds=[0], together=together, progress=False).mean


@pytest.mark.parametrize("together", [1, 2])
def test_matrix_is_that_of_the_cpu(matrix_on_cpu, together):
    with pretend_gpu():
        gpu = matrix(replace(CONFIG, device="cuda"), together)
    # together a GPU unfolds convolutions, which rounds otherwise
    assert (abs(matrix_on_cpu / gpu - 1) < 1e-5).all(axis=None)


def test_precision_is_that_of_the_device_asked_for(monkeypatch):
    "Beside a GPU that has bfloat16, a CPU without it computes in float32."
    for has in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, has, lambda: False, raising=False)
    measure = lambda precision: (
        DISTANCES["coupled"]
        .measure(
            SUITE["low"],
            SUITE["even"],
            "slim_cnn",
            replace(CONFIG, device="cpu", precision=precision),
            0,
            progress=False,
        )
        .distance
    )
    with pretend_gpu():
        auto = measure("auto")
    assert auto == measure("float32") != measure("bfloat16")


def test_pictures_of_tasks_on_the_gpu():
    def draw(c):
        source, target = (on_device(SUITE[name], c) for name in ("low", "even"))
        coupling = first_coupling(
            prepare_transfer(source, target, "mlp", c, 0, None, False), make_generator(0)
        )
        return len(plot_interpolation(source, target, coupling, n=2).ravel())

    assert on_both(draw) == (10, 10)


def test_it_refuses_what_a_gpu_would():
    with pretend_gpu():
        x = torch.ones(3, device="cuda")
        for wrong in (
            lambda: x + torch.ones(3),
            lambda: torch.rand(3, device="cuda", generator=torch.Generator()),
        ):
            with pytest.raises(RuntimeError, match="Expected"):
                wrong()
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
        assert (x.cpu() + torch.ones(3)).tolist() == [2, 2, 2]
