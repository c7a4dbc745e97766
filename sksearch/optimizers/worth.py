"""What columns are worth, by the importance that fitted models gave them."""

import numpy as np

# How much an average importance counts, in candidates: a column that was never tried is worth it.
_PRIOR = 1.0
# A new importance counts at least so much: what a column is worth depends on the others, which change.
_LEAST_WEIGHT = 0.1
# Spread of a draw: of what is known well, and of what was seen once.
_SPREAD = 0.1
_FIRST_SPREAD = 0.3
# Of no importance has a logarithm too.
_LEAST = 1e-9


class ColumnWorth:
    """How important columns were to models, as a multiple of the mean of those they stood beside.

    A score says which of two subsets is better, and nothing of each column. Models with coefficients or
    importances tell them apart at every fit, which is what recursive feature elimination lives on. What is
    kept is a running mean over all candidates, and what each candidate said of its own columns.

    Parameters
    ----------
    n : int
        Number of columns.

    References
    ----------
    Guyon, Weston, Barnhill & Vapnik, "Gene selection for cancer classification using support vector
    machines", 2002.
    """

    def __init__(self, n):
        self._n_seen = np.zeros(n)
        self._mean = np.ones(n)
        self._nothing = np.full(n, np.nan)
        self._of_point = {}

    @property
    def known(self):
        """Whether any model had importances."""
        return bool(self._n_seen.any())

    def note(self, point, importance):
        """Take the importance of columns in one candidate, not negative; NaN for those it did not have."""
        seen = np.flatnonzero(np.isfinite(importance))
        average = importance[seen].mean() if len(seen) else 0.0
        if not 0.0 < average < np.inf:
            return
        self._n_seen[seen] += 1
        weight = np.maximum(1.0 / (self._n_seen[seen] + _PRIOR), _LEAST_WEIGHT)
        self._mean[seen] += weight * (importance[seen] / average - self._mean[seen])
        self._of_point[point.tobytes()] = np.log(importance / average + _LEAST)

    def to(self, points):
        """Tell what columns were worth to candidates, on the scale of `sample`; NaN where that is unknown.

        Returns
        -------
        worth : ndarray of shape (n_points, n)
        """
        return np.array([self._of_point.get(point.tobytes(), self._nothing) for point in points])

    def sample(self, n_points, rng, own=None):
        """Draw what columns are worth, the less certain the less often they were tried.

        Parameters
        ----------
        n_points : int
        rng : numpy.random.Generator
            Source of randomness.
        own : ndarray of shape (n_points, n), default=None
            What they were worth to the candidate in question, which counts instead where it is known: the
            other columns that it has may say the same, or nothing without them.

        Returns
        -------
        worth : ndarray of shape (n_points, n)
            Logarithms.
        """
        mean = np.log(self._mean + _LEAST)
        spread = _SPREAD + _FIRST_SPREAD / np.sqrt(1.0 + self._n_seen)
        if own is not None:
            known = np.isfinite(own)
            mean, spread = np.where(known, own, mean), np.where(known, _FIRST_SPREAD, spread)
        return mean + spread * rng.standard_normal((n_points, len(self._mean)), np.float32)
