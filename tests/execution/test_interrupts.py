"""Ctrl-C while a search keeps its books."""

import os
import signal
import sys
import threading
from multiprocessing.dummy import DummyProcess

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sksearch import BayesSearchCV
from sksearch.execution.interrupts import interrupts_may_wait
from sksearch.study import Study

X, y = load_iris(return_X_y=True)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def interrupted(n_times, done):
    with interrupts_may_wait() as undisturbed, undisturbed:
        for _ in range(n_times):
            interrupt()
        done.append(True)


@pytest.mark.parametrize(("n_times", "is_done"), [(1, True), (2, False)])
def test_the_first_interrupt_waits_for_the_end_and_the_second_does_not(n_times, is_done):
    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(n_times, done)
    assert bool(done) == is_done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_are_let_alone():
    handlers = []

    def look():
        with interrupts_may_wait() as undisturbed, undisturbed:
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


@pytest.mark.parametrize("executor", ["rounds", "stream"])
@pytest.mark.parametrize("resource", [None, "folds"])
def test_ctrl_c_while_the_optimizer_is_told_keeps_what_was_finished(monkeypatch, executor, resource):
    concatenate, told = np.concatenate, []

    def interrupting(*args, **options):
        if sys._getframe(1).f_code.co_name == "tell":
            told.append(True)
            if len(told) == 20:
                interrupt()
        return concatenate(*args, **options)

    monkeypatch.setattr(np, "concatenate", interrupting)
    search = BayesSearchCV(SVC(), {"C": (1e-3, 1e3, "log-uniform")}, n_iter=50, cv=3, random_state=0)
    search.set_params(executor=executor, resource=resource)
    with pytest.warns(UserWarning, match="was interrupted after"):
        search.fit(X, y)
    assert 5 < len(search.cv_results_["params"]) < 50
    assert len(search.optimizer_.points) == len(search.optimizer_.values)


def fit_and_wait_for_threads(search):
    """Fits that are under way have filters of warnings to give back: those of this test, not of the next."""
    search.fit(X, y)
    for thread in threading.enumerate():
        if isinstance(thread, DummyProcess):
            thread.join()


@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_ctrl_c_with_fits_under_way_says_nothing_of_unused_results(monkeypatch, executor):
    receive, received = Study.receive, []

    def interrupting(self, *outcome):
        received.append(True)
        if len(received) == 20:
            interrupt()
        return receive(self, *outcome)

    monkeypatch.setattr(Study, "receive", interrupting)
    search = BayesSearchCV(SVC(), {"C": (1e-3, 1e3, "log-uniform")}, n_iter=50, cv=3, n_jobs=2)
    search.set_params(executor=executor, random_state=0)
    with parallel_config(backend="threading"), pytest.warns(UserWarning, match="interrupted") as warned:
        fit_and_wait_for_threads(search)
    assert len(warned) == 1
