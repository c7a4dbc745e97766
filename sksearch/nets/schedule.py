"""The learning rate over the course of a training."""

import math

from skorch.callbacks import Callback

from sksearch._messages import did_you_mean

# Share of the training in which one-cycle rises, unless told otherwise.
_ONE_CYCLE_RISE = 0.3


class Schedule(Callback):
    """Change the learning rate from batch to batch: a skorch callback whose every part is a dimension.

    The rate is that of the optimizer (of each parameter group its own) times a factor that depends on how
    much of the training has passed. skorch's ``LRScheduler`` needs a length that fits `max_epochs`, and
    for some policies the number of batches; here both come from the net, and what is tuned has a plain value.

    Parameters
    ----------
    name : {"constant", "step", "linear", "exponential", "cosine", "one-cycle"}, default="cosine"
        How the factor falls from 1 to `final` once the warm-up is over:

        - "step": to ``sqrt(final)`` at one half of the training, to `final` at three quarters,
        - "linear", "exponential": by equal differences, or equal ratios,
        - "cosine": along half a cosine wave,
        - "one-cycle": the same, after a rise along another half from 1/25, over `warmup`, or over 0.3 of the
          training where that is 0. The momentum is left as it is.
    warmup : float, default=0.0
        Share of the training, below 1, in which the factor rises from 0 to 1 by equal differences.
    final : float, default=0.01
        Factor at the end, above 0 and at most 1.
    epochs : int, default=None
        Length of the training. By default all epochs up to the end of the current fit, so that a fit that
        goes on begins anew at a higher rate. With ``resource="max_epochs"`` give the number of epochs of
        a complete candidate: every step is then a part of the same course.

    Raises
    ------
    ValueError
        If a parameter is wrong, when the net is initialized.

    References
    ----------
    Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017: cosine.

    Smith & Topin, "Super-convergence: very fast training of neural networks using large learning rates",
    2018: one-cycle.

    Examples
    --------
    >>> from skorch import NeuralNetClassifier
    >>> from torch import nn
    >>> from sksearch.nets import Schedule
    >>> net = NeuralNetClassifier(nn.Linear, lr=0.1, callbacks=[("schedule", Schedule())])
    >>> space = {
    ...     "lr": (1e-3, 1.0, "log-uniform"),
    ...     "callbacks__schedule__name": ["constant", "cosine", "one-cycle"],
    ...     "callbacks__schedule__warmup": (0.0, 0.3),
    ... }

    The factors of ten batches:

    >>> schedule = Schedule("linear", warmup=0.2, final=0.2)
    >>> [round(schedule.factor(batch, 10), 2) for batch in range(10)]
    [0.5, 1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    """

    def __init__(self, name="cosine", warmup=0.0, final=0.01, epochs=None):
        self.name = name
        self.warmup = warmup
        self.final = final
        self.epochs = epochs

    def initialize(self):
        if self.name not in _FALLS:
            hint = did_you_mean(str(self.name), _FALLS, f"the names are {list(_FALLS)}.")
            raise ValueError(f"Schedule has no name={self.name!r}; {hint}")
        if not 0 <= self.warmup < 1:
            raise ValueError(
                f"warmup={self.warmup} is a share of the training; it must be at least 0 and below 1."
            )
        if not 0 < self.final <= 1:
            raise ValueError(f"final={self.final} must be above 0 and at most 1.")
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(f"epochs={self.epochs} must be at least 1.")
        return self

    def factor(self, batch, n_batches):
        """Return what the learning rate is multiplied by.

        Parameters
        ----------
        batch : int
            How many batches were trained before.
        n_batches : int
            Batches of the whole training.

        Returns
        -------
        factor : float
        """
        one_cycle = self.name == "one-cycle"
        rise = (self.warmup or one_cycle * _ONE_CYCLE_RISE) * n_batches
        if batch + 1 <= rise:
            share = (batch + 1) / rise
            return 1 / 25 + (1 - 1 / 25) * (1 - _cosine(share)) if one_cycle else share
        # A training that goes on for longer stays at the end.
        share = min(1.0, (batch - math.floor(rise)) / max(1, n_batches - math.floor(rise)))
        return _FALLS[self.name](share, self.final)

    def on_train_begin(self, net, **kwargs):
        done = len(net.history)
        self.n_epochs_ = done + net.max_epochs if self.epochs is None else self.epochs
        self.n_done_ = None

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        if self.n_done_ is None:
            self.n_per_epoch_ = len(net.get_iterator(dataset_train, training=True))
            # The epoch that begins is in the history already.
            self.n_done_ = (len(net.history) - 1) * self.n_per_epoch_

    def on_batch_begin(self, net, training=False, **kwargs):
        if not training:
            return
        factor = self.factor(self.n_done_, self.n_epochs_ * self.n_per_epoch_)
        for group in net.optimizer_.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        self.n_done_ += 1

    def on_epoch_end(self, net, **kwargs):
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])


def _cosine(share):
    """Fall from 1 to 0."""
    return (1 + math.cos(math.pi * share)) / 2


def _constant(share, final):
    return 1.0


def _step(share, final):
    return 1.0 if share < 0.5 else math.sqrt(final) if share < 0.75 else final


def _linear(share, final):
    return 1 - (1 - final) * share


def _exponential(share, final):
    return final**share


def _half_wave(share, final):
    return final + (1 - final) * _cosine(share)


_FALLS = {
    "constant": _constant,
    "step": _step,
    "linear": _linear,
    "exponential": _exponential,
    "cosine": _half_wave,
    "one-cycle": _half_wave,
}
