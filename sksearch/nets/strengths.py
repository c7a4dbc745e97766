"""What one training of a network can tune: the logarithms of many strengths."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from skorch.callbacks import Callback


class Strengths(Callback, ABC):
    """Base of the callbacks whose strengths :class:`~sksearch.nets.OnePass` tunes.

    The constructor's parameter `tuned` holds the natural logarithms, a number for each strength or one for
    all. Its values are taken when training begins, and may change between two batches.

    A pass takes a step after `every` so many batches. Over a training, steps of one sign add up to `reach`,
    in log-units: it is less where derivatives are noisy.

    Attributes
    ----------
    logarithms_ : Tensor of shape (n,)
        The logarithms in use.
    """

    tuned = None
    every = 4
    reach = 20.0

    @abstractmethod
    def elements(self, net):
        """Count the strengths of a network that is initialised, and name them.

        Returns
        -------
        n : int
        text : str
            What they belong to, such as "the 3 groups of this network".

        Raises
        ------
        ValueError
            If the other parameters do not fit the network.
        """

    @abstractmethod
    def least_felt(self, net, n_batches):
        """Return the logarithm below which a strength does nothing in a training of so many batches."""

    def watch(self, net, batch, fit_params):
        """Take note of a batch that is about to be trained, after which :meth:`derivative` will be asked."""

    @abstractmethod
    def parameters(self):
        """List the weights whose gradients :meth:`derivative` needs, none of them frozen; in a training."""

    @abstractmethod
    def derivative(self, gradients):
        """Differentiate a loss by the logarithms, as far as it depends on them through the last step.

        Parameters
        ----------
        gradients : list of Tensor or None
            Of the loss by each of :meth:`parameters`, None where it does not depend on it.

        Returns
        -------
        derivative : Tensor of shape (n,)
        """

    def on_train_begin(self, net, **kwargs):
        n, text = self.elements(net)
        given = np.asarray(getattr(self, self.tuned), float)
        if given.shape not in ((), (n,)):
            raise ValueError(
                f"{self.tuned} must be a number, or one for each of {text}, got an array of shape "
                f"{given.shape}."
            )
        self.logarithms_ = torch.as_tensor(given).expand(n).clone()
