"""Which strengths of a network are tuned by a search, and what each of its folds proposes for them."""

import numpy as np
import torch
from sklearn.base import clone
from skorch import NeuralNet

from sksearch.nets.one_pass import tune
from sksearch.nets.strengths import Strengths
from sksearch.space import Vector


class Proposals:
    """What is measured of a search's first candidate: the strengths that a training of each fold proposes.

    Parameters
    ----------
    name : str
        Parameter of the estimator, such as ``callbacks__decay__log_decay``, after the prefix of the network.
    callback : str
        Name of the callback.
    dimension : Vector
        The values it may take.
    """

    def __init__(self, name, callback, dimension):
        self.name = name
        self.callback = callback
        self.dimension = dimension

    def __call__(self, estimator, X_train, y_train, X_test, y_test, fit_params, score_params, number, fold):
        if number:
            return {}
        net = _net_of(estimator)
        if net is not estimator:
            prefix = f"{estimator.steps[-1][0]}__"
            fit_params = {k.removeprefix(prefix): v for k, v in fit_params.items() if k.startswith(prefix)}
            if len(estimator.steps) > 1:
                X_train = estimator[:-1].transform(X_train)
        low, high = self.dimension.low, self.dimension.high
        found = tune(net, self.callback, X_train, y_train, low, high, fit_params)
        return {"proposal": {self.name: np.clip(found, low, high)}}


def make_proposals(estimator, space):
    """Return what proposes the strengths that a space searches.

    Parameters
    ----------
    estimator : estimator
    space : Space

    Returns
    -------
    proposals : Proposals or None
        None where the estimator is no network, nor a pipeline that ends with one, or no logarithms of
        its callbacks' strengths are searched.

    Raises
    ------
    ValueError
        If anything else is searched with it, or as anything but a `Vector` of the right length.
    """
    net = _net_of(estimator)
    if net is None or net.callbacks in (None, "disable"):
        return None
    prefix = "" if net is estimator else f"{estimator.steps[-1][0]}__"
    callbacks = dict(clone(net).initialize_callbacks().callbacks_)
    tuned = {
        f"{prefix}callbacks__{name}__{callback.tuned}": name
        for name, callback in callbacks.items()
        if isinstance(callback, Strengths)
    }
    searched = [name for branch in space.branches for name in branch]
    name = next((name for name in searched if name in tuned), None)
    if name is None:
        return None
    if len(searched) > 1:
        others = sorted({other for other in searched if other != name}) or "other values of it"
        raise ValueError(
            f"{name!r} is searched alone by gradient, got {others} beside it; search these before, with "
            "BayesSearchCV or GeneticSearchCV."
        )
    dimension, callback = space.branches[0][name], callbacks[tuned[name]]
    n, text = _elements(net, callback)
    right = isinstance(dimension, Vector) and dimension.n == n and dimension.prior == "uniform"
    if not right:
        raise ValueError(
            f"{name!r} is {dimension!r}, and must be sksearch.space.Vector({n}, low, high), where low and "
            f"high are bounds of logarithms: one for each of {text}."
        )
    return Proposals(name, tuned[name], dimension)


def _net_of(estimator):
    """Return the network that an estimator is, or that a pipeline ends with; None where there is none."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return last if isinstance(last, NeuralNet) else None


def _elements(net, callback):
    with torch.random.fork_rng(devices=[]):  # weights are drawn; nothing of it is left
        return callback.elements(clone(net).set_params(device="cpu", verbose=0).initialize())
