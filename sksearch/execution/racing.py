"""Who gets more: a pure policy, from the scores so far to the trials that go on.

Two forecasts say what a trial would score if it were run to its end, and how sure that is: one from some
of its folds, one from less than all samples or iterations. From them follow the chances to beat the best
trial that was run to its end. With folds, trials are paused, and go on in the order of their chances
(`worth_a_fold`); with samples or iterations a trial is dropped when its chance is below `LEAST_CHANCE`, or
when it is not among the best that got as far.
"""

from collections import Counter

import numpy as np
from scipy.special import digamma, polygamma, stdtr

LEAST_CHANCE = 0.03
# Chance from which a trial need not wait for room when no other is left to begin.
GOOD_CHANCE = 0.2

# With folds: who goes on at once, and when the rest of the paused is left.
LIKELY = 0.2
MOST_LEFT = 0.1
# Trials that are run to their end whatever their chances, before any is paused, and in all: fold effects and
# variances that are learned from fewer make a forecast too sure of itself.
N_FIRST = 3
N_LEAST = 10
# Share of pairs of trials that are taken to be twins before any are seen.
_SHARE_OF_TWINS = 0.05
# Digits, of the largest score, in which twins agree.
_DIGITS = 9
# How many trials the prior of equal variances of folds is worth.
_FOLD_WEIGHT = 2.0

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


def twins(scores):
    r"""Probability that a trial scores on all folds as one that was run to its end, and so can not beat it.

    Parameters of no effect, or of less than a tree's threshold or a prediction's label needs to change, make
    many candidates of a search the same model. Of two trials that agree on k folds, the odds to be twins are

    .. math:: \frac{p}{(1 - p) c^k},

    with p the share of twins and c the share of folds on which others agree by accident, both counted among
    the pairs of trials that were run to their end: scores of few values agree often, real numbers never do.

    Parameters
    ----------
    scores : ndarray of shape (n, n_folds)
        NaN for folds that were not run.

    Returns
    -------
    probability : ndarray of shape (n,)
        0 for a trial that differs from all that are complete.
    """
    n_known, n_folds = np.isfinite(scores).sum(axis=1), scores.shape[1]
    # Twins may differ in the last digits; 0.0 is added for -0.0, whose bytes are others.
    scores = np.round(scores / max(np.nanmax(np.abs(scores)), np.finfo(float).tiny), _DIGITS) + 0.0
    complete = scores[n_known == n_folds]
    agrees = ((scores[:, None] == complete) | np.isnan(scores)[:, None]).all(axis=2).any(axis=1)
    n_pairs = len(complete) * (len(complete) - 1) / 2
    n_twins = _n_pairs(np.array([*Counter(row.tobytes() for row in complete).values()]))
    accidents = _n_pairs(_equal_in_columns(complete)) - n_folds * n_twins
    accident = (accidents + 0.5) / (n_folds * (n_pairs - n_twins) + 1.0)
    share = (n_twins + _SHARE_OF_TWINS) / (n_pairs + 1.0)
    return np.where(agrees, share / (share + (1.0 - share) * accident**n_known), 0.0)


def _n_pairs(counts):
    return (counts * (counts - 1) / 2).sum()


def _equal_in_columns(values):
    """How often each value is in its column, without a loop over columns, of which there may be many."""
    columns = np.sort(values.T, axis=1)
    is_first = np.ones(columns.shape, bool)
    is_first[:, 1:] = columns[:, 1:] != columns[:, :-1]
    return np.bincount(np.cumsum(is_first) - 1)


def forecast_from_folds(scores):
    """Forecast the mean over all folds from some of them.

    A score is modelled as the sum of the trial's mean, an effect that the fold has on all, and a residual
    whose variance is a product: of the fold's, since some folds say less about the others, and of the
    trial's, since some are steady, and some good on most folds and bad on a few. Variances of trials have a
    scaled inverse chi-squared prior, fitted to the residuals of all trials (empirical Bayes, Smyth, 2004,
    section 6). So one fold says enough where all are alike, and trials get the benefit of the doubt where
    they are not.

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
    whole = n_known == n_folds
    complete, n = scores[whole], whole.sum()
    fold_effect = complete.mean(axis=0) - complete.mean() if n > 1 else np.zeros(n_folds)
    fold_variance = _fold_variances(complete - fold_effect)
    weights = known / fold_variance
    adjusted = np.where(known, scores - fold_effect, 0.0)
    level = (weights * adjusted).sum(axis=1) / weights.sum(axis=1)
    mean = np.where(known, scores, level[:, None] + fold_effect).mean(axis=1)
    squares = (weights * (adjusted - level[:, None]) ** 2).sum(axis=1)
    squares[whole] *= n / max(n - 1, 1)  # the fold effects were fitted to these
    prior_variance, prior_dof = _variance_prior(squares, n_known - 1)
    dof = prior_dof + n_known - 1
    variance = (prior_dof * prior_variance + squares) / dof
    # What is left to chance are the folds that were not run, the level they vary about, and fold effects.
    left = (~known).sum(axis=1) ** 2 / weights.sum(axis=1) + (~known) @ fold_variance
    return mean, variance * left / n_folds**2 * (1.0 + 1.0 / n), dof


def _fold_variances(scores):
    """How much scores vary on each fold, in units of the average, about the trial's mean: (n_folds,)."""
    squares = (scores - scores.mean(axis=1, keepdims=True)) ** 2
    total = squares.sum(axis=1, keepdims=True)
    # Every trial counts the same, however much it varies.
    shares = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0.0) * scores.shape[1]
    variances = shares.sum(axis=0) + _FOLD_WEIGHT
    return variances / variances.mean()


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
