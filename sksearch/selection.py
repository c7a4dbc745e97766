"""Choosing the winner of a search."""

import re
from itertools import pairwise

import numpy as np

from sksearch._messages import check_instance, did_you_mean
from sksearch.space.dimensions import Categorical, is_number

_NAME = "one-standard-error"
_COLUMN = "mean_test_"

# Means that differ by less than this share of their scores are equal: the order of a sum decides the last
# bits.
_ROUNDING = 1e-12


class OneStandardError:
    r"""Choose the simplest candidate that is as good as the best one, up to its standard error.

    With `s_ik` the score of candidate `i` on fold `k` of `K`, `m_i` its mean over folds and `b` the candidate
    with the highest mean, the winner is the simplest candidate with

    .. math:: m_i \ge m_b - \mathrm{SE}_b, \qquad
              \mathrm{SE}_b = \sqrt{\frac{1}{K (K - 1)} \sum_k (s_{bk} - m_b)^2}.

    Only candidates that were run to their end without failure take part. Among equally simple ones the
    higher mean wins, then the earlier row; rounding errors make no mean higher. Folds share training data, so
    that the standard error is a rule of thumb rather than a confidence interval. Of repeated folds, which
    share test data too, it is too small, and the rule goes less far.

    Given as `refit` of a search; of scikit-learn's own searches too, since it is called with
    ``cv_results_`` and returns a row. ``refit="one-standard-error"`` is this with its defaults.

    Parameters
    ----------
    metric : str, default=None
        With several metrics, the one to choose by, which is also the one that is optimised.
    simplicity : str, list of str or callable, default=None
        What is simple. Names of parameters: the smaller value is simpler, with "-" in front of the name the
        larger one; the second name decides among equals in the first, and so on. Values are numbers; None
        counts as larger than any number (``max_depth=None``), and a candidate without the parameter is the
        simplest. A callable gets ``params`` of a candidate and returns what can be sorted, the simplest
        first. None is the ``mean_fit_time``: it is measured, so that the same search may choose another
        winner when it is repeated.

    References
    ----------
    Breiman, Friedman, Olshen & Stone, "Classification and regression trees", 1984, section 3.4.3.

    Hastie, Tibshirani & Friedman, "The elements of statistical learning", 2009, section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sksearch import BayesSearchCV, OneStandardError
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"max_depth": [1, 2, 3, 4, 5, None], "min_samples_leaf": (1, 20)}
    >>> rule = OneStandardError(simplicity=["max_depth", "-min_samples_leaf"])
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = BayesSearchCV(tree, space, n_iter=25, refit=rule, random_state=0).fit(X, y)
    >>> search.best_params_["max_depth"], bool(search.best_score_ > 0.9)
    (3, True)
    """

    def __init__(self, metric=None, simplicity=None):
        self.metric = metric
        self.simplicity = simplicity

    def __repr__(self):
        return f"OneStandardError(metric={self.metric!r}, simplicity={self.simplicity!r})"

    def __call__(self, cv_results_):
        """Return the row of the winner.

        Parameters
        ----------
        cv_results_ : dict of str to array-like
            Results of a search.

        Returns
        -------
        best_index_ : int

        Raises
        ------
        ValueError
            If the metric is not known, there is but one fold, or no candidate was run to its end without
            failure.
        """
        metrics = [name.removeprefix(_COLUMN) for name in cv_results_ if name.startswith(_COLUMN)]
        metric = "score" if metrics == ["score"] else self.check_metric(metrics)
        rows, scores = complete_scores(cv_results_, metric, self)
        self._check_folds(scores.shape[1])
        if not len(rows):
            raise ValueError(
                f"refit={self!r}: no candidate was run to its end without failure; with refit=True "
                "those that error_score ranks would count, too."
            )
        return int(rows[self.choose(scores, self.rank(cv_results_, rows))])

    def check_metric(self, metrics):
        """Return the metric if it is one of several; raise a ValueError otherwise."""
        if self.metric not in metrics:
            near = did_you_mean(str(self.metric), metrics, f"there are {list(metrics)}.")
            hint = f"name one of {list(metrics)}." if self.metric is None else near
            raise ValueError(f"metric={self.metric!r} of OneStandardError is none of several metrics; {hint}")
        return self.metric

    def check(self, space, n_splits):
        """Raise an error before any fit if candidates of this space could not be compared."""
        self._check_folds(n_splits)
        _check_searched(self._names(), space.names, self.simplicity)
        for name in self._names():
            for dimension in (branch[name] for branch in space.branches if name in branch):
                listed = isinstance(dimension, Categorical)
                for value in dimension.categories if listed else [dimension.middle()]:
                    _number(name, value)

    def _check_folds(self, n_splits):
        if n_splits < 2:
            raise ValueError(f"refit={self!r} needs at least 2 folds, got {n_splits}; raise cv.")

    def _names(self):
        """Names of parameters, without signs."""
        given = self.simplicity
        if given is None or callable(given):
            return []
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise TypeError(
                "simplicity of OneStandardError must be names of parameters, a callable or None, got "
                f"{given!r}."
            )
        return [name.removeprefix("-") for name in names]

    def rank(self, cv_results_, rows):
        """Rank these rows by simplicity: 0 is the simplest, equals share a rank."""
        if callable(self.simplicity):
            keys = [self.simplicity(cv_results_["params"][row]) for row in rows]
        elif names := self._names():
            # A search of scikit-learn does not ask beforehand.
            _check_searched(names, set().union(*cv_results_["params"]), self.simplicity)
            signed = [self.simplicity] if isinstance(self.simplicity, str) else self.simplicity
            signs = [-1.0 if name.startswith("-") else 1.0 for name in signed]
            keys = []
            for params in (cv_results_["params"][row] for row in rows):
                values = [_number(name, params[name]) if name in params else None for name in names]
                pairs = zip(signs, values, strict=True)
                keys.append([-np.inf if value is None else sign * value for sign, value in pairs])
        else:
            keys = list(cv_results_["mean_fit_time"][rows])
        order = sorted(range(len(keys)), key=keys.__getitem__)
        rank = np.zeros(len(keys), int)
        for simpler, row in pairwise(order):
            rank[row] = rank[simpler] + (keys[simpler] < keys[row])
        return rank

    def choose(self, scores, rank):
        """Return the winner's row in scores of shape (n_candidates, n_splits)."""
        best = highest(scores)
        error = scores[best].std(ddof=1) / np.sqrt(scores.shape[1])
        near = np.flatnonzero(_reach(scores, best, error))
        simplest = near[rank[near] == rank[near].min()]
        return simplest[highest(scores[simplest])]


def highest(scores):
    """Return the row of the highest mean, the first of those that are equal."""
    return _reach(scores, scores.mean(axis=1).argmax()).argmax()


def _reach(scores, row, error=0.0):
    """Say which means reach that of a row less an error, but for what may be due to rounding."""
    mean, size = scores.mean(axis=1), np.abs(scores).max(axis=1)
    return mean >= mean[row] - error - _ROUNDING * np.maximum(size, size[row])


def rule_of(refit):
    """Return the `OneStandardError` that a value of `refit` stands for, None where it stands for none."""
    if isinstance(refit, type) and issubclass(refit, OneStandardError):
        check_instance("refit", refit)
    if isinstance(refit, OneStandardError):
        return refit
    if not isinstance(refit, str):
        return None
    # Any other string means True where there is one metric, and one that is almost right would be lost.
    if refit != _NAME and refit.lower().replace("_", "-").replace(" ", "-") == _NAME:
        raise ValueError(f"refit={refit!r} is not known; did you mean {_NAME!r}?")
    return OneStandardError() if refit == _NAME else None


def complete_scores(cv_results_, metric, rule):
    """Return rows that took part in the choice, and their scores, of shape (n_candidates, n_splits)."""
    column = re.compile(rf"split\d+_test_{re.escape(metric)}")
    n_splits = sum(column.fullmatch(name) is not None for name in cv_results_)
    scores = np.column_stack([cv_results_[f"split{fold}_test_{metric}"] for fold in range(n_splits)])
    complete = np.isfinite(scores).all(axis=1)
    if rule is not None and "status" in cv_results_:
        complete &= cv_results_["status"] == "ok"
    return np.flatnonzero(complete), scores[complete]


def _check_searched(names, searched, simplicity):
    for name in names:
        if name not in searched:
            hint = did_you_mean(name, searched, f"there are {sorted(searched)}.")
            raise ValueError(f"simplicity={simplicity!r}: {name!r} is not searched; {hint}")


def _number(name, value):
    if value is None:
        return np.inf
    if not is_number(value) and not isinstance(value, (bool, np.bool_)):
        raise ValueError(
            f"Values of {name!r}, such as {value!r}, have no order of simplicity; give OneStandardError a "
            "callable of the parameters as simplicity."
        )
    return float(value)
