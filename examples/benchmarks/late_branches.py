"""Is a branch, or a category, given up that begins badly? Two problems where the better one shows it late.

    python examples/benchmarks/late_branches.py --seeds 10

See the README beside this file for what is measured.
"""

import argparse
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from quasi_random import QuasiRandomSearchCV
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sksearch import BayesSearchCV, GeneticSearchCV


class TwoKinds(BaseEstimator):
    """Kind "x" scores up to 0.85, "y" up to 1 in a part of the range of b, and less elsewhere."""

    def __init__(self, kind="x", a=0.5, b=0.1):
        self.kind, self.a, self.b = kind, a, b

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return 0.8 + 0.05 * self.a if self.kind == "x" else 1.0 - 0.3 * abs(np.log10(self.b) + 4.0)


def ridge_or_svm():
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


def category():
    space = {"kind": ["x", "y"], "a": (0.0, 1.0), "b": (1e-6, 1.0, "log-uniform")}
    return TwoKinds(), space, [[0.0], [0.0]], [0, 1], [([0], [1])], 0.86


PROBLEMS = {"ridge or SVM": ridge_or_svm, "category": category}


def best_of(searcher, estimator, space, X, y, cv, n_iter, seed):
    search = searcher(estimator, space, n_iter=n_iter, cv=cv, refit=False, random_state=seed)
    return search.fit(X, y).best_score_


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=40)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    searchers = {"bayes": BayesSearchCV, "genetic": GeneticSearchCV, "random": QuasiRandomSearchCV}
    print(f"{options.n_iter} candidates, {options.seeds} seeds: best score; searches without the better kind")
    for problem, make in PROBLEMS.items():
        *task, bar = make()
        for name, searcher in searchers.items():
            best = np.array([best_of(searcher, *task, options.n_iter, seed) for seed in seeds])
            print(f"{problem:14s}{name:9s}{best.mean():7.3f} +- {best.std(ddof=1):.3f}  {(best < bar).sum()}")


if __name__ == "__main__":
    main()
