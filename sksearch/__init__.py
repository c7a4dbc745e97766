"""sksearch: hyperparameter search for scikit-learn and PyTorch."""

from sksearch.bayes import BayesSearchCV
from sksearch.selection import OneStandardError

__all__ = ["BayesSearchCV", "OneStandardError"]
__version__ = "0.1.0"
