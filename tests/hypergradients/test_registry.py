"""Which parameters can be differentiated, by the configuration of the model."""

from importlib import import_module

import pytest
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge, TweedieRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from sksearch.hypergradients import differentiable
from sksearch.hypergradients.registry import _MODELS, find_model
from sksearch.space import FeatureScaler

OLD = LogisticRegression().penalty != "deprecated"


@pytest.mark.parametrize("name", _MODELS)
def test_every_entry_is_a_class_of_scikit_learn(name):
    module, _, estimator_name = name.rpartition(".")
    estimator = getattr(import_module(module), estimator_name)()
    assert find_model(estimator) is _MODELS[name]
    assert _MODELS[name].names(estimator) <= estimator.get_params().keys()


CONFIGURATIONS = [
    (Ridge(), {"alpha"}),
    (Ridge(positive=True), set()),
    (Lasso(), {"alpha"}),
    (Lasso(positive=True), set()),
    (ElasticNet(), {"alpha", "l1_ratio"}),
    (LogisticRegression(), {"C"}),
    (LogisticRegression(C=float("inf")), set()),
    (LogisticRegression(penalty=None), set()),
    (LogisticRegression(solver="saga"), {"C"} if OLD else {"C", "l1_ratio"}),
    (LogisticRegression(penalty="elasticnet", solver="saga", l1_ratio=0.5), {"C", "l1_ratio"}),
    (LogisticRegression(penalty="l1", solver="saga"), {"C"}),
    (TweedieRegressor(power=1.5), {"alpha", "power"}),
    (TweedieRegressor(power=0), {"alpha"}),
    (LinearSVC(), {"C"}),
    (LinearSVC(loss="hinge"), set()),
    (LinearSVC(multi_class="crammer_singer"), set()),
    (LinearSVR(), set()),
    (LinearSVR(loss="squared_epsilon_insensitive"), {"C", "epsilon"}),
    (KernelRidge(), {"alpha"}),
    (KernelRidge(kernel="rbf"), {"alpha", "gamma"}),
    (KernelRidge(kernel="cosine"), set()),
    (KernelRidge(kernel="precomputed"), set()),
    (SVC(), {"C", "gamma"}),
    (SVC(kernel="linear"), {"C"}),
    (SVC(kernel=lambda X, Y: X @ Y.T), set()),
    (SVR(), {"C", "gamma", "epsilon"}),
    (SVR(kernel="linear"), {"C", "epsilon"}),
    (SVR(kernel="precomputed"), set()),
    (LinearDiscriminantAnalysis(), set()),
    (LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), {"shrinkage"}),
    (QuadraticDiscriminantAnalysis(), {"reg_param"}),
    (GaussianProcessRegressor(), set()),
    (GaussianProcessRegressor(optimizer=None), {"alpha"}),
    (
        GaussianProcessRegressor(
            ConstantKernel(constant_value_bounds="fixed") * RBF([1.0, 1.0]) + WhiteKernel(), optimizer=None
        ),
        {"alpha", "kernel__k2__noise_level"},
    ),
]


@pytest.mark.parametrize(("estimator", "names"), CONFIGURATIONS, ids=str)
def test_names(estimator, names):
    assert differentiable(estimator) == names


class Resampling(Pipeline):
    """Fits on other rows than it is given, as pipelines of other libraries do."""


class Steps(BaseEstimator):
    def __init__(self, steps=50):
        self.steps = steps


def test_of_other_things_with_steps_nothing_is_known():
    assert differentiable(Resampling([("scale", StandardScaler()), ("svc", SVC())])) == set()
    assert differentiable(Steps()) == set()


def test_of_a_pipeline_the_last_step_counts():
    assert differentiable(make_pipeline(StandardScaler(), SVC())) == {"svc__C", "svc__gamma"}
    assert differentiable(make_pipeline(Ridge(), StandardScaler())) == set()


@pytest.mark.parametrize(
    ("steps", "scaled"),
    [
        ([("s", FeatureScaler()), ("m", Ridge())], True),
        ([("s", FeatureScaler()), ("between", "passthrough"), ("m", Ridge())], True),
        ([("s", FeatureScaler()), ("between", StandardScaler()), ("m", Ridge())], False),
        ([("s", FeatureScaler()), ("m", SVC(kernel="precomputed"))], False),
        ([("s", FeatureScaler()), ("m", GaussianProcessRegressor(optimizer=None))], False),
        ([("s", FeatureScaler()), ("m", GaussianNB())], False),
    ],
    ids=str,
)
def test_a_feature_scaler_counts_right_before_the_model(steps, scaled):
    assert ("s__scale" in differentiable(Pipeline(steps))) == scaled
