"""sksearch: hyperparameter search for scikit-learn and PyTorch."""

from sksearch.bayes import BayesSearchCV

__all__ = ["BayesSearchCV"]
__version__ = "0.1.0"
