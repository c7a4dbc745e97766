"""The optimum of a linear model, reached from fitted weights, and systems with the Hessian there.

The objective of weights W, of shape (n_weights, n_outputs) with the intercepts in the last row, is

    J(W) = c * sum_i s_i l(x_i' W, y_i) + l2/2 * |W|^2 + l1 * |W|_1

where l2 and l1 have one entry per row. Steps are damped, orthant-wise Newton steps (Andrew and Gao 2007):
weights at 0 stay there while the subgradient holds 0, and those that would change sign stop at 0.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.hessian import Hessian, Preconditioner

# Products with the Hessian after which the next step computes a new preconditioner.
_MANY_PRODUCTS = 20
_MAX_STEPS = 50
# Products with the Hessian after which a step ends, though more weights may meet 0.
_MOST_PRODUCTS = 200
# Expected decrease of J, relative to J, after which a step is the last.
_CONVERGED = 1e-9
# Largest entry of the subgradient there, relative to the l1 penalty, that is an optimum's.
_FLAT = 1e-2


class Design:
    """Features, and a column of ones for the intercept.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Features.
    intercept : bool
        Whether there is an intercept.
    """

    def __init__(self, X, intercept):
        self.X = X
        self.intercept = intercept

    def dot(self, W):
        """Return the raw predictions, of shape (n_samples, n_outputs)."""
        return self.X @ W[:-1] + W[-1] if self.intercept else self.X @ W

    def transposed_dot(self, G):
        """Return the gradient with respect to weights, of shape (n_weights, n_outputs)."""
        gradient = self.X.T @ G
        return np.vstack([gradient, G.sum(axis=0)]) if self.intercept else gradient

    def gram(self, h, free):
        """Return X' diag(h) X for the weights at the positions `free`."""
        features = free[free < self.X.shape[1]]
        X = self.X if len(features) == self.X.shape[1] else self.X[:, features]
        if sparse.issparse(X):
            block = (X.T @ X.multiply(h[:, None]).tocsr()).toarray()
        elif (h >= 0).all():
            root = np.sqrt(h)[:, None] * X
            block = root.T @ root
        else:
            block = X.T @ (h[:, None] * X)
        if len(features) == len(free):
            return block
        side = X.T @ h
        return np.block([[block, side[:, None]], [side[None], h.sum()]])

    def squares(self, h):
        """Return the diagonal of X' diag(h) X."""
        X = self.X
        diagonal = X.multiply(X).T @ h if sparse.issparse(X) else np.einsum("ij,ij,i->j", X, X, h)
        return np.append(diagonal, h.sum()) if self.intercept else diagonal


@dataclass
class Objective:
    """The objective J of the module's first lines.

    Parameters
    ----------
    design : Design
        Training samples.
    loss : Pointwise or Multinomial
        The loss l.
    y : ndarray of shape (n_samples, n_outputs)
        Targets.
    weights : ndarray of shape (n_samples, 1) or (n_samples, n_outputs)
        c * s_i.
    l2, l1 : ndarray of shape (n_weights, 1)
        Penalties of each row.
    """

    design: Design
    loss: object
    y: np.ndarray
    weights: np.ndarray
    l2: np.ndarray
    l1: np.ndarray

    def value(self, W, z):
        """Return J, infinite where the loss is not defined."""
        J = (self.weights * self.loss.value(z, self.y)).sum() + (self.l2 * W**2).sum() / 2
        J += (self.l1 * np.abs(W)).sum()
        return J if np.isfinite(J) else np.inf

    def steepest(self, W, z):
        """Return the subgradient of J with the smallest entries."""
        gradient = self.design.transposed_dot(self.weights * self.loss.slope(z, self.y)) + self.l2 * W
        if not self.l1.any():
            return gradient
        at_zero = np.sign(gradient) * np.maximum(0, np.abs(gradient) - self.l1)
        return np.where((W == 0) & (self.l1 > 0), at_zero, gradient + self.l1 * np.sign(W))


@dataclass
class Optimum:
    """Where the steps ended.

    Parameters
    ----------
    W : ndarray of shape (n_weights, n_outputs)
        The weights.
    z : ndarray of shape (n_samples, n_outputs)
        Raw predictions of the training samples.
    free : ndarray of bool of shape (n_weights, n_outputs)
        The weights that are not 0 or have no l1 penalty: those that follow hyperparameters.
    hessian : Hessian
        At the optimum.
    precondition : callable
        An approximate inverse for the weights that are free.
    """

    W: np.ndarray
    z: np.ndarray
    free: np.ndarray
    hessian: Hessian
    precondition: object

    def solve(self, B, tol=1e-9):
        """Solve H V = B for the free weights."""
        V, _ = self.hessian.solve(B, self.free, self.precondition, tol)
        return V


@np.errstate(all="ignore")  # what is not finite is no step
def polish(objective, W):
    """Go from fitted weights to the optimum.

    Parameters
    ----------
    objective : Objective
        What is minimised.
    W : ndarray of shape (n_weights, n_outputs)
        Fitted weights.

    Returns
    -------
    optimum : Optimum
        The weights at which the gradient is 0, as far as floating point can tell.

    Raises
    ------
    NotDifferentiable
        If steps end elsewhere: where more weights are not 0 than there are samples, only the l1 penalty
        slopes along what these do not determine, and a Newton step does not see it.
    """
    z = objective.design.dot(W)
    J = objective.value(W, z)
    preconditioner = None
    for _ in range(_MAX_STEPS):
        gradient = objective.steepest(W, z)
        if not np.isfinite(gradient).all():
            break
        free = (W != 0) | (gradient != 0) | (objective.l1 == 0)
        if preconditioner is None or not preconditioner.covers(free):
            preconditioner = Preconditioner(objective, z, free)
        hessian = Hessian(objective, z)
        for boldly in (True, False):
            direction, n_products = _direction(objective, hessian, preconditioner, W, gradient, free, boldly)
            step = _line_search(objective, W, J, gradient, direction, n_halvings=6 if boldly else 40)
            if step is not None:
                break
        else:
            break
        expected = -(gradient * direction).sum()
        last = expected <= _CONVERGED * abs(J) and np.array_equal(step[0] != 0, W != 0)
        W, z, J = step
        if last:
            break
        if n_products > _MANY_PRODUCTS:
            preconditioner = None
    slope = np.abs(objective.steepest(W, z))
    if ((objective.l1 > 0) & (slope > _FLAT * objective.l1)).any():
        raise NotDifferentiable("The optimum was not reached: more weights than samples are not 0.")
    free = (W != 0) | (objective.l1 == 0)
    if preconditioner is None or not preconditioner.covers(free):
        preconditioner = Preconditioner(objective, z, free)
    return Optimum(W, z, free, Hessian(objective, z), preconditioner.inverse(free))


def _direction(objective, hessian, preconditioner, W, gradient, free, boldly):
    """Return a step toward the optimum of a quadratic model of J, and the products with the Hessian it took.

    Weights that meet 0 on the way stay there, and the others are solved for again: after the first of them,
    which lowers the model for sure, or boldly, after half of them.
    """
    kinked = objective.l1 > 0
    orthant = np.where(W != 0, np.sign(W), -np.sign(gradient))
    step = np.zeros_like(W)
    n_products = 0
    while True:
        right = -gradient - (hessian.dot(step) if step.any() else 0)
        way, n = hessian.solve(right, free, preconditioner.inverse(free), tol=1e-3)
        n_products += n
        toward_zero = free & kinked & (way * orthant < 0)
        share = np.divide(-(W + step), way, out=np.full_like(W, np.inf), where=toward_zero)
        if not (share < 1).any():
            return step + way, n_products
        reached = max(0.0, np.median(share[share < 1]) if boldly else share.min())
        met = share <= reached
        step = np.where(met, -W, step + reached * way)
        free = free & ~met
        if n_products > _MOST_PRODUCTS:
            return step, n_products


def _line_search(objective, W, J, gradient, direction, n_halvings):
    """Halve a step until J decreases enough; return weights, predictions and J, or None."""
    if (gradient * direction).sum() > 0:
        return None
    kinked = objective.l1 > 0
    orthant = np.where(W != 0, np.sign(W), -np.sign(gradient))
    for halvings in range(n_halvings):
        W_new = W + 0.5**halvings * direction
        W_new = np.where(kinked & (W_new * orthant <= 0), 0.0, W_new)
        z_new = objective.design.dot(W_new)
        J_new = objective.value(W_new, z_new)
        # Below its rounding error, a change of J says nothing, and the Newton step is right.
        noise = 1e-13 * abs(J)
        if J_new <= J + min(0, 1e-4 * (gradient * (W_new - W)).sum()) + noise:
            return W_new, z_new, J_new
    return None
