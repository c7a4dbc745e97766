"""The derivative of the validation loss of one fold with respect to hyperparameters."""

import warnings

import numpy as np
from scipy.sparse import diags, issparse
from sklearn.base import TransformerMixin, clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, get_tags

from sksearch._compat import _check_sample_weight, without_callbacks
from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.links import Identity, Softmax
from sksearch.hypergradients.losses import ValidationLoss
from sksearch.hypergradients.model import SCALE
from sksearch.hypergradients.registry import differentiable, find_model, front_of, split_pipeline

# How far the run-time check moves hyperparameters, in units of their logarithms, and the error after which it
# tries the next: a shorter step may stay clear of a kink, a longer one of rounding errors.
_STEPS = (1e-2, 1e-3, 1e-4)
_FINE = 0.02
# A derivative that is smaller than this part of the loss counts as that; and what differences have to say for
# it not to be so small.
_NEGLIGIBLE = 1e-4
_SMALL = 1e-2

# Most that two computations of a feature differ by, relative to the largest of its values.
_SAME_FEATURE = 1e-3


class Hypergradient:
    """The loss of a fitted fold on its validation samples, and its gradient.

    What is differentiated is a *polished* fit: the optimum that Newton steps reach from the fitted weights.
    At usual tolerances, fitted weights are too far from it for derivatives. The fitted estimator itself is
    left alone.

    Parameters
    ----------
    estimator : estimator object
        The model, or a pipeline that ends in one, in the configuration to be fitted.
    names : collection of str
        What to differentiate by, out of :func:`differentiable`.
    scoring : str, callable or None
        One scoring, as in ``cross_val_score``. Log-loss, Brier score, squared and absolute errors, deviances,
        r2 and the other shares explained are differentiated themselves. Anything else has a proxy:
        log-loss, or squared error, or the modified Huber loss of the decision function where a classifier
        has no probabilities.

    Attributes
    ----------
    exact : bool
        Whether the loss is minus the score (1 minus it, for r2 and other shares), rather than a proxy.
    loss_name : str
        What the loss is called.

    Raises
    ------
    ValueError
        If a name is not one of ``differentiable(estimator)``.

    References
    ----------
    Bengio (2000), "Gradient-based optimization of hyperparameters". Pedregosa (2016), "Hyperparameter
    optimization with approximate gradient".

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksearch.hypergradients import Hypergradient
    >>> X, y = load_diabetes(return_X_y=True)
    >>> hypergradient = Hypergradient(Ridge(), ["alpha"], "r2")
    >>> ridge = Ridge(alpha=1.0).fit(X[:300], y[:300])
    >>> loss, gradient = hypergradient(ridge, X[:300], y[:300], X[300:], y[300:])
    >>> print(f"r2 = {1 - loss:.3f}, by alpha: {-gradient['alpha']:.3f}")
    r2 = 0.437, by alpha: -0.093
    """

    def __init__(self, estimator, names, scoring):
        self._last, self._prefix, self._scaler = split_pipeline(estimator)
        self.names = tuple(names)
        valid = differentiable(estimator)
        for name in self.names:
            if name not in valid:
                raise ValueError(
                    f"{name!r} of {type(estimator).__name__} can not be differentiated; "
                    f"those that can are {sorted(valid)}."
                )
        self._last = clone(self._last)
        tuned = [self._inner(name) for name in self.names]
        self._loss = ValidationLoss(self._last, self._model.probabilistic(self._last), scoring, tuned)

    @property
    def exact(self):
        """Whether the loss is that of the scoring."""
        return self._loss.exact

    @property
    def loss_name(self):
        """What the loss is called."""
        return self._loss.name

    @property
    def _model(self):
        return find_model(self._last)

    def __call__(self, fitted, X_train, y_train, X_test, y_test, sample_weight=None, score_weight=None):
        """Return the loss of a fold, and its gradient.

        Parameters
        ----------
        fitted : estimator object
            Like the estimator of the constructor, fitted to the training samples.
        X_train, y_train : array-like of shape (n_train, n_features), (n_train,) or (n_train, n_outputs)
            Training samples of the fold.
        X_test, y_test : array-like of shape (n_test, n_features), (n_test,) or (n_test, n_outputs)
            Its validation samples.
        sample_weight : array-like of shape (n_train,), default=None
            Weights that the last step was fitted with.
        score_weight : array-like of shape (n_test,), default=None
            Weights that the scorer gets.

        Returns
        -------
        loss : float
            Smaller is better.
        gradient : dict of str to float or ndarray of shape (n_features,) or (n_groups,)
            Derivatives by name, in natural units: dL/dC, not dL/dlog C. Those by the `scale` of a
            FeatureScaler are arrays, also where that is one number for all columns.

        Raises
        ------
        NotDifferentiable
            If this very fit has no usable derivative; the message says why.
        """
        last, *fold = self._fold(fitted, X_train, y_train, X_test, y_test, sample_weight, score_weight)
        loss, gradient = self._differentiate(last, *fold)
        if self._scaler in gradient:
            step = fitted.named_steps[self._scaler.removesuffix(f"__{SCALE}")]
            gradient[self._scaler] = step.scale_gradient(gradient[self._scaler])
        return loss, gradient

    def disagreement(self, fitted, X_train, y_train, X_test, y_test, sample_weight=None, score_weight=None):
        """Compare the gradient with a finite difference of fits along its direction.

        Two clones of the last step are fitted with hyperparameters moved by 0.01 log-units (fractions by as
        much of the distance to 0 or 1) both ways. They are fitted by the estimator alone, to a small
        tolerance, and polished only if they do not converge: what the estimator minimises is checked, too.
        Where that disagrees, there may be a kink, and steps of 0.001 and 0.0001 are tried.

        Parameters
        ----------
        fitted, X_train, y_train, X_test, y_test, sample_weight, score_weight
            As for a call.

        Returns
        -------
        error : float
            Relative error of the directional derivative. Below 0.05, all is well; 1 is a wrong formula. A
            derivative below 1e-4 of the loss per log-unit counts as that, since fits are no better.

        Raises
        ------
        NotDifferentiable
            As for a call.
        """
        last, *fold = self._fold(fitted, X_train, y_train, X_test, y_test, sample_weight, score_weight)
        loss, gradient = self._differentiate(last, *fold)
        values = {
            name: self._model.value(last, self._inner(name)) for name in self.names if name != self._scaler
        }
        units = {name: self._unit(name, value) for name, value in values.items()}
        slopes = {name: gradient[name] * units.get(name, 1.0) for name in self.names}
        norm = np.sqrt(sum(np.sum(np.square(slope)) for slope in slopes.values()))
        if norm == 0:
            return 0.0
        errors, differences = [], []
        for step in _STEPS:
            losses = []
            for signed in (step, -step):
                moves = {name: signed * slope / norm for name, slope in slopes.items()}
                params = {
                    self._inner(name): value + units[name] * moves[name] for name, value in values.items()
                }
                factors = np.exp(moves[self._scaler]) if self._scaler in moves else None
                losses.append(self._refit(last, params, factors, *fold))
            slope = (losses[0] - losses[1]) / (2 * step)
            differences.append(slope)
            errors.append(abs(slope - norm) / max(norm, abs(slope), _NEGLIGIBLE * abs(loss)))
            if errors[-1] < _FINE:
                break
        # Where a derivative is all but 0, small differences are the noise of fits, and so are large ones that
        # grow as steps get smaller; about a wrong one all say the same.
        if norm < _NEGLIGIBLE * abs(loss):
            largest = np.abs(differences[:2]).max()
            if abs(differences[0]) < _SMALL * abs(loss) or np.ptp(differences[:2]) > 0.5 * largest:
                return 0.0
        return float(min(errors))

    def _inner(self, name):
        return name.removeprefix(self._prefix)

    def _unit(self, name, value):
        return min(value, 1 - value) if self._inner(name) in self._model.fractions else abs(value)

    def _refit(self, last, params, factors, X_train, y_train, X_test, y_test, sample_weight, score_weight):
        """Return the loss of the last step by its own means, fitted with other parameters."""
        if factors is None:
            X_train = _copied(X_train)
        else:
            X_train, X_test = (X @ diags(factors) if issparse(X) else X * factors for X in (X_train, X_test))
        model = without_callbacks(clone(last)).set_params(**self._model.precise(last)).set_params(**params)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X_train, y_train, **weights)
        if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
            # How far it came is nothing to compare with.
            return self._solve(model, X_train, y_train, X_test, y_test, sample_weight, score_weight)[1]
        if not is_classifier(model):
            link, raw = Identity(), model.predict(X_test)
        elif self._model.probabilistic(model):
            link, raw = Softmax(), model.predict_log_proba(X_test)
        else:
            link, raw = self._model.margin, model.decision_function(X_test)
        raw = np.asarray(raw, dtype=np.float64).reshape(X_test.shape[0], -1)
        return self._loss(link, raw, y_test, getattr(model, "classes_", None), score_weight)[0]

    def _fold(self, fitted, X_train, y_train, X_test, y_test, sample_weight, score_weight):
        """Return the last step and what it sees: features in double precision, the rest as arrays."""
        last = fitted
        if isinstance(fitted, Pipeline):
            last = fitted.steps[-1][1]
            for _, step in front_of(fitted):
                X_train, X_test = _as_trained(step, X_train, y_train), step.transform(_copied(X_test))
        X_train, X_test = (check_array(X, accept_sparse="csr", dtype=np.float64) for X in (X_train, X_test))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X_train, dtype=np.float64)
        y_train, y_test = np.asarray(y_train), np.asarray(y_test)
        if not get_tags(last).target_tags.multi_output:  # a column, which it makes a vector of
            y_train, y_test = (y.ravel() if y.shape[1:] == (1,) else y for y in (y_train, y_test))
        return last, X_train, y_train, X_test, y_test, sample_weight, score_weight

    def _solve(self, last, X_train, y_train, X_test, y_test, sample_weight, score_weight):
        """Return the solution, its loss, and the slope of the loss."""
        solution = self._model.solve(last, X_train, y_train, sample_weight)
        classes = getattr(last, "classes_", None)
        loss, slope = self._loss(solution.link, solution.raw(X_test), y_test, classes, score_weight)
        return solution, loss, slope

    def _differentiate(self, last, *fold):
        """Return the loss, and its gradient: of feature scales, by the logarithms of the factors."""
        solution, loss, slope = self._solve(last, *fold)
        X_test = fold[2]
        inner = {name: SCALE if name == self._scaler else self._inner(name) for name in self.names}
        found = solution.gradient(X_test, slope, set(inner.values()))
        gradient = {name: found[inner[name]] for name in self.names}
        for name, value in gradient.items():
            if not np.isfinite(value).all():
                raise NotDifferentiable(f"The derivative with respect to {name} is not finite.")
        return loss, gradient


def _as_trained(step, X, y):
    """Return what a fitted step of a pipeline made of its training samples.

    That is what it transforms them to, but for some that have a ``fit_transform`` of their own: a
    TargetEncoder encodes each sample by the targets of others.

    Raises
    ------
    NotDifferentiable
        If it can not be known: the step is random and has no seed, or was fitted with more than this.
    """
    transformed = step.transform(_copied(X))
    if getattr(type(step), "fit_transform", None) in (None, TransformerMixin.fit_transform):
        return transformed
    again = clone(step)
    trained = again.fit_transform(_copied(X), y)
    if _alike(trained, again_transformed := again.transform(_copied(X))):
        return transformed
    if _alike(again_transformed, transformed) and _alike(trained, clone(step).fit_transform(_copied(X), y)):
        return trained
    raise NotDifferentiable(f"{type(step).__name__} is random: give it an integer as random_state.")


def _copied(X):
    """Copy features for a step or a fit, which may work in place."""
    return X.copy() if hasattr(X, "copy") else X


def _alike(A, B):
    """Whether features are the same, but for what solvers leave to their tolerances."""
    if issparse(A) and issparse(B):  # which may be too large for an array
        return A.shape == B.shape and abs(A - B).max() <= _SAME_FEATURE * abs(B).max()
    A, B = (X.toarray() if issparse(X) else np.asarray(X) for X in (A, B))
    if A.shape != B.shape:
        return False
    if A.dtype.kind not in "iuf" or B.dtype.kind not in "iuf":
        return bool(np.all((A == B) | ((A != A) & (B != B))))  # NaN differs from itself
    largest = np.max(np.abs(B), axis=0, initial=0.0, where=np.isfinite(B))
    return bool(np.isclose(A, B, rtol=0.0, atol=_SAME_FEATURE * largest, equal_nan=True).all())
