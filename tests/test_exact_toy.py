"""The engine against lengths that need no sampling: logistic regression between Gaussian classes on a line.

Independent of nbs/explanations/exact_toy.ipynb: another quadrature (Gauss-Hermite in place of the trapezoidal rule, torch autograd
in place of formulas). Tolerances: a sample of 2 x n points has a best path of its own, so the engine is compared (a) with the best path for
its sample, where only lag and float32 remain, and (b) with the density's, within four standard errors over samples."""

import functools
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid
from taskdist_nb.labels import LabelSpace, joint_label_space
from taskdist_nb.data import Task
from taskdist_nb.ruler import LengthMeter
from taskdist_nb.toy import settings
from taskdist_nb.fitting import fit_task
from taskdist_nb.seeds import make_generator
from taskdist_nb.trajectory import follow
from taskdist_nb.walks import follow_walks, walk_streams
from taskdist_nb.block_coupling import BlockCoupling
from taskdist_nb.moving import Displacement, Mixture, Probe, StaticTask

SOURCE, TARGET = ((-1.0, 1.0), (1.0, 1.0)), ((0.0, 2.5), (1.5, 1.0))  # means, widths of the two classes
TAUS, N = np.linspace(0, 1, 21), 1000
# both tasks have the classes "left" and "right"
LABELS = LabelSpace(2, (0, 1), (0, 1))
NODES, WEIGHTS = (torch.from_numpy(v) for v in np.polynomial.hermite_e.hermegauss(120))
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def on_line(gauss):
    return torch.cat([m + s * NODES for m, s in zip(*gauss)])


def density(tau, gauss=(SOURCE, TARGET)):
    "x, w, y of the displacement at tau."
    return (
        (1 - tau) * on_line(gauss[0]) + tau * on_line(gauss[1]),
        WEIGHTS.repeat(2) / 2,
        torch.tensor([0.0, 1.0]).double().repeat_interleave(len(NODES)),
    )


def best(points, beta):
    "Newton's method on the weighted cross-entropy, derivatives by autograd."
    x, w, y = points
    loss = lambda b: (w * binary_cross_entropy_with_logits(b[0] * x + b[1], y, reduction="none")).sum()
    for _ in range(30):
        g, h = torch.func.grad(loss)(beta), torch.func.hessian(loss)(beta)
        beta = beta - torch.linalg.solve(h, g)
        if g.abs().max() < 1e-11:
            return beta
    raise ArithmeticError("no convergence")


def best_path(task, taus=TAUS):
    path, beta = [], torch.zeros(2).double()
    for tau in taus:
        beta = best(task(tau), beta)
        path.append(beta)
    return path


def exact(task, taus=TAUS, path=None):
    "(B, A) summed over the steps of the best path, each at the inputs where it begins."
    total, path = np.zeros(2), path or best_path(task, taus)
    for b, c, tau in zip(path, path[1:], taus):
        x, w, _ = task(tau)
        u, v = b[0] * x + b[1], c[0] * x + c[1]
        kl = u.sigmoid() * (logsigmoid(u) - logsigmoid(v)) + (-u).sigmoid() * (
            logsigmoid(-u) - logsigmoid(-v)
        )
        twice = (2 * kl).clamp_min(0)
        total += float(w @ twice.sqrt()), float(w @ twice) ** 0.5
    return total


def logistic(k):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(k))


def draw(gauss, seed, name):
    g = torch.Generator().manual_seed(seed)
    x = torch.cat([m + s * torch.randn(N, generator=g) for m, s in zip(*gauss)]).view(-1, 1, 1, 1)
    y = torch.arange(2).repeat_interleave(N)
    return Task(name, x, y, x[::10], y[::10], ("left", "right"))


def config(**changes):
    # shared with the notebook: what is tested is the engine, not the settings
    return settings(N, **dict(source_epochs=200, steps=400, lr=0.2, checkpoints=20, probes=2 * N) | changes)


@functools.cache
def prepared(seed):
    "Displacement of one sample along the class-wise monotone coupling, its target, the fitted source."
    source, target = draw(SOURCE, 2 * seed, "source"), draw(TARGET, 2 * seed + 1, "target")
    rank = lambda t: (t.x_train.flatten() + 1000 * t.y_train).argsort()[:, None]
    coupling = BlockCoupling(rank(source), rank(target), torch.ones(2 * N, 1, 1))
    moving = Displacement(source, target, coupling, joint_label_space(source, target))
    return moving, target, fit_task(source, 2, logistic, config(), seed, progress=False)


@functools.cache
def walked(seed, **changes):
    moving, target, fitted = prepared(seed)
    return follow(
        fitted,
        moving,
        target,
        LABELS,
        config(**changes),
        {k: make_generator(seed, k) for k in ("batches", "probes", "excess")},
    )


def lengths(trajectory):
    return np.array([trajectory.lengths["per_input"], trajectory.lengths["riemannian"]])


def own(seed):
    "The sample itself as a moving task for the quadrature."
    moving = prepared(seed)[0]
    probe = moving.pairs(moving.coupling.rows[:, 0], moving.coupling.columns[:, 0])
    return lambda tau: (
        probe.inputs(tau).double().flatten(),
        probe.weights(tau).double(),
        probe.targets(tau)[:, 1].double(),
    )


def test_quadrature_knows_bayes_rule():
    assert torch.allclose(
        best(density(0.0), torch.zeros(2).double()), torch.tensor([2.0, 0.0]).double(), atol=1e-8
    )


@pytest.mark.parametrize("inputs", ["same", "moving"])
def test_ruler_reads_the_quadrature(inputs):
    "Exact weights in a network, quadrature nodes as the probe: no error but rounding. A rigid shift has a closed length; seen at moving inputs it has none."
    shifted = lambda tau: density(tau, (SOURCE, ((0.5, 2.5), (1.0, 1.0))))
    path, image = best_path(shifted), lambda v: v.view(-1, 1, 1, 1)
    labels = torch.eye(2)[density(0.0)[2].long()]
    meter = LengthMeter(
        Probe(
            image(shifted(0.0)[0]), image(shifted(1.0)[0]), labels, labels, density(0.0)[1], density(0.0)[1]
        ),
        inputs=inputs,
    )
    model = logistic(2).double()
    model(torch.zeros(1, 1, 1, 1).double())
    for k, (beta, tau) in enumerate(zip(path, TAUS)):
        model[1].weight.data[:, 0], model[1].bias.data[:] = torch.stack([-beta / 2, beta / 2]).T
        meter.mark(model, float(tau), final=k == 20)
    read = np.sum(meter.steps, axis=0)
    p = (2 * on_line(SOURCE)).sigmoid()
    w = density(0.0)[1]
    closed = 2 * 1.5 * np.array([float(w @ (p * (1 - p)).sqrt()), float(w @ (p * (1 - p))) ** 0.5])
    np.testing.assert_allclose(
        read, exact(shifted, path=path) if inputs == "same" else 0, rtol=1e-6, atol=1e-6
    )
    # 20 steps: error of order 1/M^2 here
    np.testing.assert_allclose(read, closed if inputs == "same" else 0, rtol=3e-3, atol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_engine_walks_the_best_path_of_its_sample(seed):
    "Whole-sample gradients: what remains is lag, 1/(2 lr steps/(1 - momentum) x curvature 0.03) = 2 per cent at most."
    np.testing.assert_allclose(lengths(walked(seed)), exact(own(seed)), rtol=0.02)


def test_engine_agrees_with_the_density():
    "The best length of a sample scatters; four standard errors of the mean of three samples, from 8 redrawn ones, plus 2 per cent lag."
    spread = np.std([exact(own_of(s), TAUS[::5]) for s in range(10, 18)], axis=0, ddof=1)
    got = np.mean([lengths(walked(s)) for s in range(3)], axis=0)
    B, A = truth = exact(density)
    assert (abs(got - truth) < 4 * spread / 3**0.5 + 0.02 * truth).all()
    assert (spread < 0.06 * truth).all()  # the comparison has teeth
    assert B < 0.95 * A and got[0] < got[1]


def own_of(seed):
    "As `own`, without fitting anything."
    s, t = (
        draw(g, 2 * seed + k, "t").x_train.double().view(2, N).sort(1).values.flatten()
        for k, g in enumerate((SOURCE, TARGET))
    )
    w, y = torch.full((2 * N,), 1 / (2 * N)).double(), torch.tensor([0.0, 1.0]).double().repeat_interleave(N)
    return lambda tau: ((1 - tau) * s + tau * t, w, y)


def test_slow_learner_has_a_short_path_and_a_large_loss():
    "Gradient flow at learning speed 2 lr steps/(1 - momentum), integrated with Euler's rule from the exact gradients, is what the engine does."
    slow, task = walked(0, lr=0.001), own(0)
    beta = best(task(0.0), torch.zeros(2).double())
    path, steps = [beta], 4000
    for k in range(steps):
        x, w, y = task((k + 1) / steps)
        r = w * ((beta[0] * x + beta[1]).sigmoid() - y)
        beta = beta - 2 * 0.001 * 400 / (1 - 0.9) / steps * torch.stack([(r * x).sum(), r.sum()])
        if (k + 1) % (steps // 20) == 0:
            path.append(beta)
    # momentum needs 10 of 20 x 20 steps to start
    np.testing.assert_allclose(lengths(slow), exact(task, path=path), rtol=0.05)
    assert lengths(slow)[0] < 0.6 * lengths(walked(0))[0]
    assert slow.path.loss.iloc[-1] > walked(0).path.loss.iloc[-1] + 0.03


def test_noise_has_length_and_grows_with_the_number_of_checkpoints():
    "Close checkpoints see a random walk, length ~ sqrt(M); the noiseless path's length does not care."
    noise = dict(batch_size=20, lr=0.05, momentum=0.0)
    few, many = (lengths(walked(0, checkpoints=M, **noise))[0] for M in (40, 400))
    assert 10**0.35 < many / few < 10**0.65
    coarse, fine = (exact(density, np.linspace(0, 1, M + 1))[0] for M in (10, 40))
    assert abs(fine / coarse - 1) < 0.005


def test_mixture_agrees_with_its_own_sample():
    "A mixture batch stays random however large: a low rate and many steps keep noise and lag below 3 per cent together (measured: 0.6 to 1.7 over 3 samples; lag halves when the steps double)."
    _, target, fitted = prepared(0)
    source = draw(SOURCE, 0, "source")
    mixture = Mixture(source, target, joint_label_space(source, target))
    streams = {k: make_generator(0, k) for k in ("batches", "probes", "excess")}
    got = lengths(follow(fitted, mixture, target, LABELS, config(probes=4 * N, lr=0.05, steps=1600), streams))
    x, y = (
        torch.cat([getattr(t, k) for t in (source, target)]).double().flatten()
        for k in ("x_train", "y_train")
    )
    half = torch.full((2 * N,), 1 / (2 * N)).double()
    np.testing.assert_allclose(
        got, exact(lambda tau: (x, torch.cat([(1 - tau) * half, tau * half]), y)), rtol=0.03
    )


@functools.cache
def four_walks(batch, still=False):
    "The lengths of four walks, read together over five stretches: of the displacement or of the source that stands still."
    moving, target, fitted = prepared(0)
    settings = config(batch_size=batch, lr=0.05, steps=1200, walks=4, stretches=5)
    task, goal = (
        (StaticTask(draw(SOURCE, 0, "source"), 2), draw(SOURCE, 0, "source")) if still else (moving, target)
    )
    joined = follow_walks(
        fitted, task, goal, LABELS, settings, walk_streams(settings, 0, "four", str(batch), str(still))
    )
    return joined.lengths | dict(error=joined.path.cross_stderr.iloc[-1])


def test_cross_validated_length_is_the_true_one_in_noise():
    "Thirty times the noise doubles the published reading at least. The shared length keeps to the best path's: 2 per cent in little noise, and its own error in much (lag: 0.6 per cent)."
    truth = exact(own(0))[1]
    little, much = four_walks(800), four_walks(25)
    assert little["riemannian"] < 1.15 * truth and much["riemannian"] > 2 * truth
    assert abs(little["cross"] / truth - 1) < 0.02 and little["error"] < 0.02 * truth
    # the jackknife of four walks errs upwards, by half or more (nbs/explanations/exact_toy.ipynb), so it is held against what it replaces
    assert abs(much["cross"] - truth) < 3 * much["error"] and much["error"] < 0.2 * (
        much["riemannian"] - truth
    )


def test_a_still_task_has_no_cross_validated_length():
    still = four_walks(25, still=True)
    assert abs(still["cross"]) < 3 * still["error"] and still["error"] < 0.15 * still["riemannian"]
