"""Training losses: derivatives against differences, and values against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sksearch.hypergradients.pointwise import (
    IdentityTweedie,
    Logistic,
    LogTweedie,
    Multinomial,
    Squared,
    SquaredHinge,
    SquaredInsensitive,
)

REAL, BINARY, SIGN, POSITIVE = "real", "binary", "sign", "positive"
LOSSES = {
    "squared": (Squared(), REAL),
    "squared, insensitive": (SquaredInsensitive(0.3), REAL),
    "squared hinge": (SquaredHinge(), SIGN),
    "logistic": (Logistic(), BINARY),
    **{f"log link, power {p}": (LogTweedie(p), POSITIVE) for p in (0, 1, 1.5, 2, 3)},
    **{f"identity link, power {p}": (IdentityTweedie(p), POSITIVE) for p in (0, 1, 1.5, 2, 3)},
}
H = 1e-5


def targets(kind, rng):
    return {
        REAL: rng.normal(size=(6, 2)),
        BINARY: rng.integers(2, size=(6, 2)).astype(float),
        SIGN: rng.choice([-1.0, 1.0], size=(6, 2)),
        POSITIVE: rng.exponential(size=(6, 2)) + 0.1,
    }[kind]


def near_a_kink(loss, z, y):
    if isinstance(loss, SquaredHinge):
        return np.abs(1 - y * z).min() < 10 * H
    return isinstance(loss, SquaredInsensitive) and np.abs(np.abs(z - y) - loss.epsilon).min() < 10 * H


@pytest.mark.parametrize(("loss", "kind"), LOSSES.values(), ids=LOSSES)
@settings(max_examples=20, deadline=None)
@given(z=arrays(float, (6, 2), elements=st.floats(-3, 3)), seed=st.integers(0, 100))
def test_derivatives(loss, kind, z, seed):
    y = targets(kind, np.random.default_rng(seed))
    if isinstance(loss, IdentityTweedie):
        z = np.abs(z) + 0.1
    if near_a_kink(loss, z, y):
        return
    slope = (loss.value(z + H, y) - loss.value(z - H, y)) / (2 * H)
    np.testing.assert_allclose(loss.slope(z, y), slope, rtol=1e-4, atol=1e-5)
    curvature = (loss.slope(z + H, y) - loss.slope(z - H, y)) / (2 * H)
    np.testing.assert_allclose(loss.curvature(z, y), curvature, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loss.bend(z, y)(y), loss.curvature(z, y) * y)


@settings(max_examples=20, deadline=None)
@given(z=arrays(float, (6, 3), elements=st.floats(-20, 20)), seed=st.integers(0, 100))
def test_multinomial(z, seed):
    rng = np.random.default_rng(seed)
    loss, y, u = Multinomial(), np.eye(3)[rng.integers(3, size=6)], rng.normal(size=(6, 3))
    change = (loss.value(z + H * u, y) - loss.value(z - H * u, y)) / (2 * H)
    np.testing.assert_allclose((loss.slope(z, y) * u).sum(axis=1, keepdims=True), change, atol=1e-6)
    bent = (loss.slope(z + H * u, y) - loss.slope(z - H * u, y)) / (2 * H)
    np.testing.assert_allclose(loss.bend(z, y)(u), bent, atol=1e-6)
    one = np.zeros((6, 3))
    one[:, 1] = 1
    np.testing.assert_allclose(loss.bend(z, y)(one)[:, 1], loss.curvature(z, y)[:, 1])
    np.testing.assert_allclose(loss.bend(z, y)(np.ones((6, 3))), 0, atol=1e-15)


def test_two_classes_are_the_same_by_either_loss():
    z, y = np.linspace(-5, 5, 7)[:, None], np.array([0, 1, 1, 0, 1, 0, 1.0])[:, None]
    both = np.hstack([np.zeros_like(z), z])
    np.testing.assert_allclose(Multinomial().value(both, np.hstack([1 - y, y])), Logistic().value(z, y))


@pytest.mark.parametrize(("make", "start"), [(LogTweedie, 1.5), (LogTweedie, 2.5), (IdentityTweedie, 1.5)])
def test_slopes_by_power(make, start):
    z, y = np.linspace(0.2, 2, 5)[:, None], np.linspace(2, 0.5, 5)[:, None]
    expected = (make(start + H).slope(z, y) - make(start - H).slope(z, y)) / (2 * H)
    np.testing.assert_allclose(make(start).slope_by_power(z, y), expected, rtol=1e-6)


def test_slopes_by_epsilon():
    z, y = np.linspace(-2, 2, 5)[:, None], np.full((5, 1), 0.1)
    expected = SquaredInsensitive(0.3 + H).slope(z, y) - SquaredInsensitive(0.3 - H).slope(z, y)
    np.testing.assert_allclose(SquaredInsensitive(0.3).slope_by_epsilon(z, y), expected / (2 * H), rtol=1e-6)
