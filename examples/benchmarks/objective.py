"""What is optimised, and the record of what a searcher did with it."""

import time
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import cross_validate


@dataclass
class Trace:
    """The candidates of one search in the order of their evaluation.

    `scores` are means over the folds, greater is better, NaN where a candidate failed.
    `fit_seconds` is the time inside `fit` and `score` of the estimators, `optimizer_seconds` all
    the rest of the search. `error` says why the searcher itself broke, and is empty if it did not.
    """

    params: list = field(default_factory=list)
    scores: list = field(default_factory=list)
    fit_seconds: float = 0.0
    optimizer_seconds: float = float("nan")
    error: str = ""

    @property
    def n_failed(self):
        return int(np.isnan(np.asarray(self.scores, dtype=float)).sum())


class Objective:
    """The cross-validated score of a task as a function of its parameters, for ask and tell.

    A repeated candidate is answered from memory, but stands in the trace again, and so counts
    against the budget: without a memory of one's own it would be fitted again.
    """

    def __init__(self, task):
        self.task = task
        self.trace = Trace()
        self._memory = {}

    def __call__(self, params):
        params = {name: _plain(value) for name, value in params.items()}
        key = tuple(sorted(params.items()))
        if key not in self._memory:
            self._memory[key] = self._evaluate(params)
        score = self._memory[key]
        self.trace.params.append(params)
        self.trace.scores.append(score)
        return score

    def _evaluate(self, params):
        task = self.task
        estimator = clone(task.estimator).set_params(**params)
        start = time.perf_counter()
        try:
            result = cross_validate(
                estimator, task.X, task.y, cv=task.splits, scoring=task.scoring, error_score=np.nan
            )
        except ValueError:  # raised when every fold failed
            self.trace.fit_seconds += time.perf_counter() - start
            return float("nan")
        # Not the whole duration, since these two are what searchers with their own loop report.
        self.trace.fit_seconds += float(np.sum(result["fit_time"]) + np.sum(result["score_time"]))
        score = float(np.mean(result["test_score"]))
        return score if np.isfinite(score) else float("nan")


def _plain(value):
    """Turn a NumPy scalar into the Python object that it stands for."""
    return value.item() if isinstance(value, np.generic) else value
