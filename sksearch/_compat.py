"""Every private or version-dependent name that is imported from scikit-learn and joblib, in one place.

The rest of the package imports these names from here only, so that a new release of scikit-learn is met in
one file; but for joblib's backend for Dask, which is an extra. Private attributes of scorers and fitted
estimators are read where they are needed.
"""

import inspect
from contextlib import contextmanager
from copy import copy

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor
from joblib.parallel import get_active_backend
from sklearn.base import _fit_context
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import (
    _fit_and_score,
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _check_sample_weight, _num_samples

try:
    from joblib.externals import cloudpickle
except ImportError:  # joblib 1.6 depends on it instead of bringing it
    import cloudpickle

__all__ = [
    "BaseSearchCV",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "ProcessPoolExecutor",
    "SearchCallbacks",
    "StrOptions",
    "_BaseScorer",
    "_MultimetricScorer",
    "_PassthroughScorer",
    "_check_method_params",
    "_check_sample_weight",
    "_fit_and_score",
    "_fit_context",
    "_insert_error_scores",
    "_num_samples",
    "_safe_indexing",
    "_safe_split",
    "_warn_or_raise_about_fit_failures",
    "class_weights",
    "cloudpickle",
    "get_active_backend",
    "takes_weights",
    "without_callbacks",
]


# Since 1.7, balanced weights of classes are those of the weighted samples.
_WEIGHED_CLASSES = "sample_weight" in inspect.signature(compute_class_weight).parameters


def class_weights(class_weight, classes, y, sample_weight):
    """Return the weight of each sample's class in linear classifiers, of shape (n_samples,)."""
    options = {"sample_weight": sample_weight} if _WEIGHED_CLASSES else {}
    weights = compute_class_weight(class_weight, classes=classes, y=np.asarray(y), **options)
    return weights[np.searchsorted(classes, y)]


def without_callbacks(estimator):
    """Take scikit-learn's callbacks (1.9 and later) from an estimator whose fit is none of their business."""
    # Where there are none it is not asked to: it may warn that it would not listen to them.
    return estimator.set_callbacks() if getattr(estimator, "_skl_callbacks", None) else estimator


def takes_weights(scorer):
    """Whether one scorer of several gets the weights of samples that are given for all, without routing."""
    return scorer._accept_sample_weight()


class SearchCallbacks:
    """The tree of tasks that scikit-learn's callbacks (1.9 and later) see of one search.

    As in ``BaseSearchCV``: a root, below it the search with one leaf per fit, and the refit. Where no
    callback is set, or scikit-learn is older, nothing happens, and nothing of the search is sent to the
    workers.

    Parameters
    ----------
    search : BaseSearchCV
        The search being fitted.
    X, y : array-like
        Its training data.
    metadata : dict or None
        What callbacks are told of sample weights.
    """

    def __init__(self, search, X, y, metadata):
        self._search = search
        self._data = {"X": X, "y": y, "metadata": metadata}
        self._root = self._task = None
        listening = (
            getattr(search, "_skl_callbacks", None)
            or hasattr(search, "_parent_callback_ctx")
            or getattr(search.estimator, "_skl_callbacks", None)
        )
        if listening and hasattr(search, "_init_callback_context"):
            self._root = search._init_callback_context(
                max_subtasks=1 + (search.refit is not False)
            ).call_on_fit_task_begin(estimator=search, **self._data)

    @property
    def listening(self):
        """Whether there is a callback."""
        return self._root is not None

    def begin_search(self, max_fits):
        """Announce at most `max_fits` fits."""
        if self._root is not None:
            self._task = self._root.subcontext(
                task_name="search", max_subtasks=max_fits, sequential_subtasks=False
            ).call_on_fit_task_begin(estimator=self._search)

    def for_fit(self, number):
        """Arguments of ``_fit_and_score`` for the fit with this number."""
        if self._task is None:
            return {}
        # Below a copy: the task with all its fits would be pickled for the workers with each of them.
        task = copy(self._task)
        task._children_map = {}
        context = task.subcontext(task_name="candidate-split-evaluation", task_id=number)
        return {"caller": self._search, "callback_ctx": context}

    def end_search(self):
        """Announce that all candidates are evaluated."""
        if self._task is not None:
            self._task.call_on_fit_task_end(estimator=self._search)

    @contextmanager
    def refit(self, estimator):
        """Announce the refit of the best estimator, and hand it the callbacks."""
        if self._root is None:
            yield
            return
        context = self._root.subcontext(task_name="refit-with-best-params")
        with context.propagate_callback_context(estimator):
            context.call_on_fit_task_begin(estimator=self._search, **self._data)
            yield
        context.call_on_fit_task_end(estimator=self._search, **self._data)

    def end(self):
        """Announce the end of the search."""
        if self._root is not None:
            self._root.call_on_fit_task_end(estimator=self._search, **self._data)
