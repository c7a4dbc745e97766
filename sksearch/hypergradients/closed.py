"""Gaussian classes: LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis and GaussianNB.

All have a normal density per class, with a mean m_k and a covariance C_k that a hyperparameter pulls to
something simple. There is nothing to iterate: with z_ik = C_k^-1 (x_i - m_k) and the slope G of the
validation loss with respect to the log-densities,

    dL = sum_k <Q_k, dC_k> / 2 - sum_ik G_ik z_ik' d(x_i - m_k),    Q_k = sum_i G_ik (z_ik z_ik' - C_k^-1)
"""

from abc import abstractmethod

import numpy as np
from scipy import linalg

from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.links import Softmax
from sksearch.hypergradients.losses import one_hot
from sksearch.hypergradients.model import SCALE, Model, Solution

# -- covariances and what hyperparameters make of them ----------------------------------------------


class Shrunk:
    """(1 - s) S + s trace(S) / n_features I."""

    def __init__(self, name, shrinkage, S):
        self.name, self._shrinkage, self._S = name, shrinkage, S
        self._target = np.trace(S) / len(S)
        self.value = (1 - shrinkage) * S
        self.value[np.diag_indices_from(S)] += shrinkage * self._target

    def by_value(self, Q):
        """Return <Q, dC/ds>."""
        return self._target * np.trace(Q) - (Q * self._S).sum()

    def by_scale(self, Q):
        """Return <Q, dC/dt_j>, where S_ij is multiplied by exp(t_i + t_j)."""
        toward = np.diag(self._S) * np.trace(Q) / len(Q)
        return 2 * ((1 - self._shrinkage) * (Q * self._S).sum(axis=1) + self._shrinkage * toward)


class Regularized:
    """(1 - r) S + r I."""

    def __init__(self, name, amount, S):
        self.name, self._amount, self._S = name, amount, S
        self.value = (1 - amount) * S
        self.value[np.diag_indices_from(S)] += amount

    def by_value(self, Q):
        """Return <Q, dC/dr>."""
        return np.trace(Q) - (Q * self._S).sum()

    def by_scale(self, Q):
        """Return <Q, dC/dt_j>."""
        return 2 * (1 - self._amount) * (Q * self._S).sum(axis=1)


class Smoothed:
    """The diagonal v + e max(w), as a vector; w are the variances of all samples."""

    def __init__(self, name, smoothing, v, w):
        self.name, self._largest = name, w.max()
        self.value = v + smoothing * self._largest

    def by_value(self, Q):
        """Return <Q, dC/de>."""
        return self._largest * Q.sum()


# -- classes ----------------------------------------------------------------------------------------


class Normal:
    """The density of one class.

    Parameters
    ----------
    prior : float
        Probability of the class.
    mean : ndarray of shape (n_features,)
        Its mean.
    covariance : Shrunk, Regularized or Smoothed
        Its covariance.
    """

    def __init__(self, prior, mean, covariance):
        self.mean, self.covariance, value = mean, covariance, covariance.value
        self._diagonal = value.ndim == 1
        if self._diagonal:
            self._log_determinant = np.log(value).sum()
        else:
            try:
                self._factor = linalg.cho_factor(value, lower=True)
            except linalg.LinAlgError as error:
                raise NotDifferentiable(
                    f"A covariance is not positive definite; raise {covariance.name}."
                ) from error
            self._log_determinant = 2 * np.log(np.diag(self._factor[0])).sum()
        self._log_prior = np.log(prior)

    def whiten(self, X):
        """Return z, of shape (n_samples, n_features)."""
        D = X - self.mean
        return D / self.covariance.value if self._diagonal else linalg.cho_solve(self._factor, D.T).T

    def log_density(self, X):
        """Return the joint log-likelihood up to a constant, of shape (n_samples,)."""
        squares = np.einsum("ij,ij->i", self.whiten(X), X - self.mean)
        return self._log_prior - self._log_determinant / 2 - squares / 2

    def pull(self, X, g):
        """Return Q for slopes g of shape (n_samples,), and derivatives by the scales of x - m."""
        Z = self.whiten(X)
        if self._diagonal:
            Q = g @ Z**2 - g.sum() / self.covariance.value
        else:
            Q = Z.T @ (g[:, None] * Z) - g.sum() * linalg.cho_solve(self._factor, np.eye(len(self.mean)))
        return Q, -g @ (Z * (X - self.mean))


class NormalSolution(Solution):
    """One density per class."""

    def __init__(self, normals):
        self.link, self._normals = Softmax(), normals

    def raw(self, X):
        return np.stack([normal.log_density(X) for normal in self._normals], axis=1)

    def gradient(self, X, slope, names):
        value = scale = 0.0
        for normal, g in zip(self._normals, slope.T, strict=True):
            Q, by_difference = normal.pull(X, g)
            value += normal.covariance.by_value(Q) / 2
            if SCALE in names:
                scale = scale + normal.covariance.by_scale(Q) / 2 + by_difference
        return {name: scale if name == SCALE else float(value) for name in names}


class NormalModel(Model):
    """What the classifiers have in common."""

    def solve(self, estimator, X, y, sample_weight):
        members = one_hot(y, estimator.classes_)
        weights = members if sample_weight is None else members * sample_weight[:, None]
        normals = self.normals(estimator, X, weights / weights.sum(axis=0))
        return NormalSolution(normals)

    @abstractmethod
    def normals(self, estimator, X, weights):
        """Return one `Normal` per class; weights of shape (n_samples, n_classes) sum to 1 in each."""


class LDAModel(NormalModel):
    """LinearDiscriminantAnalysis: one covariance for all classes."""

    fractions = frozenset({"shrinkage"})

    def names(self, estimator):
        free = estimator.solver in ("lsqr", "eigen") and estimator.covariance_estimator is None
        return frozenset({"shrinkage"}) if free else frozenset()

    def normals(self, estimator, X, weights):
        priors = estimator.priors_
        S = sum(prior * _covariance(X, w) for prior, w in zip(priors, weights.T, strict=True))
        covariance = Shrunk("shrinkage", _shrinkage(estimator), S)
        return [Normal(prior, w @ X, covariance) for prior, w in zip(priors, weights.T, strict=True)]


class QDAModel(NormalModel):
    """QuadraticDiscriminantAnalysis."""

    fractions = frozenset({"reg_param", "shrinkage"})

    def names(self, estimator):
        if getattr(estimator, "solver", "svd") == "svd":
            return frozenset({"reg_param"})
        return frozenset() if estimator.covariance_estimator is not None else frozenset({"shrinkage"})

    def normals(self, estimator, X, weights):
        normals = []
        for k, (prior, w) in enumerate(zip(estimator.priors_, weights.T, strict=True)):
            if getattr(estimator, "solver", "svd") == "svd":
                covariance = Regularized("reg_param", estimator.reg_param, _unregularized(estimator, k))
            else:
                covariance = Shrunk("shrinkage", _shrinkage(estimator), _covariance(X, w))
            normals.append(Normal(prior, w @ X, covariance))
        return normals


class GaussianNBModel(NormalModel):
    """GaussianNB."""

    def names(self, estimator):
        return frozenset({"var_smoothing"})

    def scalable(self, estimator):
        # Of standardized features, each has the largest variance: there is a kink.
        return False

    def normals(self, estimator, X, weights):
        w = X.var(axis=0)
        smoothing = estimator.var_smoothing
        means = weights.T @ X
        return [
            Normal(prior, mean, Smoothed("var_smoothing", smoothing, share @ (X - mean) ** 2, w))
            for prior, mean, share in zip(estimator.class_prior_, means, weights.T, strict=True)
        ]


def _covariance(X, w):
    D = X - w @ X
    return D.T @ (w[:, None] * D)


def _shrinkage(estimator):
    if isinstance(estimator.shrinkage, str):
        raise NotDifferentiable(f"shrinkage={estimator.shrinkage!r} is not a number; give one from 0 to 1.")
    return 0.0 if estimator.shrinkage is None else float(estimator.shrinkage)


def _unregularized(estimator, k):
    """Return the covariance of a class before it was regularised; releases scale it in different ways."""
    scalings, rotation, amount = estimator.scalings_[k], estimator.rotations_[k], estimator.reg_param
    if len(scalings) < len(rotation) or amount == 1:
        raise NotDifferentiable(
            f"The covariance of a class is unknown with reg_param={amount} or fewer samples than features; "
            "lower reg_param."
        )
    return (rotation * ((scalings - amount) / (1 - amount))) @ rotation.T


MODELS = {
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": LDAModel(),
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": QDAModel(),
    "sklearn.naive_bayes.GaussianNB": GaussianNBModel(),
}
