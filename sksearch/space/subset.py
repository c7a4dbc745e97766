"""Subsets of columns: feature selection as a dimension."""

from itertools import combinations
from math import comb
from numbers import Integral

import numpy as np

from sksearch.space.dimensions import Dimension

# How often a change of a subset adds, removes and replaces columns.
_FLIPS = np.array([0.125, 0.5, 0.375])


class Subset(Dimension):
    """Subsets of the columns of X, as boolean masks for :class:`~sksearch.space.ColumnMask`.

    Sizes are drawn log-uniformly: as many subsets have up to 10 columns as have 10 to 100.

    Parameters
    ----------
    n : int
        Number of columns.
    min_features : int, default=1
        Smallest number of columns in a subset.
    max_features : int, default=None
        Largest number of columns in a subset; all of them by default.

    Raises
    ------
    ValueError
        If the sizes are not integers with ``1 <= min_features <= max_features <= n``.

    Examples
    --------
    >>> from sksearch.space import Subset
    >>> Subset(4, max_features=2).decode([0.9, 0.6, 0.1, 0.7])
    (True, False, False, True)
    """

    ordered = False
    n_values = 2

    def __init__(self, n, min_features=1, max_features=None):
        most = n if max_features is None else max_features
        sizes = (min_features, most, n)
        integers = all(isinstance(s, Integral) and not isinstance(s, bool) for s in sizes)
        if not integers or not 1 <= min_features <= most <= n:
            raise ValueError(
                "Subset needs integers with 1 <= min_features <= max_features <= n, got "
                f"n={n!r}, min_features={min_features!r}, max_features={max_features!r}."
            )
        self.n, self.min_features, self.max_features = int(n), int(min_features), int(most)

    @property
    def width(self):
        return self.n

    @property
    def size(self):
        return sum(comb(self.n, k) for k in range(self.min_features, self.max_features + 1))

    @property
    def token(self):
        return ("Subset", self.n, self.min_features, self.max_features)

    def __repr__(self):
        return f"Subset({self.n}, min_features={self.min_features}, max_features={self.max_features})"

    def __contains__(self, value):
        try:
            mask = np.asarray(value)
        except ValueError:
            return False
        return mask.shape == (self.n,) and mask.dtype == bool and self._allows(mask.sum())

    def own(self, value):
        return tuple(np.asarray(value).tolist())

    def encode(self, value):
        return np.where(np.asarray(value, bool), 0.75, 0.25)

    def decode(self, point):
        return tuple((self.snap(np.asarray(point, float)[None])[0] > 0.5).tolist())

    def snap(self, points):
        snapped = np.where(points >= 0.5, 0.75, 0.25)
        sizes = (points >= 0.5).sum(axis=1)
        if (wrong := ~self._allows(sizes)).any():
            sizes = np.clip(sizes[wrong], self.min_features, self.max_features)
            snapped[wrong] = self._largest(points[wrong], sizes)
        return snapped

    def draw(self, points):
        # Sizes are log-uniform: few columns are as likely as many, where independent bits would all give
        # n / 2. The fractional part of the sum is uniform, and says next to nothing of the order.
        share = points.sum(axis=1) % 1.0
        sizes = np.floor(self.min_features * ((self.max_features + 1) / self.min_features) ** share)
        # Rounding may reach the upper end.
        sizes = np.minimum(sizes, self.max_features).astype(int)
        return np.where(_least(-points, sizes), 0.75, 0.25)

    def _allows(self, sizes):
        return (self.min_features <= sizes) & (sizes <= self.max_features)

    @staticmethod
    def _largest(points, sizes):
        """Turn the `sizes[i]` largest coordinates of row i on, of equal ones the first, the others off."""
        distinct = 1e-9 * np.arange(points.shape[1]) - points
        return np.where(_least(distinct, sizes), 0.75, 0.25)

    def mend(self, points, rng):
        """Leave out, or add, columns at random where there are too many or too few."""
        if (wrong := ~self._allows((points > 0.5).sum(axis=1))).any():
            points = points.copy()
            points[wrong] = self.snap(points[wrong] + 0.2 * rng.random((wrong.sum(), self.n)))
        return points

    def flip(self, points, rng, worth=None):
        """Remove some columns, replace some, or add some: four, three and one time of eight.

        Where columns do not matter, subsets shrink.

        How many follows a power law, mostly a few, at times up to half of the subset, or as many again: the
        size may be halved as well as doubled, where independent bits would drift to half of all columns.

        Parameters
        ----------
        points : ndarray of shape (n_points, n)
            Encoded subsets, which are mended where they have too many or too few columns.
        rng : numpy.random.Generator
            Source of randomness.
        worth : ndarray of shape (n_points, n), default=None
            Columns worth least are removed, and those worth most are added. Without it, they are random.

        Returns
        -------
        points : ndarray of shape (n_points, n)
            Canonical points.

        References
        ----------
        Doerr, Le, Makhmara & Nguyen, "Fast genetic algorithms", 2017.
        """
        points = self.mend(points, rng)
        on = points > 0.5
        n_on = on.sum(axis=1)
        half = np.maximum(1, n_on // 2)
        most = np.column_stack(
            [
                np.minimum(n_on, self.max_features - n_on),
                np.minimum(half, n_on - self.min_features),
                np.minimum(half, self.n - n_on),
            ]
        )
        chance = np.where(most > 0, _FLIPS, 0.0).cumsum(axis=1)
        kind = (chance <= rng.random((len(points), 1)) * chance[:, -1:]).sum(axis=1)
        # Where there is a single subset, nothing changes.
        kind = np.minimum(kind, 2)
        most_changes = most[np.arange(len(points)), kind]
        # An exponent of 1.5.
        n_changes = np.minimum((1.0 - rng.random(len(points))) ** -2.0, most_changes).astype(int)
        worth = rng.random(points.shape) if worth is None else worth
        leaves = _least(np.where(on, worth, np.inf), n_changes * (kind != 0))
        enters = _least(np.where(on, np.inf, -worth), n_changes * (kind != 1))
        return np.where(leaves | enters, 1.0 - points, points)

    def best(self, points, worth):
        """Subsets of the same sizes, of the columns that are worth most."""
        return self._largest(worth, (points > 0.5).sum(axis=1))

    def steps(self, points):
        flipped = np.abs(np.eye(self.n) - np.asarray(points)[:, None])
        return np.where(self._allows((flipped > 0.5).sum(axis=2))[..., None], flipped, points[:, None])

    def values(self):
        chosen = (
            columns
            for k in range(self.min_features, self.max_features + 1)
            for columns in combinations(range(self.n), k)
        )
        return [tuple(i in columns for i in range(self.n)) for columns in chosen]


def _least(values, counts):
    """Tell which are the `counts[i]` smallest of row i, of distinct values."""
    ends = np.sort(values, axis=1)[np.arange(len(values)), np.maximum(counts - 1, 0)]
    return (values <= ends[:, None]) & (counts > 0)[:, None]
