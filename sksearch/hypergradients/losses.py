"""Validation losses: what is differentiated for a given scoring.

A loss is a function ``(y, prediction, weights) -> (loss, gradient)`` of arrays of shape (n_samples,
n_outputs), with weights of shape (n_samples, 1) that sum to 1. Where the scoring itself can be
differentiated, the loss is minus the score; or 1 minus the score, of a share that is explained, so that no
loss is negative. For everything else there is a proxy: what such a model would be trained with.
"""

from functools import partial

import numpy as np
from scipy.special import xlogy
from sklearn.base import is_classifier
from sklearn.metrics import d2_absolute_error_score, get_scorer, r2_score

from sksearch._compat import _BaseScorer, _check_sample_weight, _PassthroughScorer
from sksearch.hypergradients.errors import NotDifferentiable

# -- errors of one prediction: (y, prediction) -> value, derivative ---------------------------------


def _squared(y, p):
    return (p - y) ** 2, 2 * (p - y)


def _absolute(y, p):
    return np.abs(p - y), np.sign(p - y)


def _relative(y, p):
    scale = np.maximum(np.abs(y), np.finfo(np.float64).eps)
    return np.abs(p - y) / scale, np.sign(p - y) / scale


def _squared_log(y, p):
    difference = np.log1p(p) - np.log1p(y)
    return difference**2, 2 * difference / (1 + p)


def _deviance(power, y, p):
    """Unit deviance of the Tweedie distribution (Jorgensen 1987); its derivative is 2 (p - y) / p^power."""
    derivative = 2 * (p - y) * p**-power
    if power == 0:
        return (p - y) ** 2, derivative
    if power == 1:
        return 2 * (xlogy(y, y / p) - y + p), derivative
    if power == 2:
        return 2 * (np.log(p / y) + y / p - 1), derivative
    start = np.maximum(y, 0) ** (2 - power) / ((1 - power) * (2 - power))
    return 2 * (start - y * p ** (1 - power) / (1 - power) + p ** (2 - power) / (2 - power)), derivative


# -- losses of all predictions: (y, prediction, weights) -> loss, gradient --------------------------


def mean_loss(error, y, p, w):
    """Weighted mean of an error, averaged over outputs."""
    value, derivative = error(y, p)
    w = w / y.shape[1]
    return (w * value).sum(), w * derivative


def root_mean_loss(error, y, p, w):
    """Root of the weighted mean of an error, averaged over outputs."""
    value, derivative = error(y, p)
    root = np.sqrt((w * value).sum(axis=0))
    if not root.all():
        raise NotDifferentiable("The root of an error of 0 has no derivative.")
    return root.mean(), w * derivative / (2 * root * y.shape[1])


def explained_loss(error, metric, y, p, w):
    """The share of an error that is not explained; `metric` knows that of a constant prediction."""
    value, derivative = error(y, p)
    # An error of 1 everywhere, so that the score tells its denominator.
    unexplained = 1 - metric(y, y + 1.0, sample_weight=w[:, 0], multioutput="raw_values")
    if len(y) < 2 or not (unexplained > 0).all() or not np.ptp(y, axis=0).all():
        raise NotDifferentiable("y_test is constant: the share of its variation explained is not defined.")
    w = w * unexplained / y.shape[1]
    return (w * value).sum(), w * derivative


def explained_deviance(power, y, p, w):
    """1 - D2: the share of the Tweedie deviance that is not explained."""
    value, derivative = _deviance(power, y, p)
    null = (w * _deviance(power, y, (w * y).sum(axis=0))[0]).sum()
    if not null > 0:
        raise NotDifferentiable("y_test is constant: the share of its deviance explained is not defined.")
    return (w * value).sum() / null, w * derivative / null


def log_loss(y, log_p, w):
    """Mean of minus the log-probability of the true class; from below, it is clipped as in scikit-learn."""
    lowest = np.log(np.finfo(np.float64).eps)
    return -(w * y * np.maximum(log_p, lowest)).sum(), -w * y * (log_p > lowest)


def brier_loss(y, log_p, w):
    """Mean squared error of the probabilities; half of the sum for two classes, as in scikit-learn."""
    p = np.exp(log_p)
    w = w / 2 if y.shape[1] == 2 else w
    return (w * (p - y) ** 2).sum(), 2 * w * (p - y) * p


def explained_log_loss(y, log_p, w):
    """The share of the log-loss of constant probabilities that is not explained."""
    return _explained(log_loss, y, log_p, w)


def explained_brier_loss(y, log_p, w):
    """The share of the Brier loss of constant probabilities that is not explained."""
    return _explained(brier_loss, y, log_p, w)


def _explained(loss, y, log_p, w):
    share = (w * y).sum(axis=0)
    null, _ = loss(y, np.log(np.maximum(share, np.finfo(np.float64).tiny)), w)
    if not null > 0:
        raise NotDifferentiable("y_test has one class: the share of the loss explained is not defined.")
    value, gradient = loss(y, log_p, w)
    return value / null, gradient / null


def modified_huber(y, decision, w):
    """Squared hinge that goes on linearly for margins below -1 (Zhang 2004); y is -1 or 1, or 0 for none."""
    w, margin = w * np.abs(y), y * decision
    outside = margin < -1
    hinge = np.maximum(0, 1 - margin)
    value = np.where(outside, -4 * margin, hinge**2)
    return (w * value).sum(), -w * y * np.where(outside, 4, 2 * hinge)


_LOSSES = {  # by the function behind the scorer: whether larger is better, and the loss
    "mean_squared_error": (False, partial(mean_loss, _squared)),
    "mean_absolute_error": (False, partial(mean_loss, _absolute)),
    "mean_absolute_percentage_error": (False, partial(mean_loss, _relative)),
    "mean_squared_log_error": (False, partial(mean_loss, _squared_log)),
    "root_mean_squared_error": (False, partial(root_mean_loss, _squared)),
    "root_mean_squared_log_error": (False, partial(root_mean_loss, _squared_log)),
    "mean_poisson_deviance": (False, partial(mean_loss, partial(_deviance, 1))),
    "mean_gamma_deviance": (False, partial(mean_loss, partial(_deviance, 2))),
    "r2_score": (True, partial(explained_loss, _squared, r2_score)),
    "d2_absolute_error_score": (True, partial(explained_loss, _absolute, d2_absolute_error_score)),
}
_PROBABILITY_LOSSES = {
    "log_loss": (False, log_loss),
    "brier_score_loss": (False, brier_loss),
    "d2_log_loss_score": (True, explained_log_loss),
    "d2_brier_score": (True, explained_brier_loss),
}
_GENERALIZED = {"PoissonRegressor": 1, "GammaRegressor": 2, "TweedieRegressor": None}


class ValidationLoss:
    """The loss of a fold that stands for a scoring.

    Parameters
    ----------
    estimator : estimator object
        The model, or the last step of a pipeline; not necessarily fitted.
    probabilistic : bool
        Whether the raw predictions of the model determine probabilities.
    scoring : str, callable or None
        As in ``cross_val_score``; None is the model's own ``score``.
    tuned : collection of str
        Parameters of the model that change: a score of its own may depend on them.

    Attributes
    ----------
    exact : bool
        Whether the loss is that of the scoring.
    name : str
        What it is called in messages.
    """

    def __init__(self, estimator, probabilistic, scoring, tuned):
        self._classifies = is_classifier(estimator)
        function = None
        if scoring is None or isinstance(scoring, _PassthroughScorer):
            function, found = _own_score(estimator, tuned)
        else:
            scorer = get_scorer(scoring)
            found = _of_scorer(scorer, probabilistic, self._classifies)
            if found:
                function = scorer._score_func.__name__
        self.exact = found is not None
        if found is None and self._classifies:
            function, found = ("log_loss", log_loss) if probabilistic else ("modified_huber", modified_huber)
        elif found is None:
            function, found = "mean_squared_error", partial(mean_loss, _squared)
        self.name, self._loss = function, found
        self._margin = found is modified_huber

    def __call__(self, link, raw, y, classes=None, sample_weight=None):
        """Return the loss and its gradient with respect to the raw predictions.

        Parameters
        ----------
        link : Identity, Exponential, Sigmoid, Softmax, OneVsRest or Margin
            What becomes of raw predictions.
        raw : ndarray of shape (n_samples, n_outputs)
            Raw predictions.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets or labels.
        classes : ndarray of shape (n_classes,), default=None
            The classes that a classifier knows.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Raises
        ------
        NotDifferentiable
            If the loss or a derivative is not finite, or y has a class that is not known.
        """
        weights = _check_sample_weight(sample_weight, raw, dtype=np.float64)[:, None]
        if not weights.sum() > 0:
            raise NotDifferentiable("The validation samples have a total weight of 0.")
        weights = weights / weights.sum()
        if self._classifies:
            y = one_hot(y, classes)
            if self._margin:
                y = y @ link.codes(len(classes))
        else:
            y = np.asarray(y, dtype=np.float64).reshape(raw.shape)
        with np.errstate(all="ignore"):  # what is not finite is reported below
            loss, gradient = self._loss(y, link.predict(raw), weights)
            gradient = link.pull(raw, gradient)
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            raise NotDifferentiable(f"{self.name} of the validation samples is not finite.")
        return float(loss), gradient


def one_hot(y, classes):
    """Return an array of shape (n_samples, n_classes) of 0 and 1."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    codes = np.searchsorted(classes, y)
    codes[codes == len(classes)] = 0
    if y.ndim > 1 or (classes[codes] != y).any():
        raise NotDifferentiable("y has labels that are not among the classes of the training samples.")
    return np.eye(len(classes))[codes]


def _own_score(estimator, tuned):
    if is_classifier(estimator) or "power" in tuned:
        return None, None
    name = type(estimator).__name__
    if name in _GENERALIZED:
        power = _GENERALIZED[name]
        power = estimator.power if power is None else power
        return "d2_tweedie_score", partial(explained_deviance, power)
    return "r2_score", _LOSSES["r2_score"][1]


def _of_scorer(scorer, probabilistic, classifies):
    if not isinstance(scorer, _BaseScorer):
        return None
    function, options = scorer._score_func, dict(scorer._kwargs)
    if not function.__module__.startswith("sklearn.metrics"):
        return None
    response = "predict_proba" if classifies else "predict"
    if response not in np.atleast_1d(scorer._response_method):
        return None
    table = (_PROBABILITY_LOSSES if probabilistic else {}) if classifies else _LOSSES
    positive, loss = table.get(function.__name__, (None, None))
    if not classifies and function.__name__ in ("mean_tweedie_deviance", "d2_tweedie_score"):
        power = options.pop("power", 0)
        positive = function.__name__ == "d2_tweedie_score"
        loss = (
            partial(explained_deviance, power) if positive else partial(mean_loss, partial(_deviance, power))
        )
    if loss is None or options or (scorer._sign > 0) != positive:
        return None
    return loss
