"""Search along a direction that was measured, for how far to go."""

import numpy as np

from sksearch.optimizers.agreement import signal
from sksearch.optimizers.base import Optimizer

# Steps of the compass: of what all elements have in common, in units of the values, and of the strength of
# what differs between them, as shares of its first value.
_STEPS = ((2.0, 0.5), (1.0, 0.25))


class RayOptimizer(Optimizer):
    r"""Looks for the best vector among those that differ from a first one in proposed proportions.

    The fits of the first point propose vectors :math:`v_k`, each fold its own. Their mean :math:`\bar v` less
    the point :math:`x` is split into what all elements share, a level l, and the rest, a direction d.
    A compass search goes through :math:`x + l + t d`, two numbers, from the level proposed and, since the
    proposals of the folds differ,

    .. math:: t_0 = \max\Big(0, 1 - \frac{\sum_k |d_k - d|^2}{K (K - 1) \, |d|^2}\Big) ,

    the shrinkage of James and Stein: the more the folds agree, the nearer to 1. Where they do not, only the
    level is searched. The steps of the level are 2 and then 1 in the units of the vector, those of t a half
    and a quarter of its first value.

    Parameters
    ----------
    space : Space
        Of a single vector, with a linear scale.
    rng : numpy.random.Generator
        Source of randomness: not used.
    shrink : bool, default=True
        Whether to shrink; else the search begins from the mean of the proposals.

    Attributes
    ----------
    finished : bool
        Whether the search has ended.

    References
    ----------
    James & Stein, "Estimation with quadratic loss", 1961.

    Kolda, Lewis & Torczon, "Optimization by direct search: new perspectives on some classical and modern
    methods", 2003, for the compass.
    """

    def __init__(self, space, rng, *, shrink=True):
        super().__init__(space, rng)
        self.shrink = shrink
        (dimension,) = space.branches[0].values()
        self._unit = 1 / (dimension.high - dimension.low)
        self._direction = np.zeros(space.n_columns)
        self._start = 0.0, 0.0
        self._first = None

    def _pend(self, point):
        super()._pend(point)
        if self._first is None:
            self._first = point

    def note(self, point, measured):
        """Take the `proposal` of every fold, a dict of the vector by its name."""
        proposals = np.array([self.space.encode(fold["proposal"]) for fold in measured if "proposal" in fold])
        if not len(proposals):
            return
        moves = proposals - point
        levels = moves.mean(axis=1)
        directions = moves - levels[:, None]
        self._first, self._direction = point, directions.mean(axis=0)
        known = self._direction.any()
        strength = max(0.0, 1 - 1 / signal(directions)) if self.shrink and known else float(known)
        self._start = levels.mean() / self._unit, strength

    def _next(self):
        if self._first is None:
            return self._middle()
        return next((point for point in self._propose() if self._is_new(point)), None)

    def _middle(self):
        return self.space.snap(np.full((1, self.space.n_columns), 0.5))[0]

    def _propose(self):
        """Run the search from its beginning; return the points whose values it needs to go on."""
        if self.space.key(self._first) in self._pending:
            return []
        centres = [(0.0, 0.0), self._start]
        if unknown := self._unknown(centres):
            return unknown
        centre = max(centres, key=self._value)
        for level, share in _STEPS:
            step = share * self._start[1]
            while True:
                around = self._around(centre, level, step)
                best = max((c for c in around if self._knows(c)), key=self._value, default=centre)
                if self._value(best) > self._value(centre):
                    centre = best
                elif unknown := self._unknown(around):
                    return unknown
                else:
                    break
        self.finished = not self._pending
        return []

    def _around(self, centre, level, step):
        around = [(centre[0], centre[1] + step), (centre[0], centre[1] - step)] if step else []
        around += [(centre[0] + level, centre[1]), (centre[0] - level, centre[1])]
        return [(level, strength) for level, strength in around if strength >= 0]

    def _point(self, coordinates):
        level, strength = coordinates
        point = self._first + level * self._unit + strength * self._direction
        return self.space.snap(point[None])[0]

    def _unknown(self, several):
        return [self._point(c) for c in several if not self._knows(c)]

    def _knows(self, coordinates):
        return self.space.key(self._point(coordinates)) in self._told

    def _value(self, coordinates):
        return self.values[self._told[self.space.key(self._point(coordinates))]]
