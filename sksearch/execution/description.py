"""Values as texts that are the same in every process, and others where the values are."""

import io
import pickle
import re
import sys
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, MethodType

import joblib
import numpy as np
from scipy.stats.distributions import rv_frozen

from sksearch.space.dimensions import Categorical
from sksearch.space.distributions import Continuous, Discrete
from sksearch.space.identity import is_frozen, is_importable, kept_beside_params

# Where distributions are compared.
_PROBABILITIES = np.linspace(0.01, 0.99, 99)


def describe(value):
    """Return the repr of a value."""
    # It has addresses of functions and the like, which another process does not repeat.
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def fingerprint(value):
    """Return a hash of data; where it can not be pickled, of a description of its parts."""
    try:
        return joblib.hash(_content(value))
    except Exception:
        objects = np.asarray(value).tolist() if hasattr(value, "__array__") else value
        return joblib.hash(describe_in_full(objects))


def _content(value):
    """Replace data frames, sparse matrices and arrays by what is in them.

    Frames and matrices keep, and pickle, what they were asked before: by a fit of the search, or in a cell of
    a notebook; arrays how they lie in memory, or in a file.
    """
    if type(value) in (np.ndarray, np.memmap):
        return np.asarray(value, order="C")
    if type(value) in (list, tuple):
        return type(value)(map(_content, value))
    if type(value) is dict:
        return {name: _content(part) for name, part in value.items()}
    if hasattr(value, "tocsr"):
        canonical = value.tocsr(copy=True)
        canonical.sum_duplicates()
        return value.format, value.shape, canonical.indptr, canonical.indices, canonical.data
    if (hash_rows := _hash_of_pandas(value)) is not None:
        with suppress(TypeError):  # of objects that have no hash
            names, dtypes = (value.columns, value.dtypes) if value.ndim > 1 else ([value.name], [value.dtype])
            categories = [list(getattr(dtype, "categories", ())) for dtype in dtypes]
            return list(names), list(map(str, dtypes)), categories, hash_rows(value, index=True).to_numpy()
    return value


def _hash_of_pandas(value):
    """Return pandas' function that hashes rows, if this is its data frame or series."""
    if not hasattr(value, "iloc") or type(value).__module__.partition(".")[0] != "pandas":
        return None
    return sys.modules["pandas"].util.hash_pandas_object


def describe_in_full(value):
    """Describe a value with what its repr leaves out: code, fitted state, long arrays, nested estimators.

    Functions and classes that can be imported are known by their names, as the functions that other code
    calls are; of a frozen estimator, arrays and strings count.

    Parameters
    ----------
    value : object
        Parameter of an estimator, dimension or scorer.

    Returns
    -------
    text : str
    """
    try:
        return _in_full(value, ())
    except Exception:  # what others have written, such as get_params, may raise anything
        return describe(value)


def _in_full(value, within):
    if id(value) in within:
        return "itself"
    if (parts := _parts(value)) is None:
        return describe(value)
    texts = [_in_full(part, (*within, id(value))) for part in parts]
    if isinstance(value, (dict, set, frozenset)):
        texts.sort()
    return f"{describe(type(value))}({', '.join(texts)})"


def _parts(value):
    """List what tells a value from others; None where its repr does."""
    if isinstance(value, type):
        return None
    if isinstance(value, Categorical):
        return value.categories
    if isinstance(value, Continuous | Discrete):  # of those made from data all have the same name
        return [describe(value), [f"{x:.6g}" for x in value.distribution.ppf(_PROBABILITIES)]]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, np.ndarray) or hasattr(value, "iloc") or hasattr(value, "tocsr"):
        return [fingerprint(value)]
    if isinstance(value, FunctionType):
        if is_importable(value) and value.__module__ != "__main__":  # a script is edited between runs
            return [value.__module__, value.__qualname__]
        closure = [cell.cell_contents for cell in value.__closure__ or ()]
        return [value.__code__, value.__defaults__, value.__kwdefaults__, closure]
    if isinstance(value, CodeType):
        return [value.co_code, value.co_names, value.co_varnames, value.co_consts]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if hasattr(value, "get_params"):
        beside = _fitted_state(value) if is_frozen(value) else kept_beside_params(value)
        return [value.get_params(deep=False), beside]
    if isinstance(value, np.random.RandomState):
        return [value.get_state(legacy=False)]
    if isinstance(value, np.random.Generator):
        return [value.bit_generator.state]
    if isinstance(value, rv_frozen):
        return [value.dist.name, value.args, value.kwds]
    # A scorer has a function inside; others, such as networks, are random where their repr is not.
    if type(value).__repr__ is object.__repr__ or hasattr(value, "_score_func"):
        with suppress(Exception):  # not everything can be pickled
            return [value.__getstate__()]
    return None


def _fitted_state(estimator):
    pickler = _Finder(io.BytesIO())
    with suppress(Exception):  # not everything can be pickled
        pickler.dump(estimator)
    return fingerprint(sorted(pickler.found))  # the order of a set is another one in every process


class _Finder(pickle.Pickler):
    """Finds arrays and strings. Numbers may be times or addresses, and bytes have them inside."""

    def __init__(self, file):
        super().__init__(file)
        self.found = []

    def persistent_id(self, value):
        if isinstance(value, str):
            self.found.append(value)
        if not isinstance(value, np.ndarray) or value.dtype.hasobject:
            return None
        # Not the array itself: its strides, and the pickle of its type, may change on the way to the disk.
        self.found.append(joblib.hash((value.dtype.str, value.shape, value.tobytes())))
        return "found"
