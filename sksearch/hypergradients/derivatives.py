"""What a search measures of its fits to descend: the loss on held-out data, and its derivatives."""

from contextlib import suppress

import numpy as np
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from sksearch._compat import _PassthroughScorer, takes_weights
from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.hypergradient import Hypergradient
from sksearch.hypergradients.registry import differentiable


class Derivatives:
    """What is measured of every fit: the loss on the held-out data, and its derivatives.

    Parameters
    ----------
    names : frozenset of str
        Parameters to differentiate by, where that is possible.
    scoring : scorer
        What the loss follows.
    one_of_several : bool, default=False
        Whether it is one of several scorers, which share what a search gives them.
    """

    def __init__(self, names, scoring, one_of_several=False):
        self.names = names
        self.scoring = scoring
        self.one_of_several = one_of_several

    def __call__(self, estimator, X_train, y_train, X_test, y_test, fit_params, score_params, number, fold):
        names = self.names & differentiable(estimator)
        if not names or _of_another_library(X_train):
            return {}
        derivative = Hypergradient(estimator, names, self.scoring)
        weights = self._fit_weight(estimator, fit_params), self._score_weight(estimator, score_params)
        data = (estimator, X_train, y_train, X_test, y_test, *weights)
        measured = {}
        with suppress(NotDifferentiable):
            measured["loss"], measured["gradient"] = derivative(*data)
            if number == 0 and fold == 0:  # where that fails, for a fit that is moved, this one is as it was
                measured["disagreement"] = derivative.disagreement(*data)
        return measured

    def proxy(self, estimator):
        """Name the loss that stands for a scoring without derivatives; None where it is the scoring's own."""
        if not (names := self.names & differentiable(estimator)):
            return None
        derivative = Hypergradient(estimator, names, self.scoring)
        return None if derivative.exact else derivative.loss_name

    @staticmethod
    def _fit_weight(estimator, params):
        """Return the weights of samples that reach the last step, which is what is differentiated."""
        if isinstance(estimator, Pipeline):
            name, last = estimator.steps[-1]
            if not _routes():
                return params.get(f"{name}__sample_weight")
            params = _routed(last, "fit", params)
        return params.get("sample_weight")

    def _score_weight(self, estimator, params):
        """Return the weights of samples that reach the scorer, or the ``score`` of the last step."""
        scorer = self.scoring
        if self.one_of_several and params:
            if _routes():
                params = _routed(scorer, "score", params)
            elif not takes_weights(scorer):
                return None
        if _routes() and isinstance(scorer, _PassthroughScorer) and isinstance(estimator, Pipeline):
            params = _routed(estimator.steps[-1][1], "score", params)
        return params.get("sample_weight")


def _of_another_library(X):
    """Whether scikit-learn is to compute with arrays that are not NumPy's, perhaps on a GPU."""
    return (
        get_config()["array_api_dispatch"] and hasattr(X, "__array_namespace__") and type(X) is not np.ndarray
    )


def _routes():
    return get_config()["enable_metadata_routing"]


def _routed(consumer, method, params):
    """Return which parameters reach a method, by its own names of them, out of those its caller has."""
    mapping = MethodMapping().add(caller=method, callee=method)
    router = MetadataRouter(owner="search").add(consumer=consumer, method_mapping=mapping)
    return router.route_params(caller=method, params=params).consumer[method]
