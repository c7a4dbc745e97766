"""Derivatives of validation losses: how exact they are, and what they cost beside the fit.

    python examples/benchmarks/hypergradients.py --repeats 5

For each estimator and parameter, the relative error against a central difference of fits by the estimator
alone, to a small tolerance: of the derivative that is taken from a fit with default tolerance without the
polish, the same with it, and of that from a fit with the small tolerance. Then the milliseconds of the fit,
with default tolerance, and those of the loss and all derivatives relative to it.

The loss is minus the estimator's own score, or log-loss, or, where there are no probabilities, the modified
Huber loss of the decision function. libsvm rounds kernels to single precision, so that differences by gamma
are no better than 1e-4 to 1e-2; support_vectors.py has a better reference.
"""

import argparse
import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    make_classification,
    make_regression,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
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
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from sksearch.hypergradients import Hypergradient, differentiable, newton
from sksearch.space import FeatureScaler

TIGHT = {"tol": 1e-10, "max_iter": 100_000}
NEWTON = TIGHT | {"solver": "newton-cholesky"}
MIXED = {} if LogisticRegression().penalty == "deprecated" else {"penalty": "elasticnet"}
STEP = 1e-4

MODELS = {
    # name: estimator, data, and parameters with which it converges
    "Ridge": (Ridge(alpha=3.0), "diabetes", {}),
    "RidgeClassifier": (RidgeClassifier(alpha=3.0), "cancer", {}),
    "Lasso": (Lasso(alpha=0.03), "diabetes", TIGHT),
    "ElasticNet": (ElasticNet(alpha=0.05, l1_ratio=0.6), "diabetes", TIGHT),
    "LogisticRegression": (LogisticRegression(C=1.0), "cancer", NEWTON),
    "LogisticRegression, C=100": (LogisticRegression(C=100.0), "cancer", NEWTON),
    "LogisticRegression, 10 classes": (LogisticRegression(C=1.0), "digits", NEWTON),
    "LogisticRegression, 10 classes, C=100": (LogisticRegression(C=100.0), "digits", NEWTON),
    "LogisticRegression, elastic net": (
        LogisticRegression(C=1.0, solver="saga", l1_ratio=0.5, random_state=0, **MIXED),
        "cancer",
        TIGHT,
    ),
    "LogisticRegression, liblinear": (LogisticRegression(C=1.0, solver="liblinear"), "cancer", TIGHT),
    "PoissonRegressor": (PoissonRegressor(alpha=0.1), "counts", NEWTON),
    "GammaRegressor": (GammaRegressor(alpha=0.1), "positive", NEWTON),
    "TweedieRegressor": (TweedieRegressor(alpha=0.1, power=1.5), "counts", NEWTON),
    "LinearSVC": (LinearSVC(C=0.1, random_state=0), "cancer", TIGHT),
    "LinearSVR": (
        LinearSVR(C=0.1, epsilon=0.1, loss="squared_epsilon_insensitive", dual=True, random_state=0),
        "diabetes",
        TIGHT,
    ),
    "KernelRidge": (KernelRidge(kernel="rbf", alpha=0.3, gamma=0.03), "diabetes", {}),
    "GaussianProcessRegressor": (
        GaussianProcessRegressor(ConstantKernel(2.0) * RBF(3.0), alpha=0.3, optimizer=None),
        "diabetes",
        {},
    ),
    "SVC": (SVC(C=1.3, gamma=0.02), "cancer", {"tol": 1e-8}),
    "SVR": (SVR(C=1.3, gamma=0.02), "diabetes", {"tol": 1e-8}),
    "LinearDiscriminantAnalysis": (
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2),
        "cancer",
        {},
    ),
    "QuadraticDiscriminantAnalysis": (QuadraticDiscriminantAnalysis(reg_param=0.2), "cancer", {}),
    "GaussianNB": (GaussianNB(var_smoothing=0.2), "cancer", {}),
}
LARGE = {
    "LogisticRegression, 20,000 x 500": (LogisticRegression(C=0.01), "classification", NEWTON),
    "Ridge, 20,000 x 500": (Ridge(alpha=100.0), "regression", {}),
}


def load(name):
    """Return training and validation samples."""
    if name == "classification":
        X, y = make_classification(20_000, 500, n_informative=50, random_state=0)
    elif name == "regression":
        X, y = make_regression(20_000, 500, n_informative=50, noise=10.0, random_state=0)
    elif name in ("cancer", "digits"):
        X, y = (load_breast_cancer if name == "cancer" else load_digits)(return_X_y=True)
        rng = np.random.default_rng(0)
        y = np.where(rng.random(len(y)) < 0.05, rng.permutation(y), y)
    else:
        X, y = load_diabetes(return_X_y=True)
        y = (y - y.mean()) / y.std()
        y = {"diabetes": y, "counts": np.round(np.exp(y)), "positive": np.exp(y)}[name]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1 / 3, random_state=0)
    scaler = StandardScaler().fit(X_train)
    return scaler.transform(X_train), y_train, scaler.transform(X_test), y_test


def loss_of(model, X, y, names):
    """Return the loss by the estimator's own means."""
    if not is_classifier(model):
        if "power" in names:  # its score has another meaning for each power
            return np.mean((model.predict(X) - y) ** 2)
        return -model.score(X, y)
    if hasattr(model, "predict_proba"):
        return log_loss(y, model.predict_proba(X), labels=model.classes_)
    margins = np.where(y == model.classes_[1], 1, -1) * model.decision_function(X)
    return np.where(margins < -1, -4 * margins, np.maximum(0, 1 - margins) ** 2).mean()


def difference(estimator, tight, name, value, fold):
    """Return the central difference of fits that are converged."""
    X_train, y_train, X_test, y_test = fold
    losses = []
    for factor in (1 + STEP, 1 - STEP):
        model = clone(estimator).set_params(**tight, **{name: value * factor}).fit(X_train, y_train)
        losses.append(loss_of(model, X_test, y_test, differentiable(estimator)))
    return (losses[0] - losses[1]) / (2 * STEP * value)


def scale_difference(estimator, tight, direction, fold):
    """Return the same for logarithms of all feature scales, in a direction."""
    X_train, y_train, X_test, y_test = fold
    losses = []
    for step in (STEP, -STEP):
        factors = np.exp(step * direction)
        model = clone(estimator).set_params(**tight).fit(X_train * factors, y_train)
        losses.append(loss_of(model, X_test * factors, y_test, ()))
    return (losses[0] - losses[1]) / (2 * STEP)


def without_polish(hypergradient, model, fold):
    steps, newton._MAX_STEPS = newton._MAX_STEPS, 0
    try:
        return hypergradient(model, *fold)[1]
    finally:
        newton._MAX_STEPS = steps


def milliseconds(function, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * np.median(times)


def report(label, estimator, data, tight, repeats, differences=True):
    """Print one line per parameter."""
    fold = load(data)
    scoring = "neg_log_loss" if is_classifier(estimator) else None
    loose = clone(estimator).fit(*fold[:2])
    precise = clone(estimator).set_params(**tight).fit(*fold[:2])
    names = sorted(differentiable(estimator))
    hypergradient = Hypergradient(estimator, names, scoring)
    polishes = hasattr(loose, "coef_") and not isinstance(loose, SVC | SVR | LinearDiscriminantAnalysis)
    unpolished = without_polish(hypergradient, loose, fold) if polishes else {}
    found = [hypergradient(model, *fold)[1] for model in (loose, precise)]
    expected = {
        name: difference(estimator, tight, name, estimator.get_params()[name], fold)
        if differences
        else np.nan
        for name in names
    }

    pipeline = make_pipeline(FeatureScaler(), clone(estimator)).fit(*fold[:2])
    scale = "featurescaler__scale"
    if differences and scale in differentiable(pipeline):
        of_scale = Hypergradient(pipeline, [scale], scoring)
        tight_pipeline = make_pipeline(FeatureScaler(), precise.set_params(**tight)).fit(*fold[:2])
        slopes = [of_scale(model, *fold)[1][scale] for model in (pipeline, tight_pipeline)]
        direction = slopes[1] / np.linalg.norm(slopes[1])
        for gradient, slope in zip(found, slopes, strict=True):
            gradient["feature scales"] = slope @ direction
        if polishes:
            unpolished["feature scales"] = without_polish(of_scale, pipeline, fold)[scale] @ direction
        expected["feature scales"] = scale_difference(estimator, tight, direction, fold)

    fit = milliseconds(lambda: clone(estimator).fit(*fold[:2]), repeats)
    own = milliseconds(lambda: hypergradient(loose, *fold), repeats)
    for name, reference in expected.items():
        errors = [abs(g.get(name, np.nan) / reference - 1) for g in (unpolished, *found)]
        cells = " ".join(f"{'' if np.isnan(error) else f'{error:.0e}':>11s}" for error in errors)
        print(f"{label:38s} {name:24s} {cells} {fit:9.1f} {own / fit:9.2f}", flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", metavar="NAME", choices=MODELS, default=list(MODELS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="time models of 10 million numbers, too")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    titles = ["unpolished", "default", "tight"]
    print(f"{'':63s} {'relative error':>35s} {'fit':>9s} {'gradient':>9s}")
    cells = " ".join(f"{title:>11s}" for title in titles)
    print(f"{'estimator':38s} {'parameter':24s} {cells} {'ms':>9s} {'/ fit':>9s}")
    for name in options.models:
        report(name, *MODELS[name], options.repeats)
    if options.large:
        for name, model in LARGE.items():
            report(name, *model, options.repeats, differences=False)


if __name__ == "__main__":
    main()
