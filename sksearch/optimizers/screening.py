"""What a rough model expects of points before they are evaluated, at a cost of less than a millisecond."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import ndtri

# Lengthscales that are tried, as shares of the diagonal of the cube.
_LENGTHSCALES = (0.15, 0.4, 1.0)
# Squared distance of two categories, when the ends of a range of numbers have 1.
_APART = 0.5
# Variance of a value around a smooth function, as a share of the variance of that.
_ROUGHNESS = 1e-2
# Most points that the model knows: half of them the best, the others from all ranks.
_MOST_KNOWN = 60


def sample_values(space, known, values, points, rng):
    r"""Draw values of points from what is believed about them, given the values of others.

    The belief is a Gaussian process over normal scores of the ranks of the known values, with a Matern-3/2
    kernel of the share of the cube's diagonal that two points are apart:

    .. math:: k(x, x') = (1 + \sqrt3 r) e^{-\sqrt3 r}, \quad
              r^2 = \frac{1}{\ell^2 d} \Bigl(\sum_{j \in \mathrm{ord}} (x_j - x'_j)^2
                    + \tfrac12 \sum_{j \in \mathrm{cat}} [x_j \ne x'_j]\Bigr)

    with d the mean number of active parameters. A subset of n columns counts as a number, the logarithm of
    its size by that of n, and the share of the n columns that differ. Of three lengthscales it is the one
    under which the known values are likeliest. Ranks make it indifferent to the scale of the values. One draw
    of all values together is Thompson sampling: a point that is uncertain has its chance to be the best.

    Parameters
    ----------
    space : Space
        Whose points.
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

    References
    ----------
    Thompson, "On the likelihood that one unknown probability exceeds another", 1933.
    Jin, "Surrogate-assisted evolutionary computation: recent advances and future challenges", 2011.
    Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5.
    """
    rows = _spread_rows(len(values))
    known, values = known[rows], values[rows]
    n = len(known)
    scores = _normal_scores(values)
    n_active = (space.active(known) / np.bincount(space.parameter)[space.parameter]).sum(axis=1).mean()
    known, points = _features(space, known), _features(space, points)
    apart = _distances(known, known) / np.sqrt(n_active)
    likeliest = -np.inf
    for lengthscale in _LENGTHSCALES:
        kernel = _matern(apart / lengthscale)
        kernel.flat[:: n + 1] += _ROUGHNESS
        factor = cholesky(kernel, lower=True, check_finite=False)
        whitened = solve_triangular(factor, scores, lower=True, check_finite=False)
        variance = whitened @ whitened / n + 1e-12
        # R&W eq. 5.8, at the likeliest variance.
        likelihood = -0.5 * n * np.log(variance) - np.log(factor.diagonal()).sum()
        if likelihood > likeliest:
            likeliest, best = likelihood, (factor, whitened, variance, lengthscale * np.sqrt(n_active))
    factor, whitened, variance, lengthscale = best
    cross = _matern(_distances(known, points) / lengthscale)
    half = solve_triangular(factor, cross, lower=True, check_finite=False)
    covariance = _matern(_distances(points, points) / lengthscale) - half.T @ half
    covariance.flat[:: len(points) + 1] += _ROUGHNESS
    spread = cholesky(covariance, lower=True, check_finite=False)
    return half.T @ whitened + np.sqrt(variance) * (spread @ rng.standard_normal(len(points)))


def _spread_rows(n):
    """Rows of the best half and of all ranks below, of n rows sorted by value."""
    if n <= _MOST_KNOWN:
        return np.arange(n)
    half = _MOST_KNOWN // 2
    return np.append(np.arange(half), half + np.arange(half) * (n - half - 1) // (half - 1))


def _normal_scores(values):
    """Quantiles of the normal distribution at the ranks of sorted values, of equals at the mean rank."""
    first, last = (np.searchsorted(-values, -values, side=side) for side in ("left", "right"))
    return -ndtri((first + last) / (2.0 * len(values)))


def _features(space, points):
    """Coordinates whose squared differences are those of the kernel."""
    columns = [points[:, space.ordered]]
    in_subset = np.zeros(space.n_columns, bool)
    for taken, subset in space.subsets:
        in_subset[taken] = True
        size = (points[:, taken] > 0.5).sum(axis=1, keepdims=True)
        columns.append(np.log(np.maximum(size, 1)) / np.log(subset.n))
        columns.append(points[:, taken] * (2.0 / np.sqrt(subset.n)))  # they differ by 1 / 2
    for column in np.flatnonzero(~space.ordered & ~in_subset):
        value = np.floor(points[:, column] * space.n_values[column])
        # Corners of a simplex.
        columns.append(np.sqrt(0.5 * _APART) * (value[:, None] == np.arange(space.n_values[column])))
    return np.hstack(columns)


def _distances(a, b):
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T
    return np.sqrt(np.maximum(squared, 0.0))


def _matern(r):
    r = np.sqrt(3.0) * r
    return (1.0 + r) * np.exp(-r)
