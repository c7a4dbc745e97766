"""Acquisition functions, and their maximisation over mixed points."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


class LogExpectedImprovement:
    r"""Logarithm of the expected improvement over an incumbent value.

    .. math:: \log \mathrm{EI}(x) = \log \sigma + \log h(z), \quad z = (\mu - f^*) / \sigma, \quad
              h(z) = \varphi(z) + z \Phi(z)

    The logarithm keeps its gradient where EI itself underflows (Ament et al., 2023).

    Parameters
    ----------
    gp : GaussianProcess
        A fitted model.
    incumbent : float
        Value to improve on.

    References
    ----------
    Ament, Daulton, Eriksson, Balandat & Bakshy, "Unexpected improvements to expected improvement for
    Bayesian optimization", 2023, equation 9.
    """

    def __init__(self, gp, incumbent):
        self.gp = gp
        self.incumbent = incumbent

    def __call__(self, X):
        """Values at points of shape (m, d); shape (m,)."""
        mean, std = self.gp.predict(X)
        return np.log(std) + log_h((mean - self.incumbent) / std)

    def gradient(self, x):
        """Value and gradient at one point of shape (d,)."""
        mean, std, mean_gradient, std_gradient = self.gp.predict_gradient(x)
        z = (mean - self.incumbent) / std
        value = log_h(np.array([z]))[0]
        # d log h / d z = Phi(z) / h(z)
        slope = np.exp(log_ndtr(z) - value)
        z_gradient = (mean_gradient - z * std_gradient) / std
        return np.log(std) + value, std_gradient / std + slope * z_gradient


class UpperConfidenceBound:
    r"""Optimistic value :math:`\mu + \beta \sigma`.

    Parameters
    ----------
    gp : GaussianProcess
        A fitted model.
    incumbent : float
        Not used: optimism needs no reference.
    beta : float, default=2.0
        Weight of the uncertainty.

    References
    ----------
    Srinivas, Krause, Kakade & Seeger, "Gaussian process optimization in the bandit setting", 2010.
    """

    def __init__(self, gp, incumbent, beta=2.0):
        self.gp = gp
        self.beta = beta

    def __call__(self, X):
        """Values at points of shape (m, d); shape (m,)."""
        mean, std = self.gp.predict(X)
        return mean + self.beta * std

    def gradient(self, x):
        """Value and gradient at one point of shape (d,)."""
        mean, std, mean_gradient, std_gradient = self.gp.predict_gradient(x)
        return mean + self.beta * std, mean_gradient + self.beta * std_gradient


ACQUISITIONS = {"log-ei": LogExpectedImprovement, "ucb": UpperConfidenceBound}


def log_h(z):
    """Compute log(phi(z) + z Phi(z)) without cancellation (Ament et al., 2023, equation 9)."""
    z = np.asarray(z, float)
    result = np.empty_like(z)
    near = z > -1.0
    bell = np.exp(-0.5 * z[near] ** 2 - _LOG_SQRT_2PI)
    result[near] = np.log(bell + z[near] * np.exp(log_ndtr(z[near])))
    far = -z[~near]
    # h(-t) = phi(t) (1 - t sqrt(pi/2) erfcx(t / sqrt2)); the bracket tends to 1 / t^2.
    with np.errstate(divide="ignore", invalid="ignore"):
        bracket = np.log1p(-far * np.sqrt(np.pi / 2) * erfcx(far / np.sqrt(2)))
    bracket = np.where(far < 1e4, bracket, -2.0 * np.log(far))
    result[~near] = -0.5 * far**2 - _LOG_SQRT_2PI + bracket
    return result


def maximize(acquisition, space, candidates, *, n_starts=4, n_rounds=3):
    """Find points with a large acquisition value.

    The best candidates are refined in turns: continuous coordinates by L-BFGS-B with the analytic
    gradient, all others by moving to the best neighbour as long as that helps.

    Parameters
    ----------
    acquisition : LogExpectedImprovement or UpperConfidenceBound
        What to maximise.
    space : Space
        Whose points, and which neighbours.
    candidates : ndarray of shape (n_candidates, n_columns)
        Canonical points to start from.
    n_starts : int, default=4
        Number of candidates to refine.
    n_rounds : int, default=3
        Most turns per candidate.

    Returns
    -------
    points : ndarray of shape (n_starts + n_candidates, n_columns)
        Refined points and candidates, best first.
    """
    values = acquisition(candidates)
    order = np.argsort(-values, kind="stable")
    refined = [_climb(acquisition, space, candidates[i], values[i], n_rounds) for i in order[:n_starts]]
    points = np.vstack([[point for point, _ in refined], candidates[order]])
    values = np.concatenate([[value for _, value in refined], values[order]])
    return points[np.argsort(-values, kind="stable")]


def _climb(acquisition, space, point, value, n_rounds):
    for _ in range(n_rounds):
        before = value
        point, value = _follow_gradient(acquisition, space, point, value)
        point, value = _step_to_neighbors(acquisition, space, point, value)
        if value - before < 1e-3:
            break
    return point, value


def _follow_gradient(acquisition, space, point, value):
    # Integers with many values are as good as continuous, and are rounded afterwards.
    free = space.ordered & space.active(point[None])[0] & (space.n_values > 10)
    if not free.any():
        return point, value

    def loss(coordinates):
        moved = point.copy()
        moved[free] = coordinates
        loss_value, gradient = acquisition.gradient(moved)
        return -loss_value, -gradient[free]

    found = minimize(
        loss,
        point[free],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * int(free.sum()),
        options={"maxiter": 15},
    )
    moved = point.copy()
    moved[free] = found.x
    return _better(acquisition, space.snap(moved[None]), point, value)


def _step_to_neighbors(acquisition, space, point, value):
    while len(neighbors := space.neighbors(point)):
        moved, moved_value = _better(acquisition, neighbors, point, value)
        if moved is point:
            break
        point, value = moved, moved_value
    return point, value


def _better(acquisition, candidates, point, value):
    """Return the best of the candidates with its value, or the point where none is better."""
    values = acquisition(candidates)
    best = int(np.argmax(values))
    return (candidates[best], values[best]) if values[best] > value else (point, value)
