"""Dimensions: the legal values of one parameter and their map to the unit cube."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from math import inf, isclose, log10
from numbers import Integral as IntegralNumber
from numbers import Real as RealNumber

import numpy as np

from sksearch._messages import did_you_mean
from sksearch.space.identity import identity, plain

PRIORS = ("uniform", "log-uniform")

# No np.clip here: its overhead is several times that of the arithmetic, on as few numbers as a point has.

# Most of the other categories that count as one step away.
_MOST_OTHERS = 256

# Ranges are computed in floats: beyond these, differences overflow, and integers are not exact. A logarithm
# loses more of their bits.
_LARGEST = 1e300
_LARGEST_POWERS = {"uniform": 52, "log-uniform": 45}


def is_number(value):
    """Whether a value is a real number; booleans and spans of time are categories, not numbers."""
    return isinstance(value, RealNumber) and not isinstance(value, (bool, np.bool_, np.timedelta64))


def digits_of_range(low, high):
    """How many digits tell the numbers of a range apart: if it is narrow, their first ones are the same."""
    if not 0.0 < high - low < inf:  # the quartiles of a distribution that draws one value most of the time
        return 12
    in_common = int(log10(max(abs(low), abs(high)) / (high - low)))
    return min(12 + in_common, 17)


def nearest_of(values, value):
    """Return which of some numbers is nearest to another; None if that is NaN."""
    if value != value:
        return None
    value = min(max(value, min(values)), max(values))  # it may be infinite
    return min(values, key=lambda one: abs(one - value))


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

    def identity(self, value):
        """Hashable token, equal for two values that are the same; see `identity`."""
        return identity(value)

    def own(self, value):
        """Return a legal value as it is proposed: of the same type, or the same object."""
        return plain(value)

    def nearest(self, value):
        """Return the legal number that is nearest to another one; None where there is no such thing."""
        return None

    def snap(self, points):
        """Move points, of shape (n, width), to the canonical points of the same values."""
        return np.array([self.encode(self.decode(point)) for point in points])

    def draw(self, points):
        """Map uniform points, of shape (n, width), to canonical points of random values."""
        return self.snap(points)

    def steps(self, points):
        """Take all steps from each of n canonical points, none in a continuous dimension.

        The result has the shape (n, n_steps, width). A step that would leave the values stays where it is.
        """
        return np.empty((len(points), 0, self.width))

    def slope(self, point):
        """Derivative of the value with respect to each coordinate of a point, of shape (width,).

        Raises
        ------
        ValueError
            If the values are not all numbers of an interval.
        """
        raise ValueError(f"{self!r} has no derivative.")

    def middle(self):
        """Return a legal value: what the middle of the cube stands for."""
        return self.decode([0.5] * self.width)

    def values(self):
        """List the values of a finite dimension, in order."""
        raise ValueError(f"{self!r} has infinitely many values.")

    def __eq__(self, other):
        return isinstance(other, Dimension) and self.token == other.token

    def __hash__(self):
        return hash(self.token)


class Interval(Dimension):
    """A numeric interval on a linear or logarithmic scale: what the dimensions of numbers share."""

    def __init__(self, low, high, prior="uniform"):
        # NumPy's narrow floats can not be compared with all numbers; its wide one is a float.
        low, high = (bound if isinstance(bound, float) else plain(bound) for bound in (low, high))
        if not (is_number(low) and is_number(high)) or not abs(low) + abs(high) < _LARGEST:
            raise ValueError(
                f"bounds must be two finite numbers below {_LARGEST:g} in size, got ({low!r}, {high!r}); "
                "write (low, high) or (low, high, 'log-uniform')."
            )
        if low >= high:
            raise ValueError(
                f"the lower bound must be below the upper bound, got low={low!r} and high={high!r}; "
                "swap them, or write a list with one value to keep the parameter fixed."
            )
        if prior not in PRIORS:
            hint = did_you_mean(str(prior), PRIORS, "leave it out for a uniform one.")
            raise ValueError(f"the prior must be one of {PRIORS}, got {prior!r}; {hint}")
        if prior == "log-uniform" and low <= 0:
            raise ValueError(
                f"a log-uniform range needs bounds above 0, got low={low!r}; "
                "raise the lower bound or use 'uniform'."
            )
        self.low, self.high, self.prior = low, high, prior
        self._digits = digits_of_range(low, high)

    @property
    def token(self):
        return (type(self).__name__, self.low, self.high, self.prior)

    def identity(self, value):
        return identity(value, self._digits)

    def __repr__(self):
        return f"{type(self).__name__}({self.low!r}, {self.high!r}, prior={self.prior!r})"

    def nearest(self, value):
        return min(max(value, self.low), self.high) if is_number(value) and value == value else None

    @cached_property
    def _edges(self):
        """Where the unit interval begins and ends, on the scale."""
        return self._scale(float(self.low)), self._scale(float(self.high))

    def _scale(self, values):
        return np.log(values) if self.prior == "log-uniform" else values

    def _to_unit(self, values):
        low, high = self._edges
        return (self._scale(values) - low) / (high - low)

    def _from_unit(self, positions):
        low, high = self._edges
        scaled = low + positions * (high - low)
        return np.exp(scaled) if self.prior == "log-uniform" else scaled


class Real(Interval):
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
        if not is_number(value):
            return False
        # The last of ``np.logspace(-3, 3)`` may be a little more than the bound that is meant.
        near = isclose(value, self.low, rel_tol=1e-12) or isclose(value, self.high, rel_tol=1e-12)
        return near or self.low <= value <= self.high

    def own(self, value):
        return float(min(max(value, self.low), self.high))

    def encode(self, value):
        return np.clip(self._to_unit(np.array([value], float)), *self._ends)

    def decode(self, point):
        position = min(max(float(point[0]), self._ends[0]), self._ends[1])  # NumPy's own scalars are slow
        if position in (0.0, 1.0):  # as the bounds are written: logarithms are not exact enough
            return float(self.high if position else self.low)
        # Without the last digit, which is the logarithm's: 0.1, and not 0.10000000000000006.
        value = float(f"{self._from_unit(position):.{max(15, self._digits)}g}")
        return float(min(max(value, self.low), self.high))

    def slope(self, point):
        low, high = self._edges
        steepness = float(high - low)
        return np.array([steepness * self.decode(point) if self.prior == "log-uniform" else steepness])

    def snap(self, points):
        return np.minimum(np.maximum(points, self._ends[0]), self._ends[1])


class Integer(Interval):
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
        if max(abs(low), abs(high)) > 2 ** (power := _LARGEST_POWERS[prior]):
            raise ValueError(
                f"integers of a {prior} range must be within +-2**{power}, got ({low!r}, {high!r}); write "
                f"narrower bounds, such as (1, 2**{power}, {prior!r})."
            )
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

    def own(self, value):
        return int(value)

    def nearest(self, value):
        # A real number may mean something else: a share where integers are counts.
        return super().nearest(value) if isinstance(value, IntegralNumber) or value in (inf, -inf) else None

    @cached_property
    def _edges(self):
        # Half a step beyond the bounds: every integer owns an interval around itself.
        return self._scale(self.low - 0.5), self._scale(self.high + 0.5)

    def encode(self, value):
        return self._to_unit(np.array([value], float))

    def decode(self, point):
        value = self._from_unit(min(max(float(point[0]), 0.0), 1.0))
        return min(max(round(float(value)), self.low), self.high)

    def _round(self, points):
        values = self._from_unit(np.minimum(np.maximum(points, 0.0), 1.0))
        return np.minimum(np.maximum(np.rint(values), self.low), self.high)

    def snap(self, points):
        return self._to_unit(self._round(points))

    def steps(self, points):
        return self._to_unit(np.clip(self._round(points) + [-1, 1], self.low, self.high))[..., None]

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
    TypeError
        If `categories` is no sequence, or a text, which would be a sequence of letters.
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
        if isinstance(categories, (str, bytes)) or not isinstance(categories, Iterable):
            raise TypeError(
                f"categories must be a list of choices, got {categories!r}; write [{categories!r}]."
            )
        unique = {}
        for value in categories:
            # Not everything that takes a number takes NumPy's: torch's layers do not.
            unique.setdefault(identity(value), plain(value))
        if not unique:
            raise ValueError("there must be at least one category, got an empty list.")
        self.categories = list(unique.values())
        self._index = {token: i for i, token in enumerate(unique)}
        # What is proposed are these very objects, and to identify a fitted model takes a hash of all of it.
        self._tokens = {id(value): (value, token) for token, value in unique.items()}

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

    def identity(self, value):
        known = self._tokens.get(id(value))
        if known is not None and known[0] is value:  # a copy of the dimension has objects at other addresses
            return known[1]
        return identity(value)

    def __contains__(self, value):
        return self.identity(value) in self._index

    def own(self, value):
        return self.categories[self._index[self.identity(value)]]

    def nearest(self, value):
        return nearest_of(self.categories, value) if self.ordered and is_number(value) else None

    def encode(self, value):
        return np.array([(self._index[self.identity(value)] + 0.5) / self.size])

    def decode(self, point):
        return self.categories[min(max(int(point[0] * self.size), 0), self.size - 1)]

    def _indices(self, points):
        return np.minimum(np.maximum(np.floor(points * self.size), 0), self.size - 1)

    def snap(self, points):
        return (self._indices(points) + 0.5) / self.size

    def steps(self, points):
        indices = self._indices(points)
        if self.ordered:
            others = indices + [-1, 1]
        else:
            stride = -(-self.size // _MOST_OTHERS)  # of very many, some
            others = indices % stride + np.arange(0, self.size, stride)
            others = np.where(others < self.size, others, indices)
        return (np.clip(others, 0, self.size - 1)[..., None] + 0.5) / self.size

    def values(self):
        return list(self.categories)
