"""Local minimisation in a box, by functions that return a value and its gradient."""

import numpy as np
from scipy.optimize import minimize as scipy_minimize

# What a descent may cost, and when it ends: the relative decrease that is not worth another evaluation.
_MOST_EVALUATIONS = 25
_TOLERANCE = 1e-5

# Of the first-order methods. Where the first gradient has length one, this is the length of the first step.
_LEARNING_RATE = 0.5
_SMALLEST_STEP = 1e-2


def minimize(method, function, start, low, high):
    """Go downhill from `start` until nothing is gained.

    The function is scaled so that its first gradient has length one: the first step is about one unit long,
    whatever the unit of the loss is.

    Parameters
    ----------
    method : {"lbfgs", "sgd", "momentum", "rmsprop", "adam"}
        L-BFGS-B of SciPy, or a first-order method with a fixed learning rate.
    function : callable
        Takes an array of shape (n,), returns a float and an array of shape (n,).
    start, low, high : ndarray of shape (n,)
        Where to begin, and the box.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu, "A limited memory algorithm for bound constrained optimization", 1995.

    Kingma & Ba, "Adam: a method for stochastic optimization", 2015.
    """
    _, gradient = function(start)
    size = np.linalg.norm(start - np.clip(start - gradient, low, high)) or 1.0

    def scaled(x):
        value, gradient = function(x)
        return value / size, gradient / size

    if method == "lbfgs":
        options = {"maxfun": _MOST_EVALUATIONS, "ftol": _TOLERANCE, "gtol": 1e-4}
        bounds = np.column_stack([low, high])
        scipy_minimize(scaled, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    else:
        _first_order(_STEPS[method], scaled, start, low, high)


def _first_order(step, function, start, low, high):
    x, state = start, {"t": 0, "m": np.zeros_like(start), "v": np.zeros_like(start)}
    for _ in range(_MOST_EVALUATIONS):
        _, gradient = function(x)
        state["t"] += 1
        moved = np.clip(x - _LEARNING_RATE * step(gradient, state), low, high)
        if np.linalg.norm(moved - x) < _SMALLEST_STEP:
            return
        x = moved


def _momentum(g, state):
    state["m"] = 0.9 * state["m"] + g
    return state["m"]


def _rmsprop(g, state):
    state["v"] = 0.9 * state["v"] + 0.1 * g**2
    return g / (np.sqrt(state["v"]) + 1e-8)


def _adam(g, state):
    state["m"] = 0.9 * state["m"] + 0.1 * g
    state["v"] = 0.999 * state["v"] + 0.001 * g**2
    m, v = state["m"] / (1 - 0.9 ** state["t"]), state["v"] / (1 - 0.999 ** state["t"])
    return m / (np.sqrt(v) + 1e-8)


_STEPS = {"sgd": lambda g, state: g, "momentum": _momentum, "rmsprop": _rmsprop, "adam": _adam}
METHODS = ("lbfgs", *_STEPS)
