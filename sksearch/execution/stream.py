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
        as it can, since a proposal is better the more results it knows; on a cluster of Dask, one fit ahead
        for each worker.
        """
        # joblib draws tasks in a thread of its own, while this one reports.
        lock = threading.Lock()
        errors = []
        proposed = True

        def fits():
            nonlocal proposed
            try:
                while True:
                    with lock:
                        trials = study.propose(1)
                        study.report([trial for trial in trials if not trial.running])  # journal had them
                    if not trials:
                        return
                    proposed = True
                    yield from cross_validation.fits(trials, study.n_iter, study.out_of_time)
            except Exception as error:  # would be lost in joblib's thread, and the search would hang
                errors.append(error)

        options = {"batch_size": 1, "one_by_one": True, "fit_timeout": self.fit_timeout}
        with Workers(n_jobs, "n_jobs", **options) as workers:
            cross_validation.prepare(workers)
            # Where trials have several steps, the last ones wait for each other's results.
            while proposed and not errors:
                proposed = False
                for outcome in workers.run(fits()):
                    with lock:
                        if (trial := study.receive(*outcome)) is not None:
                            study.report([trial])
        if errors:
            raise errors[0]
