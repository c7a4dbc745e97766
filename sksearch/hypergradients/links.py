"""From what a model computes to what it predicts, and back: values and transposed derivatives.

A *raw* prediction is an array of shape (n_samples, n_outputs): one column per target, per class, or a single
one for two classes. `pull` turns the gradient of a loss with respect to predictions into the gradient with
respect to raw values. The predictions of classifiers are log-probabilities, of shape (n_samples, n_classes),
which lose nothing where a probability is close to 0.
"""

from itertools import combinations

import numpy as np
from scipy.special import expit, log_expit, logsumexp


class Identity:
    """Raw values are the predictions of a regressor."""

    probabilistic = False

    def predict(self, raw):
        return raw

    def pull(self, raw, gradient):
        return gradient


class Margin(Identity):
    """Raw values are the decision function of a classifier without probabilities.

    There is one column for two classes, positive for the second; else one per class, against the rest.
    """

    def codes(self, n_classes):
        """Return the signs that the columns should have for each class; 0 where it does not matter."""
        return np.array([[-1.0], [1.0]]) if n_classes == 2 else 2 * np.eye(n_classes) - 1


class PairMargin(Margin):
    """One column for each pair of classes, positive for the first; for two classes, for the second."""

    def codes(self, n_classes):
        if n_classes == 2:
            return super().codes(n_classes)
        pairs = combinations(range(n_classes), 2)
        return np.array([np.eye(n_classes)[i] - np.eye(n_classes)[j] for i, j in pairs]).T


class Exponential(Identity):
    """Raw values are logarithms of the predictions."""

    def predict(self, raw):
        return np.exp(raw)

    def pull(self, raw, gradient):
        return gradient * np.exp(raw)


class Sigmoid:
    """One column: the logit of the second of two classes."""

    probabilistic = True

    def predict(self, raw):
        return np.hstack([log_expit(-raw), log_expit(raw)])

    def pull(self, raw, gradient):
        return gradient[:, 1:] * expit(-raw) - gradient[:, :1] * expit(raw)


class Softmax:
    """One column per class: log-probabilities up to a constant."""

    probabilistic = True

    def predict(self, raw):
        return raw - logsumexp(raw, axis=1, keepdims=True)

    def pull(self, raw, gradient):
        return gradient - np.exp(self.predict(raw)) * gradient.sum(axis=1, keepdims=True)


class OneVsRest:
    """One column per class: its logit against all others; their probabilities are normalised."""

    probabilistic = True

    def predict(self, raw):
        log_odds = log_expit(raw)
        return log_odds - logsumexp(log_odds, axis=1, keepdims=True)

    def pull(self, raw, gradient):
        # d log sigmoid(z) = sigmoid(-z), then as for the softmax.
        share = np.exp(self.predict(raw))
        return (gradient - share * gradient.sum(axis=1, keepdims=True)) * expit(-raw)
