"""Evolution, TPE and a Gaussian process on functions of many mixed parameters, by trials and by seconds.

    python examples/benchmarks/large_spaces.py --dimensions 40 --n-iter 1000 --seeds 2

Half of the parameters are real numbers, a quarter integers, a quarter categories. Of the numbers, four
functions are minimised: a sphere, a rotated one, one whose optimum moves with the categories, and
Rosenbrock's. Each category adds its own cost. "branches" is a conditional space: of four models, each with a
quarter of the parameters, one is chosen, and its sphere counts. In "columns" a tenth of as many columns as
there are dimensions explain something, each column has a cost, and a penalty is tuned as well; Optuna has a
category per column. Printed is the best value after so many trials, and what the
others had reached after as many seconds as the whole evolution took; the Gaussian process, that of
`BayesSearchCV`, is stopped then.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np

from sksearch.optimizers import BayesianOptimizer, EvolutionOptimizer
from sksearch.space import Space, Subset

KINDS = ("sphere", "rotated", "moving", "rosenbrock", "branches", "columns")
N_CATEGORIES = 4
LARGEST = 20  # of the integers


class Function:
    """One function of settings, dicts of parameters; 0 is its least value."""

    def __init__(self, kind, d, seed):
        rng = np.random.default_rng([seed, d, 17])
        n_others = d // 4
        self.kind = kind
        self.reals = [f"r{i}" for i in range(d - 2 * n_others)]
        self.integers = [f"i{i}" for i in range(n_others)]
        self.categories = [f"c{i}" for i in range(n_others)]
        n = len(self.reals) + n_others
        self.optimum = rng.uniform(0.15, 0.85, n)
        weights = 10 ** rng.uniform(-1, 1, n)
        self.weights = weights / weights.sum()
        cost = rng.random((n_others, N_CATEGORIES))
        self.cost = cost - cost.min(axis=1, keepdims=True)
        self.rotation = np.linalg.qr(rng.standard_normal((n, n)))[0]
        self.shift = 0.2 * rng.standard_normal((n_others, N_CATEGORIES))

    def __call__(self, params):
        x = np.array([params[k] for k in self.reals] + [params[k] / LARGEST for k in self.integers])
        rows = np.arange(len(self.categories))
        chosen = [int(params[k]) for k in self.categories]
        z = x - self.optimum
        if self.kind == "moving":
            z[rows] -= self.shift[rows, chosen]
        if self.kind == "rotated":
            z = self.rotation @ z
        if self.kind == "rosenbrock":
            y = 1 + 2 * z
            value = (2 * (y[1:] - y[:-1] ** 2) ** 2 + (1 - y[:-1]) ** 2).mean()
        else:
            value = 4 * (self.weights * z**2).sum()
        return value + 0.5 * self.cost[rows, chosen].mean()

    @property
    def notation(self):
        """The space of sksearch."""
        numbers = dict.fromkeys(self.reals, (0.0, 1.0)) | dict.fromkeys(self.integers, (0, LARGEST))
        return numbers | {k: [str(c) for c in range(N_CATEGORIES)] for k in self.categories}

    def suggest(self, trial):
        """Draw a setting from the same space by a trial of Optuna."""
        choices = [str(c) for c in range(N_CATEGORIES)]
        params = {k: trial.suggest_float(k, 0, 1) for k in self.reals}
        params |= {k: trial.suggest_int(k, 0, LARGEST) for k in self.integers}
        return params | {k: trial.suggest_categorical(k, choices) for k in self.categories}


class Branches:
    """One of several functions, the better of which differ little in what can be reached."""

    def __init__(self, d, seed):
        self.functions = [Function("sphere", d // N_CATEGORIES, 100 * seed + b) for b in range(N_CATEGORIES)]
        self.offsets = 0.05 * np.random.default_rng(seed).permutation(N_CATEGORIES)

    def __call__(self, params):
        branch = int(params["branch"])
        own = {name.split(".")[1]: value for name, value in params.items() if "." in name}
        return self.offsets[branch] + self.functions[branch](own)

    @property
    def notation(self):
        return [
            {"branch": [str(b)]} | {f"{b}.{name}": value for name, value in function.notation.items()}
            for b, function in enumerate(self.functions)
        ]

    def suggest(self, trial):
        branch = trial.suggest_categorical("branch", [str(b) for b in range(N_CATEGORIES)])
        own = self.functions[int(branch)].suggest(_Named(trial, branch))
        return {"branch": branch} | {f"{branch}.{name}": value for name, value in own.items()}


class _Named:
    """A trial of Optuna that puts the branch in front of names."""

    def __init__(self, trial, branch):
        self.trial, self.branch = trial, branch

    def __getattr__(self, method):
        return lambda name, *of_range: getattr(self.trial, method)(f"{self.branch}.{name}", *of_range)


class Columns:
    """What is left unexplained by a subset of columns, their cost, and that of a wrong penalty."""

    def __init__(self, d, seed):
        rng = np.random.default_rng([seed, d])
        weights = np.where(rng.permutation(d) < d // 10, rng.uniform(0.5, 1.5, d), 0.0)
        self.weights = weights / weights.sum()
        self.optimum = rng.uniform(0.2, 0.8)

    def __call__(self, params):
        mask = np.array(params["mask"])
        penalty = 0.2 * (params["penalty"] - self.optimum) ** 2
        # Where everything that explains is taken, only what it costs is left, which is not counted.
        n_idle = mask[self.weights == 0].sum()
        return 1.0 - self.weights[mask].sum() + 0.2 * n_idle / len(mask) + penalty

    @property
    def notation(self):
        return {"mask": Subset(len(self.weights)), "penalty": (0.0, 1.0)}

    def suggest(self, trial):
        mask = [trial.suggest_categorical(f"c{i}", [False, True]) for i in range(len(self.weights))]
        return {"mask": mask, "penalty": trial.suggest_float("penalty", 0, 1)}


def make_function(kind, d, seed):
    return (
        {"branches": Branches, "columns": Columns}[kind](d, seed)
        if kind in KINDS[-2:]
        else Function(kind, d, seed)
    )


def by_optimizer(make, function, n_iter, seed, most_seconds):
    space = Space(function.notation)
    optimizer = make(space, np.random.default_rng(seed))

    def trial():
        point = optimizer.ask(1)[0]
        value = function(space.decode(point))
        optimizer.tell([point], [-value])
        return value

    return _timed(trial, n_iter, most_seconds)


def by_evolution(function, n_iter, seed, most_seconds=np.inf):
    return by_optimizer(EvolutionOptimizer, function, n_iter, seed, most_seconds)


def by_gaussian_process(function, n_iter, seed, most_seconds):
    return by_optimizer(BayesianOptimizer, function, n_iter, seed, most_seconds)


def by_tpe(function, n_iter, seed, most_seconds=np.inf):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def trial():
        asked = study.ask()
        value = function(function.suggest(asked))
        study.tell(asked, value)
        return value

    return _timed(trial, n_iter, most_seconds)


def _timed(trial, n_iter, most_seconds):
    """Best value, and seconds, after each trial; the function itself takes next to none."""
    values, seconds, start = [], [], time.process_time()
    while len(values) < n_iter and (not seconds or seconds[-1] < most_seconds):
        values.append(trial())
        seconds.append(time.process_time() - start)
    return np.minimum.accumulate(values), np.array(seconds)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, default=40)
    parser.add_argument("--n-iter", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--functions", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument(
        "--equal-seconds",
        action="store_true",
        help="stop TPE too when the seconds are over, else it has all trials",
    )
    options = parser.parse_args(arguments)
    counts = [n for n in (100, 300, 1000) if n < options.n_iter] + [options.n_iter]
    print(f"Best value, geometric mean of {options.seeds} seeds, {options.dimensions} dimensions")
    print(f"{'':12s}{'':12s}", *(f"{n:>9d}" for n in counts), f"{'ms each':>9s}{'equal s':>9s}{'trials':>9s}")
    searchers = {"evolution": by_evolution, "TPE": by_tpe, "GP": by_gaussian_process}
    for kind in options.functions:
        budgets = [np.inf] * options.seeds
        for name, search in searchers.items():
            best, cost, equal, trials = [], [], [], []
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                function = make_function(kind, options.dimensions, seed)
                budget = budgets[seed - options.first_seed]
                limit = np.inf if name == "TPE" and not options.equal_seconds else budget
                values, seconds = search(function, options.n_iter, seed, limit)
                if name == "evolution":
                    budgets[seed - options.first_seed] = budget = seconds[-1]
                best.append([values[n - 1] if n <= len(values) else np.nan for n in counts])
                cost.append(1e3 * seconds[-1] / len(seconds))
                trials.append(max(1, np.searchsorted(seconds, budget, side="right")))
                equal.append(values[trials[-1] - 1])
            cells = [f"{value:9.4f}" for value in np.exp(np.log(best).mean(axis=0))]
            equal = np.exp(np.log(equal).mean())
            print(
                f"{kind:12s}{name:12s}",
                *cells,
                f"{np.mean(cost):9.2f}{equal:9.4f}{np.mean(trials):9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
