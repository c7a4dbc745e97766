"""Real faults: workers that die, fits that do not return."""

import contextlib
import ctypes
import faulthandler
import os
import select
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import warnings
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.svm import SVC

from sksearch import BayesSearchCV
from sksearch.execution import Rounds, Stream
from sksearch.execution.time_limit import WATCHDOG, Watchdog
from sksearch.optimizers import BayesianOptimizer

X, y = load_iris(return_X_y=True)
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


class Faulty(ClassifierMixin, BaseEstimator):
    """Commits a fault while it is fitted, in a worker process only."""

    def __init__(self, fault="none", pid=0):
        self.fault = fault
        self.pid = pid

    def fit(self, X, y):
        assert self.fault in ("none", "raise", "sleep") or os.getpid() != self.pid
        if self.fault == "raise":
            raise RuntimeError("as told")
        if self.fault == "exit":
            os._exit(3)
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "segfault":
            ctypes.string_at(0)
        if self.fault == "allocate":
            hoard = []
            while True:
                hoard.append(np.ones(2**21))
        if self.fault == "sleep":
            time.sleep(60)
        if self.fault == "c code":
            # PyDLL keeps the interpreter's lock: no signal handler and no thread of Python can run.
            ctypes.PyDLL(None).sleep(60)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def faulty_search(faults, executor, **settings):
    return BayesSearchCV(
        Faulty(pid=os.getpid()), {"fault": faults}, cv=3, random_state=0, executor=executor, **settings
    )


@pytest.mark.parametrize("executor", [Rounds(), Rounds(n_points=4), Stream()], ids=repr)
def test_workers_that_die_are_rows_and_every_other_candidate_is_evaluated(executor):
    faults = ["none", "exit", "raise", "segfault", "kill"]
    with pytest.warns(FitFailedWarning, match="worker process of this candidate died"):
        search = faulty_search(faults, executor, n_jobs=2).fit(X, y)
    assert search.cv_results_["param_fault"].tolist() == faults
    assert search.cv_results_["status"].tolist() == ["ok", "failed", "failed", "failed", "failed"]
    assert search.best_params_ == {"fault": "none"}


class DiesOfItsFirstFold(Faulty):
    """Its worker dies when another fold is finished."""

    def fit(self, X, y):
        if self.fault == "exit" and len(X) == 100:
            time.sleep(0.3)
            os._exit(3)
        self.classes_ = np.unique(y)
        return self


def test_a_candidate_whose_worker_died_has_no_scores_whatever_was_finished_by_then():
    rows = np.arange(len(X))
    folds = [(rows[50:], rows[:50]), *[(rows[:50], rows[50:])] * 5]
    search = BayesSearchCV(DiesOfItsFirstFold(), {"fault": ["none", "exit"]}, cv=folds, n_jobs=2, refit=False)
    results = search.fit(X, y).cv_results_
    scores = np.array([results[f"split{fold}_test_score"] for fold in range(6)])
    assert np.isfinite(scores[:, 0]).all()
    assert np.isnan(scores[:, 1]).all()


@pytest.fixture
def memory_guard():
    """As the system does when its memory runs out: kills the process that takes most of it."""
    over = threading.Event()

    def watch():
        page = os.sysconf("SC_PAGE_SIZE")
        while not over.wait(0.02):
            for pid in children():
                with contextlib.suppress(OSError):
                    if int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page > 2**30:
                        os.kill(pid, signal.SIGKILL)

    guard = threading.Thread(target=watch)
    guard.start()
    yield
    over.set()
    guard.join()


def children():
    """Processes that this one has started, by number."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(folder.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.usefixtures("memory_guard")
@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_a_fit_that_allocates_until_it_is_killed_is_a_row(executor):
    with pytest.warns(FitFailedWarning, match="worker process of this candidate died"):
        search = faulty_search(["none", "allocate"], executor, n_jobs=2).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "failed"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_worker_processes_and_temporary_files_are_gone_afterwards(tmp_path):
    code = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        import warnings; warnings.simplefilter("ignore")
        from test_workers import *
        X, y = np.ones((3000, 100)), np.arange(3000) % 2  # large enough to go to workers as a file
        faults = ["none", "exit", "sleep", "segfault"]
        search = faulty_search(faults, Rounds(fit_timeout=0.5), n_jobs=2).fit(X, y)
        print(*search.cv_results_["status"], *children())
    """
    folders = {name: str(tmp_path) for name in ("TMPDIR", "JOBLIB_TEMP_FOLDER")}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, env=os.environ | folders, capture_output=True, text=True, timeout=120)
    assert done.stdout.split()[:4] == ["ok", "failed", "timeout", "failed"], done.stderr
    until = time.monotonic() + 10  # the last one cleans up after the others
    while (left := [pid for pid in done.stdout.split()[4:] if is_running(pid)]) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_of_a_search_that_was_killed_end_too():
    code = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_workers import *
        faulty_search(["none"], "rounds", n_jobs=2, refit=False).fit(X, y)
        print(*children(), flush=True)
        faulty_search(["sleep"], "rounds", n_jobs=2).fit(X, y)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as search:
        pids = search.stdout.readline().split()
        search.kill()
    assert len(pids) >= 2
    until = time.monotonic() + 30
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left


class Late(Faulty):
    """Says which process its fit begins in."""

    def fit(self, X, y):
        Path(self.fault, str(os.getpid())).touch()
        time.sleep(60)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_that_were_starting_when_the_search_was_killed_end_too(tmp_path):
    code = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_workers import *
        BayesSearchCV(Late(), {{"fault": [{str(tmp_path)!r}]}}, cv=2, n_jobs=2).fit(X, y)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command) as search:
        until = time.monotonic() + 60
        while len(workers := workers_of(search.pid)) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.4)  # until they have been sent something
        search.kill()  # they are importing
    assert len(workers) == 2
    # Those that got no fit wait for one: joblib ends them.
    until = time.monotonic() + 20
    while any(map(is_running, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [path.name for path in tmp_path.iterdir() if is_running(path.name)]


def workers_of(pid):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(pid) and b"LokyProcess" in (folder / "cmdline").read_bytes():
                found.append(folder.name)
    return found


def is_running(pid):
    with contextlib.suppress(OSError):  # there is no such process any more, or nobody has waited for it yet
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("executor", [Rounds, Stream])
def test_fits_that_do_not_return_are_rows_even_in_code_that_can_not_be_interrupted(executor):
    faults = ["none", "sleep", "c code"]
    start = time.monotonic()
    with pytest.warns(FitFailedWarning, match="fit_timeout=0.5"):
        search = faulty_search(faults, executor(fit_timeout=0.5), n_jobs=2).fit(X, y)
    assert time.monotonic() - start < 40
    assert search.cv_results_["status"].tolist() == ["ok", "timeout", "timeout"]


def test_a_fit_in_this_process_is_interrupted_and_its_timer_is_gone():
    with pytest.warns(FitFailedWarning, match="fit_timeout=0.2"):
        search = faulty_search(["none", "sleep"], Rounds(fit_timeout=0.2)).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "timeout"]
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


class TakesTheTimer(SVC):
    """Limits a part of its fit by the timer of the process, as libraries for timeouts do, and goes on."""

    def fit(self, X, y):
        handler = signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        end = time.monotonic() + 0.5 * (self.C == 2.0)
        while time.monotonic() < end:
            pass
        return super().fit(X, y)


def test_a_fit_that_takes_the_timer_for_itself_has_no_score_either():
    executor, space = Rounds(fit_timeout=0.3), {"C": [1.0, 2.0]}
    with pytest.warns(FitFailedWarning, match="fit_timeout=0.3"):
        search = BayesSearchCV(TakesTheTimer(), space, cv=2, executor=executor).fit(X, y)
    assert search.best_params_ == {"C": 1.0}
    assert sorted(search.cv_results_["status"]) == ["ok", "timeout"]


def test_a_lost_worker_is_raised_where_errors_are_to_be_raised():
    with pytest.raises(RuntimeError, match="worker process of this candidate died"):
        faulty_search(["exit"], "rounds", n_jobs=2, error_score="raise").fit(X, y)


def test_lost_workers_are_recorded_in_the_journal(tmp_path):
    settings = {"n_jobs": 2, "journal": tmp_path / "journal.jsonl", "refit": False}
    with pytest.warns(FitFailedWarning):
        first = faulty_search(["none", "sleep", "exit"], Rounds(fit_timeout=0.5), **settings).fit(X, y)
    start = time.monotonic()
    with pytest.warns(FitFailedWarning):
        again = faulty_search(["none", "sleep", "exit"], Rounds(fit_timeout=0.5), **settings).fit(X, y)
    assert time.monotonic() - start < 2
    assert first.cv_results_["status"].tolist() == again.cv_results_["status"].tolist()
    assert again.cv_results_["status"].tolist() == ["ok", "timeout", "failed"]


def test_fits_that_share_a_process_share_the_watchdog(monkeypatch):
    timers = []
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", timers.clear)
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda left, **_: timers.append(round(left)))
    watchdog = Watchdog()
    with watchdog.limit(100, os.devnull):
        with watchdog.limit(50, "/no/such/report"):
            assert timers == [50]
        assert timers == [100]
    assert timers == []


class Unsent(BaseEstimator):
    """Can not be read in another process: once it is fitted, or ever."""

    def __init__(self, when="fitted", depth=1):
        self.when = when
        self.depth = depth

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def score(self, X, y):
        return float(self.depth)

    def __reduce__(self):
        if self.when == "ever" or hasattr(self, "fitted_"):
            return int, ("no number",)
        return super().__reduce__()


def test_a_fitted_estimator_is_not_sent_to_workers_with_its_default_scorer():
    search = BayesSearchCV(Unsent().fit(X, y), {"depth": [1, 2]}, n_iter=2, cv=2, n_jobs=2, refit=False)
    assert search.fit(X, y).best_params_ == {"depth": 2}


def test_what_workers_can_not_read_is_said():
    search = BayesSearchCV(Unsent("ever"), {"depth": [1, 2]}, n_iter=2, cv=2, n_jobs=2)
    with pytest.raises(ValueError, match="could not read what it was sent, ValueError: invalid literal"):
        search.fit(X, y)


class Exits:
    """Ends the worker that reads it."""

    def __setstate__(self, state):
        if os.getpid() != state["pid"]:
            os._exit(1)

    def __getstate__(self):
        return {"pid": os.getpid()}


def test_a_worker_that_died_before_the_fit_began_is_no_timeout():
    executor = Rounds(fit_timeout=0.5)  # less than a worker takes to begin
    search = BayesSearchCV(
        Faulty(), {"fault": ["none", Exits()]}, cv=2, n_jobs=2, executor=executor, refit=False
    )
    with pytest.warns(FitFailedWarning, match="The worker process of this candidate died"):
        search.fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "failed"]


def test_searches_in_threads_are_not_blamed_for_each_others_workers():
    """joblib has its workers once in a process: when a fit ends one, fits of both searches are lost."""
    found = {}

    def run(fault):
        search = BayesSearchCV(Slow(fault), {"place": (0.0, 1.0)}, n_iter=8, cv=2, n_jobs=2, random_state=0)
        found[fault] = search.set_params(refit=False).fit(X, y).cv_results_["status"]

    threads = [threading.Thread(target=run, args=(fault,)) for fault in ("none", "exit")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found["none"] == "ok").all()
    assert (found["exit"] == "failed").any()


class Slow(Faulty):
    """Commits its fault in some places only."""

    def __init__(self, fault="none", place=0.0):
        super().__init__(fault)
        self.place = place

    def fit(self, X, y):
        time.sleep(0.1)
        fault, self.fault = self.fault, self.fault if self.place > 0.5 else "none"
        super().fit(X, y)
        self.fault = fault
        return self


class Leaving(Faulty):
    """Leaves its fit in a way that is no `Exception`, or swallows all that are."""

    def fit(self, X, y):
        if self.fault == "sys.exit":
            sys.exit(1)
        if self.fault == "own":
            raise NotAnError("as told")
        if self.fault == "swallow":
            end = time.monotonic() + 60
            while time.monotonic() < end:
                with contextlib.suppress(Exception):
                    time.sleep(60)
        if self.fault == "swallow once":
            with contextlib.suppress(BaseException):
                time.sleep(1.0)
        if self.fault == "fork" and os.fork() == 0:
            return self
        if self.fault == "leave a process":
            if os.fork() == 0:
                os.closerange(0, 3)  # whoever reads what the tests print does not wait
                time.sleep(60)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "broken pool":
            raise BrokenProcessPool("as told")
        return super().fit(X, y)


class NotAnError(BaseException):
    pass


def leaving_search(faults, **settings):
    return BayesSearchCV(Leaving(), {"fault": faults}, cv=2, random_state=0, **settings)


def test_a_fit_that_exits_is_a_row():
    with pytest.warns(FitFailedWarning, match="SystemExit: 1"):
        search = leaving_search(["none", "sys.exit", "own"], n_jobs=2).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "failed", "failed"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_exits_are_raised_where_errors_are_to_be_raised(n_jobs):
    with pytest.raises(NotAnError, match="as told"):
        leaving_search(["own"], error_score="raise", n_jobs=n_jobs).fit(X, y)


def test_an_exit_in_the_process_of_the_search_is_meant_for_it():
    with pytest.raises(SystemExit):
        leaving_search(["none", "sys.exit"]).fit(X, y)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_that_returns_from_its_fit_does_not_search_on(tmp_path):
    ends, process = tmp_path / "ends", os.getpid()
    leaving_search(["none", "fork"], refit=False).fit(X, y)
    with ends.open("a") as file:
        file.write("one\n")
    if os.getpid() != process:
        os._exit(1)
    time.sleep(0.5)
    assert ends.read_text() == "one\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_worker_that_dies_and_leaves_a_process_behind_is_a_row():
    start = time.monotonic()
    with pytest.warns(FitFailedWarning, match="worker process of this candidate died"):
        search = leaving_search(["none", "leave a process"], n_jobs=2).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "failed"]
    assert time.monotonic() - start < 45


class WithTool(Faulty):
    """Asks a tool through a pipe of its own, from a process that it forks."""

    pipe = None

    def __setstate__(self, state):
        super().__setstate__(state)
        if WithTool.pipe is None:  # before the first fit of this process
            WithTool.pipe = os.pipe()

    def fit(self, X, y):
        read, write = self.pipe
        child = os.fork()
        if child == 0:
            os.write(write, b"asked")
            os._exit(0)
        os.waitpid(child, 0)
        if not select.select([read], [], [], 10)[0] or os.read(read, 5) != b"asked":
            raise RuntimeError("the pipe is gone")
        return super().fit(X, y)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_a_fit_forks_keeps_the_pipes_of_the_fit():
    get_reusable_executor().shutdown(wait=True)  # those that are new open theirs before the first fit
    search = BayesSearchCV(WithTool(), {"fault": ["none", "none "]}, cv=2, n_jobs=2, refit=False).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "ok"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_broken_pool_of_the_fit_is_an_error_as_others_are(n_jobs):
    with pytest.raises(RuntimeError, match="BrokenProcessPool: as told"):
        leaving_search(["broken pool"], error_score="raise", n_jobs=n_jobs).fit(X, y)


def test_fits_that_a_lost_worker_took_with_it_are_run_again_side_by_side():
    executor = Stream(fit_timeout=1.0)
    search = faulty_search(["none", "exit", "c code", "raise"], executor, n_jobs=2, refit=False)
    start = time.monotonic()
    with pytest.warns(FitFailedWarning, match=r"longer than fit_timeout=1\.0 seconds"):
        search.fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "failed", "timeout", "failed"]
    assert search.cv_results_["wall_time"][2] >= 1.0
    # Each fit in C code has had its time once, at most, beside others, and none more alone.
    assert time.monotonic() - start < 30


def test_a_fit_that_swallows_errors_is_interrupted_nevertheless():
    start = time.monotonic()
    with pytest.warns(FitFailedWarning, match="fit_timeout=0.2"):
        search = leaving_search(["none", "swallow"], executor=Rounds(fit_timeout=0.2), refit=False).fit(X, y)
    assert time.monotonic() - start < 30
    assert search.cv_results_["status"].tolist() == ["ok", "timeout"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fit_that_swallows_the_interrupt_and_returns_has_no_score(n_jobs):
    executor = Rounds(fit_timeout=0.3)
    with pytest.warns(FitFailedWarning, match="fit_timeout=0.3"):
        search = leaving_search(["swallow once", "none"], n_jobs=n_jobs, executor=executor).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["timeout", "ok"]
    assert np.isnan(search.cv_results_["mean_test_score"][0])
    assert search.best_params_ == {"fault": "none"}
    with pytest.raises(TimeoutError, match=r"fit_timeout=0\.3"):
        leaving_search(["swallow once"], n_jobs=n_jobs, executor=executor, error_score="raise").fit(X, y)


def test_a_search_within_a_search_ends_when_the_time_of_the_outer_fit_is_up():
    inner = leaving_search(["none"], executor=Rounds(fit_timeout=100))
    inner.set_params(estimator=Faulty("sleep"), param_distributions={"pid": list(range(50))})
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"fit_timeout=0\.5"):
        BayesSearchCV(inner, {"n_iter": [50]}, cv=2, executor=Rounds(fit_timeout=0.5)).fit(X, y)
    assert time.monotonic() - start < 30


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_a_timer_of_somebody_else_goes_on():
    rung = []
    handler = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 100)
        leaving_search(["none"], executor=Rounds(fit_timeout=5)).fit(X, y)
        assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] < 100
        signal.setitimer(signal.ITIMER_REAL, 0.1)  # it rings during a fit, which is interrupted nevertheless
        with pytest.raises(ValueError, match="3 fits failed"):
            faulty_search(["sleep"], Rounds(fit_timeout=0.5)).fit(X, y)
        assert rung == [True]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


@pytest.mark.parametrize("seconds", [1e-9, 1e-5, 1e-4])
def test_a_time_limit_that_no_fit_keeps_is_a_timeout_wherever_it_strikes(seconds):
    search = BayesSearchCV(
        Faulty("sleep"), {"pid": list(range(30))}, cv=2, executor=Rounds(fit_timeout=seconds)
    )
    with pytest.raises(ValueError, match=r"60 fits failed with the following error:\n *the fit took longer"):
        search.fit(X, y)


class Deaf(Faulty):
    """Hears the second interrupt only."""

    def fit(self, X, y):
        try:
            time.sleep(60)
        except BaseException:
            time.sleep(60)
        raise RuntimeError("not interrupted")


def test_an_interrupt_that_gets_lost_is_repeated():
    search = BayesSearchCV(Deaf(), {"pid": [1]}, n_iter=1, cv=2, executor=Rounds(fit_timeout=0.2))
    with pytest.raises(ValueError, match="the fit took longer"):
        search.fit(X, y)


class Unsendable(Unsent):
    """Has a warm start, and can not be sent anywhere once it is fitted."""

    def __init__(self, depth=1, n=9, warm_start=False):
        super().__init__(depth=depth)
        self.n = n
        self.warm_start = warm_start

    def __reduce__(self):
        if hasattr(self, "fitted_"):
            raise RuntimeError("no way")
        return super().__reduce__()


def test_a_model_that_can_not_be_sent_is_fitted_from_the_start_in_every_step():
    settings = {"cv": 2, "resource": "n", "n_jobs": 2, "refit": False}
    search = BayesSearchCV(Unsendable(), {"depth": [1, 2]}, **settings).fit(X, y)
    assert search.best_params_ == {"depth": 2, "n": 9}


class Unsendables(Exception):
    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


class Raising(Faulty):
    def fit(self, X, y):
        raise Unsendables(1, 2)


class LargeState(ClassifierMixin, BaseEstimator):
    """Changes an array in place when it goes on, one that joblib would rather have in a file."""

    def __init__(self, quality=0.5, n_epochs=9, warm_start=False, folder="."):
        self.quality = quality
        self.n_epochs = n_epochs
        self.warm_start = warm_start
        self.folder = folder

    def fit(self, X, y):
        assert len(list(Path(self.folder).rglob("*.pkl"))) == 0
        if not (self.warm_start and hasattr(self, "state_")):
            self.classes_, self.state_ = np.unique(y), np.zeros(300_000)
        self.state_ += self.n_epochs
        return self

    def score(self, X, y):
        return self.quality * self.state_[0]


def test_large_models_go_on_in_workers_and_leave_no_files(tmp_path, monkeypatch):
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    settings = {"n_iter": 6, "cv": 2, "resource": "n_epochs", "refit": False, "random_state": 0}
    search = BayesSearchCV(
        LargeState(folder=str(tmp_path)), {"quality": (0.1, 1.0)}, n_jobs=2, executor="stream", **settings
    )
    results = search.fit(X, y).cv_results_
    assert set(results["status"]) <= {"ok", "stopped"}
    assert search.best_score_ == pytest.approx(9 * search.best_params_["quality"])


def test_workers_that_die_while_they_wait_are_replaced(monkeypatch):
    psutil = pytest.importorskip("psutil")
    ask, n_asked = BayesianOptimizer.ask, 0

    def killing(self, n=1):
        nonlocal n_asked
        n_asked += 1
        for process in psutil.Process().children() if n_asked in (3, 5) else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "--process-name" in process.cmdline():  # a worker
                    process.kill()
                    process.wait()
        time.sleep(0.3)  # the pool takes note of it
        return ask(self, n)

    monkeypatch.setattr(BayesianOptimizer, "ask", killing)
    space = {"fault": [f"none {i}" for i in range(20)]}
    settings = {"n_iter": 6, "n_jobs": 2, "refit": False, "executor": Rounds(n_points=1), "cv": 2}
    results = BayesSearchCV(Harmless(), space, **settings).fit(X, y).cv_results_
    assert n_asked >= 6
    assert (results["status"] == "ok").all()


class Harmless(Faulty):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_time_limit_needs_no_room_on_the_disk():
    with WATCHDOG.limit(60, "/dev/full"):
        pass


@pytest.mark.parametrize(
    ("fault", "fit_timeout", "status"), [("exit", None, "failed"), ("c code", 0.5, "timeout")]
)
def test_where_no_temporary_file_can_be_made_faults_are_rows_nevertheless(
    tmp_path, monkeypatch, fault, fit_timeout, status
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "removed"))
    with pytest.warns(FitFailedWarning):
        search = faulty_search(["none", fault], Rounds(fit_timeout=fit_timeout), n_jobs=2).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", status]


def test_an_error_that_can_not_be_sent_is_said_in_words():
    search = BayesSearchCV(Raising(), {"fault": ["none"]}, cv=2, n_jobs=2, error_score="raise")
    with pytest.raises(RuntimeError, match=r"Unsendables: 1 and 2"):
        search.fit(X, y)


@pytest.mark.parametrize("executor", [Rounds(fit_timeout=5.0), Stream(fit_timeout=5.0)], ids=repr)
def test_a_time_limit_that_threads_can_not_keep_is_said(executor):
    caught = []

    def run():
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            leaving_search(["none"], executor=executor, refit=False).fit(X, y)
        caught.extend(str(warning.message) for warning in found)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert any("fit_timeout=5.0 has no effect: the fits run in threads" in message for message in caught)
