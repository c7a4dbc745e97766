"""A stream: no worker waits for a round to end."""

import threading

from sklearn.utils.parallel import Parallel


class Stream:
    """Run the trials of a search in a stream.

    As soon as a worker is free the next fit is sent to it, and as soon as a trial is complete the optimizer
    is told. Trials that are still running count in every proposal. Where fits take unequal times this keeps
    all workers busy, at the price of reproducibility: with several workers the order in which results arrive
    is chance. With one worker the results are those of rounds of one.

    Examples
    --------
    >>> from sksearch.execution import Stream
    >>> Stream()
    Stream()
    """

    def __repr__(self):
        return "Stream()"

    def run(self, study, cross_validation, *, n_jobs, pre_dispatch):
        """Run trials until the study proposes no more.

        Parameters are those of :meth:`Rounds.run`, but `pre_dispatch` is not used: joblib draws tasks as late
        as it can, since a proposal is better the more results it knows.
        """
        parallel = Parallel(
            n_jobs=n_jobs, pre_dispatch="n_jobs", batch_size=1, return_as="generator_unordered"
        )
        # joblib draws tasks in a thread of its own, while this one reports.
        lock = threading.Lock()
        errors = []

        def tasks():
            try:
                while True:
                    with lock:
                        trials = study.propose(1)
                        study.report([trial for trial in trials if trial.folds])  # recalled from a journal
                    if not trials:
                        return
                    yield from cross_validation.tasks(trials, study.n_iter, study.out_of_time)
            except Exception as error:  # would be lost in joblib's thread, and the search would hang
                errors.append(error)

        for outcome in parallel(tasks()):
            with lock:
                if (trial := study.receive(*outcome)) is not None:
                    study.report([trial])
        if errors:
            raise errors[0]
