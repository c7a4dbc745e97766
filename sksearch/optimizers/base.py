"""What every search algorithm shares: ask, tell, and never the same point twice."""

from abc import ABC, abstractmethod

import numpy as np

from sksearch.optimizers.gp import GaussianProcess
from sksearch.optimizers.threads import one_thread

# Spaces with at most this many points are gone through when random draws find nothing new.
_COUNTABLE = 1_000_000


class Optimizer(ABC):
    """Ask-and-tell maximisation over the points of a space.

    Points are the canonical points of the space's unit cube. A search algorithm is one subclass with one
    method, `_propose`. No point is ever asked twice, whether its value has been told or is still pending.

    Parameters
    ----------
    space : Space
        What may be asked.
    rng : numpy.random.Generator
        The only source of randomness.

    Attributes
    ----------
    points : ndarray of shape (n_told, n_columns)
        Points whose values are known.
    values : ndarray of shape (n_told,) or (n_told, n_objectives)
        Their values, larger is better; -inf, in every objective, where the evaluation failed.
    noise : ndarray of shape (n_told,)
        Their variances; 0 where the value is exact.
    finished : bool
        Whether the algorithm asks for nothing more, though there is more to ask.
    """

    finished = False

    def __init__(self, space, rng):
        self.space = space
        self.rng = rng
        self.points = np.empty((0, space.n_columns))
        self.values = np.empty(0)
        self.noise = np.empty(0)
        self._pending = {}
        self._told = {}
        self._keys = {}

    def ask(self, n=1):
        """Propose points to evaluate.

        Parameters
        ----------
        n : int, default=1
            Number of points.

        Returns
        -------
        points : ndarray of shape (n, n_columns)
            Fewer than n points where the space is exhausted.
        """
        asked = []
        with one_thread():
            while len(asked) < n and (point := self._next()) is not None:
                self._pend(point)
                asked.append(point)
        return np.array(asked).reshape(len(asked), self.space.n_columns)

    def expect(self, point):
        """Take note of a point that is being evaluated though it was not asked: it is pending until told.

        One that was told already is known, and not pending.
        """
        self._pend(point)

    def _pend(self, point):
        if (key := self._key(point)) not in self._told:
            self._pending[key] = point

    def tell(self, points, values, noise=None):
        """Report values of points; a point told again has its value replaced.

        Parameters
        ----------
        points : array of shape (n, n_columns)
            Canonical points, asked for or not.
        values : array of shape (n,) or (n, n_objectives)
            Larger is better; -inf, in any objective, says that the evaluation failed.
        noise : array of shape (n,), default=None
            Variance of each value around what a full evaluation would give; None means exact, which values
            of several objectives have to be.

        Raises
        ------
        ValueError
            If a value is NaN or +inf: a failure has to be said as one. If a variance is NaN or negative. If
            points, values and variances are not equally many, or the number of objectives changes.
        """
        if not len(points):
            return
        points = np.asarray(points, float).reshape(len(points), self.space.n_columns)
        values = np.asarray(values, float)
        noise = np.zeros(len(values)) if noise is None else np.asarray(noise, float)
        if not (values < np.inf).all():
            raise ValueError(f"Values must be finite, or -inf for a failure, got {values}.")
        if not (noise >= 0).all():
            raise ValueError(f"Variances must not be negative or NaN, got {noise}.")
        if not len(points) == len(values) == len(noise):
            raise ValueError(
                f"There are {len(points)} points, {len(values)} values and {len(noise)} variances; give one "
                "of each."
            )
        if not len(self.values):  # the first values say how many objectives there are
            self.values = np.empty((0, *values.shape[1:]))
        if values.shape[1:] != self.values.shape[1:]:
            raise ValueError(f"Values have the shape {values.shape}, those before {self.values.shape}.")
        if values.ndim > 1:
            values = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, -np.inf)
        rows, new = [], []
        for i, point in enumerate(points):
            key = self._key(point)
            self._pending.pop(key, None)
            if key not in self._told:
                new.append(i)
            rows.append(self._told.setdefault(key, len(self._told)))
        if new:
            self.points = np.concatenate([self.points, points[new]])
            self.values = np.concatenate([self.values, values[new]])
            self.noise = np.concatenate([self.noise, noise[new]])
        if len(new) < len(rows):
            self.values[rows], self.noise[rows] = values, noise
        self._keys = {name: key for name, key in self._keys.items() if key in self._pending}

    def note(self, point, measured):  # noqa: B027 - most algorithms need no more than values
        """Take what was measured of the fits of a point, before its value is told.

        A searcher that has something measured has an optimizer that takes it: what a fold's dict holds is
        between these two.

        Parameters
        ----------
        point : ndarray of shape (n_columns,)
            Canonical point.
        measured : list of dict
            Of every fold.
        """

    def similarity(self, A, B):
        """Say how much alike points are: the correlations of their values, before these are known.

        Those of a Gaussian process with the most probable length-scales of its prior, unless an algorithm
        has learned better ones.

        Parameters
        ----------
        A, B : ndarray of shape (m, n_columns), (n, n_columns)
            Canonical points.

        Returns
        -------
        correlations : ndarray of shape (m, n)
        """
        return GaussianProcess(self.space).correlation(A, B)

    def describe(self, points):
        """Tell what the algorithm knows of points that were evaluated, for ``cv_results_``.

        Parameters
        ----------
        points : list of ndarray of shape (n_columns,)
            Canonical points, in the order in which they were asked.

        Returns
        -------
        columns : dict of str to ndarray of shape (len(points),)
            Nothing, where an algorithm has nothing to say.
        """
        return {}

    @abstractmethod
    def _propose(self):
        """Return points worth asking, best first, of shape (n_proposals, n_columns).

        Points that are known already are passed over.
        """

    def _key(self, point):
        """Identity of a point's setting, worked out once from its proposal until it is told."""
        name = point.tobytes()
        if name not in self._keys:
            self._keys[name] = self.space.key(point)
        return self._keys[name]

    def _is_new(self, point):
        key = self._key(point)
        return key not in self._told and key not in self._pending

    def _next(self):
        if len(self._told) + len(self._pending) >= self.space.size:
            return None
        for point in self._propose():
            if self._is_new(point):
                return point
        return self._anything_new()

    def _anything_new(self):
        """Find a point that is not known yet; None where there seems to be none."""
        for point in self.space.sample(1000, self.rng):
            if self._is_new(point):
                return point
        for known in self.points:
            for point in self.space.neighbors(known):
                if self._is_new(point):
                    return point
        if self.space.size <= _COUNTABLE:
            return next((point for point in self.space.grid() if self._is_new(point)), None)
        return None
