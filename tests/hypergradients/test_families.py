"""Every derivative of every model, against central differences of fits by the estimator itself."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from cases import Fold, central_difference, data, relative_error
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    Lasso,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    TweedieRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from sksearch.hypergradients import Hypergradient, differentiable
from sksearch.space import FeatureScaler

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:'penalty' was deprecated:FutureWarning"
)

# In scikit-learn 1.6 the ratio counts only for this penalty, which is deprecated since 1.8.
MIXED = {} if LogisticRegression().penalty == "deprecated" else {"penalty": "elasticnet"}
LASSO = {"l1_ratio": 1.0} if LogisticRegression().penalty == "deprecated" else {"penalty": "l1"}
TIGHT = {"tol": 1e-11, "max_iter": 100_000}
NEWTON = TIGHT | {"solver": "newton-cholesky"}


@dataclass
class Case:
    """A model, where it is tested, and how well its derivatives have to agree.

    Parameters
    ----------
    estimator : estimator object
        With its default tolerance.
    data : str
        Name of the data.
    tight : dict
        Parameters with which it converges.
    tolerance : float
        Largest relative error at the default tolerance of the estimator.
    weighted, sparse : bool
        Whether it takes sample weights, and sparse data.
    """

    estimator: object
    data: str
    tight: dict = field(default_factory=dict)
    tolerance: float = 1e-6
    weighted: bool = True
    sparse: bool = True

    @property
    def scoring(self):
        if not is_classifier(self.estimator):
            return None
        return "neg_log_loss" if hasattr(self.estimator, "predict_proba") else "margin"

    def hypergradient(self, estimator, names):
        return Hypergradient(estimator, names, None if self.scoring == "margin" else self.scoring)


CASES = {
    "ridge": Case(Ridge(alpha=3.0), "regression"),
    "ridge, no intercept": Case(Ridge(alpha=3.0, fit_intercept=False), "regression"),
    "ridge, sag": Case(Ridge(alpha=3.0, solver="sag", random_state=0), "regression", {"solver": "auto"}),
    "ridge, two targets": Case(Ridge(alpha=3.0), "targets"),
    "ridge classifier": Case(RidgeClassifier(alpha=3.0), "binary"),
    "ridge classifier, balanced": Case(RidgeClassifier(alpha=3.0, class_weight="balanced"), "classes"),
    "lasso": Case(Lasso(alpha=0.03), "regression", TIGHT),
    "elastic net": Case(ElasticNet(alpha=0.05, l1_ratio=0.6), "regression", TIGHT),
    "elastic net, two targets": Case(ElasticNet(alpha=0.05, l1_ratio=0.6), "targets", TIGHT),
    "logistic": Case(LogisticRegression(C=0.3), "binary", NEWTON),
    "logistic, no intercept": Case(LogisticRegression(C=30.0, fit_intercept=False), "binary", NEWTON),
    "logistic, balanced": Case(LogisticRegression(C=0.3, class_weight="balanced"), "binary", NEWTON),
    "multinomial": Case(LogisticRegression(C=0.3), "classes", NEWTON),
    "multinomial, large C": Case(LogisticRegression(C=100.0), "classes", NEWTON),
    "multinomial, class weights": Case(
        LogisticRegression(C=0.3, class_weight={0: 0.5, 1: 2.0}), "classes", NEWTON
    ),
    "logistic, liblinear": Case(
        LogisticRegression(C=0.3, solver="liblinear", intercept_scaling=2.0), "binary", TIGHT, 1e-4
    ),
    "logistic, l1": Case(LogisticRegression(C=0.3, solver="liblinear", **LASSO), "binary", TIGHT, 1e-4),
    "logistic, elastic net": Case(
        LogisticRegression(C=0.3, solver="saga", l1_ratio=0.5, random_state=0, **MIXED), "binary", TIGHT, 1e-4
    ),
    "multinomial, elastic net": Case(
        LogisticRegression(C=0.3, solver="saga", l1_ratio=0.5, random_state=0, **MIXED),
        "classes",
        TIGHT,
        1e-4,
    ),
    "poisson": Case(PoissonRegressor(alpha=0.1), "counts", NEWTON),
    "gamma": Case(GammaRegressor(alpha=0.1), "positive", NEWTON),
    "tweedie": Case(TweedieRegressor(alpha=0.1, power=1.5), "counts", NEWTON),
    "tweedie, power 0": Case(TweedieRegressor(alpha=0.1, power=0), "regression", NEWTON),
    "tweedie, power 1.9": Case(TweedieRegressor(alpha=0.1, power=1.9), "positive", NEWTON),
    # Its objective is not convex, and scikit-learn's Newton solver gives up.
    "tweedie, power 3": Case(TweedieRegressor(alpha=0.1, power=3.0), "positive", NEWTON, 2e-3),
    "linear svc": Case(LinearSVC(C=0.1, random_state=0), "binary", TIGHT, 1e-4),
    "linear svc, classes": Case(LinearSVC(C=0.1, random_state=0), "classes", TIGHT, 1e-4),
    "linear svc, class weights": Case(
        LinearSVC(C=0.1, class_weight="balanced", random_state=0), "classes", TIGHT, 1e-4
    ),
    "linear svc, l1": Case(LinearSVC(C=0.1, penalty="l1", dual=False, random_state=0), "binary", TIGHT, 1e-4),
    "linear svr": Case(
        LinearSVR(C=0.1, epsilon=0.1, loss="squared_epsilon_insensitive", dual=True, random_state=0),
        "regression",
        TIGHT,
        1e-4,
    ),
    "kernel ridge, rbf": Case(KernelRidge(kernel="rbf", alpha=0.3, gamma=0.05), "regression"),
    "kernel ridge, laplacian": Case(KernelRidge(kernel="laplacian", alpha=0.3, gamma=0.05), "targets"),
    "kernel ridge, poly": Case(KernelRidge(kernel="poly", alpha=0.3, gamma=0.05, degree=2), "regression"),
    "kernel ridge, sigmoid": Case(
        KernelRidge(kernel="sigmoid", alpha=3.0, gamma=0.01, coef0=0.5), "regression"
    ),
    "kernel ridge, linear": Case(KernelRidge(kernel="linear", alpha=0.3), "regression"),
    "svc": Case(SVC(C=1.3, gamma=0.05), "binary", {"tol": 1e-8}, 1e-5),
    "svc, gamma scale": Case(SVC(C=1.3), "binary", {"tol": 1e-8}, 1e-5),
    "svc, poly": Case(SVC(C=1.3, kernel="poly", gamma=0.1, coef0=1.0), "binary", {"tol": 1e-8}, 1e-5),
    "svc, class weights": Case(
        SVC(C=1.3, gamma=0.05, class_weight="balanced"), "binary", {"tol": 1e-8}, 1e-5
    ),
    "svc, linear": Case(SVC(C=1.3, kernel="linear"), "binary", {"tol": 1e-8}, 1e-5),
    "svr": Case(SVR(C=1.3, gamma=0.05), "regression", {"tol": 1e-8}, 1e-5),
    "svr, linear": Case(SVR(C=0.01, kernel="linear"), "regression", {"tol": 1e-8}, 1e-5),
    "gaussian process": Case(
        GaussianProcessRegressor(
            ConstantKernel(2.0) * RBF(3.0) + WhiteKernel(0.3), alpha=0.1, optimizer=None, normalize_y=True
        ),
        "regression",
        weighted=False,
        sparse=False,
    ),
    "lda, lsqr": Case(
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2), "binary", weighted=False, sparse=False
    ),
    "lda, eigen": Case(
        LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.2), "classes", weighted=False, sparse=False
    ),
    "qda": Case(QuadraticDiscriminantAnalysis(reg_param=0.2), "classes", weighted=False, sparse=False),
    "naive bayes": Case(GaussianNB(var_smoothing=0.2), "classes", sparse=False),
}
WEIGHTED = {name: case for name, case in CASES.items() if case.weighted}
SPARSE = {name: case for name, case in CASES.items() if case.sparse}


def check_parameters(case, fold):
    estimator = case.estimator
    names = sorted(differentiable(estimator))
    hypergradient = case.hypergradient(estimator, names)
    loss, gradient = hypergradient(fold.fit(estimator), *fold.args, **fold.weights)
    precise = fold.fit(estimator, **case.tight)
    if hypergradient.exact or case.scoring == "margin":
        assert loss == pytest.approx(fold.loss(precise, case.scoring), rel=1e-4, abs=1e-6)
    assert names
    for name in names:
        value = estimator.get_params()[name]
        if isinstance(value, str):
            continue
        expected = central_difference(
            lambda v, name=name: loss_of(hypergradient, fold, case, **{name: v}), value, 1e-4
        )
        assert relative_error(gradient[name], expected) < case.tolerance, name


def loss_of(hypergradient, fold, case, **params):
    fitted = fold.fit(case.estimator, **case.tight, **params)
    if isinstance(fitted, SVC | SVR):
        # Their kernels are rounded to single precision, and losses by as much as they differ here. That the
        # polished loss is that of the fit has been seen above.
        return hypergradient(fitted, *fold.args, **fold.weights)[0]
    if "power" in hypergradient.names:
        # Its own score has another meaning for each power.
        return np.mean((fitted.predict(fold.args[2]) - fold.args[3]) ** 2)
    return fold.loss(fitted, case.scoring)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_parameters(case):
    check_parameters(case, Fold(*data(case.data)))


@pytest.mark.parametrize("case", WEIGHTED.values(), ids=WEIGHTED)
def test_weighted_samples(case):
    X, y = data(case.data)
    weights = np.random.default_rng(0).exponential(size=len(y))
    weights[:3] = 0
    check_parameters(case, Fold(X, y, weights))


@pytest.mark.parametrize("case", SPARSE.values(), ids=SPARSE)
def test_sparse_is_dense(case):
    X, y = data(case.data)
    X = np.where(X < 0, 0, X)
    results = []
    for features in (X, sparse.csr_matrix(X), sparse.csr_array(X)):
        fold = Fold(features, y)
        estimator = Pipeline([("scaler", FeatureScaler()), ("model", case.estimator)])
        names = sorted(differentiable(estimator))
        # Some solvers take other ways on sparse data; what is polished is the same.
        fitted = fold.fit(estimator)
        results.append(case.hypergradient(estimator, names)(fitted, *fold.args))
    (loss, gradient), *others = results
    for sparse_loss, sparse_gradient in others:
        assert sparse_loss == pytest.approx(loss, rel=1e-7)
        for name in gradient:
            assert relative_error(sparse_gradient[name], gradient[name]) < 1e-5, name


SCALED = {name: case for name, case in CASES.items() if name not in ("gaussian process", "naive bayes")}


@pytest.mark.parametrize("case", SCALED.values(), ids=SCALED)
def test_feature_scales(case):
    X, y = data(case.data)
    fold = Fold(X, y)
    estimator = Pipeline([("scaler", FeatureScaler()), ("model", case.estimator)])
    scale = np.linspace(0.6, -0.6, X.shape[1])
    tight = {f"model__{name}": value for name, value in case.tight.items()}

    def fit(scale, **params):
        return fold.fit(estimator, scaler__scale=scale, **params)

    def difference(direction, h=2e-4):
        losses = []
        for step in (h, -h):
            fitted = fit(scale + step * direction, **tight)
            machine = isinstance(case.estimator, SVC | SVR)  # see above
            losses.append(
                hypergradient(fitted, *fold.args)[0] if machine else fold.loss(fitted, case.scoring)
            )
        return (losses[0] - losses[1]) / (2 * h)

    hypergradient = case.hypergradient(estimator, ["scaler__scale"])
    found = hypergradient(fit(scale), *fold.args)[1]["scaler__scale"]
    assert found.shape == (X.shape[1],)
    steepest = found / np.linalg.norm(found)
    assert found @ steepest == pytest.approx(difference(steepest), rel=10 * case.tolerance)
    # One column as well, since an error at a right angle to the direction would not have been seen.
    j = np.argsort(np.abs(found))[len(found) // 2]
    error = found[j] - difference(np.eye(len(found))[j])
    assert abs(error) < 10 * case.tolerance * np.abs(found).max()


@pytest.mark.parametrize("name", ["ridge", "lasso", "multinomial", "kernel ridge, rbf", "svr", "naive bayes"])
def test_single_precision_is_polished_to_double(name):
    case = CASES[name]
    X, y = data(case.data)
    X = X.astype(np.float32)
    results = []
    for features in (X, X.astype(np.float64)):
        fold = Fold(features, y)
        hypergradient = case.hypergradient(case.estimator, sorted(differentiable(case.estimator)))
        results.append(hypergradient(fold.fit(case.estimator), *fold.args))
    (loss, gradient), (expected_loss, expected) = results
    assert loss == pytest.approx(expected_loss, rel=1e-7)
    for parameter in gradient:
        assert gradient[parameter] == pytest.approx(expected[parameter], rel=1e-5)
