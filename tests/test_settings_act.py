"""Settings do what they say: each value is worked out by hand or by a second implementation, so that a setting which is ignored fails here."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from taskdist_nb import (
    alternation,
    averages,
    distances,
    embeddings,
    excess,
    fewer_steps,
    methods,
    noise_floor,
    pairs,
    rank_sources,
    scores,
    scratch,
    tuned,
)
from taskdist_nb.data import Task
from taskdist_nb.settings import TransferConfig
from taskdist_nb.stack import Stack
from taskdist_nb.training import train
from taskdist_nb.fitting import augmentation, fit_task
from taskdist_nb.schedules import learning_rates
from taskdist_nb.crops import CropFlip, identity
from taskdist_nb.moving import MovingTask
from taskdist_nb.tuning import Tuning

SMALL = dict(
    source_epochs=1,
    source_batch_size=4,
    steps=4,
    batch_size=4,
    checkpoints=2,
    probes=6,
    block_size=3,
    excess_points=0,
    accuracy_points=1,
    fisher_images=10,
    wasserstein_images=20,
    score_images=30,
)


def a_task(name, n=12, seed=0, **changes):
    "Two classes of random 8 x 8 images."
    draw = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (n, 1, 8, 8), generator=draw, dtype=torch.uint8)
    y = torch.arange(n) % 2
    return Task(
        **(dict(name=name, x_train=x, y_train=y, x_test=x[:4], y_test=y[:4], classes=("a", "b")) | changes)
    )


# ---------- SGD


class OneBatch(MovingTask):
    "The same batch at any time: what SGD does can be worked out."

    def __init__(self, seed=0):
        draw = torch.Generator().manual_seed(seed)
        self.x, self.y = torch.randn(5, 3, generator=draw).double(), torch.rand(5, 2, generator=draw).double()
        self.y = self.y / self.y.sum(1, keepdim=True)

    def batch(self, tau, n, generator):
        return self.x, self.y


def linear(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(3, 2).double()


def by_hand(weights, x, y, lrs, momentum, decay, reset):
    "Weights (w, b) after each step: v <- momentum v + gradient + decay w, forgotten where a stretch of `reset` steps begins; w <- w - lr v."
    w, b = (v.detach().clone() for v in weights)
    path, speed = [], [torch.zeros_like(w), torch.zeros_like(b)]
    for k, lr in enumerate(lrs):
        if reset and k % reset == 0:
            speed = [0 * v for v in speed]
        error = ((x @ w.T + b).softmax(1) - y) / len(x)
        slopes = error.T @ x + decay * w, error.sum(0) + decay * b
        speed = [momentum * v + g for v, g in zip(speed, slopes)]
        w, b = w - lr * speed[0], b - lr * speed[1]
        path.append(torch.cat([w.flatten(), b]))
    return torch.stack(path)


@pytest.mark.parametrize("reset", [0, 1, 3, 4])
@pytest.mark.parametrize("momentum, decay", [(0.9, 0.0), (0.5, 0.1)])
def test_sgd_has_momentum_that_is_forgotten_where_the_settings_say(momentum, decay, reset):
    config = TransferConfig.toy(momentum=momentum, weight_decay=decay, reset_momentum=reset)
    moving, model, lrs, seen = OneBatch(), linear(), [0.5, 0.1, 0.3, 0.2, 0.4, 0.1, 0.3], []
    expected = by_hand(model.parameters(), moving.x, moving.y, lrs, momentum, decay, reset)
    train(
        model,
        moving,
        np.zeros(7),
        lrs,
        config,
        5,
        torch.Generator(),
        lambda step: seen.append(nn.utils.parameters_to_vector(model.parameters()).detach().clone()),
    )
    torch.testing.assert_close(torch.stack(seen), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reset", [0, 3])
def test_networks_trained_together_have_momentum_of_their_own(reset):
    config = TransferConfig.toy(momentum=0.9, weight_decay=0.1, reset_momentum=reset)
    moving_tasks = [OneBatch(0), OneBatch(1)]
    models = [linear(0), linear(1)]
    lrs = [0.5, 0.1, 0.3, 0.2, 0.4]
    seen = []
    expected = [by_hand(m.parameters(), o.x, o.y, lrs, 0.9, 0.1, reset) for m, o in zip(models, moving_tasks)]
    stack = Stack(models)
    note = lambda step: seen.append(
        torch.stack(
            [nn.utils.parameters_to_vector(stack.network(p).parameters()).detach().clone() for p in range(2)]
        )
    )
    train(stack, moving_tasks, np.zeros(5), lrs, config, 5, [torch.Generator(), torch.Generator()], note)
    torch.testing.assert_close(torch.stack(seen, 1), torch.stack(expected), rtol=1e-6, atol=1e-6)


def test_a_source_forgets_its_momentum_by_a_setting_of_its_own():
    task, weights = a_task("low"), {}
    for name, changes in {
        "never": {},
        "walk": dict(reset_momentum=1),
        "source": dict(source_reset_momentum=1),
    }.items():
        fitted = fit_task(task, 2, trajectory_mlp, TransferConfig.toy(**(SMALL | changes)), progress=False)
        weights[name] = nn.utils.parameters_to_vector(fitted.model.parameters())
    assert torch.equal(weights["never"], weights["walk"]) and not torch.equal(
        weights["never"], weights["source"]
    )


def trajectory_mlp(k):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, k))


def test_learning_rates_by_hand():
    assert learning_rates("constant", 0.3, 3).tolist() == [0.3] * 3
    assert learning_rates("step", 1.0, 10) == pytest.approx([1] * 3 + [0.2] * 3 + [0.04] * 2 + [0.008] * 2)
    assert learning_rates("cosine", 1.0, 4) == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2])
    rates = learning_rates("one_cycle", 2.0, 8)
    rise = [0.04 + 0.96 * t / 0.25 for t in (1 / 16, 3 / 16)]
    fall = [(1 + np.cos(np.pi * (t - 0.25) / 0.75)) / 2 for t in np.arange(5, 16, 2) / 16]
    assert rates == pytest.approx([2 * v for v in (*rise, *fall)])
    assert (
        rates[0] == pytest.approx(0.56)
        and rates.argmax() == 2
        and rates[-1] < 0.04
        and (np.diff(rates[:3]) > 0).all()
        and (np.diff(rates[2:]) < 0).all()
    )


# ---------- images


@pytest.mark.parametrize("speed, momentum", [(0.5, 1 - 0.9**0.5), (1.0, 0.1), (2.0, 0.19), (3.0, 0.271)])
def test_norm_speed_is_so_many_published_steps_in_one(speed, momentum):
    network = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm1d(3, momentum=0.5))
    averages.set_norm_speed(network, speed)
    assert network[0].momentum == pytest.approx(momentum, rel=1e-12) and network[1].momentum == pytest.approx(
        1 - 0.5**speed, rel=1e-12
    )


def test_norm_speed_of_a_path_has_the_published_jitter_or_the_most_there_is():
    for images in (100, 500, 2500):
        for changes in ({}, dict(k=4, batch_size=30)):
            path = fewer_steps.same_path(images, **changes)
            published, k = max(changes.get("k", 2), round(1.6 * images / 20)), path["steps"] // 100
            jitter = lambda m, k, batch: 2 / batch * m / (2 - m) * (1 - (1 - m) ** k)
            assert jitter(1 - 0.9 ** path["norm_speed"], k, path["batch_size"]) == pytest.approx(
                jitter(0.1, published, 20), rel=1e-6
            )
    # no momentum below 1 jitters as much
    assert fewer_steps.same_path(2500, batch_size=10_000)["norm_speed"] == pytest.approx(
        np.log(0.01) / np.log(0.9)
    )


@pytest.mark.parametrize(
    "one, other, flips",
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("padding", [0, 2])
def test_images_are_mirrored_only_where_every_task_allows_it(one, other, flips, asked, padding):
    found = augmentation(
        TransferConfig.toy(flip=asked, crop_padding=padding),
        a_task("one", flip=one),
        a_task("other", flip=other),
    )
    assert found == (CropFlip(padding, flips and asked, -2.0) if padding or flips and asked else identity)


def test_crops_are_padded_with_black():
    bright = [a_task("one"), a_task("other")]
    floats = [
        dataclasses.replace(t, x_train=t.x_train / 255 + k, x_test=t.x_test / 255)
        for k, t in enumerate(bright)
    ]
    config = TransferConfig.toy(crop_padding=1)
    assert augmentation(config, *bright).pad_value == -2.0
    assert (
        augmentation(config, *floats).pad_value
        == augmentation(config, *floats[::-1]).pad_value
        == floats[0].x_train.min().item()
    )


# ---------- the alternation


def coupled(source, target, **changes):
    settings = dict(first_coupling="independent", entropic_epsilon=0.0, coupling_iterations=2) | changes
    return distances.coupled_transfer(
        source, target, trajectory_mlp, TransferConfig.toy(**(SMALL | settings)), progress=False
    )


def test_the_weight_of_the_old_plan_grows_from_the_second_improvement_on(monkeypatch):
    weights, step = [], alternation.proximal_step
    monkeypatch.setattr(
        alternation,
        "proximal_step",
        lambda costs, plans, weight: weights.append(weight) or step(costs, plans, weight),
    )
    coupled(
        a_task("low"), a_task("high", seed=1), coupling_iterations=4, proximal_weight=0.5, proximal_growth=3.0
    )
    assert weights == pytest.approx([0.5, 1.5, 4.5])


def test_growth_has_no_say_in_the_first_improvement():
    pair = a_task("low"), a_task("high", seed=1)
    one, other = (coupled(*pair, proximal_growth=g) for g in (1.0, 1e9))
    assert one.iterations == other.iterations and one.iterations[0] != one.iterations[1]
    one, other = (coupled(*pair, proximal_growth=g, coupling_iterations=3) for g in (1.0, 1e9))
    assert one.iterations[:2] == other.iterations[:2] and one.iterations[2] != other.iterations[2]


# ---------- Task2Vec


def test_task2vec_measures_its_noise_floor():
    "Cosine distances of (a, b)/(a + b), by hand: between (3, 1) and (1, 1), and between the two halves (3, 1) and (1, 3)."
    embedded = {
        name: embeddings.Embedding(name, torch.tensor(v), torch.tensor(w))
        for name, v, w in (("low", [3.0, 1.0], [1.0, 3.0]), ("high", [1.0, 1.0], [1.0, 1.0]))
    }
    result = distances.task2vec(a_task("low"), a_task("high", seed=1), prepared=embedded)
    far = 1 - (3 / 4 * 1 / 4 + 1 / 2 * 1 / 2) / np.sqrt((9 / 16 + 1 / 4) * (1 / 16 + 1 / 4))
    floor = 1 - (3 / 4 * 1 / 4 + 1 / 4 * 3 / 4) / (9 / 16 + 1 / 16)
    assert (result.distance, result.noise_floor) == (
        pytest.approx(far),
        pytest.approx(floor),
    ) and floor == pytest.approx(0.4)


def test_task2vec_halves_differ_and_the_task_itself_has_distance_zero():
    config, task = TransferConfig.toy(**SMALL), a_task("low", n=40)
    result = distances.task2vec(task, task, "mlp", config, progress=False)
    assert result.distance == 0 < result.noise_floor <= 1


# ---------- the second learning rate of what a path is compared with


def test_reference_lr_is_the_second_rate_of_reference_fits_and_of_training_from_scratch(monkeypatch):
    "It is neither the path's rate nor the source's."
    config = TransferConfig.toy(
        **(SMALL | dict(lr=0.01, source_lr=0.02, reference_lr=0.03, excess_points=1, excess_steps=2))
    )
    tried = {"excess": set(), "scratch": set(), "tuned": set()}

    def spy(module, name, place, rate):
        inner = getattr(module, name)

        def noted(*args, **kwargs):
            tried[place].add(rate(*args))
            return inner(*args, **kwargs)

        monkeypatch.setattr(module, name, noted)

    spy(excess, "learning_rates", "excess", lambda schedule, lr, steps: lr)
    spy(scratch, "follow_walks", "scratch", lambda fitted, moving, task, labels, settings, *_: settings.lr)
    spy(tuned, "fine_tune", "tuned", lambda *args: args[5].lr)
    source, target = a_task("low", n=60), a_task("high", n=60, seed=1)
    noise_floor.fit_source(source, 4, trajectory_mlp, config, progress=False)
    scratch.from_scratch(target, trajectory_mlp, config)
    rank = lambda tuning: rank_sources(
        target, {"low": source}, "fine_tuning_error", trajectory_mlp, config, scratch=True, tuning=tuning
    )
    rank(Tuning("sgd", schedule="cosine"))
    assert tried["excess"] == tried["scratch"] == {0.01, 0.03}
    # sources are tuned at the default rate, None; fresh weights at two
    assert {round(rate, 9) for rate in tried["tuned"] if rate is not None} == {0.01, 0.03}


# ---------- what a ranking says it used


def images_seen(method, source, target, config, monkeypatch):
    "How many of the target's training images the measure really looks at."
    seen = {}

    def spy(module, name, count):
        inner = getattr(module, name)

        def noted(*args, **kwargs):
            seen.setdefault("n", count(*args, **kwargs))
            return inner(*args, **kwargs)

        monkeypatch.setattr(module, name, noted)

    if method == "task2vec":
        spy(embeddings, "fit_head", lambda probe, x, y: len(y))
    elif method in ("wasserstein", "wasserstein_features"):
        spy(distances, "wasserstein_2", lambda here, there: len(there))
    elif method == "otdd":
        spy(scores, "otdd", lambda f, y, g, z: len(z))
    elif method == "knn":
        spy(scores, "knn_accuracy", lambda f, y: len(y))
    else:
        spy(
            pairs,
            "follow_walks",
            lambda fitted, moving, task, *_: len(task.y_train) if task.name == target.name else seen,
        )
    prepared = (
        {source.name: noise_floor.fit_source(source, 4, trajectory_mlp, config, progress=False)}
        if method not in ("task2vec", "wasserstein")
        else None
    )
    seen.clear()
    scores.get_measure(method).measure(
        source, target, trajectory_mlp if method != "task2vec" else "mlp", config, 0, prepared, False
    )
    return seen["n"]


@pytest.mark.parametrize("images", [0, 30])
@pytest.mark.parametrize(
    "method", ["coupled", "fine_tuning", "knn", "otdd", "wasserstein", "wasserstein_features", "task2vec"]
)
def test_images_used_are_those_that_were_looked_at(method, images, monkeypatch):
    config = TransferConfig.toy(**(SMALL | dict(images=images)))
    source, target = a_task("low", n=60), a_task("high", n=60, seed=1)
    expected = {
        "coupled": images or 60,
        "fine_tuning": images or 60,
        "knn": min(images or 60, 30),
        "otdd": min(images or 60, 30) // 2,
        "wasserstein": 20,
        "wasserstein_features": min(images or 60, 40) // 2,
        "task2vec": images or 60,
    }[method]
    assert (
        images_seen(method, source, target, config, monkeypatch)
        == expected
        == methods.images_used(method, target, config)
    )


def test_images_used_of_a_score_that_looks_at_none():
    assert methods.images_used("source_accuracy", a_task("high"), TransferConfig.toy()) == 0
    assert methods.images_used("coupled_error", a_task("high"), TransferConfig.toy(images=99)) == 12
