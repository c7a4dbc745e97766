"""Several objectives in one search: what their names mean, and which candidates are their front."""

from copy import copy

import numpy as np
from sklearn.metrics import get_scorer_names

from sksearch._messages import did_you_mean
from sksearch.execution.trial import TIMES
from sksearch.optimizers.pareto import non_dominated


class ObjectivesMixin:
    """What `objectives` changes in a ``BaseSearchCV``.

    The objectives that are scores make the search a multimetric one, with ``refit=True`` standing for the
    first of them. For a search without objectives nothing changes.
    """

    def _get_scorers(self):
        if self.objectives is None:
            return super()._get_scorers()
        check_objectives(self.objectives, self.scoring, self.resource)
        return self._without_objectives()._get_scorers()

    def _without_objectives(self):
        """Return this search as it would be written without them, with its scoring and refit in full."""
        plain = copy(self)
        plain.objectives = None
        if self.refit is True:
            plain.refit = self._named_metric()
        if self.scoring is None:
            plain.scoring = [name for name in self.objectives if name not in TIMES]
        elif isinstance(self.scoring, str):
            plain.scoring = [self.scoring]
        return plain

    def _named_metric(self):
        if self.objectives is None or self.refit is not True:
            return super()._named_metric()
        return next(name for name in self.objectives if name not in TIMES)

    @property
    def _optimised(self):
        """Name the score to optimise, None for the only or first one, a tuple for several."""
        if self.objectives is not None:
            return tuple(self.objectives)
        return self._named_metric() if self.multimetric_ else None

    def _preferred(self, results, tied):
        """Of equally good candidates, one on the front."""
        if self.objectives is None:
            return super()._preferred(results, tied)
        on_front = self.pareto_front_[np.isin(self.pareto_front_, tied)]
        return on_front[0] if len(on_front) else tied[0]

    def _check_refit_for_multimetric(self, scores):
        if self.objectives is None:
            super()._check_refit_for_multimetric(scores)
            return
        # What a callable returned: known after the first candidate only.
        if not isinstance(scores, dict):
            raise ValueError(
                f"objectives={self.objectives!r} with a scoring that returns {scores!r}: it has to return a "
                "dict of scores, by name."
            )
        _check_names(self.objectives, scores, "among what scoring returns")
        self._without_objectives()._check_refit_for_multimetric(scores)

    def _set_front(self, results):
        """Set `pareto_front_`, where there are objectives."""
        vars(self).pop("pareto_front_", None)
        if self.objectives is not None:
            self.pareto_front_ = pareto_front(results, self.objectives)


def pareto_front(results, objectives):
    """Find the candidates that no other one dominates.

    Parameters
    ----------
    results : dict of str to ndarray
        ``cv_results_``.
    objectives : sequence of str
        Names of metrics, "-mean_fit_time" or "-mean_score_time".

    Returns
    -------
    rows : ndarray of int
        Rows of candidates that were run to their end, best by the first objective first.
    """
    rows = np.flatnonzero(results["status"] == "ok")
    columns = [
        -results[name[1:]][rows] if name in TIMES else results[f"mean_test_{name}"][rows]
        for name in objectives
    ]
    values = np.column_stack(columns)
    front = non_dominated(values)
    rows, values = rows[front], values[front]
    return rows[np.lexsort(-values.T[::-1])]


def check_objectives(objectives, scoring, resource):
    """Raise a ValueError, of one sentence, if these objectives make no search.

    Parameters
    ----------
    objectives : list or tuple
        What should be the names of at least two metrics.
    scoring : str, callable, list, tuple, dict or None
        Where the names come from; None for scikit-learn's scorers.
    resource : str or None
        Refused.
    """
    for name in objectives:
        if not isinstance(name, str):
            raise ValueError(
                f"objectives has {name!r}, which is not a str: name it in a scoring dict, and give the name."
            )
    if len(set(objectives)) < max(2, len(objectives)):
        raise ValueError(
            f"objectives={objectives!r} must name at least two different metrics; for one, use scoring."
        )
    if resource is not None:
        raise ValueError(
            f"resource={resource!r} drops candidates by one score, but there are objectives={objectives!r}; "
            "take one of them out."
        )
    if all(name in TIMES for name in objectives):
        raise ValueError(f"objectives={objectives!r} are all times; add a score, such as 'accuracy'.")
    if scoring is None:
        _check_names(objectives, get_scorer_names(), "the name of a scorer")
    elif not callable(scoring):  # what a callable returns is known after the first candidate
        _check_names(objectives, [scoring] if isinstance(scoring, str) else list(scoring), "named in scoring")


def _check_names(objectives, valid, what):
    for name in objectives:
        if name not in valid and name not in TIMES:
            names = [key for key in valid if isinstance(key, str)]
            hint = did_you_mean(name, [*names, *TIMES], f"choose from {', '.join([*names, *TIMES])}.")
            raise ValueError(f"objectives has {name!r}, which is not {what}; {hint}")
