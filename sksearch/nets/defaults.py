"""What to search in a skorch net when the user does not say.

`sksearch.space.default_space` asks here when it meets a net, so that nothing of torch is imported for
others. Ranges lie around the user's own values where these are the only scale there is (widths, batch size),
and follow common practice elsewhere.

References
----------
.. [1] Choi et al. (2019), "On empirical comparisons of optimizers for deep learning": rates and momentum are
   tuned for each optimizer on its own.
.. [2] Loshchilov & Hutter (2019), "Decoupled weight decay regularization", ICLR: why AdamW's weight decay has
   a scale of its own.
.. [3] Srivastava et al. (2014), "Dropout", JMLR 15(56), section 7.3: rates up to about 0.6.
"""

import inspect
import re
from numbers import Integral, Real

import torch
from torch import nn

_LOG = "log-uniform"
_DECAY = (1e-6, 1e-2, _LOG)
_ADAPTIVE_RATE = (1e-4, 3e-2, _LOG)
_BETAS = [(0.9, 0.999), (0.9, 0.99), (0.8, 0.999)]

# Each optimizer with its own parameters, without the prefix; the rate is skorch's `lr`.
_OPTIMIZERS = {
    torch.optim.SGD: {
        "lr": (1e-3, 1.0, _LOG),
        "momentum": [0.0, 0.5, 0.9, 0.95, 0.99],
        "weight_decay": _DECAY,
    },
    torch.optim.RMSprop: {"lr": _ADAPTIVE_RATE, "alpha": [0.9, 0.99], "weight_decay": _DECAY},
    torch.optim.Adam: {"lr": _ADAPTIVE_RATE, "betas": _BETAS, "weight_decay": _DECAY},
    torch.optim.AdamW: {"lr": _ADAPTIVE_RATE, "betas": _BETAS, "weight_decay": (1e-4, 0.3, _LOG)},
}
_ACTIVATIONS = [nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh]

_IS_DEPTH = re.compile(r"layers$|depth$|blocks$")
_IS_WIDTH = re.compile(r"hidden|units|width|filters|channels")
_IS_GIVEN_BY_DATA = re.compile(r"^(in|out|input|output|n|num)_?(features|channels|classes)?$")


def net_spaces(net):
    """Propose the branches of a search space for a skorch net, one per optimizer.

    Parameters
    ----------
    net : skorch.NeuralNet
        Its module's ``__init__`` is read for parameters whose names and values say what they are: dropout,
        hidden units, layers, activation. An optimizer that is not a common one stays, as do parameters
        with unusual values.

    Returns
    -------
    spaces : list of dict
        In users' notation.
    """
    params = net.get_params(deep=False)
    common = _batch_size_space(params) | _module_space(params)
    optimizer = params["optimizer"]
    if optimizer not in _OPTIMIZERS:
        lr = params.get("optimizer__lr", params["lr"])
        return [{_rate_name(params): (lr / 30, lr * 30, _LOG)} | common]
    kinds = [optimizer, *(kind for kind in _OPTIMIZERS if kind is not optimizer)]
    return [_optimizer_space(kind, params) | common for kind in kinds]


def _rate_name(params):
    # skorch takes the rate from here, if it is given.
    return "optimizer__lr" if "optimizer__lr" in params else "lr"


def _optimizer_space(kind, params):
    own = _OPTIMIZERS[kind]
    space = {_rate_name(params): own["lr"], "optimizer": [kind]}
    return space | {f"optimizer__{name}": value for name, value in own.items() if name != "lr"}


def _batch_size_space(params):
    size = params["batch_size"]
    if size < 8 or "iterator_train__batch_size" in params:
        return {}
    return {"batch_size": [size // 4, size // 2, size, size * 2]}


def _module_space(params):
    """The parameters of the module, by their names and current values."""
    module = params["module"]
    if isinstance(module, nn.Module):
        return {}
    signature = inspect.signature(module).parameters.values()
    current = {p.name: p.default for p in signature if p.default is not p.empty}
    current |= {name[8:]: value for name, value in params.items() if name.startswith("module__")}
    found = {name: _module_dimension(name.lower(), value) for name, value in current.items()}
    return {f"module__{name}": dimension for name, dimension in found.items() if dimension is not None}


def _module_dimension(name, value):
    if inspect.isclass(value):
        return [*_ACTIVATIONS] if value in _ACTIVATIONS else None
    if isinstance(value, (list, tuple)):
        return _widths(name, value)
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if "dropout" in name:
        return (0.0, 0.6) if 0 <= value <= 0.6 else None
    if not isinstance(value, Integral) or _IS_GIVEN_BY_DATA.search(name):
        return None
    if _IS_DEPTH.search(name):
        return (1, max(3, value + 1)) if 1 <= value <= 8 else None
    # By halves and doubles, so that what it must be divisible by, such as a number of heads, stays likely.
    return [value // 4, value // 2, value, value * 2] if value >= 8 and _IS_WIDTH.search(name) else None


def _widths(name, value):
    """Layers of half, the same, and twice the width."""
    whole = all(isinstance(width, Integral) and width >= 4 for width in value)
    if not (whole and value and _IS_WIDTH.search(name)):
        return None
    return [type(value)(max(1, round(width * scale)) for width in value) for scale in (0.5, 1, 2)]
