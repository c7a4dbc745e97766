"""What all ways of running trials share."""

import threading
from abc import ABC, abstractmethod

from sksearch.execution.interrupts import interrupts_may_wait
from sksearch.execution.workers import Workers


class Executor(ABC):
    """Draws trials from a study as workers become free, and tells it what became of them.

    The base class of :class:`Rounds` and :class:`Stream`, which differ in how many trials are drawn before
    the study learns from them.
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

    def _run(self, study, cross_validation, workers_options, n_points, at_once):
        """Run trials, `n_points` between two looks at the results, or learn `at_once` from each."""
        # joblib draws fits in a thread of its own, while this one takes their outcomes.
        lock = threading.Lock()
        errors = []
        over = False

        def fits(drawn):
            try:
                while len(drawn) < n_points:
                    with lock, undisturbed:
                        if over or (trial := study.propose()) is None:
                            return
                        drawn.append(trial)
                        if at_once and not trial.running:  # the journal had its results
                            study.report([trial])
                    yield from cross_validation.fits(trial, study.n_iter)
            except Exception as error:  # would be lost in joblib's thread, and the search would hang
                errors.append(error)

        try:
            with interrupts_may_wait() as undisturbed, Workers(**workers_options) as workers:
                cross_validation.prepare(workers)
                while True:
                    drawn = []
                    for outcome in workers.run(fits(drawn)):
                        with lock, undisturbed:
                            trial = study.receive(*outcome)
                            if at_once and trial is not None:
                                study.report([trial])
                    if errors:
                        raise errors[0]
                    if not drawn:
                        return
                    if not at_once:
                        with undisturbed:
                            study.report(drawn)
        finally:
            with lock:  # a proposal may still be in the making
                over = True
