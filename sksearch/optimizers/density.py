"""The density of the better points known: what is worth trying resembles them."""

import numpy as np

# Share of the points told that count as good.
_GOOD = 0.25
# Smallest bandwidth, as a share of the cube.
_LEAST_BANDWIDTH = 0.05
# How often a category is drawn anew.
_REDRAWN = 0.2


def better_rows(values):
    """Rows of the best quarter of the values, at least two where there are, best first."""
    k = max(2, int(np.ceil(_GOOD * np.isfinite(values).sum())))
    return np.argsort(-values, kind="stable")[:k]


def sample_like(space, good, n, rng, worth=None):
    r"""Draw points from a density of given ones, the better of those told.

    Each coordinate is drawn independently from a mixture of kernels around the values that the k good points
    have there, and of the user's own distribution, which counts as one point more:

    .. math:: p(x_j) = \frac{1}{k + 1} \Bigl(\pi(x_j) + \sum_{i=1}^k \kappa_h(x_j - x_{ij})\Bigr), \quad
              h = k^{-1/5} \max(s_j, 0.05)

    with :math:`s_j` their standard deviation. As coordinates of different good points are mixed, new
    combinations come up. A subset of columns takes each column from another of the good points, and then a
    few more or less.

    Parameters
    ----------
    space : Space
        Whose points.
    good : ndarray of shape (k, n_columns)
        Canonical points.
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of randomness.
    worth : ndarray of shape (n, n_columns), default=None
        What columns of subsets are worth, see ``Subset.flip``.

    Returns
    -------
    sampled : ndarray of shape (n, n_columns)
        Canonical points.
    sources : ndarray of int, shape (n, n_columns)
        Of which good point a coordinate is; -1 where it was drawn anew.

    References
    ----------
    Bergstra, Bardenet, Bengio & Kegl, "Algorithms for hyper-parameter optimization", 2011, section 4.
    """
    k, active = len(good), space.active(good)
    sampled, sources = space.sample(n, rng), np.full((n, space.n_columns), -1)
    rest = np.ones(space.n_columns, bool)
    for columns, subset in space.subsets:
        rest[columns] = False
        chosen = rng.integers(k, size=(n, subset.n))
        of_good = active[chosen, columns.start]
        mixed = good[chosen, np.arange(columns.start, columns.stop)]
        mixed = subset.flip(mixed, rng, None if worth is None else worth[:, columns])
        # Single columns drawn anew would belong to subsets of another size: all are, or none.
        known = of_good.any(axis=1)
        sampled[known, columns] = mixed[known]
        sources[:, columns] = np.where(of_good, chosen, -1)
    rest = np.flatnonzero(rest)
    prior, ordered = sampled[:, rest], space.ordered[rest]
    chosen = rng.integers(k + 1, size=prior.shape)
    of_good = np.minimum(chosen, k - 1)
    center = good[of_good, rest]
    moved = center + _bandwidth(good[:, rest]) * rng.standard_normal(prior.shape)
    redrawn = rng.random(prior.shape) < _REDRAWN
    mixed = np.where(ordered, moved, np.where(redrawn, prior, center))
    # What falls out of the cube is drawn anew: clipped, it would pile up on the bounds. So is what a good
    # point of another branch says nothing about.
    anew = (chosen == k) | (mixed < 0.0) | (mixed > 1.0) | ~active[of_good, rest]
    sampled[:, rest] = np.where(anew, prior, mixed)
    sources[:, rest] = np.where(anew | (redrawn & ~ordered), -1, chosen)
    sampled = space.snap(sampled)
    return sampled, np.where(space.active(sampled), sources, -1)


def _bandwidth(data):
    return np.maximum(data.std(axis=0), _LEAST_BANDWIDTH) * len(data) ** -0.2
