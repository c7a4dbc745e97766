"""Evolution and TPE on synthetic functions of many mixed parameters, by trials and by seconds.

    python examples/benchmarks/large_spaces.py --dimensions 40 --n-iter 1000 --seeds 2

Half of the parameters are real numbers, a quarter integers, a quarter categories. Of the numbers, four
functions are minimised: a sphere, a rotated one, one whose optimum moves with the categories, and
Rosenbrock's. Each category adds its own cost. Printed is the best value after so many trials, and that of
TPE after as many seconds as the whole evolution took.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np

from sksearch.optimizers import EvolutionOptimizer
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


def by_evolution(function, n_iter, seed):
    notation = dict.fromkeys(function.reals, (0.0, 1.0)) | dict.fromkeys(function.integers, (0, LARGEST))
    notation |= {k: [str(c) for c in range(N_CATEGORIES)] for k in function.categories}
    space = Space(notation)
    optimizer = EvolutionOptimizer(space, np.random.default_rng(seed))

    def trial():
        point = optimizer.ask(1)[0]
        value = function({k: int(v) if isinstance(v, str) else v for k, v in space.decode(point).items()})
        optimizer.tell([point], [-value])
        return value

    return _timed(trial, n_iter)


def by_tpe(function, n_iter, seed):
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

    return _timed(trial, n_iter)


def _timed(trial, n_iter):
    """Best value, and seconds, after each trial; the function itself takes next to none."""
    values, seconds, start = [], [], time.process_time()
    for _ in range(n_iter):
        values.append(trial())
        seconds.append(time.process_time() - start)
    return np.minimum.accumulate(values), np.array(seconds)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, default=40)
    parser.add_argument("--n-iter", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args(arguments)
    counts = [n for n in (100, 300, 1000) if n < options.n_iter] + [options.n_iter]
    print(f"Best value, geometric mean of {options.seeds} seeds, {options.dimensions} dimensions")
    print(f"{'':12s}{'':12s}", *(f"{n:>9d}" for n in counts), f"{'ms each':>9s}{'equal s':>9s}")
    for kind in KINDS:
        budgets = [np.inf] * options.seeds
        for name, search in (("evolution", by_evolution), ("TPE", by_tpe)):
            best, cost, equal = [], [], []
            for seed in range(options.seeds):
                function = Function(kind, options.dimensions, seed)
                values, seconds = search(function, options.n_iter, seed)
                budgets[seed] = min(budgets[seed], seconds[-1])
                best.append([values[n - 1] for n in counts])
                cost.append(1e3 * seconds[-1] / options.n_iter)
                equal.append(values[max(0, np.searchsorted(seconds, budgets[seed], side="right") - 1)])
            row = np.exp(np.log(best).mean(axis=0))
            cells = [f"{value:9.4f}" for value in row]
            print(
                f"{kind:12s}{name:12s}",
                *cells,
                f"{np.mean(cost):9.2f}{np.exp(np.log(equal).mean()):9.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
