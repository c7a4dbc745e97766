"""Worker processes that may die, and fits that may not return."""

import contextlib
import gc
import multiprocessing
import os
import platform
import stat
import threading
import time
import warnings
from collections import deque
from concurrent.futures import FIRST_COMPLETED, wait
from functools import cache
from traceback import format_exception

from joblib import effective_n_jobs
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed

from sksearch._compat import ProcessPoolExecutor, cloudpickle
from sksearch.execution.clusters import backend_for, has_own_workers, lost_worker_errors, run_in_threads
from sksearch.execution.time_limit import (
    BEGUN,
    GRACE,
    NOWHERE,
    WATCHDOG,
    check_fit_timeout,
    folder_for_reports,
    new_report,
    run_interrupted,
    words_of,
)

try:
    import fcntl
except ImportError:  # Windows, where nothing forks either
    fcntl = None

# Between two looks at whether the search is still there.
_SECONDS_BETWEEN_LOOKS = 1.0


class Workers:
    """A pool that runs fits as they are drawn from an iterator, and outlives its processes.

    When a worker dies (killed for its memory, a crash in C code, ``os._exit``), nobody knows which of the
    fits that were running did it. Each of them is run again, in a process of its own, as many at a time as
    before; where that dies, once more, alone, for then it is not the memory that others took: the one that
    kills its worker again is given up, with the rest of its trial, and the others go on. Nothing of that
    trial is run afterwards.

    Parameters
    ----------
    n_jobs, pre_dispatch
        As in ``joblib.Parallel``.
    fit_timeout : float or None
        Seconds after which a fit is interrupted; or, where it is in code that can not be interrupted, its
        worker process is ended.
    one_by_one : bool
        Whether outcomes are needed before all fits are drawn.
    """

    def __init__(self, n_jobs, pre_dispatch, fit_timeout=None, one_by_one=False):
        check_fit_timeout(fit_timeout)
        # Batches of joblib's choice would leave workers without work at the end of a round.
        self._options = {"n_jobs": n_jobs, "pre_dispatch": pre_dispatch, "batch_size": 1}
        self._fit_timeout = fit_timeout
        self._shared = []
        self._one_by_one = one_by_one
        self._dead = {}

    def __enter__(self):
        if self._fit_timeout is not None and run_in_threads(self._options["n_jobs"]):
            warnings.warn(
                f"fit_timeout={self._fit_timeout} has no effect: the fits run in threads, which can not be "
                "interrupted. With joblib's backend loky and n_jobs=2 or more they are processes.",
                stacklevel=6,
            )
        self._pool = self._start()
        return self

    def __exit__(self, *exception):
        self._pool.__exit__(*exception)

    def _start(self):
        self._backend = backend_for(self._shared, grows=self._one_by_one)
        options = self._options | {"backend": self._backend}
        try:
            pool = Parallel(return_as="generator_unordered", **options)
        except ValueError as error:
            if "return_as" not in str(error):
                raise
            if self._one_by_one:
                raise ValueError(
                    "A stream needs results one by one, which this backend of joblib does not give; "
                    "use executor=Rounds()."
                ) from error
            pool = Parallel(**options)
        pool.__enter__()
        return pool

    def share(self, objects):
        """Send objects that many fits have as arguments once, where the backend can.

        Parameters
        ----------
        objects : list
        """
        self._shared += objects
        if self._backend is not None:
            self._backend.share(objects)

    def run(self, fits):
        """Run fits and iterate over their outcomes as they come in.

        Parameters
        ----------
        fits : iterable of Task
            Drawn from as late as joblib can.

        Yields
        ------
        outcome : tuple of int, int, dict, float
            Trial number, fold, result and seconds.
        """
        fits = iter(fits)
        running = {}
        drawing = threading.Lock()  # joblib draws in a thread of its own
        while True:
            given_up = threading.Event()
            try:
                # A worker may have died since it had work: then joblib notices with the first task it sends.
                outcomes = self._pool(self._tasks(fits, running, drawing, given_up))
                for outcome in outcomes:
                    del running[outcome[:2]]
                    yield outcome
                return
            except GeneratorExit:
                # An error or Ctrl-C where outcomes are taken. Closed, joblib warns of fits that are not used.
                if not isinstance(outcomes, list):
                    with contextlib.suppress(KeyboardInterrupt):
                        outcomes.throw(KeyboardInterrupt)
                raise
            except lost_worker_errors():
                with drawing:  # what is being drawn still counts, and is the last
                    given_up.set()
                    suspects = list(running.values())
                    running.clear()
                with contextlib.suppress(*lost_worker_errors()):
                    self._pool.__exit__(None, None, None)
            if len(suspects) > 1 and has_own_workers():
                suspects = yield from self._run_side_by_side(suspects)
            for fit in suspects:
                yield self._give_up(fit) if fit.number in self._dead else self._run_alone(fit)
            self._pool = self._start()

    def _tasks(self, fits, running, drawing, given_up):
        while True:
            with drawing:
                fit = None if given_up.is_set() else next(fits, None)
                if fit is None:
                    return
                running[fit.number, fit.fold] = fit
            if fit.number in self._dead:
                yield delayed(_as_it_is)(self._give_up(fit))
            else:
                yield self._task(fit)

    def _task(self, fit, report=str(NOWHERE)):
        return delayed(_limited)(self._fit_timeout, _this_process(), report, fit, **fit.shared)

    def _run_side_by_side(self, fits):
        """Yield the outcomes of fits, each in a process of its own, and return those whose process died.

        Processes of joblib are the same for all threads: a search in another one may have fits that end them.
        """
        waiting, running, idle, lost = deque(fits), {}, [], []
        n_at_once = effective_n_jobs(self._options["n_jobs"])
        with folder_for_reports() as folder:
            try:
                while waiting or running:
                    while waiting and len(running) < n_at_once:
                        fit = waiting.popleft()
                        if fit.number in self._dead:
                            yield self._give_up(fit)
                            continue
                        report = new_report(folder, f"{fit.number}-{fit.fold}")
                        process = idle.pop() if idle else ProcessPoolExecutor(1)
                        future = self._submit(process, fit, report)
                        running[future] = process, fit, report, time.perf_counter()
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        process, fit, report, start = running.pop(future)
                        try:
                            outcome = future.result()
                        except lost_worker_errors():
                            process.shutdown(kill_workers=True)
                            if self._is_late(words_of(report)):
                                yield self._bury(fit, late=True, seconds=time.perf_counter() - start)
                            else:
                                lost.append(fit)
                        else:
                            idle.append(process)
                            yield outcome
            finally:
                for process in [*idle, *(process for process, *_ in running.values())]:
                    process.shutdown(kill_workers=True)
        return lost

    def _submit(self, process, fit, report):
        limits = self._fit_timeout, _this_process(), str(report)
        return process.submit(_configured, get_config(), *limits, fit, **fit.shared)

    def _run_alone(self, fit):
        start, on_cluster = time.perf_counter(), not has_own_workers()
        why = "a crash, or the system ended it for its memory."
        with folder_for_reports() as folder:
            report = new_report(folder, "report")
            try:
                if on_cluster:
                    # Two workers for one fit: with one, joblib would run it, and die with it, right here.
                    options = {"n_jobs": 2, "pre_dispatch": 1, "batch_size": 1}
                    alone = Parallel(**options, backend=backend_for(self._shared))
                    return alone([self._task(fit, str(report))])[0]
                return self._run_apart(fit, report)
            except lost_worker_errors() as error:
                if lines := str(error.__cause__ or "").strip(' \n"').splitlines():
                    why = f"it could not read what it was sent, {lines[-1]}"
            words = words_of(report)
        seconds = time.perf_counter() - start
        late = self._is_late(words)
        # A worker on another machine can not write here, none can on a full disk, and the time has to do.
        if not words and (on_cluster or report == NOWHERE):
            late = self._fit_timeout is not None and seconds >= self._fit_timeout
        return self._bury(fit, late, why, seconds)

    def _is_late(self, words):
        """Whether a watchdog has reported, in more words than those of the fit's beginning."""
        return self._fit_timeout is not None and words not in ("", BEGUN)

    def _bury(self, fit, late, why="", seconds=0.0):
        reason = (
            f"The worker process was ended: the fit took longer than fit_timeout={self._fit_timeout} seconds."
            if late
            else f"The worker process of this candidate died: {why}"
        )
        if fit.raises:
            raise RuntimeError(reason)
        self._dead[fit.number] = reason, late
        return self._give_up(fit, seconds)

    def _run_apart(self, fit, report):
        apart = ProcessPoolExecutor(1)
        try:
            return self._submit(apart, fit, report).result()
        finally:
            apart.shutdown(kill_workers=True)

    def _give_up(self, fit, seconds=0.0):
        reason, late = self._dead[fit.number]
        return fit.number, fit.fold, fit.failure(reason) | {"timed_out": late, "given_up": True}, seconds


def _this_process():
    return platform.node(), os.getpid()


def _parent(search_process):
    """Return the process that this worker belongs to, None where there is no telling.

    The search starts joblib's workers itself, and may be gone before they are ready: then they have another
    parent already. Those of a cluster have their own, and outlive it.
    """
    node, pid = search_process
    if node == platform.node() and multiprocessing.current_process().name.startswith("LokyProcess"):
        return pid
    return os.getppid() if hasattr(os, "getppid") else None


@cache
def _settle_in(parent):
    """Prepare a worker process for its fits, once."""
    # Without psutil, loky collects garbage every second, and looks through all of scikit-learn each time.
    gc.freeze()
    _let_go_in_forks()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _let_go_in_forks():
    """Have processes that fits fork let go of the pipes by which the search knows this one.

    A pipe is closed when the last process that can write to it is gone: a worker that ends, and leaves a
    process behind, would be taken for alive as long as that one is.
    """
    if not hasattr(os, "register_at_fork"):
        return
    numbers, pipes = [], {}
    with contextlib.suppress(OSError):
        numbers = [number for number in map(int, os.listdir("/dev/fd")) if number > 2]  # but standard ones
    for number in numbers:
        with contextlib.suppress(OSError):  # the folder that was listed is closed again
            access = fcntl.fcntl(number, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR)
            # Those that this process was started with; what it has opened since is the user's.
            if access == os.O_WRONLY and os.get_inheritable(number) and (pipe := _pipe_at(number)):
                pipes[number] = pipe

    def let_go():
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number, pipe in pipes.items():
            if _pipe_at(number) == pipe:
                # The number stays taken, for objects that have it would close another file.
                os.dup2(nowhere, number, inheritable=False)
        os.close(nowhere)

    os.register_at_fork(after_in_child=let_go)


def _pipe_at(number):
    """Return what tells the pipe with this file descriptor from others, None where there is none."""
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISFIFO(status.st_mode) else None


def _leave_with(parent):
    """End this process when its parent is gone, killed perhaps: nobody waits for the fit any more.

    joblib's workers would finish it, and then stay for minutes with all they have in memory.
    """
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _limited(seconds, search_process, report, fit, **shared):
    """Run a fit in a worker, for at most so many seconds; a watchdog that ends the worker leaves a report."""
    fit.shared = shared
    process = _this_process()
    elsewhere = process != search_process
    if elsewhere and threading.current_thread() is threading.main_thread():
        _settle_in(_parent(search_process))
    start = time.perf_counter()
    watched = seconds is not None and elsewhere
    with WATCHDOG.limit(seconds + GRACE, report) if watched else contextlib.nullcontext():
        try:
            number, fold, result, spent = fit.run() if seconds is None else run_interrupted(fit, seconds)
        except KeyboardInterrupt:
            raise
        except lost_worker_errors() as error:  # of a pool that is the fit's own
            raise RuntimeError("".join(format_exception(error))) from error
        except BaseException as error:
            # In the main thread it may be meant for the search: what a handler of signals raises.
            if not elsewhere and threading.current_thread() is threading.main_thread():
                raise
            if fit.raises:
                travels = _packed(error) is not None
                raise (error if travels else RuntimeError("".join(format_exception(error)))) from None
            if isinstance(error, Exception):
                raise
            number, fold, result = fit.number, fit.fold, fit.failure("".join(format_exception(error)))
            spent = time.perf_counter() - start
        finally:
            if _this_process() != process:  # a fork of the fit, which must not search on
                os._exit(0)
    # A model that goes on travels as bytes: joblib would have its large arrays in files, as many as there are
    # fits, and give them to the next fit read-only. One that can not be sent is fitted from the start again.
    if elsewhere and (model := _packed(result.pop("estimator", None))) is not None:
        result["estimator"] = model
    return number, fold, result, spent


def _configured(config, *limits_and_fit, **shared):
    with config_context(**config):
        return _limited(*limits_and_fit, **shared)


def _as_it_is(outcome):
    return outcome


def _packed(value):
    """Bytes of what is sent from one process to another, None for nothing or if it would not arrive."""
    if value is None:
        return None
    try:
        packed = cloudpickle.dumps(value)
        cloudpickle.loads(packed)
    except Exception:
        return None
    return packed
