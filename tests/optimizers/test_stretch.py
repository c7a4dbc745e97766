import numpy as np
import pytest

from sksearch.optimizers.stretch import standardize, unstandardize


def test_standardize_stretches_what_is_near_the_best_and_puts_failures_last():
    values = np.array([0.1, 0.90, 0.95, 0.96, -np.inf])
    y, noise, failed = standardize(values, np.full(5, 1e-4))
    assert y[:4].mean() == pytest.approx(0)
    assert y[:4].std() == pytest.approx(1)
    assert y[4] == y[0] == y.min()
    assert (y[3] - y[2]) / 0.01 > (y[1] - y[0]) / 0.8
    assert noise[3] > noise[0] > 0
    assert noise[4] == 0
    assert failed.tolist() == [False] * 4 + [True]


def test_standardize_does_not_take_errors_for_distances():
    """Twins whose scores are forecast differ by errors; the unit is what surely differs from the best."""
    exact = np.array([0.9, 0.9, 0.9, 0.9, 0.8, 0.7])
    noise = np.array([0.0, 1e-8, 1e-8, 1e-8, 0.0, 0.0])
    values = exact + np.array([0.0, -5e-5, 5e-5, 1e-4, 0.0, 0.0])
    y, variance, _ = standardize(values, noise)
    np.testing.assert_allclose(y, standardize(exact, np.zeros(6))[0], atol=0.01)
    assert variance.max() < 0.01


def test_what_is_not_where_a_search_settles_is_still_told_apart():
    first = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    settled = 0.9 - 1e-6 * np.linspace(0.0, 1.0, 40)
    y, _, failed = standardize(np.append(first, settled), np.zeros(50))
    assert not failed.any()
    assert y[4] - y[9] > 0.2 * (y[0] - y[9])


def test_first_points_that_diverge_do_not_hide_what_tells_the_good_ones_apart():
    first = np.array([-1e9, -0.5, -1e10, -0.4, -1e8, -1e12, -0.3, -0.45, -1e9, -1e10])
    y, _, failed = standardize(np.append(first, [-0.2, -0.1]), np.zeros(12))
    assert failed.tolist() == [*(first < -1.0), False, False]
    assert y[11] - y[1] > 0.02 * (y[11] - y[0])


def test_a_value_that_is_hardly_known_is_known_to_be_one():
    """The slope of the logarithm near the best would give it a standard deviation of hundreds."""
    values = np.array([0.9, 0.8999, 0.8998, 0.85, 0.5, 0.89])
    _, variance, _ = standardize(values, np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.05**2]))
    assert 0.1 < variance[5] < 10.0


@pytest.mark.parametrize("scale", [1e-300, 1e-10, 1.0, 1e10, 1e300])
def test_standardize_does_not_depend_on_the_magnitude_of_values(scale):
    values = np.array([0.1, 0.5, 0.9, 0.2, -np.inf])
    np.testing.assert_allclose(
        standardize(values * scale, np.zeros(5))[0], standardize(values, np.zeros(5))[0]
    )


def test_unstandardize_inverts_standardize():
    values = np.array([0.1, 0.90, 0.95, 0.96, 0.5])
    y, *_ = standardize(values, np.zeros(5))
    mean, std = unstandardize(y, np.full(5, 1e-9), values, np.zeros(5))
    np.testing.assert_allclose(mean, values, atol=1e-6)
    np.testing.assert_allclose(std, 0.0, atol=1e-6)


def test_unstandardize_agrees_with_simulation():
    values = np.array([0.1, 0.90, 0.95, 0.96, 0.5])
    y, *_ = standardize(values, np.zeros(5))
    grid = np.linspace(y.min(), y.max() + 2, 2001)
    back = unstandardize(grid, np.full(2001, 1e-9), values, np.zeros(5))[0]
    draws = 0.5 + 0.7 * np.random.default_rng(0).standard_normal(100_000)
    mean, std = unstandardize(np.array([0.5]), np.array([0.7]), values, np.zeros(5))
    simulated = np.interp(draws, grid, back)
    assert mean[0] == pytest.approx(simulated.mean(), abs=0.005)
    assert std[0] == pytest.approx(simulated.std(), rel=0.1)
