"""What stands between an optimizer, which knows points, and an executor, which knows trials."""

import time
import warnings

import numpy as np

from sksearch.execution import Trial
from sksearch.optimizers.threads import one_thread


class Study:
    """The course of one search: what is proposed, what came back, when to stop.

    Parameters
    ----------
    optimizer : Optimizer
        Asked for points, told their values.
    initial : list of dict
        Settings to try first, as the user wrote them.
    metric : str, tuple of str or None
        The score that is optimised; None for the only one, or the first; a tuple for several objectives.
    n_iter : int
        Most trials.
    resource : AllAtOnce
        What the steps of a trial are.
    journal : Journal, default=None
        Where complete trials are recorded and, when a search goes on, recalled from.
    deadline : float, default=inf
        Time of ``time.monotonic`` after which no trial begins.
    n_iter_no_change : int, default=None
        Trials in a row without improvement that end the search. With several objectives a trial is one if
        no other one before it, `tol` added, is as good in all of them.
    tol : float, default=0.0
        Smallest improvement that counts.
    verbose : int, default=0
        Whether to print a line per report.
    choose_metric : callable, default=None
        Called once with the first dict of scores, to return the metric or to refuse.
    error_score : "raise" or float, default=nan
        Score of a fit whose scores have other names than those of the first.

    Attributes
    ----------
    finished : list of Trial
        Trials of which at least a first step was reported, in the order of these reports.
    metric : str, tuple of str or None
        The score that is optimised.
    ran_out : bool
        Whether the optimizer found nothing new before `n_iter` trials.
    interrupted : bool
        Whether the user ended the search.
    """

    def __init__(
        self,
        optimizer,
        initial,
        metric,
        *,
        n_iter,
        resource,
        journal=None,
        deadline=np.inf,
        n_iter_no_change=None,
        tol=0.0,
        verbose=0,
        choose_metric=None,
        error_score=np.nan,
    ):
        self.optimizer = optimizer
        self.n_iter = n_iter
        self.finished = []
        self._resource = resource
        self._journal = journal
        self._space = optimizer.space
        # What is tried next, whatever the optimizer thinks; of settings that are alike the first is kept.
        self._queue = {}
        self._put_off = []  # a proposal that waits, since a point that was recorded goes first
        for params in map(self._space.own, initial):
            self._queue.setdefault(self._space.key_of(params), (params, self._space.encode(params)))
        self.metric = metric
        self.ran_out = self.interrupted = False
        self._choose_metric = choose_metric
        self._error_score = error_score
        self._first_scores = None
        self._deadline = deadline
        self._patience = n_iter_no_change
        self._tol = tol
        self._verbose = verbose
        self._trials = []
        self._begun = {}  # by point, those that have not ended
        self._n_proposed = 0
        self._best = -np.inf  # of the trials that are complete, in the first objective
        self._improvements = []  # values of those so far, but for what a later one is as good as
        self._n_since_best = 0
        self._n_ended = 0
        # Of trials that wait for more, and of the complete ones they are compared with.
        self._waiting = {}
        self._rows = {}
        self._foreseen = None
        self._said_not_measured = False

    def propose(self):
        """Return a trial whose next step is to be run; None when there is none, or none for now."""
        self.ran_out = False
        is_late = self._out_of_time() and self._trials and (np.isfinite(self._best) or not self._waiting)
        if (trial := self._next(is_late)) is None:
            return None
        trial.running, trial.n_fits = True, len(self._resource.folds(trial))
        trial.proposal, self._n_proposed = self._n_proposed, self._n_proposed + 1
        self._waiting.pop(trial.number, None)
        if self._journal is not None:
            self._recall(trial)
        return trial

    def _next(self, is_late):
        """Return the trial to go on, or to begin; None when there is none, or none for now.

        When it is late, only what is recorded is left, which takes no time, and nobody is asked.
        """
        if self._journal is not None:
            # The search may take another course than the one recorded then (a stream, other workers, more
            # trials). What was evaluated is not lost: it comes before what is new.
            for point, step in self._journal.due(np.inf if is_late else self._n_proposed):
                if step == 0:
                    if (trial := self._new(np.frombuffer(point) if is_late else None)) is not None:
                        return trial
                elif (trial := self._begun.get(point)) is not None and len(trial.steps) == step:
                    if trial.number in self._waiting:
                        return trial
                    if not trial.running:  # what it has has to be reported first
                        return None
        return None if is_late else self._contender() or self._new() or self._contender(last=True)

    def _out_of_time(self):
        return time.monotonic() > self._deadline

    def _contender(self, last=False):
        """Of the trials that wait, return the most promising that may go on.

        `last` says that no trial is left to begin.
        """
        waiting = list(self._waiting.values())
        if not waiting:
            return None
        if not np.isfinite(self._best):  # nothing to compare with
            return waiting[0]
        failed = next((trial for trial in waiting if trial.number not in self._rows), None)
        if failed is not None:  # perhaps for lack of rows: nothing is known of it
            return failed
        rows, forecast = self._foresee()
        waits = np.array([number in self._waiting for number in self._rows])
        chances = self._resource.chances(forecast, self._best)
        is_hopeless = dict(zip(self._rows, self._resource.hopeless(rows, chances), strict=True))
        for trial in waiting:
            if is_hopeless[trial.number]:
                trial.models.clear()  # of all that were ever dropped, they could fill the memory
        free = self._resource.free(rows, forecast, chances, waits, last)
        chance_of = dict(zip(self._rows, np.where(free, chances, -1.0), strict=True))
        first = max(waiting, key=lambda trial: chance_of[trial.number])
        return first if chance_of[first.number] >= 0 else None

    def _foresee(self):
        """Rows of the trials that were begun, and what is expected of them: the same until a report."""
        if self._foreseen is None:
            rows = np.array(list(self._rows.values()))
            points = np.array([self._trials[number].point for number in self._rows])

            def similarity(some):
                return self.optimizer.similarity(points, points[some])

            with one_thread():
                self._foreseen = rows, self._resource.forecast(rows, similarity)
        return self._foreseen

    def _new(self, recorded=None):
        """Begin a new trial, at a recorded point if one is given; None where none is left to begin."""
        stalled = self._patience is not None and self._n_since_best >= self._patience
        if stalled or len(self._trials) >= self.n_iter:
            return None
        if recorded is not None:
            params = self._space.decode(recorded)
            params, point = self._queue.pop(self._space.key_of(params), (params, recorded))
        elif self._queue:
            params, point = self._queue.pop(next(iter(self._queue)))
            self.optimizer.expect(point)
        elif len(asked := self._put_off or self.optimizer.ask(1)):
            point = self._recorded_first(asked[0])
            params = self._space.decode(point)
        else:
            # For now: what is pending may give the optimizer ideas.
            self.ran_out = not self.optimizer.finished
            return None
        trial = Trial(len(self._trials), params, point)
        trial.n_steps = self._resource.n_steps_of(trial, np.isfinite(self._best))
        self._trials.append(trial)
        self._begun[point.tobytes()] = trial
        return trial

    def _recorded_first(self, point):
        """Return the first recorded point that is due instead of another one, which is put off then."""
        self._put_off = []
        recorded = None if self._journal is None else self._journal.passed_over(point, self._n_proposed)
        if recorded is None:
            return point
        self._put_off = [point]
        self._queue.pop(self._space.key_of(self._space.decode(recorded)), None)
        self.optimizer.expect(recorded)
        return recorded

    def _recall(self, trial):
        """Give a trial the results that the journal has of its next step."""
        if self._journal.recall(trial):
            trial.n_steps = self._resource.n_steps_of(trial, np.isfinite(self._best))

    def _make_comparable(self, trials):
        """Give all results the names of the first one that has scores: scoring may be the user's own."""
        if self._first_scores is None:
            results = (result for trial in trials for step in trial.steps for result in step.values())
            self._first_scores = next((r["test_scores"] for r in results if self._has_scores(r)), None)
            trials = [*self.finished, *trials]
        if self._first_scores is not None:
            for trial in trials:
                trial.revise(self._comparable)

    def _has_scores(self, result):
        scores = result["test_scores"]
        # Where scoring raised an error, scikit-learn has a number, whatever it returns else.
        is_known = isinstance(scores, dict) or not (np.isnan(scores) or scores == self._error_score)
        return result["fit_error"] is None and is_known

    def _comparable(self, result):
        """Leave out scores that the first result does not have; without one that it has, a fit has failed."""
        if result["fit_error"] is not None:
            return result
        expected = _names_of(self._first_scores)
        kinds = [kind for kind in ("test_scores", "train_scores") if kind in result]
        unlike = [found for kind in kinds if (found := _names_of(result[kind])) != expected]
        if not unlike:
            return result
        lacking = [found for found in unlike if not (expected and found and set(expected) <= set(found))]
        if not lacking:
            return result | {kind: {name: result[kind][name] for name in expected} for kind in kinds}
        reason = f"scoring returned {lacking[0] or 'a number'}, and {expected or 'a number'} of other fits."
        if self._error_score == "raise":
            raise ValueError(reason)
        score = dict.fromkeys(expected, self._error_score) if expected else self._error_score
        return result | dict.fromkeys(kinds, score) | {"fit_error": reason}

    def receive(self, number, fold, result, seconds):
        """Take the result of one fit; return the trial if that ends its step, else None."""
        trial = self._trials[number]
        error = result.pop("not_measured", None)
        if error is not None and not self._said_not_measured:
            self._said_not_measured = True
            warnings.warn(
                "The search learns from more than the scores of fits, and of some fits this can not be "
                f"computed; it goes on without. The first error was:\n{error}",
                stacklevel=7,
            )
        if not trial.add(fold, result, seconds):
            return None
        if self._journal is not None:
            self._journal.record(trial)
        return trial

    def report(self, trials):
        """Learn from trials whose step is finished."""
        self._foreseen = None
        self._make_comparable(trials)
        ended, values = [], []
        for trial in trials:
            value = self._value_of(trial)
            known = np.isfinite(value).all()
            if not known:
                self._rows.pop(trial.number, None)
            elif self._resource.n_steps > 1:
                self._rows[trial.number] = self._resource.row(trial, self.metric)
            if trial.complete or not (known or self._resource.may_recover(trial)):
                ended.append(trial)
                values.append(value)
                self._begun.pop(trial.point.tobytes(), None)
            else:
                self._waiting[trial.number] = trial
            self._count(trial, np.atleast_1d(value) if known else None)
            if trial.complete and (measured := trial.measured):
                self.optimizer.note(trial.point, measured)
        self.optimizer.tell([trial.point for trial in ended], values)
        self._tell_forecasts()
        self.finished += [trial for trial in trials if len(trial.steps) == 1]
        self._n_ended += len(ended)
        if self._verbose > 0 and ended:
            self._print(np.atleast_1d(values[-1]))

    def _print(self, last):
        last = ", ".join(f"{value:.6g}" for value in last) if np.isfinite(last).all() else "failed"
        paused = f"{len(self._waiting)} paused, " if self._waiting else ""
        print(f"[{self._n_ended}/{self.n_iter}] {paused}last {last}, best {self._shown_best()}", flush=True)

    def _shown_best(self):
        return f"{self._best:.6g}" if np.isfinite(self._best) else "none yet"

    def end(self):
        """Take note that the search is over: the trials that wait are dropped."""
        if self._verbose > 0 and (n_dropped := len(self._waiting)):
            n_ended = self._n_ended + n_dropped
            print(f"[{n_ended}/{self.n_iter}] {n_dropped} dropped, best {self._shown_best()}", flush=True)

    def _count(self, trial, value):
        """Note whether a trial is an improvement; `value` is an array, None for a failure."""
        complete = trial.complete and value is not None
        if complete:
            self._best = max(self._best, value[0])
        if complete and all((value > values + self._tol).any() for values in self._improvements):
            self._improvements = [values for values in self._improvements if (values > value).any()]
            self._improvements.append(value)
            self._n_since_best = 0
        elif len(trial.steps) == 1:
            self._n_since_best += 1

    def _tell_forecasts(self):
        """Tell the optimizer what is expected of the trials that wait, and how uncertain it is."""
        if self._waiting and np.isfinite(self._best):
            _, forecast = self._foresee()
            mean, variance = self._resource.expected(forecast)
            rows = [i for i, number in enumerate(self._rows) if number in self._waiting]
            points = [self._waiting[number].point for number in self._rows if number in self._waiting]
            self.optimizer.tell(points, mean[rows], variance[rows])

    def interrupt(self):
        """Keep what was finished when the user interrupts; return whether that is anything."""
        self.ran_out, self.interrupted = False, True
        reported = {trial.number for trial in self.finished}
        self.report([trial for trial in self._trials if trial.steps and trial.number not in reported])
        return any(trial.complete for trial in self.finished)

    def _value_of(self, trial):
        first = next(iter(trial.folds.values()))
        scores = first["test_scores"]
        if (
            self._choose_metric is not None
            and first["fit_error"] is None
            and (isinstance(scores, dict) or isinstance(self.metric, tuple))
        ):
            # A wrong choice is the user's error; found out after one trial rather than after all.
            self.metric = self._choose_metric(scores)
            self._choose_metric = None
        return trial.value(self.metric)


def _names_of(scores):
    return list(scores) if isinstance(scores, dict) else None
