"""The front of a pipeline: the steps before the first tuned one, fitted once per fold for all candidates."""

import pickle
import time
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from sksearch._compat import _BaseScorer, _MultimetricScorer, _num_samples, _PassthroughScorer, _safe_split
from sksearch.execution.task import Task

# What all folds' transformed data may take. Beyond this, fitting again is better than filling the memory.
_MAX_BYTES = 2**30


def n_front_steps(estimator, tuned, options):
    """Count the steps of a pipeline that can be fitted once per fold without changing any result.

    Parameters
    ----------
    estimator : estimator
    tuned : iterable of str
        Parameters that differ between fits.
    options : dict
        The arguments of ``_fit_and_score`` that are the same for every fit.

    Returns
    -------
    n_steps : int
        0 where there are none: the estimator is no plain pipeline, its first step is tuned or random
        without a fixed seed, gets parameters of ``fit``, or a scorer could look at more than predictions.
    """
    if type(estimator) is not Pipeline or estimator.memory is not None:
        return 0
    if getattr(estimator, "transform_input", None) is not None or get_tags(estimator).input_tags.pairwise:
        return 0
    if get_config()["enable_metadata_routing"] and (options["fit_params"] or options["score_params"]):
        return 0
    scorer = options["scorer"]
    scorers = scorer._scorers.values() if isinstance(scorer, _MultimetricScorer) else [scorer]
    if not all(isinstance(one, _BaseScorer | _PassthroughScorer) for one in scorers):
        return 0
    names = [name for name, _ in estimator.steps]
    touched = {name.split("__")[0] for name in [*tuned, *options["fit_params"]]}
    if not touched <= set(names):  # the steps themselves are tuned
        return 0
    n_steps = min([names.index(name) for name in touched], default=len(names) - 1)
    n_steps = min(n_steps, len(names) - 1)
    for i, (_, step) in enumerate(estimator.steps[:n_steps]):
        if is_random(step):
            return i
    return n_steps


def _does_something(step):
    return step is not None and step != "passthrough"


def is_random(step):
    """Whether fits of this step may differ, as far as it, and what is inside of it, says."""
    if not _does_something(step):
        return False
    if _may_draw(step):
        return True
    inside = [value for value in step.get_params(deep=True).values() if not isinstance(value, type)]
    if any(hasattr(value, "fit") and _may_draw(value) for value in inside):
        return True
    # A word is no seed: scikit-learn's for a parameter that it no longer wants set.
    return any(seed is None or isinstance(seed, str) for seed in seeds(step)) or any(
        map(_shuffles_anew, inside)
    )


def _may_draw(estimator):
    """Whether an estimator without a `random_state` says that its fits differ, or says nothing."""
    if not hasattr(estimator, "get_params") or not hasattr(estimator, "__sklearn_tags__"):
        return True
    return get_tags(estimator).non_deterministic and "random_state" not in estimator.get_params()


def seeds(step):
    """List what a step, and what is inside of it, has as `random_state`."""
    params = step.get_params(deep=True).items() if hasattr(step, "get_params") else ()
    return [value for name, value in params if name.split("__")[-1] == "random_state"]


def _shuffles_anew(value):
    """Whether a parameter is a splitter, whose own parameters are not listed, that draws folds anew."""
    is_splitter = hasattr(value, "split") and hasattr(value, "random_state")
    return is_splitter and value.random_state is None and getattr(value, "shuffle", True)


@dataclass
class Front:
    """What the front of a pipeline made of the data of one fold.

    Parameters
    ----------
    n_steps : int
        Number of steps.
    n_samples : int
        Number of rows of all data.
    test : ndarray of int
        Rows of the test set.
    fitted : array-like
        ``fit_transform`` of the training rows.
    transformed_test, transformed_train : array-like
        ``transform`` of the test and of the training rows; the latter is None if nobody asks for it.
    """

    n_steps: int
    n_samples: int
    test: np.ndarray
    fitted: object
    transformed_test: object
    transformed_train: object

    @property
    def row_numbers(self):
        """The data that the pipeline of the other steps takes, of shape (n_samples, 1)."""
        return np.arange(self.n_samples)[:, None]

    def replace(self, pipeline):
        """Return a pipeline of the other steps, the same objects, that takes row numbers as its data."""
        name = pipeline.steps[0][0]
        return Pipeline([(name, _Recall(self)), *pipeline.steps[self.n_steps :]], verbose=pipeline.verbose)

    def put_back(self, pipeline, replaced):
        """Give a pipeline the fitted steps of its replacement, which may be others: steps can be tuned."""
        pipeline.steps[self.n_steps :] = replaced.steps[1:]


class _Recall(BaseEstimator):
    """A transformer of row numbers, which knows the answers."""

    def __init__(self, front):
        self.front = front

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_clone__(self):
        return self  # there is nothing to fit again, and much to copy

    # Answers are copied: a step may work in place.

    def fit_transform(self, X, y=None):
        return deepcopy(self.front.fitted)

    def transform(self, X):
        is_test = np.array_equal(X[:, 0], self.front.test)
        return deepcopy(self.front.transformed_test if is_test else self.front.transformed_train)


@dataclass
class FrontFit(Task):
    """The fit of the front for one fold, run by the same workers as the fits of trials."""

    fold: int
    pipeline: Pipeline
    n_splits: int
    needs_train: bool
    shared: dict
    number: int = -1

    def run(self):
        start = time.perf_counter()
        try:
            result = self._fit()
        except Exception:  # the fits of trials will say so
            result = None
        return self.number, self.fold, {"front": result}, time.perf_counter() - start

    def _fit(self):
        X, y, train, test = (self.shared[name] for name in ("X", "y", "train", "test"))
        fitted = self.pipeline.fit_transform(*_safe_split(self.pipeline, X, y, train))
        X_test, _ = _safe_split(self.pipeline, X, y, test, train)
        # Taken anew: steps may work in place.
        X_train = _safe_split(self.pipeline, X, y, train)[0] if self.needs_train else None
        front = Front(
            len(self.pipeline.steps),
            _num_samples(X),
            np.asarray(test),
            fitted,
            self._transform(X_test),
            self._transform(X_train) if self.needs_train else None,
        )
        return front if len(pickle.dumps(front)) <= _MAX_BYTES / self.n_splits else None

    def _transform(self, X):
        # Not by the pipeline: it would ask its last step whether it is fitted, which not every step can tell.
        for _, step in self.pipeline.steps:
            X = step.transform(X) if _does_something(step) else X
        return X

    def failure(self, reason):
        return {"front": None}


def fit_fronts(workers, estimator, n_steps, shared, needs_train):
    """Fit the front of a pipeline on every fold.

    Parameters
    ----------
    workers : Workers
    estimator : Pipeline
    n_steps : int
        How many of its steps.
    shared : list of dict
        The data of each fold.
    needs_train : bool
        Whether training rows will be scored too, or measured.

    Returns
    -------
    fronts : dict of int to Front
        Empty where a fit failed or the results are too large to keep.
    """
    fits = (
        FrontFit(fold, clone(estimator[:n_steps]), len(shared), needs_train, data)
        for fold, data in enumerate(shared)
    )
    fronts = {fold: result["front"] for _, fold, result, _ in workers.run(fits)}
    return {} if None in fronts.values() else fronts
