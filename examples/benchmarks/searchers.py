"""The searchers: one adapter each, `search(task, n_iter, seed) -> Trace`, by default settings.

An adapter translates the neutral space of `tasks.py` into its library's notation. Here stand
sksearch, scikit-learn and the list of all; `peers.py` has the others.
"""

import importlib
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import peers
from joblib import parallel_config
from objective import Trace
from scipy import stats
from sklearn.model_selection import RandomizedSearchCV
from tasks import Category, Integer, Real, make_task
from threadpoolctl import threadpool_limits


def _trace_of(cv_results, n_folds):
    seconds = np.nansum(cv_results["mean_fit_time"]) + np.nansum(cv_results["mean_score_time"])
    scores = np.asarray(cv_results["mean_test_score"], dtype=float)
    scores = np.where(np.isfinite(scores), scores, np.nan)
    return Trace(list(cv_results["params"]), scores.tolist(), float(n_folds * seconds))


# --- sksearch -------------------------------------------------------------------------------------


def _sksearch_notation(dimension):
    if isinstance(dimension, Category):
        return list(dimension.choices)
    return (dimension.low, dimension.high, "log-uniform" if dimension.log else "uniform")


def _sksearch(name, task, n_iter, seed, **settings):
    import sksearch

    search = getattr(sksearch, name)(
        task.estimator,
        {d.name: _sksearch_notation(d) for d in task.space},
        n_iter=n_iter,
        scoring=task.scoring,
        cv=task.splits,
        refit=False,
        random_state=seed,
        **settings,
    )
    search.fit(task.X, task.y)
    return _trace_of(search.cv_results_, len(task.splits))


def bayes(task, n_iter, seed):
    return _sksearch("BayesSearchCV", task, n_iter, seed)


def bayes_rounds(task, n_iter, seed):
    from sksearch.execution import Rounds

    return _sksearch("BayesSearchCV", task, n_iter, seed, executor=Rounds(n_points=8))


def bayes_workers(task, n_iter, seed):
    """Ten workers, for whom six candidates of five folds are under way when one is proposed."""
    with parallel_config(backend="threading"):
        trace = _sksearch("BayesSearchCV", task, n_iter, seed, n_jobs=10)
    # Fits that run at the same time take longer than the search: nothing is left for the optimizer.
    return replace(trace, fit_seconds=np.nan)


def genetic(task, n_iter, seed):
    return _sksearch("GeneticSearchCV", task, n_iter, seed)


# --- scikit-learn ---------------------------------------------------------------------------------


class _LogInteger:
    """A log-uniform distribution of integers, which SciPy does not have."""

    def __init__(self, dimension):
        self.dimension = dimension

    def rvs(self, random_state=None):
        return self.dimension.sample(random_state)


def _scipy_notation(dimension):
    match dimension:
        case Category():
            return list(dimension.choices)
        case Integer(log=True):
            return _LogInteger(dimension)
        case Integer():
            return stats.randint(dimension.low, dimension.high + 1)
        case Real(log=True):
            return stats.loguniform(dimension.low, dimension.high)
        case _:
            return stats.uniform(dimension.low, dimension.high - dimension.low)


def random_search(task, n_iter, seed):
    search = RandomizedSearchCV(
        task.estimator,
        {d.name: _scipy_notation(d) for d in task.space},
        n_iter=n_iter,
        scoring=task.scoring,
        cv=task.splits,
        refit=False,
        random_state=seed,
    )
    search.fit(task.X, task.y)
    return _trace_of(search.cv_results_, len(task.splits))


# --- all of them ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Searcher:
    """An adapter, and the modules it needs."""

    search: Callable
    modules: tuple


SEARCHERS = {
    "bayes": Searcher(bayes, ("sksearch",)),
    "bayes-rounds": Searcher(bayes_rounds, ("sksearch",)),
    "bayes-workers": Searcher(bayes_workers, ("sksearch",)),
    "genetic": Searcher(genetic, ("sksearch",)),
    "random": Searcher(random_search, ("sklearn",)),
    "skopt": Searcher(peers.skopt_gp, ("skopt",)),
    "optuna-tpe": Searcher(peers.optuna_tpe, ("optuna",)),
    "optuna-gp": Searcher(peers.optuna_gp, ("optuna", "torch")),
    "hyperopt": Searcher(peers.hyperopt_tpe, ("hyperopt",)),
    "sklearn-genetic": Searcher(peers.sklearn_genetic, ("sklearn_genetic",)),
}


def why_unavailable(name):
    """Say why a searcher can not be run; an empty string if it can."""
    try:
        for module in SEARCHERS[name].modules:
            importlib.import_module(module)
    # A library that is too old for its dependencies may raise anything.
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def run(name, task, n_iter, seed):
    """Run one searcher on one task, on one thread; if it raises, the trace has an `error`."""
    why_unavailable(name)  # imports are no part of the optimizer's time
    start = time.perf_counter()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            trace = SEARCHERS[name].search(task, n_iter, seed)
        except Exception as error:
            return Trace(error=f"{type(error).__name__}: {error}")
    trace.optimizer_seconds = time.perf_counter() - start - trace.fit_seconds
    return trace


def run_named(name, task_name, seed, n_iter, task_options):
    """As `run`, from plain values only, which is what is cheap to send to another process."""
    task = make_task(task_name, seed, **task_options)
    return (task_name, seed, name), run(name, task, n_iter, seed)
