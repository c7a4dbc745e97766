"""The optimum of a linear model, reached from fitted weights, and systems with the Hessian there.

The objective of weights W, of shape (n_weights, n_outputs) with the intercepts in the last row, is

    J(W) = c * sum_i s_i l(x_i' W, y_i) + l2/2 * |W|^2 + l1 * |W|_1

where l2 and l1 have one entry per row. Steps are damped, orthant-wise Newton steps (Andrew and Gao 2007):
weights at 0 stay there while the subgradient holds 0, and those that would change sign stop at 0. Systems
are solved by conjugate gradients, with the Cholesky factor of an earlier Hessian as the preconditioner: it is
computed once or twice, and reused at each step.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

# Outputs with more free weights than this have a diagonal preconditioner.
_MAX_FACTORED = 2000
# Iterations after which the next step computes a new preconditioner.
_MANY_ITERATIONS = 20
_MAX_STEPS = 50
# Expected decrease of J, relative to J, after which a step is the last.
_CONVERGED = 1e-9


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
        with np.errstate(all="ignore"):
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


class Hessian:
    """The second derivatives of an objective with respect to the weights that are free.

    Parameters
    ----------
    objective : Objective
        What is differentiated.
    z : ndarray of shape (n_samples, n_outputs)
        Raw predictions of the training samples.
    free : ndarray of bool of shape (n_weights, n_outputs)
        The weights that move.
    """

    def __init__(self, objective, z, free):
        self.objective, self.z, self.free = objective, z, free
        self._bend = objective.loss.bend(z, objective.y)

    def dot(self, V):
        """Return the product with V, which is 0 where weights are not free."""
        o = self.objective
        bent = o.weights * self._bend(o.design.dot(V))
        return self.free * (o.design.transposed_dot(bent) + o.l2 * V)

    def preconditioner(self):
        """Return a function that multiplies with an approximate inverse.

        It has one block per output, which is exact unless the loss couples outputs.
        """
        o = self.objective
        curvature = o.weights * o.loss.curvature(self.z, o.y)
        blocks = []  # columns, the free weights that they have in common, and the inverse of their block
        for k in range(self.z.shape[1]):
            h, free = curvature[:, k], self.free[:, k]
            if k and np.array_equal(h, curvature[:, k - 1]) and np.array_equal(free, self.free[:, k - 1]):
                blocks[-1][0].append(k)
            else:
                blocks.append(([k], np.flatnonzero(free), self._block(h, np.flatnonzero(free))))

        def apply(R):
            out = np.zeros_like(R)
            for columns, free, solve in blocks:
                block = np.ix_(free, columns)
                out[block] = solve(R[block])
            return out

        return self._within_classes(apply) if o.loss.shift_invariant else apply

    def _block(self, h, free):
        o = self.objective
        l2 = o.l2[free, 0]
        if len(free) > _MAX_FACTORED:
            diagonal = np.maximum(o.design.squares(h)[free] + l2, np.finfo(np.float64).tiny)
            return lambda r: r / diagonal[:, None]
        matrix = o.design.gram(h, free)
        matrix[np.diag_indices_from(matrix)] += l2
        try:
            factor = linalg.cho_factor(matrix, lower=True, check_finite=False)
            return lambda r: linalg.cho_solve(factor, r, check_finite=False)
        except linalg.LinAlgError:
            # Singular, or not convex far from the optimum: no direction is lost, and each goes downhill.
            values, vectors = linalg.eigh(matrix)
            values = np.abs(values)
            kept = values > values.max(initial=0) * len(values) * np.finfo(np.float64).eps
            vectors = vectors[:, kept] / np.sqrt(values[kept])
            return lambda r: vectors @ (vectors.T @ r)

    def _within_classes(self, apply):
        """Separate what moves all classes alike, where blocks are far from the Hessian: it is the penalty."""
        whole = self.free.all(axis=1, keepdims=True)
        l2 = self.objective.l2
        inverse = np.divide(1, l2, out=np.zeros_like(l2), where=l2 > 0)

        def common(R):
            return np.where(whole, R.mean(axis=1, keepdims=True), 0)

        def both(R):
            shift = common(R)
            Z = apply(R - shift)
            return Z - common(Z) + inverse * shift

        return both

    def solve(self, B, precondition, tol):
        """Solve H V = B by conjugate gradients.

        Returns
        -------
        V : ndarray of shape (n_weights, n_outputs)
            The solution, 0 where weights are not free.
        n_iterations : int
            Products with the Hessian.
        """
        R = self.free * B
        V = np.zeros_like(R)
        Z = precondition(R)
        rho = (R * Z).sum()
        goal = tol**2 * rho
        D = Z
        limit = 10 * R.size + 10
        for iteration in range(1, limit):
            if not rho > goal or rho == 0:
                return V, iteration - 1
            HD = self.dot(D)
            bend = (D * HD).sum()
            if not bend > 0:  # not convex here: what has been found so far is a direction downhill
                return (V if iteration > 1 else Z), iteration
            step = rho / bend
            V = V + step * D
            R = R - step * HD
            Z = precondition(R)
            rho, previous = (R * Z).sum(), rho
            D = Z + (rho / previous) * D
        return V, limit


@dataclass
class Optimum:
    """Where the steps ended.

    Parameters
    ----------
    W : ndarray of shape (n_weights, n_outputs)
        The weights.
    z : ndarray of shape (n_samples, n_outputs)
        Raw predictions of the training samples.
    hessian : Hessian
        With respect to the weights that are not 0 or have no l1 penalty.
    precondition : callable
        An approximate inverse.
    """

    W: np.ndarray
    z: np.ndarray
    hessian: Hessian
    precondition: object

    def solve(self, B, tol=1e-9):
        """Solve H V = B."""
        V, _ = self.hessian.solve(B, self.precondition, tol)
        return V


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
    """
    z = objective.design.dot(W)
    J = objective.value(W, z)
    precondition = factored = None
    for _ in range(_MAX_STEPS):
        gradient = objective.steepest(W, z)
        free = (W != 0) | (gradient != 0) | (objective.l1 == 0)
        hessian = Hessian(objective, z, free)
        if precondition is None or not np.array_equal(free, factored):
            precondition, factored = hessian.preconditioner(), free
        direction, n_iterations = hessian.solve(-gradient, precondition, tol=1e-3)
        expected = -(gradient * direction).sum()
        W_new, z_new, J_new = _line_search(objective, W, J, gradient, direction)
        if J_new is None:
            break
        last = expected <= _CONVERGED * abs(J) and np.array_equal(W_new != 0, W != 0)
        W, z, J = W_new, z_new, J_new
        if last:
            break
        if n_iterations > _MANY_ITERATIONS:
            precondition = None
    free = (W != 0) | (objective.l1 == 0)
    hessian = Hessian(objective, z, free)
    if precondition is None or not np.array_equal(free, factored):
        precondition = hessian.preconditioner()
    return Optimum(W, z, hessian, precondition)


def _line_search(objective, W, J, gradient, direction):
    """Halve a step until J decreases enough; None where it does not."""
    kinked = objective.l1 > 0
    orthant = np.where(W != 0, np.sign(W), -np.sign(gradient))
    for halvings in range(40):
        W_new = W + 0.5**halvings * direction
        if kinked.any():
            W_new = np.where(kinked & (W_new * orthant <= 0), 0.0, W_new)
        z_new = objective.design.dot(W_new)
        J_new = objective.value(W_new, z_new)
        # Below its rounding error, a change of J says nothing, and the Newton step is right.
        noise = 1e-13 * abs(J)
        if J_new <= J + 1e-4 * (gradient * (W_new - W)).sum() + noise:
            return W_new, z_new, J_new
    return W, z_new, None
