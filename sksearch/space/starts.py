"""Where a search begins: at the estimator's own parameters, or as near to them as its space allows."""

from contextlib import suppress
from math import inf
from numbers import Integral

from sklearn.base import clone

from sksearch.space.dimensions import is_number


def own_params(space, estimator):
    """Return the setting of a space that the estimator has already.

    Parameters
    ----------
    space : Space
    estimator : estimator

    Returns
    -------
    params : dict or None
        The estimator's current values of the parameters of the first branch that holds them all.
    """
    current = _current(space, estimator)
    for branch in space.branches:
        params = {name: current[name] for name in branch if name in current}
        if params in space:
            return params
    return None


def nearest_params(space, estimator):
    """Return the setting of a space that is nearest to the estimator's own.

    It is a good one to begin with: who wrote an estimator chose defaults that are not far off. A number that
    is out of bounds is moved to the nearest bound, and what has no nearest value to the middle. Of several
    branches it is in the first that fixes nothing but what the estimator has.

    Parameters
    ----------
    space : Space
    estimator : estimator

    Returns
    -------
    params : dict or None
        None where no parameter has a value that is near.
    """
    own = _current(space, estimator)
    for branch in space.branches:
        fixed = {name: dimension.values()[0] for name, dimension in branch.items() if dimension.size == 1}
        is_own = all(name in own and own[name] in branch[name] for name in fixed)
        if not is_own and len(space.branches) > 1:
            continue
        current = own
        if not is_own:
            with suppress(Exception):  # values that it refuses are the misfortune of their candidates
                current = _current(space, clone(estimator).set_params(**clone(fixed, safe=False)))
        current = {name: value for name, value in current.items() if name in branch}
        if len(current) > 1 and all(value is None for value in current.values()):
            continue  # as XGBoost's, which stands for defaults that it does not show
        known = dict(fixed)
        for name, value in current.items():
            if value in branch[name]:
                known[name] = value
            elif (near := _nearest(name, branch[name], value)) is not None:
                known[name] = near
        if len(known) > len(fixed):
            return {name: known.get(name, dimension.middle()) for name, dimension in branch.items()}
    return None


def _nearest(name, dimension, value):
    """Return the legal value that is nearest to an estimator's own one, None if nothing is known to be."""
    last = name.rpartition("__")[2]
    if last.startswith("max_") and _is_no_limit(value):
        return dimension.nearest(inf)
    if last.startswith(("min_", "max_")) and _is_count(value) and getattr(dimension, "high", inf) <= 1.0:
        # A number of rows or columns, where shares of them are searched: the least is a small one.
        return dimension.nearest(0.0) if last.startswith("min_") else None
    return dimension.nearest(value)


def _is_no_limit(value):
    return value is None or (is_number(value) and value < 0)


def _is_count(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def _current(space, estimator):
    current = estimator.get_params(deep=True)
    if any("callbacks__" in name and name not in current for name in space.names):
        return _of_callbacks(estimator, current) | current
    return current


def _of_callbacks(estimator, params):
    """Return the parameters of the callbacks of networks, which show when these are initialised."""
    found = {}
    for prefix, net in [("", estimator), *((f"{name}__", value) for name, value in params.items())]:
        if hasattr(net, "initialize_callbacks") and not isinstance(net, type):
            with suppress(Exception):  # of a callback that is wrong, which its fits will tell
                inner = clone(net).initialize_callbacks().get_params(deep=True)
                found |= {prefix + name: inner[name] for name in inner if name.startswith("callbacks__")}
    return found
