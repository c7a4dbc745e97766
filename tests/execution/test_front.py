"""The untuned front of a pipeline is fitted once per fold, where that changes nothing."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, ShuffleSplit, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from sksearch import BayesSearchCV
from sksearch.execution import cross_validation, front

X, y = load_breast_cancer(return_X_y=True)
SPACE = {"logisticregression__C": (1e-3, 1e2, "log-uniform")}


class Counted(TransformerMixin, BaseEstimator):
    """Changes nothing, and counts."""

    fits: ClassVar[list] = []

    def __init__(self, random_state=0, works=True):
        self.random_state = random_state
        self.works = works

    def fit(self, X, y=None, weight=None):
        self.fits.append(len(X))
        if not self.works:
            raise RuntimeError("front is broken")
        return self

    def transform(self, X):
        return X


def search(estimator, space=SPACE, **settings):
    return BayesSearchCV(estimator, space, **({"n_iter": 6, "cv": 3, "random_state": 0} | settings))


def n_front_fits(estimator, space=SPACE, X=X, y=y, fit_params=None, **settings):
    Counted.fits.clear()
    search(estimator, space, refit=False, **settings).fit(X, y, **(fit_params or {}))
    return len(Counted.fits)


def pipeline(*steps):
    return make_pipeline(*steps, LogisticRegression(max_iter=200))


@pytest.mark.parametrize("settings", [{}, {"executor": "stream"}, {"resource": "folds"}])
def test_the_front_is_fitted_once_per_fold(settings):
    assert n_front_fits(pipeline(StandardScaler(), Counted()), **settings) == 3


def test_iterations_are_added_behind_the_front():
    estimator = make_pipeline(StandardScaler(), Counted(), MLPClassifier((3,), random_state=0, max_iter=27))
    space = {"mlpclassifier__alpha": (1e-6, 1.0, "log-uniform")}
    with pytest.warns():  # few iterations
        assert n_front_fits(estimator, space, resource="mlpclassifier__max_iter") == 3


def never(*arguments):
    return 0


def same_scores(monkeypatch, estimator, space, X, y, **settings):
    """Whether a search with and without the front in memory gives the same scores."""
    once = search(estimator, space, return_train_score=True, **settings).fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr(cross_validation, "n_front_steps", never)
        always = search(estimator, space, return_train_score=True, **settings).fit(X, y)
    for name, column in once.cv_results_.items():
        if not name.endswith("_time"):
            assert repr(list(column)) == repr(list(always.cv_results_[name])), name


class InPlace(TransformerMixin, BaseEstimator):
    """Destroys its input."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        X *= 0.5
        return X


@pytest.mark.parametrize(
    "steps",
    [
        (StandardScaler(), PCA(5, random_state=0)),
        (StandardScaler().set_output(transform="pandas"), SelectKBest(k=4)),
        (StandardScaler(), "passthrough", InPlace()),
        (PCA(3, random_state=np.random.RandomState(3)),),
    ],
)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_scores_are_identical(monkeypatch, steps, n_jobs):
    space = SPACE | ({"selectkbest__k": [2, 4]} if isinstance(steps[-1], SelectKBest) else {})
    for data in (X, pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])):
        same_scores(monkeypatch, pipeline(*steps), space, data, y, n_jobs=n_jobs)


def test_a_step_that_works_in_place_behind_the_front_does_not_spoil_it(monkeypatch):
    space = SPACE | {"inplace": [InPlace(), "passthrough"]}
    same_scores(monkeypatch, pipeline(StandardScaler(), InPlace()), space, X, y)


def test_training_rows_are_not_taken_for_what_the_fit_made_of_them(monkeypatch):
    # A target encoder transforms the rows that it was fitted on in another way than the same rows later.
    data = np.round(X[:, :3]).astype(int)
    same_scores(monkeypatch, pipeline(TargetEncoder(random_state=0)), SPACE, data, y)


def test_folds_may_be_masks(monkeypatch):
    masks = [(np.arange(len(X)) % 3 != fold, np.arange(len(X)) % 3 == fold) for fold in range(3)]
    same_scores(monkeypatch, pipeline(StandardScaler()), SPACE, X, y, cv=masks)


def test_folds_may_count_rows_from_the_end(monkeypatch):
    folds = [(np.arange(0, 300), np.arange(-200, 0)), (np.arange(-300, 0), np.arange(0, 200))]
    same_scores(monkeypatch, pipeline(StandardScaler()), SPACE, X, y, cv=folds)
    written_out = [tuple(np.arange(len(X))[rows] for rows in fold) for fold in folds]
    scores = [
        search(pipeline(StandardScaler()), cv=cv).fit(X, y).cv_results_["mean_test_score"]
        for cv in (folds, written_out)
    ]
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("step", [StandardScaler(copy=False), InPlace()], ids=str)
def test_steps_that_work_in_place_transform_training_rows_once(step):
    found = search(make_pipeline(step, LogisticRegression(max_iter=200)), return_train_score=True).fit(
        X.copy(), y
    )
    for params, test_score, train_score in zip(
        found.cv_results_["params"],
        found.cv_results_["mean_test_score"],
        found.cv_results_["mean_train_score"],
        strict=True,
    ):
        apart = step.fit(X.copy()).transform(X.copy()) if isinstance(step, InPlace) else None
        estimator = clone(pipeline(StandardScaler() if apart is None else "passthrough")).set_params(**params)
        expected = cross_validate(estimator, X if apart is None else apart, y, cv=3, return_train_score=True)
        assert test_score == pytest.approx(expected["test_score"].mean(), abs=1e-12)
        assert train_score == pytest.approx(expected["train_score"].mean(), abs=1e-12)


def test_searches_without_a_target(monkeypatch):
    estimator = make_pipeline(StandardScaler(), KMeans(random_state=0, n_init=2))
    same_scores(monkeypatch, estimator, {"kmeans__n_clusters": (2, 9)}, X, None)


def test_texts_are_read_once_per_fold(monkeypatch):
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(2000)])
    texts = [" ".join(words[rng.zipf(1.3, 150) % 2000]) for _ in range(150)]
    labels = rng.integers(0, 2, 150)
    estimator = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression())
    fit_transform, calls = TfidfVectorizer.fit_transform, []

    def counting(self, *args, **kwargs):
        calls.append(self)
        return fit_transform(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(TfidfVectorizer, "fit_transform", counting)
        n_splits = search(estimator, n_iter=8, refit=False).fit(texts, labels).n_splits_
        assert len(calls) == n_splits
        patch.setattr(cross_validation, "n_front_steps", never)
        calls.clear()
        search(estimator, n_iter=8, refit=False).fit(texts, labels)
        assert len(calls) == 8 * n_splits
    same_scores(monkeypatch, estimator, SPACE, texts, labels)


class MyPipeline(Pipeline):
    pass


def scorer(estimator, X, y):
    assert X.shape[1] == 30  # it sees the data
    return estimator.score(X, y)


class NoEstimator:
    """Has what a pipeline needs, and no more."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


class Drawing(TransformerMixin, BaseEstimator):
    """Draws, has no seed, and says so."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X + 0.01 * np.random.standard_normal(X.shape)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags


every_time = 6 * 3
counted = pipeline(Counted())


@pytest.mark.parametrize(
    ("estimator", "settings"),
    [
        (pipeline(Counted(random_state=None)), {}),
        (pipeline(make_pipeline(Counted(random_state=None), StandardScaler())), {}),
        (pipeline(Drawing(), Counted()), {}),
        (pipeline(FeatureUnion([("draws", Drawing())]), Counted()), {}),
        (pipeline(ColumnTransformer([("draws", Drawing(), [0, 1])]), Counted()), {}),
        (pipeline(make_pipeline(StandardScaler(), NoEstimator()), Counted()), {}),
        (pipeline(Counted(works=KFold(3, shuffle=True))), {}),
        (pipeline(Counted(works=ShuffleSplit(3))), {}),
        (counted, {"space": SPACE | {"counted__works": [True, 1]}}),
        (counted, {"space": SPACE | {"counted": [Counted(), Counted(1)]}}),
        (counted, {"space": {"steps": [counted.steps] + [pipeline(Counted(i)).steps for i in range(1, 6)]}}),
        (counted, {"scoring": scorer}),
        (MyPipeline(counted.steps), {}),
        (counted, {"fit_params": {"counted__weight": np.ones(len(X))}}),
    ],
)
def test_where_it_could_change_results_it_is_fitted_every_time(estimator, settings):
    assert n_front_fits(estimator, **settings) == every_time


@pytest.mark.parametrize("folds", [KFold(3), KFold(3, shuffle=True, random_state=0)])
def test_folds_that_are_always_the_same_do_not_end_the_front(folds):
    assert n_front_fits(pipeline(Counted(works=folds))) == 3


def test_random_steps_end_the_front():
    estimator = pipeline(Counted(), PCA(3))
    assert n_front_fits(estimator) == 3


def test_steps_that_say_nothing_of_themselves_end_the_front(monkeypatch):
    same_scores(monkeypatch, pipeline(StandardScaler(), NoEstimator()), SPACE, X, y)
    assert n_front_fits(pipeline(NoEstimator(), Counted())) == every_time


def test_fits_get_their_parameters(monkeypatch):
    weight = np.where(y == 1, 1.0, 1e-3)
    estimator = pipeline(StandardScaler())
    params = {"logisticregression__sample_weight": weight}
    once = search(estimator).fit(X, y, **params).cv_results_["mean_test_score"]
    monkeypatch.setattr(cross_validation, "n_front_steps", never)
    np.testing.assert_array_equal(once, search(estimator).fit(X, y, **params).cv_results_["mean_test_score"])
    assert not np.array_equal(once, search(estimator).fit(X, y).cv_results_["mean_test_score"])


def test_a_front_that_fails_is_the_failure_of_every_candidate():
    with pytest.raises(ValueError, match="front is broken"):
        search(pipeline(Counted(works=False))).fit(X, y)


def test_what_is_too_large_to_keep_is_fitted_again(monkeypatch):
    monkeypatch.setattr(front, "_MAX_BYTES", 1000)
    assert n_front_fits(pipeline(Counted())) == 3 + every_time
