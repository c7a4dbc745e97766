"""What a rough model expects of points before they are evaluated, at a cost of less than a millisecond."""

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtrs
from scipy.special import ndtri

# Lengthscales that are tried, as shares of the diagonal of the cube.
_LENGTHSCALES = (0.15, 0.4, 1.0)
# Squared distance of two categories, when the ends of a range of numbers have 1.
_APART = 0.5
# Variance of a value around a smooth function, as a share of the variance of that.
_ROUGHNESS = 1e-2
# Most points that the model knows: half of them the best, the others from all ranks.
_MOST_KNOWN = 60
# How many times as many points there are when a lengthscale is chosen anew.
_RECHOSEN = 1.05


class RoughModel:
    r"""What is believed about the values of points, given those of others.

    The belief is a Gaussian process over normal scores of the ranks of the known values, with a Matern-3/2
    kernel of the share of the cube's diagonal that two points are apart:

    .. math:: k(x, x') = (1 + \sqrt3 r) e^{-\sqrt3 r}, \quad
              r^2 = \frac{1}{\ell^2 d} \Bigl(\sum_{j \in \mathrm{ord}} (x_j - x'_j)^2
                    + \tfrac12 \sum_{j \in \mathrm{cat}} [x_j \ne x'_j]\Bigr)

    with d the mean number of active parameters. A subset of n columns counts as a number, the logarithm of
    its size by that of n, and the share of the n columns that differ. Of three lengthscales it is the one
    under which the known values are likeliest, chosen anew when there is a twentieth more of them. Ranks make
    it indifferent to the scale of the values.

    Parameters
    ----------
    space : Space
        Whose points.

    References
    ----------
    Thompson, "On the likelihood that one unknown probability exceeds another", 1933.
    Jin, "Surrogate-assisted evolutionary computation: recent advances and future challenges", 2011.
    Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5.
    """

    def __init__(self, space):
        self._features = _Features(space)
        self._lengthscale = None
        self._n_when_chosen = 0

    def sample(self, known, values, points, rng):
        """Draw values of points.

        One draw of all values together is Thompson sampling: a point that is uncertain has its chance to be
        the best.

        Parameters
        ----------
        known : ndarray of shape (n_known, n_columns)
            Canonical points.
        values : ndarray of shape (n_known,)
            Their values, the largest and best first; -inf where the evaluation failed.
        points : ndarray of shape (n, n_columns)
            Canonical points.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        sampled : ndarray of shape (n,)
            Larger is better; 0 is a known value of the middle rank.
        """
        rows = _spread_rows(len(values), _MOST_KNOWN)
        scores = normal_scores(values[rows])
        n_active = self._features.n_active(known[rows])
        apart = _distances(self._features(np.vstack([known[rows], points]))) / np.sqrt(n_active)
        n = len(rows)
        within = apart[:n, :n]
        if len(values) >= _RECHOSEN * self._n_when_chosen:
            self._n_when_chosen = len(values)
            beliefs = [_Belief(within, scores, lengthscale) for lengthscale in _LENGTHSCALES]
            belief = max(beliefs, key=lambda belief: belief.likelihood)
            self._lengthscale = belief.lengthscale
        else:
            belief = _Belief(within, scores, self._lengthscale)
        return belief.draw(apart[:n, n:], apart[n:, n:], rng)


class _Belief:
    """A Gaussian process, given distances between known points, their scores and a lengthscale."""

    def __init__(self, apart, scores, lengthscale):
        self.lengthscale = lengthscale
        kernel = _matern(apart / lengthscale)
        kernel.flat[:: len(scores) + 1] += _ROUGHNESS
        self._factor = _cholesky(kernel)
        self._whitened = _solve(self._factor, scores)
        self._variance = self._whitened @ self._whitened / len(scores) + 1e-12

    @property
    def likelihood(self):
        """Logarithm of the likelihood at the likeliest variance, R&W eq. 5.8, but for a constant."""
        n = len(self._whitened)
        return -0.5 * n * np.log(self._variance) - np.log(self._factor.diagonal()).sum()

    def draw(self, to_known, apart, rng):
        """Draw scores of points, given their distances to the known ones and to each other."""
        half = _solve(self._factor, _matern(to_known / self.lengthscale))
        covariance = _matern(apart / self.lengthscale) - half.T @ half
        covariance.flat[:: len(apart) + 1] += _ROUGHNESS
        spread = _cholesky(covariance)
        return half.T @ self._whitened + np.sqrt(self._variance) * (spread @ rng.standard_normal(len(apart)))


def _spread_rows(n, most):
    """Rows of the best half and of all ranks below, `most` of n rows sorted by value."""
    if n <= most:
        return np.arange(n)
    half = most // 2
    return np.append(np.arange(half), half + np.arange(half) * (n - half - 1) // (half - 1))


def normal_scores(values):
    """Quantiles of the normal distribution at the ranks of sorted values, of equals at the mean rank."""
    first, last = (np.searchsorted(-values, -values, side=side) for side in ("left", "right"))
    return -ndtri((first + last) / (2.0 * len(values)))


class _Features:
    """Coordinates of points whose squared differences are those of the kernel."""

    def __init__(self, space):
        self._space = space
        self._numbers = np.flatnonzero(space.ordered)
        in_subset = np.zeros(space.n_columns, bool)
        for columns, _ in space.subsets:
            in_subset[columns] = True
        self._categories = np.flatnonzero(~space.ordered & ~in_subset)
        self._n_values = space.n_values[self._categories]
        # Each category has its own coordinates, as many as it has values.
        self._first = np.append(0, self._n_values.cumsum()).astype(int)
        self._share = 1.0 / np.bincount(space.parameter)[space.parameter]
        self._n_parameters = self._share.sum() if len(space.branches) == 1 else None

    def __call__(self, points):
        columns = [points[:, self._numbers]]
        for taken, subset in self._space.subsets:
            size = (points[:, taken] > 0.5).sum(axis=1, keepdims=True)
            columns.append(np.log(np.maximum(size, 1)) / np.log(subset.n))
            columns.append(points[:, taken] * (2.0 / np.sqrt(subset.n)))  # they differ by 1 / 2
        if len(self._categories):
            corners = np.zeros((len(points), self._first[-1]))  # of a simplex
            value = (points[:, self._categories] * self._n_values).astype(int) + self._first[:-1]
            corners[np.arange(len(points))[:, None], value] = np.sqrt(0.5 * _APART)
            columns.append(corners)
        return np.hstack(columns)

    def n_active(self, points):
        """Mean number of active parameters."""
        if self._n_parameters is not None:
            return self._n_parameters
        return (self._space.active(points) @ self._share).mean()


def _distances(features):
    products = features @ features.T
    squares = products.diagonal()
    return np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * products, 0.0))


def _matern(r):
    r = np.sqrt(3.0) * r
    return (1.0 + r) * np.exp(-r)


# LAPACK itself: around matrices as small as these, checks take longer than the algebra.


def _cholesky(matrix):
    factor, failed = dpotrf(matrix.T, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("The kernel is not positive definite.")
    return factor


def _solve(factor, right):
    return dtrtrs(factor, right, lower=1)[0]
