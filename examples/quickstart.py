"""Tune a scaler + SVC pipeline on handwritten digits, beside random search at equal fits.

Run it as ``python examples/quickstart.py``; ``--seeds 1`` is enough for a first look, the default is five.
"""

import argparse
import time

import numpy as np
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sksearch import BayesSearchCV

SPACE = {
    "svc__C": loguniform(1e-3, 1e3),
    "svc__gamma": loguniform(1e-5, 1e1),
    "svc__kernel": ["rbf", "poly"],
    "svc__degree": [2, 3, 4, 5],
    "svc__coef0": uniform(0, 2),
}


def make_pipeline():
    return Pipeline([("scale", StandardScaler()), ("svc", SVC())])


def compare(seed, n_iter, n_jobs, verbose):
    """Fit both searches on one split; return them with the test data."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
    settings = {"n_iter": n_iter, "cv": 3, "n_jobs": n_jobs, "random_state": seed}
    searches = {
        "BayesSearchCV": BayesSearchCV(make_pipeline(), SPACE, verbose=verbose, **settings),
        "RandomizedSearchCV": RandomizedSearchCV(make_pipeline(), SPACE, **settings),
    }
    seconds = {}
    for name, search in searches.items():
        start = time.perf_counter()
        search.fit(X_train, y_train)
        seconds[name] = time.perf_counter() - start
    untuned = make_pipeline().fit(X_train, y_train)
    return searches, seconds, untuned, X_test, y_test


def print_best(search, n=5):
    """Print a table of the best candidates."""
    results = search.cv_results_
    print(f"\nThe {n} best of {len(results['params'])} candidates:")
    print(f"{'rank':>4} {'score':>8} {'+-':>7} {'no.':>4}  parameters")
    for row in np.argsort(results["rank_test_score"], kind="stable")[:n]:
        params = ", ".join(
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in results["params"][row].items()
        )
        print(
            f"{results['rank_test_score'][row]:>4} {results['mean_test_score'][row]:>8.4f} "
            f"{results['std_test_score'][row]:>7.4f} {row:>4}  {params}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default: 5)")
    parser.add_argument("--n-iter", type=int, default=40, help="candidates per search (default: 40)")
    parser.add_argument("--n-jobs", type=int, default=1, help="fits in parallel (default: 1)")
    args = parser.parse_args()

    wins = 0
    for seed in range(args.seeds):
        searches, seconds, untuned, X_test, y_test = compare(
            seed, args.n_iter, args.n_jobs, verbose=int(seed == 0)
        )
        ours, theirs = searches["BayesSearchCV"], searches["RandomizedSearchCV"]
        if seed == 0:
            print_best(ours)
            print(f"\n{'seed':>4} {'searcher':<20} {'CV score':>9} {'test score':>11} {'seconds':>8}")
        print(f"{seed:>4} {'untuned pipeline':<20} {'':>9} {untuned.score(X_test, y_test):>11.4f}")
        for name, search in searches.items():
            print(
                f"{seed:>4} {name:<20} {search.best_score_:>9.4f} "
                f"{search.score(X_test, y_test):>11.4f} {seconds[name]:>8.1f}"
            )
        wins += ours.best_score_ > theirs.best_score_
    print(
        f"\nAt equal fits ({args.n_iter} candidates x 3 folds), BayesSearchCV found a better "
        f"cross-validated score than random search on {wins} of {args.seeds} seeds."
    )


if __name__ == "__main__":
    main()
