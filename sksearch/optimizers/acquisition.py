"""Acquisition functions, and their maximisation over mixed points."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
# Integers with more values than this are as good as continuous, and are rounded afterwards.
_FEW_VALUES = 10
# Most steps to a neighbour in a turn: across a few values, and not one by one across millions.
_MOST_STEPS = 20
# Most neighbours that are compared in a step; in large spaces, the others' turn comes in the next steps.
_MOST_NEIGHBORS = 256


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

    def gradient(self, X):
        """Values at points of shape (m, d), and their gradients; shapes (m,) and (m, d)."""
        mean, std, mean_gradient, std_gradient = self.gp.predict_gradient(X)
        z = (mean - self.incumbent) / std
        value = log_h(z)
        # d log h / d z = Phi(z) / h(z)
        slope = np.exp(log_ndtr(z) - value)
        z_gradient = (mean_gradient - z[:, None] * std_gradient) / std[:, None]
        return np.log(std) + value, std_gradient / std[:, None] + slope[:, None] * z_gradient


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

    def gradient(self, X):
        """Values at points of shape (m, d), and their gradients; shapes (m,) and (m, d)."""
        mean, std, mean_gradient, std_gradient = self.gp.predict_gradient(X)
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

    The best candidates are refined together, in turns: continuous coordinates by L-BFGS-B with the
    analytic gradient, all others by a few moves to the best neighbour, as long as that helps. The points
    climb in one call, as if they were one long vector whose value is the sum (Balandat et al., 2020): a
    call costs more than the arithmetic in it.

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
        Most turns.

    Returns
    -------
    points : ndarray of shape (n_starts + n_candidates, n_columns)
        Refined points and candidates, best first.

    References
    ----------
    Balandat et al., "BoTorch: a framework for efficient Monte-Carlo Bayesian optimization", 2020.
    """
    values = acquisition(candidates)
    order = np.argsort(-values, kind="stable")
    candidates, values = candidates[order], values[order]
    points, best = candidates[:n_starts], values[:n_starts]
    for _ in range(n_rounds):
        before = best
        points, best = _follow_gradients(acquisition, space, points, best)
        points, best = _step_to_neighbors(acquisition, space, points, best)
        if np.all(best - before < 1e-3):
            break
    points, values = np.vstack([points, candidates]), np.concatenate([best, values])
    return points[np.argsort(-values, kind="stable")]


def _follow_gradients(acquisition, space, points, values):
    free = space.active(points) & space.ordered & (space.n_values > _FEW_VALUES)
    if not free.any():
        return points, values
    moved = points.copy()

    def loss(coordinates):
        moved[free] = coordinates
        moved_values, gradients = acquisition.gradient(moved)
        return -moved_values.sum(), -gradients[free]

    found = minimize(
        loss,
        points[free],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * int(free.sum()),
        options={"maxiter": 15},
    )
    moved[free] = found.x
    moved = space.snap(moved)
    moved_values = acquisition(moved)
    higher = moved_values > values
    return np.where(higher[:, None], moved, points), np.where(higher, moved_values, values)


def _step_to_neighbors(acquisition, space, points, values):
    points, values = points.copy(), values.copy()
    n_in_vain = np.zeros(len(points), int)
    climbing = np.arange(len(points))
    for step in range(_MOST_STEPS):
        around = [space.neighbors(points[i]) for i in climbing]
        n_parts = [max(1, -(-len(neighbors) // _MOST_NEIGHBORS)) for neighbors in around]
        around = [neighbors[step % n :: n] for neighbors, n in zip(around, n_parts, strict=True)]
        if not any(map(len, around)):
            break
        around_values = acquisition(np.vstack(around))
        stops = np.cumsum([len(neighbors) for neighbors in around])
        for i, neighbors, its_values in zip(
            climbing, around, np.split(around_values, stops[:-1]), strict=True
        ):
            if len(neighbors) and its_values.max() > values[i]:
                points[i], values[i] = neighbors[its_values.argmax()], its_values.max()
                n_in_vain[i] = 0
            else:
                n_in_vain[i] += 1
        climbing = climbing[n_in_vain[climbing] < n_parts]
        if not len(climbing):
            break
    return points, values
