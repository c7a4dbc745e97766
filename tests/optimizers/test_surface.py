import numpy as np
import pytest

from sksearch.optimizers.surface import Surface

LOW, HIGH = np.full(2, -3.0), np.full(2, 3.0)


def bowl(X, scale=1.0):
    """A long valley with the lowest point, 1, at (1, -1)."""
    a, b = X[:, 0] - 1, X[:, 1] + X[:, 0]
    losses = np.exp(a**2 / 20 + b**2 / 4)
    return scale * losses, scale * losses[:, None] * np.column_stack([a / 10 + b / 2, b / 2])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_bottom_of_a_valley_is_found_from_a_few_points(scale):
    X = np.random.default_rng(0).uniform(LOW, HIGH, (4, 2))
    for _ in range(8):
        surface = Surface(X, *bowl(X, scale), LOW, HIGH)
        if (lowest := surface.lowest()) is None:
            break
        X = np.vstack([X, lowest])
    assert surface.is_smooth
    assert bowl(X)[0].min() < 1.01


def test_what_promises_nothing_is_not_proposed():
    X = np.vstack([np.random.default_rng(0).uniform(LOW, HIGH, (8, 2)), [[1.0, -1.0]]])
    assert Surface(X, *bowl(X), LOW, HIGH).lowest() is None


def test_promises_are_in_the_box():
    X = np.random.default_rng(0).uniform(LOW, HIGH, (4, 2))
    losses, slopes = bowl(X - 10.0)
    surface = Surface(X, np.log(losses) - 1000.0, slopes / losses[:, None], LOW, HIGH)  # negative losses
    for position in (surface.promising(), surface.optimistic(), surface.lowest()):
        assert (position >= LOW).all()
        assert (position <= HIGH).all()


def test_a_surface_whose_slopes_say_nothing_is_rough():
    rng = np.random.default_rng(0)
    X = rng.uniform(LOW, HIGH, (20, 2))
    losses, slopes = bowl(X)
    assert not Surface(
        X, losses, rng.permuted(slopes, axis=0) * rng.choice([-1, 1], (20, 2)), LOW, HIGH
    ).is_smooth


def test_many_points_are_thinned_out():
    X = np.random.default_rng(0).uniform(LOW, HIGH, (300, 2))
    assert len(Surface(X, *bowl(X), LOW, HIGH)._process._X) == 80
