"""How far the winner's score is from the truth: `best_score_`, `best_score_corrected_`, and alternatives.

    python examples/benchmarks/winner_bias.py --n-jobs 2     # below 3 minutes

See docs/winners.md for what is measured.
"""

import argparse
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sksearch import BayesSearchCV, OneStandardError
from sksearch.winner import corrected_score

TREE = {
    "max_depth": (1, 10),
    "min_samples_leaf": (1, 15),
    "max_features": (0.05, 1.0),
    "splitter": ["best", "random"],
}
# Data, number of training samples (the others tell the truth), estimator, space, what is simple.
TASKS = {
    "breast cancer, SVC": (
        load_breast_cancer,
        60,
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": (1e-2, 1e4, "log-uniform"), "svc__gamma": (1e-5, 1e1, "log-uniform")},
        ["svc__gamma", "svc__C"],
    ),
    "wine, k-NN": (
        load_wine,
        60,
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        {
            "kneighborsclassifier__n_neighbors": (1, 25),
            "kneighborsclassifier__p": (1.0, 4.0),
            "kneighborsclassifier__weights": ["uniform", "distance"],
        },
        "-kneighborsclassifier__n_neighbors",
    ),
    "wine, tree": (
        load_wine,
        60,
        DecisionTreeClassifier(random_state=0),
        TREE,
        ["max_depth", "-min_samples_leaf"],
    ),
    "diabetes, tree (R2)": (
        load_diabetes,
        100,
        DecisionTreeRegressor(random_state=0),
        TREE,
        ["max_depth", "-min_samples_leaf"],
    ),
}


def split_scores(results):
    """Scores of the candidates that were run to their end, of shape (n_candidates, n_folds)."""
    n_folds = sum(name.startswith("split") and name.endswith("_test_score") for name in results)
    scores = np.column_stack([results[f"split{fold}_test_score"] for fold in range(n_folds)])
    return scores[np.isfinite(scores).all(axis=1)]


def highest_mean(results, rule):
    scores = split_scores(results)
    chosen = scores.mean(axis=1).argmax() if rule is None else rule.choose(scores, _rank(results, rule))
    return scores[chosen].mean()


def corrected(results, rule):
    return corrected_score(results, "score", rule)


def one_fold_out(results, rule):
    """Choose by all folds but one, score on that one, in turn."""
    scores = split_scores(results)
    judged = []
    for fold in range(scores.shape[1]):
        others = np.delete(scores, fold, axis=1)
        chosen = others.mean(axis=1).argmax() if rule is None else rule.choose(others, _rank(results, rule))
        judged.append(scores[chosen, fold])
    return np.mean(judged)


def tibshirani(results, rule):
    """Tibshirani & Tibshirani (2009): subtract how much each fold's own winner is better on it."""
    scores = split_scores(results)
    mean = highest_mean(results, rule)
    if rule is None:
        return mean - (scores.max(axis=0).mean() - mean)
    return np.nan  # one fold has no standard error


def _rank(results, rule):
    scores = np.column_stack([results[name] for name in results if name.startswith("split")])
    return rule.rank(results, np.flatnonzero(np.isfinite(scores).all(axis=1)))


ESTIMATES = {
    "best_score_": highest_mean,
    "corrected": corrected,
    "one fold out": one_fold_out,
    "Tibshirani": tibshirani,
}


def search(name, seed, options):
    """Return, for both ways to choose, the errors of all estimates against both truths."""
    load, n_train, estimator, space, simplicity = TASKS[name]
    X, y = load(return_X_y=True)
    stratified = "tree (R2)" not in name
    X, X_test, y, y_test = train_test_split(
        X, y, train_size=n_train, stratify=y if stratified else None, random_state=seed
    )
    splitter = StratifiedKFold if stratified else KFold
    folds = list(splitter(options.folds, shuffle=True, random_state=seed).split(X, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = (
            BayesSearchCV(
                estimator,
                space,
                n_iter=options.n_iter,
                cv=folds,
                refit=False,
                random_state=seed,
                resource=options.resource,
            )
            .fit(X, y)
            .cv_results_
        )
    rows = []
    for rule in (None, OneStandardError(simplicity=simplicity)):
        best = results["rank_test_score"].argmin() if rule is None else rule(results)
        winner = clone(estimator).set_params(**results["params"][best])
        of_folds = np.mean([winner.fit(X[train], y[train]).score(X_test, y_test) for train, _ in folds])
        refitted = winner.fit(X, y).score(X_test, y_test)
        values = np.array([estimate(results, rule) for estimate in ESTIMATES.values()])
        rows.append([values - of_folds, values - refitted, np.full(len(values), refitted)])
    return rows


def simulate(n_folds, n_candidates, spread, n_repeats=200):
    """Errors of the estimates on scores that are drawn: true ones with this spread, plus noise of 1."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(n_repeats):
        truth = spread * rng.standard_normal(n_candidates)
        scores = truth[:, None] + rng.standard_normal((n_candidates, n_folds))
        results = {f"split{fold}_test_score": column for fold, column in enumerate(scores.T)}
        best = truth[scores.mean(axis=1).argmax()]
        errors.append([estimate(results, None) - best for estimate in ESTIMATES.values()])
    return np.array(errors)


def print_row(label, errors):
    """Print means with their standard errors, and root mean squares, over repeats."""
    mean, rms = errors.mean(axis=0), np.sqrt((errors**2).mean(axis=0))
    error = errors.std(axis=0) / np.sqrt(len(errors))
    cells = (
        f"{m:+.3f} ±{e:.3f} ({r:.3f})" if np.isfinite(m) else "-"
        for m, e, r in zip(mean, error, rms, strict=True)
    )
    print(f"{label:24s}", *(f"{cell:>22s}" for cell in cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--n-iter", type=int, default=40)
    parser.add_argument("--resource", choices=["folds"])
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args()
    header = " ".join([f"{'':24s}", *(f"{name:>22s}" for name in ESTIMATES)])

    print("Estimate minus truth: mean ± standard error (root mean square)")
    print(f"\n100 candidates with drawn scores, in standard deviations of a fold's noise\n{header}")
    for n_folds in (3, 5, 10):
        for spread in (0.0, 1.0):
            print_row(f"{n_folds} folds, true spread {spread:.0f}", simulate(n_folds, 100, spread))

    jobs = [delayed(search)(name, seed, options) for name in TASKS for seed in range(options.repeats)]
    errors = np.array(Parallel(n_jobs=options.n_jobs)(jobs))
    errors = errors.reshape(len(TASKS), options.repeats, 2, 3, len(ESTIMATES))
    print(f"\n{options.repeats} searches of {options.n_iter} candidates, {options.folds} folds")
    for rule, label in enumerate(("highest mean", "one standard error")):
        for truth, words in enumerate(("the folds' models", "the refitted winner")):
            print(f"\nWinner by {label}, truth: {words} on held-out data\n{header}")
            for task, name in enumerate(TASKS):
                print_row(name, errors[task, :, rule, truth])
        scores = errors[:, :, rule, 2, 0].mean(axis=1)
        print(
            "held-out score:",
            ", ".join(f"{name} {score:.3f}" for name, score in zip(TASKS, scores, strict=True)),
        )


if __name__ == "__main__":
    main()
