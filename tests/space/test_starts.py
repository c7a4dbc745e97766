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
        (SVC(C=10), {"C": (0.1, 1.0)}, {"C": 1.0}),
        (FeatureScaler(scale=7.0), {"scale": Vector(2, -1, 1)}, {"scale": 1.0}),
        (FeatureScaler(scale=(0.5, 7.0)), {"scale": Vector(2, -1, 1)}, {"scale": (0.5, 1.0)}),
        (FeatureScaler(scale=(0.5, 7.0)), {"scale": Vector(3, -1, 1)}, None),
    ],
)
def test_what_is_out_of_the_space_moves_to_the_nearest_that_is_not(estimator, notation, expected):
    space = Space(notation)
    setting = nearest_params(space, estimator)
    assert (setting is None) == (expected is None)
    if expected is not None:
        assert setting in space
        own = space.own(setting)
        assert own.keys() == expected.keys()
        for name, value in expected.items():
            assert own[name] == value if isinstance(value, str | None) else own[name] == pytest.approx(value)


def test_a_model_that_is_fixed_begins_with_its_own_parameters():
    space = Space({"clf": [RandomForestClassifier(min_samples_leaf=30)], "clf__min_samples_leaf": (1, 9)})
    assert nearest_params(space, PIPELINE)["clf__min_samples_leaf"] == 9


def test_of_several_branches_it_is_the_one_that_fixes_what_the_estimator_has():
    branches = [
        {"clf": [RandomForestClassifier()], "clf__min_samples_leaf": (1, 9)},
        {"clf__nonsense": [1], "clf__C": (4.0, 5.0)},
        {"clf": [SVC(C=2.0)], "clf__C": (3.0, 10.0)},
        {"clf__C": (0.1, 1.0)},
    ]
    assert nearest_params(Space(branches), PIPELINE)["clf__C"] == 3.0
    assert nearest_params(Space(branches[:2]), PIPELINE) is None


def test_a_search_begins_with_its_own_or_the_given_and_then_the_nearest():
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.arange(40) % 2

    def first(low, **settings):
        search = BayesSearchCV(SVC(), {"C": (low, 10.0)}, n_iter=3, cv=2, random_state=0, **settings)
        return [params["C"] for params in search.fit(X, y).cv_results_["params"]][:2]

    given = {"initial_params": [{"C": 7.0}]}
    assert first(0.5, **given) == [1.0, 7.0]
    assert first(5.0, **given) == [7.0, 5.0]
    assert first(5.0)[0] == 5.0
