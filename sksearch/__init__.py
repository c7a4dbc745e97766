"""sksearch: hyperparameter search for scikit-learn and PyTorch."""

from sksearch.bayes import BayesSearchCV
from sksearch.genetic import GeneticSearchCV
from sksearch.gradient import GradientSearchCV
from sksearch.selection import OneStandardError

__all__ = ["BayesSearchCV", "GeneticSearchCV", "GradientSearchCV", "OneStandardError"]
__version__ = "0.1.0"
