import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from sksearch.optimizers.gp import GaussianProcess

ORDERED = np.array([True, True, False, True])


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.random((25, 4))
    X[:, 2] = rng.integers(3, size=25) / 3
    return X, np.sin(5 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.01 * rng.standard_normal(25)


@pytest.mark.parametrize("seed", range(5))
def test_gradient_of_the_loss_agrees_with_finite_differences(data, seed):
    X, y = data
    gp = GaussianProcess(ORDERED)
    noise = np.random.default_rng(seed).random(len(y)) * 0.01
    theta = gp.theta + 0.5 * np.random.default_rng(seed).standard_normal(len(gp.theta))
    gradient = gp._loss(theta, X, y, noise)[1]
    error = check_grad(
        lambda t: gp._loss(t, X, y, noise)[0],
        lambda t: gp._loss(t, X, y, noise)[1],
        theta,
    )
    assert error < 1e-5 * np.abs(gradient).max()


def test_gradients_of_the_prediction_agree_with_finite_differences(data):
    X, y = data
    gp = GaussianProcess(ORDERED).fit(X, y)
    points = np.array([[0.3, 0.6, 1 / 3, 0.2], [0.9, 0.1, 2 / 3, 0.5]])
    mean, std, *gradients = gp.predict_gradient(points)
    np.testing.assert_allclose((mean, std), gp.predict(points))
    for gradient, output in zip(gradients, (0, 1), strict=True):
        for j in np.flatnonzero(ORDERED):
            step = 1e-6 * np.eye(4)[j]
            slopes = (gp.predict(points + step)[output] - gp.predict(points - step)[output]) / 2e-6
            np.testing.assert_allclose(gradient[:, j], slopes, rtol=1e-5, atol=1e-8)
        assert np.all(gradient[:, 2] == 0)


def test_predictions_agree_with_scikit_learn(data):
    X, y = data
    X = X[:, ORDERED]
    gp = GaussianProcess(np.ones(3, bool)).fit(X, y)
    lengthscales, signal, nugget = np.exp(gp.theta[:3]), np.exp(gp.theta[3]), np.exp(gp.theta[4])
    kernel = ConstantKernel(signal) * Matern(lengthscales, nu=2.5)
    reference = GaussianProcessRegressor(kernel, alpha=nugget, optimizer=None).fit(X, y)
    grid = np.random.default_rng(1).random((50, 3))
    mean, std = reference.predict(grid, return_std=True)
    np.testing.assert_allclose(gp.predict(grid)[0], mean, atol=1e-5)
    np.testing.assert_allclose(gp.predict(grid)[1], std, atol=1e-4)


def test_fitting_finds_which_coordinates_matter(data):
    rng = np.random.default_rng(0)
    X = rng.random((60, 3))
    gp = GaussianProcess(np.ones(3, bool)).fit(X, np.sin(8 * X[:, 0]))
    assert gp.theta[0] < min(gp.theta[1:3]) - 0.5


def test_known_noise_widens_the_posterior(data):
    X, y = data
    exact = GaussianProcess(ORDERED).condition(X, y)
    noisy = GaussianProcess(ORDERED).condition(X, y, np.full(len(y), 0.5))
    assert np.all(noisy.predict(X)[1] > exact.predict(X)[1])


def test_fantasies_keep_the_mean_shrink_the_variance_and_match_conditioning(data):
    X, y = data
    gp = GaussianProcess(ORDERED).fit(X, y)
    pending = np.random.default_rng(2).random((3, 4))
    grid = np.random.default_rng(3).random((20, 4))
    before = gp.predict(grid)
    expected = gp.predict(pending)[0]
    theta = gp.theta
    gp.fantasize(pending)
    np.testing.assert_allclose(gp.predict(grid)[0], before[0], atol=1e-6)
    assert np.all(gp.predict(grid)[1] <= before[1] + 1e-9)
    again = GaussianProcess(ORDERED)
    again.theta = theta
    again.condition(np.vstack([X, pending]), np.append(y, expected))
    np.testing.assert_allclose(gp.predict(grid), again.predict(grid), atol=1e-8)
