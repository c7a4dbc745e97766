"""A Gaussian process over points with ordered and categorical coordinates.

Notation, as in Rasmussen & Williams (2006):

    X      points, (n, d)                     y      values, (n,)
    l_j    lengthscale of coordinate j        s2     signal variance
    v      noise variance                     K      covariance of y, k(X, X) + diag(v + noise)
    L      Cholesky factor of K               alpha  K^-1 (y - m)
"""

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

_SQRT5 = np.sqrt(5.0)
# Added to the diagonal: the algebra stays stable where points nearly coincide.
_JITTER = 1e-8


class GaussianProcess:
    r"""Regression with a Matern-5/2 x exponential-Hamming kernel, fitted by maximum a posteriori.

    .. math::

        k(x, x') = s^2 \, \Bigl(1 + \sqrt5 r + \tfrac53 r^2\Bigr) e^{-\sqrt5 r}
                   \exp\Bigl(-\sum_{j \in \mathrm{cat}} [x_j \ne x'_j] / l_j\Bigr), \quad
        r^2 = \sum_{j \in \mathrm{ord}} (x_j - x'_j)^2 / l_j^2

    The logarithms of the lengthscales, of s2 and of v have independent normal priors. The prior of the
    lengthscales of ordered coordinates grows with the square root of their number, so that the prior
    complexity of the function does not (Hvarfner et al., 2024).

    Parameters
    ----------
    ordered : ndarray of bool, shape (d,)
        Which coordinates are numbers; the others are categories.

    Attributes
    ----------
    theta : ndarray of shape (d + 2,)
        Log lengthscales, log signal variance, log noise variance.

    References
    ----------
    Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2, 4.2 and 5.4.
    Hvarfner, Hellsten & Nardi, "Vanilla Bayesian optimization performs great in high dimensions", 2024.
    """

    def __init__(self, ordered):
        self.ordered = np.asarray(ordered, bool)
        d, n_ordered = len(self.ordered), int(self.ordered.sum())
        self._prior_mean = np.empty(d + 2)
        self._prior_std = np.empty(d + 2)
        self._prior_mean[:d] = np.where(self.ordered, np.log(0.25 * np.sqrt(max(n_ordered, 1))), 1.2)
        self._prior_std[:d] = 1.0
        self._prior_mean[d:] = [0.0, np.log(1e-3)]
        self._prior_std[d:] = [1.0, 1.5]
        self.theta = self._prior_mean.copy()

    # -- kernel ------------------------------------------------------------------------------------

    def _unpack(self, theta):
        d = len(self.ordered)
        return np.exp(theta[:d]), np.exp(theta[d]), np.exp(theta[d + 1])

    def _kernel_parts(self, A, B, theta=None):
        """Kernel k(A, B), and s2 H(A, B) e^(-sqrt5 r) (1 + sqrt5 r) 5/3, its derivative's factor."""
        lengthscales, signal, _ = self._unpack(self.theta if theta is None else theta)
        scaled = 1.0 / lengthscales[self.ordered]
        a, b = A[:, self.ordered] * scaled, B[:, self.ordered] * scaled
        squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
        differs = sum(
            ((A[:, j, None] != B[None, :, j]) / lengthscales[j] for j in np.flatnonzero(~self.ordered)),
            np.zeros((len(A), len(B))),
        )
        return _matern(np.maximum(squared, 0.0), signal * np.exp(-differs))

    @property
    def noise_variance(self):
        """Fitted variance of a value about the function."""
        return self._unpack(self.theta)[2]

    def correlation(self, A, B):
        """Prior correlations of the values at points.

        Parameters
        ----------
        A, B : ndarray of shape (m, d), (n, d)

        Returns
        -------
        correlations : ndarray of shape (m, n)
        """
        _, signal, _ = self._unpack(self.theta)
        return self._kernel_parts(A, B)[0] / signal

    # -- fitting -----------------------------------------------------------------------------------

    def fit(self, X, y, noise=0.0, *, restart=True, max_iter=30):
        """Fit the hyperparameters to data, starting from the current ones, and condition on them.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        y : ndarray of shape (n,)
            Values with mean about 0 and variance about 1.
        noise : float or ndarray of shape (n,), default=0.0
            Known variance of each value, in addition to the fitted one.
        restart : bool, default=True
            Whether to start from the prior's mean as well: the last optimum may have become a poor local one.
        max_iter : int, default=30
            Most steps of L-BFGS-B per start.

        Returns
        -------
        self : GaussianProcess
        """
        starts = [self.theta, self._prior_mean] if restart else [self.theta]
        bounds = list(
            zip(
                self._prior_mean - 4 * self._prior_std,
                self._prior_mean + 4 * self._prior_std,
                strict=True,
            )
        )
        best = min(
            (
                minimize(
                    self._loss,
                    start,
                    args=(X, y, noise),
                    jac=True,
                    method="L-BFGS-B",
                    bounds=bounds,
                    options={"maxiter": max_iter},
                )
                for start in starts
            ),
            key=lambda result: result.fun,
        )
        self.theta = best.x
        return self.condition(X, y, noise)

    def _loss(self, theta, X, y, noise):
        """Negative log posterior density of theta, and its gradient."""
        n = len(y)
        lengthscales, signal, nugget = self._unpack(theta)
        kernel, slope = self._kernel_parts(X, X, theta)
        covariance = kernel.copy()
        covariance[np.diag_indices(n)] += nugget + noise + _JITTER * signal
        try:
            factor = cholesky(covariance, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        alpha = cho_solve((factor, True), y, check_finite=False)
        deviation = (theta - self._prior_mean) / self._prior_std
        loss = 0.5 * y @ alpha + np.log(np.diag(factor)).sum() + 0.5 * deviation @ deviation
        # R&W eq. 5.9: d loss / d theta = -1/2 tr((alpha alpha' - K^-1) dK / d theta)
        inner = cho_solve((factor, True), np.eye(n), check_finite=False) - np.outer(alpha, alpha)
        gradient = np.empty_like(theta)
        gradient[-1] = 0.5 * nugget * np.trace(inner)
        # d log k / d log l_j: numbers enter by (x - x')^2 / l^2, categories by [x != x'] / l. For symmetric W
        # sum_ab W_ab (x_a - x_b)^2 / 2 = sum_a x_a^2 (W 1)_a - x' W x, without a matrix for each j.
        weights, numbers = inner * slope, X[:, self.ordered]
        along = weights.sum(axis=1) @ numbers**2 - (numbers * (weights @ numbers)).sum(axis=0)
        gradient[:-2][self.ordered] = along / lengthscales[self.ordered] ** 2
        inner *= kernel
        for j in np.flatnonzero(~self.ordered):
            gradient[j] = 0.5 * (inner * (X[:, j, None] != X[:, j])).sum() / lengthscales[j]
        gradient[-2] = 0.5 * inner.sum()
        return loss, gradient + deviation / self._prior_std

    def condition(self, X, y, noise=0.0):
        """Take data without changing the hyperparameters.

        Parameters are those of `fit`.
        """
        _, signal, nugget = self._unpack(self.theta)
        covariance = self._kernel_parts(X, X)[0]
        covariance[np.diag_indices(len(X))] += nugget + noise + _JITTER * signal
        self._X, self._y = X, y
        self._factor = cholesky(covariance, lower=True, check_finite=False)
        self._alpha = cho_solve((self._factor, True), y, check_finite=False)
        return self

    def fantasize(self, X):
        """Take points whose values are unknown as if they had turned out as predicted.

        The mean does not change, the variance shrinks around them: the next proposal goes elsewhere.
        Rows are appended to the Cholesky factor, at O(n^2) each, instead of factorising again.

        Parameters
        ----------
        X : ndarray of shape (m, d)
        """
        _, signal, nugget = self._unpack(self.theta)
        n, m = len(self._X), len(X)
        expected = self.predict(X)[0]
        cross = solve_triangular(
            self._factor, self._kernel_parts(self._X, X)[0], lower=True, check_finite=False
        )
        corner = self._kernel_parts(X, X)[0] - cross.T @ cross
        corner[np.diag_indices(m)] += nugget + _JITTER * signal
        grown = np.zeros((n + m, n + m))
        grown[:n, :n] = self._factor
        grown[n:, :n] = cross.T
        grown[n:, n:] = cholesky(corner, lower=True, check_finite=False)
        self._factor = grown
        self._X, self._y = np.vstack([self._X, X]), np.append(self._y, expected)
        self._alpha = cho_solve((grown, True), self._y, check_finite=False)
        return self

    # -- prediction --------------------------------------------------------------------------------

    def predict(self, X):
        """Posterior mean and standard deviation of the noise-free function.

        Parameters
        ----------
        X : ndarray of shape (m, d)

        Returns
        -------
        mean, std : ndarray of shape (m,)
        """
        _, signal, _ = self._unpack(self.theta)
        kernel = self._kernel_parts(self._X, X)[0]
        half = solve_triangular(self._factor, kernel, lower=True, check_finite=False)
        variance = signal - np.einsum("ij,ij->j", half, half)
        return self._alpha @ kernel, np.sqrt(np.maximum(variance, 1e-12 * signal))

    def predict_gradient(self, X):
        """Posterior mean and standard deviation at points, with their gradients.

        Parameters
        ----------
        X : ndarray of shape (m, d)

        Returns
        -------
        mean, std : ndarray of shape (m,)
        mean_gradient, std_gradient : ndarray of shape (m, d)
            Zero along categorical coordinates.
        """
        lengthscales, signal, _ = self._unpack(self.theta)
        kernel, slope = self._kernel_parts(self._X, X)
        solved = cho_solve((self._factor, True), kernel, check_finite=False)
        std = np.sqrt(np.maximum(signal - np.einsum("ij,ij->j", kernel, solved), 1e-12 * signal))
        along = np.where(self.ordered, lengthscales**-2, 0.0)

        def pull(weights):  # sum_i w_i d k(x_i, x) / d x
            weights = weights * slope
            return (weights.T @ self._X - weights.sum(axis=0)[:, None] * X) * along

        return self._alpha @ kernel, std, pull(self._alpha[:, None]), -pull(solved) / std[:, None]


def _matern(squared, amplitude):
    """Matern-5/2 kernel at squared distances, and the factor of its derivatives.

    With r2 = sum_j D_j / l_j^2, d k / d log l_j = factor * D_j / l_j^2, and, where D_j = (x_j - x'_j)^2,
    d k / d x_j = -factor * (x_j - x'_j) / l_j^2.
    """
    root = _SQRT5 * np.sqrt(squared)
    decay = amplitude * np.exp(-root)
    return decay * (1.0 + root + root**2 / 3.0), decay * (1.0 + root) * (5.0 / 3.0)
