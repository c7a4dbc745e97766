"""What is given to trials bit by bit: folds, samples, or iterations of the estimator."""

import warnings
from abc import ABC, abstractmethod
from numbers import Integral

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.multiclass import type_of_target

from sksearch._messages import did_you_mean
from sksearch.execution import racing
from sksearch.execution.forecast import from_folds, from_rungs, twins

# Degrees of freedom that a forecast is given at least when an optimizer asks for its variance.
_LEAST_DOF = 2.5

# Most steps of folds.
_MOST_STEPS = 20


class AllAtOnce:
    """No resource: a trial is one step, which runs all folds.

    A step runs some folds, perhaps with less than everything; the trial is complete after the last one, whose
    results are those of a search without a resource.

    Parameters
    ----------
    n_splits : int
        Number of folds.

    Attributes
    ----------
    name : str or None
        What the user calls it.
    amounts : list of int
        How much of the resource a trial has had after each step.
    """

    name = None
    all_rows = True  # whether every step uses all training rows

    def __init__(self, n_splits):
        self.n_splits = n_splits
        self.amounts = [n_splits]

    @property
    def n_steps(self):
        """Steps of a complete trial."""
        return len(self.amounts)

    @property
    def n_fits_per_step(self):
        """Fits of every step but perhaps the first."""
        return self.n_splits

    @property
    def n_fits(self):
        """Fits of a complete trial."""
        return self.n_splits * self.n_steps

    def n_steps_of(self, trial, compared):
        """Steps of a trial that is new or was recalled; `compared` says whether another one is complete."""
        return self.n_steps

    def folds(self, trial):
        """Folds that the next step of a trial runs, numbered from 0."""
        return range(self.n_splits)

    def amount(self, trial, n_steps):
        """How much of the resource a trial has had after a number of its steps."""
        # Counted from the end: a trial may have had in its first step what others get in several.
        return self.amounts[n_steps - trial.n_steps - 1]

    def rows(self, train, fold, step):
        """Of the training rows of a fold, those that a step uses."""
        return train

    def iterations(self, step):
        """Parameter, its values after the step before and after this one; None if none is given."""
        return None

    def shown(self, step):
        """Parameters that show, in the results, how far a trial came."""
        return {}

    def may_recover(self, trial):
        """Whether a trial that has failed before its last step may still work with more of the resource."""
        return False

    def finished(self, trial):
        """Folds of which a trial's results are those that count in the end."""
        return range(self.n_splits if trial.complete else 0)


class Steps(AllAtOnce, ABC):
    """Several steps, between which a trial waits: the base of `Folds` and `Rungs`.

    Scores so far are arranged in rows, which say what is expected of each trial in the end, and from this
    follows which of those that wait may go on.
    """

    @abstractmethod
    def row(self, trial, metric):
        """Arrange the scores of a trial as `forecast` takes them."""

    @abstractmethod
    def forecast(self, rows, similarity):
        """Say what is expected of each trial in the end.

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)
            Of all trials that were begun.
        similarity : callable
            From row numbers to the correlations of all trials with these, of shape (n, n_some).

        Returns
        -------
        forecast : tuple
            What the methods below take.
        """

    def expected(self, forecast):
        """Mean and variance, for an optimizer, of what a trial will score: shapes (n,) and (n,)."""
        mean, variance, dof = forecast
        # That of Student's t; with two degrees of freedom and less there is none, or no end of it.
        return mean, variance / (1.0 - 2.0 / np.maximum(dof, _LEAST_DOF))

    def chances(self, forecast, best):
        """Probability of each trial, by what is expected of it, to beat the best complete one."""
        return racing.chances(*forecast, best)

    def hopeless(self, rows, chances):
        """Say which trials will never go on, as far as one can know."""
        return np.full(len(rows), False)

    @abstractmethod
    def free(self, rows, forecast, chances, waiting, last):
        """Say which trials may go on now: those that wait do so in the order of their chances.

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)
            Of all trials that were begun.
        forecast : tuple
            What is expected of each, as `forecast` returned it.
        chances : ndarray of shape (n,)
        waiting : ndarray of bool, shape (n,)
            Whether a trial waits; the others run their next step, or have run all.
        last : bool
            Whether no trial is left to begin.

        Returns
        -------
        free : ndarray of bool, shape (n,)
        """


class Folds(Steps):
    """Folds one by one, after the first `min_resources` together; where there are many, a few at a time.

    Each trial begins with another fold than the one before. Did all begin with the same, an optimizer would
    soon look for what is good on that one: what a fold adds to the mean varies little from a trial to its
    neighbours, so that errors which all share do not average out.
    """

    name = "folds"

    def __init__(self, n_splits, min_resources):
        super().__init__(n_splits)
        self._at_a_time = _at_a_time(n_splits)
        later = range(n_splits, min_resources, -self._at_a_time)
        self.amounts = [min_resources, *reversed(later)]

    @property
    def n_fits_per_step(self):
        return self._at_a_time

    @property
    def n_fits(self):
        return self.n_splits

    def n_steps_of(self, trial, compared):
        if trial.steps:  # recalled from a journal, perhaps of a search with other workers
            return len(trial.steps) - (len(trial.folds) - self.n_splits) // self._at_a_time
        # While there is none to compare them with, all are run to their end. Fold by fold the first would
        # take long to get there, and as many as keep the workers busy would be begun meanwhile.
        return self.n_steps if compared else 1

    def folds(self, trial):
        # Of a trial that was recalled from a journal the folds that were run may be any.
        order = ((trial.number + i) % self.n_splits for i in range(self.n_splits))
        known = set().union(*trial.steps)
        left = [fold for fold in order if fold not in known]
        n_left_after = self.n_splits - self.amount(trial, len(trial.steps) + 1)
        return left[: len(left) - n_left_after]

    def finished(self, trial):
        return trial.folds

    def row(self, trial, metric):
        row = np.full(self.n_splits, np.nan)
        for step, scores in zip(trial.steps, trial.scores(metric), strict=True):
            row[list(step)] = scores
        return row

    def forecast(self, rows, similarity):
        return from_folds(rows, similarity), twins(rows)

    def expected(self, forecast):
        alone, (probability, twin, spread) = forecast
        mean, variance = super().expected(alone)
        apart = probability * (1.0 - probability) * (twin - mean) ** 2
        mixed = probability * spread + (1.0 - probability) * variance
        return probability * twin + (1.0 - probability) * mean, mixed + apart

    def chances(self, forecast, best):
        alone, (probability, _, _) = forecast
        return super().chances(alone, best) * (1.0 - probability)

    def free(self, rows, forecast, chances, waiting, last):
        (expected, _, _), _ = forecast
        return racing.worth_a_fold(chances, expected, waiting, last)


def _at_a_time(n_splits):
    # To ask after each fold who goes on would take longer than the fits, where they are many and short.
    return -(-n_splits // _MOST_STEPS)


class Rungs(Steps):
    """All folds in every step, with more of something each time: the base of `Samples` and `Iterations`.

    Only the best ``1 / factor`` of the trials that reach a rung go on to the next (successive halving).
    """

    def __init__(self, n_splits, amounts, factor):
        super().__init__(n_splits)
        self.amounts = amounts
        self._factor = factor

    def row(self, trial, metric):
        means = [np.mean(step) for step in trial.scores(metric)]
        return np.append(means, np.full(self.n_steps - len(means), np.nan))

    def forecast(self, rows, similarity):
        return from_rungs(rows)

    def hopeless(self, rows, chances):
        return (chances < racing.LEAST_CHANCE) | ~racing.among_best(rows, self._factor)

    def free(self, rows, forecast, chances, waiting, last):
        room = racing.have_room(rows, waiting, self._factor)
        # When no other is left to begin, no better ones will come: whoever may well win has room.
        return ~self.hopeless(rows, chances) & (room | (last & (chances >= racing.GOOD_CHANCE)))


class Samples(Rungs):
    """More and more of the training rows of every fold; all are scored on its whole test set.

    Each step has the rows of the one before and more, in the proportions of the classes. Which ones does not
    depend on the search's seed: all searches over the same folds share them.
    """

    name = "n_samples"
    all_rows = False

    def __init__(self, n_splits, amounts, factor, n_samples, strata):
        super().__init__(n_splits, amounts, factor)
        self._n_samples = n_samples
        self._strata = strata
        self._orders = {}
        self._rows = {}

    def rows(self, train, fold, step):
        if self.amounts[step] == self._n_samples:
            return train
        # The same object for all trials: workers that share memory get it once.
        if (fold, step) not in self._rows:
            self._rows[fold, step] = self._draw(train, fold, step)
        return self._rows[fold, step]

    def may_recover(self, trial):
        # As with more neighbors, components or folds than there are rows yet.
        return not trial.timed_out

    def _draw(self, train, fold, step):
        if fold not in self._orders:
            rng = np.random.default_rng(fold)
            self._orders[fold] = _spread_out(len(train) if self._strata is None else self._strata[train], rng)
        n_rows = max(1, round(len(train) * self.amounts[step] / self._n_samples))
        return np.asarray(train)[np.sort(self._orders[fold][:n_rows])]


class Iterations(Rungs):
    """More and more iterations: epochs, trees, steps of a solver. Estimators that can go on do."""

    def __init__(self, n_splits, name, amounts, factor):
        super().__init__(n_splits, amounts, factor)
        self.name = name

    def iterations(self, step):
        return self.name, self.amounts[step - 1] if step else 0, self.amounts[step]

    def shown(self, step):
        return {self.name: self.amounts[step]}


def make_resource(name, min_resources, max_resources, factor, *, estimator, tuned, y, n_splits, n_samples):
    """Make the resource that a user describes.

    Parameters
    ----------
    name : str or None
        "folds", "n_samples", or a parameter of the estimator.
    min_resources, max_resources : int or "auto"
        What a trial gets first, and in all.
    factor : float
        How much more each step gives than the one before.
    estimator : estimator
        What is fitted.
    tuned : iterable of str
        Parameters that are searched.
    y : array-like or None
        Target, for the classes that samples are drawn from in proportion.
    n_splits, n_samples : int
        Number of folds, and rows of all data.

    Returns
    -------
    resource : AllAtOnce

    Raises
    ------
    ValueError
        If the resource does not exist, is tuned itself, or the limits make no sense.
    """
    if name is None:
        return AllAtOnce(n_splits)
    least = 1
    if name == "folds":
        most, first = n_splits, _at_a_time(n_splits)
        if max_resources not in ("auto", n_splits):
            raise ValueError(
                f"max_resources={max_resources} with resource='folds': a candidate that is kept runs all "
                f"{n_splits} folds; leave it at 'auto', and give cv the number of folds."
            )
    elif name == "n_samples":
        most = n_samples if max_resources == "auto" else max_resources
        if most > n_samples:
            raise ValueError(f"max_resources={most} is more than the {n_samples} samples; lower it.")
        strata = _strata(estimator, y)
        least = 1 if strata is None else len(np.unique(strata))
        if most < least:
            raise ValueError(
                f"max_resources={most} is less than a sample of each of {least} classes; raise it."
            )
        # Two of each class in every fold, as scikit-learn's halving searches have it.
        first = min(most, max(2 * n_splits * least, round(most / factor**2)))
    else:
        own = _own_value(estimator, name, tuned)
        most = own if max_resources == "auto" else max_resources
        if isinstance(own, (str, bool, float)):
            raise ValueError(f"resource={name!r} counts nothing: it is {own!r}; name a number of iterations.")
        if not isinstance(most, Integral) or most < 1:
            raise ValueError(f"The estimator has {name}={own!r}; give max_resources, the most to spend.")
        first = max(1, round(most / factor**2))
    if min_resources != "auto":
        if not least <= min_resources <= most:
            raise ValueError(
                f"min_resources={min_resources} must be between {least} and max_resources={most} "
                f"for resource={name!r}."
            )
        first = min_resources
    if name == "folds":
        return Folds(n_splits, first)
    amounts = _rungs(first, most, factor)
    if len(amounts) == 1 and min_resources == "auto":
        warnings.warn(
            f"resource={name!r} makes no difference: a candidate begins with {first} of {most} at least, and "
            f"the step before all is {round(most / factor)}; set a lower min_resources, or leave it out.",
            stacklevel=4,
        )
    if name == "n_samples":
        return Samples(n_splits, amounts, factor, n_samples, strata)
    return Iterations(n_splits, name, amounts, factor)


def _own_value(estimator, name, tuned):
    params = estimator.get_params()
    if name not in params:
        counts = [own for own, value in params.items() if type(value) is int]
        hint = did_you_mean(name, [*counts, "folds", "n_samples"], "see estimator.get_params().")
        raise ValueError(
            f"resource={name!r} is not 'folds', 'n_samples', or a parameter of the estimator; {hint}"
        )
    if name in tuned:
        raise ValueError(f"resource={name!r} is in param_distributions too; take it out of one of them.")
    return params[name]


def _rungs(first, most, factor):
    """Amounts from about `first` to `most`, each `factor` times the one before, counted from the end."""
    amounts = [most]
    # A small amount that is rounded may stay what it is.
    while (amount := min(amounts[-1] - 1, round(amounts[-1] / factor))) >= first:
        amounts.append(amount)
    return amounts[::-1]


def _strata(estimator, y):
    """Classes to draw samples from in proportion, None where there are none."""
    if not is_classifier(estimator) or type_of_target(y) not in ("binary", "multiclass"):
        return None
    return np.unique(np.asarray(y).ravel(), return_inverse=True)[1]


def _spread_out(strata, rng):
    """Order rows such that any first part of them is a random one, with the strata in proportion."""
    if isinstance(strata, Integral):
        return rng.permutation(strata)
    place = np.empty(len(strata))
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        place[members] = np.arange(len(members)) / len(members)
    # The first of each stratum come first, so that no class is missing.
    return np.lexsort((rng.random(len(strata)), place))
