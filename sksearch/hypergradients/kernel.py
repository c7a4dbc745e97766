"""Kernel machines: predictions f(x) = sum_i k(x, x_i) a_i + b, whose coefficients solve a linear system.

With F(a, theta) = 0 the system, K* the kernel of validation and training samples, and G the slope of the
validation loss:

    dL/dtheta = <G a', dK*/dtheta> - <V, dF/dtheta>,    (dF/da)' V = K*' G

A kernel is phi(S) of inner products or distances S, so that one sum over pairs of samples gives the
derivative with respect to a scaling of every feature.
"""

from abc import abstractmethod
from functools import partial

import numpy as np
from scipy import linalg, sparse
from sklearn.metrics.pairwise import euclidean_distances, linear_kernel, manhattan_distances

from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.links import Identity
from sksearch.hypergradients.model import SCALE, Model, Solution


class Kernel:
    """A kernel of scikit-learn, with derivatives.

    Parameters
    ----------
    name : {"linear", "poly", "polynomial", "rbf", "laplacian", "sigmoid"}
        Its name in ``pairwise_kernels``.
    gamma, degree, coef0 : float
        Its parameters.
    """

    def __init__(self, name, gamma, degree=3, coef0=1):
        self.name = "poly" if name == "polynomial" else name
        self.gamma, self.degree, self.coef0 = gamma, degree, coef0

    def similarity(self, X, Z):
        """Return S: squared or absolute distances, or inner products."""
        if self.name == "rbf":
            return euclidean_distances(X, Z, squared=True)
        if self.name == "laplacian":
            return manhattan_distances(X, Z)
        return linear_kernel(X, Z, dense_output=True)

    def value(self, S):
        """Return phi(S)."""
        if self.name == "linear":
            return S
        if self.name == "poly":
            return (self.gamma * S + self.coef0) ** self.degree
        if self.name == "sigmoid":
            return np.tanh(self.gamma * S + self.coef0)
        return np.exp(-self.gamma * S)

    def by_argument(self, S, K):
        """Return the derivative of K = phi(S) with respect to gamma * S; to S, for the linear kernel."""
        if self.name == "linear":
            return np.ones_like(S)
        if self.name == "poly":
            return self.degree * (self.gamma * S + self.coef0) ** (self.degree - 1)
        return 1 - K**2 if self.name == "sigmoid" else -K

    def by_gamma(self, S, M):
        """Return the derivative of a sum over pairs, where M is its derivative by the argument of phi."""
        return 0.0 if self.name == "linear" else (M * S).sum()

    def by_scale(self, X, Z, M):
        """Return the same with respect to t_j, where column j of X and Z is multiplied by exp(t_j)."""
        M = M if self.name == "linear" else self.gamma * M
        if self.name == "laplacian":
            columns = ((_dense(X[:, [j]]), _dense(Z[:, [j]])) for j in range(X.shape[1]))
            return np.array([(M * np.abs(x - z.T)).sum() for x, z in columns])
        cross = 2 * _column_sums(X, M @ Z)
        if self.name != "rbf":
            return cross
        return 2 * (_column_sums(X, X, M.sum(axis=1)) + _column_sums(Z, Z, M.sum(axis=0)) - cross)


def _dense(X):
    return X.toarray() if sparse.issparse(X) else X


def _column_sums(X, Y, weights=None):
    """Return sum_i weights_i X_ij Y_ij."""
    products = X.multiply(Y).tocsr() if sparse.issparse(X) else X * Y
    return np.asarray(products.T @ (np.ones(X.shape[0]) if weights is None else weights)).ravel()


class KernelSolution(Solution):
    """A function that its training samples span. Subclasses solve the adjoint system.

    Parameters
    ----------
    link : Identity or Margin
        What becomes of raw predictions.
    kernel : Kernel
        The kernel.
    X : {ndarray, csr_matrix} of shape (n_samples, n_features)
        Samples whose coefficients are not 0.
    coefficients : ndarray of shape (n_samples, n_outputs)
        Their coefficients.
    intercept : ndarray of shape (n_outputs,) or float, default=0.0
        What is added.
    """

    def __init__(self, link, kernel, X, coefficients, intercept=0.0):
        self.link, self.kernel, self.X = link, kernel, X
        self.coefficients, self.intercept = coefficients, intercept

    @abstractmethod
    def adjoint(self, pulled, slope):
        """Solve the adjoint system.

        Parameters
        ----------
        pulled : ndarray of shape (n_samples, n_outputs)
            K*' G.
        slope : ndarray of shape (n_validation, n_outputs)
            G.

        Returns
        -------
        V : ndarray of shape (n_samples, n_outputs)
            The adjoint.
        own : dict of str to float
            Derivatives with respect to the hyperparameters that are not the kernel's.
        """

    def gamma_by_scale(self):
        """Return the derivative of gamma, where it depends on the training samples; else 0."""
        return 0.0

    def raw(self, X):
        return self.kernel.value(self.kernel.similarity(X, self.X)) @ self.coefficients + self.intercept

    def gradient(self, X, slope, names):
        kernel = self.kernel
        S = kernel.similarity(X, self.X)
        K = kernel.value(S)
        V, found = self.adjoint(K.T @ slope, slope)
        if "gamma" in names or SCALE in names:
            found |= self._by_kernel(X, S, K, slope, V, SCALE in names)
        return {name: found[name] for name in names}

    def _by_kernel(self, X, S, K, slope, V, scaled):
        """Return the derivatives with respect to gamma and, perhaps, scales."""
        kernel = self.kernel
        across = slope @ self.coefficients.T * kernel.by_argument(S, K)
        gamma = kernel.by_gamma(S, across)
        scale = kernel.by_scale(X, self.X, across) if scaled else 0.0
        S = kernel.similarity(self.X, self.X)
        own = -V @ self.coefficients.T * kernel.by_argument(S, kernel.value(S))
        gamma += kernel.by_gamma(S, own)
        if scaled:
            scale = scale + kernel.by_scale(self.X, self.X, own) + gamma * self.gamma_by_scale()
        return {"gamma": float(gamma), SCALE: scale}


# -- kernel ridge regression ------------------------------------------------------------------------


class KernelRidgeModel(Model):
    """KernelRidge."""

    def names(self, estimator):
        known = estimator.kernel in ("linear", "poly", "polynomial", "rbf", "laplacian", "sigmoid")
        if not known or estimator.kernel_params:
            return frozenset()
        return frozenset({"alpha"}) if estimator.kernel == "linear" else frozenset({"alpha", "gamma"})

    def value(self, estimator, name):
        automatic = name == "gamma" and estimator.gamma is None
        return 1 / estimator.n_features_in_ if automatic else super().value(estimator, name)

    def solve(self, estimator, X, y, sample_weight):
        gamma = self.value(estimator, "gamma")
        kernel = Kernel(estimator.kernel, gamma, estimator.degree, estimator.coef0)
        root = np.ones((X.shape[0], 1)) if sample_weight is None else np.sqrt(sample_weight)[:, None]
        matrix = root * kernel.value(kernel.similarity(X, X)) * root.T
        if np.size(estimator.alpha) != 1:
            raise NotDifferentiable(f"alpha={estimator.alpha!r} has one value per target; give one number.")
        matrix[np.diag_indices_from(matrix)] += float(np.ravel(estimator.alpha)[0])
        try:
            solve = partial(linalg.cho_solve, linalg.cho_factor(matrix, lower=True, overwrite_a=True))
        except linalg.LinAlgError as error:
            raise NotDifferentiable("The kernel matrix is not positive definite; raise alpha.") from error
        y = np.asarray(y, dtype=np.float64).reshape(X.shape[0], -1)
        return KernelRidgeSolution(kernel, X, root, solve, root * solve(root * y))


class KernelRidgeSolution(KernelSolution):
    """Coefficients that solve (K + alpha diag(1 / s)) a = y."""

    def __init__(self, kernel, X, root, solve, coefficients):
        super().__init__(Identity(), kernel, X, coefficients)
        self._root, self._solve = root, solve

    def adjoint(self, pulled, slope):
        V = self._solve(self._root * pulled)
        positive = self._root > 0
        scaled = np.divide(self.coefficients, self._root, out=np.zeros_like(V), where=positive)
        return self._root * V, {"alpha": -float((V * scaled).sum())}


MODELS = {"sklearn.kernel_ridge.KernelRidge": KernelRidgeModel()}
