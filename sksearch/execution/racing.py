"""Who gets more: a pure policy, from the scores so far to the trials that go on.

What a trial would score if it were run to its end, and how sure that is, says `forecast`. From this follows
its chance to beat the best trial that was run to its end. With folds, trials are paused, and go on in the
order of their chances (`worth_a_fold`); with samples or iterations a trial is dropped when its chance is
below `LEAST_CHANCE`, or when it is not among the best that got as far.
"""

import numpy as np
from scipy.special import stdtr

from sksearch.execution.forecast import last_rungs

LEAST_CHANCE = 0.03
# Chance from which a trial need not wait for room when no other is left to begin.
GOOD_CHANCE = 0.2

# With folds: who goes on at once, and when the rest of the paused is left.
LIKELY = 0.2
MOST_LEFT = 0.2
# Trials that are run to their end whatever their chances, before any is paused, and in all: fold effects and
# variances that are learned from fewer make a forecast too sure of itself.
N_FIRST = 3
N_LEAST = 5


def chances(mean, variance, dof, best):
    """Probability of each trial to beat the best, by Student's t distribution.

    Parameters
    ----------
    mean, variance, dof : ndarray of shape (n,)
        A forecast.
    best : float
        Best final value so far.

    Returns
    -------
    probability : ndarray of shape (n,)
    """
    std = np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    return stdtr(dof, np.clip((mean - best) / std, -1e300, 1e300))


def among_best(values, factor):
    """Say which trials are among the best ``1 / factor`` of all that got as far (successive halving).

    Parameters
    ----------
    values : ndarray of shape (n, n_rungs)
        NaN for rungs that were not reached.
    factor : float

    Returns
    -------
    among : ndarray of bool, shape (n,)

    References
    ----------
    Li et al., "A system for massively parallel hyperparameter tuning", 2020, algorithm 2.
    """
    reached = last_rungs(values)
    latest = values[np.arange(len(values)), reached]
    rungs = values[:, reached]  # column i: what all trials scored at the rung of trial i
    better = (rungs > latest).sum(axis=0)
    return better < np.ceil(np.isfinite(rungs).sum(axis=0) / factor)


def have_room(values, waiting, factor):
    """Say which trials may go on without more than ``1 / factor`` of all that got as far doing so.

    An optimizer that learns proposes better and better candidates: when it comes, almost each is among the
    best so far. Who waits gets its turn when others have come that are not better.

    Parameters
    ----------
    values : ndarray of shape (n, n_rungs)
        NaN for rungs that were not reached.
    waiting : ndarray of bool, shape (n,)
        Whether a trial waits; the others run their next rung, or have run all.
    factor : float

    Returns
    -------
    room : ndarray of bool, shape (n,)
    """
    reached = last_rungs(values)
    begun = np.where(waiting, reached, reached + 1)
    room = {rung: (begun > rung).sum() < np.ceil((reached >= rung).sum() / factor) for rung in set(reached)}
    return np.array([room[rung] for rung in reached], dtype=bool)


def worth_a_fold(chances, expected, waiting, last):
    """Say which trials get their next fold, and which are paused, perhaps for good.

    While there are new trials to begin, those go on that may well beat the best. An optimizer learns most
    from exact values near the top, and most of these trials would get their folds in the end. About the
    others what comes later may decide without a fit. When none is left to begin, the most promising goes on,
    again and again, until the sum of the chances of all that wait is small: it bounds the probability that
    the best is among them.

    Parameters
    ----------
    chances : ndarray of shape (n,)
        To beat the best.
    expected : ndarray of shape (n,)
        Forecast of the mean over all folds.
    waiting : ndarray of bool, shape (n,)
        Whether a trial waits; the others run their next fold, or have run all.
    last : bool
        Whether no trial is left to begin.

    Returns
    -------
    worth : ndarray of bool, shape (n,)
    """
    if (~waiting).sum() < (N_LEAST if last else N_FIRST):
        # Not by chances: those of the hopeless are the larger the less is known of them, and each would get a
        # fold, and none all.
        return waiting & (expected >= expected[waiting].max())
    if last:
        return np.full(len(chances), chances[waiting].sum() >= MOST_LEFT)
    return chances >= LIKELY
