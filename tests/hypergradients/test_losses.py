"""Losses are minus scores where they can be, and their gradients are those of finite differences."""

import numpy as np
import pytest
from cases import loss_of, margin_loss
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_classification
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, TweedieRegressor
from sklearn.metrics import (
    brier_score_loss,
    d2_tweedie_score,
    f1_score,
    get_scorer,
    get_scorer_names,
    log_loss,
    make_scorer,
    mean_squared_error,
    mean_tweedie_deviance,
)
from sklearn.svm import SVC

from sksearch.hypergradients import NotDifferentiable
from sksearch.hypergradients.links import (
    Exponential,
    Identity,
    Margin,
    OneVsRest,
    PairMargin,
    Sigmoid,
    Softmax,
)
from sksearch.hypergradients.losses import ValidationLoss

RNG = np.random.default_rng(0)
WEIGHTS = RNG.exponential(size=30)


def numerical_gradient(function, raw, h=1e-6):
    gradient = np.zeros_like(raw)
    for index in np.ndindex(raw.shape):
        step = np.zeros_like(raw)
        step[index] = h
        gradient[index] = (function(raw + step) - function(raw - step)) / (2 * h)
    return gradient


def check_gradient(loss, link, raw, y, classes=None, sample_weight=None):
    _, gradient = loss(link, raw, y, classes, sample_weight)
    expected = numerical_gradient(lambda z: loss(link, z, y, classes, sample_weight)[0], raw)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-9)


class Predicts(RegressorMixin, BaseEstimator):
    """Predict what was given."""

    def __init__(self, predictions=None):
        self.predictions = predictions

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return self.predictions


REGRESSION = [
    "neg_mean_squared_error",
    "neg_mean_absolute_error",
    "neg_mean_absolute_percentage_error",
    "neg_mean_squared_log_error",
    "neg_root_mean_squared_error",
    "neg_root_mean_squared_log_error",
    "neg_mean_poisson_deviance",
    "neg_mean_gamma_deviance",
    "r2",
    "d2_absolute_error_score",
    make_scorer(mean_squared_error, greater_is_better=False),
    make_scorer(mean_tweedie_deviance, greater_is_better=False, power=1.5),
    make_scorer(mean_tweedie_deviance, greater_is_better=False, power=3),
    make_scorer(d2_tweedie_score, power=1),
]


def supports_several_targets(scoring):
    return "deviance" not in str(scoring) and "tweedie" not in str(scoring)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["no weights", "weights"])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("scoring", REGRESSION, ids=str)
def test_regression(scoring, n_outputs, weights):
    if n_outputs > 1 and not supports_several_targets(scoring):
        n_outputs = 1
    rng = np.random.default_rng(1)
    y = rng.exponential(size=(30, n_outputs)) + 0.1
    raw = rng.normal(size=(30, n_outputs))
    loss = ValidationLoss(Ridge(), False, scoring, ())
    assert loss.exact
    model = Predicts(np.exp(raw)).fit(raw, y)
    options = {} if weights is None else {"sample_weight": weights}
    expected = loss_of(get_scorer(scoring)(model, raw, y, **options), scoring)
    assert loss(Exponential(), raw, y, sample_weight=weights)[0] == pytest.approx(expected, rel=1e-10)
    check_gradient(loss, Exponential(), raw, y, sample_weight=weights)
    if "log" not in str(scoring) and "deviance" not in str(scoring) and "tweedie" not in str(scoring):
        check_gradient(loss, Identity(), raw, y, sample_weight=weights)


PROBABILITIES = ["neg_log_loss", "neg_brier_score", "d2_log_loss_score", "d2_brier_score"]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["no weights", "weights"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scoring", [name for name in PROBABILITIES if name in get_scorer_names()])
def test_classification(scoring, n_classes, weights):
    X, y = make_classification(
        n_samples=30, n_classes=n_classes, n_informative=4, n_clusters_per_class=1, random_state=0
    )
    model = LogisticRegression().fit(X, y)
    loss = ValidationLoss(model, True, scoring, ())
    assert loss.exact
    raw = model.decision_function(X).reshape(30, -1)
    link = Sigmoid() if n_classes == 2 else Softmax()
    options = {} if weights is None else {"sample_weight": weights}
    try:
        expected = loss_of(get_scorer(scoring)(model, X, y, **options), scoring)
    except ValueError:  # before 1.7, the Brier score is for two classes
        assert (scoring, n_classes) == ("neg_brier_score", 3)
    else:
        assert loss(link, raw, y, model.classes_, weights)[0] == pytest.approx(expected, rel=1e-10)
    check_gradient(loss, link, raw, y, model.classes_, weights)


def test_one_against_the_rest():
    rng = np.random.default_rng(2)
    raw, y = rng.normal(size=(30, 3)), rng.integers(3, size=30)
    loss = ValidationLoss(LogisticRegression(), True, "neg_log_loss", ())
    shares = 1 / (1 + np.exp(-raw))
    shares /= shares.sum(axis=1, keepdims=True)
    expected = -np.log(shares[np.arange(30), y]).mean()
    assert loss(OneVsRest(), raw, y, np.arange(3))[0] == pytest.approx(expected)
    check_gradient(loss, OneVsRest(), raw, y, np.arange(3))


@pytest.mark.parametrize("n_columns", [1, 3])
def test_margins(n_columns):
    rng = np.random.default_rng(3)
    classes = np.arange(max(2, n_columns))
    raw, y = rng.normal(scale=2, size=(30, n_columns)), rng.choice(classes, size=30)
    loss = ValidationLoss(SVC(), False, "accuracy", ())
    assert (loss.exact, loss.name) == (False, "modified_huber")
    assert loss(Margin(), raw, y, classes)[0] == pytest.approx(margin_loss(raw, y, classes))
    check_gradient(loss, Margin(), raw, y, classes)


def test_margins_of_pairs_are_those_of_the_classes_in_them():
    classes = np.arange(3)
    raw = np.array([[2.0, 0.5, -7.0]])  # 0 against 1, 0 against 2, 1 against 2
    loss = ValidationLoss(SVC(), False, "accuracy", ())
    assert loss(PairMargin(), raw, [0], classes)[0] == pytest.approx(0.5**2)
    assert loss(PairMargin(), raw, [1], classes)[0] == pytest.approx(4 * 2 + 4 * 7)
    rng = np.random.default_rng(4)
    check_gradient(loss, PairMargin(), rng.normal(size=(30, 3)), rng.integers(3, size=30), classes)


def test_probabilities_of_zero_count_as_in_the_metric():
    raw, y = np.array([[-1000.0], [-30.0], [800.0]]), np.array([1, 1, 1])
    loss = ValidationLoss(LogisticRegression(), True, "neg_log_loss", ())
    value, gradient = loss(Sigmoid(), raw, y, np.arange(2))
    probabilities = np.hstack([1 - expit(raw), expit(raw)])
    assert value == pytest.approx(log_loss(y, probabilities, labels=[0, 1]), rel=1e-12)
    np.testing.assert_allclose(gradient, [[0.0], [-1 / 3], [0.0]], atol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "probabilistic", "scoring", "name"),
    [
        (LogisticRegression(), True, "accuracy", "log_loss"),
        (LogisticRegression(), True, "roc_auc", "log_loss"),
        (LogisticRegression(), True, None, "log_loss"),
        (LogisticRegression(), True, make_scorer(f1_score), "log_loss"),
        (SVC(probability=False), False, "neg_log_loss", "modified_huber"),
        # Of predicted labels, not of probabilities.
        (LogisticRegression(), True, make_scorer(brier_score_loss, greater_is_better=False), "log_loss"),
        (Ridge(), False, "neg_median_absolute_error", "mean_squared_error"),
        (Ridge(), False, lambda estimator, X, y: 0.0, "mean_squared_error"),
        # A score that is better when the error is larger, and one with options of its own.
        (Ridge(), False, make_scorer(mean_squared_error), "mean_squared_error"),
        (
            Ridge(),
            False,
            make_scorer(mean_squared_error, greater_is_better=False, multioutput=[1, 0]),
            "mean_squared_error",
        ),
    ],
    ids=str,
)
def test_proxies(estimator, probabilistic, scoring, name):
    loss = ValidationLoss(estimator, probabilistic, scoring, ())
    assert (loss.exact, loss.name) == (False, name)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (Ridge(), "r2_score"),
        (GaussianProcessRegressor(), "r2_score"),
        (PoissonRegressor(), "d2_tweedie_score"),
        (TweedieRegressor(power=1.5), "d2_tweedie_score"),
    ],
    ids=str,
)
def test_scores_of_estimators(estimator, name):
    loss = ValidationLoss(estimator, False, None, ("alpha",))
    assert (loss.exact, loss.name) == (True, name)


def test_a_score_that_changes_with_a_hyperparameter_is_none_to_follow():
    loss = ValidationLoss(TweedieRegressor(power=1.5), False, None, ("power",))
    assert (loss.exact, loss.name) == (False, "mean_squared_error")


@pytest.mark.parametrize(
    ("scoring", "y", "raw", "message"),
    [
        ("r2", [1.0, 1.0], [0.0, 1.0], "y_test is constant"),
        ("neg_root_mean_squared_error", [1.0, 2.0], [1.0, 2.0], "error of 0 has no derivative"),
        ("neg_mean_gamma_deviance", [1.0, 2.0], [-1.0, 2.0], "is not finite"),
        ("neg_mean_squared_error", [1.0, 2.0], [np.nan, 2.0], "is not finite"),
    ],
)
def test_without_derivative(scoring, y, raw, message):
    loss = ValidationLoss(Ridge(), False, scoring, ())
    with pytest.raises(NotDifferentiable, match=message):
        loss(Identity(), np.reshape(raw, (-1, 1)), y)
