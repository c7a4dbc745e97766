"""What networks need: loading, schedules, diagnosis. The only place, beside hypergradients, with torch."""

from sksearch.nets.loader import InMemoryLoader
from sksearch.nets.schedule import Schedule

__all__ = ["InMemoryLoader", "Schedule"]
