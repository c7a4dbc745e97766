"""What a trial would score if it were run to its end, from what was run of it and of the others.

From some of its folds (`from_folds`, `twins`), or from less than all samples or iterations (`from_rungs`).
"""

import numpy as np
from scipy.linalg import eigh
from scipy.special import digamma, gammaln, polygamma

# Share of pairs of trials that are taken to be twins before any are seen.
_SHARE_OF_TWINS = 0.05
# Digits in which twins agree.
_DIGITS = 9
# Of what folds add to trials, the shares that may be common to trials that are alike; the likeliest is taken.
_SHARES = np.array([0.0, 0.5, 0.8, 0.95, 0.99, 0.999])
# Trials that vary more than this many times what is usual in the better half count as if they did not.
_USUAL = 2.0
# How many trials the prior of equal variances of folds is worth.
_FOLD_WEIGHT = 2.0

# Prior of the degrees of freedom of a variance among candidates, and how many candidates it is worth.
_PRIOR_DOF = 4.0
_MAX_DOF = 6.0
_PRIOR_WEIGHT = 1.0
# A candidate whose folds all score the same may still vary by this share of the largest variance in the
# better half, and one that is hopelessly uneven counts as if it varied by this multiple.
_LEAST_VARIANCE = 1e-6
_MOST_VARIANCE = 1e2
# Changes from rung to rung count as at most this multiple of the median one.
_MOST_CHANGE = 4.0


def from_folds(scores, similarity=None):
    r"""Forecast the mean over all folds from some of them.

    A score is modelled as the sum of the trial's mean, an effect of the fold, and a residual. What a fold
    adds to a trial it adds, about, to trials that are alike: its effects on all trials are a Gaussian
    process whose correlations are the similarities. So a fold that was not run is forecast as the level of
    those that were, and its effect. How good that is show the complete trials, each left out in turn: the
    variance of a residual is a product, of what the process says, of the fold's, since some folds say less
    about the others, and of the trial's, since some are steady, and some good on most folds and bad on a
    few. Variances of trials have a scaled inverse chi-squared prior, fitted to the residuals of all trials
    (empirical Bayes, Smyth, 2004, section 6). So one fold says enough where all are alike, and trials get
    the benefit of the doubt where they are not.

    Parameters
    ----------
    scores : ndarray of shape (n, n_folds)
        NaN for folds that were not run; at least one row is complete.
    similarity : callable, default=None
        Given which rows are complete, of shape (n,), returns how alike all are to these: correlations of
        shape (n, n_complete). By default nobody is like anybody, and a fold's effect is the same on all.

    Returns
    -------
    mean, variance, dof : ndarray of shape (n,)
        Of Student's t distributions of the final means, of trials that are not the twin of another.

    References
    ----------
    Smyth, "Linear models and empirical Bayes methods for assessing differential expression", 2004.
    """
    known = np.isfinite(scores)
    n_known, n_folds = known.sum(axis=1), scores.shape[1]
    whole = n_known == n_folds
    n = whole.sum()
    effects, unsure = _fold_effects(scores, whole, similarity)
    adjusted = np.where(known, scores - effects, 0.0)
    fold_variance = _fold_variances(adjusted[whole])
    weights = known / fold_variance
    level = (weights * adjusted).sum(axis=1) / weights.sum(axis=1)
    mean = np.where(known, scores, level[:, None] + effects).mean(axis=1)
    squares = (weights * (adjusted - level[:, None]) ** 2).sum(axis=1) / unsure
    squares[whole] *= n / max(n - 1, 1)  # the mean effects were fitted to these
    # Twins are forecast by each other, which says nothing of how well others are.
    agrees, _ = _agreement(_rounded(scores))
    first = ~agrees.any(axis=1)
    first[whole] = agrees[whole].argmax(axis=1) == np.arange(n)
    prior_variance, prior_dof = _variance_prior(mean[first], squares[first], n_known[first] - 1)
    dof = prior_dof + n_known - 1
    variance = unsure * (prior_dof * prior_variance + squares) / dof
    # What is left to chance are the folds that were not run, the level they vary about, and the mean effects.
    left = (~known).sum(axis=1) ** 2 / weights.sum(axis=1) + (~known) @ fold_variance
    return mean, variance * left / n_folds**2 * (1.0 + 1.0 / n), dof


def _fold_effects(scores, whole, similarity):
    """Effects of the folds on each trial, and variance of what they leave, in units of that of all.

    Those on complete trials are predicted from the other complete ones (Rasmussen & Williams, 2006, equation
    2.23 and, left out in turn, 5.12). The share of the variance that is common to alike trials maximises the
    marginal likelihood.

    Returns
    -------
    effects : ndarray of shape (n, n_folds)
    unsure : ndarray of shape (n,)
    """
    complete, level = scores[whole], scores[whole].mean(axis=1)
    deviations = complete - level[:, None]
    # One that is hopeless, and hopelessly uneven, would drown what others have in common.
    size = np.sqrt((deviations**2).mean(axis=1))
    usual = _USUAL * np.median(size[level >= np.median(level)])
    deviations *= np.minimum(1.0, usual / np.maximum(size, np.finfo(float).tiny))[:, None]
    n, n_folds = complete.shape
    mean = deviations.mean(axis=0) if n > 1 else np.zeros(n_folds)
    deviations -= mean
    if similarity is None or n == 1 or not deviations.any():
        return np.tile(mean, (len(scores), 1)), np.ones(len(scores))
    alike = similarity(whole)
    eigenvalues, vectors = eigh(alike[whole])
    rotated = vectors.T @ deviations
    spectra = np.outer(_SHARES, eigenvalues.clip(0.0) - 1.0) + 1.0
    squares = (rotated**2).sum(axis=1)
    likelihood = -np.log(spectra).sum(axis=1) - n * np.log((squares / spectra).sum(axis=1))
    share, spectrum = _SHARES[likelihood.argmax()], spectra[likelihood.argmax()]
    solved = vectors @ (rotated / spectrum[:, None])
    effects = mean + share * alike @ solved
    unsure = 1.0 - share**2 * ((alike @ vectors) ** 2 / spectrum).sum(axis=1)
    left_out = 1.0 / (vectors**2 / spectrum).sum(axis=1)
    effects[whole] = mean + deviations - solved * left_out[:, None]
    unsure[whole] = left_out
    return effects, np.maximum(unsure, 1.0 - _SHARES[-1])


def twins(scores):
    r"""Forecast a trial that scores on all its folds as one that was run to its end.

    Parameters of no effect, or of less than a tree's threshold or a prediction's label needs to change, make
    many candidates of a search the same model. A trial that agrees with a complete one on k of K folds is
    its twin with probability

    .. math:: \frac{n_K}{\sum_{m=k}^K n_m \binom{m}{k} / \binom{K}{k}},

    with n_m the number of pairs of complete trials that agree on m folds: of all pairs that agree on k folds
    drawn at random, the share that agrees on all. Where scores have few values, neighbours agree on most
    folds and are different, which a product of accidents, fold by fold, would take for impossible. One pair
    more is taken to be there, that of two strangers but for a small share.

    Parameters
    ----------
    scores : ndarray of shape (n, n_folds)
        NaN for folds that were not run.

    Returns
    -------
    probability : ndarray of shape (n,)
        To be the twin of a complete trial, which a trial can not beat; 0 if it differs from all of them.
    mean, variance : ndarray of shape (n,)
        Of the final means of those with which it agrees.
    """
    n_known, n_folds = np.isfinite(scores).sum(axis=1), scores.shape[1]
    whole = n_known == n_folds
    agrees, n_equal = _agreement(_rounded(scores))
    # Each pair is there twice.
    n_pairs = np.bincount(n_equal[whole][~np.eye(whole.sum(), dtype=bool)], minlength=n_folds + 1) / 2.0
    n_twins, n_others, n_agreed = n_pairs[-1], n_pairs[:-1], np.arange(n_folds)
    accident = (n_others @ n_agreed + 0.5) / (n_others.sum() * n_folds + 1.0)
    by_accident = _agree_on_part(n_agreed, n_known, n_folds) @ n_others
    by_accident += (1.0 - _SHARE_OF_TWINS) * accident**n_known
    probability = (n_twins + _SHARE_OF_TWINS) / (n_twins + _SHARE_OF_TWINS + by_accident)
    weights = agrees / np.maximum(agrees.sum(axis=1, keepdims=True), 1)
    means = scores[whole].mean(axis=1)
    mean = weights @ means
    variance = (weights * (means - mean[:, None]) ** 2).sum(axis=1)
    return np.where(agrees.any(axis=1), probability, 0.0), mean, variance


def _agree_on_part(n_agreed, n_known, n_folds):
    """Probability that those who agree on some of all folds do so on all that are known.

    Parameters
    ----------
    n_agreed : ndarray of int, shape (m,)
    n_known : ndarray of int, shape (n,)
        Number of folds drawn at random from all.
    n_folds : int

    Returns
    -------
    probability : ndarray of shape (n, m)
    """
    # SciPy's hypergeometric distribution is sixty times slower on arrays as small as these.
    n_known = n_known[:, None]
    logarithm = gammaln(n_agreed + 1) - gammaln(np.maximum(n_agreed - n_known, 0) + 1)
    logarithm += gammaln(n_folds - n_known + 1) - gammaln(n_folds + 1)
    return np.where(n_agreed >= n_known, np.exp(logarithm), 0.0)


def _agreement(rounded):
    """How trials agree with complete ones.

    Returns
    -------
    agrees : ndarray of bool, shape (n, n_complete)
        Whether they have the same scores on all folds that were run.
    n_equal : ndarray of int, shape (n, n_complete)
        Number of folds on which they have.
    """
    known = np.isfinite(rounded)
    complete = known.all(axis=1)
    n_equal = sum(np.equal.outer(fold, fold[complete]) for fold in rounded.T)
    return n_equal == known.sum(axis=1)[:, None], n_equal


def _rounded(scores):
    """Scores without their last digits, in which twins may differ.

    Of small scores these are the digits of what is usual, about which they may be the difference of sums; of
    large ones their own, so that one model that diverged does not make all others alike.
    """
    whole = np.isfinite(scores).all(axis=1)
    usual = np.abs(scores[whole]).max(axis=1).min()
    size = np.maximum(np.abs(scores), max(usual, np.finfo(float).tiny))
    unit = 10.0 ** np.floor(np.log10(size))
    return np.round(scores / unit, _DIGITS - 1) * unit


def _fold_variances(scores):
    """How much scores vary on each fold, in units of the average, about the trial's mean: (n_folds,)."""
    squares = (scores - scores.mean(axis=1, keepdims=True)) ** 2
    total = squares.sum(axis=1, keepdims=True)
    # Every trial counts the same, however much it varies.
    shares = np.divide(squares, total, out=np.zeros_like(squares), where=total > 0.0) * scores.shape[1]
    variances = shares.sum(axis=0) + _FOLD_WEIGHT
    return variances / variances.mean()


def _variance_prior(mean, squares, dof):
    """Scale and degrees of freedom of the prior of variances, from sums of squares with `dof` each."""
    replicated = dof > 0
    mean, squares, dof = mean[replicated], squares[replicated], dof[replicated]
    variance = squares / dof
    # A model that diverged says nothing of those that may win.
    usual = max(variance[mean >= np.median(mean)].max(), np.finfo(float).tiny)
    variance = np.clip(variance, _LEAST_VARIANCE * usual, _MOST_VARIANCE * usual)
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


def from_rungs(values):
    """Forecast the final value from the value with less than all samples or iterations.

    The change from each rung to the next is modelled as normal, with mean and variance learned from all
    trials that got there, also those that went no further. What is far beyond the usual change counts as
    less, since a model that begins by diverging says nothing of others. The variance counts the mean's own
    square as one more trial's: after one trial, nobody knows how much changes vary.

    Parameters
    ----------
    values : ndarray of shape (n, n_rungs)
        NaN for rungs that were not reached, or where a fit failed for lack of rows; at least one trial has
        reached the last one.

    Returns
    -------
    mean, variance, dof : ndarray of shape (n,)
        Of Student's t distributions of the final values.
    """
    reached = last_rungs(values)
    changes = np.diff(values, axis=1)
    n = np.isfinite(changes).sum(axis=0)
    seen = n > 0
    # Of a step that nobody has made, as those who begin later failed before it, all is possible.
    change, spread = np.zeros(len(n)), np.full(len(n), np.nanvar(values))
    usual = np.nanmedian(np.abs(changes[:, seen]), axis=0)
    most = np.where(usual > 0.0, _MOST_CHANGE * usual, np.inf)
    changes = np.clip(changes[:, seen], -most, most)
    change[seen] = np.nanmean(changes, axis=0)
    squares = np.nansum((changes - change[seen]) ** 2, axis=0) + change[seen] ** 2
    spread[seen] = squares / n[seen] * (1.0 + 1.0 / n[seen])
    # Of all changes that are still to come; the mean of a step is uncertain too.
    left = _sums_to_the_end(change)[reached]
    variance = _sums_to_the_end(spread)[reached]
    dof = np.full(len(values), min(n[-1] + 1.0, _MAX_DOF))
    return values[np.arange(len(values)), reached] + left, variance, dof


def last_rungs(values):
    """Return the number of the last rung that each trial reached; of earlier ones, some may be unknown."""
    known = np.isfinite(values)
    return values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)


def _sums_to_the_end(steps):
    return np.append(np.cumsum(steps[::-1])[::-1], 0.0)
