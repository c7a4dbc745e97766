"""Weight decay with a strength of its own for every part of a network."""

import math
from fnmatch import fnmatchcase

import torch
from torch import nn

from sksearch.nets.strengths import Strengths

_WITH_INPUTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Decay(Strengths):
    r"""Decay the weights of each part of a network at a rate of its own: a skorch callback.

    After every step of the optimizer, with learning rate :math:`\eta`, the weights of group j become

    .. math:: w_j \leftarrow \exp(-\eta \, e^{\theta_j}) \, w_j ,

    where :math:`\theta` is `log_decay`. For small rates that is the decoupled weight decay of AdamW with
    ``weight_decay = exp(log_decay)``, and the same whatever the optimizer; set the optimizer's own to 0. A
    large rate takes weights to 0 and no further. Weights that are frozen stay as they are. With a
    :class:`~sksearch.space.Vector` of `log_decay`, :class:`~sksearch.GradientSearchCV` finds all of them
    together.

    Parameters
    ----------
    log_decay : float or array-like of shape (n_groups,), default=-4.0
        Natural logarithm of the decay of each group; a number is that of all.
    groups : {"inputs", "layers", "parameters"} or list of str, default="inputs"
        Which weights share a number, frozen ones too:

        - "inputs": one group for each input of the network's first linear or convolutional layer (a column of
          its weights), in their order, and a last one for all other weights,
        - "layers": one for each layer that has weights, in the order of ``module.named_modules()``,
        - "parameters": one for each tensor, in the order of ``module.named_parameters()``,
        - a list of patterns such as ``["hidden.*", "*.weight"]``: one for each, with the tensors whose names
          match it and none before it, and a last one for all others.

    Attributes
    ----------
    logarithms_ : Tensor of shape (n_groups,)
        The logarithms in use.

    Raises
    ------
    ValueError
        If `groups` or the length of `log_decay` does not fit the network, when training begins.

    References
    ----------
    Loshchilov & Hutter, "Decoupled weight decay regularization", 2019.

    Examples
    --------
    >>> from skorch import NeuralNetClassifier
    >>> from torch import nn
    >>> from sksearch.nets import Decay
    >>> from sksearch.space import Vector
    >>> module = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    >>> decay = Decay(log_decay=0.0)
    >>> decay.count(module)
    65
    >>> net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, callbacks=[("decay", decay)])
    >>> space = {"callbacks__decay__log_decay": Vector(65, -6, 6)}
    """

    tuned = "log_decay"

    def __init__(self, log_decay=-4.0, groups="inputs"):
        self.log_decay = log_decay
        self.groups = groups

    def count(self, module):
        """Return the number of groups that a module has.

        Parameters
        ----------
        module : torch.nn.Module

        Returns
        -------
        n_groups : int

        Raises
        ------
        ValueError
            If `groups` does not fit the module.
        """
        return _split(module, self.groups)[1]

    def elements(self, net):
        n_groups = self.count(net.module_)
        return n_groups, f"the {n_groups} groups that groups={self.groups!r} makes of this network"

    def least_felt(self, net, n_batches):
        rate = float(net.optimizer_.param_groups[0]["lr"])
        return -math.log(n_batches * rate) if n_batches * rate > 0 else -math.inf

    def on_train_begin(self, net, **kwargs):
        super().on_train_begin(net)
        parts, _ = _split(net.module_, self.groups)
        self._parts_ = [(p, index.to(p.device)) for p, index in parts]
        optimizer = getattr(net.optimizer_, "optimizer", net.optimizer_)  # accelerate wraps it
        self._rate_of_ = _rates(optimizer)
        self._unhook()  # of a training that an error ended
        # A batch is not always a step: gradients of several may be summed.
        self._hook_ = optimizer.register_step_post_hook(self._decay)

    @torch.no_grad()
    def _decay(self, optimizer, args, kwargs):
        self._rate_of_ = _rates(optimizer)
        decay, factors = torch.exp(self.logarithms_), {}
        for parameter, index in self._learned():
            key = self._rate_of_[id(parameter)], parameter.dtype, parameter.device
            if key not in factors:
                factors[key] = torch.exp(-key[0] * decay).to(parameter.dtype).to(parameter.device)
            parameter.mul_(factors[key][index])

    def on_train_end(self, net, **kwargs):
        self._unhook()
        self._parts_ = self._rate_of_ = None  # or a pickled net would hold its weights twice

    def _unhook(self):
        if (hook := getattr(self, "_hook_", None)) is not None:
            hook.remove()
        self._hook_ = None

    def _learned(self):
        """List the tensors that are learned now, and their groups: training may freeze and thaw some."""
        return [(p, index) for p, index in self._parts_ if p.requires_grad and id(p) in self._rate_of_]

    def derivative(self, gradients):
        r"""Differentiate a loss by `log_decay`, as far as it depends on it through the last step.

        The step with rate :math:`\eta` made the weights :math:`w`. By the rule of their decay,

        .. math:: \frac{dL}{d\theta_j} = -\eta \, e^{\theta_j} \, \langle \nabla_j L(w), w_j \rangle .

        Parameters
        ----------
        gradients : list of Tensor or None
            Of the loss by each of :meth:`parameters`, None where it does not depend on it.

        Returns
        -------
        derivative : Tensor of shape (n_groups,)
        """
        derivative = torch.zeros_like(self.logarithms_)
        for (parameter, index), gradient in zip(self._learned(), gradients, strict=True):
            if gradient is not None:
                products = (gradient * parameter.detach()).sum_to_size(index.shape)
                products = products.flatten().cpu().double()
                derivative.index_add_(0, index.flatten().cpu(), -self._rate_of_[id(parameter)] * products)
        return derivative * torch.exp(self.logarithms_)

    def parameters(self):
        """List the tensors that decay; during a training."""
        return [parameter for parameter, _ in self._learned()]


def _rates(optimizer):
    """Look up the learning rates by parameter; schedules, and states that are loaded, change them."""
    return {id(p): float(group["lr"]) for group in optimizer.param_groups for p in group["params"]}


def _split(module, groups):
    """Return the parameters of a module, each with the groups of its elements, and the number of groups."""
    named = list(module.named_parameters())
    if isinstance(groups, str) and groups == "inputs":
        first = next((m for m in module.modules() if isinstance(m, _WITH_INPUTS)), None)
        if first is None or getattr(first, "groups", 1) != 1:
            raise ValueError(
                "groups='inputs' needs a linear layer, or a convolution with groups=1, as the first of the "
                "network; use groups='layers', 'parameters' or a list of patterns."
            )
        n_inputs = first.weight.shape[1]
        inputs = torch.arange(n_inputs).reshape(1, -1, *[1] * (first.weight.ndim - 2))
        return [(p, inputs if p is first.weight else _all(p, n_inputs)) for _, p in named], n_inputs + 1
    if isinstance(groups, str) and groups in ("layers", "parameters"):
        keys = [name.rpartition(".")[0] if groups == "layers" else name for name, _ in named]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return [(p, _all(p, numbers[key])) for key, (_, p) in zip(keys, named, strict=True)], len(numbers)
    if not isinstance(groups, (list, tuple)) or not all(isinstance(pattern, str) for pattern in groups):
        raise ValueError(
            f"groups must be 'inputs', 'layers', 'parameters' or a list of patterns, got {groups!r}."
        )
    numbers = [
        next((i for i, pattern in enumerate(groups) if fnmatchcase(name, pattern)), len(groups))
        for name, _ in named
    ]
    for i, pattern in enumerate(groups):
        if i not in numbers:
            raise ValueError(
                f"groups has the pattern {pattern!r}, which matches no parameter that is left; they are "
                f"{[name for name, _ in named]}."
            )
    return [(p, _all(p, i)) for i, (_, p) in zip(numbers, named, strict=True)], len(groups) + 1


def _all(parameter, group):
    return torch.full([1] * parameter.ndim, group)
