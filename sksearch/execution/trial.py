"""A trial: one candidate and what is known of it."""

import re
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

# Objectives that are no scores, and where a result of ``_fit_and_score`` has them; less is better.
TIMES = {"-mean_fit_time": "fit_time", "-mean_score_time": "score_time"}

# How a traceback ends that says so: MemoryError, NumPy's own, torch's for GPUs and for the CPU.
_OUT_OF_MEMORY = re.compile(
    r"^[\w.]*(MemoryError\b|RuntimeError: .*(can't allocate memory|STATUS_ALLOC_FAILED))", re.MULTILINE
)


@dataclass(eq=False)
class Trial:
    """One candidate and what is known of it.

    A trial is run in steps. Without a resource there is one, in which all folds are run; with one, steps add
    folds, or repeat them with more samples or iterations.

    Parameters
    ----------
    number : int
        Place in the order of proposal.
    params : dict
        Parameter setting.
    point : ndarray
        The same as a point of the space.
    n_steps : int, default=1
        Steps of a complete trial.

    Attributes
    ----------
    steps : list of dict of int to dict
        Results of ``_fit_and_score`` by fold, for each step that was finished.
    folds : dict of int to dict
        The latest result of every fold, in the order of folds: a mean is the same in its last digit.
    models : dict of int to estimator
        Estimators that the last step fitted, by fold, where the next step goes on with them.
    wall_time : float
        Seconds that its fits and scorings took, summed over folds.
    timed_out : bool
        Whether a fit took longer than allowed.
    running : bool
        Whether a step was proposed that is not finished.
    n_fits : int
        Fits of the step that was proposed last.
    proposal : int
        Place of that step in the order of all that were proposed, of whichever trial.
    """

    number: int
    params: dict
    point: np.ndarray
    n_steps: int = 1
    steps: list = field(default_factory=list)
    folds: dict = field(default_factory=dict)
    models: dict = field(default_factory=dict)
    wall_time: float = 0.0
    timed_out: bool = False
    running: bool = False
    n_fits: int = 0
    proposal: int = 0
    _results: dict = field(default_factory=dict)
    _lost: dict | None = None

    def add(self, fold, result, seconds):
        """Take the result of one fold; return whether that was the last of the step's."""
        self.timed_out |= result.pop("timed_out", False)
        if result.pop("given_up", False):
            self._lost = result
        if "estimator" in result:
            self.models[fold] = result.pop("estimator")
        self._results[fold] = result
        self.wall_time += seconds
        if len(self._results) < self.n_fits:
            return False
        results = dict(sorted(self._results.items()))
        if self._lost is not None:  # which of its other fits had ended by then is chance
            results = {f: self._lost | {"n_test_samples": r["n_test_samples"]} for f, r in results.items()}
        self.finish_step(results)
        return True

    def revise(self, function):
        """Replace every result of its steps by what a function makes of it."""
        steps, self.steps, self.folds = self.steps, [], {}
        for step in steps:
            self._append({fold: function(result) for fold, result in step.items()})

    def finish_step(self, results):
        """Take all results of a step."""
        self._append(results)
        self._results = {}
        self.running = False

    def _append(self, results):
        self.steps.append(results)
        self.folds = dict(sorted((self.folds | results).items()))

    @property
    def failed(self):
        """Whether a fit took too long, or the latest of a fold failed."""
        return self.timed_out or any(result["fit_error"] is not None for result in self.folds.values())

    @property
    def complete(self):
        """Whether nothing is left to run."""
        return len(self.steps) == self.n_steps

    def scores(self, metric=None):
        """Test scores of each step, in the order of folds; NaN of a fit that failed.

        `metric` chooses one of several scores; None stands for the only one, or the first.
        """
        return [
            [_pick(r, metric) if r["fit_error"] is None else np.nan for r in step.values()]
            for step in self.steps
        ]

    def value(self, metric=None):
        """Mean test score over the folds that were run, by their latest results; -inf for a failure.

        Of a tuple of metrics, which may include times, it is an array: all of it is -inf for a failure.
        """
        if isinstance(metric, tuple):
            means = np.array([self.value(name) for name in metric])
            return means if np.isfinite(means).all() else np.full(len(metric), -np.inf)
        if self.failed:
            return -np.inf
        scores = [_pick(result, metric) for result in self.folds.values()]
        mean = float(np.add.reduce(scores) / len(scores))  # as np.mean, in a fraction of its time
        return mean if isfinite(mean) else -np.inf

    @property
    def measured(self):
        """What was measured of the fit of every fold; empty unless it was of each."""
        measured = [result.get("measured") for result in self.folds.values()]
        return measured if all(measured) else []

    def status(self, metric=None):
        """Return "ok", "failed", "timeout", "oom" (memory), or "stopped" for one that was dropped early."""
        if self.timed_out:
            return "timeout"
        errors = [result["fit_error"] for result in self.folds.values()]
        if any(error is not None and _OUT_OF_MEMORY.search(error) for error in errors):
            return "oom"
        if not np.isfinite(self.value(metric)).all():
            return "failed"
        return "ok" if self.complete else "stopped"


def _pick(result, metric):
    if metric in TIMES:
        return -result[TIMES[metric]]
    scores = result["test_scores"]
    if not isinstance(scores, dict):
        return scores
    return scores[metric] if metric is not None else next(iter(scores.values()))
