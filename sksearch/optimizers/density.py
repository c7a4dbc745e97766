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
    k = len(good)
    prior = space.sample(n, rng)
    columns = np.arange(space.n_columns)
    chosen = rng.integers(k + 1, size=prior.shape)
    center = good[np.minimum(chosen, k - 1), columns]
    moved = center + _bandwidth(good) * rng.standard_normal(prior.shape)
    redrawn = rng.random(prior.shape) < _REDRAWN
    sampled = np.where(space.ordered, moved, np.where(redrawn, prior, center))
    # What falls out of the cube is drawn anew: clipped, it would pile up on the bounds. So is what a good
    # point of another branch says nothing about.
    anew = (chosen == k) | (sampled < 0.0) | (sampled > 1.0)
    anew |= ~space.active(good)[np.minimum(chosen, k - 1), columns]
    sampled = np.where(anew, prior, sampled)
    sources = np.where(anew | (redrawn & ~space.ordered), -1, chosen)
    for columns, subset in space.subsets:
        # Columns drawn anew would belong to subsets of another size.
        chosen = rng.integers(k, size=(n, subset.n))
        sources[:, columns] = np.where(space.active(good)[chosen, columns.start], chosen, -1)
        mixed = good[chosen, np.arange(columns.start, columns.stop)]
        mixed = subset.flip(mixed, rng, None if worth is None else worth[:, columns])
        whole = (sources[:, columns] < 0).all(axis=1, keepdims=True)
        sampled[:, columns] = np.where(whole, prior[:, columns], mixed)
    sampled = space.snap(sampled)
    return sampled, np.where(space.active(sampled), sources, -1)


def _bandwidth(data):
    return np.maximum(data.std(axis=0), _LEAST_BANDWIDTH) * len(data) ** -0.2
