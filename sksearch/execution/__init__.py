"""How trials are run."""

from sksearch.execution.rounds import Rounds
from sksearch.execution.stream import Stream
from sksearch.execution.trial import CrossValidation, Trial

__all__ = ["CrossValidation", "Rounds", "Stream", "Trial"]
