"""Dimensions that follow a distribution of ``scipy.stats``."""

import joblib
import numpy as np

from sksearch.space.dimensions import Dimension, digits_of_range, is_number, nearest_of
from sksearch.space.identity import identity

# What is out of reach at each end of a distribution, and the most values that are listed of a discrete one.
_TAIL = 1e-6
_LONGEST_TABLE = 10_000

# The probability of values that may be missing in a table: those far out in a heavy tail.
_MOST_LEFT_OUT = 1e-3


def as_written(distribution):
    """Return a frozen ``scipy.stats`` distribution as the call that made it."""
    given = [*map(repr, distribution.args)]
    given += [f"{key}={value!r}" for key, value in distribution.kwds.items()]
    return f"{distribution.dist.name}({', '.join(given)})"


class _Distribution(Dimension):
    """A frozen ``scipy.stats`` distribution.

    The unit interval is the distribution's own cumulative probability, so that the searchers look where
    the user's prior belief lies.
    """

    def __init__(self, distribution):
        self.distribution = distribution
        self.low, self.high = map(float, distribution.support())

    @property
    def token(self):
        # The name and the arguments do not tell everything: some distributions carry data.
        try:
            content = joblib.hash(self.distribution)
        except Exception:  # not everything can be pickled
            content = id(self.distribution)
        return ("Distribution", self.distribution.dist.name, content)

    def __repr__(self):
        return as_written(self.distribution)


class Continuous(_Distribution):
    """A frozen continuous ``scipy.stats`` distribution, on the scale of its cumulative probability.

    Its ends are values, but are never proposed: one draw in a million lies there, and ``expon()``, which is
    how people write a positive number, ends at 0.

    Parameters
    ----------
    distribution : frozen scipy.stats distribution
        Anything with ``cdf``, ``ppf`` and ``support``.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> from sksearch.space.distributions import Continuous
    >>> Continuous(norm(loc=3)).decode([0.5])
    3.0
    """

    _ends = (_TAIL, 1 - _TAIL)

    def __init__(self, distribution):
        super().__init__(distribution)
        self._digits = digits_of_range(*distribution.ppf([0.25, 0.75]))

    def identity(self, value):
        return identity(value, self._digits)

    def own(self, value):
        return float(value)

    def __contains__(self, value):
        return is_number(value) and np.isfinite(float(value)) and self.low <= value <= self.high

    def nearest(self, value):
        inside = min(max(value, self.low), self.high) if is_number(value) else None
        return inside if inside in self else None

    def encode(self, value):
        return np.clip(np.array([self.distribution.cdf(value)], float), *self._ends)

    def decode(self, point):
        value = self.distribution.ppf(np.clip(point[0], *self._ends))
        return float(np.clip(value, self.low, self.high))

    def slope(self, point):
        density = self.distribution.pdf(self.decode(point))
        return np.array([1.0 / max(float(density), np.finfo(float).tiny)])

    def snap(self, points):
        return np.clip(points, *self._ends)


class Discrete(_Distribution):
    """A frozen discrete ``scipy.stats`` distribution, as the table of its values that can be drawn.

    Parameters
    ----------
    distribution : frozen scipy.stats distribution
        Anything with ``pmf``, ``ppf`` and ``support``.

    Raises
    ------
    ValueError
        If the distribution is spread over more values than a table holds.

    Examples
    --------
    >>> from scipy.stats import poisson
    >>> from sksearch.space.distributions import Discrete
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
        # The table begins where the mass does if it would end before the mass does.
        if not np.isfinite(start) or self._beyond(start) > _TAIL:
            start = self.distribution.ppf(_TAIL)
            if self._beyond(start) > _MOST_LEFT_OUT:
                raise ValueError(
                    f"{self!r} is spread over more than {_LONGEST_TABLE} values; use Integer(low, high) or "
                    "Integer(low, high, 'log-uniform') instead."
                )
        return start + np.arange(min(self.high - start + 1, _LONGEST_TABLE))

    def _beyond(self, start):
        """The probability of what is beyond the end of a table."""
        return 1 - self.distribution.cdf(start + _LONGEST_TABLE - 1)

    @property
    def size(self):
        return len(self._values)

    def own(self, value):
        return self._values[self._index[value]]

    def __contains__(self, value):
        return is_number(value) and value in self._index

    def nearest(self, value):
        return nearest_of(self._values, value) if is_number(value) else None

    def encode(self, value):
        return self._points[[self._index[value]]]

    def decode(self, point):
        return self._values[int(self._indices(point[0]))]

    def _indices(self, points):
        return np.clip(np.searchsorted(self._edges, points, side="right") - 1, 0, self.size - 1)

    def snap(self, points):
        return self._points[self._indices(points)]

    def steps(self, points):
        return self._points[np.clip(self._indices(points) + [-1, 1], 0, self.size - 1)][..., None]

    def values(self):
        return list(self._values)
