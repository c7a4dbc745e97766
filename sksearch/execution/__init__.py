"""How trials are run."""

from sksearch.execution.cross_validation import CrossValidation
from sksearch.execution.journal import Journal
from sksearch.execution.resources import make_resource
from sksearch.execution.rounds import Rounds
from sksearch.execution.stream import Stream
from sksearch.execution.trial import Trial

__all__ = ["CrossValidation", "Journal", "Rounds", "Stream", "Trial", "make_resource"]
