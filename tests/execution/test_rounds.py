import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from sksearch import BayesSearchCV
from sksearch.execution import Rounds, Trial
from sksearch.execution.rounds import _fill_workers


@pytest.mark.parametrize(
    ("n_workers", "n_splits", "n_points"), [(1, 5, 1), (2, 5, 2), (2, 2, 1), (4, 5, 3), (8, 3, 5), (16, 5, 3)]
)
def test_rounds_are_as_small_as_keeps_the_workers_busy(n_workers, n_splits, n_points):
    assert _fill_workers(n_workers, n_splits) == n_points


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
        trial = Trial(0, {}, np.zeros(1))
        for fold in order:
            trial.add(fold, {"fit_error": None, "test_scores": [0.1, 0.2, 0.3][fold]}, 0.0, n_folds=3)
        values.add(trial.value())
    assert len(values) == 1
