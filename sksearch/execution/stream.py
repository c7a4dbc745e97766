"""A stream: no worker waits for a round to end."""

from sksearch.execution.executor import Executor


class Stream(Executor):
    """Run the trials of a search in a stream.

    As soon as a worker is free the next fit is sent to it, and as soon as a trial is complete the optimizer
    is told. Trials that are still running count in every proposal. Where fits take unequal times this keeps
    all workers busy, at the price of reproducibility: with several workers the order in which results arrive
    is chance. With one worker the results are those of rounds of one.

    Parameters
    ----------
    fit_timeout : float, default=None
        As in :class:`Rounds`.
    devices : list of str, default=None
        As in :class:`Rounds`.

    Examples
    --------
    >>> from sksearch.execution import Stream
    >>> Stream(fit_timeout=60)
    Stream(fit_timeout=60, devices=None)
    """

    def __init__(self, fit_timeout=None, devices=None):
        self.fit_timeout = fit_timeout
        self.devices = devices

    def __repr__(self):
        return f"Stream(fit_timeout={self.fit_timeout!r}, devices={self.devices!r})"

    def run(self, study, cross_validation, *, n_jobs, pre_dispatch):
        environment, estimator = cross_validation.environment, cross_validation.estimator
        with environment.open(estimator, n_jobs, self.devices) as n_jobs:
            # One fit ahead for each worker, whatever `pre_dispatch`: none waits for the next proposal, and
            # proposals know as many results as they can.
            options = {"n_jobs": n_jobs, "pre_dispatch": "2*n_jobs", "fit_timeout": self.fit_timeout}
            self._run(
                study, cross_validation, options | {"one_by_one": True}, lambda ahead: False, n_learnt=0
            )
