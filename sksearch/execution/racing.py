"""Who gets more: a pure policy, from the scores so far to the trials that go on.

Two forecasts say what a trial would score if it were run to its end, and how sure that is: one from some
of its folds, one from less than all samples or iterations. A trial goes on while its chance to beat the best
trial that was run to its end is at least `LEAST_CHANCE`; with samples or iterations it also has to be among
the best that got as far.
"""

import numpy as np
from scipy.special import digamma, polygamma, stdtr

LEAST_CHANCE = 0.03
# Chance from which a trial need not wait for room when no other is left to begin.
GOOD_CHANCE = 0.2

# Prior of the degrees of freedom of a variance among candidates, and how many candidates it is worth.
_PRIOR_DOF = 4.0
_MAX_DOF = 6.0
_PRIOR_WEIGHT = 1.0
# A candidate whose folds all score the same may still vary by this share of the largest variance.
_LEAST_VARIANCE = 1e-6


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
    reached = np.isfinite(values).sum(axis=1) - 1
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
    reached = np.isfinite(values).sum(axis=1) - 1
    began = reached + ~waiting
    room = {rung: (began > rung).sum() < np.ceil((reached >= rung).sum() / factor) for rung in set(reached)}
    return np.array([room[rung] for rung in reached], dtype=bool)


def forecast_from_folds(scores):
    """Forecast the mean over all folds from some of them.

    A score is modelled as the sum of the trial's mean, an effect that the fold has on all, and a residual
    whose variance differs between trials: some are steady, some good on most folds and bad on a few. These
    variances have a scaled inverse chi-squared prior, fitted to the residuals of all trials (empirical
    Bayes, Smyth, 2004, section 6). So trials are dropped after one fold where all are alike, and get the
    benefit of the doubt where they are not.

    Parameters
    ----------
    scores : ndarray of shape (n, n_folds)
        NaN for folds that were not run; at least one row is complete.

    Returns
    -------
    mean, variance, dof : ndarray of shape (n,)
        Of Student's t distributions of the final means.

    References
    ----------
    Smyth, "Linear models and empirical Bayes methods for assessing differential expression", 2004.
    """
    known = np.isfinite(scores)
    n_known, n_folds = known.sum(axis=1), scores.shape[1]
    complete = scores[n_known == n_folds]
    fold_effect = complete.mean(axis=0) - complete.mean() if len(complete) > 1 else np.zeros(n_folds)
    adjusted = np.where(known, scores - fold_effect, 0.0)
    mean = adjusted.sum(axis=1) / n_known
    squares = (np.where(known, adjusted - mean[:, None], 0.0) ** 2).sum(axis=1)
    prior_variance, prior_dof = _variance_prior(squares, n_known - 1)
    dof = prior_dof + n_known - 1
    variance = (prior_dof * prior_variance + squares) / dof
    # What is left to chance are the folds that were not run, and the fold effects.
    left = (1.0 / n_known - 1.0 / n_folds) * (1.0 + 1.0 / len(complete))
    return mean, variance * left, dof


def _variance_prior(squares, dof):
    """Scale and degrees of freedom of the prior of variances, from sums of squares with `dof` each."""
    replicated = dof > 0
    squares, dof = squares[replicated], dof[replicated]
    variance = squares / dof
    variance = np.maximum(variance, max(_LEAST_VARIANCE * variance.max(), np.finfo(float).tiny))
    # Smyth (2004): log variances have mean log(scale) + known terms, and variance
    # trigamma(dof / 2) + trigamma(prior dof / 2).
    logs = np.log(variance) - digamma(dof / 2) + np.log(dof / 2)
    center, n = logs.mean(), len(logs)
    excess = ((logs - center) ** 2).sum() - polygamma(1, dof / 2).sum() * (n - 1) / n
    excess = (excess + _PRIOR_WEIGHT * polygamma(1, _PRIOR_DOF / 2)) / (n - 1 + _PRIOR_WEIGHT)
    least = polygamma(1, _MAX_DOF / 2)
    prior_dof = _MAX_DOF if excess <= least else 2.0 * _inverse_trigamma(excess)
    return np.exp(center + digamma(prior_dof / 2) - np.log(prior_dof / 2)), prior_dof


def _inverse_trigamma(x):
    y = 0.5 + 1.0 / x
    for _ in range(20):  # Newton's method, on the reciprocal, which is nearly linear (Smyth, 2004, appendix)
        trigamma = polygamma(1, y)
        y += trigamma * (1.0 - trigamma / x) / polygamma(2, y)
    return y


def forecast_from_rungs(values):
    """Forecast the final value from the value with less than all samples or iterations.

    The change from each rung to the next is modelled as normal, with mean and variance learned from all
    trials that got there, also those that went no further. The variance counts the mean's own square as one
    more trial's: after one trial, nobody knows how much changes vary.

    Parameters
    ----------
    values : ndarray of shape (n, n_rungs)
        NaN for rungs that were not reached; at least one row is complete.

    Returns
    -------
    mean, variance, dof : ndarray of shape (n,)
        Of Student's t distributions of the final values.
    """
    reached = np.isfinite(values).sum(axis=1) - 1
    changes = np.diff(values, axis=1)
    n = np.isfinite(changes).sum(axis=0)
    change = np.nanmean(changes, axis=0)
    squares = np.nansum((changes - change) ** 2, axis=0) + change**2
    # Of all changes that are still to come; the mean of a step is uncertain too.
    left = _sums_to_the_end(change)[reached]
    variance = _sums_to_the_end(squares / n * (1.0 + 1.0 / n))[reached]
    dof = np.full(len(values), min(n[-1] + 1.0, _MAX_DOF))
    return values[np.arange(len(values)), reached] + left, variance, dof


def _sums_to_the_end(steps):
    return np.append(np.cumsum(steps[::-1])[::-1], 0.0)
