"""A trial, and how one fold of it is run."""

import time
from dataclasses import dataclass, field
from traceback import format_exc

import numpy as np
from sklearn.base import clone

from sksearch._compat import _fit_and_score, _MultimetricScorer


@dataclass
class Trial:
    """One candidate and what is known of it.

    Parameters
    ----------
    number : int
        Place in the order of proposal.
    params : dict
        Parameter setting.
    point : ndarray
        The same as a point of the space.

    Attributes
    ----------
    folds : dict of int to dict
        Results of ``_fit_and_score`` by fold, for the folds that were run.
    wall_time : float
        Seconds that its fits and scorings took, summed over folds.
    timed_out : bool
        Whether a fit took longer than allowed.
    """

    number: int
    params: dict
    point: np.ndarray
    folds: dict = field(default_factory=dict)
    wall_time: float = 0.0
    timed_out: bool = False

    def add(self, fold, result, seconds):
        """Take the result of one fold."""
        self.timed_out |= result.pop("timed_out", False)
        self.folds[fold] = result
        self.wall_time += seconds

    def value(self, metric=None):
        """Mean test score over folds, -inf for a failure.

        `metric` chooses one of several scores; None stands for the only one, or the first.
        """
        results = self.folds.values()
        if self.timed_out or any(result["fit_error"] is not None for result in results):
            return -np.inf
        mean = np.mean([_pick(result["test_scores"], metric) for result in results])
        return float(mean) if np.isfinite(mean) else -np.inf

    def status(self, metric=None):
        """Return "ok", "failed" or "timeout"."""
        if self.timed_out:
            return "timeout"
        return "ok" if np.isfinite(self.value(metric)) else "failed"


def _pick(scores, metric):
    if not isinstance(scores, dict):
        return scores
    return scores[metric] if metric is not None else next(iter(scores.values()))


class CrossValidation:
    """What is run for a trial: one fit and its scores per fold.

    Parameters
    ----------
    estimator : estimator
        Cloned for every fit.
    X, y : array-like
        All data.
    splits : list of (train, test)
        Drawn once, shared by all trials.
    callbacks : SearchCallbacks
        Told of every fit.
    options : dict
        The arguments of ``_fit_and_score`` that are the same for every fit.
    """

    def __init__(self, estimator, X, y, splits, callbacks, options):
        self.estimator = estimator
        self.X, self.y = X, y
        self.splits = splits
        self.callbacks = callbacks
        self.options = options

    def fits(self, trials, n_trials, out_of_time):
        """Iterate over the fits of trials, trial by trial.

        Parameters
        ----------
        trials : list of Trial
        n_trials : int
            Most trials of the whole search, for the progress that verbose fits print.
        out_of_time : callable
            Asked before each trial but the first; a true answer ends the iteration, so that what was begun
            is complete.

        Yields
        ------
        fit : Fit
        """
        n_splits = len(self.splits)
        trials = [trial for trial in trials if not trial.folds]  # others were recalled from a journal
        # Made ahead of the fits: they change an object that is being pickled for the workers otherwise.
        contexts = {
            (trial.number, fold): self.callbacks.for_fit(trial.number * n_splits + fold)
            for trial in trials
            for fold in range(n_splits)
        }
        for trial in trials:
            if trial is not trials[0] and out_of_time():
                return
            for fold, (train, test) in enumerate(self.splits):
                yield Fit(
                    trial.number,
                    fold,
                    {
                        "estimator": clone(self.estimator),
                        "X": self.X,
                        "y": self.y,
                        "train": train,
                        "test": test,
                        "parameters": trial.params,
                        "split_progress": (fold, n_splits),
                        "candidate_progress": (trial.number, n_trials),
                        **self.options,
                        **contexts[trial.number, fold],
                    },
                )


@dataclass
class Fit:
    """One fold of one trial, ready to be run in any process.

    Parameters
    ----------
    number, fold : int
        Which trial, which fold.
    arguments : dict
        The arguments of ``_fit_and_score``.
    """

    number: int
    fold: int
    arguments: dict

    def run(self):
        """Return trial number, fold, the result of ``_fit_and_score``, and seconds."""
        start = time.perf_counter()
        try:
            # scikit-learn sets parameters outside its guard: a value that is refused would end the search.
            self.arguments["estimator"].set_params(**clone(self.arguments["parameters"], safe=False))
        except Exception:
            if self.raises:
                raise
            return self.number, self.fold, self.failure(format_exc()), time.perf_counter() - start
        result = _fit_and_score(**self.arguments)
        return self.number, self.fold, result, time.perf_counter() - start

    @property
    def raises(self):
        """Whether the user wants errors raised rather than recorded."""
        return self.arguments["error_score"] == "raise"

    def failure(self, reason):
        """Return what ``_fit_and_score`` would, had the fit failed with this message."""
        scorer, score = self.arguments["scorer"], self.arguments["error_score"]
        if isinstance(scorer, _MultimetricScorer):
            score = dict.fromkeys(scorer._scorers, score)
        result = {"fit_error": reason, "test_scores": score, "fit_time": 0.0, "score_time": 0.0}
        if self.arguments["return_train_score"]:
            result["train_scores"] = score
        return result | {"n_test_samples": len(self.arguments["test"])}
