"""Adapters of other libraries: `search(task, n_iter, seed) -> Trace`, by default settings.

Each library is imported when its adapter is called, and is given the neutral space of `tasks.py` in
its own notation.
"""

import contextlib
import io
import random
from math import log

import numpy as np
from objective import Objective, Trace
from tasks import Category, Integer, Real

# --- scikit-optimize ------------------------------------------------------------------------------


def _skopt_notation(dimension):
    from skopt import space

    match dimension:
        case Category():
            return space.Categorical(dimension.choices)
        case Integer():
            kind = space.Integer
        case _:
            kind = space.Real
    return kind(dimension.low, dimension.high, prior="log-uniform" if dimension.log else "uniform")


def skopt_gp(task, n_iter, seed):
    from skopt import Optimizer

    optimizer = Optimizer([_skopt_notation(d) for d in task.space], "GP", random_state=seed)
    objective, losses = Objective(task), []
    for _ in range(n_iter):
        point = optimizer.ask()
        score = objective({d.name: value for d, value in zip(task.space, point, strict=True)})
        # It knows no failures: they are told as the worst loss so far.
        losses.append(-score if np.isfinite(score) else max(losses, default=1.0))
        optimizer.tell(point, losses[-1])
    return objective.trace


# --- Optuna ---------------------------------------------------------------------------------------


def _optuna_notation(dimension):
    from optuna import distributions

    match dimension:
        case Category():
            return distributions.CategoricalDistribution(dimension.choices)
        case Integer():
            kind = distributions.IntDistribution
        case _:
            kind = distributions.FloatDistribution
    return kind(dimension.low, dimension.high, log=dimension.log)


def run_study(objective, n_iter, sampler):
    """Have a sampler of Optuna ask for candidates, told of failures as such; return the objective's trace."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = {d.name: _optuna_notation(d) for d in objective.task.space}
    for _ in range(n_iter):
        trial = study.ask(distributions)
        score = objective(trial.params)
        if np.isfinite(score):
            study.tell(trial, score)
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return objective.trace


def optuna_tpe(task, n_iter, seed):
    from optuna.samplers import TPESampler

    return run_study(Objective(task), n_iter, TPESampler(seed=seed))


def optuna_gp(task, n_iter, seed):
    from optuna.samplers import GPSampler

    return run_study(Objective(task), n_iter, GPSampler(seed=seed))


# --- Hyperopt -------------------------------------------------------------------------------------


def _hyperopt_notation(dimension):
    from hyperopt import hp
    from hyperopt.pyll import scope

    name, low, high = (
        dimension.name,
        getattr(dimension, "low", None),
        getattr(dimension, "high", None),
    )
    match dimension:
        case Category():
            return hp.choice(name, dimension.choices)
        case Integer(log=True):
            return scope.int(hp.qloguniform(name, log(low), log(high), 1))
        case Integer():
            return hp.uniformint(name, low, high)
        case Real(log=True):
            return hp.loguniform(name, log(low), log(high))
        case _:
            return hp.uniform(name, low, high)


def hyperopt_tpe(task, n_iter, seed):
    import hyperopt

    objective = Objective(task)

    def loss(params):
        score = objective(params)
        if np.isfinite(score):
            return {"loss": -score, "status": hyperopt.STATUS_OK}
        return {"status": hyperopt.STATUS_FAIL}

    hyperopt.fmin(
        loss,
        {d.name: _hyperopt_notation(d) for d in task.space},
        algo=hyperopt.tpe.suggest,
        max_evals=n_iter,
        rstate=np.random.default_rng(seed),
        verbose=False,
        show_progressbar=False,
        return_argmin=False,
    )
    return objective.trace


# --- sklearn-genetic-opt --------------------------------------------------------------------------


def _genetic_notation(dimension):
    from sklearn_genetic import space

    match dimension:
        case Category():
            return space.Categorical(list(dimension.choices))
        case Integer():
            kind = space.Integer
        case _:
            kind = space.Continuous
    # Its integers know no logarithm.
    log_scaled = dimension.log and kind is space.Continuous
    distribution = "log-uniform" if log_scaled else "uniform"
    return kind(dimension.low, dimension.high, distribution=distribution)


def sklearn_genetic(task, n_iter, seed):
    from sklearn_genetic import GASearchCV
    from sklearn_genetic.callbacks.base import BaseCallback

    class Budget(BaseCallback):
        def on_step(self, record=None, logbook=None, estimator=None):
            return len(estimator.fitness_cache) >= n_iter

    space = {d.name: _genetic_notation(d) for d in task.space}
    # It draws from both global generators, and takes no seed. Its categories reseed one of them when made.
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    search = GASearchCV(
        task.estimator,
        param_grid=space,
        scoring=task.scoring,
        cv=task.splits,
        # The default, 50, would leave no budget for a second generation.
        population_size=10,
        generations=n_iter,
        refit=False,
        verbose=False,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        search.fit(task.X, task.y, callbacks=[Budget()])
    # It remembers what it has evaluated, so that only the first of equal rows was fitted. The last
    # generation may have gone beyond the budget: the candidates are cut there, but the seconds are
    # those of the whole run.
    records = {}
    for row in search.logbook.chapters["parameters"]:
        key = tuple(row[d.name] for d in task.space)
        records.setdefault(key, row)
    trace = Trace()
    for n, (key, row) in enumerate(records.items()):
        trace.fit_seconds += float(np.sum(row["fit_time"]) + np.sum(row["score_time"]))
        if n < n_iter:
            trace.params.append({d.name: v for d, v in zip(task.space, key, strict=True)})
            trace.scores.append(float(row["score"]))
    return trace
