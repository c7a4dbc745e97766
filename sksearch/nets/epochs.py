"""Epochs: how many a network was trained for, what it learned in each, and how it goes on after some."""

from contextlib import contextmanager
from copy import deepcopy
from io import BytesIO
from numbers import Number

import numpy as np
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, LRScheduler

from sksearch.nets.finding import nets_of
from sksearch.space.identity import plain


class EpochCounter(Callback):
    """Counts epochs; the first callback of every network in a search.

    Attributes
    ----------
    n_epochs_ : int
        Epochs since the network was initialised, over all its trainings. The length of the history is
        another number where a checkpoint was loaded.
    ended_early_ : bool
        Whether the last training ended before ``max_epochs``.
    """

    def initialize(self):
        self.n_epochs_ = 0
        self.ended_early_ = False
        return self

    def on_train_begin(self, net, **kwargs):
        self._goal_ = self.n_epochs_ + net.max_epochs

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1

    def on_train_end(self, net, **kwargs):
        self.ended_early_ |= self.n_epochs_ < self._goal_ or any(
            callback.misses_ >= callback.patience
            for _, callback in net.callbacks_
            if isinstance(callback, EarlyStopping)
        )


class KeepHistory(EpochCounter):
    """A callback that asks a search for the learning curves of its networks.

    Add it to the callbacks of the network. ``cv_results_`` then has the columns ``split0_history``,
    ``split1_history`` and so on: for every candidate and fold, the list of what skorch's history has for
    each epoch: its numbers, without those of batches.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from sksearch import BayesSearchCV
    >>> from sksearch.nets import KeepHistory
    >>> X = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    >>> y = (X[:, 0] > 0).astype(np.int64)
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Linear,
    ...     module__in_features=2,
    ...     module__out_features=2,
    ...     criterion=torch.nn.CrossEntropyLoss,
    ...     train_split=None,
    ...     max_epochs=3,
    ...     callbacks=[KeepHistory()],
    ...     verbose=0,
    ... )
    >>> search = BayesSearchCV(net, {"lr": (1e-3, 1.0, "log-uniform")}, n_iter=2, cv=2, random_state=0)
    >>> curves = search.fit(X, y).cv_results_["split0_history"]
    >>> [sorted(epoch) for epoch in curves[0]][0]
    ['dur', 'epoch', 'train_batch_count', 'train_loss', 'train_loss_best']
    """

    def on_train_end(self, net, **kwargs):
        super().on_train_end(net, **kwargs)
        self.history_ = [
            {name: plain(value) for name, value in epoch.items() if isinstance(value, Number | np.bool_)}
            for epoch in net.history
        ]


class LastState(Callback):
    """Keeps what a training ended with, before others load what was best: it goes on from there.

    Attributes
    ----------
    state_ : tuple of bytes and History
        Weights and the state of the optimizer, as `torch.save` writes them, and skorch's history; None where
        nothing was loaded.
    """

    state_ = None

    def on_train_end(self, net, **kwargs):
        self.state_ = None
        if any(getattr(callback, "load_best", False) for _, callback in net.callbacks_):
            file = BytesIO()
            torch.save({name: part.state_dict() for name, part in _stateful(net)}, file)
            self.state_ = file.getvalue(), deepcopy(net.history)

    def restore(self, net):
        """Put a network where its training ended."""
        if self.state_ is not None:
            states = torch.load(BytesIO(self.state_[0]), map_location="cpu", weights_only=False)
            for name, part in _stateful(net):
                part.load_state_dict(states[name])
            net.history = self.state_[1]


def _stateful(net):
    kinds = torch.nn.Module, torch.optim.Optimizer
    return [(name, part) for name, part in vars(net).items() if isinstance(part, kinds)]


def with_counter(callbacks, goes_on=False):
    """Return callbacks with a counter of epochs as the first, before any that loads a checkpoint.

    A `KeepHistory` that is among them counts, and is moved there.

    Parameters
    ----------
    callbacks : list or None
        Of a network.
    goes_on : bool, default=False
        Whether its training may go on later.
    """
    named = [item if isinstance(item, (tuple, list)) else (None, item) for item in callbacks or []]
    counters = [item for item in named if _is_history(item[1])] or [(None, EpochCounter())]
    others = [item for item in named if not _is_history(item[1])]
    first = [counters[0], (None, LastState())] if goes_on else counters[:1]
    return [callback if name is None else (name, callback) for name, callback in first + others]


def _is_history(callback):
    kind = callback if isinstance(callback, type) else type(callback)
    return issubclass(kind, KeepHistory)


def counter_of(net):
    """Return the counter of an initialised network, None if it has none."""
    return next((callback for _, callback in net.callbacks_ if isinstance(callback, EpochCounter)), None)


def details_of(net):
    """Tell what a training was like.

    Parameters
    ----------
    net : NeuralNet
        After its training.

    Returns
    -------
    details : dict of str to object
        ``n_epochs``, those that were run; ``best_epoch``, the one whose weights were scored; and the history
        where it was asked for.
    """
    if not net.initialized_ or (counter := counter_of(net)) is None:
        return {}
    details = {"n_epochs": counter.n_epochs_, "best_epoch": _best_epoch(net, counter.n_epochs_)}
    if isinstance(counter, KeepHistory) and hasattr(counter, "history_"):
        details["history"] = counter.history_
    return details


def _best_epoch(net, last):
    for _, callback in net.callbacks_:
        if isinstance(callback, EarlyStopping) and callback.load_best:
            return getattr(callback, "best_epoch_", last)
        if isinstance(callback, Checkpoint) and callback.load_best and callback.event_name is not None:
            saved = [epoch["epoch"] for epoch in net.history if epoch.get(callback.event_name)]
            return saved[-1] if saved else last
    return last


@contextmanager
def resumed(net):
    """Let a network that was trained for some epochs go on as if it had not stopped.

    skorch keeps weights, optimizer and history; but what early stopping has seen is forgotten when a training
    begins, schedulers take a step, and what was best may have been loaded when it ended.

    Parameters
    ----------
    net : NeuralNet
        Initialised.
    """
    restores = []
    for _, callback in net.callbacks_:
        if isinstance(callback, EarlyStopping):
            restores.append(_early_stopping_as_now(callback, net))
        elif isinstance(callback, LRScheduler) and callback.lr_scheduler_ is not None:
            restores.append(_schedule_as_now(callback, net))
    for _, callback in net.callbacks_:
        if isinstance(callback, LastState):
            callback.restore(net)
    memory = "memory", _Memory(restores)
    net.callbacks_.append(memory)  # the last, whose training begins when that of all others has
    try:
        yield
    finally:
        net.callbacks_.remove(memory)


class _Memory(Callback):
    """Undoes what other callbacks do when a training begins."""

    def __init__(self, restores):
        self.restores = restores

    def on_train_begin(self, net, **kwargs):
        for restore in self.restores:
            restore(net)


def _early_stopping_as_now(callback, net):
    state = {name: getattr(callback, name) for name in ("misses_", "dynamic_threshold_", "best_epoch_")}
    if callback.load_best:  # they were loaded when the training before ended, and are not pickled
        state["best_model_weights_"] = deepcopy(net.module_.state_dict())
    return lambda net: vars(callback).update(state)


def _schedule_as_now(callback, net):
    schedule = deepcopy(callback.lr_scheduler_.state_dict())
    groups = [
        {name: value for name, value in group.items() if name != "params"}
        for group in net.optimizer_.param_groups
    ]

    def restore(net):
        callback.lr_scheduler_.load_state_dict(schedule)
        for group, values in zip(net.optimizer_.param_groups, groups, strict=True):
            group.update(values)

    return restore


def without_split(search):
    """Return the winner of a search, to be trained on all rows for the number of epochs that was found.

    A network with early stopping keeps rows for validation, also when a search refits it. This one does
    not: it has no split, none of the callbacks that need one, and trains for as many epochs as were best in
    the folds, on average.

    Parameters
    ----------
    search : fitted search
        Its winner is a network or has one among its parameters.

    Returns
    -------
    estimator : estimator
        Not fitted.

    Raises
    ------
    ValueError
        If a callback sets the learning rate by a validation score, which no number of epochs replaces.

    Examples
    --------
    >>> final = without_split(search).fit(X, y)  # doctest: +SKIP
    """
    estimator = clone(search.estimator).set_params(**clone(search.best_params_, safe=False))
    n_epochs = max(1, round(float(search.cv_results_["mean_best_epoch"][search.best_index_])))
    (prefix, net), *_ = nets_of(estimator)
    kept = []
    for item in [] if net.callbacks == "disable" else net.callbacks or []:
        callback = item[1] if isinstance(item, (tuple, list)) else item
        kind = callback if isinstance(callback, type) else type(callback)
        if issubclass(kind, EarlyStopping | Checkpoint):
            continue
        if issubclass(kind, LRScheduler) and str(getattr(callback, "monitor", "")).startswith("valid"):
            raise ValueError(
                f"callback {kind.__name__} monitors {callback.monitor!r}, which a network without a split "
                "does not have; give it a schedule that monitors nothing, or 'train_loss'."
            )
        kept.append(item)
    values = {"max_epochs": n_epochs, "train_split": None, "callbacks": kept or None}
    return estimator.set_params(**{prefix + name: value for name, value in values.items()})
