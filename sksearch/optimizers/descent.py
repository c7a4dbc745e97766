"""Descent along the derivative of the validation loss."""

import warnings
from contextlib import suppress

import numpy as np
from scipy.stats import qmc

from sksearch.optimizers.agreement import signal
from sksearch.optimizers.arm import Arm
from sksearch.optimizers.base import Optimizer
from sksearch.optimizers.minimize import minimize
from sksearch.optimizers.surface import Surface

# Starts that are compared before one is descended from, and what each of several arms gets at first.
_N_STARTS = 4
_N_STARTS_OF_ARM = 2
_N_STEPS_OF_ARM = 5
_N_ARMS_KEPT = 2

# Coordinates up to which a model of what was seen says where to go: of three, support vector machines, whose
# losses have kinks, were worse for it.
_MOST_MODELLED = 2

# So many starts in a row where the search has started before: a range of few floats has no others.
_MOST_IN_VAIN = 100

# A derivative that is further than this from a finite difference, relatively, is not believed.
_MOST_DISAGREEMENT = 0.2

# How large the gradient of a vector has to be, see `signal`: 1 is where the estimate of the true one is zero,
# and what every step needs; to leave the start, where the vector is the same everywhere, takes evidence.
_SIGNAL_TO_GO_ON = 1.0
_SIGNAL_TO_LEAVE = 2.0


class _Wanted(Exception):
    """What can not go on before the values of some points are known."""

    def __init__(self, points):
        super().__init__()
        self.points = points


class _Enough(Exception):
    """A descent has had all the evaluations it may have."""


class DescentOptimizer(Optimizer):
    """Descents from a few starts, with the derivatives that come with the values.

    The search is written as a program that runs from its beginning whenever a point is asked for: it takes
    what is known from memory, and where it needs a value that is not known, that point is what is asked. So
    it can be stopped, pickled and resumed anywhere, and what it asks does not depend on how many points are
    evaluated at once.

    Each combination of the values of parameters that are not continuous is an *arm*. One arm is descended
    from the points that were given at the beginning or, where none were, from the best of four quasi-random
    ones. Of several arms, each gets a few steps, and the best two are descended. What is left is spent on
    further starts. Starts where the loss is flat are passed over.

    With two coordinates, a model of the values and slopes seen (`Surface`) says where the loss is
    lowest, which is where a descent goes, and where the next start is: in turns where it promises the largest
    improvement, and where its lower bound is lowest. Where slopes and values contradict each other, as at
    kinks, it is given up for quasi-Newton descents. It only knows what the program has seen so far, so that
    the program asks the same whenever it is run.

    Vectors can fit the noise of the folds. Where a vector is free, the other parameters are descended first,
    and then all. The descent goes on to its end, but only the points up to where the gradient has shrunk to
    its noise, as told by how much it differs between folds, are *trusted*; see `signal`.

    Coordinates are logarithmic, one unit being two log-units, where the scale of a parameter is.

    Parameters
    ----------
    space : Space
        At most some tens of arms.
    rng : numpy.random.Generator
        Source of randomness, for the starts.
    method : {"lbfgs", "sgd", "momentum", "rmsprop", "adam"}, default="lbfgs"
        How to go downhill.
    n_restarts : int, default=None
        Descents after the first one, or the first ones of two arms, after which nothing is asked anymore;
        None for no limit.

    Attributes
    ----------
    finished : bool
        Whether all descents have ended, and no other start is left to try: `n_restarts` is used up, or all
        that is free are vectors, whose starts are not drawn.

    References
    ----------
    Pedregosa, "Hyperparameter optimization with approximate gradient", 2016.
    """

    def __init__(self, space, rng, *, method="lbfgs", n_restarts=None):
        super().__init__(space, rng)
        self.method = method
        self.n_restarts = np.inf if n_restarts is None else n_restarts
        self._arms = [Arm(space, point, free) for point, free in space.arms()]
        self._notes = {}  # loss, and slope of every fold, by key, of points whose fits measured them
        self._trusted = {}
        self._given = []
        self._draws = []
        self._sobol = qmc.Sobol(space.n_columns, rng=rng) if space.n_columns else None
        self._ended = {}  # where descents have led to, and by which way
        self._chosen = {}  # where models have said to go
        self._rough = set()  # when they could not, for the surface is no smooth one
        self._distrusted = False
        self._in_vain = False

    def expect(self, point):
        super().expect(point)
        self._given.append(point)

    def note(self, point, measured):
        """Take the `loss` of every fold, its `gradient` by parameter name, and their `disagreement`.

        The gradient has the derivatives that there are; the disagreement is their relative error, where it
        was checked.
        """
        worst = max((fold["disagreement"] for fold in measured if "disagreement" in fold), default=0.0)
        if not worst <= _MOST_DISAGREEMENT and not self._distrusted:
            self._distrusted = True
            warnings.warn(
                f"The derivatives of this estimator disagree with a finite difference by {worst:.0%}; finite "
                "differences are used instead. A smaller tol of the estimator may help.",
                stacklevel=2,
            )
        slopes = np.array([self.space.slope(point, fold["gradient"]) for fold in measured])
        self._notes[self.space.key(point)] = float(np.mean([fold["loss"] for fold in measured])), slopes

    def describe(self, points):
        if not self._notes:
            return {}
        with suppress(_Wanted):
            self._search()  # which has not seen the last points yet
        keys = [self.space.key(point) for point in points]
        loss = [self._notes[key][0] if key in self._notes else np.nan for key in keys]
        columns = {"loss": np.array(loss)}
        if any(arm.vectors for arm in self._arms):
            columns["trusted"] = np.array([self._trusted.get(key, True) for key in keys])
        return columns

    # -- what base asks for --------------------------------------------------------------------------

    def _next(self):
        if len(self._told) + len(self._pending) >= self.space.size:
            return None
        if len(wanted := self._propose()):
            return next((point for point in wanted if self._is_new(point)), None)
        self.finished = self.space.size == np.inf and not self._in_vain
        return None if self.finished else self._anything_new()

    def _propose(self):
        """Run the program; return the points whose values it needs to go on, none where it has ended."""
        try:
            self._search()
        except _Wanted as wanted:
            return wanted.points
        return []

    # -- the program ---------------------------------------------------------------------------------

    def _search(self):
        """Search from the beginning; raise `_Wanted` where that takes a value that is not known."""
        self._n_drawn = 0
        self._seen, self._given_up = {}, set()
        self._values(self._given)
        arms = self._arms
        if len(arms) > 1:
            starts = []
            for arm in arms:
                start = self._best_of(self._starts(arm, _N_STARTS_OF_ARM))
                starts.append((arm, self._descend(arm, start, _N_STEPS_OF_ARM)))
            # By their values: losses of different models need not be comparable.
            starts = sorted(starts, key=lambda start: -self._value(start[1]))[:_N_ARMS_KEPT]
            arms = [arm for arm, _ in starts]
        else:
            points = self._starts(arms[0], _N_STARTS)
            # The others tell the model where not to start.
            points = self._sorted(points)[: 1 if self._is_modelled(arms[0]) else None]
            starts = [(arms[0], point) for point in points]
        # Other starts in the same place would be no starts.
        again = [arm for arm in arms if arm.n_free > sum(len(columns) for columns in arm.vectors)]
        n_first, n_descents = len(starts) if len(arms) > 1 else 1, 0
        begun, n_in_vain = set(), 0
        while n_descents < n_first + self.n_restarts:
            if not starts:
                if not again:
                    return
                starts = self._more_starts(again, n_descents)
            arm, start = starts.pop(0)
            n_in_vain = n_in_vain + 1 if (key := self.space.key(start)) in begun else 0
            if n_in_vain > _MOST_IN_VAIN:
                self._in_vain = True
                return
            begun.add(key)
            if self._slope(arm, start).any():
                self._descend(arm, start)
            n_descents += 1

    def _starts(self, arm, n):
        """Points of an arm to begin from, those that were given and new ones; their values are known."""
        points = [point for point in self._given if arm.holds(point)]
        points = points or [arm.moved(point) for point in self._given[:1]]
        # A descent along a single line, or of a vector from where it has no structure, needs no choice.
        if not points or (arm.n_free > 1 and not arm.vectors):
            points += [self._draw(arm) for _ in range(n - len(points))]
        points = points if arm.n_free else points[:1]
        self._values(points)
        for point in points:
            self._see_start(arm, point)
        return points

    def _more_starts(self, arms, n_before):
        points = []
        for arm in arms:
            if (chosen := self._modelled(arm, ("promising", "optimistic")[n_before % 2])) is not None:
                points.append((arm, chosen))
            else:
                points += [(arm, self._draw(arm)) for _ in range(_N_STARTS // len(arms))]
        self._values([point for _, point in points])
        for arm, point in points:
            self._see_start(arm, point)
        return sorted(points, key=lambda start: self._loss(start[1]))

    def _is_modelled(self, arm):
        # The other parameters of a vector's arm are only on the way to the vector.
        small = arm in self._arms and not arm.vectors and 1 < arm.n_free <= _MOST_MODELLED
        return small and self.method == "lbfgs"

    def _modelled(self, arm, where):
        """A point by a model of what the program has seen of an arm; None where that knows none.

        `where` is a method of `Surface`.
        """
        seen = self._seen_of(arm)
        if not self._is_modelled(arm) or len(seen) < 2:
            return None
        key = arm.template.tobytes(), len(seen), where
        if key[0] in self._given_up:
            return None
        if key not in self._chosen:
            surface = self._model(arm, list(seen.values()))
            if surface is None or not surface.is_smooth:
                self._rough.add(key[:2])
                self._chosen[key] = None
            else:
                position = getattr(surface, where)()
                self._chosen[key] = None if position is None else arm.point(position)
        if key[:2] in self._rough:
            self._given_up.add(key[0])
        chosen = self._chosen[key]
        return None if chosen is None or self.space.key(chosen) in seen else chosen

    def _model(self, arm, points):
        losses = np.array([self._loss(point) if self._usable(point) else np.nan for point in points])
        known = losses[np.isfinite(losses)]
        if not len(known) or not np.ptp(known) > 0:
            return None
        losses[np.isnan(losses)] = known.max()
        slopes = np.array([self._slope(arm, point) for point in points]) / arm.units
        return Surface(np.array([arm.position(point) for point in points]), losses, slopes, *arm.box)

    def _seen_of(self, arm):
        """Points whose losses and slopes this run of the program has used so far, by key."""
        return self._seen.setdefault((arm.template.tobytes(), arm.n_free), {})

    def _see(self, arm, points):
        self._seen_of(arm).update((self.space.key(point), point) for point in points)

    def _see_start(self, arm, point):
        # Not all starts are descended from: what takes differences is seen when they are known.
        if not self._usable(point) or not np.isnan(self._measured(arm, point)).any():
            self._see(arm, [point])

    def _draw(self, arm):
        """The next quasi-random point of the program, the same one whenever it is run."""
        number = self._n_drawn
        self._n_drawn += 1
        while len(self._draws) <= number:
            self._draws.append(self._sobol.random(1)[0] if self._sobol else np.empty(0))
        point = arm.moved(self.space.draw(arm.moved(self._draws[number])[None])[0])
        # Vectors at random are worse than vectors that are the same everywhere.
        for columns in arm.vectors:
            point[columns] = self._given[0][columns] if self._given else arm.template[columns]
        return point

    def _descend(self, arm, start, most=np.inf):
        """Go downhill from a start, for at most so many evaluations; return the best point on the way."""
        if not arm.n_free:
            return start
        if (few := arm.without_vectors(start)) is not None:
            # Several others take long to tune: they can wait where the vector has something to say.
            for enough in (_N_STEPS_OF_ARM, most) if few.n_free > 1 else (most,):
                best = self._go_down(few, start, enough)
                if self._signal(arm, best) > _SIGNAL_TO_LEAVE:
                    break
            start = best
        if most == np.inf and self._is_modelled(arm):
            start = self._go_by_model(arm, start)
            if arm.template.tobytes() not in self._given_up:
                return start
        return self._go_down(arm, start, most)

    def _go_down(self, arm, start, most):
        """Go downhill, and return the best point on the way; a descent that has ended is not repeated."""
        descent = (arm.template.tobytes(), arm.n_free, start.tobytes(), most)
        if descent in self._ended:
            best, way = self._ended[descent]
            self._see(arm, way)
            return best
        way = []
        best, trusted, least_signal, n_evaluations = start, True, _SIGNAL_TO_LEAVE, 0

        def function(x):
            nonlocal best, trusted, least_signal, n_evaluations
            point = arm.point(x)
            loss, slope = self._loss(point), self._slope(arm, point)
            self._trusted.setdefault(self.space.key(point), trusted)
            n_evaluations += 1
            way.append(point)
            if n_evaluations == 1 or loss < self._loss(best):
                best, trusted = point, trusted and self._signal(arm, point) > least_signal
                least_signal = _SIGNAL_TO_GO_ON
            if n_evaluations >= most:
                raise _Enough
            return loss, slope / arm.units

        with suppress(_Enough):
            minimize(self.method, function, arm.position(start), *arm.box, self._non_negative)
        self._ended[descent] = best, way
        self._see(arm, way)
        return best

    def _go_by_model(self, arm, start):
        """Go where a model expects the loss to be lowest, until that is no lower; return the best point."""
        point = best = start
        while point is not None:
            if self._loss(point) < self._loss(best):
                best = point
            self._slope(arm, point)
            self._see(arm, [point])
            point = self._modelled(arm, "lowest")
        return best

    # -- what is known -------------------------------------------------------------------------------

    def _values(self, points):
        """Make sure that the values of points are known."""
        unknown = [point for point in points if self.space.key(point) not in self._told]
        if unknown:
            raise _Wanted(unknown)

    def _value(self, point):
        self._values([point])
        return self.values[self._told[self.space.key(point)]]

    def _usable(self, point):
        """Whether a point has what others have: a value, and a loss where any loss was measured."""
        return np.isfinite(self._value(point)) and (not self._notes or self.space.key(point) in self._notes)

    def _loss(self, point):
        """What is minimised: the loss that was measured with derivatives, else the negative value."""
        if not self._usable(point):
            # Worse than everything that is known, by a finite amount for the line search.
            known = [self._loss(other) for other in self.points if self._usable(other)]
            return max(known, default=0.0) + np.ptp(known or [0.0]) + 1.0
        return self._notes.get(self.space.key(point), (-self._value(point),))[0]

    @property
    def _non_negative(self):
        # Every measured loss is, see `ValidationLoss`. The negative of a value may cross zero, as with R2.
        return bool(self._notes)

    def _slope(self, arm, point):
        """Derivatives of the loss by the free coordinates of an arm, by finite differences where need be."""
        if not self._usable(point):
            return np.zeros(arm.n_free)
        slope = self._measured(arm, point)
        unknown = np.flatnonzero(np.isnan(slope))
        beside = [arm.beside(point, column) for column in unknown]
        self._values(beside)
        for column, other in zip(unknown, beside, strict=True):
            step = (other - point)[arm.free][column]
            if self._usable(other):
                slope[column] = (self._loss(other) - self._loss(point)) / step
            else:
                slope[column] = 0.0
        return slope

    def _measured(self, arm, point):
        """Derivatives as the fits measured them, NaN where they did not."""
        key = self.space.key(point)
        if self._distrusted or key not in self._notes:
            return np.full(arm.n_free, np.nan)
        return self._notes[key][1][:, arm.free].mean(axis=0)

    def _signal(self, arm, point):
        if not arm.vectors or self.space.key(point) not in self._notes:
            return np.inf
        slopes = self._notes[self.space.key(point)][1]
        return signal(np.hstack([_centered(slopes[:, columns]) for columns in arm.vectors]))

    def _sorted(self, points):
        return sorted(points, key=self._loss)

    def _best_of(self, points):
        return self._sorted(points)[0]


def _centered(slopes):
    """Take out what all elements of a vector have in common: that is no structure, and fits little noise."""
    return slopes - slopes.mean(axis=1, keepdims=True)
