"""SVC and SVR: coefficients that are at a bound, or free; the free ones solve a linear system.

Each variable is a coefficient b_i of the decision function f, between two bounds, with a target t_i: it is
free where f(x_i) = t_i, at its upper bound where f(x_i) < t_i, and at the lower one where f(x_i) > t_i. One
bound is 0, the other C or -C. (SVC has t = y; SVR has two variables per sample, with t = y - epsilon and
t = y + epsilon.) As the sum of all b_i is 0,

    [K_FF 1; 1' 0] [b_F; b_0] = [t_F - K_FB b_B; -sum b_B]

Derivatives follow from the same system (Chapelle et al. 2002).
"""

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import linalg, sparse

from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.kernel import Kernel, KernelSolution
from sksearch.hypergradients.links import Identity, PairMargin
from sksearch.hypergradients.losses import one_hot
from sksearch.hypergradients.model import Model

# Rounds in which free variables and those at bounds change places, and in which samples are added.
_MAX_ROUNDS = 50
# What is added to the diagonal of kernel matrices, relative to its mean.
_JITTER = 1e-10
# How far f may be on the wrong side of a target.
_VIOLATION = 1e-8


@dataclass
class Box:
    """Variables of one decision function.

    Parameters
    ----------
    rows : ndarray of int of shape (n_variables,)
        The sample of each.
    bound : ndarray of shape (n_variables,)
        The bound that is not 0: C or -C, times a weight.
    target : ndarray of shape (n_variables,)
        The values of f where a variable is free.
    by_epsilon : ndarray of shape (n_variables,)
        Derivatives of the targets.
    start : ndarray of shape (n_variables,)
        Fitted coefficients.
    """

    rows: np.ndarray
    bound: np.ndarray
    target: np.ndarray
    by_epsilon: np.ndarray
    start: np.ndarray

    def take(self, kept):
        """Return the variables at some positions."""
        return Box(*(values[kept] for values in vars(self).values()))


class Machine:
    """The solution of one box for some of the samples.

    A primal active set method, which begins where the fit ended: free variables move to the solution of the
    linear system until one meets a bound; where none does, those at a bound that should leave it become
    free (Nocedal and Wright 2006, algorithm 16.3).

    Parameters
    ----------
    box : Box
        The variables; rows are those of K.
    K : ndarray of shape (n_samples, n_samples)
        The kernel matrix.
    """

    def __init__(self, box, K):
        self.box, self._n_samples = box, len(K)
        self._samples, self._rows = np.unique(box.rows, return_inverse=True)
        self._K = K[np.ix_(self._samples, self._samples)]
        # So that a linear kernel of many samples is not singular.
        self._K[np.diag_indices_from(self._K)] += _JITTER * np.trace(self._K) / len(self._K)
        sign, bound = np.sign(box.bound), np.abs(box.bound)
        size = np.minimum(sign * box.start, bound)
        at_zero, at_bound = size <= 0, size >= bound * (1 - 1e-9)
        for _ in range(_MAX_ROUNDS + len(size)):
            self.free, self._at_bound = ~(at_zero | at_bound), at_bound
            goal = self._solve()
            free, way = self.free, goal - size
            room = np.where(way < 0, size, bound - size)
            share = np.divide(room, np.abs(way), out=np.full_like(size, np.inf), where=free & (way != 0))
            if share.min() < 1:
                met = share <= share.min()
                size = np.where(free, size + share.min() * way, size)
                at_zero, at_bound = at_zero | (met & (way < 0)), at_bound | (met & (way > 0))
                continue
            size = goal
            # Positive where a coefficient should be larger in absolute value.
            lacking = sign * (box.target - self._K[self._rows] @ self._sums(self._values) - self.intercept)
            enters = (at_zero & (lacking > _VIOLATION)) | (at_bound & (lacking < -_VIOLATION))
            if not enters.any():
                return
            at_zero, at_bound = at_zero & ~enters, at_bound & ~enters
        raise NotDifferentiable("The support vectors do not settle.")

    def _solve(self):
        """Solve the system of the free variables; return the absolute values of all."""
        box, free = self.box, self.free
        if not free.any():
            raise NotDifferentiable("No support vector is free: the fit has no derivative here.")
        rows, n_free = self._rows[free], free.sum()
        matrix = np.ones((n_free + 1, n_free + 1))
        matrix[:n_free, :n_free] = self._K[np.ix_(rows, rows)]
        matrix[n_free, n_free] = 0
        values = np.where(self._at_bound, box.bound, 0)
        right = np.append(box.target[free] - self._K[rows] @ self._sums(values), -values.sum())
        with warnings.catch_warnings():
            warnings.simplefilter("error", linalg.LinAlgWarning)
            try:
                self._factor = linalg.lu_factor(matrix)
            except linalg.LinAlgWarning as error:
                raise NotDifferentiable(
                    "The kernel matrix of the free support vectors is singular."
                ) from error
        solution = linalg.lu_solve(self._factor, right)
        values[free], self.intercept = solution[:n_free], solution[n_free]
        self._values = values
        return np.sign(box.bound) * values

    def _sums(self, values):
        """Return the sum of values by sample of the machine."""
        return np.bincount(self._rows, values, minlength=len(self._K))

    def _scatter(self, values):
        """Return the sum of values by sample of all machines."""
        return np.bincount(self.box.rows, values, minlength=self._n_samples)

    @property
    def coefficients(self):
        """The coefficient of each sample."""
        return self._scatter(self._values)

    def adjoint(self, pulled, total, C):
        """Solve the transposed system.

        Parameters
        ----------
        pulled : ndarray of shape (n_samples,)
            Derivatives of the loss with respect to the coefficients.
        total : float
            Its derivative with respect to the intercept.
        C : float
            The hyperparameter.

        Returns
        -------
        v : ndarray of shape (n_samples,)
            The adjoint by sample.
        by_C, by_epsilon : float
            Derivatives of the loss.
        """
        free, pulled = self.free, pulled[self.box.rows]
        *v_free, shift = linalg.lu_solve(self._factor, np.append(pulled[free], total))
        v = np.zeros(len(free))
        v[free] = v_free
        bound = self.box.bound * self._at_bound
        by_C = bound @ (pulled - self._K[self._rows] @ self._sums(v) - shift) / C
        return self._scatter(v), by_C, v @ self.box.by_epsilon


class SVMSolution(KernelSolution):
    """One machine per column.

    Parameters
    ----------
    link : Identity or PairMargin
        What becomes of raw predictions.
    kernel : Kernel
        The kernel.
    X : {ndarray, csr_matrix} of shape (n_samples, n_features)
        Samples that may be support vectors.
    machines : list of Machine
        The machines.
    C : float
        The hyperparameter.
    by_scale : ndarray of shape (n_features,) or float
        Derivatives of gamma with respect to a scaling of features.
    """

    def __init__(self, link, kernel, X, machines, C, by_scale):
        coefficients = np.stack([machine.coefficients for machine in machines], axis=1)
        super().__init__(link, kernel, X, coefficients, np.array([machine.intercept for machine in machines]))
        self._machines, self._C, self._by_scale = machines, C, by_scale

    def adjoint(self, pulled, slope):
        columns = zip(self._machines, pulled.T, slope.sum(axis=0), strict=True)
        V, by_C, by_epsilon = zip(*(m.adjoint(p, t, self._C) for m, p, t in columns), strict=True)
        return np.stack(V, axis=1), {"C": float(sum(by_C)), "epsilon": float(sum(by_epsilon))}

    def gamma_by_scale(self):
        return self._by_scale


class SVMModel(Model):
    """What SVC and SVR have in common."""

    margin = PairMargin()

    def names(self, estimator):
        if estimator.kernel == "linear":
            return frozenset({"C"})
        return frozenset({"C", "gamma"}) if estimator.kernel in ("rbf", "poly", "sigmoid") else frozenset()

    def probabilistic(self, estimator):
        # The probabilities of SVC are those of another fit, by random folds.
        return False

    def value(self, estimator, name):
        return float(estimator._gamma) if name == "gamma" else super().value(estimator, name)

    @abstractmethod
    def boxes(self, estimator, y, weights):
        """Return one `Box` per column of the decision function."""

    def solve(self, estimator, X, y, sample_weight):
        by_scale = _gamma_by_scale(X, estimator._gamma) if estimator.gamma == "scale" else 0.0
        weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
        # Those without a weight are not counted in support_.
        X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
        kernel = Kernel(estimator.kernel, estimator._gamma, estimator.degree, estimator.coef0)
        boxes = self.boxes(estimator, y, weights)
        if not len(estimator.support_):
            raise NotDifferentiable("There are no support vectors: all samples are inside the tube.")
        # Samples beside the support vectors matter only if the polished fit says so.
        support = np.zeros(X.shape[0], dtype=bool)
        support[estimator.support_] = True
        for _ in range(_MAX_ROUNDS):
            columns = kernel.value(kernel.similarity(X, X[support]))
            numbers = np.cumsum(support) - 1
            machines, missing = [], np.zeros_like(support)
            for box in boxes:
                known = box.take(support[box.rows])
                known.rows = numbers[known.rows]
                machine = Machine(known, columns[support])
                machines.append(machine)
                values = columns @ machine.coefficients + machine.intercept
                lacking = np.sign(box.bound) * (box.target - values[box.rows]) > _VIOLATION
                missing[box.rows[lacking & ~support[box.rows]]] = True
            if not missing.any():
                link = PairMargin() if hasattr(estimator, "classes_") else Identity()
                return SVMSolution(link, kernel, X[support], machines, estimator.C, by_scale)
            support |= missing
        raise NotDifferentiable("The support vectors do not settle.")


def _gamma_by_scale(X, gamma):
    """Return the derivatives of gamma = 1 / (n_features * X.var())."""
    squares = X.multiply(X) if sparse.issparse(X) else X * X
    by_variance = np.asarray(squares.sum(axis=0) - X.mean() * X.sum(axis=0)).ravel()
    return -2 * gamma**2 * by_variance / X.shape[0]


class SVCModel(SVMModel):
    """SVC: one machine per pair of classes."""

    def precise(self, estimator):
        return super().precise(estimator) | {"decision_function_shape": "ovo"}

    def boxes(self, estimator, y, weights):
        dual = estimator.dual_coef_
        dual = dual.toarray() if sparse.issparse(dual) else dual
        members = one_hot(y, estimator.classes_).astype(bool)
        weights = weights * estimator.C * (members @ estimator.class_weight_)
        fitted = np.zeros((len(y), len(dual)))
        fitted[estimator.support_] = dual.T
        boxes = []
        for first, second in combinations(range(members.shape[1]), 2):
            rows = np.flatnonzero(members[:, first] | members[:, second])
            of_first = members[rows, first]
            sign = np.where(of_first, 1.0, -1.0)
            start = np.where(of_first, fitted[rows, second - 1], fitted[rows, first])
            if members.shape[1] == 2:
                sign = -sign
            boxes.append(Box(rows, sign * weights[rows], sign, np.zeros(len(rows)), start))
        return boxes


class SVRModel(SVMModel):
    """SVR: two variables per sample, one above the tube and one below."""

    def names(self, estimator):
        names = super().names(estimator)
        return names | {"epsilon"} if names else names

    def boxes(self, estimator, y, weights):
        dual = estimator.dual_coef_
        fitted = np.zeros(len(y))
        fitted[estimator.support_] = (dual.toarray() if sparse.issparse(dual) else dual)[0]
        sign = np.repeat([1.0, -1.0], len(y))
        both = np.tile(fitted, 2)
        return [
            Box(
                np.tile(np.arange(len(y)), 2),
                sign * np.tile(weights, 2) * estimator.C,
                np.tile(np.asarray(y, dtype=np.float64), 2) - sign * estimator.epsilon,
                -sign,
                np.where(sign * both > 0, both, 0.0),
            )
        ]


MODELS = {"sklearn.svm.SVC": SVCModel(), "sklearn.svm.SVR": SVRModel()}
