"""The public class: what it returns and refuses, its run-time check, and that it travels."""

import pickle

import numpy as np
import pytest
from cases import Fold, data
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, RidgeClassifier, TweedieRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.svm import SVC, SVR, LinearSVC

from sksearch.hypergradients import Hypergradient, NotDifferentiable, differentiable, registry
from sksearch.hypergradients.kernel import Kernel
from sksearch.hypergradients.linear import Change, LogisticModel, RidgeModel
from sksearch.space import FeatureScaler


def test_a_pipeline_is_its_last_step_on_transformed_data():
    fold = Fold(*data("binary"))
    X_train, y_train, X_test, y_test = fold.args
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
    loss, gradient = Hypergradient(pipeline, ["logisticregression__C"], "neg_log_loss")(
        fold.fit(pipeline), *fold.args
    )
    scaler = StandardScaler().fit(X_train)
    features = scaler.transform(X_train), y_train, scaler.transform(X_test), y_test
    model = LogisticRegression(C=0.5).fit(*features[:2])
    expected_loss, expected = Hypergradient(model, ["C"], "neg_log_loss")(model, *features)
    assert loss == expected_loss
    assert gradient == {"logisticregression__C": expected["C"]}


def test_the_fitted_estimator_is_left_alone():
    fold = Fold(*data("binary"))
    fitted = fold.fit(LogisticRegression(C=100.0, tol=0.1))
    before = pickle.dumps(fitted)
    hypergradient = Hypergradient(fitted, ["C"], "neg_log_loss")
    hypergradient(fitted, *fold.args)
    hypergradient.disagreement(fitted, *fold.args)
    assert pickle.dumps(fitted) == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_loose_fit_is_polished():
    fold = Fold(*data("classes"))
    hypergradient = Hypergradient(LogisticRegression(), ["C"], "neg_log_loss")
    loose, tight = (
        hypergradient(fold.fit(LogisticRegression(C=10.0, **params)), *fold.args)
        for params in ({"max_iter": 1}, {"tol": 1e-12, "solver": "newton-cholesky"})
    )
    assert loose[0] == pytest.approx(tight[0], rel=1e-8)
    assert loose[1]["C"] == pytest.approx(tight[1]["C"], rel=1e-5)


def test_score_weights_weigh_the_loss():
    X, y = data("binary")
    fold = Fold(X, y)
    weights = np.random.default_rng(0).exponential(size=len(y) - fold.n_train)
    fitted = fold.fit(LogisticRegression(tol=1e-10))
    loss, _ = Hypergradient(fitted, ["C"], "neg_log_loss")(fitted, *fold.args, score_weight=weights)
    _, _, X_test, y_test = fold.args
    expected = log_loss(y_test, fitted.predict_proba(X_test), sample_weight=weights)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_it_pickles_before_and_after_use():
    fold = Fold(*data("regression"))
    fitted = fold.fit(SVR())
    hypergradient = Hypergradient(SVR(), ["C", "gamma"], "r2")
    copy = pickle.loads(pickle.dumps(hypergradient))
    expected = hypergradient(fitted, *fold.args)
    assert copy(fitted, *fold.args) == expected
    assert pickle.loads(pickle.dumps(hypergradient))(fitted, *fold.args) == expected
    assert len(pickle.dumps(hypergradient)) < 5000


# -- the run-time check -----------------------------------------------------------------------------

CHECKED = {
    "ridge": (Ridge(), "regression", None),
    "logistic": (LogisticRegression(C=10.0), "binary", "neg_log_loss"),
    "multinomial": (LogisticRegression(C=10.0), "classes", "neg_log_loss"),
    "lasso": (Lasso(alpha=0.05), "regression", "r2"),
    "svc": (SVC(), "binary", "accuracy"),
    "svc, linear": (SVC(kernel="linear"), "binary", "accuracy"),
    "svc, classes": (SVC(), "classes", "accuracy"),
    "svr": (SVR(C=10.0), "regression", "neg_mean_squared_error"),
    "kernel ridge, its own gamma": (KernelRidge(kernel="rbf"), "regression", "r2"),
    "lda, no shrinkage": (LinearDiscriminantAnalysis(solver="lsqr"), "binary", "neg_log_loss"),
    "linear svc that does not converge": (LinearSVC(C=100.0, dual=True, max_iter=10), "classes", "accuracy"),
    "feature scales": (make_pipeline(FeatureScaler(), Ridge()), "regression", "r2"),
    "feature scales of a kernel": (make_pipeline(FeatureScaler(), SVR(gamma=0.05)), "regression", "r2"),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("estimator", "name", "scoring"), CHECKED.values(), ids=CHECKED)
def test_the_check_is_content_with_default_tolerances(estimator, name, scoring):
    fold = Fold(*data(name))
    hypergradient = Hypergradient(estimator, differentiable(estimator), scoring)
    assert hypergradient.disagreement(fold.fit(estimator), *fold.args) < 0.05


def test_the_check_takes_weights_and_sparse_data():
    X, y = data("binary")
    weights = np.random.default_rng(0).exponential(size=len(y))
    fold = Fold(sparse.csr_matrix(X), y, weights)
    estimator = make_pipeline(FeatureScaler(), LogisticRegression())
    hypergradient = Hypergradient(estimator, differentiable(estimator), "neg_log_loss")
    assert hypergradient.disagreement(fold.fit(estimator), *fold.args, **fold.weights) < 0.05
    # The weights matter: without them, it is not this model.
    assert hypergradient.disagreement(fold.fit(estimator), *fold.args) > 0.0


def targets_of_categories():
    rng = np.random.default_rng(1)
    categories, effect = rng.integers(80, size=(400, 3)), rng.standard_normal(80)
    return categories.astype(str), (effect[categories[:, 0]] + 0.5 * rng.standard_normal(400) > 0).astype(int)


@pytest.mark.filterwarnings("ignore:.TargetEncoder.shuffle:FutureWarning")
def test_training_features_are_those_that_the_model_was_fitted_to():
    fold = Fold(*targets_of_categories())
    model = make_pipeline(TargetEncoder(random_state=0), LogisticRegression(C=3.0))
    fitted = fold.fit(model)
    loss, _ = Hypergradient(model, differentiable(model), "neg_log_loss")(fitted, *fold.args)
    assert loss == pytest.approx(fold.loss(fitted, "neg_log_loss"), rel=1e-3)


def test_training_features_that_are_random_can_not_be_known():
    fold = Fold(*targets_of_categories())
    model = make_pipeline(TargetEncoder(), LogisticRegression())
    with pytest.raises(NotDifferentiable, match="TargetEncoder is random: give it an integer"):
        Hypergradient(model, differentiable(model), "neg_log_loss")(fold.fit(model), *fold.args)


class Without(BaseEstimator):
    """A step without ``fit_transform``."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.asarray(X) ** 2


class Lists(TransformerMixin, BaseEstimator):
    """Makes lists of texts, in both ways."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return [str(row[0] > 0) + " is it" for row in X]

    def fit_transform(self, X, y=None):
        return self.transform(X)


FRONTS = {
    "missing values on the way": (
        ColumnTransformer([("s", StandardScaler(), [0, 1])], remainder="passthrough"),
        SimpleImputer(),
    ),
    "no fit_transform": (Without(),),
    "booleans": (MissingIndicator(features="all"),),
    "lists": (Lists(), TfidfVectorizer()),
    "a random solver": (TruncatedSVD(8),),
}


@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_steps_of_any_kind_are_no_obstacle(front):
    X, y = data("regression")
    X = X.copy()
    if "SVD" not in str(front):
        X[::7, 2:4] = np.nan if not isinstance(front[0], Without) else 0.0
    fold = Fold(X, y)
    model = make_pipeline(*front, Ridge(3.0))
    fitted = fold.fit(model)
    loss, _ = Hypergradient(model, differentiable(model), None)(fitted, *fold.args)
    assert loss == pytest.approx(fold.loss(fitted, "r2"), rel=1e-3)


def test_steps_that_were_fitted_with_weights_are_not_fitted_without():
    X, y = data("regression")
    weights = np.where(X[:, 0] > 0, 50.0, 0.01)
    fold = Fold(X, y, weights)
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        ridge = Ridge(3.0).set_fit_request(sample_weight=True)
        model = make_pipeline(ColumnTransformer([("s", scaler, list(range(10)))]), ridge)
        X_train, y_train, X_test, y_test = fold.args
        fitted = clone(model).fit(X_train, y_train, **fold.weights)
        loss, _ = Hypergradient(model, ["ridge__alpha"], "r2")(fitted, *fold.args, **fold.weights)
    assert loss == pytest.approx(1.0 - fitted.score(X_test, y_test), rel=1e-3)


def test_text_is_no_obstacle():
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice(list("abcdefgh"), size=6)) for _ in range(90)]
    labels = np.array([text.count("a") + rng.integers(2) > 1 for text in words])
    model = make_pipeline(TfidfVectorizer(token_pattern="[a-h]"), LogisticRegression(C=3.0))
    fitted = clone(model).fit(words[:60], labels[:60])
    hypergradient = Hypergradient(model, differentiable(model), "neg_log_loss")
    loss, _ = hypergradient(fitted, words[:60], labels[:60], words[60:], labels[60:])
    assert loss == pytest.approx(log_loss(labels[60:], fitted.predict_proba(words[60:])), rel=1e-3)


def test_a_random_solver_of_the_same_features_is_no_obstacle():
    fold = Fold(*data("regression"))
    model = make_pipeline(TruncatedSVD(3), Ridge())
    loss, _ = Hypergradient(model, differentiable(model), None)(fitted := fold.fit(model), *fold.args)
    assert loss == pytest.approx(fold.loss(fitted, "r2"), rel=1e-3)


@pytest.mark.parametrize("between", [[], [("between", "passthrough")]])
@pytest.mark.parametrize("groups", [None, np.repeat([0, 1], 5)])
def test_derivatives_by_scales_are_those_by_the_parameter(between, groups):
    fold = Fold(*data("regression"))
    estimator = Pipeline([("s", FeatureScaler(groups=groups)), *between, ("m", Ridge(50.0))])
    scale, h = np.linspace(-1.0, 1.0, 10 if groups is None else 2), 1e-4
    hypergradient = Hypergradient(estimator, ["s__scale"], "neg_mean_squared_error")
    found = hypergradient(fold.fit(estimator, s__scale=scale), *fold.args)[1]["s__scale"]
    moved = (scale + h * sign * row for row in np.eye(len(scale)) for sign in (1, -1))
    losses = [hypergradient(fold.fit(estimator, s__scale=values), *fold.args)[0] for values in moved]
    np.testing.assert_allclose(found, np.subtract(losses[::2], losses[1::2]) / (2 * h), rtol=1e-4, atol=1e-8)


class WrongSign(RidgeModel):
    def objective(self, estimator, y, s):
        fit = super().objective(estimator, y, s)
        fit.changes = {"alpha": Change(l2=-1.0)}
        return fit


class WrongDerivative(RidgeModel):
    def objective(self, estimator, y, s):
        fit = super().objective(estimator, y, s)
        fit.changes = {"alpha": Change(l2=2.0)}
        return fit


class WrongObjective(RidgeModel):
    """Its derivative is right for what it minimises, but the estimator minimises something else."""

    def objective(self, estimator, y, s):
        fit = super().objective(estimator, y, s)
        fit.l2 *= 20
        fit.changes = {"alpha": Change(l2=20.0)}
        return fit


class ForgottenWeights(LogisticModel):
    def objective(self, estimator, y, s):
        return super().objective(estimator, y, np.ones_like(s))


@pytest.mark.parametrize("model", [WrongSign(), WrongDerivative(), WrongObjective()], ids=type)
def test_the_check_finds_a_wrong_entry(model, monkeypatch):
    monkeypatch.setitem(registry._MODELS, "sklearn.linear_model.Ridge", model)
    fold = Fold(*data("regression"))
    hypergradient = Hypergradient(Ridge(alpha=3.0), ["alpha"], None)
    assert hypergradient.disagreement(fold.fit(Ridge(alpha=3.0)), *fold.args) > 0.3


def test_the_check_finds_weights_that_are_forgotten(monkeypatch):
    monkeypatch.setitem(registry._MODELS, "sklearn.linear_model.LogisticRegression", ForgottenWeights())
    X, y = data("binary")
    fold = Fold(X, y, 10.0 * np.random.default_rng(0).exponential(size=len(y)))
    estimator = LogisticRegression(C=0.01)
    hypergradient = Hypergradient(estimator, ["C"], "neg_log_loss")
    assert hypergradient.disagreement(fold.fit(estimator), *fold.args, **fold.weights) > 0.3


def test_the_check_finds_a_wrong_kernel_derivative(monkeypatch):
    right = Kernel.by_gamma
    monkeypatch.setattr(Kernel, "by_gamma", lambda *args: 2 * right(*args))
    fold = Fold(*data("regression"))
    hypergradient = Hypergradient(SVR(C=10.0), ["gamma"], None)
    assert hypergradient.disagreement(fold.fit(SVR(C=10.0)), *fold.args) > 0.3


def test_noise_about_a_derivative_of_zero_is_no_disagreement():
    # As many free support vectors as weights: the solution does not follow the scales of the features.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5))
    y = (X @ rng.normal(size=5) + 0.7 * rng.normal(size=120) > 0).astype(int)
    pipeline = make_pipeline(FeatureScaler(), SVC(C=30.0, kernel="linear"))
    fold = Fold(X, y)
    hypergradient = Hypergradient(pipeline, ["featurescaler__scale"], "accuracy")
    fitted = fold.fit(pipeline)
    _, gradient = hypergradient(fitted, *fold.args)
    assert np.abs(gradient["featurescaler__scale"]).max() < 1e-6
    assert hypergradient.disagreement(fitted, *fold.args) < 0.05


# -- what can not be differentiated -----------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator", [RandomForestClassifier(), DummyClassifier(), GridSearchCV(Ridge(), {})]
)
def test_unknown_models_have_no_names(estimator):
    assert differentiable(estimator) == frozenset()


def test_a_subclass_may_minimise_anything():
    class MyRidge(Ridge):
        pass

    assert differentiable(MyRidge()) == frozenset()


def test_a_wrong_name_is_refused_before_any_fit():
    with pytest.raises(ValueError, match=r"'solver' of Ridge can not be differentiated.*\['alpha'\]"):
        Hypergradient(Ridge(), ["alpha", "solver"], None)


def test_a_lasso_of_zeros_is_a_plateau():
    fold = Fold(*data("regression"))
    fitted = fold.fit(Lasso(alpha=100.0))
    hypergradient = Hypergradient(fitted, ["alpha"], "neg_mean_squared_error")
    _, gradient = hypergradient(fitted, *fold.args)
    assert gradient == {"alpha": 0.0}
    assert hypergradient.disagreement(fitted, *fold.args) == 0.0


def test_no_free_support_vectors():
    # Both classes at one point each: all coefficients are at their bound.
    X, y = np.repeat([[0.0], [1.0]], 10, axis=0), np.repeat([0, 1], 10)
    fitted = SVC(C=1e-3, gamma=1.0).fit(X, y)
    with pytest.raises(NotDifferentiable, match="No support vector is free"):
        Hypergradient(fitted, ["C"], None)(fitted, X, y, X, y)


def test_no_support_vectors():
    X, y = data("regression")
    fitted = SVR(epsilon=10.0).fit(X, y)
    with pytest.raises(NotDifferentiable, match="all samples are inside the tube"):
        Hypergradient(fitted, ["C"], None)(fitted, X, y, X, y)


def test_a_validation_fold_with_a_class_of_its_own():
    X, y = data("classes")
    fitted = LogisticRegression().fit(X[y > 0], y[y > 0])
    with pytest.raises(NotDifferentiable, match="not among the classes of the training samples"):
        Hypergradient(fitted, ["C"], "neg_log_loss")(fitted, X[y > 0], y[y > 0], X, y)


def test_one_alpha_per_target():
    X, y = data("targets")
    fitted = Ridge(alpha=np.array([1.0, 2.0])).fit(X, y)
    with pytest.raises(NotDifferentiable, match="one value per target; give one number"):
        Hypergradient(fitted, ["alpha"], None)(fitted, X, y, X, y)


def test_labels_of_any_kind():
    X, y = data("classes")
    names = np.array(["pear", "apple", "fig"], dtype=object)[y]
    results = []
    for labels in (np.unique(names, return_inverse=True)[1], names):
        fold = Fold(X, labels)
        fitted = fold.fit(LogisticRegression())
        results.append(Hypergradient(clone(fitted), ["C"], "neg_log_loss")(fitted, *fold.args))
    assert results[0] == results[1]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize(
    ("kind", "estimator", "name"),
    [
        ("binary", LogisticRegression(), "C"),
        ("classes", LogisticRegression(class_weight="balanced"), "C"),
        ("binary", LogisticRegression(solver="liblinear"), "C"),
        ("classes", LinearSVC(), "C"),
        ("classes", SVC(), "C"),
        ("classes", RidgeClassifier(class_weight="balanced"), "alpha"),
        ("regression", SVR(), "epsilon"),
        ("positive", TweedieRegressor(power=1.5), "power"),
        ("regression", Ridge(), "alpha"),
        ("regression", Lasso(alpha=0.1), "alpha"),
        ("regression", KernelRidge(kernel="rbf"), "gamma"),
    ],
    ids=str,
)
def test_targets_may_be_a_column(kind, estimator, name):
    X, y = data(kind)
    hypergradient = Hypergradient(estimator, [name], None)
    results = []
    for target in (y, y[:, None]):
        fold = Fold(X, target)
        fitted = fold.fit(estimator)
        results.append((hypergradient(fitted, *fold.args), hypergradient.disagreement(fitted, *fold.args)))
    assert results[0] == results[1]


def test_data_frames():
    pd = pytest.importorskip("pandas")
    X, y = data("binary")
    results = []
    for features, target in ((X, y), (pd.DataFrame(X), pd.Series(y, index=np.arange(len(y)) + 7))):
        fold = Fold(features, target)
        estimator = make_pipeline(StandardScaler(), LogisticRegression())
        hypergradient = Hypergradient(estimator, ["logisticregression__C"], "neg_log_loss")
        results.append(hypergradient(fold.fit(estimator), *fold.args))
    (loss, gradient), expected = results
    assert loss == pytest.approx(expected[0], rel=1e-10)
    assert gradient == pytest.approx(expected[1], rel=1e-10)
