"""The optimizer's own milliseconds per proposal, against the number of observations.

    python examples/benchmarks/proposal_cost.py --n-iter 100 --seeds 3
    python examples/benchmarks/proposal_cost.py --evolution 1000

The space has six mixed dimensions, and the model costs nothing. What is measured is the gap from
the end of one evaluation to the start of the next, on one thread. So it contains what each library
does around an evaluation as well: the row of random search shows scikit-learn's share. With
`--evolution`, it is the processor time of ``ask`` alone, of evolution, after so many observations.
"""

import argparse
import os
import time
from typing import ClassVar

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy or torch is loaded

import numpy as np
import searchers
from sklearn.base import BaseEstimator, RegressorMixin
from tasks import Category, Integer, Real, Task

from sksearch.optimizers import EvolutionOptimizer
from sksearch.space import Space, Subset

WINDOW = 10  # proposals averaged, since an optimizer may do its heavy work at some of them only
SPACE = (
    Real("rate", 1e-4, 1e1, log=True),
    Real("penalty", 1e-5, 1e2, log=True),
    Real("fraction", 0.0, 1.0),
    Integer("depth", 1, 20),
    Category("kernel", ("a", "b", "c")),
    Category("shrink", (False, True)),
)


def mixed(n):
    """Half real numbers, a quarter integers, a quarter categories."""
    return (
        {f"real{i}": (0.0, 1.0) for i in range(n // 2)}
        | {f"int{i}": (1, 20) for i in range(n // 4)}
        | {f"kind{i}": ["a", "b", "c"] for i in range(n // 4)}
    )


LARGE_SPACES = {
    "6 mixed": {
        "rate": (1e-4, 1e1, "log-uniform"),
        "penalty": (1e-5, 1e2, "log-uniform"),
        "fraction": (0.0, 1.0),
        "depth": (1, 20),
        "kernel": ["a", "b", "c"],
        "shrink": [False, True],
    },
    "60 mixed": mixed(60),
    "100 mixed": mixed(100),
    "130 columns": {"columns": Subset(130), "C": (1e-3, 1e3, "log-uniform")},
}


class Stopwatch(RegressorMixin, BaseEstimator):
    """A model with an analytic score, which notes the time from the last scoring to its own fit."""

    # Of the class, so that all clones share them.
    gaps: ClassVar[list] = []
    last_end: ClassVar[float | None] = None

    def __init__(self, rate=1e-2, penalty=1.0, fraction=0.5, depth=5, kernel="a", shrink=False):
        self.rate = rate
        self.penalty = penalty
        self.fraction = fraction
        self.depth = depth
        self.kernel = kernel
        self.shrink = shrink

    def fit(self, X, y):
        if Stopwatch.last_end is not None:
            Stopwatch.gaps.append(time.perf_counter() - Stopwatch.last_end)
        self.fitted_ = True
        return self

    def score(self, X, y):
        loss = (
            (np.log10(self.rate) + 1.5) ** 2
            + 0.3 * (np.log10(self.penalty) - 0.5) ** 2
            + (self.fraction - 0.3) ** 2
            + 0.02 * (self.depth - 12) ** 2
            + {"a": 0.4, "b": 0.0, "c": 0.8}[self.kernel] * (1 + self.shrink)
        )
        Stopwatch.last_end = time.perf_counter()
        return -float(loss)


def proposal_times(name, n_iter, seed):
    """Measure the seconds before each evaluation, the first left out.

    Entry k is the time to propose with k + 1 observations at hand.
    """
    X, y = np.zeros((4, 1)), np.zeros(4)
    task = Task("stopwatch", Stopwatch(), SPACE, X, y, None, [(np.arange(4), np.arange(4))])
    Stopwatch.gaps, Stopwatch.last_end = [], None
    trace = searchers.run(name, task, n_iter, seed)
    if trace.error:
        raise RuntimeError(trace.error)
    return np.array(Stopwatch.gaps)


def ask_times(space, n_told, seed):
    """Measure the processor seconds of 100 calls of `ask` from so many observations on."""
    rng = np.random.default_rng(seed)
    optimizer = EvolutionOptimizer(space, rng)

    def tell(point):
        value = -((point - 0.3) ** 2).mean()
        for columns, subset in space.subsets:  # as models with coefficients do
            importance = np.where(point[columns] > 0.5, rng.random(subset.n), np.nan)
            optimizer.note(point, [{"importance": importance}])
        optimizer.tell([point], [value])

    for point in space.sample(n_told, rng):
        tell(point)
    seconds = []
    for _ in range(100):
        start = time.process_time()
        (point,) = optimizer.ask(1)
        seconds.append(time.process_time() - start)
        tell(point)
    return np.array(seconds)


def report_evolution(n_told, n_seeds):
    print(f"Milliseconds of processor time per `ask` of evolution after {n_told} observations, 100 calls:")
    print(f"median over {n_seeds} seeds of the mean, and of the quickest tenth")
    for name, notation in LARGE_SPACES.items():
        times = [1e3 * ask_times(Space(notation), n_told, seed) for seed in range(n_seeds)]
        mean = np.median([t.mean() for t in times])
        print(f"{name:12s} {mean:6.2f} {np.median([np.quantile(t, 0.1) for t in times]):6.2f}", flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searchers", nargs="+", metavar="NAME", choices=searchers.SEARCHERS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-iter", type=int, default=100)
    parser.add_argument(
        "--evolution", type=int, metavar="N", help="time `ask` of evolution at N observations"
    )
    options = parser.parse_args(arguments)
    if options.evolution:
        return report_evolution(options.evolution, options.seeds)
    counts = [n for n in (10, 20, 50, 100, 200, 500) if n <= options.n_iter - 1]
    counts = sorted({*counts, options.n_iter - 1})

    print(f"Milliseconds per proposal at n observations, mean of the {WINDOW} proposals up to it:")
    print(f"median over {options.seeds} seeds [least, most]\n")
    print(f"{'searcher':16s}", *(f"{f'n = {n}':>22s}" for n in counts))
    for name in options.searchers or searchers.SEARCHERS:
        if reason := searchers.why_unavailable(name):
            print(f"{name:16s} skipped: {reason}")
            continue
        try:
            # The first call of a library loads what it had left unloaded.
            proposal_times(name, 12, seed=0)
            times = [proposal_times(name, options.n_iter, seed) for seed in range(options.seeds)]
        except RuntimeError as error:
            print(f"{name:16s} FAILED: {error}")
            continue
        cells = []
        for n in counts:
            means = [1e3 * t[max(0, n - WINDOW) : n].mean() for t in times]
            cells.append(f"{np.median(means):.1f} [{min(means):.1f}, {max(means):.1f}]")
        print(f"{name:16s}", *(f"{cell:>22s}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
