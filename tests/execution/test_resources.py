"""Trials that get folds, samples or iterations bit by bit."""

import json
import warnings
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import BernoulliRBM, MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksearch import BayesSearchCV
from sksearch.execution import Rounds, Trial
from sksearch.execution.iterations import Continuation
from sksearch.execution.resources import Folds, _at_a_time, _rungs

X, y = load_breast_cancer(return_X_y=True)
SVM = make_pipeline(StandardScaler(), SVC())
SPACE = {"svc__C": (1e-3, 1e3, "log-uniform"), "svc__gamma": (1e-4, 1e1, "log-uniform")}


def search(estimator=SVM, space=SPACE, **settings):
    return BayesSearchCV(estimator, space, **({"n_iter": 20, "cv": 5, "random_state": 0} | settings))


@pytest.mark.parametrize("executor", ["rounds", "stream"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_racing_drops_candidates_and_shows_what_was_run(executor, n_jobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NaN of a dropped candidate is no fault
        fitted = search(resource="folds", executor=executor, n_jobs=n_jobs).fit(X, y)
    results = fitted.cv_results_
    folds = np.column_stack([results[f"split{fold}_test_score"] for fold in range(5)])
    stopped = results["status"] == "stopped"
    assert len(stopped) == 20
    assert 0.2 < stopped.mean() < 1.0
    np.testing.assert_array_equal(results["n_resources"], np.isfinite(folds).sum(axis=1))
    np.testing.assert_array_equal(stopped, results["n_resources"] < 5)
    assert np.isnan(results["mean_test_score"][stopped]).all()
    assert results["rank_test_score"][stopped].min() > results["rank_test_score"][~stopped].max()
    np.testing.assert_allclose(results["partial_test_score"], np.nanmean(folds, axis=1))
    assert not stopped[fitted.best_index_]
    assert fitted.score(X, y) > 0.95


class Shifted(ClassifierMixin, BaseEstimator):
    """Best at another place on every fold, 0.5 on their mean; X says which fold a row is tested in."""

    best: ClassVar[list] = [0.05, 0.95, 0.35, 0.65, 0.5]

    def __init__(self, place=0.0):
        self.place = place

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return -((self.place - self.best[int(X[0, 0])]) ** 2)


def search_shifted(**settings):
    rows = np.arange(50)
    splits = [(np.flatnonzero(rows % 5 != fold), np.flatnonzero(rows % 5 == fold)) for fold in range(5)]
    settings = {"n_iter": 25, "cv": splits, "resource": "folds", "refit": False} | settings
    return search(Shifted(), {"place": (0.0, 1.0)}, **settings).fit((rows % 5)[:, None], rows // 5 % 2)


def test_candidates_begin_with_different_folds():
    results = search_shifted().cv_results_
    folds = np.column_stack([results[f"split{fold}_test_score"] for fold in range(5)])
    for number, (row, n_resources) in enumerate(zip(folds, results["n_resources"], strict=True)):
        run = {(number + i) % 5 for i in range(n_resources)}
        assert set(np.flatnonzero(np.isfinite(row))) == run
    assert min(results["n_resources"]) < 5


def test_an_optimizer_is_told_of_a_twin_what_its_twin_scored():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(9, 5))
    rows[-2:, 3:] = np.nan
    rows[-1, :3] = rows[3, :3]
    resource = Folds(5, 1)
    forecast = resource.forecast(rows, lambda some: np.eye(9)[:, some])
    mean, variance = resource.expected(forecast)
    forecast, _ = forecast  # of trials that are nobody's twin
    assert abs(mean[-1] - rows[3].mean()) < 0.2 * abs(forecast[0][-1] - rows[3].mean())
    assert mean[-2] == forecast[0][-2]
    assert variance[-2] > forecast[1][-2]  # Student's t has more than its scale says
    assert variance[-1] < variance[-2]
    np.testing.assert_array_equal(variance[:7], 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_search_is_not_led_to_what_is_good_on_one_fold(seed):
    results = search_shifted(random_state=seed).cv_results_
    places = np.asarray(results["param_place"], float)
    assert abs(places[np.nanargmax(results["mean_test_score"])] - 0.5) < 0.05
    near = [np.mean(np.abs(places[10:] - best) < 0.05) for best in Shifted.best]
    assert near[-1] > 1.5 * max(near[:-1])


@pytest.mark.parametrize("compared", [True, False])
def test_a_candidate_recalled_from_a_journal_runs_the_folds_that_are_left(compared):
    resource = Folds(5, 1)
    trial = Trial(number=3, params={}, point=np.zeros(1))
    trial.n_steps = resource.n_steps_of(trial, compared)
    trial.finish_step({0: {}})  # recorded for a trial of another number
    trial.n_steps = resource.n_steps_of(trial, compared)
    run = []
    while not trial.complete:
        (fold,) = resource.folds(trial)
        trial.finish_step({fold: {}})
        run.append(fold)
    assert run == [3, 4, 1, 2]


def test_a_candidate_recalled_with_all_folds_is_complete():
    resource = Folds(5, 1)
    trial = Trial(number=3, params={}, point=np.zeros(1), n_steps=resource.n_steps)
    trial.finish_step({fold: {} for fold in range(5)})  # recorded when there was none to compare it with
    trial.n_steps = resource.n_steps_of(trial, True)
    assert trial.complete


def test_many_workers_do_not_begin_many_candidates_before_there_is_one_to_compare_them_with(tmp_path):
    journal = tmp_path / "journal"
    with parallel_config(backend="threading"):
        search_shifted(n_jobs=8, journal=journal)
    begun = {}
    for line in journal.read_text().splitlines()[1:]:
        trial = json.loads(line)
        begun[trial["number"]] = begun.get(trial["number"], 0) + len(trial["folds"])
        if begun[trial["number"]] == 5:
            break
    assert len(begun) < 8


def test_folds_may_be_masks():
    masks = [(np.arange(len(X)) % 3 != fold, np.arange(len(X)) % 3 == fold) for fold in range(3)]
    rows = [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in masks]
    one, other = (search(resource="n_samples", n_iter=5, cv=cv).fit(X, y).cv_results_ for cv in (masks, rows))
    np.testing.assert_array_equal(one["mean_test_score"], other["mean_test_score"])


def test_what_was_run_to_the_end_has_the_scores_of_cross_validation():
    for resource in ("folds", "n_samples"):
        fitted = search(resource=resource).fit(X, y)
        SVM_best = search().estimator.set_params(**fitted.best_params_)
        scores = cross_val_score(SVM_best, X, y, cv=5)
        folds = [fitted.cv_results_[f"split{fold}_test_score"][fitted.best_index_] for fold in range(5)]
        np.testing.assert_array_equal(folds, scores)
        assert fitted.best_score_ > 0.97


def test_the_optimizer_is_told_partial_scores_as_noisy_ones():
    fitted = search(resource="folds").fit(X, y)
    stopped = fitted.cv_results_["status"] == "stopped"
    noise = fitted.optimizer_.noise
    assert len(noise) == 20
    assert (noise > 0).sum() == stopped.sum()


@pytest.mark.parametrize("resource", ["folds", "n_samples"])
def test_rounds_are_reproducible(resource):
    one, other = (search(resource=resource, n_jobs=2).fit(X, y).cv_results_ for _ in range(2))
    for name in ("params", "n_resources", "rank_test_score"):
        assert list(one[name]) == list(other[name])


def test_samples_are_added_in_proportion_and_every_set_contains_the_one_before():
    seen = {}

    class Recording(LogisticRegression):
        def fit(self, X, y):
            seen.setdefault(self.C, []).append((X[:, 0], y))
            return super().fit(X, y)

    X, y = load_iris(return_X_y=True)
    X = X + np.arange(len(X))[:, None] * 1e-9  # tells rows apart
    space = {"C": [1.0, 1e-5, 2.0]}
    settings = {"cv": StratifiedKFold(3), "resource": "n_samples", "min_resources": 20, "refit": False}
    fitted = search(Recording(max_iter=1000), space, n_iter=3, **settings).fit(X, y)
    steps = [seen[1.0][i : i + 3] for i in range(0, len(seen[1.0]), 3)]
    assert [len(rows) for rows, _ in (folds[0] for folds in steps)] == [33, 100]
    for (few, labels), (all_rows, _) in zip(*steps, strict=True):
        assert set(few) <= set(all_rows)
        assert np.bincount(labels).tolist() == [11, 11, 11]
    assert set(fitted.cv_results_["n_resources"]) <= {50, 150}


@pytest.mark.parametrize("factor", [1.01, 1.1, 1.3, 2, 3])
def test_steps_begin_where_they_shall(factor):
    amounts = _rungs(1, 20, factor)
    assert amounts[0] == 1
    assert amounts[-1] == 20
    assert all(less < more <= max(less + 1, factor * less + factor) for less, more in pairwise(amounts))


class Epochs(ClassifierMixin, BaseEstimator):
    """Counts the epochs it was trained for; better the more, up to its quality."""

    trained: ClassVar[dict] = {}

    def __init__(self, quality=0.5, max_epochs=27):
        self.quality = quality
        self.max_epochs = max_epochs

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.epochs_ = 0
        return self._train(self.max_epochs)

    def _train(self, n):
        self.epochs_ += n
        self.trained[self.quality] = self.trained.get(self.quality, 0) + n
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return self.quality * (1 - 0.5**self.epochs_)


class WarmEpochs(Epochs):
    def __init__(self, quality=0.5, max_epochs=27, warm_start=False):
        super().__init__(quality, max_epochs)
        self.warm_start = warm_start

    def fit(self, X, y):
        if self.warm_start and hasattr(self, "epochs_"):
            return self._train(self.max_epochs)
        return super().fit(X, y)


class PartialEpochs(Epochs):
    def partial_fit(self, X, y):
        return self._train(1)


@pytest.mark.parametrize(
    ("estimator", "per_fold"), [(Epochs(), 3 + 9 + 27), (WarmEpochs(), 27), (PartialEpochs(), 27)]
)
def test_estimators_that_can_go_on_do(estimator, per_fold):
    Epochs.trained.clear()
    settings = {"n_iter": 12, "cv": 2, "resource": "max_epochs", "refit": False, "n_initial_points": 12}
    fitted = search(estimator, {"quality": (0.0, 1.0)}, **settings).fit(X, y)
    results = fitted.cv_results_
    for params, n_resources, status in zip(
        results["params"], results["n_resources"], results["status"], strict=True
    ):
        assert (n_resources == 27) == (status == "ok")
        if status == "ok":
            assert Epochs.trained[params["quality"]] == 2 * per_fold
    assert set(results["n_resources"]) <= {3, 9, 27}
    assert "stopped" in results["status"]
    assert fitted.best_params_ == {"quality": max(p["quality"] for p in results["params"]), "max_epochs": 27}
    assert fitted.best_score_ == pytest.approx(fitted.best_params_["quality"])


class OwnBoosting(HistGradientBoostingClassifier):
    """One of the user's own, by another name."""


@pytest.mark.parametrize(
    ("estimator", "resource"),
    [
        (RandomForestClassifier(n_estimators=18, random_state=0), "n_estimators"),
        (GradientBoostingClassifier(n_estimators=18, random_state=0), "n_estimators"),
        (HistGradientBoostingClassifier(max_iter=18, random_state=0), "max_iter"),
        (OwnBoosting(max_iter=18, random_state=0), "max_iter"),
    ],
)
def test_trees_that_were_added_bit_by_bit_score_as_those_grown_at_once(estimator, resource):
    space = {"max_leaf_nodes": (2, 12)}
    fitted = search(estimator, space, n_iter=5, cv=3, resource=resource, n_jobs=2).fit(X, y)
    again = cross_val_score(estimator.set_params(**fitted.best_params_), X, y, cv=3)
    assert fitted.best_score_ == pytest.approx(again.mean())
    assert fitted.best_params_[resource] == 18


SGD = SGDClassifier(tol=None, random_state=0)


@pytest.mark.parametrize(
    ("estimator", "prefix"),
    [
        pytest.param(OneVsRestClassifier(SGD), "estimator__", id="a meta-estimator clones it"),
        pytest.param(
            make_pipeline(GaussianRandomProjection(3, random_state=np.random.RandomState(0)), SGD),
            "sgdclassifier__",
            id="it has other columns each time",
        ),
        pytest.param(LogisticRegression(solver="liblinear", tol=1e-9), "", id="it ignores warm_start"),
        pytest.param(
            SGDClassifier(early_stopping=True, n_iter_no_change=2, random_state=0),
            "",
            id="it had stopped early",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_can_not_go_on_is_fitted_from_the_start(estimator, prefix):
    settings = {"n_iter": 2, "cv": 3, "resource": f"{prefix}max_iter", "max_resources": 9, "min_resources": 1}
    settings["scoring"] = scoring = "roc_auc"
    fitted = search(estimator, {f"{prefix}fit_intercept": [True, False]}, **settings).fit(X, y)
    again = clone(estimator).set_params(**fitted.best_params_)
    assert fitted.best_params_[f"{prefix}max_iter"] == 9
    assert fitted.best_score_ == pytest.approx(cross_val_score(again, X, y, cv=3, scoring=scoring).mean())


@pytest.mark.parametrize(
    "estimator",
    [
        GradientBoostingClassifier(n_estimators=90, n_iter_no_change=3, random_state=0),
        BaggingClassifier(n_estimators=18, oob_score=True, random_state=0),
    ],
    ids=["it had stopped early", "it refuses warm_start"],
)
def test_ensembles_that_can_not_go_on_are_fitted_from_the_start(estimator):
    data = make_classification(300, 10, n_informative=5, flip_y=0.2, random_state=0)
    space = {"max_features": (0.5, 1.0)}
    settings = {"n_iter": 2, "cv": 3, "resource": "n_estimators", "scoring": "neg_log_loss"}
    fitted = search(estimator, space, **settings).fit(*data)
    again = clone(estimator).set_params(**fitted.best_params_)
    assert fitted.best_score_ == pytest.approx(
        cross_val_score(again, *data, cv=3, scoring="neg_log_loss").mean()
    )


@pytest.mark.parametrize(("early_stopping", "goes_on"), [("auto", False), (True, False), (False, True)])
def test_whether_it_stops_early_may_depend_on_the_number_of_rows(early_stopping, goes_on):
    data = make_classification(10_100, 4, random_state=0)
    model = HistGradientBoostingClassifier(max_iter=3, early_stopping=early_stopping).fit(*data)
    assert Continuation("max_iter", 0, 3, False).possible(model) is goes_on


@pytest.mark.filterwarnings("error:class_weight presets")
def test_rows_are_the_same_in_each_step_and_nothing_warns_that_they_may_not_be():
    forest = RandomForestClassifier(n_estimators=9, class_weight="balanced", random_state=0)
    results = (
        search(forest, {"max_depth": [2, 4]}, n_iter=2, cv=3, resource="n_estimators").fit(X, y).cv_results_
    )
    assert (results["status"] != "failed").all()


def test_many_folds_are_run_a_few_at_a_time():
    amounts = [Folds(n, _at_a_time(n)).amounts for n in (5, 20, 25, 300)]
    assert amounts[:2] == [list(range(1, 6)), list(range(1, 21))]
    assert [len(steps) for steps in amounts[2:]] == [13, 20]
    assert [(steps[0], steps[-1]) for steps in amounts[2:]] == [(2, 25), (15, 300)]
    assert Folds(25, 25).amounts == [25]


@pytest.mark.parametrize("journal", [None, "journal"])
def test_racing_over_many_folds_has_the_scores_of_cross_validation(tmp_path, journal):
    cv = RepeatedStratifiedKFold(n_splits=5, n_repeats=9, random_state=0)
    path = None if journal is None else tmp_path / journal
    settings = {"n_iter": 8, "cv": cv, "resource": "folds"}
    fitted = search(
        DecisionTreeClassifier(random_state=0), {"max_leaf_nodes": (2, 30)}, journal=path, **settings
    )
    if path is not None:
        fitted.fit(X, y)
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[: len(lines) // 2]))
    results = fitted.fit(X, y).cv_results_
    for params, status, score in zip(
        results["params"], results["status"], results["mean_test_score"], strict=True
    ):
        if status == "ok":
            model = clone(fitted.estimator).set_params(**params)
            assert score == pytest.approx(cross_val_score(model, X, y, cv=cv).mean())
    assert (results["status"] == "stopped").any()
    assert set(results["n_resources"]) <= {3, *range(6, 46, 3)}


def test_partial_fit_without_a_target_is_no_pass_over_the_data():
    digits = load_digits().data[:300] / 16.0
    rbm = BernoulliRBM(4, n_iter=9, random_state=0)

    def score(model, X, y=None):
        return model.score_samples(X).mean()

    settings = {"n_iter": 2, "cv": 3, "scoring": score, "resource": "n_iter"}
    fitted = search(rbm, {"learning_rate": [0.1, 0.05]}, **settings).fit(digits)
    best = rbm.set_params(**fitted.best_params_)
    assert fitted.best_score_ == pytest.approx(cross_val_score(best, digits, cv=3, scoring=score).mean())


@pytest.mark.parametrize("n_iter", [5, 8, 11])
def test_the_best_candidate_wins_although_it_comes_last(n_iter):
    rising = np.linspace(0.1, 0.9, n_iter)
    settings = {"n_iter": n_iter, "cv": 2, "resource": "max_epochs", "timeout": 1e6}
    initial = [{"quality": float(quality)} for quality in rising]
    fitted = search(WarmEpochs(), {"quality": (0.0, 1.0)}, initial_params=initial, **settings).fit(X, y)
    assert fitted.best_params_["quality"] == max(p["quality"] for p in fitted.cv_results_["params"])
    assert fitted.cv_results_["status"].tolist().count("ok") <= (n_iter + 1) // 2


class Curves(WarmEpochs):
    """Scores after 3, 9 and 27 epochs, by quality."""

    scores: ClassVar[dict] = {
        1: [0.50, 0.60, 0.70],
        2: [0.55, 0.66, 0.75],
        3: [0.54, 0.67, 0.80],
        4: [0.20, 0.25, 0.30],
    }

    def score(self, X, y):
        return self.scores[self.quality][[3, 9, 27].index(self.epochs_)]


def test_who_had_no_room_goes_on_in_the_end_if_it_may_well_win():
    """The third is expected a bit below the second, which was run to its end, and overtakes it."""
    settings = {"n_iter": 4, "cv": 2, "resource": "max_epochs"}
    fitted = search(Curves(), {"quality": [1, 2, 3, 4]}, **settings).fit(X, y)
    assert fitted.cv_results_["n_resources"].tolist() == [27, 27, 27, 3]
    assert fitted.best_params_["quality"] == 3


def test_a_step_of_a_pipeline_goes_on():
    estimator = make_pipeline(StandardScaler(), MLPClassifier((5,), random_state=0, max_iter=30))
    space = {"mlpclassifier__alpha": (1e-6, 1.0, "log-uniform")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = search(estimator, space, n_iter=4, cv=2, resource="mlpclassifier__max_iter", n_jobs=2).fit(
            X, y
        )
    assert fitted.best_params_["mlpclassifier__max_iter"] == 30
    assert fitted.best_score_ > 0.8


def test_the_last_step_has_what_the_resource_limits_say():
    settings = {"n_iter": 3, "cv": 2, "resource": "max_epochs"}
    fitted = search(
        Epochs(), {"quality": (0.0, 1.0)}, **settings, max_resources=40, min_resources=8, factor=2
    )
    fitted.fit(X, y)
    assert set(fitted.cv_results_["n_resources"]) <= {10, 20, 40}
    assert fitted.best_estimator_.epochs_ == 40


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_candidate_that_fails_costs_one_fold():
    fits = []

    class Fragile(Epochs):
        def fit(self, X, y):
            fits.append(self.quality)
            if self.quality > 0.9:
                raise RuntimeError("too good")
            return super().fit(X, y)

    results = search(Fragile(), {"quality": [0.5, 0.95, 0.7]}, n_iter=3, resource="folds", refit=False).fit(
        X, y
    )
    status = dict(zip(results.cv_results_["param_quality"], results.cv_results_["status"], strict=True))
    assert status[0.95] == "failed"
    assert status[0.7] == "ok"
    assert fits.count(0.95) == 1


@pytest.mark.parametrize("resource", ["folds", "max_epochs"])
@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_a_journal_goes_on_in_the_middle_of_a_trial(tmp_path, resource, executor):
    settings = {"n_iter": 10, "cv": 3, "resource": resource, "refit": False, "executor": executor}
    space = {"quality": (0.0, 1.0)}
    journal = tmp_path / "journal.jsonl"
    whole = search(WarmEpochs(), space, **settings, journal=journal).fit(X, y)
    lines = journal.read_bytes().splitlines(keepends=True)
    steps = [(tuple(line["point"]), line["step"]) for line in map(json.loads, lines[1:])]
    assert len(set(steps)) == len(steps)
    for n_lines in (2, len(lines) // 2, len(lines)):
        journal.write_bytes(b"".join(lines[:n_lines]))
        again = search(WarmEpochs(), space, **settings, journal=journal).fit(X, y)
        for name in ("params", "status", "n_resources", "mean_test_score"):
            assert repr(list(again.cv_results_[name])) == repr(list(whole.cv_results_[name]))


class Table(ClassifierMixin, BaseEstimator):
    """Scores by a table of candidates and folds; X says which fold a row is tested in."""

    scores = 2 * np.random.default_rng(3).normal(size=(20, 1)) + np.random.default_rng(4).normal(size=(20, 4))
    scores[12] = [4.0, 8.0, 8.0, 8.0]  # the best, which nobody would think after its first fold

    def __init__(self, number=0):
        self.number = number

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return self.scores[self.number, int(X[0, 0])]


def search_table(**settings):
    rows = np.arange(40)
    splits = [(np.flatnonzero(rows % 4 != fold), np.flatnonzero(rows % 4 == fold)) for fold in range(4)]
    settings = {"n_iter": 20, "cv": splits, "resource": "folds", "random_state": 0} | settings
    data = (rows % 4)[:, None], rows // 4 % 2
    return BayesSearchCV(Table(), {"number": list(range(20))}, **settings).fit(*data).cv_results_


def steps_in(journal):
    """Trial and step, in the order in which they were recorded."""
    return [(line["number"], line["step"]) for line in map(json.loads, journal.read_bytes().splitlines()[1:])]


@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_candidates_are_paused_and_the_promising_ones_resumed(tmp_path, executor):
    results = search_table(executor=executor, journal=tmp_path / "journal.jsonl")
    steps = steps_in(tmp_path / "journal.jsonl")
    began = steps.index((19, 0))
    paused = {number for number, step in steps[began:] if step > 0}
    assert results["params"][int(np.nanargmax(results["mean_test_score"]))] == {"number": 12}
    assert 12 in paused
    assert "stopped" in results["status"]
    # The most promising come first: who was resumed scored more than who was not.
    partial = results["partial_test_score"]
    assert partial[sorted(paused)].mean() > partial[results["n_resources"] == 1].mean()


@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_a_journal_goes_on_with_candidates_that_are_paused(tmp_path, executor):
    journal = tmp_path / "journal.jsonl"
    whole = search_table(executor=executor, journal=journal)
    steps = steps_in(journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    for n_lines in (len(lines) // 3, steps.index((19, 0)) + 2, len(lines) - 2):
        journal.write_bytes(b"".join(lines[:n_lines]))
        again = search_table(executor=executor, journal=journal)
        assert steps_in(journal) == steps
        for name in ("params", "status", "n_resources", "mean_test_score"):
            assert repr(list(again[name])) == repr(list(whole[name]))


def test_paused_candidates_are_resumed_in_the_same_way_by_any_workers():
    one, two = (search_table(executor=Rounds(n_points=2), n_jobs=n_jobs) for n_jobs in (None, 2))
    for name in ("params", "n_resources", "mean_test_score"):
        assert repr(list(one[name])) == repr(list(two[name]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_candidate_that_fails_after_its_first_fold_stands_in_nobodys_way(monkeypatch):
    def fit(self, X, y):
        if self.number == 7 and 1 not in X[:, 0]:  # in its second fold
            raise RuntimeError("late")
        self.classes_ = np.unique(y)
        return self

    monkeypatch.setattr(Table, "fit", fit)
    scores = Table.scores.copy()
    scores[7] = 100.0
    monkeypatch.setattr(Table, "scores", scores)
    results = search_table(refit=False)
    assert results["status"][7] == "failed"
    assert results["params"][int(np.nanargmax(results["mean_test_score"]))] == {"number": 12}


def test_a_search_out_of_time_has_a_candidate_that_was_run_to_its_end():
    fitted = search(resource="folds", timeout=1e-6).fit(X, y)
    assert list(fitted.cv_results_["status"]) == ["ok"]


def test_several_metrics():
    fitted = search(resource="folds", scoring=["accuracy", "roc_auc"], refit="roc_auc").fit(X, y)
    results = fitted.cv_results_
    stopped = results["status"] == "stopped"
    for metric in ("accuracy", "roc_auc"):
        np.testing.assert_array_equal(np.isnan(results[f"mean_test_{metric}"]), stopped)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resource": "svc__max_itr"}, r"resource='svc__max_itr' is not.*'svc__max_iter'"),
        ({"resource": "svc__C"}, "resource='svc__C' is in param_distributions too"),
        ({"resource": "svc__max_iter"}, "The estimator has svc__max_iter=-1; give max_resources"),
        ({"resource": "svc__kernel", "max_resources": 5}, "resource='svc__kernel' counts nothing"),
        ({"resource": "svc__tol"}, "resource='svc__tol' counts nothing: it is 0.001; name a number"),
        (
            {"resource": "n_samples", "max_resources": 1},
            "max_resources=1 is less than .* 2 classes; raise it",
        ),
        ({"resource": "folds", "max_resources": 3}, "max_resources=3 with resource='folds'"),
        ({"resource": "folds", "min_resources": 6}, "min_resources=6 must be between 1 and max_resources=5"),
        ({"resource": "n_samples", "max_resources": 10**6}, "max_resources=1000000 is more than the 569"),
        ({"resource": "n_samples", "min_resources": 1}, "min_resources=1 must be between 2 and"),
        ({"factor": 1}, "factor"),
    ],
)
def test_mistakes_are_said_before_any_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        search(**settings).fit(X, y)


@pytest.mark.filterwarnings("ignore:Scoring failed")
def test_what_fails_for_lack_of_rows_goes_on_to_more(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:150], y[:150]
    settings = {"n_iter": 8, "cv": 5, "resource": "n_samples", "journal": tmp_path / "journal"}
    space = {"n_neighbors": (20, 60)}  # the first step has 13 rows
    for _ in range(2):  # and from the journal
        fitted = search(KNeighborsRegressor(20), space, **settings).fit(X, y)
        results = fitted.cv_results_
        assert set(results["status"]) <= {"ok", "stopped"}
        assert results["status"][0] == "ok"
        assert results["n_resources"].min() > 17
        again = cross_val_score(KNeighborsRegressor(**fitted.best_params_), X, y, cv=5)
        assert fitted.best_score_ == pytest.approx(again.mean())


def test_what_fails_with_all_rows_too_is_a_failure():
    estimator = make_pipeline(FunctionTransformer(), KNeighborsClassifier())
    space = {"kneighborsclassifier__n_neighbors": [1, 3, 0]}
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 9"):
        fitted = search(estimator, space, n_iter=3, cv=3, resource="n_samples").fit(X, y)
    results = fitted.cv_results_
    wrong = [params["kneighborsclassifier__n_neighbors"] == 0 for params in results["params"]]
    assert (results["status"] == "failed").tolist() == wrong
    assert np.isnan(results["mean_test_score"][wrong]).all()


def test_a_resource_of_one_step_is_said():
    fitted = search(SVC(), {"C": (0.1, 10.0)}, n_iter=2, cv=10, resource="n_samples")
    with pytest.warns(UserWarning, match=r"resource='n_samples' makes no difference: .* 60 of 150"):
        fitted.fit(*load_iris(return_X_y=True))
    np.testing.assert_array_equal(
        fitted.cv_results_["partial_test_score"], fitted.cv_results_["mean_test_score"]
    )


def test_settings_with_the_iterations_that_results_show_can_be_given_again():
    settings = {"n_iter": 2, "cv": 3, "resource": "n_estimators"}
    fitted = search(GradientBoostingClassifier(n_estimators=9), {"max_depth": (1, 5)}, **settings).fit(X, y)
    assert fitted.best_params_["n_estimators"] == 9
    mean, std = fitted.optimizer_.predict(fitted.best_params_)
    assert np.isfinite([mean, std]).all()
    again = clone(fitted).set_params(initial_params=[fitted.best_params_]).fit(X, y)
    assert fitted.best_params_["max_depth"] in [params["max_depth"] for params in again.cv_results_["params"]]
