import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from sksearch import BayesSearchCV
from sksearch.execution import Stream

X, y = load_iris(return_X_y=True)
SPACE = {"C": (1e-2, 1e2, "log-uniform")}


class Sleeper(ClassifierMixin, BaseEstimator):
    def __init__(self, number=0):
        self.number = number

    def fit(self, X, y):
        time.sleep(0.02)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        if self.number == 13:
            raise RuntimeError("unlucky number")
        return np.zeros(len(X))


def test_one_worker_gives_what_rounds_of_one_give():
    streamed, in_rounds = (
        BayesSearchCV(LogisticRegression(), SPACE, n_iter=9, cv=3, random_state=0, executor=executor).fit(
            X, y
        )
        for executor in ("stream", "rounds")
    )
    np.testing.assert_array_equal(streamed.cv_results_["param_C"], in_rounds.cv_results_["param_C"])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_budget_is_exact_and_rows_are_in_the_order_of_proposal(n_jobs):
    search = BayesSearchCV(
        LogisticRegression(),
        SPACE,
        n_iter=20,
        cv=3,
        random_state=0,
        executor=Stream(),
        n_jobs=n_jobs,
        initial_params=[{"C": 0.7}],
    ).fit(X, y)
    values = search.cv_results_["param_C"].tolist()
    assert len(values) == len(set(values)) == 20
    assert values[:2] == [1.0, 0.7]
    assert len(search.optimizer_.values) == 20


def test_failures_become_rows():
    with pytest.warns(UserWarning, match="non-finite"):
        search = BayesSearchCV(Sleeper(), {"number": [1, 2, 13, 3]}, cv=2, n_jobs=2, executor="stream").fit(
            X, y
        )
    assert search.cv_results_["status"].tolist() == ["ok", "ok", "failed", "ok"]


def test_an_error_of_the_optimizer_is_raised_and_does_not_hang_the_search(monkeypatch):
    from sksearch.optimizers import BayesianOptimizer

    def broken(self, n=1):
        if len(self.values) > 3:
            raise RuntimeError("optimizer broke")
        return super(BayesianOptimizer, self).ask(n)

    monkeypatch.setattr(BayesianOptimizer, "ask", broken)
    with pytest.raises(RuntimeError, match="optimizer broke"):
        BayesSearchCV(LogisticRegression(), SPACE, cv=2, n_jobs=2, executor="stream").fit(X, y)


def test_stopping_rules_end_a_stream():
    settings = {"cv": 2, "executor": "stream", "n_iter": 500, "random_state": 0}
    timed = BayesSearchCV(Sleeper(), {"number": (1, 1000)}, timeout=0.5, scoring=lambda *a: 0.0, **settings)
    assert 1 <= len(timed.fit(X, y).cv_results_["params"]) < 50
    stalled = BayesSearchCV(LogisticRegression(), SPACE, n_iter_no_change=5, tol=1.0, n_jobs=2, **settings)
    assert len(stalled.fit(X, y).cv_results_["params"]) < 30
