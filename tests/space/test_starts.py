import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksearch import BayesSearchCV
from sksearch.space import FeatureScaler, Space, Vector
from sksearch.space.starts import nearest_params, own_params

PIPELINE = Pipeline([("scale", StandardScaler()), ("clf", SVC(C=2.0))])


def test_the_estimators_own_setting_is_found_where_the_space_holds_it():
    assert own_params(Space({"clf__C": (0.1, 10.0)}), PIPELINE) == {"clf__C": 2.0}
    assert own_params(Space({"clf__C": (3.0, 10.0)}), PIPELINE) is None
    assert own_params(Space({"clf__C": (0.1, 10.0), "clf__gamma": (0.1, 1.0)}), PIPELINE) is None
    branches = [{"clf": [LogisticRegression()], "clf__C": [1]}, {"clf": [SVC(C=2.0)], "clf__C": [2.0]}]
    assert own_params(Space(branches), PIPELINE)["clf__C"] == 2.0


@pytest.mark.parametrize(
    ("estimator", "notation", "expected"),
    [
        (SVC(), {"C": (3.0, 10.0)}, {"C": 3.0}),
        (SVC(C=20), {"C": (3.0, 10.0)}, {"C": 10.0}),
        (SVC(), {"C": stats.uniform(3, 7)}, {"C": 3.0}),
        (SVC(), {"C": [4, 8, 16]}, {"C": 4}),
        (SVC(), {"C": (0.1, 10.0), "gamma": (1.0, 100.0, "log-uniform")}, {"C": 1.0, "gamma": 10.0}),
        (SVC(), {"C": (0.1, 10.0), "kernel": ["linear", "poly"]}, {"C": 1.0, "kernel": "poly"}),
        (SVC(), {"C": (0.1, 10.0), "class_weight": ["balanced", None]}, {"C": 1.0, "class_weight": None}),
        (DecisionTreeClassifier(), {"max_depth": (1, 15)}, {"max_depth": 15}),
        (DecisionTreeClassifier(), {"max_depth": stats.randint(2, 9)}, {"max_depth": 8}),
        (DecisionTreeClassifier(), {"max_depth": [2, 4, 8]}, {"max_depth": 8}),
        (DecisionTreeClassifier(), {"max_depth": (1, 15), "max_leaf_nodes": (2, 9)}, None),
        (SVC(max_iter=-1), {"max_iter": (10, 1000)}, {"max_iter": 1000}),
        (DecisionTreeClassifier(), {"min_samples_leaf": (0.1, 0.4)}, {"min_samples_leaf": 0.1}),
        (DecisionTreeClassifier(min_samples_leaf=0.1), {"min_samples_leaf": (1, 9)}, None),
        (DecisionTreeClassifier(max_features=2), {"max_features": (0.1, 0.9)}, None),
        (SVC(), {"gamma": (0.1, 1.0)}, None),
        (FeatureScaler(scale=7.0), {"scale": Vector(2, -1, 1)}, {"scale": 1.0}),
        (FeatureScaler(scale=(0.5, 7.0)), {"scale": Vector(2, -1, 1)}, {"scale": (0.5, 1.0)}),
        (FeatureScaler(scale=(0.5, 7.0)), {"scale": Vector(3, -1, 1)}, None),
    ],
)
def test_what_is_out_of_the_space_moves_to_the_nearest_that_is_not(estimator, notation, expected):
    space = Space(notation)
    settings = nearest_params(space, estimator)
    assert len(settings) == (expected is not None)
    for setting in settings:
        assert setting in space
        own = space.own(setting)
        assert own.keys() == expected.keys()
        for name, value in expected.items():
            assert own[name] == value if isinstance(value, str | None) else own[name] == pytest.approx(value)


def test_every_alternative_begins_with_its_own_parameters():
    branches = [
        {"clf": [RandomForestClassifier(min_samples_leaf=3)], "clf__min_samples_leaf": (1, 9)},
        {"clf": [SVC(C=5.0)], "clf__C": (0.1, 10.0)},
        {"clf__C": (0.1, 1.0)},
        {"scale": ["passthrough"]},
        {"clf": [LogisticRegression()], "clf__tol": ["a", "b"]},
    ]
    found = nearest_params(Space(branches), PIPELINE)
    assert [{**params, "clf": None} for params in found] == [
        {"clf": None, "clf__min_samples_leaf": 3},
        {"clf": None, "clf__C": 5.0},
        {"clf": None, "clf__C": 1.0},
    ]


def test_a_value_that_is_refused_is_no_start():
    space = Space(
        [{"clf__kernel": ["rbf"], "clf__C": (3.0, 5.0)}, {"clf__nonsense": [1], "clf__C": (4.0, 5.0)}]
    )
    assert [params["clf__C"] for params in nearest_params(space, PIPELINE)] == [3.0, 4.0]


def test_a_search_begins_with_its_own_then_the_given_then_the_nearest():
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.arange(40) % 2
    space = [{"kernel": ["linear"], "C": (5.0, 10.0)}, {"kernel": ["rbf"], "C": (0.1, 2.0)}]
    search = BayesSearchCV(SVC(), space, n_iter=9, initial_params=[{"kernel": "linear", "C": 7.0}], cv=2)
    params = search.fit(X, y).cv_results_["params"]
    assert [(p["kernel"], p["C"]) for p in params[:3]] == [("rbf", 1.0), ("linear", 7.0), ("linear", 5.0)]
