"""Types of data: networks take float32 and int64, NumPy makes float64."""

import re

import numpy as np
from sklearn.pipeline import Pipeline

from sksearch._compat import _num_samples, _safe_indexing
from sksearch.nets.finding import nets_of

# Rows that are tried.
_N_ROWS = 32

_ABOUT_TYPES = re.compile(
    r"dtype|scalar type|can't be cast|not implemented for '|\bDouble\b|"
    r"must contain tensors|must be Tensor|invalid data type"
)


def check_types(estimator, X, y):
    """Train the network of an estimator on one small batch, to see whether it takes the types of the data.

    Parameters
    ----------
    estimator : estimator
        A network that is initialised, or a pipeline that ends with one. Others are not tried, since what
        reaches their network is not known.
    X, y : array-like
        All data.

    Raises
    ------
    ValueError
        If it does not, with the types it takes. Other errors are left to the fits.
    """
    nets = nets_of(estimator)
    net = nets[0][1] if len(nets) == 1 else None
    rows = np.unique(np.linspace(0, _num_samples(X) - 1, _N_ROWS).astype(int))
    X = _safe_indexing(X, rows)
    y = None if y is None else _safe_indexing(y, rows)
    if isinstance(estimator, Pipeline) and estimator.steps[-1][1] is net:
        try:
            X = estimator[:-1].fit_transform(X, y)
        except Exception:  # too few rows, or parameters of fit that are not known here: the fits will tell
            return
    elif estimator is not net:
        return
    try:
        _train_one_batch(net, X, y)
    except Exception as error:
        # What is made for half precision may need the GPU that it will have in the fits.
        if _ABOUT_TYPES.search(str(error)) and not re.search("Half|BFloat16", str(error)):
            raise ValueError(_explain(X, y, error)) from error


def _train_one_batch(net, X, y):
    net.check_data(X, y)
    batches = net.get_iterator(net.get_dataset(X, y), training=True)
    net.train_step(next(iter(batches)))


def _explain(X, y, error):
    fixes = []
    for name, dtype in _types("X", X):
        if dtype == "float64":
            fixes.append(f"{name} is float64: use {name}.astype(numpy.float32)")
        elif dtype not in ("float32", "int64"):
            fixes.append(f"{name} is {dtype}: make it float32, or int64 for an embedding")
        elif dtype == "int64":
            fixes.append(f"{name} is int64, which embeddings take: make it float32 for other layers")
    for name, dtype in _types("y", y):
        if re.match("object|str|<U", dtype):
            fixes.append(f"{name} is {dtype}: encode it with sklearn.preprocessing.LabelEncoder")
        elif dtype not in ("int64", "float32"):
            fixes.append(f"{name} is {dtype}: make it int64 for classes, float32 for numbers")
        else:
            fixes.append(f"{name} is {dtype}: losses of classes take int64, losses of numbers float32")
    first = str(error).splitlines()[0].rstrip(".")
    return f"The network does not take the types of what reaches it ({first}); {'; '.join(fixes)}."


def _types(name, data):
    """List arrays and their types by name: of a dict, each of its values."""
    if isinstance(data, dict):
        return [(f"{name}[{key!r}]", _type(value)) for key, value in data.items()]
    return [] if data is None else [(name, _type(data))]


def _type(data):
    if hasattr(data, "dtypes"):
        kinds = {str(dtype) for dtype in np.atleast_1d(data.dtypes)}
        return "float64" if "float64" in kinds else min(kinds)
    return str(getattr(data, "dtype", type(data).__name__)).removeprefix("torch.")
