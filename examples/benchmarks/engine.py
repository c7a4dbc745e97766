"""What the engine adds to the fits: idle workers, dispatch, proposals, its own machinery.

    python examples/benchmarks/engine.py
    python examples/benchmarks/engine.py --dask          # needs sksearch[dask]

Fits only sleep, so that every second beyond the sum of fits / workers is the engine's. Run it on a machine
that does nothing else.
"""

import argparse
import os
import time
from contextlib import contextmanager, nullcontext

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from quasi_random import QuasiRandomSearchCV
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import RandomizedSearchCV

from sksearch import BayesSearchCV
from sksearch.execution import Rounds, Stream

X, y = np.zeros((60, 2)), np.arange(60) % 2


class Sleeper(ClassifierMixin, BaseEstimator):
    """Takes its time, and scores by two parameters."""

    def __init__(self, a=0.5, b=0.5, seconds=0.0):
        self.a = a
        self.b = b
        self.seconds = seconds

    def fit(self, X, y):
        time.sleep(self.seconds)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return -((self.a - 0.3) ** 2) - (self.b - 0.7) ** 2


SPACE = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
LISTS = {name: np.linspace(0, 1, 1000) for name in SPACE}


def seconds_of(searcher, estimator, space, **settings):
    search = searcher(estimator, space, random_state=0, refit=False, **settings)
    start = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - start


@contextmanager
def on_dask():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        yield


def start_workers():
    """New worker processes, which have not imported scikit-learn."""
    get_reusable_executor().shutdown(wait=True)
    joblib.Parallel(n_jobs=2)(joblib.delayed(time.sleep)(0.2) for _ in range(4))


def overhead(n_iter, dask):
    """Equal fits of 50 ms, 5 folds, 2 workers."""
    bound = n_iter * 5 * 0.05 / 2
    settings = {"n_iter": n_iter, "cv": 5, "n_jobs": 2}

    def measure(label, searcher, space, **options):
        ratio = seconds_of(searcher, Sleeper(seconds=0.05), space, **settings, **options) / bound
        print(f"  {searcher.__name__:19s} {label:56s} {ratio - 1:6.1%}", flush=True)

    for searcher, space in () if dask else ((BayesSearchCV, SPACE), (RandomizedSearchCV, LISTS)):
        start_workers()
        measure("new workers, which import scikit-learn", searcher, space)
    measure("from here on workers that did", RandomizedSearchCV, LISTS)
    for searcher in (BayesSearchCV, QuasiRandomSearchCV):
        for executor in (Rounds(), Rounds(n_points=8), Stream()):
            measure(str(executor), searcher, SPACE, executor=executor)


def heavy_tail(seeds):
    """24 sleepers of heavy-tailed duration, 2 folds, 2 workers, against the best any engine can do."""
    for executor in (Rounds(), Stream()):
        ratios = []
        for seed in range(seeds):
            durations = np.sort(0.1 * (1 + np.random.default_rng(seed).pareto(1.2, 24)).clip(max=30))
            durations = np.random.default_rng(seed).permutation(durations)
            bound = max(durations.sum() * 2 / 2, durations.max())
            space = {"seconds": durations.tolist()}
            settings = {"n_iter": 24, "cv": 2, "n_jobs": 2, "executor": executor}
            ratios.append(seconds_of(QuasiRandomSearchCV, Sleeper(), space, **settings) / bound)
        shown = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"  {executor!s:56s} {shown}", flush=True)


def machinery(n_iter):
    """A null estimator, 3 folds, one worker, against RandomizedSearchCV."""
    ratios = []
    for _ in range(3):
        peer = seconds_of(RandomizedSearchCV, Sleeper(), LISTS, n_iter=n_iter, cv=3)
        ratios.append(seconds_of(QuasiRandomSearchCV, Sleeper(), SPACE, n_iter=n_iter, cv=3) / peer)
    print("  ", ", ".join(f"{ratio:.2f}" for ratio in ratios), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dask", action="store_true", help="on a Dask cluster of two processes instead of loky"
    )
    parser.add_argument("--n-iter", type=int, default=200, help="candidates of the overhead (default: 200)")
    parser.add_argument("--seeds", type=int, default=3, help="draws of the heavy tail (default: 3)")
    options = parser.parse_args()
    with on_dask() if options.dask else nullcontext():
        print(f"{options.n_iter} candidates x 5 folds of 50 ms, 2 workers: time beyond sum of fits / workers")
        overhead(options.n_iter, options.dask)
        print("24 sleepers of heavy-tailed duration x 2 folds, 2 workers: time / lower bound, per draw")
        heavy_tail(options.seeds)
    if not options.dask:
        print("null estimator, 3 folds, 1 worker: time / RandomizedSearchCV's")
        machinery(options.n_iter)


if __name__ == "__main__":
    main()
