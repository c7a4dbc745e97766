"""The polish reaches the optimum from anywhere, and systems with the Hessian are solved."""

import numpy as np
import pytest
from scipy import sparse

from sksearch.hypergradients import NotDifferentiable, hessian
from sksearch.hypergradients.hessian import Hessian, Preconditioner
from sksearch.hypergradients.newton import Design, Objective, polish
from sksearch.hypergradients.pointwise import Logistic, LogTweedie, Multinomial, Squared, SquaredHinge


def problem(loss, l2=0.0, l1=0.0, n_classes=3, n_samples=60, n_features=8, intercept=True):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    signal = X[:, :n_classes] + rng.normal(size=(n_samples, n_classes))
    y = {
        Squared: signal,
        Logistic: (signal[:, :1] > 0).astype(float),
        SquaredHinge: np.where(signal[:, :1] > 0, 1.0, -1.0),
        LogTweedie: np.exp(signal[:, :1]),
        Multinomial: np.eye(n_classes)[signal.argmax(axis=1)],
    }[type(loss)]
    penalised = np.append(np.ones(n_features), [0.0] * intercept)[:, None]
    weights = rng.exponential(size=(n_samples, 1))
    return Objective(Design(X, intercept), loss, y, weights, l2 * penalised, l1 * penalised)


SMOOTH = [Squared(), Logistic(), SquaredHinge(), LogTweedie(1.5), Multinomial()]


def largest_slope(objective, optimum):
    return np.abs(objective.steepest(optimum.W, optimum.z)).max()


@pytest.mark.parametrize("l1", [0.0, 3.0])
@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: type(loss).__name__)
def test_the_optimum_from_zero_and_from_far_away(loss, l1):
    objective = problem(loss, l2=0.5, l1=l1)
    shape = (9, objective.y.shape[1])
    optima = [
        polish(objective, W)
        for W in (np.zeros(shape), 5 * np.random.default_rng(1).normal(size=shape), np.full(shape, -2.0))
    ]
    for optimum in optima:
        assert largest_slope(objective, optimum) < 1e-5
        # The intercepts of all classes may change together.
        shift = (optimum.z - optima[0].z).mean() if isinstance(loss, Multinomial) else 0
        np.testing.assert_allclose(optimum.z, optima[0].z + shift, atol=1e-5)
        np.testing.assert_array_equal(optimum.W == 0, optima[0].W == 0)
    if l1:
        assert (optima[0].W == 0).any()


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: type(loss).__name__)
def test_systems_with_the_hessian(loss):
    objective = problem(loss, l2=0.5, l1=1.0)
    optimum = polish(objective, np.zeros((9, objective.y.shape[1])))
    B = np.random.default_rng(1).normal(size=optimum.W.shape) * optimum.free
    # What a loss of predictions pulls back is orthogonal to the one direction that changes nothing.
    B[-1] -= B[-1].mean() * isinstance(loss, Multinomial)
    V = optimum.solve(B)
    np.testing.assert_allclose(optimum.free * optimum.hessian.dot(V), B, atol=1e-6)
    assert not V[~optimum.free].any()


def test_the_product_is_that_of_the_second_derivatives():
    objective = problem(Multinomial(), l2=0.5)
    rng = np.random.default_rng(1)
    W, V, h = rng.normal(size=(9, 3)), rng.normal(size=(9, 3)), 1e-5
    slopes = [objective.steepest(W + s * V, objective.design.dot(W + s * V)) for s in (h, -h)]
    product = Hessian(objective, objective.design.dot(W)).dot(V)
    np.testing.assert_allclose(product, (slopes[0] - slopes[1]) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: type(loss).__name__)
def test_many_weights_have_a_diagonal_preconditioner(loss, monkeypatch):
    objective = problem(loss, l2=0.5, l1=1.0)
    W = np.zeros((9, objective.y.shape[1]))
    expected = polish(objective, W)
    monkeypatch.setattr(hessian, "_MAX_FACTORED", 0)
    found = polish(objective, W)
    np.testing.assert_allclose(found.W, expected.W, atol=1e-5)


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: type(loss).__name__)
def test_sparse_is_dense(loss):
    objective = problem(loss, l2=0.5, l1=1.0)
    W = np.zeros((9, objective.y.shape[1]))
    expected = polish(objective, W)
    objective.design = Design(sparse.csr_matrix(objective.design.X), True)
    np.testing.assert_allclose(polish(objective, W).W, expected.W, atol=1e-6)


def test_outputs_with_the_same_curvature_share_a_factor(monkeypatch):
    objective = problem(Squared(), l2=0.5)
    blocks = []
    original = Preconditioner._block
    monkeypatch.setattr(
        Preconditioner, "_block", lambda self, *args: blocks.append(1) or original(self, *args)
    )
    polish(objective, np.zeros((9, 3)))
    assert len(blocks) == 1


def test_more_weights_than_samples():
    objective = problem(Squared(), l2=0.5, n_samples=20, n_features=50, n_classes=1, intercept=False)
    X, s = objective.design.X, objective.weights
    expected = np.linalg.solve(X.T @ (s * X) + 0.5 * np.eye(50), X.T @ (s * objective.y))
    np.testing.assert_allclose(polish(objective, np.zeros((50, 1))).W, expected, atol=1e-8)


def test_columns_that_repeat_without_a_penalty():
    objective = problem(Squared(), n_classes=1)
    objective.design.X[:, 1] = objective.design.X[:, 0]
    optimum = polish(objective, np.zeros((9, 1)))
    assert largest_slope(objective, optimum) < 1e-8


def test_classes_that_can_be_separated():
    objective = problem(Logistic(), l2=1e-8)
    objective.y = (objective.design.X[:, :1] > 0).astype(float)
    optimum = polish(objective, np.zeros((9, 1)))
    assert np.abs(optimum.W).max() > 10
    assert objective.value(optimum.W, optimum.z) < 1e-4


def test_where_it_does_not_reach_the_optimum_is_said():
    # More weights than samples: what they do not determine slopes by the l1 penalty alone.
    objective = problem(Squared(), l1=1e-3, n_classes=1, n_samples=15, n_features=60)
    start = np.random.default_rng(1).normal(size=(61, 1))
    with pytest.raises(NotDifferentiable, match="more weights than samples"):
        polish(objective, start)
    enough = problem(Squared(), l1=1e-3, n_classes=1, n_samples=60, n_features=15)
    assert largest_slope(enough, polish(enough, start[:16])) < 1e-6
