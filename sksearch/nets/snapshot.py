"""A network before a step of its training, to compute again what the step was made from."""

from contextlib import contextmanager

import torch
import torch.autograd.forward_ad as forward_mode
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
    """

    def __init__(self, net, batch):
        self._net = net
        self._batch = batch
        module = net.module_
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        self._tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        device = torch.device(net.device or "cpu")
        self._devices = [device] if device.type == "cuda" else []
        self._states = [torch.get_rng_state(), *map(torch.cuda.get_rng_state, self._devices)]

    @torch.no_grad()
    def slopes(self, losses, direction):
        """Differentiate losses of the batch along a direction of the weights, in one pass in forward mode.

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
            By differences where a layer has no forward mode.
        """
        try:
            with forward_mode.dual_level():
                moved = {
                    name: forward_mode.make_dual(self._tensors[name], d) for name, d in direction.items()
                }
                value, slopes = forward_mode.unpack_dual(self._compute(losses, moved))
                return torch.zeros_like(value) if slopes is None else slopes
        except NotImplementedError:  # some recurrent layers, and bags of embeddings
            return self._differences(losses, direction)

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
        whole = _Whole(self._net.module_, lambda: losses(self._net.infer(Xi), yi, Xi))
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
