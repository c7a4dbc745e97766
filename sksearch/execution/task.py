"""What workers run."""

from abc import ABC, abstractmethod


class Task(ABC):
    """A piece of work on one fold, ready to be run in any process.

    The base class of `Fit` and `FrontFit`: what `Workers` have to know of either.

    Attributes
    ----------
    number : int
        Of the trial, -1 if it belongs to none.
    fold : int
        Which fold.
    shared : dict
        Arguments that are the same objects in many tasks: data, folds. They are not pickled with it, so that
        who sends it can send them once.
    raises : bool
        Whether errors are raised rather than recorded.
    """

    number: int
    raises = False

    def __getstate__(self):
        return {**vars(self), "shared": None}

    @abstractmethod
    def run(self):
        """Return the trial's number, the fold, the result, a dict, and seconds."""

    @abstractmethod
    def failure(self, reason):
        """Return the result of a task that was not run to its end, for this reason."""
