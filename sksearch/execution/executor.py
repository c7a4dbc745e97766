"""What all ways of running trials share."""

import threading
from abc import ABC, abstractmethod

from sksearch.execution.interrupts import interrupts_may_wait
from sksearch.execution.workers import Workers


class Executor(ABC):
    """Draws trials from a study as workers become free, and tells it what became of them.

    The base class of :class:`Rounds` and :class:`Stream`, which differ in what the study has learnt when it
    proposes a trial.
    """

    @abstractmethod
    def run(self, study, cross_validation, *, n_jobs, pre_dispatch):
        """Run trials until the study proposes no more.

        Parameters
        ----------
        study : object
            ``propose()`` gives a trial whose next step is to be run, or None if there is none for now;
            ``receive(*outcome)`` takes the outcome of one fit, and returns the trial whose step it ends;
            ``report(trials)`` says which of them to learn from.
        cross_validation : CrossValidation
            What is run for a trial.
        n_jobs, pre_dispatch : int or None, int or str
            As in ``joblib.Parallel``.
        """

    def _run(self, study, cross_validation, workers_options, enough, n_learnt):
        """Run trials; see `_Course` for the last two, which are what executors differ in."""
        with interrupts_may_wait() as undisturbed, Workers(**workers_options) as workers:
            course = _Course(study, cross_validation, enough, n_learnt, undisturbed)
            try:
                if not course.begins():  # the journal has all of it
                    return
                cross_validation.prepare(workers)
                while course.goes_on():
                    for outcome in workers.run(course.fits()):
                        course.receive(outcome)
            finally:
                course.end()


class _Course:
    """The course of a search: trials are drawn as workers become free, and learnt from as they end.

    joblib draws fits in a thread of its own, while another one takes their outcomes.

    Parameters
    ----------
    study : object
        See `Executor.run`.
    cross_validation : CrossValidation
        What is run for a trial.
    enough : callable
        No trial is proposed while this is true of the list of those that were not learnt from.
    n_learnt : int
        How many of these are learnt from together, in the order of their proposal, as late as `enough` lets
        them: what is known at a proposal does not depend on how long fits take. With 0 each is learnt from as
        soon as its results are there, in any order.
    undisturbed : context manager
        Within it, an interrupt waits.
    """

    def __init__(self, study, cross_validation, enough, n_learnt, undisturbed):
        self._study = study
        self._cross_validation = cross_validation
        self._enough = enough
        self._n_learnt = n_learnt
        self._undisturbed = undisturbed
        self._lock = threading.Lock()
        self._first = None  # the first trial that is to be run, until it is
        self._ahead = []  # drawn, and not learnt from
        self._in_vain = False  # a proposal was asked for, and nothing has been learnt since
        self._over = False
        self._error = None
        self._n_run, self._n_run_before = 0, -1

    def begins(self):
        """Draw trials until one is to be run; return whether there is one."""
        while (trial := self._draw()) is not None and not trial.running:
            pass
        self._first = trial
        return trial is not None

    def goes_on(self):
        """Whether any trial was run, or recalled, since this was asked last."""
        if self._error is not None:
            raise self._error
        n_before, self._n_run_before = self._n_run_before, self._n_run
        return self._n_run > n_before

    def fits(self):
        """Iterate over the fits of trials, which are drawn one by one as their turn comes."""
        try:
            for trial in self._trials():
                self._n_run += 1
                yield from self._cross_validation.fits(trial, self._study.n_iter)
        except Exception as error:  # would be lost in joblib's thread, and the search would hang
            self._error = error

    def receive(self, outcome):
        """Take the outcome of one fit."""
        with self._lock, self._undisturbed:
            trial = self._study.receive(*outcome)
            if self._n_learnt == 0 and trial is not None:
                self._study.report([trial])

    def end(self):
        """Draw no more, also where an error or an interrupt left joblib's thread about to."""
        with self._lock:
            self._over = True

    def _trials(self):
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from iter(self._draw, None)

    def _draw(self):
        with self._lock, self._undisturbed:
            while not self._over:
                if not (self._in_vain or self._enough(self._ahead)):
                    if (trial := self._study.propose()) is not None:
                        if self._n_learnt:
                            self._ahead.append(trial)
                        elif not trial.running:  # the journal had its results
                            self._study.report([trial])
                        return trial
                    self._in_vain = self._n_learnt > 0
                if not self._learn():
                    break
            return None

    def _learn(self):
        """Learn from those whose turn it is; return whether they have results."""
        due = self._ahead[: self._n_learnt]
        if not due or any(trial.running for trial in due):
            return False
        del self._ahead[: self._n_learnt]
        self._study.report(due)
        self._in_vain = False
        return True
