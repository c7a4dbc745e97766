"""Snippets that people know from elsewhere run after changing the import only."""

import numpy as np
import pytest
from scipy.stats import expon, loguniform, randint, uniform
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sksearch import BayesSearchCV

iris = load_iris()


def test_the_snippet_of_scikit_optimize():
    opt = BayesSearchCV(
        SVC(),
        {"C": (1e-6, 1e6, "log-uniform"), "gamma": (1e-6, 1e1, "log-uniform")},
        n_iter=32,
        random_state=0,
    ).fit(iris.data, iris.target)
    assert opt.best_score_ > 0.97
    assert len(opt.cv_results_["params"]) == 32
    assert opt.score(iris.data, iris.target) > 0.97


def test_a_call_of_randomized_search():
    logistic = LogisticRegression(solver="saga", tol=1e-2, max_iter=200, random_state=0)
    distributions = {"C": uniform(loc=0, scale=4), "l1_ratio": [0, 0.5, 1]}
    search = BayesSearchCV(logistic, distributions, n_iter=10, random_state=0)
    assert search.fit(iris.data, iris.target).best_params_.keys() == {"C", "l1_ratio"}


def test_lists_and_distributions_together():
    X, y = load_digits(n_class=4, return_X_y=True)
    clf = RandomForestClassifier(n_estimators=5, random_state=0)
    search = BayesSearchCV(
        clf,
        {
            "max_depth": [3, None],
            "max_features": randint(1, 11),
            "min_samples_split": randint(2, 11),
            "ccp_alpha": expon(scale=1e-4),
            "criterion": ["gini", "entropy"],
        },
        n_iter=10,
        cv=3,
        random_state=0,
    ).fit(X, y)
    assert search.best_score_ > 0.9
    assert all(isinstance(p["max_features"], int) for p in search.cv_results_["params"])


def test_a_pipeline_whose_classifier_is_chosen():
    pipe = Pipeline([("scaler", StandardScaler()), ("clf", SVC())])
    search = BayesSearchCV(
        pipe,
        [
            {"clf": [SVC()], "clf__C": loguniform(1e-2, 1e2), "clf__kernel": ["linear", "rbf"]},
            {
                "clf": [RandomForestClassifier(random_state=0)],
                "clf__n_estimators": (5, 30),
                "scaler": ["passthrough"],
            },
        ],
        n_iter=16,
        cv=3,
        random_state=0,
    ).fit(iris.data, iris.target)
    results = search.cv_results_
    forests = np.array([isinstance(p["clf"], RandomForestClassifier) for p in results["params"]])
    assert 0 < forests.sum() < 16
    np.testing.assert_array_equal(np.ma.getmaskarray(results["param_clf__C"]), forests)
    assert search.best_score_ > 0.93


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_layer_sizes_of_a_network_are_tuples():
    search = BayesSearchCV(
        MLPClassifier(max_iter=30, random_state=0),
        {"hidden_layer_sizes": [(10,), (20,), (10, 10), (20, 10, 5)], "alpha": (1e-5, 1e-1, "log-uniform")},
        n_iter=8,
        cv=3,
        random_state=0,
    ).fit(iris.data, iris.target)
    assert search.best_params_["hidden_layer_sizes"] in [(10,), (20,), (10, 10), (20, 10, 5)]
    assert isinstance(search.best_estimator_.hidden_layer_sizes, tuple)
