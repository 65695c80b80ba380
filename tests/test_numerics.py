"""How many digits the lengths keep: each relative error is stated here and held to, against 60-digit arithmetic or float64."""

import math

import mpmath
import pytest
import torch
from torch import nn

from taskdist_nb.information import fisher_information
from taskdist_nb.fisher import fisher_rao, geodesic, kl_divergence, mean_length, path_length, step_length

mpmath.mp.dps = 60


def logits(n, K, scale=2.0, seed=0):
    return scale * torch.randn(n, K, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact_kl(a, b):
    "KL from the softmax of logits a (n, K) to that of b, with 60 digits."

    def one(u, v):
        p, q = [mpmath.exp(x) for x in u], [mpmath.exp(x) for x in v]
        z, w = mpmath.fsum(p), mpmath.fsum(q)
        return mpmath.fsum(x / z * ((s - mpmath.log(z)) - (t - mpmath.log(w))) for x, s, t in zip(p, u, v))

    return [
        one([mpmath.mpf(x) for x in u], [mpmath.mpf(x) for x in v]) for u, v in zip(a.tolist(), b.tolist())
    ]


def worst_error(found, exact):
    return max(float(abs(mpmath.mpf(f) - e) / e) for f, e in zip(found.tolist(), exact))


# step in logits -> largest relative error of KL over 200 predictions of 10 classes, from exact logits; for float32, from float32 logits
STEPS = {
    torch.float64: {1: 1e-13, 1e-2: 1e-12, 1e-4: 1e-10, 1e-6: 1e-8, 1e-8: 1e-6},
    torch.float32: {1: 1e-5, 1e-1: 1e-4, 1e-2: 1e-3, 1e-3: 1e-2, 1e-4: 1e-1},
}


@pytest.mark.parametrize(
    "dtype, step, bound", [(t, h, e) for t, errors in STEPS.items() for h, e in errors.items()], ids=str
)
def test_kl_of_tiny_steps(dtype, step, bound):
    a = logits(200, 10).to(dtype)
    b = (a + step * logits(200, 10, 1, seed=1).to(dtype)).to(dtype)
    found = kl_divergence(a.log_softmax(-1), b.log_softmax(-1))
    assert found.dtype == dtype and (found >= 0).all()
    assert worst_error(found, exact_kl(a, b)) < bound


@pytest.mark.parametrize("dtype, bound", [(torch.float64, 1e-13), (torch.float32, 1e-5)], ids=str)
@pytest.mark.parametrize("scale", [1e2, 1e4])
def test_kl_of_saturated_logits(dtype, bound, scale):
    a, b = (logits(50, 10, scale, seed).to(dtype) for seed in (0, 1))
    found = kl_divergence(a.log_softmax(-1), b.log_softmax(-1))
    assert found.isfinite().all() and (found >= 0).all()
    exact = exact_kl(a, b)
    # where the largest class stays the largest, KL may be below the smallest number
    apart = [k for k, e in enumerate(exact) if e > 1]
    assert len(apart) > 30 and worst_error(found[apart], [exact[k] for k in apart]) < bound
    near = [k for k in range(50) if k not in apart]
    assert all(float(abs(mpmath.mpf(found[k].item()) - exact[k])) < 1e-5 for k in near)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_kl_with_zero_probabilities(dtype):
    p = torch.tensor([[0.0, 0.25, 0.75], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]], dtype=dtype)
    q = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.2, 0.0, 0.8], [0.0, 1.0, 0.0]], dtype=dtype)
    found = kl_divergence(p.log(), q.log())
    assert torch.allclose(
        found[:3], torch.tensor([0.75 * math.log(3), 0, -math.log(0.8)], dtype=dtype), rtol=1e-6, atol=0
    )
    assert found[3] == math.inf and found[1] == 0
    assert torch.equal(fisher_rao(p, p), torch.zeros(4, dtype=dtype)) and fisher_rao(
        p[1:2], p[2:3]
    ).item() == pytest.approx(math.pi, rel=1e-6)
    # an infinite step is a length, and has no share if its weight is 0
    assert step_length(p[3:], q[3:]) == math.inf
    for kind in ("per_input", "riemannian"):
        assert mean_length(found, kind, [0.5, 0.25, 0.25, 0.0]).isfinite()


# float32 against float64 on the same float32 predictions: largest relative error of the quantity
PRECISION = {
    "step_length": 1e-4,
    "path_length": 1e-4,
    "fisher_rao": 1e-4,
    "geodesic": 1e-5,
    "true": 1e-5,
    "empirical": 1e-5,
}


def path(step):
    return (
        torch.stack([logits(100, 10) + k * step * logits(100, 10, 1, seed=1) for k in range(11)])
        .softmax(-1)
        .float()
    )


@pytest.mark.parametrize("kind", ["per_input", "riemannian"])
@pytest.mark.parametrize("step", [0.3, 0.03])
def test_lengths_in_float32(kind, step):
    p = path(step)
    exact = p.double() / p.double().sum(-1, keepdim=True)
    for name, f in (
        ("step_length", lambda v: step_length(v[0], v[1], kind)),
        ("path_length", lambda v: path_length(v, kind)),
    ):
        assert f(p) == pytest.approx(f(exact), rel=PRECISION[name]), name


def test_distances_and_geodesics_in_float32():
    p = path(0.3)
    exact = p.double() / p.double().sum(-1, keepdim=True)
    assert torch.allclose(
        fisher_rao(p[0], p[-1]).double(),
        fisher_rao(exact[0], exact[-1]),
        rtol=PRECISION["fisher_rao"],
        atol=0,
    )
    t = torch.linspace(0, 1, 5)
    assert torch.allclose(
        geodesic(p[0], p[-1], t).double(),
        geodesic(exact[0], exact[-1], t.double()),
        rtol=PRECISION["geodesic"],
        atol=1e-7,
    )


@pytest.mark.parametrize("kind", ["true", "empirical"])
def test_fisher_information_in_float32(kind):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))
    x = torch.randn(40, 8)
    y = torch.arange(40) % 3
    g = {
        dtype: fisher_information(model.to(dtype), x.to(dtype), kind, "dense", y)
        for dtype in (torch.float32, torch.float64)
    }
    assert (
        (g[torch.float32].double() - g[torch.float64]).norm() / g[torch.float64].norm()
    ).item() < PRECISION[kind]


def test_lengths_near_the_smallest_numbers():
    "A step of 1e-12 in float64 logits still has three digits; a step of nothing has length 0."
    a, u = logits(50, 10), logits(50, 10, 1, seed=1)
    p = a.softmax(-1)
    fisher_norm = ((p * u**2).sum(-1) - (p * u).sum(-1) ** 2).sqrt()
    for h in (1e-4, 1e-8, 1e-12):
        length = mean_length(kl_divergence(a.log_softmax(-1), (a + h * u).log_softmax(-1)))
        assert length.item() / h == pytest.approx(fisher_norm.mean().item(), rel=max(2 * h, 1e-15 / h))
    assert mean_length(kl_divergence(a.log_softmax(-1), a.log_softmax(-1))) == 0
