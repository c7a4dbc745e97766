"""Rounds: propose a few candidates, run them all, learn, repeat."""

from numbers import Integral

from joblib import effective_n_jobs

from sksearch.execution.executor import Executor

# Fits per worker that belong to candidates whose results a proposal can not count on: with the default of
# `pre_dispatch` one that runs, one that waits for the worker, and one that joblib has drawn but not sent yet.
_UNKNOWN_FITS = 3
# Rounds overlap as long as these candidates are no larger a part of all.
_LARGEST_PART = 0.25


class Rounds(Executor):
    """Run the trials of a search in rounds.

    Which results a proposal knows does not depend on how long fits take, and they are told to the optimizer
    in the order of proposal: a search is reproducible, with the same number of workers, or with any number
    where `n_points` is given.

    Parameters
    ----------
    n_points : int or "auto", default="auto"
        Candidates per round, which all end before the next are proposed. With "auto" rounds overlap, and
        workers hardly wait: each proposal knows the results of all candidates but the last few, as many as
        keep the workers busy. Where these would be more than a quarter of all candidates, rounds are of the
        fewest that keep the workers busy for nine tenths of a round of equal fits. A single worker has
        rounds of one. Numbers of workers that differ give different searches.
    fit_timeout : float, default=None
        Seconds for one fit and its scoring. A candidate that takes longer in one fold is a row with status
        "timeout". Code that Python can not interrupt is ended with its worker process, which takes
        ``n_jobs > 1``.
    devices : list of str, default=None
        For networks: where to run them, such as ``["cuda:0", "cuda:1"]``. Each fit that is running has an
        entry to itself; list a device twice to run two fits on it. With ``n_jobs=None`` as many fits run as
        there are entries. None leaves every network on the device that it names itself.

    Examples
    --------
    >>> from sksearch.execution import Rounds
    >>> Rounds(n_points=8)
    Rounds(n_points=8, fit_timeout=None, devices=None)
    """

    def __init__(self, n_points="auto", fit_timeout=None, devices=None):
        self.n_points = n_points
        self.fit_timeout = fit_timeout
        self.devices = devices

    def __repr__(self):
        return (
            f"Rounds(n_points={self.n_points!r}, fit_timeout={self.fit_timeout!r}, devices={self.devices!r})"
        )

    def run(self, study, cross_validation, *, n_jobs, pre_dispatch):
        n_points = self.n_points
        is_count = isinstance(n_points, Integral) and not isinstance(n_points, bool) and n_points >= 1
        if n_points != "auto" and not is_count:
            raise ValueError(f"n_points of Rounds must be 'auto' or an int of at least 1, got {n_points!r}.")
        environment, estimator = cross_validation.environment, cross_validation.estimator
        with environment.open(estimator, n_jobs, self.devices) as n_jobs:
            if n_points == "auto":
                n_fits = cross_validation.resource.n_fits_per_step
                enough, n_learnt = _keep_busy(effective_n_jobs(n_jobs), n_fits, study.n_iter)
            else:
                enough, n_learnt = _at_least(n_points), n_points
            options = {"n_jobs": n_jobs, "pre_dispatch": pre_dispatch, "fit_timeout": self.fit_timeout}
            self._run(study, cross_validation, options, enough, n_learnt)


def _keep_busy(n_workers, n_fits, n_iter):
    """Say when enough candidates, of so many fits, are under way, and how many of them end together."""
    n_unknown = _UNKNOWN_FITS * n_workers if n_workers > 1 else 0
    if -(-n_unknown // n_fits) <= _LARGEST_PART * n_iter:
        # The first of them is the next to learn from; the others keep the workers busy meanwhile.
        return (lambda ahead: bool(ahead) and sum(trial.n_fits for trial in ahead[1:]) >= n_unknown), 1
    for n_points in range(1, n_workers):
        n_steps = -(-n_points * n_fits // n_workers)
        if n_points * n_fits >= 0.9 * n_steps * n_workers:
            break
    else:
        n_points = n_workers
    return _at_least(n_points), n_points


def _at_least(n_points):
    return lambda ahead: len(ahead) >= n_points
