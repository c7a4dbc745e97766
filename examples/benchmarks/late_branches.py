"""Is a branch, or a category, given up that begins badly? Problems where the better one shows it late.

    python examples/benchmarks/late_branches.py --seeds 10

See the README beside this file for what is measured.
"""

import argparse
import os
import warnings
from itertools import product

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from joblib import Parallel, delayed
from quasi_random import QuasiRandomSearchCV
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits, make_friedman1
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, SVR

from sksearch import BayesSearchCV, GeneticSearchCV


class TwoKinds(BaseEstimator):
    """Kind "x" scores up to 0.85, "y" up to 1 in a part of the range of b, and less elsewhere."""

    def __init__(self, kind="x", a=0.5, b=0.1):
        self.kind, self.a, self.b = kind, a, b

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return 0.8 + 0.05 * self.a if self.kind == "x" else 1.0 - 0.3 * abs(np.log10(self.b) + 4.0)


def ridge_or_svm(seed):
    """Branches: linear classifiers are good at once, SVMs are better with the right C and gamma."""
    X, y = load_digits(return_X_y=True)
    space = [
        {"model": [RidgeClassifier()], "model__alpha": (1e-3, 1e5, "log-uniform")},
        {
            "model": [SVC()],
            "model__C": (1e-2, 1e3, "log-uniform"),
            "model__gamma": (1e-6, 1e3, "log-uniform"),
        },
    ]
    return Pipeline([("model", RidgeClassifier())]), space, X[:360], y[:360], 3, 0.92


def ridge_or_svr(seed):
    """Branches: linear regression is settled soon, after which small differences of it count."""
    X, y = make_friedman1(150, 10, noise=1.0, random_state=seed)
    space = [
        {"model": [Ridge()], "model__alpha": (1e-4, 1e4, "log-uniform")},
        {
            "model": [SVR()],
            "model__C": (1e-3, 1e3, "log-uniform"),
            "model__gamma": (1e-5, 1e2, "log-uniform"),
            "model__epsilon": (1e-3, 1.0, "log-uniform"),
        },
    ]
    linear = max(cross_val_score(Ridge(alpha), X, y, cv=3).mean() for alpha in np.logspace(-4, 4, 17))
    return Pipeline([("model", Ridge())]), space, X, y, 3, linear + 0.02


def category(seed):
    space = {"kind": ["x", "y"], "a": (0.0, 1.0), "b": (1e-6, 1.0, "log-uniform")}
    return TwoKinds(), space, [[0.0], [0.0]], [0, 1], [([0], [1])], 0.86


PROBLEMS = {"ridge or SVM": ridge_or_svm, "ridge or SVR": ridge_or_svr, "category": category}
SEARCHERS = {"bayes": BayesSearchCV, "genetic": GeneticSearchCV, "random": QuasiRandomSearchCV}


def best_of(problem, name, n_iter, seed):
    """Return the best score of a search, and whether the better kind is among what it found."""
    warnings.simplefilter("ignore")
    estimator, space, X, y, cv, bar = PROBLEMS[problem](seed)
    search = SEARCHERS[name](estimator, space, n_iter=n_iter, cv=cv, refit=False, random_state=seed)
    best = search.fit(X, y).best_score_
    return best, best >= bar


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=40)
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print(f"{options.n_iter} candidates, {options.seeds} seeds: best score; searches without the better kind")
    for problem, name in product(PROBLEMS, SEARCHERS):
        found = Parallel(options.n_jobs)(
            delayed(best_of)(problem, name, options.n_iter, seed) for seed in seeds
        )
        best, is_better_kind = np.array(found).T
        n_without = int((1 - is_better_kind).sum())
        print(f"{problem:14s}{name:9s}{best.mean():7.3f} +- {best.std(ddof=1):.3f}  {n_without}")


if __name__ == "__main__":
    main()
