import os
import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from sksearch import BayesSearchCV
from sksearch.execution import Rounds, Trial
from sksearch.execution.rounds import _keep_busy
from sksearch.optimizers import BayesianOptimizer


class Restless(ClassifierMixin, BaseEstimator):
    """Takes another time whenever it is fitted."""

    def __init__(self, a=0.5):
        self.a = a

    def fit(self, X, y):
        time.sleep(0.03 * os.urandom(1)[0] / 255)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return -((self.a - 0.3) ** 2)


def restless_search(n_jobs, executor="rounds"):
    X, y = load_iris(return_X_y=True)
    search = BayesSearchCV(
        Restless(),
        {"a": (0.0, 1.0)},
        n_iter=16,
        cv=3,
        n_jobs=n_jobs,
        random_state=0,
        executor=executor,
        refit=False,
    )
    return search.fit(X, y)


@pytest.mark.parametrize(
    ("executor", "n_jobs", "known"),
    [
        ("rounds", 1, lambda number: number),
        ("rounds", 2, lambda number: max(number - 2, 0)),
        ("rounds", 3, lambda number: max(number - 3, 0)),
        (Rounds(n_points=5), 2, lambda number: number - number % 5),
    ],
)
def test_what_a_proposal_knows_does_not_depend_on_how_long_fits_take(monkeypatch, executor, n_jobs, known):
    seen = []
    monkeypatch.setattr(
        BayesianOptimizer,
        "ask",
        lambda self, n: seen.append(len(self.values)) or self.space.sample(n, self.rng),
    )
    restless_search(n_jobs, executor)
    assert seen == [known(number) for number in range(1, 16)]  # the first is the estimator's own


@pytest.mark.parametrize(
    ("n_workers", "n_fits", "n_iter", "expected"),
    [
        (1, 5, 50, (1, 1)),
        (2, 5, 50, (3, 1)),
        (2, 5, 10, (3, 1)),
        (2, 5, 6, (2, 2)),
        (2, 2, 10, (1, 1)),
        (8, 3, 50, (9, 1)),
        (16, 5, 50, (11, 1)),
        (64, 5, 50, (12, 12)),
        (64, 5, 500, (40, 1)),
    ],
)
def test_short_searches_learn_rather_than_keep_every_worker_busy(n_workers, n_fits, n_iter, expected):
    enough, n_learnt = _keep_busy(n_workers, n_fits, n_iter)
    under_way = []
    while not enough(under_way):
        under_way.append(Trial(len(under_way), {}, np.zeros(1), n_fits=n_fits))
    assert (len(under_way), n_learnt) == expected


def test_rounds_that_overlap_are_reproducible():
    one, two = (restless_search(n_jobs=2).cv_results_ for _ in range(2))
    np.testing.assert_array_equal(one["param_a"], two["param_a"])


@pytest.mark.parametrize("executor", ["rounds", Rounds(n_points=3)])
def test_an_optimizer_that_has_to_wait_is_asked_again_when_it_was_told_something(monkeypatch, executor):
    ask_once, in_vain = BayesianOptimizer.ask, []

    def ask(self, n):
        if not self._pending:
            return ask_once(self, n)
        in_vain.append(len(self.values))  # may have drawn random numbers
        return []

    monkeypatch.setattr(BayesianOptimizer, "ask", ask)
    search = restless_search(2, executor)
    assert len(search.cv_results_["params"]) == 16
    assert in_vain == list(range(15))


@pytest.mark.parametrize("executor", ["rounds", Rounds(n_points=3)])
def test_workers_do_not_change_the_results_of_equal_rounds(executor):
    X, y = load_iris(return_X_y=True)
    if executor == "rounds":
        executor = Rounds(n_points=2)
    searches = [
        BayesSearchCV(
            LogisticRegression(),
            {"C": (1e-3, 1e3, "log-uniform")},
            n_iter=9,
            cv=3,
            n_jobs=n_jobs,
            random_state=0,
            executor=executor,
        ).fit(X, y)
        for n_jobs in (None, 2)
    ]
    one, two = (search.cv_results_ for search in searches)
    np.testing.assert_array_equal(one["param_C"], two["param_C"])
    np.testing.assert_array_equal(one["mean_test_score"], two["mean_test_score"])


def test_the_order_in_which_folds_arrive_does_not_change_a_value():
    values = set()
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        trial = Trial(0, {}, np.zeros(1), n_fits=3)
        for fold in order:
            trial.add(fold, {"fit_error": None, "test_scores": [0.1, 0.2, 0.3][fold]}, 0.0)
        values.add(trial.value())
    assert len(values) == 1
