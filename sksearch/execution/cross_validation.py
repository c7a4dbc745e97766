"""What is run for a trial: one fit and its scores per fold."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from math import copysign, inf
from traceback import format_exc

from sklearn.base import clone

from sksearch._compat import (
    _check_method_params,
    _fit_and_score,
    _MultimetricScorer,
    _safe_split,
    cloudpickle,
)
from sksearch.execution.environment import Environment
from sksearch.execution.front import fit_fronts, n_front_steps
from sksearch.execution.iterations import Continuation
from sksearch.execution.task import Task

# Options that hold arrays with a value per sample.
_LARGE_OPTIONS = ("fit_params", "score_params")

# Of scores beyond this the variances are infinite, which forecasts and ``std_test_score`` need.
_LARGEST_SCORE = 1e140


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
    resource : AllAtOnce
        What the steps of a trial are.
    tuned : set of str
        Parameters that differ between trials.
    callbacks : SearchCallbacks
        Told of every fit.
    options : dict
        The arguments of ``_fit_and_score`` that are the same for every fit.
    environment : Environment
        What is done around every fit.
    measure : callable, default=None
        What is to be known of a fit besides its scores: called with the fitted estimator, the training data,
        the test data, what else the estimator's ``fit`` and the scorer were given for them, two dicts, and
        the numbers of the trial and the fold, it returns a dict of numbers, arrays and such dicts.

    Attributes
    ----------
    seed : int
        Seed of the search, for fits that draw random numbers from global generators.
    """

    def __init__(
        self, estimator, X, y, splits, resource, tuned, callbacks, options, environment, measure=None
    ):
        self.estimator = estimator
        self.X, self.y = X, y
        self.splits = splits
        self.resource = resource
        self.tuned = tuned
        self.callbacks = callbacks
        self.options = options
        self._large = {name: options[name] for name in _LARGE_OPTIONS}
        self._small = {name: value for name, value in options.items() if name not in _LARGE_OPTIONS}
        self.environment = environment
        self.measure = measure
        self.seed = 0
        self._fronts = {}

    def prepare(self, workers):
        """Do what can be done once for all trials: send the data, fit the front of a pipeline.

        Parameters
        ----------
        workers : Workers
        """
        indices = [part for split in self.splits for part in split]
        large = filter(None, self._large.values())
        workers.share([self.X, *([] if self.y is None else [self.y]), *indices, *large])
        n_steps = 0
        if self.resource.all_rows and not self.callbacks.listening:
            iterations = self.resource.iterations(0)
            touched = self.tuned if iterations is None else {*self.tuned, iterations[0]}
            n_steps = n_front_steps(self.estimator, touched, self.options)
        if n_steps:
            shared = [self._shared(train, test) for train, test in self.splits]
            needs_train = self.options["return_train_score"] or self.measure is not None
            self._fronts = fit_fronts(workers, self.estimator, n_steps, shared, needs_train)
            workers.share(list(self._fronts.values()))

    def fits(self, trial, n_trials):
        """Iterate over the fits of the next step of a trial.

        Parameters
        ----------
        trial : Trial
        n_trials : int
            Most trials of the whole search, for the progress that verbose fits print.

        Yields
        ------
        fit : Fit
        """
        if trial.running:  # the journal had no results
            # Numbered among all fits that complete trials would have.
            first = trial.number * self.resource.n_fits + sum(len(step) for step in trial.steps)
            for number, fold in enumerate(self.resource.folds(trial), first):
                yield self._fit(trial, fold, n_trials, self.callbacks.for_fit(number))

    def _fit(self, trial, fold, n_trials, context):
        step = len(trial.steps)
        train, test = self.splits[fold]
        estimator, continuation = trial.models.pop(fold, None), None
        if (iterations := self.resource.iterations(step)) is not None:
            continuation = Continuation(*iterations, fitted=estimator is not None)
        arguments = {
            "estimator": clone(self.estimator) if estimator is None else estimator,
            "parameters": trial.params if estimator is None else {},
            "split_progress": (fold, len(self.splits)),
            "candidate_progress": (trial.number, n_trials),
            "return_estimator": self.measure is not None
            or (continuation is not None and step + 1 < self.resource.n_steps),
            **self._small,
            **context,
        }
        shared = self._shared(self.resource.rows(train, fold, step), test)
        if fold in self._fronts:
            shared |= {"X": None, "front": self._fronts[fold]}
        return Fit(
            trial.number,
            fold,
            arguments,
            shared,
            continuation,
            self.environment,
            self.seed,
            self.measure,
        )

    def _shared(self, train, test):
        return {"X": self.X, "y": self.y, "train": train, "test": test, **self._large}


@dataclass
class Fit(Task):
    """The fit of one fold of one trial, and its scores.

    Parameters
    ----------
    number, fold : int
        Which trial, which fold.
    arguments : dict
        The arguments of ``_fit_and_score`` that are this fit's own.
    shared : dict
        Its other arguments, the same objects in many fits: data, folds, and perhaps the fitted front of a
        pipeline.
    continuation : Continuation or None
        How many iterations to run, where these are the resource.
    environment : Environment
        What is done around the fit.
    seed : int
        Of the search.
    measure : callable or None
        See `CrossValidation`.
    """

    number: int
    fold: int
    arguments: dict
    shared: dict
    continuation: Continuation | None
    environment: Environment
    seed: int
    measure: object = None

    def run(self):
        start = time.perf_counter()
        try:
            result = self._run()
        except Exception:
            # What fits and scorers raise was recorded. This is the use of them: data that can not be split, a
            # scorer that returns no number. Said of the first candidate, or else only after all of them.
            if self.raises or self.number == 0:
                raise
            result = self.failure(format_exc())
        return self.number, self.fold, result, time.perf_counter() - start

    def _run(self):
        arguments = self.arguments | self.shared
        if isinstance(arguments["estimator"], bytes):  # a model that goes on came from another process
            arguments["estimator"] = cloudpickle.loads(arguments["estimator"])
        estimator, front = arguments["estimator"], arguments.pop("front", None)
        with ExitStack() as stack:
            try:
                # scikit-learn sets parameters outside its guard: a refused value would end the search.
                estimator.set_params(**clone(arguments["parameters"], safe=False))
                more, details = stack.enter_context(self.environment.around(self, estimator))
                if self.continuation is not None:
                    more = self.continuation.parameters(estimator) | more
                    stack.enter_context(self.continuation.going_on(estimator))
                if more:
                    estimator.set_params(**clone(more, safe=False))
                # All are set; ``_fit_and_score`` would do it again, and needs them only to print them.
                arguments["parameters"] = arguments["parameters"] | more if arguments["verbose"] > 1 else None
                if front is not None:
                    arguments["estimator"] = front.replace(estimator)
                    arguments["X"] = front.row_numbers
            except Exception:
                if self.raises:
                    raise
                return self.failure(format_exc())
            result = _fit_and_score(**arguments)
            for name in ("test_scores", "train_scores"):
                if name in result:
                    result[name] = _as_floats(result[name])
            if self.measure is not None and result["fit_error"] is None:
                try:
                    result["measured"] = self._measure(**arguments)
                except Exception:  # the scores are right without it
                    result["not_measured"] = format_exc()
            if front is not None:
                front.put_back(estimator, arguments["estimator"])
        if "estimator" in result:
            result["estimator"] = estimator
            if self.continuation is None or not self.continuation.possible(estimator):
                del result["estimator"]
        if details:
            result["details"] = details
        return result

    def _measure(self, estimator, X, y, train, test, fit_params, score_params, **_):
        return self.measure(
            estimator,
            *_safe_split(estimator, X, y, train),
            *_safe_split(estimator, X, y, test, train),
            _check_method_params(X, fit_params or {}, train),
            _check_method_params(X, score_params or {}, test),
            number=self.number,
            fold=self.fold,
        )

    @property
    def raises(self):
        return self.arguments["error_score"] == "raise"

    def failure(self, reason):
        """Return what ``_fit_and_score`` would, had the fit failed with this message."""
        scorer, score = self.arguments["scorer"], self.arguments["error_score"]
        if isinstance(scorer, _MultimetricScorer):
            score = dict.fromkeys(scorer._scorers, score)
        result = {"fit_error": reason, "test_scores": score, "fit_time": 0.0, "score_time": 0.0}
        if self.arguments["return_train_score"]:
            result["train_scores"] = score
        return result | {"n_test_samples": len(self.shared["test"])}


def _as_floats(scores):
    """Return scores as floats, and their names as strings, whatever they are: scikit-learn lets any pass."""
    if isinstance(scores, dict):
        return {str(name): _as_floats(score) for name, score in scores.items()}
    try:
        score = float(scores)
    except (TypeError, OverflowError) as error:
        raise ValueError(
            f"scoring must return numbers that fit into a float, got {scores!r:.100}."
        ) from error
    return copysign(inf, score) if abs(score) > _LARGEST_SCORE else score
