"""Evolution, TPE and a Gaussian process on functions of many mixed parameters, by trials and by seconds.

    python examples/benchmarks/large_spaces.py --dimensions 40 --n-iter 1000 --seeds 2

Half of the parameters are real numbers, a quarter integers, a quarter categories. Of the numbers, four
functions are minimised: a sphere, a rotated one, one whose optimum moves with the categories, and
Rosenbrock's. Each category adds its own cost. Printed is the best value after so many trials, and what the
others had reached after as many seconds as the whole evolution took; the Gaussian process, that of
`BayesSearchCV`, is stopped then.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np

from sksearch.optimizers import BayesianOptimizer, EvolutionOptimizer
from sksearch.space import Space

KINDS = ("sphere", "rotated", "moving", "rosenbrock")
N_CATEGORIES = 4
LARGEST = 20  # of the integers


class Function:
    """One function; settings are dicts of parameters, categories as numbers."""

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
        chosen = [params[k] for k in self.categories]
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


def by_optimizer(make, function, n_iter, seed, most_seconds):
    notation = dict.fromkeys(function.reals, (0.0, 1.0)) | dict.fromkeys(function.integers, (0, LARGEST))
    notation |= {k: [str(c) for c in range(N_CATEGORIES)] for k in function.categories}
    space = Space(notation)
    optimizer = make(space, np.random.default_rng(seed))

    def trial():
        point = optimizer.ask(1)[0]
        value = function({k: int(v) if isinstance(v, str) else v for k, v in space.decode(point).items()})
        optimizer.tell([point], [-value])
        return value

    return _timed(trial, n_iter, most_seconds)


def by_evolution(function, n_iter, seed, most_seconds=np.inf):
    return by_optimizer(EvolutionOptimizer, function, n_iter, seed, most_seconds)


def by_gaussian_process(function, n_iter, seed, most_seconds):
    return by_optimizer(BayesianOptimizer, function, n_iter, seed, most_seconds)


def by_tpe(function, n_iter, seed, most_seconds):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    choices = optuna.distributions.CategoricalDistribution([str(c) for c in range(N_CATEGORIES)])
    distributions = {k: optuna.distributions.FloatDistribution(0, 1) for k in function.reals}
    distributions |= {k: optuna.distributions.IntDistribution(0, LARGEST) for k in function.integers}
    distributions |= dict.fromkeys(function.categories, choices)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def trial():
        asked = study.ask(distributions)
        value = function({k: int(v) if isinstance(v, str) else v for k, v in asked.params.items()})
        study.tell(asked, value)
        return value

    # It has its trials all the same, to be compared by them.
    return _timed(trial, n_iter, np.inf)


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
                function = Function(kind, options.dimensions, seed)
                budget = budgets[seed - options.first_seed]
                values, seconds = search(function, options.n_iter, seed, budget)
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
