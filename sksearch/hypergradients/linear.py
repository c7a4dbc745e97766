"""Linear models: ridge, lasso, logistic regression, generalized linear models, squared-hinge SVMs.

With the objective of :mod:`~sksearch.hypergradients.newton` and its gradient F(W, theta) = 0, the implicit
function theorem gives the derivative of a validation loss L (Bengio 2000):

    dL/dtheta = -<V, dF/dtheta>,    H V = dL/dW

on the weights that are not 0 (Bertrand et al. 2020). One system serves all hyperparameters. A new model is
one class that says what its estimator minimises.
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils.class_weight import compute_sample_weight

from sksearch._compat import class_weights
from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.links import Exponential, Identity, Margin, OneVsRest, Sigmoid, Softmax
from sksearch.hypergradients.losses import one_hot
from sksearch.hypergradients.model import SCALE, Model, Solution
from sksearch.hypergradients.newton import Design, Objective, polish
from sksearch.hypergradients.pointwise import (
    IdentityTweedie,
    Logistic,
    LogTweedie,
    Multinomial,
    Squared,
    SquaredHinge,
    SquaredInsensitive,
)


@dataclass
class Change:
    """How an objective changes with a hyperparameter.

    Parameters
    ----------
    c, l2, l1 : float
        Derivatives of the factor of the loss and of the penalties.
    slope : callable or None
        Derivative of the loss's slope, a function ``(z, y)``.
    """

    c: float = 0.0
    l2: float = 0.0
    l1: float = 0.0
    slope: object = None


@dataclass
class Fit:
    """What an estimator minimises: c * sum_i s_i l(z_i, y_i) + l2/2 * |W|^2 + l1 * |W|_1.

    Parameters
    ----------
    loss : Pointwise or Multinomial
        The loss l.
    y : ndarray of shape (n_samples, n_outputs)
        Targets.
    link : Identity, Exponential, Sigmoid, Softmax, OneVsRest or Margin
        What becomes of raw predictions.
    changes : dict of str to Change
        By the name of a hyperparameter.
    c, l2, l1 : float
        See above.
    s : ndarray of shape (n_samples, 1) or (n_samples, n_outputs), or None
        Weights of the samples; None if they are the user's.
    intercept_scaling : float or None
        The value of the constant feature whose weight is penalised like others; None where the intercept
        is free.
    """

    loss: object
    y: np.ndarray
    link: object
    changes: dict
    c: float = 1.0
    l2: float = 0.0
    l1: float = 0.0
    s: np.ndarray = None
    intercept_scaling: float = None


class LinearModel(Model):
    """A model with ``coef_`` and ``intercept_``. Subclasses say what is minimised."""

    @abstractmethod
    def objective(self, estimator, y, s):
        """Return the `Fit` of an estimator for targets y, and weights s of shape (n_samples, 1)."""

    def solve(self, estimator, X, y, sample_weight):
        s = np.ones((X.shape[0], 1)) if sample_weight is None else sample_weight[:, None]
        fit = self.objective(estimator, y, s)
        s = s if fit.s is None else fit.s
        intercept = bool(estimator.fit_intercept)
        design = Design(X, intercept)
        # Which rows are penalised, by l2 and by l1: features, and the intercept of some models.
        by_l2 = by_l1 = np.ones((X.shape[1], 1))
        if intercept:
            scaling = fit.intercept_scaling
            by_l2 = np.vstack([by_l2, [[scaling**-2 if scaling else 0]]])
            by_l1 = np.vstack([by_l1, [[1 / scaling if scaling else 0]]])
        objective = Objective(design, fit.loss, fit.y, fit.c * s, fit.l2 * by_l2, fit.l1 * by_l1)
        optimum = polish(objective, _weights(estimator, fit.y.shape[1], intercept))
        if not np.isfinite(optimum.W).all():
            raise NotDifferentiable(f"The weights of {type(estimator).__name__} are not finite.")
        return LinearSolution(fit, design, s, by_l2, by_l1, optimum)


class LinearSolution(Solution):
    """The optimum of a linear model."""

    def __init__(self, fit, design, s, by_l2, by_l1, optimum):
        self.link = fit.link
        self._fit, self._design, self._s = fit, design, s
        self._by_l2, self._by_l1, self._optimum = by_l2, by_l1, optimum

    def raw(self, X):
        return Design(X, self._design.intercept).dot(self._optimum.W)

    def gradient(self, X, slope, names):
        fit, W, z = self._fit, self._optimum.W, self._optimum.z
        pulled = Design(X, self._design.intercept).transposed_dot(slope)
        V = self._optimum.solve(pulled)
        u = self._design.dot(V)
        gradient = {}
        for name in names:
            if name == SCALE:
                gradient[name] = self._by_scale(W, V, u, pulled)
                continue
            change = fit.changes[name]
            penalties = change.l2 * self._by_l2 * W + change.l1 * self._by_l1 * np.sign(W)
            total = (V * penalties).sum()
            if change.c:
                total += change.c * (u * self._s * fit.loss.slope(z, fit.y)).sum()
            if change.slope is not None:
                total += fit.c * (u * self._s * change.slope(z, fit.y)).sum()
            gradient[name] = -float(total)
        return gradient

    def _by_scale(self, W, V, u, pulled):
        fit, z = self._fit, self._optimum.z
        weights = fit.c * self._s
        steep = self._design.transposed_dot(weights * fit.loss.slope(z, fit.y))
        bent = self._design.transposed_dot(weights * fit.loss.bend(z, fit.y)(u))
        by_row = (W * (pulled - bent) - V * steep).sum(axis=1)
        return by_row[:-1] if self._design.intercept else by_row


def _weights(estimator, n_outputs, intercept):
    coef = estimator.coef_.toarray() if sparse.issparse(estimator.coef_) else np.asarray(estimator.coef_)
    W = coef.reshape(n_outputs, -1).T
    if intercept:
        W = np.vstack([W, np.broadcast_to(np.ravel(estimator.intercept_), n_outputs)])
    return W.astype(np.float64)


def _column(y):
    y = np.asarray(y, dtype=np.float64)
    return y.reshape(len(y), -1)


# -- regression -------------------------------------------------------------------------------------


class RidgeModel(LinearModel):
    """Ridge."""

    def names(self, estimator):
        return frozenset() if estimator.positive else frozenset({"alpha"})

    def objective(self, estimator, y, s):
        alpha = _number(estimator, "alpha")
        return Fit(Squared(), _column(y), Identity(), {"alpha": Change(l2=1.0)}, l2=alpha)


class ElasticNetModel(LinearModel):
    """ElasticNet, and Lasso, where l1_ratio is 1."""

    fractions = frozenset({"l1_ratio"})

    def __init__(self, *names):
        self._names = frozenset(names)

    def names(self, estimator):
        return frozenset() if estimator.positive else self._names

    def objective(self, estimator, y, s):
        alpha, ratio = estimator.alpha, estimator.l1_ratio
        changes = {
            "alpha": Change(l2=1 - ratio, l1=ratio),
            "l1_ratio": Change(l2=-alpha, l1=alpha),
        }
        c, l2, l1 = 1 / s.sum(), alpha * (1 - ratio), alpha * ratio
        return Fit(Squared(), _column(y), Identity(), changes, c=c, l2=l2, l1=l1)


class TweedieModel(LinearModel):
    """Generalized linear models; a fixed power is that of the class."""

    def __init__(self, power=None):
        self._power = power

    def names(self, estimator):
        free = self._power is None and estimator.power >= 1
        return frozenset({"alpha", "power"}) if free else frozenset({"alpha"})

    def objective(self, estimator, y, s):
        power = estimator.power if self._power is None else self._power
        kind = estimator.link if self._power is None else "log"
        logarithmic = kind == "log" or (kind == "auto" and power > 0)
        loss = (LogTweedie if logarithmic else IdentityTweedie)(power)
        changes = {"alpha": Change(l2=1.0), "power": Change(slope=loss.slope_by_power)}
        link = Exponential() if logarithmic else Identity()
        return Fit(loss, _column(y), link, changes, c=1 / s.sum(), l2=estimator.alpha)

    def precise(self, estimator):
        return super().precise(estimator) | {"solver": _precise_solver(estimator)}


class LinearSVRModel(LinearModel):
    """LinearSVR with the squared loss."""

    def names(self, estimator):
        squared = estimator.loss == "squared_epsilon_insensitive"
        return frozenset({"C", "epsilon"}) if squared else frozenset()

    def objective(self, estimator, y, s):
        loss = SquaredInsensitive(estimator.epsilon)
        changes = {"C": Change(c=1.0), "epsilon": Change(slope=loss.slope_by_epsilon)}
        scaling = estimator.intercept_scaling
        return Fit(loss, _column(y), Identity(), changes, c=estimator.C, l2=1.0, intercept_scaling=scaling)


# -- classification ---------------------------------------------------------------------------------


class RidgeClassifierModel(RidgeModel):
    """RidgeClassifier: ridge regression to -1 and 1."""

    def objective(self, estimator, y, s):
        indicators = 2 * _indicators(y, estimator.classes_) - 1
        if estimator.class_weight is not None:
            s = s * compute_sample_weight(estimator.class_weight, y)[:, None]
        alpha = _number(estimator, "alpha")
        return Fit(Squared(), indicators, Margin(), {"alpha": Change(l2=1.0)}, l2=alpha, s=s)


class LogisticModel(LinearModel):
    """LogisticRegression, whatever its solver and its penalty."""

    fractions = frozenset({"l1_ratio"})

    def names(self, estimator):
        # Both values of multi_class that can be given in scikit-learn 1.6 are deprecated there.
        if self._l1_ratio(estimator) is None or getattr(estimator, "multi_class", None) in (
            "ovr",
            "multinomial",
        ):
            return frozenset()
        mixed = estimator.penalty == "elasticnet" or (
            estimator.penalty == "deprecated" and estimator.solver == "saga"
        )
        return frozenset({"C", "l1_ratio"}) if mixed else frozenset({"C"})

    @staticmethod
    def _l1_ratio(estimator):
        """Return the share of the l1 penalty; None where there is no penalty."""
        if estimator.penalty is None or np.isinf(estimator.C):
            return None
        return {"l2": 0.0, "l1": 1.0}.get(estimator.penalty, estimator.l1_ratio or 0.0)

    def objective(self, estimator, y, s):
        classes, ratio = estimator.classes_, self._l1_ratio(estimator)
        common = {
            "changes": {"C": Change(c=1.0), "l1_ratio": Change(l2=-1.0, l1=1.0)},
            "c": estimator.C,
            "l2": 1 - ratio,
            "l1": ratio,
        }
        if estimator.solver == "liblinear":
            link = Sigmoid() if len(classes) == 2 else OneVsRest()
            scaling = estimator.intercept_scaling
            indicators = _indicators(y, classes)
            s = _liblinear_weights(estimator, y, s, indicators)
            return Fit(Logistic(), indicators, link, s=s, intercept_scaling=scaling, **common)
        s = s * class_weights(estimator.class_weight, classes, y, s[:, 0])[:, None]
        if len(classes) == 2:
            return Fit(Logistic(), _indicators(y, classes), Sigmoid(), s=s, **common)
        return Fit(Multinomial(), one_hot(y, classes), Softmax(), s=s, **common)

    def precise(self, estimator):
        smooth = self._l1_ratio(estimator) == 0 and estimator.solver != "liblinear"
        return super().precise(estimator) | ({"solver": _precise_solver(estimator)} if smooth else {})


class LinearSVCModel(LinearModel):
    """LinearSVC with the squared hinge, one class against the rest."""

    def names(self, estimator):
        smooth = estimator.loss == "squared_hinge" and estimator.multi_class == "ovr"
        return frozenset({"C"}) if smooth else frozenset()

    def objective(self, estimator, y, s):
        indicators = _indicators(y, estimator.classes_)
        lasso = float(estimator.penalty == "l1")
        return Fit(
            SquaredHinge(),
            2 * indicators - 1,
            Margin(),
            {"C": Change(c=1.0)},
            c=estimator.C,
            l2=1 - lasso,
            l1=lasso,
            s=_liblinear_weights(estimator, y, s, indicators),
            intercept_scaling=estimator.intercept_scaling,
        )


def _liblinear_weights(estimator, y, s, indicators):
    """Weigh samples as liblinear does: of several classes, the rest has a weight of 1."""
    by_class = class_weights(estimator.class_weight, estimator.classes_, y, s[:, 0])[:, None]
    return s * (by_class if indicators.shape[1] == 1 else np.where(indicators > 0, by_class, 1.0))


def _precise_solver(estimator):
    # Solvers of first order end early, whatever their tolerance. Those of second order need memory.
    small = np.size(estimator.coef_) <= 1000
    return "newton-cholesky" if small else "lbfgs"


def _indicators(y, classes):
    """Return one column per class; for two classes, that of the second."""
    indicators = one_hot(y, classes)
    return indicators[:, 1:] if len(classes) == 2 else indicators


def _number(estimator, name):
    value = getattr(estimator, name)
    if np.size(value) != 1:
        raise NotDifferentiable(f"{name}={value!r} has one value per target; give one number.")
    return float(np.ravel(value)[0])


MODELS = {
    "sklearn.linear_model.Ridge": RidgeModel(),
    "sklearn.linear_model.RidgeClassifier": RidgeClassifierModel(),
    "sklearn.linear_model.Lasso": ElasticNetModel("alpha"),
    "sklearn.linear_model.ElasticNet": ElasticNetModel("alpha", "l1_ratio"),
    "sklearn.linear_model.LogisticRegression": LogisticModel(),
    "sklearn.linear_model.PoissonRegressor": TweedieModel(power=1),
    "sklearn.linear_model.GammaRegressor": TweedieModel(power=2),
    "sklearn.linear_model.TweedieRegressor": TweedieModel(),
    "sklearn.svm.LinearSVC": LinearSVCModel(),
    "sklearn.svm.LinearSVR": LinearSVRModel(),
}
