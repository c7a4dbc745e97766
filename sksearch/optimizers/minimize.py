"""Local minimisation in a box, by functions that return a value and its gradient."""

import numpy as np
from scipy.optimize import minimize as scipy_minimize

# What a descent may cost, and when it ends: the relative decrease that is not worth another evaluation.
_MOST_EVALUATIONS = 25
_TOLERANCE = 1e-4

_TINY = np.finfo(float).tiny

# Length of the gradient of the logarithm of a loss beyond which it is taken to be a singularity.
_STEEPEST = 10.0

# Coordinates up to which the inverse Hessian is a matrix.
_MOST_DENSE = 50

# Of one coordinate: the first step, in units.
_FIRST_STEP = 1.5
# A bracket that is still wider than this share of the one before is halved.
_SLOWLY = 0.8

# Of the first-order methods. Where the first gradient has length one, this is the length of the first step.
_LEARNING_RATE = 0.5
_SMALLEST_STEP = 1e-2


def minimize(method, function, start, low, high, non_negative=False):
    """Go downhill from `start` until nothing is gained.

    What is minimised is scaled so that its first gradient has length one: the first step is about one unit
    long, whatever the unit of the loss is.

    Parameters
    ----------
    method : {"lbfgs", "sgd", "momentum", "rmsprop", "adam"}
        A quasi-Newton method, or a first-order one with a fixed learning rate. The former is L-BFGS-B for
        many coordinates; the dense BFGS of SLSQP for up to 50, and for a single one a bracket and
        interpolation, since these take fewer evaluations.
    function : callable
        Takes an array of shape (n,), returns a float and an array of shape (n,).
    start, low, high : ndarray of shape (n,)
        Where to begin, and the box.
    non_negative : bool, default=False
        Whether the function is known never to be negative: it is minimised by its logarithm then. Of one
        that may cross zero, all that is below would be equal. On a line, L-BFGS takes the logarithm for as
        long as it has only seen positive values.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu, "A limited memory algorithm for bound constrained optimization", 1995.

    Kraft, "A software package for sequential quadratic programming", 1988.

    Kingma & Ba, "Adam: a method for stochastic optimization", 2015.
    """
    if method == "lbfgs" and len(start) == 1:
        _on_a_line(function, start[0], low[0], high[0])
        return
    value, gradient = function(start)
    # Losses span orders of magnitude, and where they are low is what matters.
    logarithmic = non_negative and value > 0
    unit = np.linalg.norm(gradient) / (value if logarithmic else 1.0) or 1.0

    def scaled(x):
        value, gradient = function(x)
        if logarithmic:
            value = max(value, _TINY)
            gradient = gradient / max(value, np.linalg.norm(gradient) / _STEEPEST)
            value = np.log(value)
        return value / unit, gradient / unit

    least = _TOLERANCE / unit * (1.0 if logarithmic else abs(value))
    bounds = np.column_stack([low, high])
    if method == "lbfgs" and len(start) <= _MOST_DENSE:
        options = {"maxiter": _MOST_EVALUATIONS, "ftol": least}
        scipy_minimize(scaled, start, jac=True, method="SLSQP", bounds=bounds, options=options)
    elif method == "lbfgs":
        options = {"maxfun": _MOST_EVALUATIONS, "ftol": least, "gtol": 1e-4}
        scipy_minimize(scaled, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    else:
        _first_order(_STEPS[method], scaled, start, low, high)


def _on_a_line(function, x, low, high):
    """Step ahead until the best point has a higher one downhill of it, then interpolate between the two."""
    known, last_width = {}, np.inf
    while x not in known and len(known) < _MOST_EVALUATIONS:
        value, gradient = function(np.array([x]))
        known[x] = value, gradient[0]
        # Losses often grow exponentially away from the optimum: their logarithm is closer to a cubic.
        positive = all(f > 0 for f, _ in known.values())
        logs = {x: (np.log(f), g / f) for x, (f, g) in known.items()} if positive else known
        best = min(known, key=known.get)
        value, slope = logs[best]
        if slope == 0:
            return
        least = _TOLERANCE * (1.0 if logs is not known else abs(value))
        downhill = [other for other in known if (other - best) * slope < 0]
        uphill = [other for other in known if (other - best) * slope > 0]
        if downhill:
            other = min(downhill, key=lambda other: abs(other - best))
            x, decrease = _lowest_of_cubic(best, *logs[best], other, *logs[other])
            if abs(other - best) > _SLOWLY * last_width:
                x = (best + other) / 2
            last_width = abs(other - best)
        else:
            other = min(uphill, key=lambda other: abs(other - best), default=None)
            step, decrease = _step_ahead(best, slope, other, logs)
            x = min(max(best - np.sign(slope) * step, low), high)
        if decrease < least:
            return


def _lowest_of_cubic(best, value, slope, other, other_value, other_slope):
    """Where the cubic through two points and slopes is lowest between them, and how far below the best.

    Of points that are further apart than a first step, a cubic knows the place better than the depth.
    """
    width = other - best
    secant = (other_value - value) / width
    cubic = (slope + other_slope - 2 * secant) / width**2
    square = (3 * secant - 2 * slope - other_slope) / width
    # The root of its derivative, in the form that does not cancel for small cubic terms.
    t = -slope / (square + np.sqrt(max(square**2 - 3 * cubic * slope, 0.0)) or np.inf)
    if not 0 < t / width < 1:
        return best + width / 2, np.inf
    decrease = -(slope * t + square * t**2 + cubic * t**3)
    if abs(width) > 0.3:  # the ends are known
        t = width * min(max(t / width, 0.1), 0.9)
    return best + t, decrease if abs(width) < _FIRST_STEP else np.inf


def _step_ahead(best, slope, other, logs):
    """The length of a step downhill by the secant of slopes, and the decrease it promises."""
    if other is None:
        return _FIRST_STEP, np.inf
    last = abs(best - other)
    curvature = (slope - logs[other][1]) / (best - other)
    if curvature <= 0:
        return 3 * last, np.inf
    step = abs(slope) / curvature
    # A small promise from far away is none: on a plateau all slopes are small.
    decrease = slope**2 / curvature / 2 if step < last / 4 else np.inf
    return min(max(step, last / 4), 3 * last), decrease


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
