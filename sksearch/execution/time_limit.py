"""Limits to the time of one fit: an interrupt, and where that does not help the end of its process."""

import contextlib
import faulthandler
import os
import signal
import tempfile
import threading
import time
from numbers import Real
from pathlib import Path

# Seconds after which a fit that an interrupt did not end is interrupted again, and its worker process ended.
GRACE = 1.0
# What timers can count.
_MOST = 1e9


def check_fit_timeout(seconds):
    """Raise a ValueError if this is neither None nor a time that can be waited for."""
    if seconds is not None and not (isinstance(seconds, Real) and 0 < seconds <= _MOST):
        raise ValueError(
            f"fit_timeout must be None or seconds above 0, got {seconds!r}; the most is {_MOST:.0e}."
        )


class Watchdog:
    """Ends this process when a deadline passes, from C: it needs no cooperation of the interpreter.

    The interpreter has one such timer; where fits share a process, it is set to the earliest deadline.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._deadlines = {}

    @contextlib.contextmanager
    def limit(self, seconds, report):
        """Allow so many seconds, and write to the file `report` when they are over."""
        key = object()
        with self._open(report) as file:
            with contextlib.suppress(OSError):  # a full disk: the search has to do with the time it took
                os.write(file.fileno(), BEGUN.encode())
            with self._lock:
                self._deadlines[key] = time.monotonic() + seconds, file
                self._set()
            try:
                yield
            finally:
                with self._lock:
                    del self._deadlines[key]
                    self._set()

    def _open(self, report):
        try:
            return open(report, "r+")  # which exists where the search runs
        except OSError:
            return open(os.devnull, "w")

    def _set(self):
        faulthandler.cancel_dump_traceback_later()
        if self._deadlines:
            deadline, file = min(self._deadlines.values(), key=lambda item: item[0])
            left = max(deadline - time.monotonic(), 1e-3)
            faulthandler.dump_traceback_later(left, exit=True, file=file)


BEGUN = "begun\n"
WATCHDOG = Watchdog()
NOWHERE = Path(os.devnull)  # where there is no room on the disk for a report


def folder_for_reports():
    """Return a context manager: a new folder, or None where none can be made."""
    try:
        return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    except OSError:
        return contextlib.nullcontext()


def new_report(folder, name):
    """Return the path of a new file for a watchdog's report, `NOWHERE` if it can not be made."""
    if folder is not None:
        with contextlib.suppress(OSError):
            report = Path(folder, name)
            report.touch()
            return report
    return NOWHERE


def words_of(report):
    """Read a report, "" if it is gone."""
    try:
        return report.read_text()
    except OSError:
        return ""


class _TimeIsUp(BaseException):
    """The time of a fit is up. Not an `Exception`: a fit that goes on after errors shall end too."""


def run_interrupted(fit, seconds):
    """Run a fit, and interrupt it when its time is up; only the main thread can be.

    A fit that swallows the interrupt, or takes the timer for itself, and returns, has timed out nevertheless.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        return fit.run()
    start, running = time.monotonic(), True
    ours = _TimeIsUp(f"the fit took longer than fit_timeout={seconds} seconds")
    expired = False

    def interrupt(signum, frame):
        nonlocal earlier, expired
        spent = time.monotonic() - start
        if spent < seconds and callable(handler):  # somebody else's time is up first
            earlier = interval and spent + interval
            signal.setitimer(signal.ITIMER_REAL, seconds - spent, GRACE)
            handler(signum, frame)
        elif running:
            expired = True
            raise ours

    handler = signal.signal(signal.SIGALRM, interrupt)
    # Somebody else may wait for this timer: a search around this one, or what limits a test.
    earlier, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        try:
            # Again and again: what is raised in a destructor or a callback of C code gets lost.
            signal.setitimer(signal.ITIMER_REAL, min(seconds, earlier or seconds), GRACE)
            outcome = fit.run()
            expired = expired or time.monotonic() - start > seconds
        finally:
            running = False
    except _TimeIsUp as error:
        if error is not ours:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
        if earlier:
            left = earlier - (time.monotonic() - start)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-6), interval)
    if not expired:
        return outcome
    if fit.raises:
        raise TimeoutError(str(ours))
    return fit.number, fit.fold, fit.failure(str(ours)) | {"timed_out": True}, time.monotonic() - start
