"""What networks need: loading, schedules, diagnosis. The only place, beside hypergradients, with torch."""

from sksearch.nets.epochs import KeepHistory, without_split

__all__ = ["KeepHistory", "without_split"]
