"""Networks that a user may hand in: each works, with the right numbers, or is refused before training with a reason."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from taskdist_nb import models
from taskdist_nb.data import Task, digits_suite
from taskdist_nb.information import fisher_information
from taskdist_nb.building import build_model, evaluating
from taskdist_nb.predictions import head_of, penultimate, predict_features, predict_logits
from taskdist_nb.models import to_inputs
from taskdist_nb.together import transfer_together
from taskdist_nb.stack import check_stackable
from taskdist_nb.settings import TransferConfig
from taskdist_nb.seeds import derive_seed
from taskdist_nb.fitting import fit_task

X = digits_suite()["low"].x_train[:40]  # (40, 1, 8, 8) bytes
Z = to_inputs(X[:7])
QUICK = TransferConfig.toy(source_epochs=1, images=40, device="cpu")


def task():
    return digits_suite()["low"].subsample(n_train=40, n_test=40, seed=0)


# ---------- networks


class Body(nn.Module):
    "64 pixels to 16 features; the parts below add what is special."

    def __init__(self, k):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh()), nn.Linear(16, k)

    def forward(self, x):
        return self.head(self.body(x))


class Auxiliary(Body):
    "Two outputs, in training mode only, as torchvision's Inception has them."

    def forward(self, x):
        out = super().forward(x)
        return (out, out) if self.training else out


class Named(Body):
    "A dictionary, as segmentation networks return it."

    def forward(self, x):
        return {"out": super().forward(x), "aux": None}


class WithLogits(Body):
    "An object with `.logits`, as transformers' classifiers return it."

    class Output:
        def __init__(self, logits):
            self.logits = logits

    def forward(self, x):
        return self.Output(super().forward(x))


class Wrapped(nn.Module):
    "What the remedy asks for."

    def __init__(self, k):
        super().__init__()
        self.network = WithLogits(k)

    def forward(self, x):
        return self.network(x).logits


class WiderInTraining(Body):
    def forward(self, x):
        out = super().forward(x)
        return torch.cat([out, out], 1) if self.training else out


class Detached(Body):
    def forward(self, x):
        return super().forward(x).detach()


class InPlace(Body):
    "A derivative needs what the next line overwrites."

    def forward(self, x):
        h = self.body(x).exp()
        out = self.head(h)
        h += 1
        return out


class NoisyEvaluation(Body):
    "The classic slip: functional dropout without training=self.training."

    def forward(self, x):
        return self.head(F.dropout(self.body(x), 0.5))


class Squeezed(Body):
    "One image loses its batch axis."

    def forward(self, x):
        return super().forward(x).squeeze()


class FixedBatch(Body):
    def forward(self, x):
        return super().forward(x.reshape(2, 1, 8, 8))


class Recurrent(nn.Module):
    "Reads an image line by line."

    def __init__(self, k, kind=nn.LSTM, batch_first=True):
        super().__init__()
        self.cell, self.head = kind(8, 6, batch_first=batch_first), nn.Linear(6, k)

    def forward(self, x):
        return self.head(self.cell(x[:, 0])[0][:, -1])


class Cell(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.cell, self.head = nn.LSTMCell(8, 6), nn.Linear(6, k)

    def forward(self, x):
        state = None
        for line in x[:, 0].unbind(1):
            state = self.cell(line, state)
        return self.head(state[0])


class Attention(nn.Module):
    def __init__(self, k, batch_first=True):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(8, 2, batch_first=batch_first), nn.Linear(8, k)

    def forward(self, x):
        lines = x[:, 0]
        return self.head(self.attention(lines, lines, lines)[0].mean(1))


class Encoder(nn.Module):
    def __init__(self, k):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 1), nn.Linear(8, k)

    def forward(self, x):
        return self.head(self.encoder(x[:, 0]).mean(1))


class DotProduct(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.split, self.head = nn.Linear(8, 24), nn.Linear(8, k)

    def forward(self, x):
        query, key, value = self.split(x[:, 0]).chunk(3, -1)
        return self.head(F.scaled_dot_product_attention(query, key, value).mean(1))


def batch_statistics(k):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, k)
    )


def image_statistics(k):
    return nn.Sequential(
        nn.LazyConv2d(4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten(), nn.LazyLinear(k)
    )


def frozen(k):
    return Body(k).requires_grad_(False)


def compiled(k):
    return torch.compile(Body(k))


def part_compiled(k):
    return nn.Sequential(nn.Flatten(), torch.compile(nn.Linear(64, 8)), nn.Linear(8, k))


def scripted(k):
    return torch.jit.trace(Body(k), torch.zeros(2, 1, 8, 8))


def half(k):
    return Body(k).bfloat16()


def compiled_in_place(k):
    network = Body(k)
    network.compile()
    return network


REFUSED = {
    "training tuple": (Auxiliary, ValueError, "in training mode", "tuple", "outputs of auxiliary heads"),
    "training width": (WiderInTraining, ValueError, "in training mode", "(2, 10)", "last layer"),
    "dictionary": (Named, ValueError, "logits", "dict", "['aux', 'out']"),
    "object": (WithLogits, ValueError, "logits", "Output", "returns `.logits`"),
    "detached": (Detached, ValueError, "with a gradient in training mode", "does not require grad", ""),
    "in place": (InPlace, ValueError, "with a gradient in training mode", "inplace operation", ""),
    "frozen": (frozen, ValueError, "weights to train", "4 parameters, all frozen", "requires_grad=True"),
    "half": (half, TypeError, "float32 or float64", "torch.bfloat16", "precision='bfloat16'"),
    "compiled": (compiled, TypeError, "not compiled", "the whole model", "hand over the module"),
    "compiled in place": (
        compiled_in_place,
        TypeError,
        "not compiled",
        "the whole model",
        "hand over the module",
    ),
    "part compiled": (part_compiled, TypeError, "not compiled", "1, compiled", "hand over the module"),
    "scripted": (scripted, TypeError, "not compiled", "the whole model", "hand over the module"),
    "batch statistics": (
        batch_statistics,
        ValueError,
        "each image by itself",
        "Expected more than 1 value",
        "track_running_stats=True",
    ),
    "batch statistics, image": (
        image_statistics,
        ValueError,
        "each image by itself",
        "change with the other images",
        "track_running_stats=True",
    ),
    "images as time": (
        lambda k: Recurrent(k, batch_first=False),
        ValueError,
        "each image by itself",
        "change with the other images",
        "batch_first=True",
    ),
    "images as words": (
        lambda k: Attention(k, False),
        ValueError,
        "each image by itself",
        "change with the other images",
        "batch_first=True",
    ),
    "noise": (
        NoisyEvaluation,
        ValueError,
        "the same twice",
        "differ from call to call",
        "training=self.training",
    ),
    "squeezed": (Squeezed, ValueError, "(1, 5) for 1 images", "Got: (5,)", ""),
    "fixed batch": (FixedBatch, ValueError, "each image by itself", "shape", ""),
}


@pytest.mark.parametrize("factory, error, argument, got, remedy", REFUSED.values(), ids=REFUSED)
def test_refused_before_training(factory, error, argument, got, remedy):
    with pytest.raises(error) as e:
        build_model(factory, 5, X, 0)
    message = str(e.value)
    assert argument in message and got in message and remedy in message, message
    assert torch.is_grad_enabled() and torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(error):
        fit_task(task(), 5, factory, QUICK, progress=False)


def test_twin_images_do_not_hide_batch_statistics():
    "The first two images may be one and the same; the first that differs is looked for."
    same = torch.cat([X[:1]] * 6 + [X[20:21]])
    with pytest.raises(ValueError, match="each image by itself"):
        build_model(image_statistics, 5, same, 0)


# ---------- what works: same numbers as plain torch

WORKS = {
    "wrapped": Wrapped,
    "lstm": Recurrent,
    "gru": lambda k: Recurrent(k, nn.GRU),
    "rnn": lambda k: Recurrent(k, nn.RNN),
    "cell": Cell,
    "attention": Attention,
    "encoder": Encoder,
    "dot product": DotProduct,
    "float64": lambda k: Body(k).double(),
}


def plain_fisher(network, x):
    "Fisher information by one backward pass for each image and class."
    network, weights, total = network.eval(), list(network.parameters()), 0
    for one in x:
        log_p = network(one[None])[0].log_softmax(0)
        for value in log_p:
            rows = torch.autograd.grad(value, weights, retain_graph=True, materialize_grads=True)
            score = torch.cat([r.flatten() for r in rows])
            total = total + value.exp().detach() * torch.outer(score, score) / len(x)
    return total


@pytest.mark.parametrize("factory", WORKS.values(), ids=WORKS)
def test_works(factory):
    network = build_model(factory, 5, X, 0)
    x = Z.to(next(network.parameters()).dtype)
    with evaluating(network), torch.no_grad():
        plain = network(x)
    logits = predict_logits(network, X[:7])
    assert logits.dtype == x.dtype
    torch.testing.assert_close(logits, plain)
    features, again = predict_features(network, X[:7], batch_size=3)
    assert torch.equal(again, predict_logits(network, X[:7], batch_size=3))
    head = network.get_submodule(head_of(network, X))
    torch.testing.assert_close(head(features), logits)
    fitted = fit_task(task(), 5, factory, QUICK, progress=False)
    start = build_model(factory, 5, task().x_train, 0)
    assert 0 <= fitted.accuracy <= 1 and next(fitted.model.parameters()).dtype == x.dtype
    assert not torch.equal(predict_logits(fitted.model, X), predict_logits(start, X))


@pytest.mark.parametrize("factory", WORKS.values(), ids=WORKS)
def test_fisher_information_of_every_kind(factory):
    network = build_model(factory, 3, X, 0).train()
    x = Z.to(next(network.parameters()).dtype)
    want = plain_fisher(build_model(factory, 3, X, 0), x)
    close = dict(rtol=1e-4, atol=1e-6 * want.abs().max().item())
    torch.testing.assert_close(fisher_information(network, x), want, **close)
    torch.testing.assert_close(fisher_information(network, x, max_entries=1), want, **close)
    torch.testing.assert_close(fisher_information(network, x, structure="diagonal"), want.diagonal(), **close)
    v = torch.randn(len(want), generator=torch.Generator().manual_seed(0)).to(want)
    times = fisher_information(network, x, structure="product")
    with torch.no_grad():
        # the product belongs to the weights of its making
        for w in network.parameters():
            w.zero_()
    torch.testing.assert_close(times(v), want @ v, rtol=1e-4, atol=1e-5 * (want @ v).abs().max().item())
    assert network.training


def test_fisher_information_under_no_grad():
    network = build_model(Cell, 3, X, 0)
    want = fisher_information(network, Z)
    with torch.no_grad():
        assert torch.equal(fisher_information(network, Z), want)


def test_fisher_information_does_not_depend_on_a_memory_setting():
    "Batch statistics gave 48.6 or 48.1, by `max_entries`; now they are refused, and the rest agrees."
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3)
    )
    for structure in ("dense", "diagonal", "product"):
        with pytest.raises(ValueError, match="each image by itself"):
            fisher_information(network, Z, structure=structure)
    with pytest.raises(TypeError, match="not compiled"):
        fisher_information(torch.compile(Body(3)), Z)


def test_compiled_modules_have_no_features_but_an_error():
    for read in (penultimate, predict_features, head_of):
        with pytest.raises(TypeError, match="not compiled"):
            read(torch.compile(Body(3)), X)


def test_partly_frozen_weights_stay():
    def transferred(k):
        network = Body(k)
        network.body.requires_grad_(False)
        return network

    start = build_model(transferred, 5, X, derive_seed(0, "weights"))
    fitted = fit_task(task(), 5, transferred, QUICK, progress=False).model
    assert not fitted.body[1].weight.requires_grad and fitted.head.weight.requires_grad
    assert torch.equal(fitted.body[1].weight, start.body[1].weight)
    assert not torch.equal(fitted.head.weight, start.head.weight)


def test_one_row_an_image_or_no_features():
    class PerLine(nn.Module):
        def __init__(self, k):
            super().__init__()
            self.head = nn.Linear(8, k)

        def forward(self, x):
            return self.head(x.reshape(-1, 8)).view(len(x), 8, -1).mean(1)

    network = build_model(PerLine, 5, X, 0)
    with pytest.raises(ValueError, match=r"one row an image.*\(56, 8\) for 7 images"):
        penultimate(network, X[:7])
    assert predict_logits(network, X[:7]).shape == (7, 5)


def test_recurrent_layers_are_refused_in_lock_step_before_a_fit(monkeypatch):
    suite = digits_suite()

    def never(*args, **kwargs):
        raise AssertionError("a source was fitted")

    monkeypatch.setattr("taskdist_nb.together.prepare_transfer", never)
    for factory in (Recurrent, Cell):
        with pytest.raises(ValueError, match="train one pair at a time"):
            transfer_together([(suite["low"], suite["high"])], "uncoupled", factory, QUICK, progress=False)
    for factory in (Attention, Encoder, DotProduct, models.small_cnn_authors):
        check_stackable(factory, suite["low"])


# ---------- factories


def test_one_module_twice_is_an_error():
    one, parts = Body(5), Body(5)
    with pytest.raises(ValueError, match="a new module at each call.*body.1.weight"):
        build_model(lambda k: one, 5, X, 0)
    with pytest.raises(ValueError, match="a new module at each call.*0.1.weight"):
        build_model(lambda k: nn.Sequential(parts.body, nn.Linear(16, k)), 5, X, 0)
    norm = nn.BatchNorm2d(1).requires_grad_(False)
    with pytest.raises(ValueError, match="a new module at each call.*running_mean"):
        build_model(lambda k: nn.Sequential(norm, nn.Flatten(), nn.Linear(64, k)), 5, X, 0)
    with pytest.raises(ValueError, match="a new module at each call"):
        fit_task(task(), 5, lambda k: one, QUICK, progress=False)


def test_frozen_parts_without_statistics_may_be_shared():
    shared = nn.Sequential(nn.Flatten(), nn.Linear(64, 16)).requires_grad_(False)
    before = shared[1].weight.clone()
    fitted = fit_task(
        task(), 5, lambda k: nn.Sequential(shared, nn.Tanh(), nn.Linear(16, k)), QUICK, progress=False
    )
    assert fitted.model[0] is shared and torch.equal(shared[1].weight, before)


@pytest.mark.parametrize(
    "draw",
    [lambda: np.random.rand(16, 64), lambda: [[random.random() for _ in range(64)] for _ in range(16)]],
    ids=["numpy", "python"],
)
def test_other_generators_are_seeded_and_given_back(draw):
    def factory(k):
        network = Body(k)
        network.body[1].weight.data = torch.tensor(np.array(draw()), dtype=torch.float32)
        return network

    def weights(seed):
        return build_model(factory, 5, X, seed).body[1].weight

    np.random.seed(5), random.seed(5)
    one = weights(3)
    after = np.random.rand(), random.random()
    np.random.seed(5), random.seed(5)
    assert after == (np.random.rand(), random.random())
    assert torch.equal(one, weights(3)) and not torch.equal(one, weights(4))
    assert 0 <= one.min() and one.max() < 1 and one.std() > 0.2


def test_weights_that_the_seed_does_not_decide_are_refused():
    def by_the_clock(k):
        network = Body(k)
        network.body[1].weight.data = torch.tensor(
            np.random.default_rng().random((16, 64)), dtype=torch.float32
        )
        return network

    with pytest.raises(ValueError, match="the same weights.*body.1.weight, which differs between two calls"):
        build_model(by_the_clock, 5, X, 0)


def test_weights_from_a_file_are_the_same_for_each_seed():
    saved = Body(5).state_dict()

    def pretrained(k):
        network = Body(k)
        network.load_state_dict(saved)
        return network

    for seed in (0, 1):
        assert torch.equal(build_model(pretrained, 5, X, seed).head.weight, saved["head.weight"])


# ---------- the networks of the paper


def test_dropout_of_the_authors_network_is_drawn_from_the_seed():
    x = torch.zeros(40, 3, 16, 16, dtype=torch.uint8).random_(generator=torch.Generator().manual_seed(0))
    photos = Task("photos", x, torch.arange(40) % 5, x, torch.arange(40) % 5, tuple("abcde"))
    config = TransferConfig.toy(source_epochs=1, source_lr=0.01, device="cpu")
    one, two = (
        predict_logits(fit_task(photos, 5, models.small_cnn_authors, config, 0, False).model, x)
        for _ in range(2)
    )
    plain = predict_logits(fit_task(photos, 5, models.small_cnn, config, 0, False).model, x)
    assert torch.equal(one, two) and not torch.equal(one, plain)
