"""One step against a reference that is written out by hand."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from embed_service.training.backbones import BackboneSpec, build
from embed_service.training.byol.heads import HeadSizes
from embed_service.training.byol.learner import Learner
from embed_service.training.byol.loss import regression_loss
from embed_service.training.byol.schedules import learning_rate, momentum

TINY = BackboneSpec("vit_tiny_patch16_224", 16, patch_size=8, dimension=24, depth=2, heads=2, pool="avg")
TAU = 0.9


def reference_step(nets: dict[str, nn.Module], v: Tensor, w: Tensor) -> Tensor:
    """BYOL's eq. 1 as printed; leaves gradients in the online nets and moves the target by TAU."""
    f, g, q = nets["encoder"], nets["projector"], nets["predictor"]
    f_target, g_target = nets["target_encoder"], nets["target_projector"]

    def one_way(seen: Tensor, other: Tensor) -> Tensor:
        prediction = q(g(f(seen)))
        with torch.no_grad():
            projection = g_target(f_target(other))
        total = torch.zeros(())
        for p, z in zip(prediction, projection, strict=True):
            p_bar, z_bar = p / p.norm(), z / z.norm()
            total = total + ((p_bar - z_bar) ** 2).sum()
        return total / len(prediction)

    loss = one_way(v, w) + one_way(w, v)
    loss.backward()
    with torch.no_grad():
        for target, online in ((f_target, f), (g_target, g)):
            for xi, theta in zip(target.parameters(), online.parameters(), strict=True):
                xi.copy_(TAU * xi + (1 - TAU) * theta)
    return loss.detach()


@pytest.fixture(name="learner")
def make_learner() -> Learner:
    torch.manual_seed(1)
    learner = Learner(build(TINY).model, 24, HeadSizes(32, 16))
    # Otherwise the target equals the online network, and an average of them shows nothing.
    with torch.no_grad():
        for parameter in (*learner.target_encoder.parameters(), *learner.target_projector.parameters()):
            parameter.add_(0.1 * torch.randn_like(parameter))
    return learner


def test_a_step_equals_the_reference(learner: Learner) -> None:
    views = torch.randn(2, 6, 3, 16, 16)
    nets = {name: copy.deepcopy(net) for name, net in learner.named_children()}
    expected = reference_step(nets, views[0], views[1])

    step = learner(views[0], views[1])
    step.loss.backward()
    learner.update_target(TAU)

    torch.testing.assert_close(step.loss.detach(), expected, atol=1e-5, rtol=1e-5)
    for name, net in learner.named_children():
        for (part, ours), theirs in zip(net.named_parameters(), nets[name].parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5, msg=f"{name}.{part}")
            assert (ours.grad is None) == (theirs.grad is None), part
            if ours.grad is not None and theirs.grad is not None:
                torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-5, msg=f"{name}.{part}")


def test_no_gradient_reaches_the_target(learner: Learner) -> None:
    views = torch.randn(2, 4, 3, 16, 16)
    learner(views[0], views[1]).loss.backward()
    trained = {name for name, parameter in learner.named_parameters() if parameter.grad is not None}
    assert trained == {name for name, _ in learner.named_parameters() if not name.startswith("target_")}


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 2**31))
def test_the_loss_is_two_minus_two_cosines(count: int, dimension: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    q, z = torch.randn(2, count, dimension, generator=generator)
    expected = sum(2 - 2 * (p @ t / (p.norm() * t.norm())).item() for p, t in zip(q, z, strict=True)) / count
    assert regression_loss(q, z).item() == pytest.approx(expected, abs=1e-5)
    assert regression_loss(3 * q, q).item() == pytest.approx(0, abs=1e-5)
    assert regression_loss(q, -q).item() == pytest.approx(4, abs=1e-5)


@given(st.integers(1, 10_000), st.floats(0, 1), st.data())
def test_momentum_rises_by_half_a_cosine(steps: int, base: float, data: Any) -> None:
    step = data.draw(st.integers(0, steps))
    tau = momentum(step, steps, base)
    assert tau == pytest.approx(1 - (1 - base) * (math.cos(math.pi * step / steps) + 1) / 2)
    assert base - 1e-9 <= tau <= 1
    assert momentum(0, steps, base) == pytest.approx(base)
    assert momentum(steps, steps, base) == pytest.approx(1)


@given(st.integers(2, 10_000), st.floats(1e-6, 1), st.data())
def test_the_learning_rate_warms_up_then_falls_by_half_a_cosine(steps: int, peak: float, data: Any) -> None:
    warm_up = data.draw(st.integers(0, steps - 1))
    rates = [learning_rate(step, steps, peak, warm_up) for step in range(steps + 1)]
    assert rates[:warm_up] == pytest.approx([peak * (t + 1) / warm_up for t in range(warm_up)])
    falling = [
        peak / 2 * (1 + math.cos(math.pi * (t - warm_up) / (steps - warm_up)))
        for t in range(warm_up, steps + 1)
    ]
    assert rates[warm_up:] == pytest.approx(falling)
    assert max(rates) == pytest.approx(peak)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
