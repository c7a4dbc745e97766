"""A Gaussian process over points with ordered and categorical coordinates.

Notation, as in Rasmussen & Williams (2006):

    X      points, (n, d)                     y      values, (n,)
    l_j    lengthscale of coordinate j        s2     signal variance
    v      noise variance                     f      variance of failures
    K      covariance of y, k(X, X) + diag(v + noise + f [y is a failure])
    L      Cholesky factor of K               alpha  K^-1 (y - m)
"""

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

_SQRT5 = np.sqrt(5.0)
# Added to the diagonal: the algebra stays stable where points nearly coincide.
_JITTER = 1e-8

# Variances of failures, where that of all values is 1: the one expected where hardly any fail, the one from
# which they say little of what is beside them, and the largest, when they say nothing.
_OF_REGION, _BY_CHANCE, _MOST_FAILURE = 1e-3, 0.1, 30.0


# Of coordinates with more categories these are compared pair by pair: as columns they would fill the memory.
_MANY = 256


class GaussianProcess:
    r"""Regression with a Matern-5/2 x exponential-Hamming kernel, fitted by maximum a posteriori.

    .. math::

        k(x, x') = s^2 \, \Bigl(1 + \sqrt5 r + \tfrac53 r^2\Bigr) e^{-\sqrt5 r}
                   \exp\Bigl(-\sum_{j \in \mathrm{cat}} [x_j \ne x'_j] / l_j\Bigr), \quad
        r^2 = \sum_{j \in \mathrm{ord}} (x_j - x'_j)^2 / l_j^2

    The logarithms of the lengthscales, of s2, v and f have independent normal priors. The prior of the
    lengthscales of ordered coordinates grows with the square root of their number, so that the prior
    complexity of the function does not (Hvarfner et al., 2024).

    Failures may belong to a region, or happen anywhere: a worker died, a fit diverged. Which it is, their own
    variance says, which is small in the first case. With a variance that all values share, a few failures by
    chance among good values would make the whole function look rough, or noisy. Where most values are
    failures, these would together look like a function of their own, and the others like noise: the prior
    median of f is 1e-3 of the variance of all values, and 1e-3^(2 - 2p) for a share p of failures above half.

    Parameters
    ----------
    space : Space
        Whose points: which coordinates are numbers, and how many categories the others have.

    Attributes
    ----------
    ordered : ndarray of bool, shape (d,)
        Which coordinates are numbers.
    theta : ndarray of shape (d + 3,)
        Log lengthscales, log signal variance, log noise variance, log variance of failures.

    References
    ----------
    Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2, 4.2 and 5.4.
    Hvarfner, Hellsten & Nardi, "Vanilla Bayesian optimization performs great in high dimensions", 2024.
    """

    def __init__(self, space):
        self.ordered = space.ordered
        self._n_categories = space.n_values[~self.ordered].astype(int)
        self._may_be_inactive = len(space.branches) > 1  # which is one category more
        n_places = self._n_categories + self._may_be_inactive
        self._many = np.flatnonzero(n_places > _MANY)
        self._few = np.flatnonzero(n_places <= _MANY)
        n_places = n_places[self._few]
        self._column_of_place = np.repeat(self._few, n_places)
        self._first = np.cumsum(n_places) - n_places
        d, n_ordered = len(self.ordered), int(self.ordered.sum())
        self._prior_mean = np.empty(d + 3)
        self._prior_std = np.empty(d + 3)
        self._prior_mean[:d] = np.where(self.ordered, np.log(0.25 * np.sqrt(max(n_ordered, 1))), 1.2)
        self._prior_std[:d] = 1.0
        self._prior_mean[d:] = [0.0, np.log(1e-3), np.log(_OF_REGION)]
        self._prior_std[d:] = [1.0, 1.5, 1.5]
        self.theta = self._prior_mean.copy()

    # -- kernel ------------------------------------------------------------------------------------

    def _unpack(self, theta):
        """Lengthscales, signal variance, noise variance and variance of failures."""
        d = len(self.ordered)
        return np.exp(theta[:d]), *np.exp(theta[d:])

    def _kernel_parts(self, A, B, theta=None):
        """Kernel k(A, B), and s2 H(A, B) e^(-sqrt5 r) (1 + sqrt5 r) 5/3, its derivative's factor."""
        lengthscales, signal, *_ = self._unpack(self.theta if theta is None else theta)
        scaled = 1.0 / lengthscales[self.ordered]
        a, b = A[:, self.ordered] * scaled, B[:, self.ordered] * scaled
        squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
        if not len(self._n_categories):
            return _matern(np.maximum(squared, 0.0), signal)
        weights = 1.0 / lengthscales[~self.ordered]
        ours = self._categories(A)
        theirs = ours if A is B else self._categories(B)
        indicators = self._indicators(ours)
        same = (indicators * weights[self._column_of_place]) @ (
            indicators if A is B else self._indicators(theirs)
        ).T
        for column in self._many:
            same += weights[column] * (ours[:, column, None] == theirs[:, column])
        differs = np.maximum(weights.sum() - same, 0.0)
        return _matern(np.maximum(squared, 0.0), signal * np.exp(-differs))

    def _categories(self, X):
        """Numbers of the categories that points have; an inactive coordinate has one that is no other."""
        positions = X[:, ~self.ordered] * self._n_categories
        categories = positions.astype(int)
        if self._may_be_inactive:
            # Categories are in the middle of their intervals; what an inactive coordinate has may be between.
            categories = np.where(positions - categories > 0.25, categories, self._n_categories)
        return categories

    def _indicators(self, categories):
        """Which categories points have: 0 or 1, of shape (n, number of categories of coordinates with few).

        With these, comparing all points in all coordinates is a product of matrices.
        """
        indicators = np.zeros((len(categories), len(self._column_of_place)))
        indicators[np.arange(len(categories))[:, None], self._first + categories[:, self._few]] = 1.0
        return indicators

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
        return self._kernel_parts(A, B)[0] / self._unpack(self.theta)[1]

    # -- fitting -----------------------------------------------------------------------------------

    def fit(self, X, y, noise=0.0, failed=False, *, restart=True, max_iter=30):
        """Fit the hyperparameters to data, starting from the current ones, and condition on them.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        y : ndarray of shape (n,)
            Values with mean about 0 and variance about 1.
        noise : float or ndarray of shape (n,), default=0.0
            Known variance of each value, in addition to the fitted ones.
        failed : bool or ndarray of bool, shape (n,), default=False
            Which values say no more than that the evaluation failed.
        restart : bool, default=True
            Whether to start from the prior's mean as well: the last optimum may have become a poor local one.
        max_iter : int, default=30
            Most steps of L-BFGS-B per start.

        Returns
        -------
        self : GaussianProcess
        """
        self._prior_mean[-1] = min(1.0, 2.0 - 2.0 * np.mean(failed)) * np.log(_OF_REGION)
        starts = [self.theta, self._prior_mean] if restart else [self.theta]
        if np.any(failed):  # a region or chance: both are likely next to what is like them only
            other = starts[-1].copy()
            other[-1] = 0.0 if other[-1] < np.log(_BY_CHANCE) else self._prior_mean[-1]
            starts.append(other)
        lowest, highest = (self._prior_mean + 4 * sign * self._prior_std for sign in (-1, 1))
        highest[-1] = np.log(_MOST_FAILURE)
        bounds = list(zip(lowest, highest, strict=True))
        best = min(
            (
                minimize(
                    self._loss,
                    start,
                    args=(X, y, noise, failed),
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
        return self.condition(X, y, noise, failed)

    def _loss(self, theta, X, y, noise=0.0, failed=False):
        """Negative log posterior density of theta, and its gradient."""
        n = len(y)
        lengthscales, signal, nugget, failure = self._unpack(theta)
        kernel, slope = self._kernel_parts(X, X, theta)
        covariance = kernel.copy()
        covariance[np.diag_indices(n)] += nugget + noise + failure * failed + _JITTER * signal
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
        gradient[-1] = 0.5 * failure * (np.diag(inner) * failed).sum()
        gradient[-2] = 0.5 * nugget * np.trace(inner)
        # d log k / d log l_j: numbers enter by (x - x')^2 / l^2, categories by [x != x'] / l. For symmetric W
        # sum_ab W_ab (x_a - x_b)^2 / 2 = sum_a x_a^2 (W 1)_a - x' W x, without a matrix for each j.
        weights, numbers = inner * slope, X[:, self.ordered]
        along = weights.sum(axis=1) @ numbers**2 - (numbers * (weights @ numbers)).sum(axis=0)
        gradient[:-3][self.ordered] = along / lengthscales[self.ordered] ** 2
        inner *= kernel
        gradient[-3] = 0.5 * inner.sum()
        if len(self._n_categories):
            categories, same = self._categories(X), np.empty(len(self._n_categories))
            if len(self._few):
                indicators = self._indicators(categories)
                of_places = ((inner @ indicators) * indicators).sum(axis=0)
                same[self._few] = np.add.reduceat(of_places, self._first)
            for column in self._many:
                same[column] = inner[categories[:, column, None] == categories[:, column]].sum()
            gradient[:-3][~self.ordered] = (gradient[-3] - 0.5 * same) / lengthscales[~self.ordered]
        return loss, gradient + deviation / self._prior_std

    def condition(self, X, y, noise=0.0, failed=False):
        """Take data without changing the hyperparameters.

        Parameters are those of `fit`.
        """
        _, signal, nugget, failure = self._unpack(self.theta)
        covariance = self._kernel_parts(X, X)[0]
        covariance[np.diag_indices(len(X))] += nugget + noise + failure * failed + _JITTER * signal
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
        _, signal, nugget, _ = self._unpack(self.theta)
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
        signal = self._unpack(self.theta)[1]
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
        lengthscales, signal, *_ = self._unpack(self.theta)
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
