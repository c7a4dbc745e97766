"""What failures cost: searches of which some evaluations fail by chance, diverge, or fail in a region.

    python examples/benchmarks/failures.py --seeds 5 --n-jobs 2

Optuna takes part where it is installed.
"""

import argparse
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from joblib import Parallel, delayed
from metrics import best_so_far, interval, normalised_regret
from objective import Objective
from peers import run_study
from searchers import _sksearch_notation, why_unavailable
from tasks import make_task

from sksearch.optimizers import BayesianOptimizer, RandomOptimizer
from sksearch.optimizers.gp import GaussianProcess
from sksearch.space import Space

TASKS = [
    "iris-svm-nll",
    "wine-dt-nll",
    "iris-knn-acc",
    "diabetes-lasso-mse",
    "diabetes-dt-mse",
    "diabetes-svm-mse",
]
FAULTS = {
    "none": "nothing fails",
    "chance": "20 % fail by chance",
    "diverge": "10 % diverge by chance",
    "region": "30 % of the space fail",
}


class Faulty(Objective):
    """The score of a setting, unless a fault strikes it; `scores` has NaN where one did."""

    def __init__(self, task, seed, fault):
        super().__init__(task)
        self.space = Space({dimension.name: _sksearch_notation(dimension) for dimension in task.space})
        self.scores = []
        self._fault = fault
        rng = np.random.default_rng([seed, 1])
        self._direction = rng.standard_normal(self.space.n_columns)
        self._limit = np.quantile(self.space.sample(1000, rng) @ self._direction, 0.7)
        self._rng = np.random.default_rng([seed, 2])

    def __call__(self, params):
        """Return what a search sees, NaN for a failure."""
        chance, size = self._rng.random(), self._rng.uniform(3, 6)
        outside = self.space.encode(params) @ self._direction > self._limit
        faults = {"none": False, "chance": chance < 0.2, "diverge": chance < 0.1, "region": outside}
        struck = faults[self._fault]
        score = np.nan if struck and self._fault != "diverge" else super().__call__(params)
        self.scores.append(np.nan if struck else score)
        return -(1.0 + abs(score)) * 10**size if struck else score


class OneNoise(GaussianProcess):
    """A model in which failures are values as sure as any."""

    def fit(self, X, y, noise=0.0, failed=False, **options):
        return super().fit(X, y, noise, **options)

    def condition(self, X, y, noise=0.0, failed=False):
        return super().condition(X, y, noise)


def ask(optimizer, objective, n_iter):
    while len(objective.scores) < n_iter and len(points := optimizer.ask(1)):
        score = objective(objective.space.decode(points[0]))
        optimizer.tell(points, [score if np.isfinite(score) else -np.inf])


def bayes(objective, n_iter, seed):
    ask(BayesianOptimizer(objective.space, np.random.default_rng(seed)), objective, n_iter)


def one_noise(objective, n_iter, seed):
    optimizer = BayesianOptimizer(objective.space, np.random.default_rng(seed))
    optimizer._gp = OneNoise(objective.space)
    ask(optimizer, objective, n_iter)


def random(objective, n_iter, seed):
    ask(RandomOptimizer(objective.space, np.random.default_rng(seed)), objective, n_iter)


def tpe(objective, n_iter, seed):
    from optuna.samplers import TPESampler

    run_study(objective, n_iter, TPESampler(seed=seed))


SEARCHERS = {"bayes": bayes, "bayes, one noise": one_noise, "optuna-tpe": tpe, "random": random}


def scores_of(searcher, name, seed, fault, n_iter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        objective = Faulty(make_task(name, seed), seed, fault)
        SEARCHERS[searcher](objective, n_iter, seed)
    return objective.scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=60)
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args()
    names = list(SEARCHERS)
    if why := why_unavailable("optuna-tpe"):
        print(f"optuna-tpe is left out: {why}")
        names.remove("optuna-tpe")
    pairs = [(task, options.first_seed + seed) for task in TASKS for seed in range(options.seeds)]
    print(f"{len(TASKS)} tasks x {options.seeds} seeds, normalised regret after {options.n_iter} candidates")
    for fault, title in FAULTS.items():
        runs = [(name, *pair, fault) for pair in pairs for name in names]
        found = Parallel(n_jobs=options.n_jobs, batch_size=1)(
            delayed(scores_of)(*run, options.n_iter) for run in runs
        )
        scores = {run[:3]: found_scores for run, found_scores in zip(runs, found, strict=True)}
        finals, failed = [], []
        for pair in pairs:
            curves = {name: best_so_far(scores[name, *pair], options.n_iter) for name in names}
            regret = normalised_regret(curves, scores["random", *pair])
            finals.append([regret[name][-1] for name in names])
            failed.append([np.isnan(scores[name, *pair]).mean() for name in names])
        finals = np.transpose(finals)
        print(f"\n{title:24s} regret  failed   minus bayes")
        for name, regrets, share in zip(names, finals, np.mean(failed, axis=0), strict=True):
            print(
                f"{name:24s}   {regrets.mean():.3f}   {share:4.0%}   {interval(regrets - finals[0])}",
                flush=True,
            )


if __name__ == "__main__":
    main()
