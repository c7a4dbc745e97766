"""A network before a step of its training, to compute again what the step was made from."""

from contextlib import contextmanager

import torch
from skorch.dataset import unpack_data
from torch import nn
from torch.func import functional_call


class Snapshot:
    """Weights, buffers and random numbers of a network, and a batch that it is about to be trained with.

    Parameters
    ----------
    net : NeuralNet
    batch : object
        As its loader gives it.
    fit_params : dict, default=None
        What the module gets beside it.
    """

    def __init__(self, net, batch, fit_params=None):
        self._net = net
        self._batch = batch
        self._fit_params = fit_params or {}
        module = net.module_
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        self._tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        device = torch.device(net.device or "cpu")
        self._devices = [device] if device.type == "cuda" else []
        self._states = [torch.get_rng_state(), *map(torch.cuda.get_rng_state, self._devices)]

    def slopes(self, losses, direction):
        """Differentiate losses of the batch along a direction of the weights, all of them at once.

        With multipliers u, the gradient of the sum of u_k L_k is linear in u, and so is its product with the
        direction, whose derivatives by u are the slopes. That is a backward pass and another one through it,
        however many losses there are.

        Parameters
        ----------
        losses : callable
            Takes what a network's ``get_loss`` does, ``(y_pred, y_true, X)``, and returns a list of n tensors
            of one number.
        direction : dict of str to Tensor
            By how much weights move, by their names; others do not.

        Returns
        -------
        slopes : Tensor of shape (n,)
            By differences where a layer can be differentiated only once.
        """
        moved = {name: self._tensors[name].clone().requires_grad_() for name in direction}
        try:
            values = self._compute(losses, moved)
            multipliers = torch.ones_like(values, requires_grad=True)
            gradients = torch.autograd.grad(
                values, list(moved.values()), multipliers, create_graph=True, allow_unused=True
            )
            pairs = zip(gradients, direction.values(), strict=True)
            product = sum((g * d).sum() for g, d in pairs if g is not None) + 0 * multipliers.sum()
            return torch.autograd.grad(product, multipliers)[0]
        except RuntimeError:  # attention, recurrent layers on a GPU, bags of embeddings
            return self._differences(losses, direction)

    @torch.no_grad()
    def _differences(self, losses, direction):
        tensors = {name: self._tensors[name] for name in direction}
        length, step_length = (
            torch.stack([tensor.norm() for tensor in several.values()]).norm()
            for several in (tensors, direction)
        )
        if step_length == 0:
            return torch.zeros_like(self._compute(losses, {}))
        # Where the errors of rounding and of curvature balance.
        size = torch.finfo(length.dtype).eps ** (1 / 3) * (1 + length) / step_length
        ahead, behind = (
            self._compute(losses, {name: tensors[name] + step * d for name, d in direction.items()})
            for step in (size, -size)
        )
        return (ahead - behind) / (2 * size)

    def _compute(self, losses, moved):
        """Return the losses as they were in the training, but for weights that moved."""
        # Copies, since a training changes its buffers.
        tensors = {
            name: tensor.clone() for name, tensor in self._tensors.items() if name not in moved
        } | moved
        Xi, yi = unpack_data(self._batch)
        whole = _Whole(self._net.module_, lambda: losses(self._net.infer(Xi, **self._fit_params), yi, Xi))
        with self._same_random_numbers():
            named = {f"module.{name}": tensor for name, tensor in tensors.items()}
            return torch.stack(functional_call(whole, named, ()))

    @contextmanager
    def _same_random_numbers(self):
        with torch.random.fork_rng(self._devices):
            torch.set_rng_state(self._states[0])
            for device, state in zip(self._devices, self._states[1:], strict=True):
                torch.cuda.set_rng_state(state, device)
            yield


class _Whole(nn.Module):
    """A function of a module as a module, which can be called with other weights."""

    def __init__(self, module, function):
        super().__init__()
        self.module = module
        self.function = function

    def forward(self):
        return self.function()
