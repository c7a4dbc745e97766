"""What a few values and slopes of a loss tell about its surface: where it is lowest, and where it may be."""

import numpy as np
from scipy.optimize import minimize
from scipy.stats import qmc

from sksearch.optimizers.acquisition import LogExpectedImprovement, UpperConfidenceBound
from sksearch.optimizers.sloped import SlopedProcess

# A promise to lower the loss by less than this share of it is none.
_TOLERANCE = 1e-3

# Standard deviation of the errors of slopes, relative to that of the surface, from which it is not smooth.
_ROUGH = 0.1

# Points that are compared, two to this power over the box, more around the best, and those climbed from.
_LOG2_SPREAD = 8
_N_BEST = 5
_SCALES = 0.3, 0.03, 0.003
_N_CLIMBED = 4

# Most numbers a process is fitted to: its time grows with their cube.
_MOST_TOLD = 240


class Surface:
    r"""A model of the surface of a loss, by a `SlopedProcess`.

    Modelled is :math:`\log(1 + (y - \min y) / u)`, where y is the logarithm of positive losses, and u the
    upper quartile of the distances from the best: what matters are the differences between the good ones.

    Parameters
    ----------
    positions : ndarray of shape (n, d)
        Where the loss is known.
    losses : ndarray of shape (n,)
        At least two of them different.
    slopes : ndarray of shape (n, d)
        Derivatives of the loss.
    low, high : ndarray of shape (d,)
        The box.

    Attributes
    ----------
    is_smooth : bool
        Whether slopes and values are those of a smooth function, or else no model.
    """

    def __init__(self, positions, losses, slopes, low, high):
        self._low, self._high = low, high
        if losses.min() > 0:
            slopes, losses = slopes / losses[:, None], np.log(losses)
        else:
            size = np.abs(losses).max()
            losses, slopes = losses / size, slopes / size
        order = np.argsort(losses, kind="stable")
        n = _MOST_TOLD // (1 + len(low))
        if len(order) > n:  # the better half, and every so many of the others
            others = np.linspace(n // 2, len(order) - 1, n - n // 2).round().astype(int)
            order = np.concatenate([order[: n // 2], order[others]])
        positions, distance, slopes = positions[order], losses[order] - losses.min(), slopes[order]
        self._unit = max(np.quantile(distance, 0.75), _TOLERANCE)
        # The model's values grow where the loss falls, as acquisition functions have it.
        y, slopes = -np.log1p(distance / self._unit), -slopes / (self._unit + distance)[:, None]
        self._best = positions[:_N_BEST]
        self._process = SlopedProcess().fit(positions, y, slopes)
        self.is_smooth = np.exp(self._process.theta[-1]) < _ROUGH**2

    def lowest(self):
        """Where the loss is expected to be lowest; None if that is not lower than the best known."""
        position, value = self._climb(UpperConfidenceBound(self._process, 0.0, beta=0.0))
        return position if value * self._unit > _TOLERANCE else None

    def optimistic(self):
        """Where the lower confidence bound of the loss is lowest: mostly beside the best."""
        return self._climb(UpperConfidenceBound(self._process, 0.0, beta=1.0))[0]

    def promising(self):
        """Where the expected improvement is largest: mostly where little is known."""
        return self._climb(LogExpectedImprovement(self._process, 0.0))[0]

    def _climb(self, acquisition):
        sobol = qmc.Sobol(len(self._low), scramble=False).random_base2(_LOG2_SPREAD)
        width = self._high - self._low
        steps = [(sobol[1 : 1 + 2 ** (_LOG2_SPREAD - 3)] - 0.5) * width * scale for scale in _SCALES]
        around = [best + step for best in self._best for step in steps]
        points = np.vstack([self._low + width * sobol, self._best, *around]).clip(self._low, self._high)
        points = points[np.argsort(-acquisition(points), kind="stable")[:_N_CLIMBED]]

        def loss(coordinates):
            values, gradients = acquisition.gradient(coordinates.reshape(points.shape))
            return -values.sum(), -gradients.ravel()

        bounds = np.tile(np.column_stack([self._low, self._high]), (len(points), 1))
        options = {"maxiter": 30}
        found = minimize(loss, points.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        points = np.vstack([found.x.reshape(points.shape), points])
        values = acquisition(points)
        return points[values.argmax()], values.max()
