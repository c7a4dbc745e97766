"""Fitted folds and what their losses are, without any formula of the package."""

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline


def standardized(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def data(name):
    """Return 150 samples, with features that are standardized."""
    if name in ("regression", "counts", "positive", "targets"):
        X, y = load_diabetes(return_X_y=True)
        y = (y - y.mean()) / y.std()
        y = {
            "regression": y,
            "counts": np.round(np.exp(y)),
            "positive": np.exp(y),
            "targets": np.c_[y, standardized(X)[:, 0] ** 2],
        }[name]
        return standardized(X)[:150], y[:150]
    X, y = load_breast_cancer(return_X_y=True) if name == "binary" else load_wine(return_X_y=True)
    rng = np.random.default_rng(0)
    # Some labels are wrong, so that probabilities and margins are not all alike.
    rows = rng.permutation(len(y))[:150]
    y = np.where(rng.random(len(y)) < 0.1, rng.permutation(y), y)
    return standardized(X)[rows, :10], y[rows]


class Fold:
    """Two thirds of a data set to fit on, and the rest to score.

    Parameters
    ----------
    X, y : arrays
        All samples.
    sample_weight : array or None
        Weights of all samples, for the fit.
    """

    def __init__(self, X, y, sample_weight=None):
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.n_train = 2 * len(y) // 3

    @property
    def args(self):
        n = self.n_train
        return self.X[:n], self.y[:n], self.X[n:], self.y[n:]

    @property
    def weights(self):
        return {} if self.sample_weight is None else {"sample_weight": self.sample_weight[: self.n_train]}

    def fit(self, estimator, **params):
        """Return a fitted clone."""
        X, y, _, _ = self.args
        weights = self.weights
        if isinstance(estimator, Pipeline):
            weights = {f"{estimator.steps[-1][0]}__{name}": value for name, value in weights.items()}
        return clone(estimator).set_params(**params).fit(X, y, **weights)

    def loss(self, fitted, scoring):
        """Return the loss of a score; the modified Huber loss for "margin"."""
        _, _, X, y = self.args
        if scoring != "margin":
            score = fitted.score(X, y) if scoring is None else get_scorer(scoring)(fitted, X, y)
            return loss_of(score, "r2" if scoring is None else scoring)
        return margin_loss(fitted.decision_function(X), y, fitted.classes_)


def loss_of(score, scoring):
    """Return minus the score, or what is left of 1 where that is a share."""
    name = str(scoring)
    return 1 - score if "r2" in name or "d2" in name else -score


def margin_loss(decision, y, classes):
    """Mean over samples of the sum over columns, one class against the rest."""
    columns = decision.reshape(len(y), -1)
    labels = classes[1:] if columns.shape[1] == 1 else classes
    margins = np.where(y[:, None] == labels, 1, -1) * columns
    losses = np.where(margins < -1, -4 * margins, np.maximum(0, 1 - margins) ** 2)
    return losses.sum(axis=1).mean()


def central_difference(function, value, h):
    """Return the derivative of a function at a value that is not 0."""
    return (function(value * (1 + h)) - function(value * (1 - h))) / (2 * h * value)


def relative_error(found, expected):
    return np.max(np.abs(np.subtract(found, expected))) / max(np.max(np.abs(expected)), 1e-12)
