"""Several objectives: the share of the attainable hypervolume after a number of candidates.

    python examples/benchmarks/pareto.py
    python examples/benchmarks/pareto.py --tasks "svm*" --seeds 10 --n-iter 50

Optuna takes part where it is installed.
"""

import argparse
import fnmatch
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
from metrics import paired_bootstrap
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksearch.optimizers import BayesianOptimizer, EvolutionOptimizer, RandomOptimizer
from sksearch.optimizers.pareto import hypervolume, non_dominated
from sksearch.space import Space

# -- tasks: space, and a function of parameters and seed; both objectives are to be maximised -------

MIXED = {
    "x": (0.0, 1.0),
    "z": (0.0, 1.0),
    "rate": (1e-4, 1.0, "log-uniform"),
    "depth": (1, 30),
    "kind": ["a", "b", "c"],
}


def unit_of(params):
    """Place the numbers of the mixed space in the unit cube."""
    return np.array([params["x"], params["z"], np.log10(params["rate"]) / 4 + 1, (params["depth"] - 1) / 29])


def zdt(shape):
    """Return a function with the front of a problem by Zitzler, Deb & Thiele (2000), in the mixed space."""

    def task(params, seed):
        u = unit_of(params)
        optimum = np.random.default_rng(seed).uniform(0.2, 0.8, 3)
        g = 1 + 9 * np.mean((u[1:] - optimum) ** 2) + {"a": 0.0, "b": 0.5, "c": 1.5}[params["kind"]]
        return -u[0], -g * shape(u[0] / g, u[0])

    return task


def bowls(params, seed):
    """Two bowls with different centres and different best categories."""
    u = unit_of(params)
    centres = np.random.default_rng(seed).uniform(0.1, 0.9, (2, 4))
    penalties = {"a": (0.0, 0.3), "b": (0.1, 0.1), "c": (0.3, 0.0)}[params["kind"]]
    return tuple(-np.sum((u - c) ** 2) - p for c, p in zip(centres, penalties, strict=True))


@dataclass
class Real:
    """Score of an estimator, and its size, both averaged over the folds."""

    load: callable
    estimator: object
    scoring: str
    size: callable

    def __call__(self, params, seed):
        X, y = cache(self.load)(return_X_y=True)
        classifies = self.scoring == "accuracy"
        splitter = (StratifiedKFold if classifies else KFold)(3, shuffle=True, random_state=seed)
        estimator = clone(self.estimator).set_params(**params)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = cross_validate(estimator, X, y, cv=splitter, scoring=self.scoring, return_estimator=True)
        sizes = [self.size(fitted) for fitted in result["estimator"]]
        return float(result["test_score"].mean()), -float(np.mean(sizes))


TASKS = {
    "zdt1": (MIXED, zdt(lambda ratio, x: 1 - np.sqrt(ratio))),
    "zdt2": (MIXED, zdt(lambda ratio, x: 1 - ratio**2)),
    "zdt3": (MIXED, zdt(lambda ratio, x: 1 - np.sqrt(ratio) - ratio * np.sin(10 * np.pi * x))),
    "bowls": (MIXED, bowls),
    "svm-vectors": (
        {
            "svc__C": (1e-3, 1e3, "log-uniform"),
            "svc__gamma": (1e-5, 1e1, "log-uniform"),
            "svc__kernel": ["rbf", "sigmoid", "linear"],
        },
        Real(
            load_breast_cancer,
            make_pipeline(StandardScaler(), SVC()),
            "accuracy",
            lambda fitted: len(fitted[-1].support_),
        ),
    ),
    "tree-nodes": (
        {
            "max_depth": (1, 20),
            "min_samples_leaf": (1, 30),
            "max_features": (0.1, 1.0),
            "ccp_alpha": (1e-6, 1e-1, "log-uniform"),
            "criterion": ["gini", "entropy"],
        },
        Real(load_digits, DecisionTreeClassifier(random_state=0), "accuracy", lambda f: f.tree_.node_count),
    ),
    "net-coefficients": (
        {
            "elasticnet__alpha": (1e-3, 1e2, "log-uniform"),
            "elasticnet__l1_ratio": (0.0, 1.0),
            "polynomialfeatures__degree": [1, 2],
            "polynomialfeatures__interaction_only": [False, True],
        },
        Real(
            load_diabetes,
            make_pipeline(PolynomialFeatures(), StandardScaler(), ElasticNet(max_iter=200)),
            "neg_mean_squared_error",
            lambda fitted: np.count_nonzero(fitted[-1].coef_),
        ),
    ),
}

# -- searchers: the values of their candidates, of shape (n_iter, 2) ----------------------------------


def with_optimizer(make):
    def search(notation, task, n_iter, seed):
        space = Space(notation)
        optimizer = make(space, np.random.default_rng(seed))
        while len(optimizer.values) < n_iter and len(points := optimizer.ask(1)):
            optimizer.tell(points, [task(space.decode(points[0]), seed)])
        return optimizer.values

    return search


def with_optuna(make_sampler):
    def search(notation, task, n_iter, seed):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(directions=["maximize"] * 2)
        study.sampler = make_sampler(study.sampler, seed)
        study.optimize(lambda trial: task(suggest(trial, notation), seed), n_trials=n_iter)
        return np.array([trial.values for trial in study.trials])

    return search


def suggest(trial, notation):
    params = {}
    for name, values in notation.items():
        if isinstance(values, list):
            params[name] = trial.suggest_categorical(name, values)
        elif isinstance(values[0], int):
            params[name] = trial.suggest_int(name, *values)
        else:
            params[name] = trial.suggest_float(name, *values[:2], log=values[2:] == ("log-uniform",))
    return params


def optuna_default(sampler, seed):
    """Make another sampler of the type that a study has by default, with a seed."""
    return type(sampler)(seed=seed)


def optuna_nsga2(sampler, seed):
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=seed)


def optuna_gp(sampler, seed):
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed)


SEARCHERS = {
    "bayes": with_optimizer(BayesianOptimizer),
    "genetic": with_optimizer(EvolutionOptimizer),
    "random": with_optimizer(RandomOptimizer),
    "optuna": with_optuna(optuna_default),
    "optuna-nsga2": with_optuna(optuna_nsga2),
    "optuna-gp": with_optuna(optuna_gp),
}


def shares(fronts):
    """Hypervolume of each front, as a share of that of all of them together.

    The reference point is a tenth of its range below the worst values on the common front.
    """
    union = np.vstack(fronts)
    union = union[non_dominated(union)]
    reference = union.min(axis=0) - 0.1 * np.ptp(union, axis=0)
    return [hypervolume(front, reference) / hypervolume(union, reference) for front in fronts]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", metavar="PATTERN", default=["*"])
    parser.add_argument(
        "--searchers",
        nargs="+",
        choices=SEARCHERS,
        default=["bayes", "genetic", "random", "optuna", "optuna-nsga2"],
        help="the first one is compared with the others",
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-iter", type=int, default=100)
    options = parser.parse_args(arguments)
    try:
        import optuna  # noqa: F401
    except ImportError:
        print("optuna is not installed, and left out")
        options.searchers = [name for name in options.searchers if not name.startswith("optuna")]

    tasks = [name for name in TASKS if any(fnmatch.fnmatch(name, p) for p in options.tasks)]
    print(f"Share of the attainable hypervolume after {options.n_iter} candidates, {options.seeds} seeds\n")
    print(f"{'task':18s}", *(f"{name:>14s}" for name in options.searchers))
    table, seconds = [], dict.fromkeys(options.searchers, 0.0)
    for name in tasks:
        notation, task = TASKS[name]
        rows = []
        for seed in range(options.seeds):
            fronts = []
            for searcher in options.searchers:
                start = time.perf_counter()
                fronts.append(SEARCHERS[searcher](notation, task, options.n_iter, seed))
                seconds[searcher] += time.perf_counter() - start
            rows.append(shares(fronts))
        print(f"{name:18s}", *(f"{share:14.4f}" for share in np.mean(rows, axis=0)), flush=True)
        table += rows
    table = np.array(table).T
    print(f"{'mean':18s}", *(f"{share:14.4f}" for share in table.mean(axis=1)))
    per_candidate = [1e3 * seconds[name] / table.shape[1] / options.n_iter for name in options.searchers]
    print(f"{'ms/candidate':18s}", *(f"{ms:14.1f}" for ms in per_candidate))
    differences = table[0] - table[1:]
    low, high = paired_bootstrap(differences)
    print(f"\n{options.searchers[0]} minus, paired, with 95 % bootstrap intervals:")
    for name, difference, a, b in zip(options.searchers[1:], differences, low, high, strict=True):
        wins, losses = (difference > 0).sum(), (difference < 0).sum()
        print(f"{name:18s} {difference.mean():+.4f} [{a:+.4f}, {b:+.4f}]  {wins} wins, {losses} losses")


if __name__ == "__main__":
    main()
