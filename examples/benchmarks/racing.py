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
from scipy import special
from searchers import _sksearch_notation, run, why_unavailable
from tasks import make_task, task_names

from sksearch import BayesSearchCV
from sksearch.execution.forecast import from_folds
from sksearch.execution.resources import Folds

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


def search(searcher, task, seed, n_iter, resource=None):
    """Return the scores of one search, (n_candidates, n_folds), and how alike the candidates are.

    Scores are NaN where nothing was run.
    """
    space = {dimension.name: _sksearch_notation(dimension) for dimension in task.space}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = searcher(
            task.estimator,
            space,
            n_iter=n_iter,
            scoring=task.scoring,
            cv=task.splits,
            refit=False,
            random_state=seed,
            resource=resource,
        ).fit(task.X, task.y)
    results, optimizer = found.cv_results_, found.optimizer_
    scores = np.column_stack([results[f"split{fold}_test_score"] for fold in range(len(task.splits))])
    points = np.array([optimizer.space.encode(params) for params in results["params"]])
    return scores, optimizer.similarity(points, points)


def paused(scores, alike):
    """Run a search's candidates again, in order, as `resource="folds"` does; NaN where nothing was run."""
    known = np.full_like(scores, np.nan)
    n_known = np.zeros(len(scores), int)
    n_folds, n_begun, best = scores.shape[1], 0, -np.inf
    resource = Folds(n_folds, 1)
    works = np.isfinite(scores).all(axis=1)

    def next_of(last):
        rows = np.flatnonzero(works[:n_begun])
        waiting = n_known[rows] < n_folds
        if not waiting.any() or not np.isfinite(best):
            return rows[waiting][0] if waiting.any() else None
        forecast = resource.forecast(known[rows], lambda some: alike[np.ix_(rows, rows[some])])
        chances = resource.chances(forecast, best)
        free = waiting & resource.free(known[rows], forecast, chances, waiting, last)
        return rows[np.where(free, chances, -1.0).argmax()] if free.any() else None

    while True:
        if (row := next_of(False)) is None and n_begun < len(scores):
            row, n_begun = n_begun, n_begun + 1
        elif row is None and (row := next_of(True)) is None:
            return known
        fold = (row + n_known[row]) % n_folds
        known[row, fold] = scores[row, fold]
        n_known[row] += 1
        if n_known[row] == n_folds:
            best = max(best, scores[row].mean())


def forecast_errors(scores, alike):
    """Forecast each candidate from one fold when all before it are complete.

    Returns
    -------
    ratio : float
        Median error as a part of what it is where a fold has the same effect on all candidates.
    outside : float
        Share of final means outside of the forecast's 95 % intervals.
    """
    scores, alike = scores[works := np.isfinite(scores).all(axis=1)], alike[np.ix_(works, works)]
    errors, outside = [], []
    for row in range(10, len(scores)):
        known = scores[: row + 1].copy()
        known[row, np.arange(scores.shape[1]) != row % scores.shape[1]] = np.nan
        mean, variance, dof = from_folds(known, lambda some, row=row: alike[: row + 1, : row + 1][:, some])
        error = mean[row] - scores[row].mean()
        errors.append([abs(error), abs(from_folds(known)[0][row] - scores[row].mean())])
        outside.append(abs(error) > special.stdtrit(dof[row], 0.975) * np.sqrt(variance[row]))
    ours, plain = np.maximum(np.median(errors, axis=0), 1e-12)
    return ours / plain, np.mean(outside)


def forgiving(scores, alike):
    """The same by Bergman et al. (2024): stop, for good, below the worst fold of the best candidate."""
    known = np.full_like(scores, np.nan)
    for row in range(len(scores)):
        for fold in range(scores.shape[1]):
            known[row, fold] = scores[row, fold]
            means = known[:row].mean(axis=1)
            if np.isnan(known[row, fold]):
                break
            if np.isfinite(means).any() and known[row, : fold + 1].mean() < known[np.nanargmax(means)].min():
                break
    return known


def outcome(scores, known):
    """Share of fits run; if the winner is lost; if to one that is worse by a tenth of its standard error.

    What agrees in nine digits is not worse: the same model, perhaps, whose scores were summed otherwise.
    """
    winner = scores[np.nanargmax(scores.mean(axis=1))]
    short = winner.mean() - np.nanmax(known.mean(axis=1))
    error = winner.std(ddof=1) / np.sqrt(len(winner))
    lost = short > 1e-12 * abs(winner.mean())
    return np.isfinite(known).mean(), lost, lost and short > max(0.1 * error, 1e-9 * abs(winner.mean()))


def compare(name, seed, n_folds, n_iter, blind_start):
    task = make_task(name, seed, blind_start=blind_start, n_folds=n_folds)
    full, full_alike = search(BayesSearchCV, task, seed, n_iter)
    raced, _ = search(BayesSearchCV, task, seed, n_iter, "folds")
    random, random_alike = search(QuasiRandomSearchCV, task, seed, n_iter)
    share = np.isfinite(raced).sum() / full.size
    n_fewer = max(1, round(share * n_iter))
    n_half, n_more = round(0.5 * n_iter / share), round(n_iter / share)
    half, _ = search(BayesSearchCV, task, seed, n_half, "folds")
    more, _ = search(BayesSearchCV, task, seed, n_more, "folds")
    curves = {
        "full": best_so_far(full.mean(axis=1), n_iter),
        "raced": best_so_far(raced.mean(axis=1), n_iter),
        "full, fits of raced": best_so_far(full.mean(axis=1)[:n_fewer], n_iter),
        "raced, half of the fits": best_so_far(half.mean(axis=1), n_half),
        "raced, fits of full": best_so_far(more.mean(axis=1), n_more),
        "random": best_so_far(random.mean(axis=1), n_iter),
    }
    if not why_unavailable("optuna-tpe"):
        curves["optuna-tpe"] = best_so_far(run("optuna-tpe", task, n_iter, seed).scores, n_iter)
    regrets = normalised_regret(curves, random.mean(axis=1))
    shares = {
        "raced": share,
        "raced, half of the fits": np.isfinite(half).sum() / full.size,
        "raced, fits of full": np.isfinite(more).sum() / full.size,
    }
    replays = [
        outcome(scores, policy(scores, alike))
        for scores, alike in ((full, full_alike), (random, random_alike))
        for policy in (paused, forgiving)
    ]
    finals = {key: curve[-1] for key, curve in regrets.items()}
    return (name, n_folds), finals, shares, replays, forecast_errors(full, full_alike)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", metavar="PATTERN", help="default: 13 cheap ones")
    parser.add_argument("--folds", nargs="+", type=int, default=[5, 10])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=50)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument(
        "--blind-start",
        action="store_true",
        help="put random values where the estimator has its defaults, near which searches begin",
    )
    options = parser.parse_args()
    names = TASKS
    if options.tasks:
        names = [name for name in task_names() if any(fnmatch(name, p) for p in options.tasks)]
        if not names:
            parser.error(f"no task matches {options.tasks}; see bayesmark.py --list")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for n_folds in options.folds:
        jobs = (
            delayed(compare)(name, s, n_folds, options.n_iter, options.blind_start)
            for s in seeds
            for name in names
        )
        rows = Parallel(n_jobs=options.n_jobs)(jobs)
        regret = {key: np.array([row[1][key] for row in rows]) for key in rows[0][1]}
        print(f"{n_folds} folds, {options.n_iter} candidates, {len(names)} tasks x {options.seeds} seeds")
        print("  final regret:", ", ".join(f"{key} {values.mean():.3f}" for key, values in regret.items()))
        for key in rows[0][2]:
            print(f"  fits / those of full, {key:36s}{interval([row[2][key] for row in rows])}")
        pairs = [
            ("raced", "full"),
            ("raced", "full, fits of raced"),
            ("raced, half of the fits", "full"),
            ("raced, fits of full", "full"),
            ("raced, fits of full", "optuna-tpe"),
        ]
        for key, other in pairs:
            if other in regret:
                label = f"({key}) - ({other})"
                print(f"  regret, {label:50s}{interval(regret[key] - regret[other])}")
        ratio, outside = np.array([row[4] for row in rows]).T
        ratio = np.exp(np.log(ratio).mean())
        print(
            f"  forecast from one fold: error {ratio:.2f} of that with one effect of a fold on all, ", end=""
        )
        print(f"{outside.mean():.1%} outside of 95 % intervals")
        fits, lost, worse = np.array([row[3] for row in rows], float).mean(axis=0).T
        print("  replayed on full searches         fits  winner lost  to a worse one")
        labels = ("Bayes, ours", "Bayes, forgiving", "random, ours", "random, forgiving")
        for label, *numbers in zip(labels, fits, lost, worse, strict=True):
            print(f"    {label:30s}" + " {:6.2f} {:8.1%} {:12.1%}".format(*numbers))


if __name__ == "__main__":
    main()
