"""The engine of `BayesSearchCV` with an optimizer that takes no time and learns nothing."""

from sksearch import BayesSearchCV
from sksearch.optimizers import RandomOptimizer


class QuasiRandomSearchCV(BayesSearchCV):
    """The same search by the points of a Sobol sequence."""

    def _make_optimizer(self, space, rng, measure):
        return RandomOptimizer(space, rng)
