"""sksearch: hyperparameter search for scikit-learn and PyTorch."""

from sksearch.bayes import BayesSearchCV
from sksearch.genetic import GeneticSearchCV

__all__ = ["BayesSearchCV", "GeneticSearchCV"]
__version__ = "0.1.0"
