"""Losses that are trained beside a network's own, each with a weight of its own."""

from functools import partial

import torch
from skorch.utils import to_tensor
from torch import nn

from sksearch.nets.snapshot import Snapshot
from sksearch.nets.strengths import Strengths

# A loss with a weight of a hundredth of that of the network's own is hardly felt.
_LEAST = -4.6


class LossWeights(Strengths):
    r"""Train other losses beside a network's own, each with a weight of its own: a skorch callback.

    Other losses are those of auxiliary tasks, of single sources of the data, or penalties of the output. In
    training, the network's own loss :math:`L_0` and theirs make the mean

    .. math:: L = \frac{L_0 + \sum_k e^{\theta_k} L_k}{1 + \sum_k e^{\theta_k}} ,

    where :math:`\theta` is `log_weights`. As a mean it is no second learning rate: terms that are switched
    off leave the training as it is without them. Wherever a network is validated or scored, its loss is
    its own one: what weights are good for can not be measured by a loss that they change. With a
    :class:`~sksearch.space.Vector` of `log_weights`, :class:`~sksearch.GradientSearchCV` finds all of them
    together.

    Parameters
    ----------
    terms : list of callable
        The other losses. ``term(y_pred, y_true, X)`` gets what the network's ``get_loss`` does: the output of
        the module, the targets of the batch, and its X, on the network's device. It returns a tensor of one
        number, best a mean over rows. Functions of a module can be sent to worker processes; lambdas, with
        joblib's default backend.
    log_weights : float or array-like of shape (n_terms,), default=0.0
        Natural logarithm of the weight of each term, relative to that of the network's own loss; a number is
        that of all.

    Attributes
    ----------
    logarithms_ : Tensor of shape (n_terms,)
        The logarithms in use.

    Raises
    ------
    ValueError
        If `terms` is no list of functions or the length of `log_weights` is another, when training begins; if
        a term returns anything but one number, or the network's training does not call its ``get_loss``, at
        the first batch.

    References
    ----------
    Lin, Baweja, Kantor & Held, "Adaptive auxiliary task weighting for reinforcement learning", 2019.

    Ren, Zeng, Yang & Urtasun, "Learning to reweight examples for robust deep learning", 2018: of rows.

    Wu, Ren, Liao & Grosse, "Understanding short-horizon bias in stochastic meta-optimization", 2018.

    Examples
    --------
    A module that returns scores of the classes, and a reconstruction of its input:

    >>> import torch
    >>> from skorch import NeuralNetClassifier
    >>> from torch import nn
    >>> from sksearch.nets import LossWeights
    >>> from sksearch.space import Vector
    >>> class Own(nn.CrossEntropyLoss):
    ...     def forward(self, y_pred, y_true):
    ...         return super().forward(y_pred[0], y_true)
    >>> def reconstruction(y_pred, y_true, X):
    ...     return nn.functional.mse_loss(y_pred[1], X)
    >>> def activity(y_pred, y_true, X):
    ...     return y_pred[2].abs().mean()
    >>> class Autoencoder(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden, self.out, self.back = nn.Linear(64, 32), nn.Linear(32, 10), nn.Linear(32, 64)
    ...
    ...     def forward(self, X):
    ...         hidden = torch.relu(self.hidden(X))
    ...         return self.out(hidden), self.back(hidden), hidden
    >>> losses = LossWeights([reconstruction, activity])
    >>> net = NeuralNetClassifier(Autoencoder, criterion=Own, callbacks=[("losses", losses)])
    >>> space = {"callbacks__losses__log_weights": Vector(2, -6, 4)}
    """

    tuned = "log_weights"
    every = 2  # gradients of two batches, multiplied, are noisy
    reach = 8.0

    def __init__(self, terms, log_weights=0.0):
        self.terms = terms
        self.log_weights = log_weights

    def elements(self, net):
        terms = self.terms
        if not isinstance(terms, (list, tuple)) or not terms or not all(map(callable, terms)):
            raise ValueError(
                f"terms of LossWeights must be a list of functions of (y_pred, y_true, X), got {terms!r}."
            )
        if sum(isinstance(callback, LossWeights) for _, callback in net.callbacks_) > 1:
            raise ValueError("The network has several callbacks LossWeights; give one of them all terms.")
        if uniform_cross_entropy in terms and isinstance(net.criterion_, nn.NLLLoss):
            raise ValueError(
                "uniform_cross_entropy takes scores, and criterion=NLLLoss probabilities; use "
                "criterion=torch.nn.CrossEntropyLoss, and a module without a softmax at its end."
            )
        return len(terms), f"the {len(terms)} terms {[_name(term) for term in terms]}"

    def least_felt(self, net, n_batches):
        return _LEAST

    def on_train_begin(self, net, **kwargs):
        super().on_train_begin(net)
        vars(net).pop("get_loss", None)  # of a training that an error ended
        net.get_loss = partial(self._weighted, net)
        self._named_ = list(net.module_.named_parameters())
        self._watched_ = None

    def on_train_end(self, net, **kwargs):
        vars(net).pop("get_loss", None)
        self._named_ = self._watched_ = None  # or a pickled net would hold its weights twice

    def on_batch_begin(self, net, training=False, **kwargs):
        self._used_ = not training

    def on_batch_end(self, net, **kwargs):
        if not self._used_:
            raise ValueError(
                f"LossWeights acts on get_loss(..., training=True), which the training of "
                f"{type(net).__name__} does not call; have its train_step_single call it."
            )

    def watch(self, net, batch, fit_params):
        self._watched_ = net, Snapshot(net, batch, fit_params)

    def parameters(self):
        return [parameter for _, parameter in self._learned()]

    def _learned(self):
        """List the weights that are learned now, by name: training may freeze and thaw some."""
        return [(name, p) for name, p in self._named_ if p.requires_grad]

    def derivative(self, gradients):
        r"""Differentiate a loss by `log_weights`, as far as it depends on it through the last step.

        The step with rate :math:`\eta` went from the weights :math:`w` to :math:`w'`. With the share
        :math:`s_k` of each term in the mean,

        .. math:: \frac{dL_v}{d\theta_k} = -\eta \, s_k \, \langle \nabla L_v(w'), \nabla L_k(w) \rangle .

        The divisor of the mean is taken as given. All that it does is to change the learning rate, of which
        a derivative that sees one step always wants less or more than is good: with that part in it, every
        term loses to the network's own loss in the beginning, whether it is of use or not.

        The products are the slopes of all losses of the batch along one direction, and take two backward
        passes together; where a layer can be differentiated only once, two forward ones, by differences. For
        gradient descent that is exact. Of Adam and RMSprop, :math:`\eta` is that of each weight, the rate
        over the root of its mean square, which is taken as given; what momentum carries into later steps is
        left out, and clipping.

        Parameters
        ----------
        gradients : list of Tensor or None
            Of the loss by each of :meth:`parameters`, None where it does not depend on it.

        Returns
        -------
        derivative : Tensor of shape (n_terms,)
        """
        net, snapshot = self._watched_
        self._watched_ = None
        rates = _rates(net.optimizer_)
        direction = {}
        for (name, p), gradient in zip(self._learned(), gradients, strict=True):
            gradient = torch.zeros_like(p) if gradient is None else gradient
            direction[name] = rates.get(id(p), 0.0) * (
                gradient.to_dense() if gradient.is_sparse else gradient
            )
        slopes = snapshot.slopes(partial(self._losses, net), direction).cpu().double()
        return -(self._shares() * slopes)[1:]

    def _shares(self):
        """Shares of all losses in their mean, the network's own first."""
        return torch.softmax(torch.cat([self.logarithms_.new_zeros(1), self.logarithms_]), dim=0)

    def _weighted(self, net, y_pred, y_true, X=None, training=False, **kwargs):
        """Stands for the method `get_loss` of a network during its training."""
        if not training:
            return type(net).get_loss(net, y_pred, y_true, X=X, training=training, **kwargs)
        self._used_ = True
        losses = self._losses(net, y_pred, y_true, X, **kwargs)
        return sum(share * loss for share, loss in zip(self._shares().tolist(), losses, strict=True))

    def _losses(self, net, y_pred, y_true, X, **kwargs):
        losses = [type(net).get_loss(net, y_pred, y_true, X=X, training=True, **kwargs)]
        X, y_true = (None if data is None else to_tensor(data, device=net.device) for data in (X, y_true))
        for term in self.terms:
            loss = term(y_pred, y_true, X)
            if getattr(loss, "shape", None) != ():
                raise ValueError(
                    f"The term {_name(term)!r} of LossWeights must return a tensor of one number, such as "
                    f"the mean over rows, got {tuple(loss.shape) if hasattr(loss, 'shape') else loss!r}."
                )
            losses.append(loss)
        return losses


def uniform_cross_entropy(y_pred, y_true=None, X=None):
    r"""Cross-entropy between the uniform distribution and predicted classes, which is label smoothing.

    A term of :class:`LossWeights`. With a weight :math:`e^\theta` beside the cross-entropy it is
    ``label_smoothing`` of :math:`e^\theta / (1 + e^\theta)`.

    Parameters
    ----------
    y_pred : Tensor of shape (n_samples, n_classes, ...) or (n_samples,), or tuple
        Scores of the classes (logits), or of the positive one of two. The first of several outputs.
    y_true, X : object
        Without influence.

    Returns
    -------
    loss : Tensor of shape ()

    References
    ----------
    Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016.

    Examples
    --------
    >>> import torch
    >>> from sksearch.nets import uniform_cross_entropy
    >>> uniform_cross_entropy(torch.zeros(5, 4)).exp()
    tensor(4.)
    """
    scores = y_pred[0] if isinstance(y_pred, (tuple, list)) else y_pred
    if scores.ndim == 1 or scores.shape[1] == 1:
        scores = torch.stack([scores, torch.zeros_like(scores)], dim=1)
    return -scores.log_softmax(dim=1).mean()


def _rates(optimizer):
    """By how much each weight follows its gradient, the state of the optimizer given."""
    rates = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if (square := state.get("exp_avg_sq", state.get("square_avg"))) is None:
                rates[id(parameter)] = group["lr"]
                continue
            if "betas" in group:
                square = square / (1 - group["betas"][1] ** float(state["step"]))
            rates[id(parameter)] = group["lr"] / (square.sqrt() + group["eps"])
    return rates


def _name(term):
    return getattr(getattr(term, "func", term), "__name__", type(term).__name__)
