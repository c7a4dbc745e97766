"""What racing saves, and what it costs: searches with `resource="folds"` against the same without.

    python examples/benchmarks/racing.py --folds 5 10 --seeds 5 --n-jobs 2

See the README beside this file for what is measured.
"""

import argparse
import os
import warnings
from fnmatch import fnmatch

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from joblib import Parallel, delayed
from metrics import best_so_far, interval, normalised_regret
from quasi_random import QuasiRandomSearchCV
from searchers import _sksearch_notation
from tasks import make_task, task_names

from sksearch import BayesSearchCV
from sksearch.execution import racing

TASKS = [
    "iris-dt-nll",
    "iris-knn-acc",
    "iris-ada-nll",
    "wine-svm-nll",
    "wine-rf-nll",
    "wine-linear-acc",
    "diabetes-lasso-mse",
    "diabetes-dt-mse",
    "diabetes-svm-mse",
    "breast_cancer-knn-nll",
    "breast_cancer-dt-acc",
    "breast_cancer-linear-nll",
    "breast_cancer-rf-acc",
]


def search(searcher, name, seed, n_folds, n_iter, resource=None):
    """Return the scores of one search, of shape (n_candidates, n_folds), NaN where nothing was run."""
    task = make_task(name, seed, blind_start=True, n_folds=n_folds)
    space = {dimension.name: _sksearch_notation(dimension) for dimension in task.space}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = (
            searcher(
                task.estimator,
                space,
                n_iter=n_iter,
                scoring=task.scoring,
                cv=task.splits,
                refit=False,
                random_state=seed,
                resource=resource,
            )
            .fit(task.X, task.y)
            .cv_results_
        )
    return np.column_stack([results[f"split{fold}_test_score"] for fold in range(n_folds)])


def model_of_chances(scores, row):
    """The policy of `resource="folds"`."""
    known = scores[: row + 1]
    known = known[np.isfinite(known).any(axis=1)]
    best = known.mean(axis=1)
    forecast = racing.forecast_from_folds(known)
    return racing.chances(*forecast, np.nanmax(best))[-1] >= racing.LEAST_CHANCE


def forgiving(scores, row):
    """Bergman et al. (2024): stop below the worst fold of the best candidate."""
    best = scores[np.nanargmax(scores[:row].mean(axis=1))]
    return np.nanmean(scores[row]) >= best.min()


def replay(scores, policy):
    """Run a search's candidates again, in order; return the share of folds run, and if the winner is lost."""
    known = np.full_like(scores, np.nan)
    n_folds = scores.shape[1]
    complete = False
    for row in range(len(scores)):
        for fold in range(n_folds):
            known[row, fold] = scores[row, fold]
            if np.isnan(known[row, fold]):
                break
            if complete and fold + 1 < n_folds and not policy(known, row):
                break
        complete |= bool(np.isfinite(known[row]).all())
    best = np.nanmax(scores.mean(axis=1))
    return np.isfinite(known).mean(), np.nanmax(known.mean(axis=1)) < best - 1e-12 * abs(best)


def compare(name, seed, n_folds, n_iter):
    full = search(BayesSearchCV, name, seed, n_folds, n_iter)
    raced = search(BayesSearchCV, name, seed, n_folds, n_iter, "folds")
    random = search(QuasiRandomSearchCV, name, seed, n_folds, n_iter)
    share = np.isfinite(raced).sum() / full.size
    n_equal = max(1, round(share * n_iter))
    regrets = normalised_regret(
        {
            "full": best_so_far(full.mean(axis=1), n_iter),
            "raced": best_so_far(raced.mean(axis=1), n_iter),
            "full, equal fits": best_so_far(full.mean(axis=1)[:n_equal], n_iter),
            "random": best_so_far(random.mean(axis=1), n_iter),
        },
        random.mean(axis=1),
    )
    replays = [replay(s, p) for s in (full, random) for p in (model_of_chances, forgiving)]
    return (name, n_folds), {key: curve[-1] for key, curve in regrets.items()}, share, replays


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", metavar="PATTERN", help="default: 13 cheap ones")
    parser.add_argument("--folds", nargs="+", type=int, default=[5, 10])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=50)
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args()
    names = TASKS
    if options.tasks:
        names = [name for name in task_names() if any(fnmatch(name, p) for p in options.tasks)]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for n_folds in options.folds:
        jobs = (delayed(compare)(name, s, n_folds, options.n_iter) for s in seeds for name in names)
        rows = Parallel(n_jobs=options.n_jobs)(jobs)
        regret = {key: np.array([row[1][key] for row in rows]) for key in rows[0][1]}
        print(f"{n_folds} folds, {options.n_iter} candidates, {len(names)} tasks x {options.seeds} seeds")
        print("  final regret:", ", ".join(f"{key} {values.mean():.3f}" for key, values in regret.items()))
        print(f"  fits, of those without racing: {interval([row[2] for row in rows])}")
        print(f"  regret, raced - full:             {interval(regret['raced'] - regret['full'])}")
        print(f"  regret, raced - full, equal fits: {interval(regret['raced'] - regret['full, equal fits'])}")
        shares, lost = np.array([row[3] for row in rows], float).mean(axis=0).T
        print("  replayed on full searches         fits  winner lost")
        labels = ("Bayes, ours", "Bayes, forgiving", "random, ours", "random, forgiving")
        for label, share, lost_share in zip(labels, shares, lost, strict=True):
            print(f"    {label:30s} {share:6.2f} {lost_share:8.1%}")


if __name__ == "__main__":
    main()
