"""Dimensions: the legal values of one parameter and their map to the unit cube."""

from abc import ABC, abstractmethod
from itertools import combinations, pairwise
from math import comb, inf
from numbers import Integral as IntegralNumber
from numbers import Real as RealNumber

import joblib
import numpy as np

from sksearch.space.identity import identity

PRIORS = ("uniform", "log-uniform")

# Ranges are computed in floats: beyond these, differences overflow, and integers are not exact.
_LARGEST = 1e300
_LARGEST_INTEGER = 2**52

# What can not be reached of an unbounded distribution, and the most values that are listed of a discrete one.
_TAIL = 1e-6
_LONGEST_TABLE = 10_000


def is_number(value):
    """Whether a value is a real number; booleans are categories, not numbers."""
    return isinstance(value, RealNumber) and not isinstance(value, (bool, np.bool_))


class Dimension(ABC):
    """Legal values of one parameter, with a map to and from ``[0, 1] ** width``.

    A point of the unit cube stands for the value it decodes to; several points may decode to the same
    value, and `snap` moves each of them to the one canonical point, ``encode(decode(point))``.
    A uniform point decodes to a value that follows the user's distribution.

    Attributes
    ----------
    width : int
        Number of coordinates of the encoding.
    ordered : bool
        Whether nearby coordinates mean similar values (numbers) or not (categories).
    size : int or inf
        Number of legal values.
    n_values : int or inf
        Number of distinct values of one coordinate.
    """

    width = 1
    ordered = True
    size = inf

    @property
    def n_values(self):
        return self.size

    @property
    @abstractmethod
    def token(self):
        """Hashable description; dimensions with equal tokens hold the same values."""

    @abstractmethod
    def __contains__(self, value):
        """Whether `value` is legal."""

    @abstractmethod
    def encode(self, value):
        """Map a legal value to its canonical point, an array of shape (width,)."""

    @abstractmethod
    def decode(self, point):
        """Map a point of shape (width,) to the value it stands for."""

    def snap(self, points):
        """Move points, of shape (n, width), to the canonical points of the same values."""
        return np.array([self.encode(self.decode(point)) for point in points])

    def draw(self, points):
        """Map uniform points, of shape (n, width), to canonical points of random values."""
        return self.snap(points)

    def neighbors(self, point):
        """Canonical points one step away from `point`; shape (n_neighbors, width)."""
        steps = [self.encode(value) for value in self.adjacent(self.decode(point))]
        return np.array(steps, float).reshape(-1, self.width)

    def adjacent(self, value):
        """List the values one step away from a value; none in a continuous dimension."""
        return []

    def values(self):
        """List the values of a finite dimension, in order."""
        raise ValueError(f"{self!r} has infinitely many values.")

    def __eq__(self, other):
        return isinstance(other, Dimension) and self.token == other.token

    def __hash__(self):
        return hash(self.token)


class _Range(Dimension):
    """A numeric interval on a linear or logarithmic scale."""

    def __init__(self, low, high, prior="uniform"):
        if not (is_number(low) and is_number(high)) or not abs(low) + abs(high) < _LARGEST:
            raise ValueError(
                f"bounds must be two finite numbers of reasonable size, got ({low!r}, {high!r}); "
                "write (low, high) or (low, high, 'log-uniform')."
            )
        if low >= high:
            raise ValueError(
                f"the lower bound must be below the upper bound, got low={low!r} and high={high!r}; "
                "swap them, or write a list with one value to keep the parameter fixed."
            )
        if prior not in PRIORS:
            raise ValueError(f"the prior must be one of {PRIORS}, got {prior!r}.")
        if prior == "log-uniform" and low <= 0:
            raise ValueError(
                f"a log-uniform range needs bounds above 0, got low={low!r}; "
                "raise the lower bound or use 'uniform'."
            )
        self.low, self.high, self.prior = low, high, prior

    @property
    def token(self):
        return (type(self).__name__, self.low, self.high, self.prior)

    def __repr__(self):
        return f"{type(self).__name__}({self.low!r}, {self.high!r}, prior={self.prior!r})"

    def _scale(self, value):
        return np.log(value) if self.prior == "log-uniform" else np.asarray(value, float)

    def _unscale(self, position):
        return np.exp(position) if self.prior == "log-uniform" else position


class Real(_Range):
    """Real numbers between two bounds, both included.

    Parameters
    ----------
    low, high : float
        Bounds, ``low < high``.
    prior : {"uniform", "log-uniform"}, default="uniform"
        Scale on which values are drawn and compared.

    Raises
    ------
    ValueError
        If the bounds are not two finite numbers in order, or not positive on a log scale.

    Examples
    --------
    >>> from sksearch.space import Real
    >>> C = Real(1e-2, 1e2, prior="log-uniform")
    >>> C.encode(1.0).round(3)
    array([0.5])
    """

    # What is reached of the unit interval; a distribution that never draws its bounds reaches less.
    _ends = (0.0, 1.0)

    @classmethod
    def from_open_interval(cls, low, high):
        """Make a range whose bounds are values, but are never proposed."""
        dimension = cls(low, high)
        dimension._ends = (1e-6, 1 - 1e-6)
        return dimension

    @property
    def token(self):
        return (*super().token, self._ends)

    def __contains__(self, value):
        return is_number(value) and self.low <= value <= self.high

    def encode(self, value):
        low, high = self._scale(self.low), self._scale(self.high)
        return np.clip((self._scale([value]) - low) / (high - low), *self._ends)

    def decode(self, point):
        low, high = self._scale(self.low), self._scale(self.high)
        value = self._unscale(low + np.clip(point[0], *self._ends) * (high - low))
        return float(np.clip(value, self.low, self.high))

    def snap(self, points):
        return np.clip(points, *self._ends)


class Integer(_Range):
    """Integers between two bounds, both included.

    Parameters
    ----------
    low, high : int
        Bounds, ``low < high``.
    prior : {"uniform", "log-uniform"}, default="uniform"
        Scale on which values are drawn and compared.

    Raises
    ------
    ValueError
        If the bounds are not two integers in order, or not positive on a log scale.

    Examples
    --------
    >>> from sksearch.space import Integer
    >>> Integer(1, 4).values()
    [1, 2, 3, 4]
    """

    def __init__(self, low, high, prior="uniform"):
        super().__init__(low, high, prior)
        if low != int(low) or high != int(high):
            raise ValueError(f"bounds must be integers, got ({low!r}, {high!r}); use Real instead.")
        if max(abs(low), abs(high)) > _LARGEST_INTEGER:
            raise ValueError(f"integers must be within +-2**52, got ({low!r}, {high!r}); use Real instead.")
        self.low, self.high = int(low), int(high)

    @property
    def size(self):
        return self.high - self.low + 1

    def __contains__(self, value):
        return (
            isinstance(value, IntegralNumber)
            and not isinstance(value, (bool, np.bool_))
            and self.low <= value <= self.high
        )

    def _edges(self):
        # Half a step beyond the bounds: every integer owns an interval around itself.
        return self._scale(self.low - 0.5), self._scale(self.high + 0.5)

    def encode(self, value):
        low, high = self._edges()
        return (self._scale([value]) - low) / (high - low)

    def decode(self, point):
        return int(self._round(point[0]))

    def _round(self, points):
        low, high = self._edges()
        values = self._unscale(low + np.clip(points, 0.0, 1.0) * (high - low))
        return np.clip(np.rint(values), self.low, self.high)

    def snap(self, points):
        low, high = self._edges()
        return (self._scale(self._round(points)) - low) / (high - low)

    def adjacent(self, value):
        return [v for v in (value - 1, value + 1) if v in self]

    def values(self):
        return list(range(self.low, self.high + 1))


class Categorical(Dimension):
    """A choice between any objects.

    Numbers that are written in order are ordinal to the optimizer: it learns along them. Values that are
    written twice are one category.

    Parameters
    ----------
    categories : sequence
        The choices: numbers, strings, None, tuples, dicts, estimators, classes, functions.

    Raises
    ------
    ValueError
        If there is no category.

    Examples
    --------
    >>> from sksearch.space import Categorical
    >>> Categorical(["rbf", "poly"]).ordered
    False
    >>> Categorical([16, 32, 64]).ordered
    True
    """

    def __init__(self, categories):
        unique = {}
        for value in categories:
            unique.setdefault(identity(value), value)
        if not unique:
            raise ValueError("there must be at least one category, got an empty list.")
        self.categories = list(unique.values())
        self._index = {token: i for i, token in enumerate(unique)}

    @property
    def ordered(self):
        if not all(is_number(value) for value in self.categories):
            return False
        pairs = list(pairwise(self.categories))
        return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)

    @property
    def size(self):
        return len(self.categories)

    @property
    def token(self):
        return ("Categorical", tuple(self._index))

    def __repr__(self):
        return f"Categorical({self.categories!r})"

    def __contains__(self, value):
        return identity(value) in self._index

    def encode(self, value):
        return np.array([(self._index[identity(value)] + 0.5) / self.size])

    def decode(self, point):
        return self.categories[int(self._indices(point[0]))]

    def _indices(self, points):
        return np.clip(np.floor(points * self.size), 0, self.size - 1)

    def snap(self, points):
        return (self._indices(points) + 0.5) / self.size

    def adjacent(self, value):
        index = self._index[identity(value)]
        if self.ordered:
            return [self.categories[i] for i in (index - 1, index + 1) if 0 <= i < self.size]
        return [other for i, other in enumerate(self.categories) if i != index]

    def values(self):
        return list(self.categories)


class _Distribution(Dimension):
    """A frozen ``scipy.stats`` distribution.

    The unit interval is the distribution's own cumulative probability, so that the searchers look where
    the user's prior belief lies. The open ends of an unbounded distribution are out of reach: one draw in a
    million lies there.
    """

    def __init__(self, distribution):
        self.distribution = distribution
        self.low, self.high = map(float, distribution.support())
        self._ends = (0.0 if np.isfinite(self.low) else _TAIL, 1.0 if np.isfinite(self.high) else 1 - _TAIL)

    @property
    def token(self):
        # The name and the arguments do not tell everything: some distributions carry data.
        try:
            content = joblib.hash(self.distribution)
        except Exception:  # not everything can be pickled
            content = id(self.distribution)
        return ("Distribution", self.distribution.dist.name, content)

    def __repr__(self):
        given = [*map(repr, self.distribution.args)]
        given += [f"{key}={value!r}" for key, value in self.distribution.kwds.items()]
        return f"{self.distribution.dist.name}({', '.join(given)})"


class Continuous(_Distribution):
    """A frozen continuous ``scipy.stats`` distribution, on the scale of its cumulative probability.

    Parameters
    ----------
    distribution : frozen scipy.stats distribution
        Anything with ``cdf``, ``ppf`` and ``support``.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> from sksearch.space.dimensions import Continuous
    >>> Continuous(norm(loc=3)).decode([0.5])
    3.0
    """

    def __contains__(self, value):
        return is_number(value) and np.isfinite(float(value)) and self.low <= value <= self.high

    def encode(self, value):
        return np.clip(np.array([self.distribution.cdf(value)], float), *self._ends)

    def decode(self, point):
        value = self.distribution.ppf(np.clip(point[0], *self._ends))
        return float(np.clip(value, self.low, self.high))

    def snap(self, points):
        return np.clip(points, *self._ends)


class Discrete(_Distribution):
    """A frozen discrete ``scipy.stats`` distribution, as the table of its values that can be drawn.

    Parameters
    ----------
    distribution : frozen scipy.stats distribution
        Anything with ``pmf``, ``ppf`` and ``support``.

    Examples
    --------
    >>> from scipy.stats import poisson
    >>> from sksearch.space.dimensions import Discrete
    >>> Discrete(poisson(2)).values()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    """

    def __init__(self, distribution):
        super().__init__(distribution)
        values = self._support()
        mass = distribution.pmf(values)
        reachable = np.cumsum(mass[::-1])[::-1] > _TAIL if np.isinf(self.high) else mass > _TAIL**2
        values, mass = values[reachable], mass[reachable]
        above = np.cumsum(mass)
        self._edges = np.concatenate([[0.0], above / above[-1]])
        self._points = (self._edges[:-1] + self._edges[1:]) / 2
        whole = np.all(values == np.rint(values))
        self._values = [int(value) for value in values] if whole else values.tolist()
        self._index = {value: i for i, value in enumerate(self._values)}

    def _support(self):
        if (given := getattr(self.distribution.dist, "xk", None)) is not None:
            shift = self.low - np.min(given)
            return np.sort(np.asarray(given, float)) + shift
        start = self.low
        # The table begins where the mass does, which need not be where the support does.
        if not np.isfinite(start) or self.distribution.cdf(start + _LONGEST_TABLE) < 0.5:
            start = self.distribution.ppf(_TAIL)
        return start + np.arange(min(self.high - start + 1, _LONGEST_TABLE))

    @property
    def size(self):
        return len(self._values)

    def __contains__(self, value):
        return is_number(value) and value in self._index

    def encode(self, value):
        return self._points[[self._index[value]]]

    def decode(self, point):
        return self._values[int(self._indices(point[0]))]

    def _indices(self, points):
        return np.clip(np.searchsorted(self._edges, points, side="right") - 1, 0, self.size - 1)

    def snap(self, points):
        return self._points[self._indices(points)]

    def adjacent(self, value):
        index = self._index[value]
        return [self._values[i] for i in (index - 1, index + 1) if 0 <= i < self.size]

    def values(self):
        return list(self._values)


class Subset(Dimension):
    """Subsets of the columns of X, as boolean masks for :class:`~sksearch.space.ColumnMask`.

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
        integers = all(isinstance(s, IntegralNumber) and not isinstance(s, bool) for s in sizes)
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
        return (
            mask.shape == (self.n,)
            and mask.dtype == bool
            and self.min_features <= mask.sum() <= self.max_features
        )

    def encode(self, value):
        return np.where(np.asarray(value, bool), 0.75, 0.25)

    def decode(self, point):
        return tuple(bool(on) for on in self.snap(np.asarray(point, float)[None])[0] > 0.5)

    def snap(self, points):
        sizes = np.clip((points >= 0.5).sum(axis=1), self.min_features, self.max_features)
        return self._largest(points, sizes)

    def draw(self, points):
        # Every size is as likely as any other; independent bits would all give n / 2 columns. The
        # fractional part of the sum is uniform, and says next to nothing of the order.
        span = self.max_features - self.min_features + 1
        sizes = self.min_features + np.floor((points.sum(axis=1) % 1.0) * span).astype(int)
        return self._largest(points, sizes)

    @staticmethod
    def _largest(points, sizes):
        """Turn the `sizes[i]` largest coordinates of row i on, the others off."""
        ranks = np.argsort(np.argsort(-points, axis=1, kind="stable"), axis=1, kind="stable")
        return np.where(ranks < np.asarray(sizes)[:, None], 0.75, 0.25)

    def adjacent(self, value):
        flips = (value[:i] + (not value[i],) + value[i + 1 :] for i in range(self.n))
        return [mask for mask in flips if mask in self]

    def values(self):
        chosen = (
            columns
            for k in range(self.min_features, self.max_features + 1)
            for columns in combinations(range(self.n), k)
        )
        return [tuple(i in columns for i in range(self.n)) for columns in chosen]
