"""The promises of every searcher, on `GeneticSearchCV`, and what it has of its own."""

import pickle
import random
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.execution import Rounds
from sksearch.genetic import _ColumnImportance
from sksearch.space import ColumnMask, Subset

X, y = load_iris(return_X_y=True)
SPACE = {
    "max_depth": (1, 10),
    "min_samples_leaf": (1, 40, "log-uniform"),
    "criterion": ["gini", "entropy"],
    "ccp_alpha": (1e-4, 1e-1, "log-uniform"),
}
TREE = DecisionTreeClassifier(random_state=0)


def fit(n_iter=30, estimator=TREE, space=SPACE, **settings):
    settings = {"cv": 3, "random_state": 0} | settings
    return GeneticSearchCV(estimator, space, n_iter=n_iter, **settings).fit(X, y)


def test_n_iter_is_exactly_that_many_distinct_candidates():
    results = fit(45).cv_results_
    assert len({tuple(p.items()) for p in results["params"]}) == 45
    assert (results["status"] == "ok").all()


@pytest.mark.parametrize("settings", [{}, {"executor": Rounds(n_points=4)}, {"n_jobs": 2}], ids=str)
def test_same_seed_same_search_whatever_runs_it(settings):
    one, other = fit(**settings), fit(**settings)
    assert one.cv_results_["params"] == other.cv_results_["params"]
    np.testing.assert_array_equal(one.cv_results_["parents"], other.cv_results_["parents"])
    assert fit(random_state=1, **settings).cv_results_["params"] != one.cv_results_["params"]


def test_rounds_of_the_same_size_are_the_same_with_any_number_of_workers():
    one, two = (fit(n_jobs=n, executor=Rounds(n_points=4)).cv_results_["params"] for n in (1, 2))
    assert one == two


def test_generation_and_parents_are_rows_of_the_results():
    results = fit(60, initial_params=[KNOWN]).cv_results_
    assert results["parents"][:10].tolist() == [()] * 10
    assert results["generation"][:10].tolist() == [0] * 10
    for row in range(60):
        parents = results["parents"][row]
        assert all(0 <= parent < row for parent in parents)
        assert results["generation"][row] == (1 + max(results["generation"][list(parents)]) if parents else 0)
    frame = pd.DataFrame(results)
    # The better ones are the parents.
    used = np.unique(np.concatenate([parents for parents in frame["parents"] if parents]).astype(int))
    assert frame["mean_test_score"][used].mean() > frame["mean_test_score"].mean()


KNOWN = {"max_depth": 3, "min_samples_leaf": 2, "criterion": "gini", "ccp_alpha": 1e-3}


def test_the_logbook_and_the_population_show_the_search():
    search = fit(50, population_size=10)
    frame = pd.DataFrame(search.optimizer_.logbook)
    assert frame["gen"].tolist() == list(range(5))
    assert frame["best"].iloc[-1] == pytest.approx(search.best_score_)
    best = search.optimizer_.population[0]
    assert best.fitness.values[0] == pytest.approx(search.best_score_)
    row = search.cv_results_["params"].index(best.params)
    assert search.cv_results_["mean_test_score"][row] == pytest.approx(search.best_score_)


@pytest.mark.parametrize("make", [GeneticSearchCV, BayesSearchCV])
def test_an_earlier_search_can_be_gone_on_from(make):
    earlier = fit(20)
    search = make(TREE, SPACE, n_iter=12, cv=3, random_state=5, initial_params=earlier.cv_results_).fit(X, y)
    order = np.argsort(-earlier.cv_results_["mean_test_score"], kind="stable")
    expected = [earlier.cv_results_["params"][row] for row in order[:6]]
    assert search.cv_results_["params"][:6] == expected  # half of the budget
    assert search.best_score_ >= earlier.best_score_
    with pytest.raises(ValueError, match="not the cv_results_ of a search"):
        make(TREE, SPACE, initial_params={"max_depth": 3}).fit(X, y)
    as_text = earlier.cv_results_ | {"params": [str(params) for params in earlier.cv_results_["params"]]}
    with pytest.raises(ValueError, match="has no dicts as params, as cv_results_ that were written"):
        make(TREE, SPACE, initial_params=as_text).fit(X, y)


def test_of_an_earlier_search_what_failed_and_what_is_not_searched_is_left_out():
    results = {
        "params": [{"max_depth": 1, "x": 1}, {"max_depth": 2, "x": 1}, {"max_depth": 3, "x": 1}],
        "mean_test_score": np.array([0.5, np.nan, 0.7]),
    }
    search = fit(6, space={"max_depth": (1, 9)}, initial_params=results)
    table = pd.DataFrame(results).sort_values("mean_test_score")
    as_table = fit(6, space={"max_depth": (1, 9)}, initial_params=table)
    assert as_table.cv_results_["params"] == search.cv_results_["params"]
    assert [p["max_depth"] for p in search.cv_results_["params"][:2]] == [3, 1]


def test_of_an_earlier_search_what_is_outside_of_the_space_is_skipped():
    results = {
        "params": [{"max_depth": depth} for depth in (9, 8, 3, 7, 2)],
        "mean_test_score": np.array([0.9, 0.8, 0.7, 0.6, 0.5]),
    }
    search = fit(4, space={"max_depth": (1, 5)}, initial_params=results)
    assert [p["max_depth"] for p in search.cv_results_["params"][:2]] == [3, 2]
    with pytest.warns(UserWarning, match=r"no setting that is in the search space: max_depth=9 is not"):
        fit(2, space={"max_depth": (4, 5)}, initial_params=results)
    with pytest.raises(ValueError, match=r"initial_params\[0\] is not in the search space: max_depth=9"):
        fit(4, space={"max_depth": (1, 5)}, initial_params=results["params"])


def test_a_fitted_search_pickles_clones_and_nests():
    search = fit(15)
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict(X), search.predict(X))
    assert pd.DataFrame(copy.optimizer_.logbook).equals(pd.DataFrame(search.optimizer_.logbook))
    assert clone(search).get_params()["population_size"] == 20
    inner = GeneticSearchCV(TREE, SPACE, n_iter=8, cv=2, random_state=0)
    assert cross_val_score(make_pipeline(StandardScaler(), inner), X, y, cv=2).min() > 0.8


def test_searches_in_threads_do_not_disturb_each_other():
    expected = fit(20).cv_results_["params"]
    found = [None] * 3

    def run(i):
        found[i] = fit(20).cv_results_["params"]

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3


def test_the_global_generators_are_left_as_found():
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    fit(20)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_in_a_stream(n_jobs):
    results = fit(30, executor="stream", n_jobs=n_jobs).cv_results_
    assert len({tuple(p.items()) for p in results["params"]}) == 30
    assert results["generation"].max() > 0


def test_races_on_folds_and_on_iterations():
    search = fit(40, resource="folds", cv=5)
    assert set(search.cv_results_["status"]) == {"ok", "stopped"}
    assert np.isfinite(search.best_score_)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    space = {"logisticregression__C": (1e-3, 1e3, "log-uniform")}
    search = fit(12, pipeline, space, resource="logisticregression__max_iter", max_resources=50)
    assert search.cv_results_["n_resources"].max() == 50


def test_a_journal_takes_up_where_it_ended(tmp_path):
    path = tmp_path / "search.jsonl"
    fit(15, journal=path)
    resumed, whole = fit(30, journal=path), fit(30)
    assert resumed.cv_results_["params"] == whole.cv_results_["params"]
    np.testing.assert_array_equal(resumed.cv_results_["parents"], whole.cv_results_["parents"])


def test_failures_are_rows_and_no_parents():
    space = {"C": (1e-3, 1e3, "log-uniform"), "gamma": (-1.0, 1.0)}  # negative ones raise
    with pytest.warns(FitFailedWarning):
        search = fit(40, SVC(), space)
    status, parents = search.cv_results_["status"], search.cv_results_["parents"]
    failed = set(np.flatnonzero(status == "failed"))
    assert 0 < len(failed) < 20
    assert not failed & {parent for of_one in parents for parent in of_one}


def test_which_estimator_is_a_dimension_with_parameters_of_its_own():
    pipeline = Pipeline([("scale", StandardScaler()), ("model", SVC())])
    space = [
        {"model": [SVC()], "model__C": (1e-3, 1e3, "log-uniform"), "model__kernel": ["rbf", "linear"]},
        {"model": [KNeighborsClassifier()], "model__n_neighbors": (1, 30), "scale": ["passthrough"]},
        {"model": [TREE], "model__max_depth": (1, 10)},
    ]
    search = fit(40, pipeline, space)
    assert len({type(p["model"]) for p in search.cv_results_["params"]}) == 3
    assert search.best_score_ > 0.95


def test_groups_weights_tuples_and_stopping():
    groups = np.repeat(np.arange(10), 15)
    space = {"class_weight": [None, {0: 1, 1: 2, 2: 1}], "max_depth": (1, 10), "max_features": [0.5, 1.0]}
    search = GeneticSearchCV(TREE, space, n_iter=100, cv=GroupKFold(3), n_iter_no_change=12, random_state=0)
    search.fit(X, y, groups=groups, sample_weight=np.ones(150))
    assert len(search.cv_results_["params"]) < 100


def test_feature_selection_finds_the_informative_columns():
    rng = np.random.default_rng(0)
    noisy = np.hstack([X, rng.standard_normal((150, 20))])
    pipeline = make_pipeline(ColumnMask(), KNeighborsClassifier())
    space = {"columnmask__mask": Subset(24, max_features=8), "kneighborsclassifier__n_neighbors": (1, 20)}
    search = GeneticSearchCV(pipeline, space, n_iter=200, cv=3, random_state=0).fit(noisy, y)
    kept = np.array(search.best_params_["columnmask__mask"])
    assert search.best_score_ > 0.9
    assert kept[:4].mean() > kept[4:].mean()
    sized = {**space, "columnmask__mask": Subset(24, min_features=2, max_features=4)}
    results = GeneticSearchCV(pipeline, sized, n_iter=60, cv=3, random_state=0).fit(noisy, y).cv_results_
    assert {sum(p["columnmask__mask"]) for p in results["params"]} <= {2, 3, 4}


def select_columns(**settings):
    """Sixty columns of unequal scales, of which the first six matter."""
    data, target = make_regression(120, 60, n_informative=6, noise=20, shuffle=False, random_state=0)
    pipeline = make_pipeline(ColumnMask(), StandardScaler(), Ridge())
    space = {"columnmask__mask": Subset(60), "ridge__alpha": (1e-2, 1e3, "log-uniform")}
    settings = {"n_iter": 80, "cv": 3, "random_state": 0} | settings
    return GeneticSearchCV(pipeline, space, **settings).fit(data * np.logspace(-3, 3, 60), target)


def test_coefficients_tell_which_columns_to_drop(monkeypatch):
    search = select_columns()
    monkeypatch.setattr(GeneticSearchCV, "_make_measure", lambda *_: None)
    blind = select_columns()
    kept, kept_blindly = (np.array(s.best_params_["columnmask__mask"]) for s in (search, blind))
    assert kept[:6].sum() >= 5
    assert kept[6:].sum() < kept_blindly[6:].sum()
    assert search.best_score_ > 0.9


def test_of_candidates_that_score_the_same_the_one_with_fewer_columns_wins():
    def of_three(estimator, X, y):
        return float(sum(estimator[0].mask[:3]))

    pipeline = make_pipeline(ColumnMask(), DummyClassifier())
    space = {"columnmask__mask": Subset(12, min_features=3)}
    search = GeneticSearchCV(pipeline, space, n_iter=60, scoring=of_three, cv=2, random_state=0)
    search.fit(np.tile(X, 3), y)
    results = search.cv_results_
    tied = [sum(p["columnmask__mask"]) for p in np.array(results["params"])[results["rank_test_score"] == 1]]
    assert len(set(tied)) > 1
    assert sum(search.best_params_["columnmask__mask"]) == min(tied)
    assert search.best_params_ == search.optimizer_.population[0].params
    first = search.set_params(refit=lambda results: results["rank_test_score"].argmin()).fit(np.tile(X, 3), y)
    assert first.best_index_ == results["rank_test_score"].argmin()


def test_a_journal_keeps_what_columns_are_worth(tmp_path):
    path = tmp_path / "search.jsonl"
    select_columns(n_iter=15, journal=path)
    resumed, whole = select_columns(n_iter=25, journal=path), select_columns(n_iter=25)
    assert resumed.cv_results_["params"] == whole.cv_results_["params"]


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        (make_pipeline(ColumnMask(), StandardScaler(), LogisticRegression()), True),
        (make_pipeline(StandardScaler(), ColumnMask(), LogisticRegression()), True),
        (make_pipeline(ColumnMask(), RidgeClassifier()), True),
        (make_pipeline(ColumnMask(), TREE), True),
        (make_pipeline(ColumnMask(), PolynomialFeatures(2), LogisticRegression()), False),
        (make_pipeline(ColumnMask(), KNeighborsClassifier()), False),
        (make_pipeline(ColumnMask(), SVC()), False),
    ],
    ids=[
        "scaled after",
        "scaled before",
        "not scaled",
        "tree",
        "other columns",
        "neighbours",
        "no coefficients",
    ],
)
def test_the_importance_of_columns_is_measured_where_the_model_has_one(pipeline, expected):
    measure = _ColumnImportance("columnmask__mask")
    pipeline = clone(pipeline).set_params(columnmask__mask=(True, False, True, True))
    measured = measure(pipeline.fit(1e3 * X, y), 1e3 * X, y)
    assert bool(measured) == expected
    if expected:
        importance = measured["importance"]
        assert np.isnan(importance[1])
        assert importance[2:].min() > importance[0]  # of petals and sepals
    space = {"columnmask__mask": Subset(4, max_features=3)}
    frame = pd.DataFrame(X, columns=list("abcd"))
    for data in (X, frame):
        search = GeneticSearchCV(pipeline, space, n_iter=5, cv=2, random_state=0).fit(data, y)
        assert search.optimizer_._worth.known == expected


@pytest.mark.parametrize(
    "settings",
    [{"population_size": 1}, {"crossover_rate": 1.5}, {"mutation_rate": 0.0}, {"tournament_size": 0}],
    ids=str,
)
def test_user_errors_name_the_parameter(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        fit(**settings)


def test_objectives_have_a_front_as_in_every_searcher():
    search = fit(40, scoring=["accuracy", "neg_log_loss"], objectives=["accuracy", "neg_log_loss"])
    front = search.pareto_front_
    accuracy, loss = (search.cv_results_[f"mean_test_{name}"] for name in search.objectives)
    assert accuracy[front[0]] == accuracy.max()
    assert loss[front].max() == loss.max()
    assert search.optimizer_.values.shape == (40, 2)
    assert {len(individual.fitness.values) for individual in search.optimizer_.population} == {2}
