"""Random points that resemble the better ones known."""

import numpy as np

# Share of the points told that count as good.
_GOOD = 0.25
# Smallest bandwidth, as a share of the cube.
_LEAST_BANDWIDTH = 0.05
# How often a category is drawn anew.
_REDRAWN = 0.2


def sample_like_best(space, points, values, n, rng):
    r"""Draw points from a density of the better ones among those told.

    Each coordinate is drawn independently from a mixture of kernels around the values that the best quarter
    of the points have there, and of the user's own distribution, which counts as one point more:

    .. math:: p(x_j) = \frac{1}{k + 1} \Bigl(\pi(x_j) + \sum_{i=1}^k \kappa_h(x_j - x_{ij})\Bigr), \quad
              h = k^{-1/5} \max(s_j, 0.05)

    with :math:`s_j` the standard deviation of the k best. As coordinates of different good points are mixed,
    new combinations come up.

    Parameters
    ----------
    space : Space
        Whose points.
    points : ndarray of shape (n_told, n_columns)
        Canonical points.
    values : ndarray of shape (n_told,)
        Larger is better; -inf for failures.
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    sampled : ndarray of shape (n, n_columns)
        Canonical points.

    References
    ----------
    Bergstra, Bardenet, Bengio & Kegl, "Algorithms for hyper-parameter optimization", 2011, section 4.
    """
    k = max(2, int(np.ceil(_GOOD * np.isfinite(values).sum())))
    good = points[np.argsort(-values, kind="stable")[:k]]
    prior = space.sample(n, rng)
    columns = np.arange(space.n_columns)
    chosen = rng.integers(len(good) + 1, size=prior.shape)
    center = good[np.minimum(chosen, len(good) - 1), columns]
    bandwidth = np.maximum(good.std(axis=0), _LEAST_BANDWIDTH) * k**-0.2
    moved = center + bandwidth * rng.standard_normal(prior.shape)
    redrawn = rng.random(prior.shape) < _REDRAWN
    sampled = np.where(space.ordered, moved, np.where(redrawn, prior, center))
    # What falls out of the cube is drawn anew: clipped, it would pile up on the bounds. So is what a good
    # point of another branch says nothing about.
    anew = (chosen == len(good)) | (sampled < 0.0) | (sampled > 1.0)
    anew |= ~space.active(good)[np.minimum(chosen, len(good) - 1), columns]
    return space.snap(np.where(anew, prior, sampled))
