"""Pytest plugin that puts a searcher where scikit-learn's tests import a search class.

Loaded with ``-p substitute`` and this folder on ``PYTHONPATH``, it replaces ``GridSearchCV`` and
``RandomizedSearchCV`` in ``sklearn.model_selection`` before any test module is imported.
Which one, the environment variable ``SKSEARCH_SEARCHER`` says, ``BayesSearchCV`` by default.
``sklearn.model_selection._search`` stays as it is: its private names, ``BaseSearchCV`` and the
halving searches built on them are not under test.
"""

import inspect
import os
import random
from typing import ClassVar

import numpy as np
import sklearn.model_selection
from sklearn.model_selection import ParameterGrid

import sksearch

SearchCV = getattr(sksearch, os.environ.get("SKSEARCH_SEARCHER", "BayesSearchCV"))

# Documented additions to scikit-learn's results. Tests that compare the exact set of columns, or
# of fitted attributes, would fail for these alone, and the rest of those tests is worth running.
EXTRA_COLUMNS = (
    "status",
    "n_resources",
    "wall_time",
    "partial_test_score",
    "generation",
    "parents",
    "loss",
    "trusted",
)
EXTRA_ATTRIBUTES = ("optimizer_", "pareto_front_", "best_score_corrected_")


class _SubstituteSearchCV(SearchCV):
    """The searcher that shows, once fitted, only what scikit-learn's searches show."""

    def fit(self, X, y=None, **params):
        super().fit(X, y, **params)
        for column in EXTRA_COLUMNS:
            self.cv_results_.pop(column, None)
        for attribute in EXTRA_ATTRIBUTES:
            vars(self).pop(attribute, None)
        return self

    def __dir__(self):
        # Where a property is found, which no instance holds.
        return [name for name in super().__dir__() if name not in EXTRA_ATTRIBUTES]


# The constructors below have scikit-learn's parameters only, since `get_params`, `clone` and
# `repr` read them from the signature. What `fit` reads besides stands on the class.
for _name, _parameter in inspect.signature(SearchCV).parameters.items():
    if _parameter.default is not inspect.Parameter.empty:
        setattr(_SubstituteSearchCV, _name, _parameter.default)


def _tuples_to_lists(space):
    """Write ``(low, high)``, two values to scikit-learn but a range to sksearch, as a list."""
    if not isinstance(space, dict):
        return [_tuples_to_lists(branch) for branch in space]
    return {name: list(values) if isinstance(values, tuple) else values for name, values in space.items()}


class GridSearchCV(_SubstituteSearchCV):
    """The searcher with the constructor of ``GridSearchCV``: its budget is the whole grid."""

    _parameter_constraints: ClassVar[dict] = {
        **SearchCV._parameter_constraints,
        "param_grid": [dict, list],
    }

    def __init__(
        self,
        estimator,
        param_grid,
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        error_score=np.nan,
        return_train_score=False,
    ):
        self.estimator = estimator
        self.param_grid = param_grid
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.pre_dispatch = pre_dispatch
        self.error_score = error_score
        self.return_train_score = return_train_score

    @property
    def param_distributions(self):
        # `ParameterGrid` refuses what is no grid; a distribution or a range is one to sksearch.
        ParameterGrid(self.param_grid)
        return _tuples_to_lists(self.param_grid)

    @property
    def n_iter(self):
        return len(ParameterGrid(self.param_grid))


class RandomizedSearchCV(_SubstituteSearchCV):
    """The searcher with the constructor of ``RandomizedSearchCV``."""

    _parameter_constraints: ClassVar[dict] = {
        **SearchCV._parameter_constraints,
        "param_distributions": [dict, list],
    }

    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        n_iter=10,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
    ):
        self.estimator = estimator
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.pre_dispatch = pre_dispatch
        self.random_state = random_state
        self.error_score = error_score
        self.return_train_score = return_train_score


def pytest_configure():
    # Not on import: whoever only collects this file must keep scikit-learn's classes.
    sklearn.model_selection.GridSearchCV = GridSearchCV
    sklearn.model_selection.RandomizedSearchCV = RandomizedSearchCV


def pytest_runtest_setup():
    # Searches without a `random_state` draw on the global generators, so that without this an
    # outcome could depend on which tests ran before.
    random.seed(0)
    np.random.seed(0)
