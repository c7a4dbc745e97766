"""A stream: no worker waits for a round to end."""

import threading

from sksearch.execution.workers import Workers


class Stream:
    """Run the trials of a search in a stream.

    As soon as a worker is free the next fit is sent to it, and as soon as a trial is complete the optimizer
    is told. Trials that are still running count in every proposal. Where fits take unequal times this keeps
    all workers busy, at the price of reproducibility: with several workers the order in which results arrive
    is chance. With one worker the results are those of rounds of one.

    Parameters
    ----------
    fit_timeout : float, default=None
        As in :class:`Rounds`.

    Examples
    --------
    >>> from sksearch.execution import Stream
    >>> Stream(fit_timeout=60)
    Stream(fit_timeout=60)
    """

    def __init__(self, fit_timeout=None):
        self.fit_timeout = fit_timeout

    def __repr__(self):
        return f"Stream(fit_timeout={self.fit_timeout!r})"

    def run(self, study, cross_validation, *, n_jobs, pre_dispatch):
        """Run trials until the study proposes no more.

        Parameters are those of :meth:`Rounds.run`, but `pre_dispatch` is not used: joblib draws tasks as late
        as it can, since a proposal is better the more results it knows.
        """
        # joblib draws tasks in a thread of its own, while this one reports.
        lock = threading.Lock()
        errors = []

        def fits():
            try:
                while True:
                    with lock:
                        trials = study.propose(1)
                        study.report([trial for trial in trials if trial.folds])  # recalled from a journal
                    if not trials:
                        return
                    yield from cross_validation.fits(trials, study.n_iter, study.out_of_time)
            except Exception as error:  # would be lost in joblib's thread, and the search would hang
                errors.append(error)

        with Workers(n_jobs, "n_jobs", batch_size=1, fit_timeout=self.fit_timeout) as workers:
            for outcome in workers.run(fits()):
                with lock:
                    if (trial := study.receive(*outcome)) is not None:
                        study.report([trial])
        if errors:
            raise errors[0]
