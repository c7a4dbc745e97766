"""What would fail in every fit of a network, or spoil it unseen, is said before there is any."""

import multiprocessing
import warnings
from contextlib import suppress

from sklearn.base import clone
from skorch.callbacks import Callback, LRScheduler
from skorch.dataset import ValidSplit

from sksearch._compat import cloudpickle
from sksearch.nets.epochs import KeepHistory
from sksearch.nets.finding import nets_of
from sksearch.nets.names import first_that_initialises
from sksearch.nets.randomness import seeded
from sksearch.nets.types import check_types


def check_net(estimator, space, X, y):
    """Check what no candidate changes: callbacks, names, monitors, types of data.

    Parameters
    ----------
    estimator : estimator
        As the user gave it.
    space : Space
    X, y : array-like
        All data.

    Raises
    ------
    ValueError
        If every fit would fail, with the fix.
    """
    for callback, name in _given_callbacks(estimator):
        _check_copy(callback, name, clone, "cloned for every fit")
    with seeded(0):  # networks draw their weights; nothing of it is left
        for number, candidate in enumerate(first_that_initialises(estimator, space)):
            for _, net in nets_of(candidate):
                _check_monitors(net, warn=number == 0)
            if number == 0:
                check_types(candidate, X, y)


def check_workers(estimator, n_workers, backend, devices):
    """Check what several workers at a time can not do, or should not.

    Parameters
    ----------
    estimator : estimator
    n_workers : int
    backend : joblib backend
    devices : list of str
        Where networks will run.

    Raises
    ------
    ValueError
        If every fit would fail, with the fix.
    """
    if n_workers == 1:
        return
    if getattr(backend, "uses_threads", False):
        warnings.warn(
            f"Networks that are trained in {n_workers} threads of one process draw from one random number "
            "generator, and scores differ from run to run; use joblib's default backend, 'loky', or "
            "n_jobs=1, for the same ones.",
            stacklevel=7,
        )
        return
    forks = (
        type(backend).__name__ == "MultiprocessingBackend" and multiprocessing.get_start_method() == "fork"
    )
    if forks and any(device.startswith("cuda") for device in devices):
        raise ValueError(
            "device='cuda' does not work in forked processes, which joblib's backend 'multiprocessing' has; "
            "use its default, 'loky'."
        )
    for callback, name in _given_callbacks(estimator):
        _check_copy(callback, name, cloudpickle.dumps, f"sent to n_jobs={n_workers} worker processes")
    for prefix, net in nets_of(estimator):
        for iterator in ("iterator_train", "iterator_valid"):
            if getattr(net, f"{iterator}__num_workers", 0):
                warnings.warn(
                    f"{prefix}{iterator}__num_workers={getattr(net, f'{iterator}__num_workers')} is 0 in the "
                    f"search, whose n_jobs={n_workers} worker processes can not start others; the refit has "
                    "it, and so has a search with n_jobs=1.",
                    stacklevel=7,
                )


def _given_callbacks(estimator):
    """Iterate over the callbacks that the user gave to networks, and their names."""
    for _, net in nets_of(estimator):
        for item in [] if net.callbacks == "disable" else net.callbacks or []:
            name, callback = item if isinstance(item, (tuple, list)) else (None, item)
            if not isinstance(callback, type):
                yield callback, name or type(callback).__name__


def _check_copy(callback, name, copy, purpose):
    try:
        copy(callback)
    except Exception as error:
        live = [key for key, value in vars(callback).items() if not _copies(value, copy)]
        of = f" (its {live[0]!r})" if live else ""
        raise ValueError(
            f"callback {name!r}{of} can not be {purpose}: {error}; give the callback what to make it from, "
            "and make it in its method initialize."
        ) from error


def _copies(value, copy):
    with suppress(Exception):
        if copy is clone:
            clone(value, safe=False)
        else:
            copy(value)
        return True
    return False


def _check_monitors(net, warn):
    """Check that what callbacks monitor exists; that a split for validation has a use."""
    validated = {
        getattr(callback, "name_", None) or getattr(callback, "name", None)
        for _, callback in net.callbacks_
        if getattr(callback, "on_train", None) is False
    }
    monitoring = unknown = False
    for name, callback in net.callbacks_:
        monitor = getattr(callback, "monitor", None)
        if (
            isinstance(callback, LRScheduler)
            and getattr(callback.policy_, "__name__", "") != "ReduceLROnPlateau"
        ):
            continue  # it has one, but does not look
        unknown |= callable(monitor) or _is_foreign(callback)
        score = monitor.removesuffix("_best") if isinstance(monitor, str) else ""
        if not (score.startswith("valid_") or score in validated):
            continue
        monitoring = True
        if not net.train_split:
            raise ValueError(
                f"callback {name!r} monitors {monitor!r}, which a network with train_split=None does not "
                "have (the test rows of a fold are never monitored); keep rows for it, with "
                "train_split=ValidSplit(0.2), or monitor 'train_loss'."
            )
    if warn and isinstance(net.train_split, ValidSplit) and not (monitoring or unknown):
        cv = net.train_split.cv
        share = "a part" if not isinstance(cv, int | float) else f"{cv if cv < 1 else 1 / cv:.0%}"
        warnings.warn(
            f"The network withholds {share} of the training rows of every fold, and of the refit, for a "
            f"validation that nothing uses (train_split=ValidSplit({cv!r})); set train_split=None to train "
            "on all of them.",
            stacklevel=6,
        )


def _is_foreign(callback):
    """Whether a callback may use the validation for all that is known of it."""
    if isinstance(callback, KeepHistory):
        return True
    return isinstance(callback, Callback) and not type(callback).__module__.startswith("skorch.")
