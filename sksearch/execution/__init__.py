"""How trials are run."""

from sksearch.execution.journal import Journal
from sksearch.execution.rounds import Rounds
from sksearch.execution.stream import Stream
from sksearch.execution.trial import CrossValidation, Trial

__all__ = ["CrossValidation", "Journal", "Rounds", "Stream", "Trial"]
