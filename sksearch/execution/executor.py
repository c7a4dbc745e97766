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
        """Run trials; no other is proposed while those that the study has not learnt from are `enough`.

        It learns from `n_learnt` of these together, in the order of their proposal, as late as `enough` lets
        it: what it knows at a proposal does not depend on how long fits take. With an `n_learnt` of 0 it
        learns from each as soon as its results are there, in any order.
        """
        # joblib draws fits in a thread of its own, while this one takes their outcomes.
        lock = threading.Lock()
        errors = []
        over = False
        n_drawn = 0
        ahead = []  # drawn, and not learnt from
        in_vain = False  # a proposal was asked for, and nothing has been learnt since

        def learn():
            """Learn from those whose turn it is; return whether they have results."""
            nonlocal in_vain
            due = ahead[:n_learnt]
            if not due or any(trial.running for trial in due):
                return False
            del ahead[:n_learnt]
            study.report(due)
            in_vain = False
            return True

        def draw():
            nonlocal n_drawn, in_vain
            while not over:
                if not (in_vain or enough(ahead)):
                    if (trial := study.propose()) is not None:
                        n_drawn += 1
                        if n_learnt:
                            ahead.append(trial)
                        elif not trial.running:  # the journal had its results
                            study.report([trial])
                        return trial
                    in_vain = n_learnt > 0
                if not learn():
                    break
            return None

        def fits():
            try:
                while True:
                    with lock, undisturbed:
                        trial = draw()
                    if trial is None:
                        return
                    yield from cross_validation.fits(trial, study.n_iter)
            except Exception as error:  # would be lost in joblib's thread, and the search would hang
                errors.append(error)

        try:
            with interrupts_may_wait() as undisturbed, Workers(**workers_options) as workers:
                cross_validation.prepare(workers)
                while True:
                    n_before = n_drawn
                    for outcome in workers.run(fits()):
                        with lock, undisturbed:
                            trial = study.receive(*outcome)
                            if not n_learnt and trial is not None:
                                study.report([trial])
                    if errors:
                        raise errors[0]
                    if n_drawn == n_before:
                        return
        finally:
            with lock:  # a proposal may still be in the making
                over = True
