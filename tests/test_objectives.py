"""What a user sees of a search with several objectives."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sksearch import BayesSearchCV, OneStandardError

X, y = load_iris(return_X_y=True)
SPACE = {"C": (1e-3, 1e3, "log-uniform"), "gamma": (1e-4, 1e1, "log-uniform")}


def sparsity(estimator, X, y):
    return -len(estimator.support_)


SCORING = {"accuracy": "accuracy", "sparsity": sparsity}
OBJECTIVES = ["accuracy", "sparsity"]


class Tradeoff(ClassifierMixin, BaseEstimator):
    """Two scores of one value; raises, or has no second score, where it is told to."""

    def __init__(self, value=0.5, fails_above=np.inf, undefined_above=np.inf):
        self.value = value
        self.fails_above = fails_above
        self.undefined_above = undefined_above

    def fit(self, X, y):
        if self.value > self.fails_above:
            raise RuntimeError("value is too large")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def rises(estimator, X, y):
    return estimator.value


def falls(estimator, X, y):
    return np.nan if estimator.value > estimator.undefined_above else 1 - estimator.value**2


def search_over(estimator, space=SPACE, **settings):
    settings = {
        "n_iter": 12,
        "cv": 3,
        "random_state": 0,
        "scoring": SCORING,
        "objectives": OBJECTIVES,
    } | settings
    return BayesSearchCV(estimator, space, **settings)


def tradeoff(n_iter=15, estimator=None, **settings):
    settings = {"scoring": {"rises": rises, "falls": falls}, "objectives": ["rises", "falls"]} | settings
    return search_over(estimator or Tradeoff(), {"value": (0.0, 1.0)}, n_iter=n_iter, **settings)


# -- what comes out ---------------------------------------------------------------------------------


def test_the_front_is_every_candidate_that_no_other_one_dominates_best_by_the_first_objective_first():
    search = search_over(SVC(), n_iter=25).fit(X, y)
    values = np.column_stack([search.cv_results_[f"mean_test_{name}"] for name in OBJECTIVES])
    expected = {i for i, a in enumerate(values) if not any((b >= a).all() and (b > a).any() for b in values)}
    assert search.pareto_front_.dtype.kind == "i"
    assert set(search.pareto_front_) == expected
    assert len(expected) > 1
    assert (np.diff(values[search.pareto_front_, 0]) <= 0).all()


def test_names_of_scorers_are_the_scoring_and_the_first_score_is_what_refit_means():
    search = BayesSearchCV(SVC(), SPACE, objectives=["-mean_fit_time", "f1_macro", "accuracy"], n_iter=6).fit(
        X, y
    )
    results = search.cv_results_
    assert {"mean_test_f1_macro", "mean_test_accuracy"} <= results.keys()
    assert "mean_test_score" not in results
    assert search.multimetric_
    assert search.scorer_.keys() == {"f1_macro", "accuracy"}
    assert search.best_score_ == results["mean_test_f1_macro"].max()
    assert search.score(X, y) == search.scorer_["f1_macro"](search.best_estimator_, X, y)


def test_times_are_objectives_of_which_less_is_better():
    names = ["accuracy", "-mean_fit_time", "-mean_score_time"]
    search = BayesSearchCV(SVC(), SPACE, objectives=names, n_iter=8, random_state=0).fit(X, y)
    results = search.cv_results_
    told = np.column_stack(
        [results["mean_test_accuracy"], -results["mean_fit_time"], -results["mean_score_time"]]
    )
    np.testing.assert_allclose(search.optimizer_.values, told)
    assert results["mean_fit_time"].argmin() in search.pareto_front_


def flat(estimator, X, y):
    return 1.0


def test_of_equally_good_candidates_the_best_is_one_on_the_front():
    search = tradeoff(scoring={"flat": flat, "rises": rises}, objectives=["flat", "rises"]).fit(X, y)
    assert (search.cv_results_["rank_test_flat"] == 1).all()
    assert search.pareto_front_.tolist() == [search.cv_results_["mean_test_rises"].argmax()]
    assert search.best_index_ == search.pareto_front_[0]
    unrelated = tradeoff(
        scoring={"rises": rises, "falls": falls, "other": lambda e, X, y: -abs(e.value - 0.4)}, refit="other"
    ).fit(X, y)
    assert unrelated.best_index_ == unrelated.cv_results_["mean_test_other"].argmax()


def test_refit_names_a_metric_or_chooses_from_the_front_or_is_left_out():
    named = search_over(SVC(), refit="sparsity").fit(X, y)
    assert named.best_index_ == named.pareto_front_[-1]
    assert named.score(X, y) == sparsity(named.best_estimator_, X, y)
    chosen = search_over(SVC(), refit=lambda results: int(results["mean_test_sparsity"].argmin())).fit(X, y)
    assert chosen.best_index_ == chosen.cv_results_["mean_test_sparsity"].argmin()
    without = search_over(SVC(), refit=False).fit(X, y)
    assert not hasattr(without, "best_estimator_")
    np.testing.assert_array_equal(named.pareto_front_, without.pareto_front_)


def test_the_simplest_of_the_best_by_one_objective_is_refitted():
    rule = OneStandardError(metric="accuracy", simplicity="C")
    search = search_over(SVC(), refit=rule).fit(X, y)
    assert search.best_index_ == rule(search.cv_results_)
    assert search.score(X, y) == search.best_estimator_.score(X, y)


def test_a_callable_may_return_all_scores_at_once():
    def scores(estimator, X, y):
        return {"accuracy": estimator.score(X, y), "sparsity": sparsity(estimator, X, y), "other": 0.0}

    ours, named = search_over(SVC(), scoring=scores).fit(X, y), search_over(SVC()).fit(X, y)
    np.testing.assert_array_equal(ours.pareto_front_, named.pareto_front_)
    assert ours.best_index_ == named.best_index_
    assert ours.score(X, y) == ours.best_estimator_.score(X, y)


def test_more_of_the_front_is_found_than_by_spreading_points_evenly():
    search = tradeoff(30).fit(X, y)
    assert len(search.pareto_front_) == 30  # of this function every point is on the front
    # Neither end is left out.
    assert np.ptp(search.cv_results_["mean_test_rises"]) > 0.9


def test_scikit_learn_has_no_front_and_neither_has_a_search_for_one_score():
    search = search_over(SVC())
    with pytest.raises(AttributeError, match="not fitted"):
        search.pareto_front_  # noqa: B018
    search.fit(X, y)
    search.set_params(objectives=None, scoring=None).fit(X, y)
    with pytest.raises(AttributeError, match="objectives=None"):
        search.pareto_front_  # noqa: B018


# -- what is refused --------------------------------------------------------------------------------


class Unfittable(SVC):
    def fit(self, X, y):
        raise AssertionError("was fitted")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objectives": ["accuracy"]}, "at least two different metrics; for one, use scoring"),
        ({"objectives": ["accuracy", "accuracy"]}, "at least two different"),
        ({"objectives": ["accuracy", "sparsty"]}, "did you mean 'sparsity'"),
        ({"objectives": ["accuracy", "mean_fit_time"]}, "did you mean '-mean_fit_time'"),
        ({"objectives": ["accuracy", "neg_log_los"], "scoring": None}, "did you mean 'neg_log_loss'"),
        (
            {"objectives": ["accuracy", "f1_macro"], "scoring": "accuracy"},
            "'f1_macro', which is not named in",
        ),
        (
            {"objectives": ["accuracy", "f1_macro"], "scoring": ["accuracy"]},
            "'f1_macro', which is not named in",
        ),
        ({"objectives": ["accuracy", sparsity]}, "name it in a scoring dict"),
        ({"objectives": ["-mean_fit_time", "-mean_score_time"]}, "add a score"),
        ({"resource": "folds"}, "resource='folds' drops candidates by one score"),
        ({"refit": "f1"}, "refit must be set to a scorer key"),
        ({"objectives": "accuracy"}, "'objectives' parameter"),
    ],
)
def test_a_mistake_is_one_sentence_before_any_fit(settings, message):
    with pytest.raises(ValueError, match=message) as raised:
        search_over(Unfittable(), error_score="raise", **settings).fit(X, y)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        (lambda estimator, X, y: 0.5, "has to return a dict"),
        (lambda estimator, X, y: {"accurracy": 0.5, "sparsity": 1.0}, "did you mean 'accurracy'"),
    ],
)
def test_a_callable_that_returns_something_else_is_found_out_after_one_candidate(scoring, message):
    Counter.fits = 0
    with pytest.raises(ValueError, match=message):
        search_over(Counter(), {"value": (0.0, 1.0)}, scoring=scoring).fit(X, y)
    assert Counter.fits == 3


class Counter(Tradeoff):
    fits = 0

    def fit(self, X, y):
        Counter.fits += 1
        return super().fit(X, y)


# -- failures, stopping, going on -------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("error_score", [np.nan, 5.0])
def test_what_failed_is_not_on_the_front(error_score):
    search = tradeoff(estimator=Tradeoff(0.5, fails_above=0.7), error_score=error_score, refit=False).fit(
        X, y
    )
    status = search.cv_results_["status"]
    assert (status == "failed").any()
    assert (status[search.pareto_front_] == "ok").all()
    failed = np.isneginf(search.optimizer_.values)
    np.testing.assert_array_equal(failed.all(axis=1), status == "failed")
    np.testing.assert_array_equal(failed.any(axis=1), status == "failed")


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_one_objective_that_is_not_defined_is_a_failure():
    search = tradeoff(estimator=Tradeoff(0.5, undefined_above=0.7)).fit(X, y)
    undefined = np.isnan(search.cv_results_["mean_test_falls"])
    assert undefined.any()
    np.testing.assert_array_equal(search.cv_results_["status"] == "failed", undefined)
    assert not undefined[search.pareto_front_].any()


def test_the_search_ends_when_the_front_stays_as_it_is():
    search = tradeoff(200, n_iter_no_change=4, tol=0.05).fit(X, y)
    values = search.optimizer_.values
    assert len(values) < 100
    within = [((values[:i] + 0.05 >= values[i]).all(axis=1)).any() for i in range(len(values))]
    assert all(within[-4:])
    never_stalls = tradeoff(20, n_iter_no_change=4).fit(X, y)  # each candidate is on the front
    assert len(never_stalls.pareto_front_) == 20


def test_a_journal_goes_on_with_the_same_candidates(tmp_path):
    whole = search_over(SVC()).fit(X, y)
    journal = tmp_path / "journal"
    search_over(SVC(), n_iter=7, journal=journal).fit(X, y)
    resumed = search_over(SVC(), journal=journal).fit(X, y)
    assert resumed.cv_results_["params"] == whole.cv_results_["params"]
    np.testing.assert_array_equal(resumed.pareto_front_, whole.pareto_front_)


def test_a_journal_has_the_times_that_were_measured(tmp_path):
    settings = {
        "objectives": ["accuracy", "-mean_fit_time"],
        "scoring": None,
        "journal": tmp_path / "journal",
    }
    first = search_over(SVC(), **settings).fit(X, y)
    again = search_over(SVC(), **settings).fit(X, y)
    assert again.cv_results_["params"] == first.cv_results_["params"]
    np.testing.assert_array_equal(again.optimizer_.values, first.optimizer_.values)
    np.testing.assert_array_equal(again.pareto_front_, first.pareto_front_)


# -- a scikit-learn citizen -------------------------------------------------------------------------


def test_the_search_pickles_and_clones():
    search = search_over(SVC()).fit(X, y)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.pareto_front_, search.pareto_front_)
    assert again.score(X, y) == search.score(X, y)
    copied = clone(search)
    assert copied.objectives == OBJECTIVES
    assert not hasattr(copied, "pareto_front_")
    assert search.refit is True
    np.testing.assert_array_equal(copied.fit(X, y).pareto_front_, search.pareto_front_)


def test_the_search_nests():
    inner = search_over(make_pipeline(StandardScaler(), SVC()), {"svc__C": SPACE["C"]}, n_iter=5)
    inner.set_params(scoring=None, objectives=["accuracy", "-mean_score_time"])
    assert cross_val_score(inner, X, y, cv=2).min() > 0.8
    outer = BayesSearchCV(inner, {"n_iter": [3, 4]}, cv=2).fit(X, y)
    assert len(outer.best_estimator_.cv_results_["params"]) in (3, 4)


@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_candidates_run_in_parallel(executor):
    search = search_over(SVC(), n_jobs=2, executor=executor).fit(X, y)
    assert search.optimizer_.values.shape == (12, 2)


def test_a_finite_space_is_gone_through(capsys):
    search = search_over(SVC(), {"C": [1, 10], "gamma": [0.1, 1]}, verbose=1).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert "[4/4] last 0." in capsys.readouterr().out
