"""Worker processes that may die, and fits that may not return."""

import contextlib
import faulthandler
import os
import signal
import tempfile
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from numbers import Real
from pathlib import Path

from sklearn.utils.parallel import Parallel, delayed

# A fit that Python can not interrupt takes its worker process down this many seconds later.
_GRACE = 1.0


class Workers:
    """A pool that runs fits as they are drawn from an iterator, and outlives its processes.

    When a worker dies (killed for its memory, a crash in C code, ``os._exit``), nobody knows which of the
    fits that were running did it. Each of them is run again, alone: the one that kills its worker again is
    given up, with the rest of its trial, and the others go on.

    Parameters
    ----------
    n_jobs, pre_dispatch, batch_size
        As in ``joblib.Parallel``.
    fit_timeout : float or None
        Seconds after which a fit is interrupted; or, where it is in code that can not be interrupted, its
        worker process is ended.
    """

    def __init__(self, n_jobs, pre_dispatch, batch_size="auto", fit_timeout=None):
        if fit_timeout is not None and not (isinstance(fit_timeout, Real) and fit_timeout > 0):
            raise ValueError(f"fit_timeout must be None or seconds above 0, got {fit_timeout!r}.")
        self._options = {"n_jobs": n_jobs, "pre_dispatch": pre_dispatch, "batch_size": batch_size}
        self._fit_timeout = fit_timeout
        self._dead = set()

    def __enter__(self):
        self._pool = self._start()
        return self

    def __exit__(self, *exception):
        self._pool.__exit__(*exception)

    def _start(self):
        try:
            pool = Parallel(return_as="generator_unordered", **self._options)
        except ValueError:  # a backend that gives all results of a call at once
            pool = Parallel(**self._options)
        pool.__enter__()
        return pool

    def run(self, fits):
        """Run fits and iterate over their outcomes as they come in.

        Parameters
        ----------
        fits : iterable of Fit
            Drawn from as late as joblib can.

        Yields
        ------
        outcome : tuple of int, int, dict, float
            Trial number, fold, result and seconds.
        """
        fits = iter(fits)
        running = {}

        def tasks():
            for fit in fits:
                running[fit.number, fit.fold] = fit
                yield self._task(fit)

        while True:
            try:
                for outcome in self._pool(tasks()):
                    del running[outcome[:2]]
                    yield outcome
                return
            except BrokenProcessPool:
                with contextlib.suppress(BrokenProcessPool):
                    self._pool.__exit__(None, None, None)
            for fit in list(running.values()):
                yield self._run_alone(fit)
            running.clear()
            self._pool = self._start()

    def _task(self, fit, report=os.devnull):
        return delayed(_limited)(self._fit_timeout, os.getpid(), report, fit)

    def _run_alone(self, fit):
        start = time.perf_counter()
        late = False
        if fit.number not in self._dead:
            # Two workers for one fit: with one, joblib would run it, and die with it, right here.
            alone = Parallel(n_jobs=2, pre_dispatch=1, batch_size=1)
            with tempfile.TemporaryDirectory() as folder:
                report = Path(folder, "report")
                report.touch()
                try:
                    return alone([self._task(fit, str(report))])[0]
                except BrokenProcessPool:
                    self._dead.add(fit.number)
                late = report.stat().st_size > 0  # the watchdog left word
        seconds = time.perf_counter() - start
        reason = (
            f"The worker process was ended: the fit took longer than fit_timeout={self._fit_timeout} seconds."
            if late
            else "The worker process of this candidate died: a crash, or the system ended it for its memory."
        )
        if fit.raises:
            raise RuntimeError(reason)
        return fit.number, fit.fold, fit.failure(reason) | {"timed_out": late}, seconds


def _limited(seconds, search_process, report, fit):
    """Run a fit in a worker, for at most so many seconds; a watchdog that ends the worker leaves a report."""
    if seconds is None:
        return fit.run()
    start = time.perf_counter()
    expired = []

    def interrupt(signum, frame):
        expired.append(True)
        raise TimeoutError(f"the fit took longer than fit_timeout={seconds} seconds")

    # Signals reach the main thread only: a worker thread can not be interrupted.
    interruptible = threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGALRM")
    with contextlib.ExitStack() as stack:
        if os.getpid() != search_process:
            # A watchdog in C, which needs no cooperation of the interpreter.
            file = stack.enter_context(open(report, "w"))
            stack.callback(faulthandler.cancel_dump_traceback_later)
            faulthandler.dump_traceback_later(seconds + _GRACE, exit=True, file=file)
        if interruptible:
            stack.callback(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, interrupt))
            stack.callback(signal.setitimer, signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            number, fold, result, spent = fit.run()
        except TimeoutError as error:
            if not expired or fit.raises:
                raise
            number, fold, result = fit.number, fit.fold, fit.failure(str(error))
            spent = time.perf_counter() - start
    return number, fold, result | {"timed_out": bool(expired)}, spent
