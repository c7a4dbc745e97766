"""Users' notations: from what a user writes for one parameter to a dimension."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rv_continuous, rv_discrete

from sksearch._messages import did_you_mean
from sksearch.space.dimensions import PRIORS, Categorical, Dimension, Integer, Real, is_number
from sksearch.space.distributions import Continuous, Discrete, as_written


def as_dimension(name, value):
    """Turn a user's notation into a dimension.

    Parameters
    ----------
    name : str
        Name of the parameter, for messages.
    value : object
        A list or array of values, a frozen ``scipy.stats`` distribution, ``(low, high)``,
        ``(low, high, prior)``, or a `Dimension`.

    Returns
    -------
    dimension : Dimension

    Raises
    ------
    TypeError
        If `value` is none of the notations.
    ValueError
        If it is one, but holds no legal value.

    Examples
    --------
    >>> as_dimension("C", (1e-2, 1e2, "log-uniform"))
    Real(0.01, 100.0, prior='log-uniform')
    >>> as_dimension("n_neighbors", (1, 30))
    Integer(1, 30, prior='uniform')
    """
    if isinstance(value, Dimension):
        return value
    try:
        if hasattr(value, "rvs") or hasattr(value, "icdf"):
            return _from_scipy(value)
        if isinstance(value, tuple) and _looks_like_range(value):
            return _from_range(value)
        if isinstance(value, list) and _has_prior(value) and value[2] in PRIORS:
            raise ValueError(f"a range is written as a tuple, not as a list; write {tuple(value)!r}.")
    except ValueError as error:
        raise ValueError(f"Parameter {name!r}: {error}") from None
    except TypeError as error:
        raise TypeError(f"Parameter {name!r}: {error}") from None
    return Categorical(_as_list(name, value))


def _as_list(name, value):
    if isinstance(value, np.ndarray) and value.ndim != 1:
        raise ValueError(
            f"Parameter {name!r}: an array of values must be one-dimensional, got shape "
            f"{value.shape}; write list(array) to choose between its rows."
        )
    # A data frame is an array too, but a list of its columns' names.
    is_sequence = isinstance(value, Sequence) or (hasattr(value, "__array__") and np.ndim(value) == 1)
    if isinstance(value, (str, bytes, dict)) or not is_sequence:
        # scikit-learn's own words, which people search for, then ours.
        raise TypeError(
            f"Parameter grid for parameter {name!r} needs to be a list or a numpy array, but got "
            f"{value!r} (of type {type(value).__name__}) instead. Single values need to be wrapped "
            "in a list with one element. A range is written (low, high) or (low, high, "
            "'log-uniform'); a distribution is a frozen one of scipy.stats."
        )
    if len(value) == 0:
        raise ValueError(
            f"Parameter grid for parameter {name!r} need to be a non-empty sequence, got: {value!r}; "
            "list the values to choose from."
        )
    return list(value)


def _looks_like_range(value):
    numbers = sum(map(is_number, value))
    named = any(isinstance(item, str) and item in PRIORS for item in value)
    # Whatever has the name of a prior beside a number was meant as a range, however it is mistyped.
    return (
        (len(value) == 2 and numbers == 2)
        or (len(value) > 2 and numbers > 0 and named)
        or (_has_prior(value) and bool(did_you_mean(value[2], PRIORS, "")))
    )


def _has_prior(value):
    """Tell whether these are two numbers and a text."""
    return len(value) == 3 and all(map(is_number, value[:2])) and isinstance(value[2], str)


def _from_range(value):
    if len(value) > 3:
        raise ValueError(f"a range is written (low, high) or (low, high, prior), got {value!r}.")
    low, high, *prior = value
    whole = all(isinstance(bound, (int, np.integer)) for bound in (low, high))
    return (Integer if whole else Real)(low, high, *prior)


def _from_scipy(value):
    if isinstance(value, (rv_continuous, rv_discrete)) and value.numargs == 0:
        value = value()  # such as a histogram: without arguments there is nothing to freeze
    if not all(hasattr(value, method) for method in ("dist", "ppf", "cdf", "support")):
        raise TypeError(
            f"{value!r} is not a frozen scipy.stats distribution with cdf and ppf; freeze it by calling it "
            "with its arguments, such as loguniform(1e-3, 1e3) or norm(0, 1), or pass a list of its draws."
        )
    low, high = value.support()
    if np.ndim(low) or np.ndim(high):
        raise ValueError(f"the distribution must be of one number, got {as_written(value)}.")
    if np.isnan([low, high]).any():
        raise ValueError(f"{as_written(value)} has no support; check its arguments.")
    # The same numbers with a scale the optimizers know, and a hundred times faster than scipy.stats.
    if value.dist.name == "uniform":
        return Real.from_open_interval(float(low), float(high))
    if value.dist.name in ("loguniform", "reciprocal") and _location(value) == 0:
        return Real(float(low), float(high), "log-uniform")
    if value.dist.name == "randint" and high > low and float(low).is_integer():
        return Integer(int(low), int(high))
    return Discrete(value) if hasattr(value.dist, "pmf") else Continuous(value)


def _location(frozen):
    """The `loc` of a frozen distribution of two shapes: draws that it is added to are on no log scale."""
    positional = dict(enumerate(frozen.args))
    return frozen.kwds.get("loc", positional.get(2, 0))
