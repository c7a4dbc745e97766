"""What networks need: loading, schedules, diagnosis. The only place with torch."""

from sksearch.nets.curves import Diagnosis, diagnose, plot_curves
from sksearch.nets.decay import Decay
from sksearch.nets.epochs import KeepHistory, without_split
from sksearch.nets.loader import InMemoryLoader
from sksearch.nets.loss_weights import LossWeights, uniform_cross_entropy
from sksearch.nets.one_pass import OnePass
from sksearch.nets.schedule import Schedule

__all__ = [
    "Decay",
    "Diagnosis",
    "InMemoryLoader",
    "KeepHistory",
    "LossWeights",
    "OnePass",
    "Schedule",
    "diagnose",
    "plot_curves",
    "uniform_cross_entropy",
    "without_split",
]
