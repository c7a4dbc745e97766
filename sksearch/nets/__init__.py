"""What networks need: loading, schedules, diagnosis. The only place, beside hypergradients, with torch."""

from sksearch.nets.loader import InMemoryLoader

__all__ = ["InMemoryLoader"]
