"""The promises of every searcher, on `GradientSearchCV`, and what it has of its own."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, make_regression
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from sksearch import GradientSearchCV, OneStandardError
from sksearch.execution import Rounds
from sksearch.hypergradients import Hypergradient, NotDifferentiable
from sksearch.space import FeatureScaler, Vector

X, y = load_diabetes(return_X_y=True)
X_cancer, y_cancer = load_breast_cancer(return_X_y=True)
RIDGE = make_pipeline(StandardScaler(), Ridge())
ALPHA = {"ridge__alpha": (1e-3, 1e5, "log-uniform")}
LOGISTIC = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
C = {"logisticregression__C": (1e-4, 1e4, "log-uniform")}


def fit(estimator=RIDGE, space=ALPHA, n_iter=8, X=X, y=y, fit_params=None, **settings):
    settings = {"cv": 3, "random_state": 0} | settings
    return GradientSearchCV(estimator, space, n_iter=n_iter, **settings).fit(X, y, **(fit_params or {}))


def params_of(search):
    return search.cv_results_["params"]


def test_n_iter_is_exactly_that_many_distinct_candidates():
    search = fit(n_iter=30)
    assert len({tuple(p.items()) for p in params_of(search)}) == 30
    assert (search.cv_results_["status"] == "ok").all()


class Picky(Ridge):
    """Says at once what it does not take."""

    def set_params(self, **params):
        if params.get("solver") == "svd":
            raise ValueError("no svd here")
        return super().set_params(**params)


def test_a_choice_that_the_estimator_refuses_is_a_failed_candidate():
    space = {"alpha": (1e-3, 1e5, "log-uniform"), "solver": ["svd", "cholesky"]}
    with pytest.warns(FitFailedWarning, match="no svd here"):
        search = fit(Picky(), space)
    status = dict(zip(search.cv_results_["param_solver"], search.cv_results_["status"], strict=True))
    assert status == {"svd": "failed", "cholesky": "ok"}
    assert search.best_params_["solver"] == "cholesky"


@pytest.mark.parametrize(
    "space",
    [
        ALPHA,
        ALPHA | {"ridge__fit_intercept": [True, False]},
        {"ridge__alpha": (1e-3, 1e3, "log-uniform"), "ridge__tol": (1e-9, 1e-6, "log-uniform")},
    ],
    ids=["one", "arms", "differences"],
)
@pytest.mark.parametrize(
    "settings",
    [{"n_jobs": 2}, {"executor": Rounds(n_points=5)}, {"executor": Rounds(n_points=3), "n_jobs": 2}],
)
def test_candidates_do_not_depend_on_what_runs_them(space, settings):
    assert params_of(fit(space=space, n_iter=14, **settings)) == params_of(fit(space=space, n_iter=14))


@pytest.mark.parametrize("start", [1e-4, 1e-1, 1e1, 1e4])
def test_one_penalty_takes_a_few_evaluations_from_anywhere(start):
    estimator = clone(LOGISTIC).set_params(logisticregression__C=start)
    settings = {"X": X_cancer, "y": y_cancer, "scoring": "neg_log_loss"}
    losses = -fit(estimator, C, n_iter=7, **settings).cv_results_["mean_test_score"]
    grid = [clone(LOGISTIC).set_params(logisticregression__C=c) for c in np.geomspace(0.05, 20, 25)]
    best = min(-cross_val_score(one, X_cancer, y_cancer, cv=3, scoring="neg_log_loss").mean() for one in grid)
    assert losses.min() <= 1.005 * best


@pytest.mark.parametrize("optimizer", ["lbfgs", "sgd", "momentum", "rmsprop", "adam"])
def test_every_method_goes_downhill(optimizer):
    space = {"alpha": (1e-3, 1e3, "log-uniform"), "l1_ratio": (0.05, 1.0)}
    rng = np.random.default_rng(0)
    A, b = make_regression(120, 30, n_informative=5, noise=20.0, random_state=0)
    start = ElasticNet(alpha=50.0, l1_ratio=0.1)
    found = fit(start, space, n_iter=15, X=A + 0 * rng.random(A.shape), y=b, optimizer=optimizer)
    scores = found.cv_results_["mean_test_score"]
    assert scores.max() > scores[0] + 0.3


def test_the_scores_are_those_of_the_users_own_fits():
    search = fit(scoring="neg_mean_absolute_error")
    expected = cross_val_score(
        clone(RIDGE).set_params(**search.best_params_), X, y, cv=3, scoring="neg_mean_absolute_error"
    )
    assert search.best_score_ == pytest.approx(expected.mean(), rel=1e-12)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def test_the_loss_column_is_what_is_descended():
    results = fit(scoring="neg_mean_squared_error").cv_results_
    np.testing.assert_allclose(results["loss"], -results["mean_test_score"], rtol=1e-6)


def test_choices_are_arms_of_which_the_best_is_found():
    space = {"ridge__alpha": (1e-3, 1e5, "log-uniform"), "ridge__fit_intercept": [False, True]}
    search = fit(space=space, n_iter=16)
    assert search.best_params_["ridge__fit_intercept"]
    assert search.best_score_ >= fit(n_iter=16).best_score_ - 1e-4


def test_a_list_of_dicts_is_the_union_of_its_dicts():
    space = [
        {"model": [Ridge()], "model__alpha": (1e-3, 1e5, "log-uniform")},
        {"model": [Lasso(max_iter=5000)], "model__alpha": (1e-3, 1e2, "log-uniform")},
    ]
    pipeline = make_pipeline(StandardScaler(), Ridge())
    pipeline.steps[1] = ("model", pipeline.steps[1][1])
    search = fit(pipeline, space, n_iter=20)
    kinds = [type(p["model"]).__name__ for p in params_of(search)]
    assert {"Ridge", "Lasso"} == set(kinds)
    assert search.best_score_ > 0.48


def test_a_parameter_may_be_a_choice_in_one_dict_and_a_range_in_another():
    alpha = (1e-3, 1e5, "log-uniform")
    space = [
        {"ridge__alpha": alpha, "ridge__tol": [1e-4, 1e-3]},
        {"ridge__alpha": [1.0, 10.0], "ridge__tol": (1e-5, 1e-3)},
    ]
    search = fit(space=space, n_iter=20)
    assert {p["ridge__alpha"] for p in params_of(search)} >= {1.0, 10.0}
    assert search.best_score_ >= fit(n_iter=16).best_score_ - 1e-3


def test_of_a_finite_space_everything_is_tried():
    search = fit(space={"ridge__alpha": [1.0, 10.0, 100.0], "ridge__fit_intercept": [True, False]}, n_iter=20)
    assert len(params_of(search)) == 6


def test_differences_stand_in_where_nothing_is_known():
    by_difference = fit(gradient="finite-difference", n_iter=20)
    assert by_difference.best_score_ >= fit(n_iter=20).best_score_ - 5e-4
    assert "loss" not in by_difference.cv_results_


def test_a_start_where_nothing_happens_is_passed_over():
    # With this penalty all weights are zero, and so are all derivatives.
    space = {"alpha": (1e-3, 1e4, "log-uniform")}
    A, b = make_regression(100, 10, noise=5.0, random_state=0)
    search = fit(Lasso(alpha=1e4), space, n_iter=14, X=A, y=b)
    assert search.best_score_ > 0.99


def test_wrong_derivatives_are_found_out(monkeypatch):
    right = Hypergradient.__call__

    def wrong(self, *data):
        loss, gradient = right(self, *data)
        return loss, {name: -value for name, value in gradient.items()}

    monkeypatch.setattr(Hypergradient, "__call__", wrong)
    monkeypatch.setattr(Hypergradient, "disagreement", lambda self, *data: 2.0)
    with pytest.warns(UserWarning, match="disagree with a finite difference"):
        search = fit(n_iter=20)
    assert search.best_score_ >= 0.48


def test_right_derivatives_are_believed():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit()


def test_n_restarts_ends_the_search():
    assert len(params_of(fit(n_iter=50, n_restarts=0))) < 15
    assert len(params_of(fit(n_iter=50, n_restarts=2))) > len(params_of(fit(n_iter=50, n_restarts=0)))


def test_weights_count_in_fit_and_derivative():
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    weighted = fit(Ridge(), {"alpha": (1e-3, 1e5, "log-uniform")}, fit_params={"sample_weight": weight})
    repeated = fit(
        Ridge(),
        {"alpha": (1e-3, 1e5, "log-uniform")},
        X=np.repeat(X, weight.astype(int), axis=0),
        y=np.repeat(y, weight.astype(int)),
        cv=[
            (np.repeat(np.isin(np.arange(len(y)), train), weight.astype(int)).nonzero()[0],
             np.repeat(np.isin(np.arange(len(y)), test), weight.astype(int)).nonzero()[0])
            for train, test in KFold(3).split(X)
        ],
    )  # fmt: skip
    # The same fits; scores of test data differ, for they are not weighted.
    assert params_of(weighted)[0] == params_of(repeated)[0]
    assert weighted.best_score_ > 0.3


WEIGHT = np.random.default_rng(0).random(len(y)) ** 6


def mse_that(requests):
    return make_scorer(mean_squared_error, greater_is_better=False).set_score_request(sample_weight=requests)


def losses_and_scores(**settings):
    """The loss descended, and what it is expected to be: the scores that were optimised, with their sign."""
    results = fit(n_iter=2, **settings).cv_results_
    return results["loss"], -results[f"mean_test_{settings.get('refit', 'score')}"]


@pytest.mark.parametrize(
    "fit_params",
    [
        {"ridge__sample_weight": WEIGHT},
        {"standardscaler__sample_weight": WEIGHT},
        {"standardscaler__sample_weight": 1 - WEIGHT, "ridge__sample_weight": WEIGHT},
    ],
    ids=lambda fit_params: "-".join(fit_params),
)
def test_weights_of_other_steps_are_not_those_of_the_derivative(fit_params):
    losses, expected = losses_and_scores(scoring="neg_mean_squared_error", fit_params=fit_params)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"scoring": mse_that},
        {"scoring": lambda requests: mse_that(False)},
        {"scoring": lambda requests: {"a": mse_that("w"), "b": mse_that(requests)}, "refit": "b"},
        {"scoring": lambda requests: {"a": mse_that(False), "b": mse_that(requests)}, "refit": "b"},
        {"scoring": lambda requests: {"a": mse_that(requests), "b": mse_that(False)}, "refit": "b"},
    ],
)
def test_routed_weights_are_found_by_their_alias(settings):
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight="v")
        model = make_pipeline(scaler, Ridge().set_fit_request(sample_weight="w"))
        settings = settings | {"scoring": settings["scoring"]("v")}
        fit_params = {"w": WEIGHT, "v": 1 - WEIGHT}
        losses, expected = losses_and_scores(estimator=model, fit_params=fit_params, **settings)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


@pytest.mark.parametrize("steps", [[], [StandardScaler()]], ids=["alone", "pipeline"])
def test_an_estimators_own_score_has_the_weights_it_requests(steps):
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight="w").set_score_request(sample_weight=True)
        steps = [clone(step).set_fit_request(sample_weight="w") for step in steps]
        model = make_pipeline(*steps, ridge) if steps else ridge
        losses, expected = losses_and_scores(
            estimator=model.set_score_request(sample_weight=True),  # scikit-learn 1.6 asks the pipeline, too
            space=ALPHA if steps else {"alpha": ALPHA["ridge__alpha"]},
            fit_params={"w": WEIGHT, "sample_weight": 1 - WEIGHT},
        )
    np.testing.assert_allclose(losses, 1 + expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight")
def test_without_routing_each_metric_has_the_weights_that_it_takes():
    several = ["neg_max_error", "neg_mean_squared_error"]
    settings = {
        "estimator": Ridge(),
        "space": {"alpha": (1e-3, 1e2, "log-uniform")},
        "fit_params": {"sample_weight": WEIGHT},
    }
    losses, expected = losses_and_scores(scoring=several, refit="neg_mean_squared_error", **settings)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    # Both are squared errors in its place, not weighted.
    losses, _ = losses_and_scores(scoring=several, refit="neg_max_error", **settings)
    alone, _ = losses_and_scores(scoring="neg_max_error", **settings)
    np.testing.assert_array_equal(losses, alone)


def test_groups_reach_the_splitter():
    groups = np.arange(len(y)) % 7
    search = GradientSearchCV(RIDGE, ALPHA, n_iter=5, cv=GroupKFold(3), random_state=0)
    assert search.fit(X, y, groups=groups).n_splits_ == 3


@pytest.mark.parametrize(
    ("estimator", "space"),
    [
        (LogisticRegression(max_iter=1000), {"C": (1e-2, 1e2, "log-uniform")}),
        (SVR(), {"C": (1e-2, 1e2, "log-uniform")}),
        (Ridge(), {"alpha": (1e-2, 1e2, "log-uniform")}),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_targets_may_be_a_column(estimator, space):
    target = y_cancer if isinstance(estimator, LogisticRegression) else y
    features = StandardScaler().fit_transform(X_cancer) if target is y_cancer else X
    settings = {"estimator": estimator, "space": space, "n_iter": 3, "X": features}
    vector, column = (fit(y=values, **settings) for values in (target, target[:, None]))
    assert params_of(column) == params_of(vector)


def test_what_can_not_be_measured_costs_no_score_and_one_warning(monkeypatch):
    whole = fit(n_iter=4)
    right = Hypergradient.__call__

    def fails_once(self, fitted, *data):
        if fitted[-1].alpha == params_of(whole)[number]["ridge__alpha"]:
            raise ZeroDivisionError("no such derivative")
        return right(self, fitted, *data)

    monkeypatch.setattr(Hypergradient, "__call__", fails_once)
    for number in (0, 3):
        with pytest.warns(UserWarning, match="no such derivative") as caught:
            search = fit(n_iter=4)
        assert [warning.filename for warning in caught] == [__file__]
        assert (search.cv_results_["status"] == "ok").all()
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        np.testing.assert_array_equal(np.isnan(search.cv_results_["loss"]), np.arange(4) == number)
        assert not any("measured" in name for name in search.cv_results_)


def test_failures_are_rows_and_the_descent_goes_on():
    class Fragile(Ridge):
        pass

    class_of = Ridge.fit

    def fragile_fit(self, X, y, sample_weight=None):
        if self.alpha > 1e3:
            raise RuntimeError("too stiff")
        return class_of(self, X, y, sample_weight)

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(Ridge, "fit", fragile_fit)
        search = fit(clone(RIDGE).set_params(ridge__alpha=1e5), ALPHA, n_iter=20)
    assert search.cv_results_["status"][0] == "failed"
    assert search.best_score_ > 0.48


def test_a_journal_takes_up_where_it_ended(tmp_path):
    whole = fit(n_iter=12)
    fit(n_iter=5, journal=tmp_path / "j")
    resumed = fit(n_iter=12, journal=tmp_path / "j")
    assert params_of(resumed) == params_of(whole)
    np.testing.assert_array_equal(resumed.cv_results_["loss"], whole.cv_results_["loss"])


def test_a_fitted_search_pickles_clones_and_nests():
    search = fit()
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict(X), search.predict(X))
    assert clone(search).get_params()["optimizer"] == "lbfgs"
    assert cross_val_score(GradientSearchCV(RIDGE, ALPHA, n_iter=4, cv=3), X, y, cv=3).mean() > 0.4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"space": {"ridge__alpha": (1, 100)}}, r"at most 16, .* integers: write \(1.0, 100.0\) for one of"),
        (
            {"space": {"ridge__alpha": (1, 99, "log-uniform")}, "n_iter": 20},
            r"at most 20, .* write \(1.0, 99.0, 'log-uniform'\) for one of real numbers\.$",
        ),
        ({"space": {"ridge__alpha": list(range(50))}}, r"or ranges of real numbers\.$"),
        ({"resource": "folds"}, "resource"),
        ({"objectives": ["r2", "-mean_fit_time"]}, "objectives"),
        ({"optimizer": "newton"}, "optimizer"),
        (
            {
                "estimator": make_pipeline(StandardScaler(), FeatureScaler(), DecisionTreeRegressor()),
                "space": {"featurescaler__scale": Vector(10, -2, 2)},
            },
            r"no derivatives by \['featurescaler__scale'\].*use BayesSearchCV",
        ),
        ({"space": {"ridge__tol": (1e-6, 1e-3)}, "gradient": "implicit"}, "ridge__tol.*implicit"),
    ],
    ids=str,
)
def test_what_can_not_be_descended_is_refused_before_a_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        fit(**settings)


def test_a_search_that_is_refused_begins_no_journal(tmp_path):
    with pytest.raises(ValueError, match="at most 16"):
        fit(space={"ridge__alpha": (1, 100)}, journal=tmp_path / "j")
    assert len(params_of(fit(n_iter=3, journal=tmp_path / "j"))) == 3


def test_a_derivative_that_can_not_be_checked_is_used(monkeypatch):
    def fail(*args, **kwargs):
        raise NotDifferentiable("A fit that was moved a little has none.")

    monkeypatch.setattr(Hypergradient, "disagreement", fail)
    assert np.isfinite(fit(n_iter=2).cv_results_["loss"]).all()


# -- vectors -----------------------------------------------------------------------------------------


def vector_task(n_informative, n_features=60, n_samples=200, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((2 * n_samples, n_features))
    w = np.where(np.arange(n_features) < n_informative, 1.0, 0.0) * np.sqrt(10 / n_informative)
    b = A @ w + 2.0 * rng.standard_normal(2 * n_samples)
    return A[:n_samples], b[:n_samples], A[n_samples:], b[n_samples:]


def vector_search(A, b, n_iter=15, **settings):
    model = make_pipeline(StandardScaler(), FeatureScaler(), Ridge(alpha=10.0))
    space = {"featurescaler__scale": Vector(A.shape[1], -8, 8), "ridge__alpha": (1e-3, 1e5, "log-uniform")}
    return fit(model, space, n_iter, A, b, scoring="neg_mean_squared_error", cv=5, **settings)


def test_a_vector_of_another_length_than_the_columns_is_named():
    model = make_pipeline(StandardScaler(), FeatureScaler(), Ridge())
    with pytest.raises(
        ValueError, match=r"'featurescaler__scale' is searched as Vector\(11, .* 10 numbers of it"
    ):
        fit(model, {"featurescaler__scale": Vector(11, -1, 1)}, n_iter=3)


def test_a_vector_finds_the_columns_that_matter():
    A, b, A_new, b_new = vector_task(n_informative=8, n_features=200)
    search, scalar = vector_search(A, b), fit(Ridge(), {"alpha": (1e-3, 1e5, "log-uniform")}, X=A, y=b)
    errors = [np.mean((s.predict(A_new) - b_new) ** 2) for s in (search, scalar)]
    assert errors[0] - 4.0 < 0.6 * (errors[1] - 4.0)  # 4.0 is the noise
    scale = np.array(search.best_params_["featurescaler__scale"])
    assert np.median(scale[:8]) < scale[8:].min()


def test_where_all_columns_matter_alike_the_guard_keeps_the_scalar():
    A, b, A_new, b_new = vector_task(n_informative=60)
    guarded, free = vector_search(A, b), vector_search(A, b, guard=False)
    assert guarded.cv_results_["mean_test_score"].max() > guarded.best_score_
    assert guarded.cv_results_["trusted"][guarded.best_index_]
    assert not guarded.cv_results_["trusted"].all()
    errors = [np.mean((s.predict(A_new) - b_new) ** 2) for s in (guarded, free)]
    assert errors[0] <= errors[1]
    assert free.best_score_ == free.cv_results_["mean_test_score"].max()


def test_the_guard_holds_for_every_way_to_choose():
    A, b, *_ = vector_task(n_informative=60)
    rule = OneStandardError(simplicity=lambda params: 0)  # the best, as by refit=True
    guarded, free = (vector_search(A, b, refit=rule, guard=guard) for guard in (True, False))
    assert not guarded.cv_results_["trusted"].all()
    assert guarded.cv_results_["trusted"][guarded.best_index_]
    assert not free.cv_results_["trusted"][free.best_index_]
    for search in (guarded, vector_search(A, b)):
        assert search.best_score_corrected_ <= search.best_score_


def test_one_number_is_the_scale_of_all_columns():
    model = make_pipeline(StandardScaler(), FeatureScaler(), Ridge(alpha=1.0))
    search = fit(model, {"featurescaler__scale": (-7.0, 12.0)}, n_iter=8)
    alone = fit(n_iter=8)  # the same penalty, but for the bounds
    assert search.best_score_ == pytest.approx(alone.best_score_, rel=1e-4)


@pytest.mark.parametrize(
    ("scoring", "said"),
    [("r2", ""), ("neg_max_error", "The descent follows mean_squared_error: scoring has no derivatives.")],
)
def test_verbose_says_what_stands_for_a_scoring_without_derivatives(capsys, scoring, said):
    fit(n_iter=2, scoring=scoring, verbose=1)
    assert capsys.readouterr().out.startswith(said or "Fitting")


def test_groups_share_a_number():
    A, b, *_ = vector_task(n_informative=4)
    groups = np.repeat(np.arange(15), 4)
    model = make_pipeline(StandardScaler(), FeatureScaler(groups=groups), Ridge(alpha=10.0))
    search = fit(model, {"featurescaler__scale": Vector(15, -8, 8)}, 10, A, b)
    scale = np.array(search.best_params_["featurescaler__scale"])
    assert scale.argmin() == 0


def test_callbacks_see_the_fits_of_folds_and_the_refit_alone():
    pytest.importorskip("sklearn.callback")

    class Counter:
        n_fits = 0

        def setup(self, estimator, context):
            type(self).n_fits += 1

        def teardown(self, estimator, context):
            pass

        on_fit_task_begin = on_fit_task_end = lambda self, estimator, context, **data: None

    model = make_pipeline(StandardScaler(), LogisticRegression().set_callbacks(Counter()))
    GradientSearchCV(model, C, n_iter=2, cv=3).fit(X_cancer, y_cancer)
    assert Counter.n_fits == 2 * 3 + 1


def test_where_no_callback_is_set_nothing_is_said_of_callbacks():
    model = LogisticRegression(solver="liblinear")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, {"C": (0.1, 10.0, "log-uniform")}, 1, StandardScaler().fit_transform(X_cancer), y_cancer)


@pytest.mark.parametrize(
    ("estimator", "name", "copies"),
    [
        (Ridge(copy_X=False), "alpha", "copy_X"),
        (make_pipeline(StandardScaler(copy=False), Ridge()), "ridge__alpha", "standardscaler__copy"),
    ],
)
def test_what_works_in_place_is_differentiated_where_it_is(estimator, name, copies):
    space = {name: (0.01, 1000.0, "log-uniform")}
    data = X * np.arange(1, X.shape[1] + 1) + 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = GradientSearchCV(estimator, space, n_iter=5, cv=3, random_state=0).fit(data.copy(), y)
    same = clone(estimator).set_params(**{copies: True})
    expected = GradientSearchCV(same, space, n_iter=5, cv=3, random_state=0).fit(data, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-9
    )
