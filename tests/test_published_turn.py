"""One turn of the published procedure, written again without the package: slow, one image at a time, in plain torch.

The first half knows nothing of `taskdist_nb`; it is the specification of `TransferConfig.paper()`. The second half compares.
What is written down here: Gao and Chaudhari (2021), and what their published code does beyond the text."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

# ---------- the naive turn


def clock(t):
    "tau at time t, slow at both ends of the path and fastest half-way."
    if t < 0.5:
        return 0.5 - 2 / math.pi * math.asin(math.sqrt(0.5 - t))
    return 1.5 - 2 / math.pi * math.asin(math.sqrt(1.5 - t))


def sgd(weights, velocity, lr, momentum, decay):
    "One step of SGD with momentum and weight decay; the gradients are used up."
    with torch.no_grad():
        for w, v in zip(weights, velocity):
            v.mul_(momentum).add_(w.grad + decay * w)
            w -= lr * v
            w.grad = None


def still(weights):
    return [torch.zeros_like(w) for w in weights]


def crop_and_flip(images, padding, g):
    "Each image is cut out of its padded self somewhere and mirrored or not; black is -2."
    if not padding:
        return images
    shift = torch.randint(0, 2 * padding + 1, (2, len(images), 1), generator=g)
    mirror = torch.rand(len(images), 1, generator=g) < 0.5
    out = []
    for n, image in enumerate(images):
        padded, (h, w) = nn.functional.pad(image, (padding,) * 4, value=-2.0), image.shape[1:]
        (down,), (right,) = shift[0, n].tolist(), shift[1, n].tolist()
        cut = padded[:, down : down + h, right : right + w]
        out.append(cut.flip(2) if mirror[n] else cut)
    return torch.stack(out)


def batches(n, size, g, passes):
    "An epoch of batches: a shuffle of all samples, cut up; or, not as published, each batch a draw of its own."
    order = torch.randperm(n, generator=g) if passes else None
    for b in range(n // size):
        yield (
            torch.randperm(n, generator=g)[:size] if order is None else order[b * size : (b + 1) * size]
        ).tolist()


def fit(network, x, y, epochs, size, lr, momentum, decay, padding, g, passes=True, forget=True):
    "The source: a new optimiser each epoch, the rate times 0.2 after 30%, 60% and 80% of the epochs."
    network, weights = copy.deepcopy(network).train(), None
    weights = list(network.parameters())
    velocity = still(weights)
    for epoch in range(epochs):
        rate = lr * 0.2 ** sum(epoch >= share * epochs for share in (0.3, 0.6, 0.8))
        if forget:
            velocity = still(weights)
        for rows in batches(len(x), size, g, passes):
            for image, row in zip(crop_and_flip(x[rows], padding, g), rows):
                loss = -network(image[None].double())[0].log_softmax(0)[y[row]]
                (loss / size).backward()
            sgd(weights, velocity, rate, momentum, decay)
    return network


def partner(row, u):
    "The column that u, uniform in [0, 1), draws from a row of the coupling."
    return int((torch.cumsum(row / row.sum(), 0) <= u).sum())


def walk(
    network,
    x_s,
    y_s,
    x_t,
    y_t,
    plan,
    epochs,
    size,
    lr,
    momentum,
    decay,
    checkpoints,
    padding,
    g,
    passes=True,
    forget=True,
):
    "SGD follows the moving task; [(steps done, tau that was held, network)] at evenly spaced steps, the first before any."
    network = copy.deepcopy(network).train()
    weights, steps, done = list(network.parameters()), epochs * (len(x_s) // size), 0
    seen, velocity = [(0, 0.0, copy.deepcopy(network).eval())], still(weights)
    for epoch in range(epochs):
        tau = clock(epoch / epochs)  # stands still for an epoch, and so ends below 1
        if forget:
            velocity = still(weights)  # a new optimiser each epoch
        for rows in batches(len(x_s), size, g, passes):
            u = torch.rand(size, 1, generator=g, dtype=torch.float64)
            columns = [partner(plan[i], u_i) for i, u_i in zip(rows, u)]
            a, b = crop_and_flip(x_s[rows], padding, g), crop_and_flip(x_t[columns], padding, g)
            for a_n, b_n, i, j in zip(a, b, rows, columns):
                log_p = network(((1 - tau) * a_n + tau * b_n)[None].double())[0].log_softmax(0)
                loss = -(1 - tau) * log_p[y_s[i]] - tau * log_p[y_t[j]]
                (loss / size).backward()
            sgd(weights, velocity, lr, momentum, decay)
            done += 1
            if done % (steps // checkpoints) == 0:
                seen.append((done, tau, copy.deepcopy(network).eval()))
    return seen


def log_probabilities(network, a, b, tau):
    with torch.no_grad():
        return network(((1 - tau) * a + tau * b)[None].double())[0].log_softmax(0)


def kl(log_p, log_q):
    return (log_p.exp() * (log_p - log_q)).sum().item()


def cost(seen, a, b, reading):
    """Length of the path seen at one moving pair of images: the sum of sqrt(2 KL) over its steps.

    Both predictions of a step are taken on one input, x at the tau of the step's beginning. "authors": but the earlier one had
    been stored at the tau that was held while it was trained."""
    steps, total = seen[-1][0], 0.0
    for (done, held, before), (_, _, after) in zip(seen, seen[1:]):
        tau = clock(done / steps)
        first = log_probabilities(before, a, b, held if reading == "authors" else tau)
        total += math.sqrt(2 * max(0.0, kl(first, log_probabilities(after, a, b, tau))))
    return total


def costs_in_blocks(seen, x_s, x_t, block, reading):
    "C (n, n) inside the blocks of consecutive images, 0 elsewhere."
    n, C = len(x_s), torch.zeros(len(x_s), len(x_t), dtype=torch.float64)
    for i in range(n):
        for j in range(n):
            if i // block == j // block:
                C[i, j] = cost(seen, x_s[i], x_t[j], reading)
    return C


def nearest_plan(target):
    "The doubly stochastic matrix (of mass 1) nearest to `target`: a small quadratic programme, given to a general solver."
    b, want = len(target), target.flatten().numpy()
    rows = [dict(type="eq", fun=lambda p, k=k: p.reshape(b, b)[k].sum() - 1 / b) for k in range(b)]
    # the last follows
    columns = [dict(type="eq", fun=lambda p, k=k: p.reshape(b, b)[:, k].sum() - 1 / b) for k in range(b - 1)]
    found = minimize(
        lambda p: ((p - want) ** 2).sum() / 2,
        np.full(b * b, 1 / b**2),
        jac=lambda p: p - want,
        method="SLSQP",
        bounds=[(0, 1)] * (b * b),
        constraints=rows + columns,
        options=dict(ftol=1e-16, maxiter=1000),
    )
    assert found.success, found.message
    return torch.tensor(found.x).view(b, b)


def next_plan(plan, C, block, checkpoints, weight):
    """argmin <P, C> + weight/2 ||P - plan||^2 block by block, each block of mass 1, the cost in the authors' unit, mean sqrt(KL).

    Completing the square, that is the plan nearest to plan - C/weight."""
    out, n_blocks = torch.zeros_like(plan), len(plan) // block
    for k in range(n_blocks):
        here = slice(k * block, (k + 1) * block)
        published = C[here, here] / (math.sqrt(2) * checkpoints)
        out[here, here] = nearest_plan(n_blocks * plan[here, here] - published / weight) / n_blocks
    return out


def entropic_plan(cost_matrix, epsilon, rounds=2000):
    "Sinkhorn's iteration for equal weights, on logarithms."
    b = len(cost_matrix)
    M = -cost_matrix.double() / epsilon
    f = torch.zeros(b, 1, dtype=torch.float64)
    g = torch.zeros(1, b, dtype=torch.float64)
    for _ in range(rounds):
        f = -math.log(b) - (M + g).logsumexp(1, keepdim=True)
        g = -math.log(b) - (M + f).logsumexp(0, keepdim=True)
    return (M + f + g).exp()


# ---------- the package beside it

from taskdist_nb.data import Task
from taskdist_nb.labels import joint_label_space
from taskdist_nb.alternation import BlockCosts
from taskdist_nb.distances import coupled_transfer
from taskdist_nb.first_coupling import first_coupling
from taskdist_nb.pairs import prepare_transfer
from taskdist_nb.building import build_model
from taskdist_nb.predictions import penultimate
from taskdist_nb.models import to_inputs
from taskdist_nb.settings import TransferConfig
from taskdist_nb.fitting import augmentation, fit_task
from taskdist_nb.seeds import derive_seed
from taskdist_nb.trajectory import follow
from taskdist_nb.noise_floor import fit_source
from taskdist_nb.clock import held_taus, path_times
from taskdist_nb.block_coupling import BlockCoupling
from taskdist_nb.moving import Displacement
from taskdist_nb.couplings import make_blocks, proximal_step

# 4 steps an epoch, a checkpoint every 2 steps
N, SIZE, BLOCK, EPOCHS, CHECKPOINTS, SEED = 12, 3, 3, 4, 8, 5
LR, MOMENTUM, DECAY, SOURCE_EPOCHS, SOURCE_SIZE, SOURCE_LR = 0.05, 0.9, 5e-4, 10, 4, 0.1


def perceptron(k):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, k)).double()


def convolutions(k):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, k)
    ).double()


def tiny_tasks():
    "Two tasks of two classes and 12 images of 8 x 8; which class is which shows."
    g, tasks = torch.Generator().manual_seed(0), []
    for name, classes in (("a", "pq"), ("b", "rs")):
        patterns = torch.rand(2, 1, 8, 8, generator=g)
        y = torch.arange(N) % 2
        x = (255 * (0.7 * patterns[y] + 0.3 * torch.rand(N, 1, 8, 8, generator=g))).byte()
        tasks.append(Task(name, x, y, x, y, tuple(classes), flip=True))
    return tasks


def settings(padding=0, **changes):
    "`paper`, at the size of the tiny tasks."
    S = N // SIZE
    small = dict(
        steps=EPOCHS * S,
        batch_size=SIZE,
        tau_hold=S,
        reset_momentum=S,
        checkpoints=CHECKPOINTS,
        block_size=BLOCK,
        lr=LR,
        source_epochs=SOURCE_EPOCHS,
        source_batch_size=SOURCE_SIZE,
        source_reset_momentum=N // SOURCE_SIZE,
        source_lr=SOURCE_LR,
        crop_padding=padding,
        flip=padding > 0,
        first_coupling="independent",
        coupling_iterations=2,
        excess_points=0,
        accuracy_points=0,
        device="cpu",
    )
    return TransferConfig.paper(**(small | changes))


def inputs(task):
    return (task.x_train.float() / 255 - 0.5) / 0.25


def stream(*words):
    return torch.Generator().manual_seed(derive_seed(SEED, *words))


def naive_walk(network, source, target, plan, padding, turn, passes=True, forget=True):
    return walk(
        network,
        inputs(source),
        source.y_train.tolist(),
        inputs(target),
        (target.y_train + 2).tolist(),
        plan,
        EPOCHS,
        SIZE,
        LR,
        MOMENTUM,
        DECAY,
        CHECKPOINTS,
        padding,
        stream(source.name, target.name, "coupled", str(turn), "batches"),
        passes,
        forget,
    )


def weights_of(network):
    return torch.cat([w.detach().flatten() for w in network.parameters()])


def some_plan():
    "Blocks of unequal plans, and the same as one matrix of mass 1."
    g = torch.Generator().manual_seed(1)
    plans = torch.stack(
        [
            nearest_plan(torch.rand(BLOCK, BLOCK, generator=g, dtype=torch.float64) / 2)
            for _ in range(N // BLOCK)
        ]
    )
    return plans, torch.block_diag(*plans) / len(plans)


def test_times_of_the_published_path():
    "160 values of tau, held for 125 steps, the last 0.996; 100 checkpoints, stored at a tau that is 74 of 200 steps behind on average."
    c = TransferConfig.paper()
    taus, marks, _ = path_times(c)
    assert len(taus) == 20_000 and marks.tolist() == list(range(0, 20_001, 200))
    np.testing.assert_allclose(taus, [clock(k // 125 / 160) for k in range(20_000)], atol=1e-12)
    assert len(set(taus)) == 160 and round(taus[-1], 3) == 0.996
    held = [0.0] + [clock((k - 1) // 125 / 160) for k in range(200, 20_001, 200)]
    np.testing.assert_allclose(held_taus(c), held, atol=1e-12)
    behind = [0] + [k - (k - 1) // 125 * 125 for k in range(200, 20_000, 200)]
    assert np.mean(behind) == 73.75
    assert (c.source_batch_size, c.source_reset_momentum, c.source_epochs, c.batches) == (
        100,
        25,
        600,
        "epochs",
    )


@pytest.mark.parametrize("factory", [perceptron, convolutions])
@pytest.mark.parametrize("padding", [0, 1])
def test_source(factory, padding):
    source, _ = tiny_tasks()
    start = build_model(factory, 4, source.x_train, derive_seed(SEED, "weights"))
    x, y = inputs(source), source.y_train.tolist()
    rates = SOURCE_EPOCHS, SOURCE_SIZE, SOURCE_LR, MOMENTUM, DECAY
    by_hand = lambda **wrong: fit(start, x, y, *rates, padding, stream("source", "a"), **wrong)
    naive = by_hand()
    found = fit_task(source, 4, factory, settings(padding), SEED, progress=False).model
    torch.testing.assert_close(weights_of(found), weights_of(naive), rtol=1e-6, atol=1e-7)
    moved = (weights_of(naive) - weights_of(start)).norm()
    for wrong in (dict(passes=False), dict(forget=False)):  # what is not published leads elsewhere
        other = by_hand(**wrong)
        assert (weights_of(other) - weights_of(naive)).norm() > 0.01 * moved


@pytest.mark.parametrize("reading", ["authors", "same"])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("factory", [perceptron, convolutions])
def test_one_turn(factory, padding, reading):
    "Weights at the end, the cost of each pair, the distance <Gamma, C> and the next plan."
    source, target = tiny_tasks()
    c = settings(padding, probe_inputs=reading)
    fitted = fit_task(source, 4, factory, c, SEED, progress=False)
    plans, plan = some_plan()
    seen = naive_walk(fitted.model, source, target, plan, padding, 0)
    C = costs_in_blocks(seen, inputs(source), inputs(target), BLOCK, reading)

    rows, columns = make_blocks(N, N, BLOCK, torch.Generator(), c.block_order)
    labels = joint_label_space(source, target, c.labels)
    moving = Displacement(
        source, target, BlockCoupling(rows, columns, plans), labels, augmentation(c, source, target)
    )
    costs = BlockCosts(moving, c)
    streams = {k: stream("a", "b", "coupled", "0", k) for k in ("batches", "probes", "excess")}
    journey = follow(fitted, moving, target, labels, c, streams, (costs,))

    torch.testing.assert_close(weights_of(journey.model), weights_of(seen[-1][2]), rtol=1e-6, atol=1e-7)
    blocks = torch.stack([C[k : k + BLOCK, k : k + BLOCK] for k in range(0, N, BLOCK)])
    torch.testing.assert_close(costs.costs.double(), blocks, rtol=1e-5, atol=0)
    assert moving.coupling.mean(costs.costs) == pytest.approx((plan * C).sum().item(), rel=1e-5)
    for weight in (0.05, 0.25, 100.0):
        found = proximal_step(costs.published, plans, weight)
        torch.testing.assert_close(
            torch.block_diag(*found) / len(plans),
            next_plan(plan, C, BLOCK, CHECKPOINTS, weight),
            rtol=0,
            atol=1e-6,
        )


def test_every_detail_counts():
    "Agreement means something only where a slip would show: each variant that is not published gives another distance."
    source, target = tiny_tasks()
    network = fit_task(source, 4, perceptron, settings(), SEED, progress=False).model
    _, plan = some_plan()

    def distance(reading="authors", plan=plan, **how):
        seen = naive_walk(network, source, target, plan, 0, 0, **how)
        return (plan * costs_in_blocks(seen, inputs(source), inputs(target), BLOCK, reading)).sum().item()

    published = distance()
    variants = {
        "same": distance("same"),
        "fresh": distance(passes=False),
        "momentum kept": distance(forget=False),
        "independent": distance(
            plan=torch.block_diag(*[torch.ones(BLOCK, BLOCK, dtype=torch.float64)] * (N // BLOCK))
            / (N * BLOCK)
        ),
    }
    for name, other in variants.items():
        assert abs(other / published - 1) > 1e-3, (name, other, published)


@pytest.mark.parametrize("reading", ["authors", "same"])
@pytest.mark.parametrize("padding", [0, 1])
def test_two_turns_through_the_front_door(padding, reading):
    "`coupled_transfer` with the published settings, from the source's weights to the second turn's <Gamma, C>."
    source, target = tiny_tasks()
    c = settings(padding, probe_inputs=reading)
    fitted = fit_source(source, 4, perceptron, c, SEED, progress=False)
    result = coupled_transfer(source, target, perceptron, c, SEED, {source.name: fitted}, progress=False)

    plan = torch.block_diag(*[torch.ones(BLOCK, BLOCK, dtype=torch.float64)] * (N // BLOCK)) / (N * BLOCK)
    expected = []
    for turn in range(2):
        seen = naive_walk(fitted.model, source, target, plan, padding, turn)
        C = costs_in_blocks(seen, inputs(source), inputs(target), BLOCK, reading)
        expected.append((plan * C).sum().item())
        plan = next_plan(plan, C, BLOCK, CHECKPOINTS, 0.05 * 5**turn)
    assert result.iterations == pytest.approx(expected, rel=1e-5)
    assert result.distance == pytest.approx(expected[-1], rel=1e-5)


def test_first_coupling():
    "The entropic plan (0.001) for minus the cosine similarity of features, in blocks of consecutive images."
    source, target = tiny_tasks()
    c = settings(first_coupling="features", entropic_epsilon=0.1)  # where both solvers converge
    setting = prepare_transfer(source, target, perceptron, c, SEED, None, False)
    found = first_coupling(setting, torch.Generator())
    assert (
        TransferConfig.paper().entropic_epsilon == 0.001
        and TransferConfig.paper().first_coupling == "features"
    )
    assert found.rows.flatten().tolist() == found.columns.flatten().tolist() == list(range(N))
    a, b = (
        nn.functional.normalize(penultimate(setting.fitted.model, t.x_train), dim=1) for t in (source, target)
    )
    for k in range(N // BLOCK):
        here = slice(k * BLOCK, (k + 1) * BLOCK)
        naive = entropic_plan(-a[here] @ b[here].T, 0.1)
        torch.testing.assert_close(found.plans[k], naive, rtol=0, atol=1e-6)
    assert to_inputs(source.x_train).equal(inputs(source).contiguous(memory_format=torch.channels_last))


def test_the_naive_solvers_themselves():
    "The quadratic programme against a grid over 2 x 2 plans, and against the conditional gradient that was published."
    ot = pytest.importorskip("ot")
    g = torch.Generator().manual_seed(2)
    for _ in range(5):
        target = torch.randn(2, 2, generator=g, dtype=torch.float64)
        grid = torch.linspace(0, 0.5, 100_001, dtype=torch.float64)
        plans = torch.stack([grid, 0.5 - grid, 0.5 - grid, grid], 1)
        best = plans[(plans - target.flatten()).square().sum(1).argmin()].view(2, 2)
        torch.testing.assert_close(nearest_plan(target), best, rtol=0, atol=1e-5)
    C = torch.rand(3, 3, generator=g, dtype=torch.float64) / 10
    old = torch.full((3, 3), 1 / 9, dtype=torch.float64)
    weight = 0.25
    uniform = np.full(3, 1 / 3)
    objective = lambda p: (p * C.numpy()).sum() + weight / 2 * ((p - old.numpy()) ** 2).sum()
    cg = ot.optim.cg(
        uniform,
        uniform,
        C.numpy(),
        weight,
        lambda p: 0.5 * ((p - old.numpy()) ** 2).sum(),
        lambda p: p - old.numpy(),
        G0=old.numpy(),
        numItermax=20_000,
        stopThr=1e-14,
        stopThr2=1e-14,
    )
    naive = nearest_plan(old - C / weight).numpy()
    assert naive.min() > -1e-9 and np.allclose(naive.sum(0), 1 / 3) and np.allclose(naive.sum(1), 1 / 3)
    assert -1e-9 < objective(cg) - objective(naive) < 1e-5


def test_first_coupling_by_a_resnet50(tmp_path):
    "With weights from a file: features of images from 0 to 1, as published. Without, in the wrong place or of another network: an early error."
    from torchvision.models import resnet18, resnet50
    from taskdist_nb.keys import settings_for

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, other = resnet50(), resnet18()
    file, wrong = tmp_path / "resnet50.pth", tmp_path / "resnet18.pth"
    torch.save(network.state_dict(), file)
    torch.save(other.state_dict(), wrong)
    assert TransferConfig.paper().first_coupling == "features"
    assert TransferConfig.paper(feature_weights=str(file)).first_coupling == "resnet50"
    source, target = tiny_tasks()
    c = settings(first_coupling="resnet50", feature_weights=str(file), entropic_epsilon=0.1)
    network.fc = nn.Identity()
    network.eval()
    with torch.no_grad():
        a, b = (
            nn.functional.normalize(network((t.x_train.float() / 255).expand(-1, 3, -1, -1)), dim=1)
            for t in (source, target)
        )
    found = first_coupling(
        prepare_transfer(source, target, perceptron, c, SEED, None, False), torch.Generator()
    )
    for k in range(N // BLOCK):
        here = slice(k * BLOCK, (k + 1) * BLOCK)
        torch.testing.assert_close(
            found.plans[k], entropic_plan(-a[here] @ b[here].T, 0.1), rtol=0, atol=1e-5
        )
    key = settings_for("coupled", c)
    torch.save(other.state_dict(), file)  # what the file holds counts, not its name
    assert settings_for("coupled", c)["feature_weights"] != key["feature_weights"]
    assert "feature_weights" not in settings_for("fit", c)
    for path in (str(wrong), str(tmp_path / "nowhere")):
        with pytest.raises(ValueError, match="feature_weights must"):
            coupled_transfer(
                source,
                target,
                perceptron,
                settings(first_coupling="resnet50", feature_weights=path),
                SEED,
                progress=False,
            )
    for mixed in (dict(first_coupling="resnet50"), dict(first_coupling="pixels", feature_weights="x")):
        with pytest.raises(ValueError, match="feature_weights must name a file where"):
            settings(**mixed)
