"""Vectors of numbers: many hyperparameters of one kind as one parameter."""

from numbers import Integral

import numpy as np

from sksearch.space.dimensions import Interval, is_number


class Vector(Interval):
    """Vectors of real numbers, each between the same two bounds.

    A vector is one parameter of the estimator, such as the `scale` of
    :class:`~sksearch.space.FeatureScaler`, and `n` hyperparameters to a searcher. A single number stands for
    the vector that has it everywhere.

    Parameters
    ----------
    n : int
        Length of a vector.
    low, high : float
        Bounds of every element, ``low < high``.
    prior : {"uniform", "log-uniform"}, default="uniform"
        Scale on which elements are drawn and compared.

    Raises
    ------
    ValueError
        If `n` is no positive integer, or the bounds are wrong as they would be for a `Real`.

    Examples
    --------
    >>> from sksearch.space import Vector
    >>> Vector(3, -2, 2).decode([0.0, 0.5, 0.75])
    (-2.0, 0.0, 1.0)
    >>> 0.0 in Vector(3, -2, 2)
    True
    """

    def __init__(self, n, low, high, prior="uniform"):
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(f"n of a Vector must be an integer of at least 1, got {n!r}.")
        super().__init__(low, high, prior)
        self.n = int(n)

    @property
    def width(self):
        return self.n

    @property
    def token(self):
        return (*super().token, self.n)

    def __repr__(self):
        return f"Vector({self.n}, {self.low!r}, {self.high!r}, prior={self.prior!r})"

    def __contains__(self, value):
        if isinstance(value, str):
            return False
        try:
            values = np.asarray(value, float)
        except (TypeError, ValueError):
            return False
        fits = is_number(value) or values.shape == (self.n,)
        return fits and bool(((values >= self.low) & (values <= self.high)).all())

    def identity(self, value):
        return super().identity(tuple(np.broadcast_to(np.asarray(value, float), self.n).tolist()))

    def nearest(self, value):
        try:
            inside = np.clip(np.asarray(value, float), self.low, self.high)
        except (TypeError, ValueError):
            return None
        if inside not in self:
            return None
        return tuple(inside.tolist()) if inside.ndim else float(inside)

    def encode(self, value):
        return self.snap(self._to_unit(np.broadcast_to(np.asarray(value, float), self.n)))

    def decode(self, point):
        return tuple(self._values(point).tolist())

    def _values(self, point):
        values = self._from_unit(self.snap(np.asarray(point, float)))
        return np.minimum(np.maximum(values, self.low), self.high)

    def slope(self, point):
        low, high = self._edges
        steepness = np.full(self.n, float(high - low))
        return steepness * self._values(point) if self.prior == "log-uniform" else steepness

    def snap(self, points):
        return np.minimum(np.maximum(points, 0.0), 1.0)
