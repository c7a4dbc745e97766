"""The polished SVM satisfies its optimality conditions, and is the one that was fitted."""

import numpy as np
import pytest
from cases import Fold, data
from sklearn.svm import SVC, SVR

from sksearch.hypergradients import Hypergradient
from sksearch.hypergradients.registry import find_model

MODELS = {
    "rbf": (SVC(C=2.0), "binary"),
    "rbf, large C": (SVC(C=1e3, gamma=0.1), "binary"),
    "linear": (SVC(kernel="linear", C=2.0), "binary"),
    "three classes": (SVC(C=2.0, decision_function_shape="ovo"), "classes"),
    "regression": (SVR(C=2.0), "regression"),
    "regression, linear": (SVR(C=2.0, kernel="linear"), "regression"),
    "regression, a loose fit": (SVR(C=2.0, tol=0.3), "regression"),
    "regression, no tube": (SVR(C=2.0, epsilon=0.0), "regression"),
}


def solve(estimator, X, y, sample_weight=None):
    return find_model(estimator).solve(estimator, X, y, sample_weight)


@pytest.mark.parametrize(("estimator", "name"), MODELS.values(), ids=MODELS)
def test_optimality(estimator, name):
    X, y = data(name)
    fitted = estimator.fit(X, y)
    solution = solve(fitted, X, y)
    decision = fitted.predict(X) if name == "regression" else fitted.decision_function(X)
    np.testing.assert_allclose(solution.raw(X), decision.reshape(len(y), -1), atol=max(0.02, 2 * fitted.tol))
    for machine in solution._machines:
        box = machine.box
        rest = box.target - machine._K[machine._rows] @ machine._sums(machine._values) - machine.intercept
        assert machine.coefficients.sum() == pytest.approx(0, abs=1e-8 * fitted.C)
        np.testing.assert_allclose(rest[machine.free], 0, atol=1e-7)
        sign = np.sign(box.bound)
        assert (sign * rest)[machine._at_bound].min(initial=0) > -1e-7
        assert (sign * rest)[~machine.free & ~machine._at_bound].max(initial=0) < 1e-7


def test_support_vectors_that_the_fit_had_not_found():
    X, y = data("regression")
    loose, tight = (SVR(C=2.0, tol=tol).fit(X, y) for tol in (0.5, 1e-9))
    assert set(loose.support_) != set(tight.support_)
    np.testing.assert_allclose(solve(loose, X, y).raw(X), solve(tight, X, y).raw(X), atol=1e-6)


def test_pairs_of_classes_are_machines_of_their_own():
    X, y = data("classes")
    fold = Fold(X, y)
    fitted = fold.fit(SVC(C=2.0, gamma=0.05))
    loss, gradient = Hypergradient(fitted, ["C", "gamma"], "accuracy")(fitted, *fold.args)
    _, _, X_test, y_test = fold.args
    X_train, y_train, _, _ = fold.args
    total, by_C = 0.0, 0.0
    for pair in ([0, 1], [0, 2], [1, 2]):
        train, test = np.isin(y_train, pair), np.isin(y_test, pair)
        part = X_train[train], y_train[train], X_test[test], y_test[test]
        model = SVC(C=2.0, gamma=0.05).fit(*part[:2])
        value, slopes = Hypergradient(model, ["C", "gamma"], "accuracy")(model, *part)
        total += value * test.sum() / len(test)
        by_C += slopes["C"] * test.sum() / len(test)
    assert loss == pytest.approx(total, rel=1e-6)
    assert gradient["C"] == pytest.approx(by_C, rel=1e-5)


def test_samples_without_a_weight_do_not_count():
    X, y = data("binary")
    weights = np.ones(len(y))
    weights[::7] = 0
    kept = weights > 0
    some = solve(SVC(gamma=0.05).fit(X[kept], y[kept]), X[kept], y[kept])
    all_ = solve(SVC(gamma=0.05).fit(X, y, sample_weight=weights), X, y, weights)
    np.testing.assert_allclose(all_.raw(X), some.raw(X), atol=1e-7)
