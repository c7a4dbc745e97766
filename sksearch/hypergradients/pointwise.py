"""What linear models minimise, sample by sample: values and derivatives of training losses.

Arrays have the shape (n_samples, n_outputs): `z` are raw predictions, `y` targets. `value` returns losses,
`slope` their first derivatives, `curvature` the second ones, and `bend` the product of the second derivatives
with a direction.
"""

import numpy as np
from scipy.special import expit, log_expit, logsumexp, softmax, xlogy


class Pointwise:
    """A loss of which each output contributes by itself."""

    # Whether adding the same number to all outputs of a sample changes nothing.
    shift_invariant = False

    def bend(self, z, y):
        curvature = self.curvature(z, y)
        return lambda u: curvature * u


class Squared(Pointwise):
    """Half of the squared error."""

    def value(self, z, y):
        return (z - y) ** 2 / 2

    def slope(self, z, y):
        return z - y

    def curvature(self, z, y):
        return np.ones_like(z)


class SquaredInsensitive(Pointwise):
    """Squared error beyond a distance of epsilon."""

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def value(self, z, y):
        return np.maximum(0, np.abs(z - y) - self.epsilon) ** 2

    def slope(self, z, y):
        return 2 * np.sign(z - y) * np.maximum(0, np.abs(z - y) - self.epsilon)

    def curvature(self, z, y):
        return 2.0 * (np.abs(z - y) > self.epsilon)

    def slope_by_epsilon(self, z, y):
        return -np.sign(z - y) * self.curvature(z, y)


class SquaredHinge(Pointwise):
    """Squared hinge; y is -1 or 1."""

    def value(self, z, y):
        return np.maximum(0, 1 - y * z) ** 2

    def slope(self, z, y):
        return -2 * y * np.maximum(0, 1 - y * z)

    def curvature(self, z, y):
        return 2.0 * (y * z < 1)


class Logistic(Pointwise):
    """Log-loss of two classes, or of each class against the others; y is 0 or 1."""

    def value(self, z, y):
        return -log_expit(np.where(y > 0, z, -z))

    def slope(self, z, y):
        return np.where(y > 0, -expit(-z), expit(z))

    def curvature(self, z, y):
        return expit(z) * expit(-z)


class Multinomial:
    """Log-loss of several classes; y has one column per class, 1 in that of the sample's own."""

    shift_invariant = True

    def value(self, z, y):
        return logsumexp(z, axis=1, keepdims=True) - (y * z).sum(axis=1, keepdims=True)

    def slope(self, z, y):
        return softmax(z, axis=1) - y

    def curvature(self, z, y):
        p = softmax(z, axis=1)
        return p * (1 - p)

    def bend(self, z, y):
        p = softmax(z, axis=1)
        return lambda u: p * (u - (p * u).sum(axis=1, keepdims=True))


class LogTweedie(Pointwise):
    """Half of the Tweedie deviance of the prediction exp(z), up to a constant."""

    def __init__(self, power):
        self.power = power

    def value(self, z, y):
        high, low = 2 - self.power, 1 - self.power
        above = z if high == 0 else np.exp(high * z) / high
        below = z if low == 0 else np.exp(low * z) / low
        return above - np.where(y == 0, 0, y * below)

    def slope(self, z, y):
        return np.exp((2 - self.power) * z) - y * np.exp((1 - self.power) * z)

    def curvature(self, z, y):
        high, low = 2 - self.power, 1 - self.power
        return high * np.exp(high * z) - low * y * np.exp(low * z)

    def slope_by_power(self, z, y):
        return -z * self.slope(z, y)


class IdentityTweedie(Pointwise):
    """Half of the Tweedie deviance of the prediction z, up to a constant."""

    def __init__(self, power):
        self.power = power

    def value(self, z, y):
        p = self.power
        if p == 0:
            return (z - y) ** 2 / 2
        positive = np.where(z > 0, z, np.nan)
        if p == 1:
            return positive - xlogy(y, positive)
        if p == 2:
            return np.log(positive) + y / positive
        return positive ** (2 - p) / (2 - p) - y * positive ** (1 - p) / (1 - p)

    def slope(self, z, y):
        return (z - y) * z**-self.power

    def curvature(self, z, y):
        return z**-self.power - self.power * (z - y) * z ** (-self.power - 1)

    def slope_by_power(self, z, y):
        return -np.log(z) * self.slope(z, y)
