"""From trials to the columns of ``cv_results_``."""

from numbers import Real

import numpy as np

# What fits return beside scores and times.
_BESIDES = ("details", "measured")


def tabulate(trials, resource, n_splits, metric):
    """Arrange trials as scikit-learn formats them, with the columns that it does not have.

    Parameters
    ----------
    trials : list of Trial
        Of each, at least one step was finished.
    resource : AllAtOnce
        What their steps were.
    n_splits : int
        Number of folds.
    metric : str or None
        The score that was optimised.

    Returns
    -------
    params : list of dict
        Parameter setting of each trial.
    table : list of dict
        Result of each fold of each trial; a trial that was stopped has nothing to show where it did not get
        as far as a complete one.
    columns : dict of str to ndarray
        Columns beside those of scikit-learn.
    """
    steps = [len(trial.steps) - 1 for trial in trials]
    params = [trial.params | resource.shown(step) for trial, step in zip(trials, steps, strict=True)]
    nothing = _blank(next(iter(trials[0].folds.values())))
    table = []
    for trial in trials:
        folds = trial.folds
        counting = set(folds if trial.failed else resource.finished(trial))
        table += [folds[fold] if fold in counting else nothing for fold in range(n_splits)]
    # scikit-learn arranges only what every row has, and those of failed fits lack these.
    table = [{name: value for name, value in row.items() if name not in _BESIDES} for row in table]
    columns = {
        "status": np.array([trial.status(metric) for trial in trials], dtype=object),
        "n_resources": np.array([resource.amount(trial, len(trial.steps)) for trial in trials]),
        "wall_time": np.array([trial.wall_time for trial in trials]),
    }
    if resource.name is not None:
        scores = [trial.value(metric) for trial in trials]
        columns["partial_test_score"] = np.where(np.isfinite(scores), scores, np.nan)
    return params, table, columns | _detail_columns(trials, n_splits)


def _detail_columns(trials, n_splits):
    """Arrange what fits returned beside scores and times: a column per fold, and the mean of numbers."""
    details = [{fold: r.get("details", {}) for fold, r in trial.folds.items()} for trial in trials]
    names = dict.fromkeys(name for folds in details for values in folds.values() for name in values)
    columns = {}
    for name in names:
        values = [[folds.get(fold, {}).get(name) for folds in details] for fold in range(n_splits)]
        numbers = all(isinstance(value, Real | None) for column in values for value in column)
        for fold, column in enumerate(values):
            # Not np.array: lists of equal length would become a table.
            columns[f"split{fold}_{name}"] = np.empty(len(trials), float if numbers else object)
            columns[f"split{fold}_{name}"][:] = column
        if numbers:
            table = np.ma.masked_invalid([columns[f"split{fold}_{name}"] for fold in range(n_splits)])
            columns[f"mean_{name}"] = table.mean(axis=0).filled(np.nan)
    return columns


def _blank(result):
    """Return a result like this one, of a fit that was not run."""

    def nan(score):
        return dict.fromkeys(score, np.nan) if isinstance(score, dict) else np.nan

    numbers = {name: nan(value) for name, value in result.items() if name.endswith(("_scores", "_time"))}
    return result | numbers | {"fit_error": None}


def without_infinity(scores):
    """Replace infinite scores by NaN, which ranks last: a failure may not win."""
    if isinstance(scores, dict):
        return {name: without_infinity(score) for name, score in scores.items()}
    return np.nan if np.isinf(scores) else scores


def best_first(results, names, metrics=()):
    """List the settings of an earlier search, best first.

    Parameters
    ----------
    results : dict of str to ndarray, or DataFrame
        Its ``cv_results_``.
    names : set of str
        Parameters that are of interest; the resource of an earlier search may be another one.
    metrics : iterable of str, default=()
        By which of several scores they are sorted: the first of these that is there, else the first of all.

    Returns
    -------
    params : list of dict
        Candidates that failed or were dropped are left out.
    """
    columns = [f"mean_test_{name}" for name in metrics]
    columns += [column for column in results if column.startswith("mean_test_")]
    column = next((column for column in columns if column in results), None)
    if column is None or "params" not in results:
        raise ValueError(
            f"initial_params is a {type(results).__name__}, but not the cv_results_ of a search: write a "
            "list of settings, [{...}, ...]."
        )
    params = np.asarray(results["params"])
    if params.ndim != 1 or not all(isinstance(setting, dict) for setting in params):
        raise ValueError(
            "initial_params has no dicts as params, as cv_results_ that were written to a text file and read "
            "again: keep them by joblib.dump, or write a list of settings, [{...}, ...]."
        )
    scores = np.asarray(results[column], float)
    rows = [row for row in np.argsort(-scores, kind="stable") if np.isfinite(scores[row])]
    return [{k: v for k, v in params[row].items() if k in names} for row in rows]
