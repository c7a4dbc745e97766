import numpy as np
import pytest

from sksearch.optimizers.sloped import SlopedProcess


def wave(X):
    return np.sin(X).sum(axis=1) + X[:, 0] * X[:, 1] / 5


def slopes(X):
    return np.cos(X) + np.column_stack([X[:, 1], X[:, 0], 0 * X[:, 0]]) / 5


@pytest.fixture
def fitted():
    X = np.random.default_rng(0).uniform(0, 4, (8, 3))
    return SlopedProcess().fit(X, wave(X), slopes(X))


def test_gradient_of_the_likelihood(fitted):
    theta, step = fitted.theta + 0.3, 1e-5
    _, gradient = fitted._loss(theta)
    differences = [
        (fitted._loss(theta + step * e)[0] - fitted._loss(theta - step * e)[0]) / (2 * step)
        for e in np.eye(len(theta))
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-4, atol=1e-5)


def test_gradients_of_the_prediction(fitted):
    X, step = np.random.default_rng(1).uniform(0, 4, (5, 3)), 1e-5
    _, _, mean, std = fitted.predict_gradient(X)
    for j, e in enumerate(step * np.eye(3)):
        above, below = fitted.predict(X + e), fitted.predict(X - e)
        np.testing.assert_allclose(mean[:, j], (above[0] - below[0]) / (2 * step), atol=1e-5)
        np.testing.assert_allclose(std[:, j], (above[1] - below[1]) / (2 * step), atol=1e-5)


def test_it_passes_through_what_it_was_told(fitted):
    X = fitted._X
    mean, std, gradient, _ = fitted.predict_gradient(X)
    np.testing.assert_allclose(mean, wave(X), atol=1e-2)
    np.testing.assert_allclose(gradient, slopes(X), atol=5e-2)
    assert (std < 0.05).all()


def test_slopes_that_are_wrong_are_found_out():
    X = np.linspace(0, 6, 25)[:, None]
    right = SlopedProcess().fit(X, np.sin(X[:, 0]), np.cos(X))
    wrong = SlopedProcess().fit(X, np.sin(X[:, 0]), np.random.default_rng(0).permuted(np.cos(X), axis=0))
    assert wrong.theta[-1] > right.theta[-1] + 3
