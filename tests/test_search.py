"""The promises of every searcher, on `BayesSearchCV`."""

import os
import pickle
import random
import signal
import sys
import threading
import time
import warnings
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from joblib import parallel_config
from scipy import sparse
from scipy.stats import beta, binom, expon, loguniform, poisson, randint, rv_discrete
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import GradientBoostingClassifier, IsolationForest
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_info

from sksearch import BayesSearchCV
from sksearch._compat import SearchCallbacks
from sksearch.execution import Rounds
from sksearch.optimizers import BayesianOptimizer
from sksearch.space import ColumnMask, Subset

X, y = load_iris(return_X_y=True)
SPACE = {"C": (1e-3, 1e3, "log-uniform")}


class Fickle(ClassifierMixin, BaseEstimator):
    """Raises, returns NaN or interrupts, as it is told to."""

    def __init__(self, value=0.0, fails_above=np.inf, interrupts_above=np.inf):
        self.value = value
        self.fails_above = fails_above
        self.interrupts_above = interrupts_above

    def fit(self, X, y):
        if self.value > self.interrupts_above:
            raise KeyboardInterrupt
        if self.value > self.fails_above:
            raise RuntimeError("value is too large")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return self.value


class Sleeper(Fickle):
    def fit(self, X, y):
        time.sleep(0.05)
        return super().fit(X, y)


def search_over(estimator, space, **settings):
    return BayesSearchCV(estimator, space, **{"n_iter": 12, "cv": 3, "random_state": 0} | settings)


# -- budget ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_iter", [1, 7, 15])
def test_n_iter_is_exactly_that_many_distinct_candidates(n_iter):
    search = search_over(LogisticRegression(), SPACE | {"fit_intercept": [True, False]}, n_iter=n_iter).fit(
        X, y
    )
    params = search.cv_results_["params"]
    assert len(params) == n_iter
    assert len({tuple(p.items()) for p in params}) == n_iter


def test_a_finite_space_ends_the_search_and_no_value_is_tried_twice():
    search = search_over(Fickle(), {"value": randint(0, 4)}, timeout=60).fit(X, y)
    assert sorted(search.cv_results_["param_value"]) == [0, 1, 2, 3]


def test_a_budget_that_covers_the_grid_gives_what_grid_search_gives():
    grid = [{"kernel": ["rbf"], "C": [1, 10], "gamma": [0.1, 1]}, {"kernel": ["poly"], "degree": [1, 2]}]
    ours = search_over(SVC(), grid).fit(X, y)
    theirs = GridSearchCV(SVC(), grid, cv=3).fit(X, y)
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    np.testing.assert_array_equal(ours.cv_results_["rank_test_score"], theirs.cv_results_["rank_test_score"])
    assert ours.best_index_ == theirs.best_index_


def test_the_estimators_own_parameters_are_candidate_0_and_known_good_ones_follow():
    search = search_over(LogisticRegression(C=0.5), SPACE, initial_params=[{"C": 3.0}, {"C": 7}], n_iter=4)
    params = search.fit(X, y).cv_results_["params"]
    assert params[:3] == [{"C": 0.5}, {"C": 3.0}, {"C": 7}]
    assert type(params[2]["C"]) is float  # as all others of a range of real numbers


def test_candidates_hold_objects_of_the_space_and_not_the_users_own():
    pipe = Pipeline([("s", StandardScaler()), ("clf", SVC())])
    space = {"clf": [SVC()], "clf__C": (0.1, 10.0)}
    search = search_over(pipe, space, n_iter=3, initial_params=[{"clf__C": 2, "clf": SVC()}]).fit(X, y)
    pipe.set_params(clf__C=77.0)
    assert all(params["clf"] is space["clf"][0] for params in search.cv_results_["params"])
    assert [type(params["clf__C"]) for params in search.cv_results_["params"]] == [float] * 3


def test_settings_to_try_first_that_are_more_than_n_iter_are_said():
    given = [{"C": 3.0}, {"C": 0.5}, {"C": 7.0}]  # and the second is the estimator's own
    search = search_over(LogisticRegression(C=0.5), SPACE, initial_params=given, n_iter=2)
    with pytest.warns(UserWarning, match="are 3 candidates, and n_iter=2 leaves the last of them untried"):
        search.fit(X, y)
    assert [params["C"] for params in search.cv_results_["params"]] == [0.5, 3.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        search.set_params(n_iter=3).fit(X, y)


def test_timeout_ends_the_search_with_complete_candidates():
    start = time.monotonic()
    search = search_over(Sleeper(), {"value": (0.0, 1.0)}, n_iter=1000, timeout=0.6).fit(X, y)
    assert time.monotonic() - start < 5
    assert 1 <= len(search.cv_results_["params"]) < 100
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_timeout_within_a_round_leaves_the_rest_of_the_round_out():
    search = search_over(
        Sleeper(), {"value": (0.0, 1.0)}, n_iter=1000, timeout=0.4, executor=Rounds(n_points=500)
    ).fit(X, y)
    assert 1 <= len(search.cv_results_["params"]) < 100


def test_a_timeout_while_the_optimizer_waits_for_results_does_not_blame_the_space(monkeypatch):
    ask = BayesianOptimizer.ask
    monkeypatch.setattr(BayesianOptimizer, "ask", lambda self, n: [] if self._pending else ask(self, n))
    with parallel_config(backend="threading"), warnings.catch_warnings():
        warnings.simplefilter("error")
        search = search_over(Sleeper(), {"value": (0.0, 1.0)}, n_iter=1000, timeout=0.4, n_jobs=2).fit(X, y)
    assert 1 <= len(search.cv_results_["params"]) < 100


def test_the_search_ends_when_the_score_stalls():
    flat = search_over(Fickle(), {"fails_above": (1.0, 2.0)}, n_iter=100, n_iter_no_change=5).fit(X, y)
    assert len(flat.cv_results_["params"]) == 6
    coarse = search_over(Fickle(), {"value": (0.0, 1.0)}, n_iter=100, n_iter_no_change=5, tol=10.0).fit(X, y)
    assert len(coarse.cv_results_["params"]) == 6


# -- reproducibility and isolation ----------------------------------------------------------------


def test_same_seed_same_search_other_seed_another():
    searches = [search_over(LogisticRegression(), SPACE, random_state=seed).fit(X, y) for seed in (0, 0, 1)]
    one, same, other = (search.cv_results_["param_C"].tolist() for search in searches)
    assert one == same
    assert one != other


def test_folds_are_drawn_once_and_shared_by_all_candidates():
    search = search_over(
        KNeighborsRegressor(), {"weights": ["uniform"], "leaf_size": (1, 50)}, cv=ShuffleSplit(3), n_iter=6
    ).fit(X, y)
    scores = search.cv_results_["split0_test_score"]
    assert len(scores) == 6
    np.testing.assert_allclose(scores, scores[0])  # the leaf size changes the speed, not the result


def test_global_state_is_left_as_found():
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), list(warnings.filters)
    estimator = Fickle()
    space = {"value": (0.0, 1.0), "fails_above": [0.5, 2.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filters = list(warnings.filters)
        search_over(estimator, space).fit(X, y)
        assert list(warnings.filters) == filters
    assert (random.getstate(), np.random.get_state()[1].tolist(), list(warnings.filters)) == before
    assert estimator.get_params() == Fickle().get_params()


def test_an_unseeded_search_draws_one_seed_from_the_global_generator():
    def candidates():
        np.random.seed(3)
        return search_over(Fickle(), {"value": (0.0, 1.0)}, random_state=None).fit(X, y).cv_results_["params"]

    assert candidates() == candidates()


def test_values_that_are_estimators_are_not_fitted_or_changed():
    svc = SVC()
    pipe = Pipeline([("clf", SVC())])
    search = search_over(pipe, {"clf": [svc, LogisticRegression()], "clf__C": [1.0, 2.0]}).fit(X, y)
    assert svc.C == 1.0
    assert not hasattr(svc, "support_")
    assert search.best_estimator_["clf"] is not search.best_params_["clf"]


# -- failures -------------------------------------------------------------------------------------


def test_a_candidate_that_raises_is_a_row_and_the_search_goes_on():
    space = {"value": [0.1, 0.2, 0.9], "fails_above": [0.5]}
    with pytest.warns(FitFailedWarning, match="value is too large") as caught:
        search = search_over(Fickle(), space).fit(X, y)
    assert len(caught) == 1
    assert search.cv_results_["status"].tolist() == ["ok", "ok", "failed"]
    assert np.isnan(search.cv_results_["mean_test_score"][2])
    assert search.cv_results_["rank_test_score"].tolist() == [2, 1, 3]
    assert search.best_params_["value"] == 0.2
    assert search.cv_results_["n_resources"].tolist() == [3, 3, 3]
    assert np.all(search.cv_results_["wall_time"] > 0)


def test_failures_do_not_mislead_the_model():
    with pytest.warns(FitFailedWarning):
        search = search_over(Fickle(fails_above=0.7), {"value": (0.0, 1.0)}, n_iter=25).fit(X, y)
    assert 0.6 < search.best_score_ <= 0.7


def test_scores_that_are_nan_are_failures():
    def scorer(estimator, X, y):
        return np.nan if estimator.value > 0.5 else estimator.value

    with pytest.warns(UserWarning, match="non-finite"):
        search = search_over(Fickle(), {"value": [0.1, 0.4, 0.8]}, scoring=scorer).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "ok", "failed"]
    assert search.best_params_ == {"value": 0.4}


def test_error_score_raise_raises_the_original_error():
    with pytest.raises(RuntimeError, match="too large"):
        search_over(Fickle(), {"value": [0.9], "fails_above": [0.5]}, error_score="raise").fit(X, y)


def test_a_number_as_error_score_ranks_failures():
    with pytest.warns(FitFailedWarning):
        search = search_over(Fickle(fails_above=0.5), {"value": [0.1, 0.9]}, error_score=-1.0).fit(X, y)
    assert search.cv_results_["mean_test_score"].tolist() == [pytest.approx(0.1), -1.0]
    assert search.cv_results_["status"].tolist() == ["ok", "failed"]


def test_only_a_search_without_any_success_raises_and_shows_the_traceback():
    with pytest.raises(ValueError, match=r"(?s)All the 36 fits failed.*value is too large"):
        search_over(Fickle(fails_above=-1), {"value": (0.0, 1.0)}).fit(X, y)


def test_a_search_without_any_score_warns_as_grid_search_does():
    searches = []
    for search in (
        search_over(Fickle(), {"value": [0.1, 0.2]}),
        GridSearchCV(Fickle(), {"value": [0.1, 0.2]}),
    ):
        with pytest.warns(UserWarning, match="One or more of the test scores are non-finite"):
            searches.append(search.set_params(scoring=lambda *_: np.nan).fit(X, y))
    assert [search.best_index_ for search in searches] == [0, 0]
    assert np.isnan([search.best_score_ for search in searches]).all()


def test_candidates_that_all_fail_in_one_fold_leave_nothing_to_select():
    class FailsOnFirstFold(Fickle):
        def fit(self, X, y):
            if X[0, 0] != first:
                raise RuntimeError("unlucky fold")
            return super().fit(X, y)

    first = X[0, 0]
    with pytest.raises(ValueError, match=r"(?s)All the 2 candidates failed.*unlucky fold"):
        search_over(FailsOnFirstFold(), {"value": [0.1, 0.2]}, cv=KFold(3)).fit(X, y)


# -- interruption ---------------------------------------------------------------------------------


def test_ctrl_c_keeps_what_was_finished():
    space = {"value": [0.1, 0.2, 0.3, 0.9, 0.4]}
    with pytest.warns(UserWarning, match="interrupted after 3 of 5 candidates"):
        search = search_over(Fickle(interrupts_above=0.5), space).fit(X, y)
    assert search.best_params_ == {"value": 0.3}
    assert search.best_estimator_.value == 0.3
    assert len(search.optimizer_.values) == 3


@pytest.mark.filterwarnings("error")
def test_ctrl_c_keeps_what_was_finished_where_warnings_are_errors():
    search = search_over(Fickle(interrupts_above=0.5), {"value": [0.1, 0.2, 0.9, 0.4]})
    with pytest.raises(UserWarning, match="interrupted after 2 of 4 candidates"):
        search.fit(X, y)
    assert search.best_params_ == {"value": 0.2}


def test_ctrl_c_before_anything_is_finished_interrupts():
    with pytest.raises(KeyboardInterrupt):
        search_over(Fickle(interrupts_above=-1), {"value": [0.1, 0.2]}).fit(X, y)


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_real_interrupt_with_worker_processes_keeps_what_was_finished(tmp_path):
    journal = tmp_path / "journal"

    def interrupt():  # as soon as a few candidates are finished, however slow the machine
        while not journal.exists() or len(journal.read_text().splitlines()) < 4:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.warns(UserWarning, match="interrupted"):
        search = search_over(Sleeper(), {"value": (0.0, 1.0)}, n_iter=10_000, n_jobs=2, journal=journal).fit(
            X, y
        )
    assert 0 < len(search.cv_results_["params"]) < 10_000
    assert hasattr(search, "best_estimator_")


# -- scikit-learn's ways --------------------------------------------------------------------------


def test_several_metrics_the_one_of_refit_is_optimised():
    scoring = {"accuracy": "accuracy", "recall": make_scorer(accuracy_score, greater_is_better=False)}
    search = search_over(LogisticRegression(), SPACE, scoring=scoring, refit="recall", n_iter=15).fit(X, y)
    assert search.multimetric_
    assert search.best_score_ == search.cv_results_["mean_test_recall"].max()
    assert search.optimizer_.values.max() == pytest.approx(search.best_score_)


def test_several_metrics_without_refit():
    search = search_over(LogisticRegression(), SPACE, scoring=["accuracy", "f1_macro"], refit=False).fit(X, y)
    assert not hasattr(search, "best_index_")
    assert search.optimizer_.values.max() == pytest.approx(search.cv_results_["mean_test_accuracy"].max())


def test_a_scorer_that_returns_a_dict():
    def scorer(estimator, X, y):
        return {"plain": estimator.value, "negative": -estimator.value}

    search = search_over(Fickle(), {"value": (0.0, 1.0)}, scoring=scorer, refit="negative").fit(X, y)
    assert search.best_score_ == search.cv_results_["mean_test_negative"].max()
    assert search.optimizer_.values.max() == pytest.approx(search.best_score_)


def test_a_wrong_refit_for_a_dict_is_found_after_one_candidate():
    calls = []

    def scorer(estimator, X, y):
        calls.append(1)
        return {"a": 0.0}

    with pytest.raises(ValueError, match="refit must be set to a scorer key"):
        search_over(Fickle(), {"value": (0.0, 1.0)}, scoring=scorer, refit="b").fit(X, y)
    assert len(calls) == 3


def test_refit_can_be_a_callable():
    search = search_over(Fickle(), {"value": [0.3, 0.1, 0.2]}, refit=lambda results: 1).fit(X, y)
    assert search.best_index_ == 1
    assert search.best_estimator_.value == 0.1
    with pytest.raises(AttributeError, match="refit="):
        search.best_score_  # noqa: B018


def test_groups_and_sample_weight_reach_their_places():
    groups = np.arange(len(y)) % 5
    search = search_over(LogisticRegression(), SPACE, cv=GroupKFold(5))
    search.fit(X, y, groups=groups, sample_weight=np.ones(len(y)))
    assert search.n_splits_ == 5
    with pytest.raises(ValueError, match="groups"):
        clone(search).fit(X, y)


def test_sparse_and_data_frames():
    pd = pytest.importorskip("pandas")
    search_over(LogisticRegression(), SPACE).fit(sparse.csr_matrix(X), y).predict(sparse.csr_matrix(X))
    frame = pd.DataFrame(X, columns=list("abcd"))
    search = search_over(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": loguniform(1e-2, 1e2)})
    search.fit(frame, y)
    assert search.feature_names_in_.tolist() == list("abcd")
    assert search.n_features_in_ == 4


def test_multi_output_clustering_and_outliers():
    many_X, many_y = make_multilabel_classification(random_state=0)
    search_over(DecisionTreeClassifier(), {"max_depth": (1, 9)}).fit(many_X, many_y).predict(many_X)
    clusters = search_over(KMeans(n_init=1, random_state=0), {"n_clusters": (2, 6)}, n_iter=4).fit(X)
    assert clusters.best_params_["n_clusters"] in range(2, 7)
    outliers = search_over(
        IsolationForest(n_estimators=5, random_state=0),
        {"max_samples": (0.1, 1.0)},
        scoring="f1_macro",
        n_iter=4,
    ).fit(X, np.where(y == 0, -1, 1))
    assert set(outliers.predict(X)) <= {-1, 1}


def test_feature_selection_is_a_dimension():
    noisy = np.hstack([X, np.random.default_rng(0).standard_normal((len(y), 4)) * 10])
    pipe = Pipeline([("columns", ColumnMask()), ("clf", KNeighborsRegressor())])
    search = search_over(
        pipe, {"columns__mask": Subset(8), "clf__n_neighbors": (1, 15)}, n_iter=30, cv=KFold(3, shuffle=True)
    ).fit(noisy, y)
    assert search.best_score_ > 0.9
    assert search.best_estimator_["clf"].n_features_in_ == sum(search.best_params_["columns__mask"])


def test_a_fitted_search_pickles_clones_and_nests():
    search = search_over(LogisticRegression(), SPACE, n_iter=5).fit(X, y)
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict(X), search.predict(X))
    assert not hasattr(clone(search), "best_params_")
    assert len(cross_val_score(clone(search), X, y, cv=2)) == 2
    outer = search_over(make_pipeline(StandardScaler(), clone(search)), {"bayessearchcv__n_iter": [2, 3]})
    assert outer.fit(X, y).best_params_["bayessearchcv__n_iter"] in (2, 3)


def test_searches_in_threads_do_not_disturb_each_other():
    expected = search_over(LogisticRegression(), SPACE).fit(X, y).cv_results_["params"]
    results = {}

    def work(i):
        results[i] = search_over(LogisticRegression(), SPACE).fit(X, y).cv_results_["params"]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[i] == expected for i in range(4))


def test_the_default_space_is_searched_when_none_is_given():
    search = search_over(make_pipeline(StandardScaler(), SVC()), None, n_iter=5).fit(X, y)
    assert {"svc__C", "svc__gamma"} <= search.best_params_.keys()


def test_the_default_space_leaves_the_resource_to_the_search():
    booster = GradientBoostingClassifier(n_estimators=9, random_state=0)
    search = search_over(booster, None, resource="n_estimators", n_iter=4).fit(X, y)
    assert search.best_params_["n_estimators"] == 9
    assert "learning_rate" in search.optimizer_.space.branches[0]


def test_verbose_prints_a_line_per_round(capsys):
    search_over(Fickle(), {"value": (0.0, 1.0)}, n_iter=4, verbose=1, executor=Rounds(n_points=2)).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Fitting 3 folds for each of 4 candidates, totalling 12 fits"
    assert [line.split()[0] for line in lines[1:]] == ["[2/4]", "[4/4]"]
    assert "best" in lines[-1]


def test_verbose_counts_what_has_ended_and_names_failures(capsys):
    with pytest.warns(FitFailedWarning):
        search_over(Fickle(fails_above=0.5), {"value": [0.9, 0.2]}, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert lines == ["[1/2] last failed, best none yet", "[2/2] last 0.2, best 0.2"]
    search_over(Fickle(), {"value": (0.0, 1.0)}, n_iter=4, verbose=1, resource="folds", cv=5).fit(X, y)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [f"[{i}/4]" for i in range(1, len(lines) + 1)]
    search = search_over(Fickle(), {"value": (0.0, 1.0)}, n_iter=12, verbose=1, resource="folds", cv=5)
    search.fit(X, y)
    n_dropped = (search.cv_results_["status"] == "stopped").sum()
    last = capsys.readouterr().out.splitlines()[-1]
    assert n_dropped > 0
    assert last == f"[12/12] {n_dropped} dropped, best {search.best_score_:.6g}"


def test_progress_bar_of_scikit_learn_shows_the_candidates(capsys):
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    search = search_over(Fickle(), {"value": (0.0, 1.0)}, n_iter=4).set_callbacks(callback.ProgressBar())
    search.fit(X, y)
    shown = capsys.readouterr().out
    assert "BayesSearchCV - search" in shown
    assert "100%" in shown


class Silent:
    """A callback without threads of its own, which would need the search to end them."""

    def setup(self, estimator, context):
        pass

    teardown = setup

    def on_fit_task_begin(self, estimator, context, **data):
        pass

    on_fit_task_end = on_fit_task_begin


def test_what_callbacks_take_does_not_grow_with_the_budget():
    pytest.importorskip("sklearn.callback")
    search = search_over(Fickle(), {"value": (0.0, 1.0)}, n_iter=10**6, n_iter_no_change=3, tol=10.0)
    search.set_callbacks(Silent()).fit(X, y)
    assert len(search.cv_results_["params"]) < 10
    callbacks = SearchCallbacks(search, X, y, None)
    callbacks.begin_search(10**6)
    sizes = [len(pickle.dumps(callbacks.for_fit(number)["callback_ctx"])) for number in range(100)]
    assert max(sizes) < 1.1 * sizes[0]


# -- user errors ----------------------------------------------------------------------------------


class NeverFitted(Fickle):
    def fit(self, X, y):
        raise AssertionError("a user error must be found before any fit")


@pytest.mark.parametrize(
    ("space", "settings", "error", "message"),
    [
        ({"valeu": [1]}, {}, ValueError, "no parameter 'valeu'; did you mean 'value'"),
        ({"value": (2, 1)}, {}, ValueError, "'value': the lower bound must be below"),
        ({"value": []}, {}, ValueError, "'value' need to be a non-empty sequence"),
        ({"value": 3}, {}, TypeError, "'value' needs to be a list"),
        ({"step__value": [1]}, {}, ValueError, "belongs to 'step', which NeverFitted does not have"),
        ({"value": [1]}, {"n_iter": 0}, ValueError, r"'n_iter'.*range \[1, inf\)\. Got 0"),
        ({"value": [1]}, {"scoring": "acuracy"}, ValueError, "did you mean 'accuracy'"),
        ({"value": [1]}, {"timeout": -1}, ValueError, "'timeout'.*Got -1"),
        ({"value": [1]}, {"executor": "turns"}, ValueError, "'executor' parameter.*'(rounds|stream)'"),
        ({"value": [1]}, {"acquisition": "magic"}, ValueError, "'acquisition'"),
        ({"value": [1]}, {"initial_params": [{"value": 2}]}, ValueError, r"initial_params\[0\].*value=2"),
        ({"value": [1]}, {"initial_params": [{}]}, ValueError, r"give a value for \['value'\]"),
        ({"value": [1]}, {"initial_params": [3]}, ValueError, r"initial_params\[0\].*not a dict"),
        (None, {}, ValueError, "NeverFitted.*param_distributions"),
    ],
)
def test_user_errors_get_one_sentence_before_any_fit(space, settings, error, message):
    with pytest.raises(error, match=message):
        search_over(NeverFitted(), space, **settings).fit(X, y)


def test_a_class_instead_of_an_estimator_is_an_error():
    with pytest.raises(TypeError, match=r"estimator=SVC is a class; pass an instance, SVC\(\)"):
        search_over(SVC, SPACE).fit(X, y)


def test_a_bare_network_is_refused_with_what_to_wrap_it_in(monkeypatch):
    module = type("Module", (), {})
    monkeypatch.setitem(sys.modules, "torch.nn", SimpleNamespace(Module=module))
    net, trainable = type("Net", (module,), {}), type("Net", (module, NeverFitted), {})
    with pytest.raises(
        ValueError, match=r"'fit'. Got Net\(...\) instead; wrap .*`skorch.NeuralNetClassifier\(Net, ...\)`"
    ):
        search_over(net(), SPACE).fit(X, y)
    with pytest.raises(ValueError, match="no parameter 'b'"):
        search_over(trainable(), {"b": [1]}).fit(X, y)


def test_fitted_attributes_asked_too_early_say_so():
    search = search_over(SVC(), SPACE)
    for name in ("best_params_", "cv_results_", "optimizer_"):
        assert not hasattr(search, name)
        with pytest.raises(NotFittedError, match=f"not fitted yet.*{name}"):
            getattr(search, name)
    with pytest.raises(NotFittedError):
        search.predict(X)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        search.nonsense  # noqa: B018


# -- what is claimed ------------------------------------------------------------------------------


def test_it_finds_more_than_random_search_at_equal_fits():
    space = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-6, 1e1)}
    gains = []
    for seed in range(3):
        settings = {"n_iter": 20, "cv": 3, "random_state": seed, "scoring": "neg_mean_squared_error"}
        ours = BayesSearchCV(SVR(), space, **settings).fit(X[:, :3], X[:, 3])
        theirs = RandomizedSearchCV(SVR(), space, **settings).fit(X[:, :3], X[:, 3])
        gains.append(ours.best_score_ - theirs.best_score_)
    assert np.mean(gains) > 0


# -- what a review found --------------------------------------------------------------------------


class Toy(ClassifierMixin, BaseEstimator):
    def __init__(self, a=0.5, b=0):
        self.a = a
        self.b = b

    def set_params(self, **params):
        if params.get("a") == 3.0:
            raise ValueError("bad combination")
        return super().set_params(**params)

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return self.a


@pytest.mark.parametrize(
    ("estimator", "space", "given"),
    [
        (Toy(), {"a": expon()}, [30.0, 40.0, 50.0]),
        (Toy(a=5.0), {"a": expon(scale=0.1)}, [9.0]),
        (Toy(a=0.0), {"a": (0.0, 100.0)}, [1e-10, 1e-9]),
    ],
)
def test_given_candidates_that_the_encoding_can_not_tell_apart_are_all_tried(estimator, space, given):
    search = search_over(estimator, space, n_iter=6, initial_params=[{"a": value} for value in given])
    values = search.fit(X, y).cv_results_["param_a"].tolist()
    assert values[: 1 + len(given)] == [estimator.a, *given]
    assert len(set(values)) == 6


@pytest.mark.parametrize(
    ("space", "n_iter"),
    [
        ({"a": binom(100, 0.5)}, 55),
        ({"a": poisson(3), "b": ["x", "y"]}, 25),
        ({"a": (2**40, 2**40 + 20)}, 21),
        ({"a": beta(0.1, 0.1)}, 30),
        ({"a": list(range(40)), "b": list(range(40))}, 60),
        (
            [
                {"a": rv_discrete(values=([1, 2, 3], [0.1, 0.1, 0.8]))(), "b": [0, 1]},
                {"a": rv_discrete(values=([1, 2, 30], [0.6, 0.3, 0.1]))(), "b": [2, 3]},
            ],
            12,
        ),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore::UserWarning")
def test_awkward_spaces_give_exactly_n_iter_distinct_candidates(space, n_iter):
    search = search_over(Toy(), space, n_iter=n_iter, cv=2, refit=False).fit(X, y)
    params = search.cv_results_["params"]
    assert len(params) == len({tuple(p.items()) for p in params}) == n_iter


def test_a_space_that_runs_out_says_so():
    with pytest.warns(UserWarning, match="ended after . of n_iter=20 candidates: no other values"):
        search = search_over(Toy(), {"a": (1.0, float(np.nextafter(1, 2)))}, n_iter=20).fit(X, y)
    assert len(search.cv_results_["params"]) < 20


def test_a_second_metric_that_fails_does_not_fail_the_candidate():
    space = {"C": (0.01, 100.0, "log-uniform")}
    with pytest.warns(UserWarning, match="non-finite"):
        search = search_over(SVC(), space, scoring=["accuracy", "roc_auc"], refit="accuracy", n_iter=6).fit(
            X, y
        )
    assert set(search.cv_results_["status"]) == {"ok"}
    assert np.isfinite(search.optimizer_.values).all()


def test_an_infinite_score_is_a_failure_and_does_not_win():
    with pytest.warns(UserWarning, match="non-finite"):
        search = search_over(Toy(), {"a": [0.5, 1.0, np.inf]}).fit(X, y)
    assert search.best_params_ == {"a": 1.0}
    assert search.cv_results_["status"].tolist() == ["ok", "ok", "failed"]


@pytest.mark.parametrize("values", [[1.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0], [3.0, 1.0]])
def test_a_value_that_the_estimator_refuses_is_a_failed_candidate(values):
    with pytest.warns(FitFailedWarning, match="bad combination"):
        search = search_over(Toy(), {"a": values}).fit(X, y)
    assert search.cv_results_["status"][values.index(3.0)] == "failed"
    assert search.best_params_ == {"a": max(value for value in values if value != 3.0)} or max(values) == 3.0


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_backends_give_the_same_results(backend):
    expected = search_over(LogisticRegression(), SPACE, executor=Rounds(n_points=2)).fit(X, y)
    with parallel_config(backend, n_jobs=2):
        search = search_over(LogisticRegression(), SPACE, executor=Rounds(n_points=2)).fit(X, y)
    assert search.cv_results_["params"] == expected.cv_results_["params"]


def test_an_interrupted_refit_leaves_the_finished_search():
    class InterruptedRefit(Toy):
        def fit(self, X, y):
            if len(X) == 150:
                raise KeyboardInterrupt
            return super().fit(X, y)

    search = search_over(InterruptedRefit(), {"a": [1.0, 2.0]})
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert search.best_params_ == {"a": 2.0}
    assert len(search.cv_results_["params"]) == 2
    assert not hasattr(search, "best_estimator_")
    with pytest.raises(AttributeError, match="because its refit did not end"):
        search.best_estimator_  # noqa: B018


def test_a_search_that_is_fitted_again_keeps_nothing_of_the_winner_before():
    search = search_over(SVC(), SPACE, n_iter=2).fit(X, y)
    search.set_params(scoring=["accuracy", "f1_macro"], refit=False).fit(X, y)
    for name in ("best_index_", "best_params_", "best_score_", "best_estimator_", "refit_time_"):
        assert not hasattr(search, name)


def test_searches_in_threads_leave_the_thread_limits_of_blas_alone():
    def limits():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = limits()
    threads = [
        threading.Thread(target=lambda k=k: search_over(Toy(), {"a": (0.0, 1.0)}, n_iter=12 + k).fit(X, y))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limits() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"executor": Rounds(0)}, "n_points of Rounds must be 'auto' or an int of at least 1, got 0"),
        ({"executor": Rounds(True)}, "n_points of Rounds.*got True"),
        ({"executor": Rounds("4")}, "n_points of Rounds.*got '4'"),
        ({"executor": Rounds(fit_timeout=-1)}, "fit_timeout must be None or seconds above 0, got -1"),
        ({"executor": Rounds}, r"executor=Rounds is a class; pass an instance, Rounds\(\)"),
        ({"scoring": ["accuracy", "f1macro"]}, "'f1macro'.*did you mean 'f1_macro'"),
        ({"scoring": {"a": "acc"}, "refit": "a"}, "scoring='acc' is not.*did you mean 'accuracy'"),
        ({"scoring": ["accuracy", "f1_macro"], "refit": "f1"}, "'f1' was passed; did you mean 'f1_macro'"),
        ({"scoring": ["accuracy", "f1_macro"]}, r"True was passed; name one of \['accuracy', 'f1_macro'\]"),
        ({"scoring": "log_loss"}, "scoring='log_loss' is not.*did you mean 'neg_log_loss'"),
    ],
)
def test_more_user_errors_get_one_sentence_before_any_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        search_over(NeverFitted(), {"value": (0.0, 1.0)}, **settings).fit(X, y)


def test_the_nearest_name_is_found_whatever_its_case():
    with pytest.raises(ValueError, match="no parameter 'c'; did you mean 'C'"):
        search_over(SVC(), {"c": [1]}).fit(X, y)


class _Scores:
    """Returns something else for one candidate."""

    def __init__(self, other):
        self.other = other

    def __call__(self, estimator, X, y):
        return self.other if estimator.C == 3.0 else estimator.C


def _search_with(other, **settings):
    return BayesSearchCV(SVC(), {"C": [1.0, 2.0, 3.0]}, cv=2, scoring=_Scores(other), refit=False, **settings)


@pytest.mark.parametrize("resource", [None, "folds"])
@pytest.mark.parametrize("score", [None, "good", 1j, 10**400, [1.0, 2.0], {"a": 9.0}, 1e308, -1e150, np.inf])
def test_what_is_no_score_is_a_failed_row(score, resource, tmp_path):
    with pytest.warns((FitFailedWarning, UserWarning), match="fits failed|non-finite"):
        search = _search_with(score, resource=resource, journal=tmp_path / "journal").fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "ok", "failed"]
    assert search.best_params_ == {"C": 2.0}


@pytest.mark.parametrize("scores", [{"b": 9.0}, {}, 9.0, {"a": 9.0, "c": 1.0}], ids=repr)
@pytest.mark.parametrize("resource", [None, "folds"])
def test_scores_without_a_name_that_others_have_are_a_failed_row(scores, resource, tmp_path):
    def scoring(estimator, X, y):
        return scores if estimator.C == 3.0 else {"a": estimator.C, "b": 1.0}

    settings = {"scoring": scoring, "refit": "a", "resource": resource, "cv": 2}
    search = BayesSearchCV(SVC(), {"C": [1.0, 2.0, 3.0]}, journal=tmp_path / "journal", **settings)
    for _ in range(2):
        with pytest.warns(FitFailedWarning, match="scoring returned .* of other fits"):
            search.fit(X, y)
        assert search.cv_results_["status"].tolist() == ["ok", "ok", "failed"]
        assert search.best_params_ == {"C": 2.0}
    with pytest.raises(ValueError, match="scoring returned"):
        search.set_params(journal=None, error_score="raise").fit(X, y)


def test_scores_that_the_first_fit_does_not_have_are_left_out_as_grid_search_does(tmp_path):
    def scoring(estimator, X, y):
        return {"a": estimator.C} | ({"more": 1.0} if estimator.C == 2.0 else {})

    space = {"C": [1.0, 2.0]}
    settings = {"scoring": scoring, "refit": "a", "cv": 2, "return_train_score": True}
    grid = GridSearchCV(SVC(), space, **settings).fit(X, y)
    for _ in range(2):
        search = BayesSearchCV(SVC(), space, journal=tmp_path / "journal", **settings).fit(X, y)
        assert {key for key in search.cv_results_ if "score" in key and "time" not in key} == {
            key for key in grid.cv_results_ if "score" in key and "time" not in key
        }
        assert search.cv_results_["mean_test_a"].tolist() == [1.0, 2.0]
        assert search.cv_results_["mean_train_a"].tolist() == [1.0, 2.0]


class _FirstSleeps(SVC):
    def fit(self, X, y):
        time.sleep(0.5 if self.C == 1.0 else 0.0)
        return super().fit(X, y)


def test_which_scores_are_expected_does_not_depend_on_who_comes_first():
    def scoring(estimator, X, y):
        return {"a": estimator.C} | ({"b": 1.0} if estimator.C != 2.0 else {})

    search = BayesSearchCV(_FirstSleeps(), {"C": [1.0, 2.0, 3.0]}, scoring=scoring, refit="a", cv=2, n_jobs=2)
    with pytest.warns(FitFailedWarning, match="scoring returned"):
        search.fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "failed", "ok"]


@pytest.mark.parametrize("fails", [1.0, 3.0])
def test_a_scorer_that_raises_for_the_first_candidate_has_scores_for_others(fails):
    def scoring(estimator, X, y):
        if fails == estimator.C:
            raise ValueError("none of this one")
        return {"a": estimator.C, "b": 1.0}

    search = BayesSearchCV(SVC(), {"C": [1.0, 2.0, 3.0]}, scoring=scoring, refit="a", cv=2)
    with pytest.warns(UserWarning, match="none of this one"):
        search.fit(X, y)
    assert search.best_params_ == {"C": 2.0 if fails == 3.0 else 3.0}
    assert (search.cv_results_["status"] == "failed").sum() == 1


@pytest.mark.parametrize(
    "score", [Fraction(5, 2), Decimal("2.5"), np.float16(2.5), np.array([2.5])], ids=repr
)
def test_any_number_is_a_score(score, tmp_path):
    search = _search_with(score, journal=tmp_path / "journal").fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], [1.0, 2.0, 2.5])


def test_a_scorer_that_returns_no_number_for_the_first_candidate_ends_the_search_at_once():
    fits = []

    def nothing(estimator, X, y):
        fits.append(estimator)

    with pytest.raises(ValueError, match="scoring must return a number, got None"):
        BayesSearchCV(SVC(), {"C": [1.0, 2.0, 3.0]}, cv=2, scoring=nothing).fit(X, y)
    assert len(fits) == 1


@pytest.mark.parametrize(("scoring", "best"), [("r2", 0.1), ("neg_mean_squared_error", 100.0)])
def test_an_earlier_search_with_several_scores_is_sorted_by_the_one_that_counts(scoring, best):
    earlier = {
        "params": [{"alpha": 100.0}, {"alpha": 0.1}, {"alpha": 1.0}],
        "mean_test_neg_mean_squared_error": np.array([3.0, 1.0, 2.0]),
        "mean_test_r2": np.array([0.1, 0.3, 0.2]),
    }
    search = BayesSearchCV(Ridge(alpha=7.0), {"alpha": (0.1, 100.0)}, n_iter=2, cv=2, scoring=scoring)
    search.set_params(initial_params=earlier, refit=False).fit(X, y)
    assert [params["alpha"] for params in search.cv_results_["params"]] == [7.0, best]
