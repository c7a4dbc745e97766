"""What networks need: loading, schedules, diagnosis. The only place, beside hypergradients, with torch."""

from sksearch.nets.curves import Diagnosis, diagnose, plot_curves
from sksearch.nets.epochs import KeepHistory, without_split
from sksearch.nets.loader import InMemoryLoader
from sksearch.nets.schedule import Schedule

__all__ = [
    "Diagnosis",
    "InMemoryLoader",
    "KeepHistory",
    "Schedule",
    "diagnose",
    "plot_curves",
    "without_split",
]
