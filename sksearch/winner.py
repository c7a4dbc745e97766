"""The winner of a search: how it becomes one, and how good it is."""

from copy import copy
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
from sklearn.exceptions import NotFittedError

from sksearch._messages import did_you_mean
from sksearch.selection import complete_scores, highest, rule_of

# Up to so many folds all bootstrap samples are enumerated, 1716 for 7; of more folds some are drawn.
_ENUMERABLE = 7
_N_DRAWS = 1000


class WinnerMixin:
    """What a search does when all candidates are evaluated: choose the winner, and judge it."""

    def _check_refit_for_multimetric(self, scores):
        rule = rule_of(self.refit)
        if rule is not None:
            rule.check_metric(list(scores))
            return
        try:
            super()._check_refit_for_multimetric(scores)
        except ValueError as error:
            names = f"name one of {list(scores)}."
            hint = did_you_mean(self.refit, scores, names) if isinstance(self.refit, str) else names
            raise ValueError(f"{str(error).removesuffix('.')}; {hint}") from None

    def _check_rule(self, space):
        if (rule := rule_of(self.refit)) is not None:
            rule.check(space, self.n_splits_)

    def _named_metric(self):
        """Name of the metric that `refit` names among several, None where it names none."""
        rule = rule_of(self.refit)
        if rule is not None:
            return rule.metric
        return self.refit if isinstance(self.refit, str) else None

    def _may_win(self, results):
        """Say which candidates may win; a callable that the user gave as `refit` chooses from all of them."""
        return np.full(len(results["params"]), True)

    def _preferred(self, results, tied):
        """Return which row wins of those that are equally good."""
        return tied[0]

    def _eligible(self, results):
        """Return the rows that may win, all of them if there are none, and their results."""
        return _only(results, self._may_win(results))

    def _select(self, results):
        if not self.refit and self.multimetric_:
            return
        metric = self._named_metric() if self.multimetric_ else "score"
        rule = rule_of(self.refit)
        if rule is None and callable(self.refit):
            # What was dropped has no score to compare: to a user's argmax, NaN is the highest.
            rows, complete = _only(results, results["status"] != "stopped")
            self.best_index_ = int(rows[self._select_best_index(self.refit, metric, complete)])
        else:
            rows, eligible = self._eligible(results)
            best = rows[self._select_best_index(rule or self.refit, metric, eligible)]
            if rule is None:
                ranks = results[f"rank_test_{metric}"]
                best = self._preferred(results, rows[ranks[rows] == ranks[best]])
            self.best_index_ = int(best)
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    @property
    def best_score_corrected_(self):
        """Mean score of the winner, corrected for having been chosen; see `corrected_score`."""
        results = vars(self).get("cv_results_")
        kind = type(self).__name__
        if results is None:
            raise NotFittedError(
                f"This {kind} instance is not fitted yet. Call 'fit' before asking for "
                "'best_score_corrected_'."
            )
        if "best_score_" not in vars(self):
            raise AttributeError(
                f"This {kind} has no 'best_score_corrected_' because with refit={self.refit!r} it is not "
                "known how the winner is chosen; name a metric, or use OneStandardError."
            )
        if self.n_splits_ < 2:
            raise AttributeError(
                f"This {kind} has no 'best_score_corrected_' because it takes at least 2 folds, got "
                f"{self.n_splits_}; raise cv."
            )
        if min(map(len, self._folds_apart)) < 2:
            raise AttributeError(
                f"This {kind} has no 'best_score_corrected_' because its folds are tested on samples that "
                "others are tested on too: none can judge what the others chose. Set a cv such as KFold, or "
                "RepeatedKFold."
            )
        metric = self._named_metric() if self.multimetric_ else "score"
        return corrected_score(
            self._eligible(results)[1], metric, rule_of(self.refit), folds_apart=self._folds_apart
        )

    def score(self, X, y=None, **params):
        """Score the refitted winner, by the metric that it was chosen by.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their target; None for unsupervised estimators.
        **params : dict of str to object
            Parameters of the scorer, with metadata routing.

        Returns
        -------
        score : float
        """
        named = copy(self)  # scikit-learn looks the scorer up by `refit`, which may stand for a name
        if getattr(self, "multimetric_", False):
            named.refit = self._named_metric() or self.refit
        return super(WinnerMixin, named).score(X, y, **params)


def _only(results, chosen):
    """Return the rows that are chosen, all of them if there are none, and their results."""
    rows = np.flatnonzero(chosen)
    if len(rows) in (0, len(chosen)):
        return np.arange(len(chosen)), results
    columns = {name: column[rows] for name, column in results.items() if name != "params"}
    return rows, columns | {"params": [results["params"][row] for row in rows]}


def corrected_score(cv_results_, metric, rule=None, *, folds_apart=None):
    r"""Estimate the score of the winner, which its own mean, the highest of many, overestimates.

    Folds are resampled with replacement. Of each sample `B`, the candidate that wins on its folds is scored
    on the folds that are not in it, so that no fold judges a choice that it took part in:

    .. math:: \mathrm{E}_B \Big[ \frac{1}{|\bar B|} \sum_{k \notin B} s_{w(B) k} \Big], \qquad
              w(B) = \arg\max_i \sum_{k \in B} s_{ik},

    or, with a `rule`, its winner. With up to 7 folds the mean is over all samples, weighted by their
    probability; with more, over about 1000 that are the same for every search, and have each fold as often as
    others. Nothing is fitted. Of repeated folds each repeat is taken for itself, and the mean over repeats: a
    fold of another one has samples that took part in the choice.

    This is BBC-CV (Tsamardinos et al., 2018) at the level of folds. There, the predictions of all samples are
    resampled, which ``cv_results_`` does not have. Here a fold is in or out as a whole, so that the estimate
    varies more; and a winner is chosen by about two thirds of the folds, so that it is a little low where
    candidates truly differ. What else needs no more than scores is worse: leaving out one fold at a time is
    as little biased but varies more, and the bias of Tibshirani and Tibshirani's correction (2009) changes
    its sign with the number of folds. ``examples/benchmarks/winner_bias.py`` measures it.

    It corrects for the choice alone. The models of the folds saw fewer samples than the refitted one, which
    makes it too low, as every cross-validated score. That candidates were proposed, or dropped early, because
    of all folds can not be told from the scores, which makes it too high.

    Parameters
    ----------
    cv_results_ : dict of str to ndarray
        Results of a search with at least two folds.
    metric : str
        Name of the score.
    rule : OneStandardError, default=None
        How the winner was chosen; the highest mean by default.
    folds_apart : list of list of int, default=None
        Numbers of folds that have no sample of their test sets in common, two at least in each list, as
        `apart` groups them. By default none of all folds have.

    Returns
    -------
    score : float
        NaN if no candidate was run to its end.

    References
    ----------
    Tsamardinos, Greasidou & Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and
    accurate cross-validation", Machine Learning 107, 2018.

    Tibshirani & Tibshirani, "A bias correction for the minimum error rate in cross-validation", Annals of
    Applied Statistics 3, 2009.
    """
    rows, scores = complete_scores(cv_results_, metric, rule)
    if not len(rows):
        return np.nan
    rank = None if rule is None else rule.rank(cv_results_, rows)
    groups = [range(scores.shape[1])] if folds_apart is None else folds_apart
    means = [_judged_outside(scores[:, list(group)], rule, rank) for group in groups]
    return float(np.average(means, weights=list(map(len, groups))))


def _judged_outside(scores, rule, rank):
    """Mean score of winners of samples of the folds on the folds outside of these."""
    estimates, weights = [], []
    for sample, weight in _bootstrap_samples(scores.shape[1]):
        inside = scores[:, sample]
        winner = highest(inside) if rule is None else rule.choose(inside, rank)
        estimates.append(np.delete(scores[winner], sample).mean())
        weights.append(weight)
    return np.average(estimates, weights=weights)


def apart(splits):
    """Group folds, one after the other, so that no sample is in two test sets of a group.

    Parameters
    ----------
    splits : list of (train, test)
        Indices of samples.

    Returns
    -------
    groups : list of list of int
        Numbers of folds.
    """
    groups, tested = [], set()
    for fold, (_, test) in enumerate(splits):
        test = set(np.asarray(test).tolist())
        if not groups or tested & test:
            groups.append([])
            tested = set()
        groups[-1].append(fold)
        tested |= test
    return groups


def _bootstrap_samples(n_splits):
    """Yield samples of the folds that leave at least one out, and their weights."""
    folds = range(n_splits)
    if n_splits <= _ENUMERABLE:
        for sample in combinations_with_replacement(folds, n_splits):
            if len(set(sample)) < n_splits:
                yield list(sample), factorial(n_splits) / prod(factorial(sample.count(k)) for k in folds)
    else:
        # With all rotations of a sample, each fold is outside as often as others.
        shape = (-(-_N_DRAWS // n_splits), 1, n_splits)
        drawn = np.random.default_rng(0).integers(n_splits, size=shape)
        rotated = (drawn + np.arange(n_splits)[:, None]) % n_splits
        for sample in rotated.reshape(-1, n_splits):
            if len(set(sample)) < n_splits:
                yield sample, 1.0
