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
from searchers import _sksearch_notation
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
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


class Evaluation:
    """The score of a setting, by cross-validation, and whether the fault strikes it."""

    def __init__(self, name, seed, fault):
        self.task = make_task(name, seed)
        self.space = Space({dimension.name: _sksearch_notation(dimension) for dimension in self.task.space})
        self.fault = fault
        rng = np.random.default_rng([seed, 1])
        self.direction = rng.standard_normal(self.space.n_columns)
        self.limit = np.quantile(self.space.sample(1000, rng) @ self.direction, 0.7)
        self.rng = np.random.default_rng([seed, 2])
        self.struck = []

    def __call__(self, params):
        """Return what a search sees, NaN for a failure."""
        chance, size = self.rng.random(), self.rng.uniform(3, 6)
        outside = self.space.encode(params) @ self.direction > self.limit
        struck = {"none": False, "chance": chance < 0.2, "diverge": chance < 0.1, "region": outside}[
            self.fault
        ]
        self.struck.append(struck)
        if struck and self.fault != "diverge":
            return np.nan
        task, estimator = self.task, clone(self.task.estimator).set_params(**params)
        score = cross_val_score(estimator, task.X, task.y, cv=task.splits, scoring=task.scoring).mean()
        return -(1.0 + abs(score)) * 10**size if struck else score


class OneNoise(GaussianProcess):
    """A model in which failures are values as sure as any."""

    def fit(self, X, y, noise=0.0, failed=False, **options):
        return super().fit(X, y, noise, **options)

    def condition(self, X, y, noise=0.0, failed=False):
        return super().condition(X, y, noise)


def with_optimizer(optimizer, evaluate, n_iter):
    scores = []
    while len(scores) < n_iter and len(points := optimizer.ask(1)):
        scores.append(evaluate(evaluate.space.decode(points[0])))
        optimizer.tell(points, [scores[-1] if np.isfinite(scores[-1]) else -np.inf])
    return scores


def bayes(evaluate, n_iter, seed):
    return with_optimizer(BayesianOptimizer(evaluate.space, np.random.default_rng(seed)), evaluate, n_iter)


def one_noise(evaluate, n_iter, seed):
    optimizer = BayesianOptimizer(evaluate.space, np.random.default_rng(seed))
    optimizer._gp = OneNoise(evaluate.space)
    return with_optimizer(optimizer, evaluate, n_iter)


def random(evaluate, n_iter, seed):
    return with_optimizer(RandomOptimizer(evaluate.space, np.random.default_rng(seed)), evaluate, n_iter)


def tpe(evaluate, n_iter, seed):
    import optuna
    from peers import _optuna_notation

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    distributions = {dimension.name: _optuna_notation(dimension) for dimension in evaluate.task.space}
    scores = []
    for _ in range(n_iter):
        trial = study.ask(distributions)
        scores.append(evaluate(trial.params))
        if np.isfinite(scores[-1]):
            study.tell(trial, scores[-1])
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return scores


SEARCHERS = {"bayes": bayes, "bayes, one noise": one_noise, "optuna-tpe": tpe, "random": random}


def scores_of(searcher, name, seed, fault, n_iter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluate = Evaluation(name, seed, fault)
        scores = np.array(SEARCHERS[searcher](evaluate, n_iter, seed))
    return np.where(evaluate.struck, np.nan, scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=60)
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args()
    names = list(SEARCHERS)
    try:
        import optuna  # noqa: F401
    except ImportError:
        print("optuna is not installed, and left out")
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
