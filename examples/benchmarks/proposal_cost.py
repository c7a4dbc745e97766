"""The optimizer's own milliseconds per proposal, against the number of observations.

    python examples/benchmarks/proposal_cost.py --n-iter 100 --seeds 3

The space has six mixed dimensions, and the model costs nothing. What is measured is the gap from
the end of one evaluation to the start of the next, on one thread. So it contains what each library
does around an evaluation as well: the row of random search shows scikit-learn's share.
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

WINDOW = 10  # proposals averaged, since an optimizer may do its heavy work at some of them only
SPACE = (
    Real("rate", 1e-4, 1e1, log=True),
    Real("penalty", 1e-5, 1e2, log=True),
    Real("fraction", 0.0, 1.0),
    Integer("depth", 1, 20),
    Category("kernel", ("a", "b", "c")),
    Category("shrink", (False, True)),
)


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


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searchers", nargs="+", metavar="NAME", choices=searchers.SEARCHERS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-iter", type=int, default=100)
    options = parser.parse_args(arguments)
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
