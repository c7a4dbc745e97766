"""Many strengths from one training, by the derivatives of single steps."""

from itertools import takewhile

import numpy as np
import torch
from sklearn.base import clone, is_classifier
from skorch.callbacks import Callback, EpochScoring
from skorch.dataset import ValidSplit, unpack_data

from sksearch.nets.strengths import Strengths

# The longest step, in log-units.
_LONGEST_STEP = 0.5

# Shares of the past in Adam's averages.
_MOMENTUM = 0.9
_SQUARES = 0.999

# Share of the rows that is held out of a training that holds out none itself.
_HELD_OUT = 0.25


class OnePass(Callback):
    r"""Descend many strengths of a network while it is trained: a skorch callback.

    The strengths are those of a :class:`~sksearch.nets.Decay` or :class:`~sksearch.nets.LossWeights`. After
    every fourth batch, or every second with the latter, a batch of the network's held-out rows gives the
    gradient of the validation loss by the weights, and the callback's ``derivative`` that by the logarithms
    of its strengths, as far as the last step goes. Adam takes a step along it. So one training, and a part of
    another, tunes all of them. It is a short-sighted derivative: it finds which strengths should be larger
    than others, less well how large all of them should be.

    The scale of a step is that of the element's own derivatives, or of the median of all elements where that
    is larger, so that a strength of no influence does not run along its noise. Strengths that are too small
    to be felt begin where they are: decays that would shrink weights by a factor e over the whole training,
    loss weights of a hundredth.

    Parameters
    ----------
    callback : str
        Name of the network's callback that has the strengths, which stands before this one.
    low, high : float, default=-12.0, 6.0
        Bounds of the logarithms.
    fit_params : dict, default=None
        What the network's ``fit`` is given beside the data: arguments of its module.

    Attributes
    ----------
    logarithms_ : ndarray of shape (n,)
        What was found: the logarithms, averaged over the training with weights that grow like the number of
        the step.

    Raises
    ------
    ValueError
        If the network has no such callback, or no held-out rows, when training begins.

    References
    ----------
    Luketina, Berglund, Greff & Raiko, "Scalable gradient-based tuning of continuous regularization
    hyperparameters", 2016.

    Shamir & Zhang, "Stochastic gradient descent for non-smooth optimization", 2013: the average.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from skorch.dataset import ValidSplit
    >>> from sksearch.nets import Decay, OnePass
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(160, 4)).astype(np.float32)
    >>> y = (X[:, 0] > 0).astype(np.int64)
    >>> _ = torch.manual_seed(0)
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Linear,
    ...     module__in_features=4,
    ...     module__out_features=2,
    ...     criterion=torch.nn.CrossEntropyLoss,
    ...     train_split=ValidSplit(0.25, stratified=True, random_state=0),
    ...     lr=0.1,
    ...     batch_size=16,
    ...     max_epochs=30,
    ...     callbacks=[("decay", Decay(-2.0)), ("pass", OnePass("decay"))],
    ...     verbose=0,
    ... ).fit(X, y)
    >>> log_decay = dict(net.callbacks_)["pass"].logarithms_
    >>> bool(log_decay[0] < log_decay[1:4].min())
    True
    """

    def __init__(self, callback, low=-12.0, high=6.0, fit_params=None):
        self.callback = callback
        self.low = low
        self.high = high
        self.fit_params = fit_params

    def on_train_begin(self, net, **kwargs):
        before = dict(takewhile(lambda item: item[1] is not self, net.callbacks_))
        self._callback_ = before.get(self.callback)
        if not isinstance(self._callback_, Strengths):
            raise ValueError(
                f"OnePass needs a callback Decay or LossWeights of the name {self.callback!r} before it; the "
                f"network has {list(before)}."
            )
        self._n_batches_ = self._n_steps_ = 0
        self._batches_ = None

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if self._batches_ is not None:
            return
        if dataset_valid is None:
            raise ValueError(
                "OnePass needs held-out rows, and the network has train_split=None; use "
                "train_split=ValidSplit(0.25)."
            )
        self._batches_ = _again_and_again(net, dataset_valid)
        callback = self._callback_
        n_batches = net.max_epochs * len(net.get_iterator(dataset_train, training=True))
        self._length_ = min(_LONGEST_STEP, callback.reach / max(1, n_batches // callback.every))
        theta = callback.logarithms_
        felt = callback.least_felt(net, n_batches)
        theta.clamp_(min=felt).clamp_(self.low, self.high)
        self._mean_, self._square_, self._average_ = (torch.zeros_like(theta) for _ in range(3))

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if not training:
            return
        self._n_batches_ += 1
        if self._n_batches_ % self._callback_.every == 0:
            self._callback_.watch(net, batch, self.fit_params)

    def on_batch_end(self, net, training=False, **kwargs):
        if training and self._n_batches_ % self._callback_.every == 0:
            self._step(self._callback_.derivative(self._gradients(net)))

    def _gradients(self, net):
        """Differentiate the loss of held-out rows by the weights as they are."""
        modes = [(module, module.training) for module in net.module_.modules()]
        net.module_.eval()
        try:
            with torch.random.fork_rng(devices=[]):  # loaders draw a number, which the training would miss
                Xi, yi = unpack_data(next(self._batches_))
            y_pred = net.infer(Xi, **(self.fit_params or {}))
            loss = net.get_loss(y_pred, yi, X=Xi, training=False)
            return torch.autograd.grad(loss, self._callback_.parameters(), allow_unused=True)
        finally:
            for module, mode in modes:
                module.training = mode

    def _step(self, derivative):
        """Take a step of Adam, in place: the strengths of the next batches."""
        if not torch.isfinite(derivative).all():  # of a training that diverges; its score will say so
            return
        self._n_steps_ += 1
        self._mean_.lerp_(derivative, 1 - _MOMENTUM)
        self._square_.lerp_(derivative**2, 1 - _SQUARES)
        mean = self._mean_ / (1 - _MOMENTUM**self._n_steps_)
        square = self._square_ / (1 - _SQUARES**self._n_steps_)
        scale = torch.maximum(square, square.median()).sqrt() + torch.finfo(square.dtype).tiny
        theta = self._callback_.logarithms_
        theta.sub_(self._length_ * mean / scale).clamp_(self.low, self.high)
        self._average_.lerp_(theta, 2 / (self._n_steps_ + 1))

    def on_train_end(self, net, **kwargs):
        found = self._average_ if self._n_steps_ else self._callback_.logarithms_
        self.logarithms_ = found.numpy().copy()
        self._callback_ = self._batches_ = None


def tune(net, name, X, y, low, high, fit_params=None):
    """Find the strengths of a network by one training on new weights.

    Parameters
    ----------
    net : NeuralNet
        With a callback of :class:`Strengths`; left as it is.
    name : str
        Name of that callback.
    X, y : array-like
        Training data. A quarter of their rows is held out of the training, at random, in the proportions of
        the classes of a classifier, unless the net has a `train_split` of its own.
    low, high : float
        Bounds of the logarithms.
    fit_params : dict, default=None
        Of the network's ``fit``.

    Returns
    -------
    logarithms : ndarray of shape (n,)
    """
    one_pass = OnePass(name, low, high, fit_params)
    net = clone(net)
    net.set_params(callbacks=[*net.callbacks, ("one_pass", one_pass)], verbose=0)
    if net.train_split is None:
        stratified = is_classifier(net) and np.ndim(y) == 1
        net.set_params(train_split=_HeldOut(_HELD_OUT, stratified=stratified, random_state=0))
        # Without rows to score, as in all other trainings, these do nothing; with them they take their time.
        callbacks = clone(net).initialize_callbacks().callbacks_
        scores = [name for name, one in callbacks if isinstance(one, EpochScoring) and not one.on_train]
        net.set_params(**{f"callbacks__{name}": None for name in scores})
    net.fit(X, y, **(fit_params or {}))
    return dict(net.callbacks_)["one_pass"].logarithms_


class _HeldOut(ValidSplit):
    """A split that leaves alone what `fit` was given for the module."""

    def __call__(self, dataset, y=None, groups=None, **fit_params):
        return super().__call__(dataset, y, groups)


def _again_and_again(net, dataset):
    while True:
        yield from net.get_iterator(dataset, training=False)
