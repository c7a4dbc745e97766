"""What every family of models answers: which parameters, what optimum, which derivatives."""

from abc import ABC, abstractmethod

from sksearch.hypergradients.links import Margin

# The name under which a solution gives the derivative with respect to a scaling of every feature.
SCALE = "scale"


class Model(ABC):
    """The rules of one class of estimators. An entry of a registry is an instance."""

    #: Parameters between 0 and 1; all others are positive.
    fractions = frozenset()
    #: What the columns of the decision function of a classifier without probabilities are.
    margin = Margin()

    @abstractmethod
    def names(self, estimator):
        """Return the parameters of an estimator, in its configuration, that can be differentiated."""

    def scalable(self, estimator):
        """Return whether the derivative with respect to a scaling of the features is known."""
        return bool(self.names(estimator))

    def probabilistic(self, estimator):
        """Return whether raw predictions determine probabilities."""
        return hasattr(estimator, "predict_proba")

    def value(self, estimator, name):
        """Return the value of a parameter of a fitted estimator, as a number."""
        value = getattr(estimator, name)
        return 0.0 if value is None else float(value)

    def precise(self, estimator):
        """Return parameters with which an estimator converges to its optimum."""
        given = estimator.get_params(deep=False)
        params = {}
        if "tol" in given:
            params["tol"] = 1e-4 * estimator.tol
        if given.get("max_iter", -1) not in (None, -1):
            params["max_iter"] = 2 * estimator.max_iter
        return params

    @abstractmethod
    def solve(self, estimator, X, y, sample_weight):
        """Return the `Solution` that a fitted estimator approximates.

        Parameters
        ----------
        estimator : estimator object
            Fitted to the data that follow.
        X : {ndarray, csr_matrix} of float64 of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : ndarray of float64 of shape (n_samples,) or None
            Weights of the samples in the fit.

        Raises
        ------
        NotDifferentiable
            If this fit has no derivative.
        """


class Solution(ABC):
    """A fitted model, as a function of its hyperparameters.

    Attributes
    ----------
    link : Identity, Exponential, Sigmoid, Softmax, OneVsRest or Margin
        What becomes of raw predictions.
    """

    @abstractmethod
    def raw(self, X):
        """Return the raw predictions, of shape (n_samples, n_outputs)."""

    @abstractmethod
    def gradient(self, X, slope, names):
        """Return the derivatives of a loss of the raw predictions.

        Parameters
        ----------
        X : {ndarray, csr_matrix} of float64 of shape (n_samples, n_features)
            Validation samples.
        slope : ndarray of shape (n_samples, n_outputs)
            Derivative of the loss with respect to ``raw(X)``.
        names : collection of str
            Parameters, and perhaps `SCALE`: features of training and validation samples are multiplied
            by exp(t); the derivative is that at t = 0.

        Returns
        -------
        gradient : dict of str to float or ndarray of shape (n_features,)
            One entry per name, in natural units.
        """
