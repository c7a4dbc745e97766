"""What makes two parameter values the same value."""

import pickle
import sys
from enum import Enum
from operator import attrgetter

import joblib
import numpy as np
from sklearn.base import BaseEstimator

# What Python has for these depends on their unit: a date, a datetime or an integer.
_TIMES = (np.datetime64, np.timedelta64)


def identity(value, digits=12):
    """Return a hashable token that is equal for two values that configure the same model.

    Two separate but alike objects (``SVC(C=1)`` written twice, two equal arrays) are the same value;
    ``1``, ``1.0`` and ``True`` are three, because estimators tell them apart
    (``max_features=1`` is one feature, ``max_features=1.0`` is all of them).

    Parameters
    ----------
    value : object
        Any parameter value.
    digits : int, default=12
        How many of a number count: encoding and decoding it may change the last ones.

    Returns
    -------
    token : tuple
        Hashable, comparable with ``==``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVC
    >>> identity(np.float64(1)) == identity(1.0)
    True
    >>> identity(1) == identity(1.0)
    False
    >>> identity(SVC(C=2)) == identity(SVC(C=2))
    True
    """
    if isinstance(value, np.generic):
        if isinstance(value, _TIMES):
            return (type(value).__name__, value.dtype.str, value.tobytes())
        value = plain(value)
    if value is None or isinstance(value, (str, bytes)):
        return (type(value).__name__, value)
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, Enum):  # some are integers too
        return ("enum", type(value), value.name, identity(value.value))
    if isinstance(value, int):
        return ("int", int(value))
    if isinstance(value, (float, np.floating)):  # a long one has no other in Python
        return ("float", f"{float(value):.{digits}g}")  # NaN differs from itself, a text does not
    if isinstance(value, (list, tuple)):
        if {bool, np.bool_}.issuperset(map(type, value)):  # a subset of many columns
            return (type(value).__name__, "bool", np.array(value, bool).tobytes())
        return (type(value).__name__, tuple(identity(item, digits) for item in value))
    if isinstance(value, dict):
        items = ((identity(key), identity(item)) for key, item in value.items())
        return ("dict", frozenset(items))
    if isinstance(value, type):
        return ("class", value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return ("array", value.shape, value.dtype.str, value.tobytes())
    if hasattr(value, "get_params") and not is_frozen(value):
        params = identity(value.get_params(deep=False))
        return ("estimator", type(value), params, kept_beside_params(value))
    if is_importable(value):
        return ("function", value.__module__, value.__qualname__)  # the same in every process
    try:
        # As it arrives elsewhere: on the way arrays that are views of others become whole.
        return ("object", joblib.hash(pickle.loads(pickle.dumps(value))))
    except Exception:  # an object that can not be pickled is only ever equal to itself
        return ("object", id(value))


def plain(value):
    """Return the Python number, string or boolean that a scalar of NumPy stands for; anything else as it is.

    Times are as they are too: of nanoseconds, Python would make an integer.

    Examples
    --------
    >>> import numpy as np
    >>> plain(np.int64(3))
    3
    """
    return value.item() if isinstance(value, np.generic) and not isinstance(value, _TIMES) else value


def is_frozen(estimator):
    """Tell whether a clone keeps more than parameters, such as what a FrozenEstimator has learned."""
    own = getattr(type(estimator), "__sklearn_clone__", None)
    return own is not None and own is not BaseEstimator.__sklearn_clone__


def kept_beside_params(estimator):
    """Return as a text what every clone keeps beside parameters: `set_output`, and requests of metadata."""
    names = ("_sklearn_output_config", "_metadata_request")
    return repr([getattr(estimator, name, None) for name in names])


def is_importable(function):
    """Tell whether this is what its module has under its name.

    Lambdas are not, nor what `functools.wraps` gave the name of another, or a notebook has defined again.
    """
    try:
        return attrgetter(function.__qualname__)(sys.modules[function.__module__]) is function
    except (AttributeError, KeyError, TypeError):
        return False
