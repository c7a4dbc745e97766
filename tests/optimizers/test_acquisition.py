import numpy as np
import pytest
from scipy.stats import norm

from sksearch.optimizers.acquisition import ACQUISITIONS, log_h, maximize
from sksearch.optimizers.gp import GaussianProcess
from sksearch.space import Space

SPACE = Space({"a": (0.0, 1.0), "b": (1, 40), "c": ["x", "y", "z"], "d": [1, 2, 4, 8]})


@pytest.fixture
def gp():
    rng = np.random.default_rng(0)
    points = SPACE.sample(20, rng)
    return GaussianProcess(SPACE).fit(points, rng.standard_normal(20))


def test_log_h_is_the_logarithm_of_the_textbook_formula():
    z = np.linspace(-5, 5, 101)
    np.testing.assert_allclose(log_h(z), np.log(norm.pdf(z) + z * norm.cdf(z)), rtol=1e-8)


def test_log_h_stays_finite_and_monotone_far_out():
    z = -np.logspace(0, 9, 200)
    assert np.isfinite(log_h(z)).all()
    assert np.all(np.diff(log_h(z)) < 0)


@pytest.mark.parametrize("name", ACQUISITIONS)
@pytest.mark.parametrize("incumbent", [0.0, 2.0, 50.0])
def test_gradients_agree_with_finite_differences(gp, name, incumbent):
    acquisition = ACQUISITIONS[name](gp, incumbent)
    X = SPACE.sample(3, np.random.default_rng(1))
    values, gradients = acquisition.gradient(X)
    np.testing.assert_allclose(values, acquisition(X))
    for j in np.flatnonzero(SPACE.ordered):
        step = 1e-6 * np.eye(X.shape[1])[j]
        slopes = (acquisition(X + step) - acquisition(X - step)) / 2e-6
        np.testing.assert_allclose(gradients[:, j], slopes, rtol=1e-4, atol=1e-6)


def test_integers_of_many_values_are_not_climbed_one_by_one():
    space = Space({"a": (0, 10**12), "b": (1, 10**12, "log-uniform")})
    rng = np.random.default_rng(0)
    points = space.sample(20, rng)
    gp = GaussianProcess(space).fit(points, rng.standard_normal(20))
    n_calls = 0

    class Counting(ACQUISITIONS["log-ei"]):
        def __call__(self, X):
            nonlocal n_calls
            n_calls += 1
            return super().__call__(X)

    maximize(Counting(gp, 1.0), space, space.sample(50, rng))
    assert n_calls < 100


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_maximize_beats_a_large_random_sample_with_legal_points(gp, name):
    acquisition = ACQUISITIONS[name](gp, 1.0)
    points = maximize(acquisition, SPACE, SPACE.sample(50, np.random.default_rng(2)))
    assert np.all(np.diff(acquisition(points)) <= 1e-12)
    np.testing.assert_allclose(SPACE.snap(points), points, atol=1e-12)
    random = acquisition(SPACE.sample(5000, np.random.default_rng(3)))
    assert acquisition(points[:1])[0] >= np.quantile(random, 0.999)
