"""What stands between an optimizer, which knows points, and an executor, which knows trials."""

import time
import warnings

import numpy as np

from sksearch.execution import Trial


class Study:
    """The course of one search: what is proposed, what came back, when to stop.

    Parameters
    ----------
    optimizer : Optimizer
        Asked for points, told their values.
    initial : list of dict
        Settings to try first, as the user wrote them.
    metric : str or None
        The score that is optimised; None for the only one, or the first.
    n_iter : int
        Most trials.
    n_splits : int
        Folds of a complete trial.
    journal : Journal, default=None
        Where complete trials are recorded and, when a search goes on, recalled from.
    deadline : float, default=inf
        Time of ``time.monotonic`` after which no trial begins.
    n_iter_no_change : int, default=None
        Trials in a row without improvement that end the search.
    tol : float, default=0.0
        Smallest improvement that counts.
    verbose : int, default=0
        Whether to print a line per report.
    choose_metric : callable, default=None
        Called once with the first dict of scores, to return the metric or to refuse.

    Attributes
    ----------
    finished : list of Trial
        Trials whose values the optimizer knows, in the order in which they were reported.
    metric : str or None
        The score that is optimised.
    ran_out : bool
        Whether the optimizer found nothing new before `n_iter` trials.
    """

    def __init__(
        self,
        optimizer,
        initial,
        metric,
        *,
        n_iter,
        n_splits,
        journal=None,
        deadline=np.inf,
        n_iter_no_change=None,
        tol=0.0,
        verbose=0,
        choose_metric=None,
    ):
        self.optimizer = optimizer
        self.n_iter = n_iter
        self.finished = []
        self._n_splits = n_splits
        self._journal = journal
        self._space = optimizer.space
        # What is tried next, whatever the optimizer thinks; of settings that are alike the first is kept.
        self._queue = {}
        for params in initial:
            self._queue.setdefault(self._space.key_of(params), (params, self._space.encode(params)))
        self.metric = metric
        self.ran_out = False
        self._choose_metric = choose_metric
        self._deadline = deadline
        self._patience = n_iter_no_change
        self._tol = tol
        self._verbose = verbose
        self._trials = []
        self._best = -np.inf
        self._n_since_best = 0

    def out_of_time(self):
        """Whether no further trial may begin."""
        return time.monotonic() > self._deadline

    def propose(self, n):
        """Return up to n new trials, none when the search is over."""
        stalled = self._patience is not None and self._n_since_best >= self._patience
        n = min(n, self.n_iter - len(self._trials))
        if n <= 0 or stalled or (self._trials and self.out_of_time()):
            return []
        first = len(self._trials)
        while self._queue and len(self._trials) < first + n:
            params, point = self._queue.pop(next(iter(self._queue)))
            self._begin(params, point)
            self.optimizer.expect(point)
        missing = first + n - len(self._trials)
        asked = self.optimizer.ask(missing)
        self.ran_out |= len(asked) < missing
        for point in asked:
            self._begin(self._space.decode(point), point)
        proposed = self._trials[first:]
        if self._journal is not None:
            self._recall(proposed)
        return proposed

    def _begin(self, params, point):
        self._trials.append(Trial(len(self._trials), params, point))

    def _recall(self, proposed):
        """Give trials the results that the journal has of them."""
        hits = [self._journal.recall(trial) for trial in proposed]
        if not any(hits):
            # The search takes another course than the one recorded (a stream, other workers, another seed):
            # what was evaluated then is not lost, it comes next.
            for point in self._journal.unclaimed():
                params = self._space.decode(point)
                self._queue.setdefault(self._space.key_of(params), (params, point))

    def receive(self, number, fold, result, seconds):
        """Take the result of one fit; return the trial if that completes it, else None."""
        trial = self._trials[number]
        trial.add(fold, result, seconds)
        if len(trial.folds) < self._n_splits:
            return None
        if self._journal is not None:
            self._journal.record(trial)
        return trial

    def report(self, trials):
        """Take trials back; those that never began, for lack of time, are no candidates."""
        trials = [trial for trial in trials if trial.folds]
        if not trials:
            return
        values = [self._value_of(trial) for trial in trials]
        self.optimizer.tell([trial.point for trial in trials], values)
        for value in values:
            improved = value > self._best + (self._tol if np.isfinite(self._best) else 0.0)
            self._best = value if improved else self._best
            self._n_since_best = 0 if improved else self._n_since_best + 1
        self.finished += trials
        if self._verbose > 0:
            best = self.optimizer.values.max()
            print(f"[{len(self.finished)}/{self.n_iter}] last {values[-1]:.6g}, best {best:.6g}", flush=True)

    def interrupt(self):
        """Keep what was finished when the user interrupts; return whether that is anything."""
        reported = {trial.number for trial in self.finished}
        complete = [trial for trial in self._trials if len(trial.folds) == self._n_splits]
        self.report([trial for trial in complete if trial.number not in reported])
        if self.finished:
            warnings.warn(
                f"The search was interrupted after {len(self.finished)} of {self.n_iter} candidates; "
                "the best of them is kept.",
                stacklevel=4,
            )
        return bool(self.finished)

    def _value_of(self, trial):
        scores = trial.folds[0]["test_scores"]
        if (
            self._choose_metric is not None
            and trial.folds[0]["fit_error"] is None
            and isinstance(scores, dict)
        ):
            # A wrong choice is the user's error; found out after one trial rather than after all.
            self.metric = self._choose_metric(scores)
            self._choose_metric = None
        return trial.value(self.metric)
