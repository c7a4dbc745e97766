"""Second derivatives of the objective of a linear model, and systems with them.

Systems are solved by conjugate gradients. The preconditioner has one block per output, of second derivatives
at some earlier weights: a Cholesky factor, which is exact there unless the loss couples outputs.
"""

import numpy as np
from scipy import linalg

# Outputs with more free weights than this have a diagonal preconditioner.
_MAX_FACTORED = 2000


class Hessian:
    """The second derivatives of an objective with respect to its weights.

    Parameters
    ----------
    objective : Objective
        What is differentiated.
    z : ndarray of shape (n_samples, n_outputs)
        Raw predictions of the training samples.
    """

    def __init__(self, objective, z):
        self._objective, self._bend = objective, objective.loss.bend(z, objective.y)

    def dot(self, V):
        """Return the product with V, of shape (n_weights, n_outputs)."""
        o = self._objective
        return o.design.transposed_dot(o.weights * self._bend(o.design.dot(V))) + o.l2 * V

    def solve(self, B, free, precondition, tol):
        """Solve H V = B for the weights that are free.

        Parameters
        ----------
        B : ndarray of shape (n_weights, n_outputs)
            Right-hand side.
        free : ndarray of bool of shape (n_weights, n_outputs)
            The weights that are free; V is 0 for others.
        precondition : callable
            The product with an approximate inverse.
        tol : float
            Size of the residual, relative to B, in the norm of the preconditioner.

        Returns
        -------
        V : ndarray of shape (n_weights, n_outputs)
            The solution; where H is not positive definite, at least a direction with V' B > 0.
        n_iterations : int
            Products with H.
        """
        R = free * B
        V = np.zeros_like(R)
        D = Z = precondition(R)
        rho = (R * Z).sum()
        goal = tol**2 * rho
        limit = 10 * R.size + 10
        for iteration in range(limit):
            if not rho > goal:
                return V, iteration
            HD = free * self.dot(D)
            bend = (D * HD).sum()
            if not bend > 0:
                return (V if iteration else Z), iteration
            step = rho / bend
            V = V + step * D
            R = R - step * HD
            Z = precondition(R)
            rho, previous = (R * Z).sum(), rho
            D = Z + (rho / previous) * D
        return V, limit


class Preconditioner:
    """Approximate inverses of a Hessian and of its parts.

    Parameters
    ----------
    objective : Objective
        What is differentiated.
    z : ndarray of shape (n_samples, n_outputs)
        Raw predictions of the training samples.
    free : ndarray of bool of shape (n_weights, n_outputs)
        The weights of which parts may be asked for.
    """

    def __init__(self, objective, z, free):
        self._objective, self._free = objective, free
        curvature = objective.weights * objective.loss.curvature(z, objective.y)
        self._blocks = []  # columns that have the same block, its rows, and its matrix or diagonal
        for k in range(z.shape[1]):
            h = curvature[:, k]
            if k and np.array_equal(h, curvature[:, k - 1]) and np.array_equal(free[:, k], free[:, k - 1]):
                self._blocks[-1][0].append(k)
            else:
                rows = np.flatnonzero(free[:, k])
                self._blocks.append(([k], rows, self._block(h, rows)))

    def covers(self, free):
        """Return whether there is an inverse for these weights."""
        return not (free & ~self._free).any()

    def inverse(self, free):
        """Return a function that multiplies with the approximate inverse of the part of some weights."""
        parts = []
        for columns, rows, block in self._blocks:
            alike = {}
            for k in columns:
                kept = free[rows, k]
                alike.setdefault(kept.tobytes(), ([], kept))[0].append(k)
            parts += [(np.ix_(rows[kept], same), _solver(block, kept)) for same, kept in alike.values()]

        def apply(R):
            out = np.zeros_like(R)
            for index, solve in parts:
                out[index] = solve(R[index])
            return out

        return self._within_classes(apply, free) if self._objective.loss.shift_invariant else apply

    def _block(self, h, rows):
        o = self._objective
        l2 = o.l2[rows, 0]
        if len(rows) > _MAX_FACTORED:
            return np.maximum(o.design.squares(h)[rows] + l2, np.finfo(np.float64).tiny)
        matrix = o.design.gram(h, rows)
        matrix[np.diag_indices_from(matrix)] += l2
        return matrix

    def _within_classes(self, apply, free):
        """Separate what moves all classes alike, where blocks are far from the Hessian: it is the penalty."""
        whole = free.all(axis=1, keepdims=True)
        l2 = self._objective.l2
        inverse = np.divide(1, l2, out=np.zeros_like(l2), where=l2 > 0)

        def common(R):
            return np.where(whole, R.mean(axis=1, keepdims=True), 0)

        def both(R):
            shift = common(R)
            Z = apply(R - shift)
            return Z - common(Z) + inverse * shift

        return both


def _solver(block, kept):
    """Return a function that solves with the kept rows of a matrix, or of a diagonal."""
    if block.ndim == 1:
        diagonal = block[kept][:, None]
        return lambda R: R / diagonal
    matrix = block if kept.all() else block[np.ix_(kept, kept)]
    try:
        factor = linalg.cho_factor(matrix, lower=True, check_finite=False)
        return lambda R: linalg.cho_solve(factor, R, check_finite=False)
    except linalg.LinAlgError:
        # Singular, or not convex far from the optimum: no direction is lost, and each goes downhill.
        values, vectors = linalg.eigh(matrix)
        values = np.abs(values)
        large = values > values.max() * len(values) * np.finfo(np.float64).eps
        vectors = vectors[:, large] / np.sqrt(values[large])
        return lambda R: vectors @ (vectors.T @ R)
