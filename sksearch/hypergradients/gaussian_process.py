"""GaussianProcessRegressor with hyperparameters of its own: the system of kernel ridge, with any kernel.

Kernels know their derivatives with respect to the logarithms of their hyperparameters. They are asked once,
for training and validation samples together. They do not know those with respect to samples: a scaling of
features is not differentiated.
"""

import numpy as np
from scipy import linalg

from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.links import Identity
from sksearch.hypergradients.model import Model, Solution

_PREFIX = "kernel__"


class GaussianProcessModel(Model):
    """GaussianProcessRegressor, where it does not optimise the kernel itself."""

    def names(self, estimator):
        if estimator.optimizer is not None or np.ndim(estimator.alpha):
            return frozenset()
        free = [] if estimator.kernel is None else estimator.kernel.hyperparameters
        return frozenset({"alpha"} | {_PREFIX + h.name for h in free if not h.fixed and h.n_elements == 1})

    def scalable(self, estimator):
        return False

    def value(self, estimator, name):
        return float(estimator.get_params()[name])

    def solve(self, estimator, X, y, sample_weight):
        K = estimator.kernel_(X)
        K[np.diag_indices_from(K)] += estimator.alpha
        try:
            factor = linalg.cho_factor(K, lower=True, overwrite_a=True)
        except linalg.LinAlgError as error:
            raise NotDifferentiable("The kernel matrix is not positive definite; raise alpha.") from error
        return GaussianProcessSolution(estimator, X, factor)


class GaussianProcessSolution(Solution):
    """The mean of the posterior.

    Parameters
    ----------
    estimator : GaussianProcessRegressor
        The fitted model.
    X : ndarray of shape (n_samples, n_features)
        Training samples.
    factor : tuple
        The Cholesky factor of their covariance, as of ``scipy.linalg.cho_factor``.
    """

    def __init__(self, estimator, X, factor):
        self.link, self._X, self._factor = Identity(), X, factor
        self._kernel, self._mean, self._std = (
            estimator.kernel_,
            estimator._y_train_mean,
            estimator._y_train_std,
        )
        self._targets = estimator.y_train_.reshape(len(X), -1)
        self._coefficients = linalg.cho_solve(factor, self._targets)

    def raw(self, X):
        return self._kernel(X, self._X) @ self._coefficients * self._std + self._mean

    def gradient(self, X, slope, names):
        slope = slope * self._std
        V = linalg.cho_solve(self._factor, self._kernel(X, self._X).T @ slope)
        gradient = {"alpha": -float((V * self._coefficients).sum())}
        if set(names) - {"alpha"}:
            _, by_log = self._kernel(np.vstack([X, self._X]), eval_gradient=True)
            left = np.vstack([slope, -V])
            products = np.einsum("ik,jk,ijt->t", left, self._coefficients, by_log[:, len(X) :], optimize=True)
            gradient |= self._by_name(products)
        return {name: gradient[name] for name in names}

    def _by_name(self, by_log):
        """Return the derivatives with respect to scalar hyperparameters, in natural units."""
        found, position = {}, 0
        for hyperparameter in self._kernel.hyperparameters:
            if hyperparameter.fixed:
                continue
            if hyperparameter.n_elements == 1:
                value = np.exp(self._kernel.theta[position])
                found[_PREFIX + hyperparameter.name] = float(by_log[position] / value)
            position += hyperparameter.n_elements
        return found


MODELS = {"sklearn.gaussian_process.GaussianProcessRegressor": GaussianProcessModel()}
