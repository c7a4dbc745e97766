import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from sksearch.optimizers.gp import GaussianProcess
from sksearch.space import Space, Subset

SPACE = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": ["x", "y", "z"], "d": (0.0, 1.0)})
NUMBERS = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "d": (0.0, 1.0)})
ORDERED = SPACE.ordered


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.random((25, 4))
    X[:, 2] = (rng.integers(3, size=25) + 0.5) / 3
    return X, np.sin(5 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.01 * rng.standard_normal(25)


@pytest.mark.parametrize("seed", range(5))
def test_gradient_of_the_loss_agrees_with_finite_differences(data, seed):
    X, y = data
    gp = GaussianProcess(SPACE)
    noise = np.random.default_rng(seed).random(len(y)) * 0.01
    failed = np.random.default_rng(seed).random(len(y)) < 0.3
    theta = gp.theta + 0.5 * np.random.default_rng(seed).standard_normal(len(gp.theta))
    gradient = gp._loss(theta, X, y, noise, failed)[1]
    error = check_grad(
        lambda t: gp._loss(t, X, y, noise, failed)[0],
        lambda t: gp._loss(t, X, y, noise, failed)[1],
        theta,
    )
    assert error < 1e-5 * np.abs(gradient).max()


def test_gradients_of_the_prediction_agree_with_finite_differences(data):
    X, y = data
    gp = GaussianProcess(SPACE).fit(X, y)
    points = np.array([[0.3, 0.6, 1 / 6, 0.2], [0.9, 0.1, 5 / 6, 0.5]])
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
    gp = GaussianProcess(NUMBERS).fit(X, y)
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
    gp = GaussianProcess(NUMBERS).fit(X, np.sin(8 * X[:, 0]))
    assert gp.theta[0] < min(gp.theta[1:3]) - 0.5


def test_known_noise_widens_the_posterior(data):
    X, y = data
    exact = GaussianProcess(SPACE).condition(X, y)
    noisy = GaussianProcess(SPACE).condition(X, y, np.full(len(y), 0.5))
    assert np.all(noisy.predict(X)[1] > exact.predict(X)[1])


def test_fantasies_keep_the_mean_shrink_the_variance_and_match_conditioning(data):
    X, y = data
    gp = GaussianProcess(SPACE).fit(X, y)
    pending = SPACE.sample(3, np.random.default_rng(2))
    grid = SPACE.sample(20, np.random.default_rng(3))
    before = gp.predict(grid)
    expected = gp.predict(pending)[0]
    theta = gp.theta
    gp.fantasize(pending)
    np.testing.assert_allclose(gp.predict(grid)[0], before[0], atol=1e-6)
    assert np.all(gp.predict(grid)[1] <= before[1] + 1e-9)
    again = GaussianProcess(SPACE)
    again.theta = theta
    again.condition(np.vstack([X, pending]), np.append(y, expected))
    np.testing.assert_allclose(gp.predict(grid), again.predict(grid), atol=1e-8)


BRANCHES = Space(
    [
        {"model": ["svm"], "kernel": ["a", "b", "c"], "C": (0.0, 1.0)},
        {"model": ["knn", "tree"], "weights": ["u", "d"], "mask": Subset(3)},
    ]
)


@pytest.mark.parametrize("space", [SPACE, NUMBERS, BRANCHES, Space({"mask": Subset(40)})], ids=str)
def test_the_kernel_is_the_one_of_the_formula(space):
    gp = GaussianProcess(space)
    gp.theta = gp.theta + 0.5 * np.random.default_rng(0).standard_normal(len(gp.theta))
    A, B = (space.sample(30, np.random.default_rng(seed)) for seed in (1, 2))
    lengths = np.exp(gp.theta[: space.n_columns])
    numbers = space.ordered
    r = np.sqrt((((A[:, None] - B)[..., numbers] / lengths[numbers]) ** 2).sum(axis=-1))
    differs = ((A[:, None] != B)[..., ~numbers] / lengths[~numbers]).sum(axis=-1)
    expected = (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r - differs)
    np.testing.assert_allclose(gp.correlation(A, B), expected, atol=1e-7)


def test_many_categories_are_compared_as_few_are(monkeypatch):
    space = Space([{"a": list("abcde"), "b": (0.0, 1.0)}, {"a": list("abcde"), "c": ["x", "y", None]}])
    rng = np.random.default_rng(0)
    X, y = space.sample(30, rng), rng.standard_normal(30)

    def parts():
        gp = GaussianProcess(space)
        return gp.correlation(X, X[:9]), *gp._loss(gp.theta, X, y)

    few = parts()
    for most in (0, 4):
        monkeypatch.setattr("sksearch.optimizers.gp._MANY", most)
        for one, other in zip(parts(), few, strict=True):
            np.testing.assert_allclose(one, other)
