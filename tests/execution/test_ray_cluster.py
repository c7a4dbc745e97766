"""Searches on a local Ray, through joblib."""

import os
import sys

import joblib
import joblib.pool
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression

from sksearch import BayesSearchCV
from sksearch.execution import Rounds

ray = pytest.importorskip("ray")

X, y = load_iris(return_X_y=True)
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Ray on Windows is a beta"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def ray_session():
    from ray.util.joblib import register_ray

    bases = joblib.pool.PicklingPool.__bases__  # Ray replaces them for good
    environment = {"env_vars": {"PYTHONPATH": os.path.dirname(__file__)}}  # the workers import this file
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    register_ray()
    yield
    ray.shutdown()
    joblib.pool.PicklingPool.__bases__ = bases


@pytest.fixture
def on_ray(ray_session):
    with joblib.parallel_config(backend="ray", n_jobs=2):
        yield


class Exits(ClassifierMixin, BaseEstimator):
    def __init__(self, fault="none"):
        self.fault = fault

    def fit(self, X, y):
        if self.fault == "exit":
            os._exit(3)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def iris_search(executor):
    return BayesSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": (1e-3, 1e3, "log-uniform")},
        n_iter=6,
        cv=3,
        random_state=0,
        executor=executor,
    ).fit(X, y)


def test_rounds_on_ray_give_what_one_process_gives(on_ray):
    on_ray = iris_search(Rounds(n_points=2)).cv_results_
    with joblib.parallel_config(backend="sequential"):
        here = iris_search(Rounds(n_points=2)).cv_results_
    np.testing.assert_array_equal(on_ray["param_C"], here["param_C"])
    np.testing.assert_array_equal(on_ray["mean_test_score"], here["mean_test_score"])


def test_a_stream_is_refused_with_what_to_use_instead(on_ray):
    with pytest.raises(ValueError, match=r"results one by one.*Rounds\(\)"):
        iris_search("stream")


def test_a_worker_that_exits_is_a_row_and_the_other_candidate_is_evaluated(on_ray):
    with pytest.warns(FitFailedWarning, match="worker process of this candidate died"):
        search = BayesSearchCV(Exits(), {"fault": ["none", "exit"]}, cv=2, refit=False).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "failed"]
