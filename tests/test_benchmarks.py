"""The benchmarks are run by hand: here each is imported, and what they share is run in small, so that a change of the package reaches them, too."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
from taskdist_nb.building import build_model
from taskdist_nb.models import mlp
from taskdist_nb.seeds import make_generator
from taskdist_nb.settings import TransferConfig
from taskdist_nb.training import train

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.py")))
def test_it_can_be_imported(name):
    if name == "mutate":
        pytest.importorskip("cosmic_ray", reason="`make mutate` installs it")
    module = importlib.import_module(name)
    assert module.__doc__ and Path(module.__file__).parent == FOLDER


def test_random_tasks_train_a_network():
    throughput = importlib.import_module("throughput")
    config = TransferConfig.toy(block_size=5, crop_padding=4, batch_size=4, device="cpu")
    moving = throughput.random_displacement(20, config, 0, "cpu")
    network = build_model(mlp, 10, moving.x_s, 0)
    before = [p.detach().clone() for p in network.parameters()]
    train(network, moving, np.linspace(0, 1, 2), np.full(2, 0.01), config, 4, make_generator(0))
    assert any(not torch.equal(p, q) for p, q in zip(before, network.parameters()))
    inputs, labels = moving.batch(0.5, 4, make_generator(1))
    assert len(inputs) == 4 and labels.shape == (4, 10) and torch.allclose(labels.sum(1), torch.ones(4))
