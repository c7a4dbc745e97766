"""Search algorithms: ask and tell over encoded points, NumPy in and NumPy out."""

from sksearch.optimizers.base import Optimizer
from sksearch.optimizers.bayesian import BayesianOptimizer
from sksearch.optimizers.descent import DescentOptimizer
from sksearch.optimizers.evolution import EvolutionOptimizer
from sksearch.optimizers.random import RandomOptimizer
from sksearch.optimizers.ray import RayOptimizer

__all__ = [
    "BayesianOptimizer",
    "DescentOptimizer",
    "EvolutionOptimizer",
    "Optimizer",
    "RandomOptimizer",
    "RayOptimizer",
]
