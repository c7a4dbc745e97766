"""The one error of this package."""


class NotDifferentiable(ValueError):
    """A fit has no usable derivative with respect to its hyperparameters; the message says why."""
