"""A Gaussian process that knows slopes as well as values.

Notation, as in `gp`, with r the difference of two points in units of the lengthscales, q = r'r, and slopes
in the same units, g = l df/dx. With a kernel phi(q), and derivatives of phi by q,

    cov(f, f')     = phi                    cov(f, g'_j)   = -2 phi' r_j
    cov(g_i, f')   = 2 phi' r_i             cov(g_i, g'_j) = -4 phi'' r_i r_j - 2 phi' [i = j]
"""

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

# Variance of values, relative to that of the function: they are exact, the algebra is not.
_JITTER = 1e-9

# Of the logarithms of lengthscales, in units of the descent, and of the variance of errors of slopes.
_MEAN_LENGTH, _STD_LENGTH = np.log(2.0), 1.0
_MEAN_ERROR, _STD_ERROR = np.log(1e-5), 3.0


class SlopedProcess:
    r"""Regression of a function on its values and gradients, with a squared-exponential kernel.

    Each of n points in d dimensions tells d + 1 numbers, so that a few of them show the surface. The mean and
    the variance of the function have their most likely values. Lengthscales and the variance of errors of
    slopes, by which kinks are taken, have normal priors of their logarithms and are fitted.

    Attributes
    ----------
    theta : ndarray of shape (d + 1,)
        Log lengthscales, log variance of errors of slopes relative to that of the function.

    References
    ----------
    Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, section 9.4.

    Wu, Poloczek, Wilson & Frazier, "Bayesian optimization with gradients", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sksearch.optimizers.sloped import SlopedProcess
    >>> X = np.array([[0.0], [2.0], [4.0]])
    >>> process = SlopedProcess().fit(X, np.sin(X[:, 0]), np.cos(X))
    >>> mean, std = process.predict(np.array([[1.0]]))
    >>> bool(abs(mean[0] - np.sin(1.0)) < 0.02)
    True
    """

    def fit(self, X, y, slopes, *, max_iter=30):
        """Fit the hyperparameters to data, and condition on it.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        y : ndarray of shape (n,)
            Values.
        slopes : ndarray of shape (n, d)
            Their derivatives.
        max_iter : int, default=30
            Most steps of L-BFGS-B.

        Returns
        -------
        self : SlopedProcess
        """
        self._X, self._y, self._slopes = X, y, slopes
        d = X.shape[1]
        self._prior_mean = np.append(np.full(d, _MEAN_LENGTH), _MEAN_ERROR)
        self._prior_std = np.append(np.full(d, _STD_LENGTH), _STD_ERROR)
        bounds = np.column_stack(
            [self._prior_mean - 3 * self._prior_std, self._prior_mean + 3 * self._prior_std]
        )
        found = minimize(
            self._loss,
            self._prior_mean,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": max_iter},
        )
        self.theta = found.x
        self._loss(self.theta)
        return self

    def _loss(self, theta):
        """Negative log posterior density of theta, and its gradient; conditions on the data besides."""
        n, d = self._X.shape
        lengths, error = np.exp(theta[:d]), np.exp(theta[d])
        r = (self._X[:, None] - self._X[None]) / lengths
        covariance = _joint(r)
        size = n * (d + 1)
        diagonal = np.arange(size)
        covariance[diagonal, diagonal] += _JITTER + np.where(diagonal < n, 0.0, error)
        try:
            factor = cholesky(covariance, lower=True, check_finite=False), True
        except np.linalg.LinAlgError:
            return 1e10, np.zeros(d + 1)
        told = np.concatenate([self._y, (self._slopes * lengths).T.ravel()])
        ones = np.where(diagonal < n, 1.0, 0.0)  # the slope of a constant is zero
        weights = cho_solve(factor, ones, check_finite=False)
        mean = weights @ told / (weights @ ones)
        rest = told - mean * ones
        alpha = cho_solve(factor, rest, check_finite=False)
        signal = rest @ alpha / size + np.finfo(float).tiny
        self._factor, self._alpha, self._mean, self._signal, self._lengths = (
            factor,
            alpha,
            mean,
            signal,
            lengths,
        )
        deviation = (theta - self._prior_mean) / self._prior_std
        loss = size / 2 * np.log(signal) + np.log(np.diag(factor[0])).sum() + 0.5 * deviation @ deviation
        # The density of the slopes is that of g times the lengthscales.
        loss -= n * theta[:d].sum()
        inner = cho_solve(factor, np.eye(size), check_finite=False) - np.outer(alpha, alpha) / signal
        gradient = np.empty(d + 1)
        for k in range(d):
            block = slice(n * (1 + k), n * (2 + k))
            gradient[k] = 0.5 * (inner * _by_log_length(r, k)).sum() - n + alpha[block] @ told[block] / signal
        gradient[d] = 0.5 * error * np.trace(inner[n:, n:])
        return loss, gradient + deviation / self._prior_std

    def predict(self, X):
        """Posterior mean and standard deviation of the function at points of shape (m, d), both (m,)."""
        return self.predict_gradient(X)[:2]

    def predict_gradient(self, X):
        """Posterior mean and standard deviation at points, with their gradients.

        Parameters
        ----------
        X : ndarray of shape (m, d)

        Returns
        -------
        mean, std : ndarray of shape (m,)
        mean_gradient, std_gradient : ndarray of shape (m, d)
        """
        n, d = self._X.shape
        m = len(X)
        r = (X[:, None] - self._X[None]) / self._lengths
        blocks = _joint(r).reshape(1 + d, m, n * (1 + d))
        solved = cho_solve(self._factor, blocks[0].T, check_finite=False).T
        variance = 1.0 - np.einsum("mi,mi->m", blocks[0], solved)
        std = np.sqrt(self._signal * np.maximum(variance, 1e-12))
        mean_gradient = (blocks[1:] @ self._alpha).T / self._lengths
        pull = np.einsum("kmi,mi->mk", blocks[1:], solved) / self._lengths
        return self._mean + blocks[0] @ self._alpha, std, mean_gradient, -self._signal * pull / std[:, None]


def _kernel(r):
    """phi, and how its derivatives by q follow: each is -1/2 of the one before."""
    phi = np.exp(-0.5 * (r**2).sum(axis=-1))
    return phi, -phi / 2, phi / 4, -phi / 8


def _joint(r):
    """Covariance of values and slopes at two sets of points with differences r, ((d + 1) m, (d + 1) n)."""
    m, n, d = r.shape
    zeroth, first, second, _ = _kernel(r)
    joint = np.empty((1 + d, m, 1 + d, n))
    joint[0, :, 0] = zeroth
    for i in range(d):
        joint[1 + i, :, 0] = 2 * first * r[..., i]
        joint[0, :, 1 + i] = -joint[1 + i, :, 0]
        for j in range(d):
            joint[1 + i, :, 1 + j] = -4 * second * r[..., i] * r[..., j] - 2 * first * (i == j)
    return joint.reshape((1 + d) * m, (1 + d) * n)


def _by_log_length(r, k):
    """Derivative of `_joint` by the logarithm of a lengthscale, by which r_k falls."""
    m, n, d = r.shape
    _, first, second, third = _kernel(r)
    change = -2 * r[..., k] ** 2  # of q
    joint = np.empty((1 + d, m, 1 + d, n))
    joint[0, :, 0] = first * change
    for i in range(d):
        joint[1 + i, :, 0] = 2 * second * change * r[..., i] - 2 * first * r[..., k] * (i == k)
        joint[0, :, 1 + i] = -joint[1 + i, :, 0]
        for j in range(d):
            product = r[..., i] * r[..., j]
            joint[1 + i, :, 1 + j] = (
                4 * second * product * ((i == k) + (j == k))
                - 4 * third * change * product
                - 2 * second * change * (i == j)
            )
    return joint.reshape((1 + d) * m, (1 + d) * n)
