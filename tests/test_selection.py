"""The winner of a search: which candidate it is, and how good it is said to be."""

import pickle
from itertools import product

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksearch import BayesSearchCV, OneStandardError
from sksearch.space import Subset
from sksearch.winner import corrected_score

X, y = load_iris(return_X_y=True)
TREES = {"max_depth": [1, 2, 3, 5, 8, None], "min_samples_leaf": [1, 5, 20]}
SIMPLE = ["max_depth", "-min_samples_leaf"]


class Table(ClassifierMixin, BaseEstimator):
    """Scores what a table says of its row, fold by fold."""

    def __init__(self, row=0, size=0, table=None, fails=()):
        self.row = row
        self.size = size
        self.table = table
        self.fails = fails

    def fit(self, X, y):
        if self.row in self.fails:
            raise RuntimeError("this row fails")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return self.table[self.row][int(X[0, 0])]


def search_table(table, space=None, fails=(), **settings):
    """Search the rows of a table of scores, of shape (n_candidates, n_folds)."""
    n_splits = len(table[0])
    folds = np.repeat(np.arange(n_splits), 4)
    settings = {"n_iter": 100, "random_state": 0} | settings
    space = {"row": list(range(len(table)))} if space is None else space
    cv = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(n_splits)]
    search = BayesSearchCV(Table(table=table, fails=fails), space, cv=cv, **settings)
    return search.fit(folds[:, None].astype(float), np.arange(len(folds)) % 2)


def search_trees(**settings):
    settings = {"n_iter": 18, "cv": 5, "random_state": 0} | settings
    return BayesSearchCV(DecisionTreeClassifier(random_state=0), TREES, **settings).fit(X, y)


# Row 0 is the best, its standard error is 0.014; rows 1 and 2 are within it, row 3 is not.
NEAR = [[0.88, 0.9, 0.94, 0.88], [0.893] * 4, [0.888] * 4, [0.87] * 4]


# -- one standard error ---------------------------------------------------------------------------


def test_the_simplest_candidate_within_one_standard_error_wins():
    largest = search_table(NEAR, refit=OneStandardError(simplicity="-row"))
    assert largest.best_params_ == {"row": 2}
    assert largest.best_score_ == largest.cv_results_["mean_test_score"][2]
    assert largest.best_estimator_.row == 2
    smallest = search_table(NEAR, refit=OneStandardError(simplicity=["row"]))
    assert smallest.best_params_ == {"row": 0}


def test_it_agrees_with_the_rule_written_out_on_real_trees():
    search = search_trees(refit=OneStandardError(simplicity=SIMPLE))
    results = search.cv_results_
    scores = np.column_stack([results[f"split{k}_test_score"] for k in range(5)])
    best = scores.mean(axis=1).argmax()
    near = scores.mean(axis=1) >= scores[best].mean() - scores[best].std(ddof=1) / np.sqrt(5)

    def key(i):
        params = results["params"][i]
        depth = np.inf if params["max_depth"] is None else params["max_depth"]
        return depth, -params["min_samples_leaf"], -results["mean_test_score"][i], i

    assert search.best_index_ == min(np.flatnonzero(near), key=key)
    assert search.best_index_ != best


def test_the_string_takes_the_fastest_fit():
    search = search_trees(refit="one-standard-error")
    results = search.cv_results_
    best = results["mean_test_score"].argmax()
    error = np.std([results[f"split{k}_test_score"][best] for k in range(5)], ddof=1) / np.sqrt(5)
    near = results["mean_test_score"] >= results["mean_test_score"][best] - error
    assert results["mean_fit_time"][search.best_index_] == results["mean_fit_time"][near].min()
    assert search.best_score_ == results["mean_test_score"][search.best_index_]
    assert search.predict(X).shape == y.shape


def test_simplicity_can_be_a_callable_and_equals_are_settled_by_score():
    even_first = search_table(NEAR, refit=OneStandardError(simplicity=lambda params: params["row"] % 2))
    assert even_first.best_params_ == {"row": 0}
    odd_first = search_table(NEAR, refit=OneStandardError(simplicity=lambda params: -(params["row"] % 2)))
    assert odd_first.best_params_ == {"row": 1}
    indifferent = search_table(NEAR, refit=OneStandardError(simplicity=lambda params: "same"))
    assert indifferent.best_params_ == {"row": 0}


def test_none_is_the_largest_value_and_a_candidate_without_the_parameter_the_simplest():
    flat = [[0.5, 0.6]] * 3
    space = {"row": [0], "size": [None, 3, 5]}
    assert search_table(flat, space, refit=OneStandardError(simplicity="size")).best_params_["size"] == 3
    largest = search_table(flat, space, refit=OneStandardError(simplicity="-size"))
    assert largest.best_params_["size"] is None
    branches = [{"row": [0], "size": [3, 5]}, {"row": [1]}]
    for order in ("size", "-size"):
        search = search_table(flat, branches, refit=OneStandardError(simplicity=order))
        assert search.best_params_ == {"row": 1}


def test_failed_candidates_never_win_even_with_a_number_as_error_score():
    # The failed row would be the best by far.
    with pytest.warns(FitFailedWarning):
        search = search_table(
            NEAR,
            fails=[3],
            error_score=1.0,
            refit=OneStandardError(simplicity="-row"),
            return_train_score=True,
        )
    assert search.cv_results_["status"][3] == "failed"
    assert search.best_params_ == {"row": 2}
    assert search.best_score_corrected_ < 0.95


def test_candidates_that_were_dropped_never_win():
    rng = np.random.default_rng(0)
    table = np.sort(rng.uniform(0.3, 0.9, 30))[:, None] + 0.01 * rng.standard_normal((30, 5))
    search = search_table(
        table.tolist(), resource="folds", n_iter=25, refit=OneStandardError(simplicity="row")
    )
    status = search.cv_results_["status"]
    assert "stopped" in status
    assert status[search.best_index_] == "ok"
    best = np.nanmax(search.cv_results_["mean_test_score"])
    assert best - 0.05 < search.best_score_ <= best
    assert np.isfinite(search.best_score_corrected_)


def test_a_callable_chooses_among_those_that_were_run_to_their_end():
    rng = np.random.default_rng(0)
    table = np.sort(rng.uniform(0.3, 0.9, 30))[:, None] + 0.01 * rng.standard_normal((30, 5))

    def lowest_row_of_the_better_half(cv_results_):
        means = cv_results_["mean_test_score"]
        assert np.isfinite(means).all()
        assert len(cv_results_["params"]) == len(means)
        good = np.flatnonzero(means >= np.median(means))
        return good[cv_results_["param_row"][good].argmin()]

    found = search_table(table.tolist(), resource="folds", n_iter=25, refit=lowest_row_of_the_better_half)
    results = found.cv_results_
    assert "stopped" in results["status"]
    assert len(results["params"]) == 25
    whole = np.flatnonzero(results["status"] == "ok")
    means = results["mean_test_score"]
    good = whole[means[whole] >= np.median(means[whole])]
    assert found.best_params_ == {"row": min(results["param_row"][good])}
    assert results["params"][found.best_index_] == found.best_params_


def test_it_is_also_a_refit_of_grid_search():
    rule = OneStandardError(simplicity=SIMPLE)
    theirs = GridSearchCV(DecisionTreeClassifier(random_state=0), TREES, refit=rule).fit(X, y)
    assert theirs.best_params_ == search_trees(refit=rule).best_params_


def test_a_name_that_a_search_of_scikit_learn_does_not_have_is_told():
    grid = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]})
    with pytest.raises(ValueError, match="'max_dept' is not searched; did you mean 'max_depth'"):
        grid.set_params(refit=OneStandardError(simplicity="max_dept")).fit(X, y)


def test_one_fold_has_no_standard_error_in_a_search_of_scikit_learn_either():
    grid = GridSearchCV(SVC(), {"C": [1, 2]}, cv=ShuffleSplit(1, random_state=0), refit=OneStandardError())
    with pytest.raises(ValueError, match="needs at least 2 folds, got 1"):
        grid.fit(X, y)


def test_it_pickles_clones_and_nests():
    rule = OneStandardError(simplicity=SIMPLE)
    search = search_trees(refit=rule, n_iter=6)
    copy = pickle.loads(pickle.dumps(search))
    assert copy.best_index_ == search.best_index_
    assert copy.best_score_corrected_ == search.best_score_corrected_
    unfitted = clone(search)
    assert repr(unfitted.refit) == repr(rule)
    assert unfitted.fit(X, y).best_index_ == search.best_index_
    assert len(cross_val_score(unfitted, X, y, cv=2)) == 2


# -- several metrics ------------------------------------------------------------------------------

SCORING = {"accuracy": "accuracy", "loss": "neg_log_loss"}


def test_several_metrics_the_named_one_is_optimised_chosen_by_and_scored():
    rule = OneStandardError(metric="loss", simplicity="C")
    space = {"C": (1e-3, 1e3, "log-uniform")}
    search = BayesSearchCV(LogisticRegression(max_iter=1000), space, n_iter=8, scoring=SCORING, refit=rule)
    search.set_params(random_state=0, cv=3).fit(X, y)
    results = search.cv_results_
    assert search.optimizer_.values.max() == pytest.approx(results["mean_test_loss"].max())
    assert search.best_score_ == results["mean_test_loss"][search.best_index_]
    assert search.score(X, y) == search.scorer_["loss"](search.best_estimator_, X, y)
    assert search.score(X, y) < 0
    assert search.best_score_corrected_ < 0
    assert search.refit is rule


def test_a_scorer_that_returns_a_dict_can_be_chosen_by():
    def scorer(estimator, X, y):
        score = estimator.score(X, y)
        return {"plain": score, "negative": -score}

    rule = OneStandardError(metric="negative", simplicity="-row")
    search = search_table(NEAR, scoring=scorer, refit=rule)
    assert search.best_params_ == {"row": 3}
    assert search.best_score_ == pytest.approx(-0.87)
    assert search.optimizer_.values.max() == pytest.approx(-0.87)
    with pytest.raises(ValueError, match=r"metric='plan'.*did you mean 'plain'"):
        search_table(NEAR, scoring=scorer, refit=OneStandardError(metric="plan"))


class NeverFitted(Table):
    def fit(self, X, y):
        raise AssertionError("a user error must be found before any fit")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"refit": OneStandardError}, ValueError, r"refit=OneStandardError is a class; pass an instance"),
        ({"refit": "one_standard_error"}, ValueError, "did you mean 'one-standard-error'"),
        (
            {"refit": OneStandardError(simplicity="rwo")},
            ValueError,
            "'rwo' is not searched; did you mean 'row'",
        ),
        ({"refit": OneStandardError(simplicity=["kind"])}, ValueError, "'kind', such as 'a', have no order"),
        ({"refit": OneStandardError(simplicity=["mask"])}, ValueError, "'mask'.*have no order"),
        (
            {"refit": OneStandardError(simplicity=3)},
            TypeError,
            "simplicity of OneStandardError must be.*got 3",
        ),
        ({"refit": OneStandardError(simplicity=[3])}, TypeError, r"got \[3\]"),
        ({"refit": "one-standard-error", "cv": ShuffleSplit(1)}, ValueError, "at least 2 folds, got 1"),
        ({"refit": "one-standard-error", "scoring": SCORING}, ValueError, "name one of .'accuracy', 'loss'"),
        (
            {"refit": OneStandardError(metric="los"), "scoring": SCORING},
            ValueError,
            "metric='los' of OneStandardError.*did you mean 'loss'",
        ),
    ],
)
def test_user_errors_get_one_sentence_before_any_fit(settings, error, message):
    class Wide(NeverFitted):
        def __init__(self, row=0, kind="a", mask=None):
            self.row = row
            self.kind = kind
            self.mask = mask

    space = {"row": (0, 5), "kind": ["a", "b"], "mask": Subset(3)}
    with pytest.raises(error, match=message):
        BayesSearchCV(Wide(), space, **settings).fit(X, y)


def test_without_a_candidate_that_did_not_fail_there_is_no_winner():
    table = [[0.5, 0.6], [0.7, np.nan]]
    with pytest.warns(FitFailedWarning), pytest.raises(ValueError, match="no candidate was run to its end"):
        search_table(table, fails=[0], error_score=0.0, refit="one-standard-error")


def results_of(table, metric="score"):
    results = {f"split{fold}_test_{metric}": column for fold, column in enumerate(np.transpose(table))}
    return results | {f"mean_test_{metric}": np.mean(table, axis=1)}


@pytest.mark.parametrize("unit", [1.0, -1.0, 1e-9])
def test_means_that_differ_by_rounding_errors_are_equal(unit):
    table = unit * np.array([[0.52, 0.52, 0.52], [0.57, 0.52, 0.47], [0.52, 0.47, 0.57]])
    assert len(set(table.mean(axis=1))) > 1
    for rows in ([0, 1, 2], [2, 1, 0]):
        results = results_of(table[rows]) | {"mean_fit_time": np.array([2.0, 1.0, 2.0])}
        assert OneStandardError()(results) == 1
        assert OneStandardError(simplicity=lambda params: 0)(results | {"params": [{}] * 3}) == 0


def test_hopeless_scores_make_others_no_equals():
    results = results_of([[0.8, 0.8], [0.9, 0.9], [-1e15, -1e15]])
    assert OneStandardError(simplicity=lambda params: 0)(results | {"params": [{}] * 3}) == 1
    assert corrected_score(results, "score") == pytest.approx(0.9)


def test_a_metric_whose_name_ends_like_another_one_is_another_one():
    table = [[0.1, 0.2], [0.3, 0.3]]
    results = results_of(table, "a") | results_of(np.zeros((2, 2)), "x_test_a")
    assert corrected_score(results, "a") == pytest.approx(0.3)
    assert corrected_score(results, "x_test_a") == 0.0
    several = results | {"params": [{}] * 2}
    assert OneStandardError(metric="a", simplicity=lambda params: 0)(several) == 1


def test_other_names_of_metrics_and_callables_are_left_as_they_are():
    assert search_table(NEAR, refit="accuracy").best_params_ == {"row": 0}
    search = search_table(NEAR, refit=lambda results: 3)
    assert search.best_params_ == {"row": 3}
    assert not hasattr(search, "best_score_")


# -- the corrected score --------------------------------------------------------------------------


def by_all_ordered_samples(table):
    """The mean over all bootstrap samples of the folds, written out."""
    table = np.asarray(table)
    n_splits = table.shape[1]
    estimates = []
    for sample in product(range(n_splits), repeat=n_splits):
        if left_out := set(range(n_splits)) - set(sample):
            winner = table[:, list(sample)].mean(axis=1).argmax()
            estimates.append(table[winner, list(left_out)].mean())
    return np.mean(estimates)


@pytest.mark.parametrize("n_splits", [2, 3, 5])
def test_the_corrected_score_is_that_of_winners_on_folds_that_did_not_choose_them(n_splits):
    table = np.random.default_rng(n_splits).uniform(size=(12, n_splits)).tolist()
    search = search_table(table)
    assert search.best_score_corrected_ == pytest.approx(by_all_ordered_samples(table))
    assert search.best_score_corrected_ < search.best_score_


def test_with_many_folds_it_is_the_same_for_the_same_scores():
    table = np.random.default_rng(0).uniform(size=(12, 10)).tolist()
    state = np.random.get_state()[1].tolist()
    assert search_table(table).best_score_corrected_ == search_table(table).best_score_corrected_
    assert np.random.get_state()[1].tolist() == state


class Guess(ClassifierMixin, BaseEstimator):
    """Has a label of its own for every sample, which no training changes."""

    def __init__(self, seed=0):
        self.seed = seed

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.random.default_rng(self.seed).integers(2, size=1000)[X[:, 0].astype(int)]


@pytest.mark.parametrize("cv", [RepeatedKFold, RepeatedStratifiedKFold])
def test_folds_of_another_repeat_do_not_judge_what_they_chose(cv):
    best, corrected = [], []
    for seed in range(10):
        rows = np.random.default_rng(seed).permutation(1000)[:60, None]
        labels = np.random.default_rng(100 + seed).permutation(60) % 2
        repeated = cv(n_splits=5, n_repeats=3, random_state=seed)
        search = BayesSearchCV(Guess(), {"seed": list(range(12))}, n_iter=12, cv=repeated, refit=False)
        search.fit(rows, labels)
        best.append(search.best_score_)
        corrected.append(search.best_score_corrected_)
    assert abs(np.mean(corrected) - 0.5) < 3 * np.std(corrected) / np.sqrt(10)
    assert np.mean(best) > 0.6


@pytest.mark.parametrize("n_splits", [5, 10, 20])
def test_where_nothing_was_chosen_nothing_is_corrected(n_splits):
    table = np.random.default_rng(0).uniform(size=(1, n_splits)).tolist()
    search = search_table(table)
    assert search.best_score_corrected_ == pytest.approx(search.best_score_)


def test_a_clear_winner_keeps_its_score():
    table = [[0.9, 0.8, 0.7, 0.8], [0.2, 0.1, 0.2, 0.1], [0.3, 0.3, 0.1, 0.2]]
    assert search_table(table).best_score_corrected_ == pytest.approx(0.8, abs=0.01)


def test_the_correction_takes_means_that_differ_by_rounding_errors_for_equal():
    # On folds 0, 1, 1, 2 the means are equal, and the first one wins; the second one would by its last bit.
    table = np.array([[0.69, 0.67, 0.65, 0.1], [0.67, 0.67, 0.67, 0.9]])
    assert table[1, [0, 1, 1, 2]].mean() > table[0, [0, 1, 1, 2]].mean()
    in_percent = corrected_score(results_of(np.round(100 * table)), "score")
    assert corrected_score(results_of(table), "score") == pytest.approx(in_percent / 100)


@pytest.mark.parametrize("n_splits", [3, 5, 10])
def test_it_is_not_biased_where_all_candidates_are_alike(n_splits):
    rng = np.random.default_rng(0)
    best, corrected = [], []
    for _ in range(60):
        scores = rng.standard_normal((20, n_splits))
        results = {f"split{fold}_test_score": column for fold, column in enumerate(scores.T)}
        best.append(scores.mean(axis=1).max())
        corrected.append(corrected_score(results, "score"))
    error = np.std(corrected) / np.sqrt(60)
    assert abs(np.mean(corrected)) < 3 * error
    assert np.mean(best) > 5 * error


def test_the_rule_is_applied_within_the_correction():
    rng = np.random.default_rng(0)
    table = rng.uniform(size=(30, 5)).tolist()
    highest = search_table(table)
    simple = search_table(table, refit=OneStandardError(simplicity="row"))
    assert simple.best_score_corrected_ != highest.best_score_corrected_
    assert simple.best_score_corrected_ < simple.best_score_


def test_it_is_there_without_refit_and_pickles():
    search = search_table(NEAR, refit=False)
    assert pickle.loads(pickle.dumps(search)).best_score_corrected_ == search.best_score_corrected_


def test_the_corrected_score_says_why_it_is_missing():
    with pytest.raises(NotFittedError, match=r"not fitted yet.*best_score_corrected_"):
        BayesSearchCV(SVC(), {"C": (0.1, 1.0)}).best_score_corrected_  # noqa: B018
    with pytest.raises(AttributeError, match=r"refit=<function.*use OneStandardError"):
        search_table(NEAR, refit=lambda results: 0).best_score_corrected_  # noqa: B018
    with pytest.raises(AttributeError, match="at least 2 folds, got 1"):
        search_table([[0.3], [0.4]]).best_score_corrected_  # noqa: B018
    overlapping = ShuffleSplit(10, test_size=0.5, random_state=0)
    with pytest.raises(AttributeError, match="tested on samples that others are tested on too"):
        BayesSearchCV(SVC(), {"C": [1.0]}, cv=overlapping).fit(X, y).best_score_corrected_  # noqa: B018
    several = BayesSearchCV(
        LogisticRegression(max_iter=1000), {"C": [1.0]}, scoring=["accuracy", "r2"], refit=False
    )
    with pytest.raises(AttributeError, match="refit=False"):
        several.fit(X, y).best_score_corrected_  # noqa: B018
    assert not hasattr(several, "best_score_corrected_")
