"""Searches on a real cluster of Dask worker processes, through joblib."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from uuid import uuid4

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression

from sksearch import BayesSearchCV
from sksearch.execution import Rounds, Stream
from sksearch.execution.workers import Workers

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")  # distributed needs it as well

X, y = load_iris(return_X_y=True)
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


CONFIG = {
    # The cluster looks this long after it lost a worker whether there is a new one, and stops its nanny for
    # good if the new one has just died as well.
    "distributed.deploy.lost-worker-timeout": "1h",
    "distributed.scheduler.allowed-failures": 1,  # so that a fit which kills all its workers takes less time
}


@contextmanager
def cluster():
    """Two workers, of which no process is left in the end."""
    resource_tracker.ensure_running()  # a process that stays
    before = set(psutil.Process().children(recursive=True))
    with (
        dask.config.set(CONFIG),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client
    _, left = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, timeout=10)
    assert not left


@pytest.fixture(scope="module")
def healthy_cluster():
    with cluster() as client:
        yield client


@pytest.fixture
def on_dask(healthy_cluster):
    with joblib.parallel_config(backend="dask"):
        yield


@pytest.fixture
def on_own_dask():
    """A cluster for a test that kills its workers."""
    with cluster() as client, joblib.parallel_config(backend="dask"):
        yield client


class Faulty(ClassifierMixin, BaseEstimator):
    def __init__(self, fault="none", began=None):
        self.fault = fault
        self.began = began

    def fit(self, X, y):
        if self.began is not None:
            self.began.touch()
            time.sleep(0.1)
        if self.fault == "exit":
            os._exit(3)
        if self.fault == "raise":
            raise RuntimeError("as told")
        if self.fault == "leave":
            sys.exit(3)
        if self.fault == "sleep":
            time.sleep(60)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Text(str):
    """Counts how often it is pickled."""

    n_pickled = 0

    def __reduce__(self):
        Text.n_pickled += 1
        return str, (str(self),)


@pytest.mark.parametrize(
    "kind", [np.asarray, sparse.csr_matrix, pd.DataFrame], ids=lambda kind: kind.__name__
)
def test_rounds_on_a_cluster_give_what_one_process_gives(on_dask, kind):
    def search():
        return BayesSearchCV(
            LogisticRegression(max_iter=1000),
            {"C": (1e-3, 1e3, "log-uniform")},
            n_iter=8,
            cv=3,
            random_state=0,
            executor=Rounds(n_points=2),
        ).fit(kind(X), y, sample_weight=np.linspace(1, 2, len(y)))

    on_cluster = search().cv_results_
    with joblib.parallel_config(backend="sequential"):
        here = search().cv_results_
    np.testing.assert_array_equal(on_cluster["param_C"], here["param_C"])
    np.testing.assert_array_equal(on_cluster["mean_test_score"], here["mean_test_score"])


@pytest.mark.parametrize("executor", [Rounds(), Stream()], ids=repr)
def test_data_is_sent_once_even_where_joblib_would_send_it_with_every_task(on_dask, executor):
    texts = [Text(f"text {i}") for i in range(60)]  # a list has no weak references
    space = {"random_state": (0, 10**6)}
    for n_iter in (3, 12):
        Text.n_pickled = 0
        search = BayesSearchCV(DummyClassifier(), space, n_iter=n_iter, cv=3, refit=False, executor=executor)
        search.fit(texts, np.arange(60) % 2)
        assert search.cv_results_["status"].tolist() == ["ok"] * n_iter
        assert Text.n_pickled == len(texts)  # to the scheduler


@pytest.mark.parametrize("executor", [Rounds(), Stream()], ids=repr)
def test_a_worker_that_is_killed_costs_no_candidate(on_own_dask, executor, tmp_path):
    pids = list(on_own_dask.run(os.getpid).values())
    began = tmp_path / "began"

    def kill():
        while not began.exists():
            time.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    search = BayesSearchCV(
        Faulty(began=began), {"fault": ["none", "a", "b", "c"]}, cv=3, refit=False, executor=executor
    ).fit(X, y)
    killer.join()
    assert search.cv_results_["status"].tolist() == ["ok"] * 4


def test_a_fit_that_kills_its_workers_is_a_row_and_every_other_candidate_is_evaluated(on_own_dask):
    with pytest.warns(FitFailedWarning, match="worker process of this candidate died"):
        search = BayesSearchCV(
            Faulty(), {"fault": ["none", "exit", "raise", "a"]}, cv=2, refit=False, executor=Stream()
        ).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "failed", "failed", "ok"]


def test_each_fit_is_blamed_for_what_it_did_itself(on_own_dask):
    executor = Rounds(n_points=6, fit_timeout=0.3)
    with pytest.warns(FitFailedWarning):
        search = BayesSearchCV(
            Faulty(),
            {"fault": ["sleep", "none", "exit", "raise", "a", "b"]},
            cv=2,
            refit=False,
            executor=executor,
        ).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["timeout", "ok", "failed", "failed", "ok", "ok"]


@pytest.mark.parametrize("same_disk", [True, False])
def test_a_fit_that_does_not_return_is_a_row(on_own_dask, same_disk, monkeypatch):
    on_own_dask.cluster.scheduler.allowed_failures = 0  # each takes the time limit
    if not same_disk:
        task = Workers._task
        monkeypatch.setattr(
            Workers, "_task", lambda self, fit, report="": task(self, fit, "/not/here/report")
        )
    with pytest.warns(FitFailedWarning, match="fit_timeout=0.3"):
        search = BayesSearchCV(
            Faulty(), {"fault": ["none", "sleep"]}, cv=2, refit=False, executor=Rounds(fit_timeout=0.3)
        ).fit(X, y)
    assert search.cv_results_["status"].tolist() == ["ok", "timeout"]


class Sleeper(Faulty):
    def fit(self, X, y):
        start = time.time()
        time.sleep(0.3)
        Path(self.began, uuid4().hex).write_text(f"{start} {time.time()}")
        self.classes_ = np.unique(y)
        return self


def test_workers_that_join_a_stream_later_get_fits_too(on_own_dask, tmp_path):
    command = [sys.executable, "-m", "distributed.cli.dask_worker", on_own_dask.scheduler.address]
    command += ["--nthreads", "8", "--no-nanny", "--no-dashboard"]
    search = BayesSearchCV(
        Sleeper(began=str(tmp_path)),
        {"fault": [f"none {i}" for i in range(200)]},
        n_iter=40,
        cv=3,
        refit=False,
        random_state=0,
        executor="stream",
    )
    own_modules = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    silent = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
    with subprocess.Popen(command, env=own_modules, **silent) as worker:
        try:
            search.fit(X, y)
        finally:
            worker.kill()
    spans = [[float(word) for word in file.read_text().split()] for file in tmp_path.iterdir()]
    assert len(spans) == 120
    # Two workers have four fits under way, so that no more than four would ever run.
    assert max(sum(begin <= start < end for begin, end in spans) for start, _ in spans) > 6


def test_where_workers_are_threads_fits_can_not_be_interrupted_and_that_is_said():
    options = {"processes": False, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    with distributed.Client(n_workers=1, threads_per_worker=2, **options), joblib.parallel_config("dask"):
        search = BayesSearchCV(
            Faulty(), {"fault": ["none", "leave"]}, cv=2, refit=False, executor=Rounds(fit_timeout=5.0)
        )
        with pytest.warns(UserWarning, match="has no effect: the fits run in threads"):
            search.fit(X, y)
    status = dict(
        zip((p["fault"] for p in search.cv_results_["params"]), search.cv_results_["status"], strict=True)
    )
    assert status == {"none": "ok", "leave": "failed"}
