"""Devices: one fit at a time on each entry of a list, and nothing left behind."""

# ruff: noqa: E402
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from joblib import effective_n_jobs, parallel_config
from sklearn.svm import SVC
from toys import MLP, blobs, make_net

from sksearch import BayesSearchCV
from sksearch.execution import Rounds, Stream
from sksearch.nets.devices import claimed, move
from sksearch.nets.environment import NetEnvironment
from sksearch.nets.randomness import seeded

X, y = blobs()
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file locks")


def search_over(estimator, space=None, **settings):
    space = {"lr": (0.01, 0.5)} if space is None else space
    return BayesSearchCV(estimator, space, **({"n_iter": 4, "cv": 2, "random_state": 0} | settings))


class Logged(MLP):
    """Writes down when it is trained, and where."""

    def __init__(self, folder="", hidden=8):
        super().__init__(hidden=hidden)
        self.folder = folder

    def forward(self, X):
        if self.training and self.folder:
            start = time.time()
            time.sleep(0.05)
            name = f"{os.getpid()}-{threading.get_ident()}-{start}"
            Path(self.folder, name).write_text(f"{start} {time.time()}")
        return super().forward(X)


def most_at_once(folder):
    spans = [tuple(map(float, path.read_text().split())) for path in folder.iterdir()]
    return max(
        sum(start < moment < end for start, end in spans) for moment, _ in ((s + 1e-4, e) for s, e in spans)
    )


@pytest.mark.filterwarnings("ignore:Networks that are trained in")
@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("executor", [Rounds, Stream])
@pytest.mark.parametrize("n_devices", [1, 2])
def test_as_many_fits_run_as_there_are_entries(tmp_path, backend, executor, n_devices):
    net = make_net(Logged, module__folder=str(tmp_path), batch_size=-1, max_epochs=2)
    with parallel_config(backend=backend):
        fitted = search_over(net, executor=executor(devices=["cpu"] * n_devices), refit=False).fit(X, y)
    assert set(fitted.cv_results_["status"]) == {"ok"}
    assert most_at_once(tmp_path) == n_devices


def test_every_claim_has_a_device_of_its_own(tmp_path):
    devices = ["cuda:0", "cuda:0", "cuda:1"]
    held, seen, lock = [], [], threading.Lock()

    def work():
        for _ in range(20):
            with claimed(devices, tmp_path) as device:
                with lock:
                    held.append(device)
                    seen.append(sorted(held))
                time.sleep(0.001)
                with lock:
                    held.remove(device)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert devices in seen
    assert all(now.count("cuda:0") <= 2 and now.count("cuda:1") <= 1 for now in seen)


def test_the_device_of_a_process_that_is_killed_is_free_again(tmp_path):
    code = (
        "import sys, time; from sksearch.nets.devices import claimed\n"
        "with claimed(['cuda:0'], sys.argv[1]): print('mine', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "mine\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    with claimed(["cuda:0"], tmp_path) as device:
        assert device == "cuda:0"


def where(net, X, y):
    """1 where a network is on the device that the search handed out, not on the one it names itself."""
    return float(net.device == "cpu:0" and next(net.module_.parameters()).device.type == "cpu")


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("resource", [None, "max_epochs"])
def test_the_device_is_handed_to_the_fits_and_not_to_the_refit(n_jobs, resource):
    settings = {"executor": Rounds(devices=["cpu:0", "cpu:0"]), "resource": resource, "n_jobs": n_jobs}
    fitted = search_over(make_net(max_epochs=9), scoring=where, **settings).fit(X, y)
    assert set(fitted.cv_results_["mean_test_score"][fitted.cv_results_["status"] == "ok"]) == {1.0}
    assert fitted.best_estimator_.device == "cpu"


@pytest.mark.parametrize(
    ("device", "devices", "n_jobs", "expected"),
    [
        ("cuda", None, None, 1),
        ("cuda:1", None, None, 1),
        ("cuda", None, 2, 2),
        ("cpu", None, 2, 2),
        ("cpu", ["cuda:0", "cuda:1"], None, 2),
        ("cpu", ["cuda:0", "cuda:1", "cuda:1"], -1, 3),
        ("cpu", ["cuda:0", "cuda:1"], 1, 1),
    ],
)
def test_how_many_fits_run_at_a_time(monkeypatch, device, devices, n_jobs, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with (
        parallel_config(n_jobs=3),
        NetEnvironment().open(make_net(device=device), n_jobs, devices) as resolved,
    ):
        assert effective_n_jobs(resolved) == expected


@pytest.mark.parametrize(
    ("devices", "n_jobs", "message"),
    [
        (["cpu"], 2, r"n_jobs=2 is more than the 1 entries of devices=\['cpu'\].*list it twice"),
        ("cuda:0", None, r"devices must be a list such as \['cuda:0', 'cuda:1'\], got 'cuda:0'"),
        ([], None, "devices must be a list"),
        (["gpu"], None, "'gpu' is no device of torch; write 'cuda:0' or 'cpu'"),
        (["cuda:99"], None, r"device='cuda:99' does not exist: torch sees \d+ CUDA devices"),
    ],
)
def test_mistakes_are_said_before_any_fit(devices, n_jobs, message):
    with pytest.raises(ValueError, match=message):
        search_over(make_net(), executor=Stream(devices=devices), n_jobs=n_jobs).fit(X, y)


def test_a_device_of_a_net_that_does_not_exist_is_said_before_any_fit():
    with pytest.raises(ValueError, match="device='cuda:99' does not exist"):
        search_over(make_net(device="cuda:99")).fit(X, y)


def test_devices_are_for_nets():
    with pytest.raises(
        ValueError, match=r"devices=.* is for networks, and the estimator holds no skorch net"
    ):
        search_over(SVC(), {"C": [1.0, 2.0]}, executor=Rounds(devices=["cpu"])).fit(X, y)


class Hungry(MLP):
    """Runs out of memory while it is trained, as torch says it."""

    def __init__(self, error="none", hidden=8):
        super().__init__(hidden=hidden)
        self.error = error

    def forward(self, X):
        if self.training and self.error == "gpu":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        if self.training and self.error == "cpu":
            torch.empty(2**60)
        if self.training and self.error == "numpy":
            np.empty(2**50)
        return super().forward(X)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_out_of_memory_is_a_status_of_its_own(tmp_path, n_jobs):
    space = {"module__error": ["none", "gpu", "none ", "cpu", "numpy"]}
    settings = {"n_iter": 5, "n_jobs": n_jobs, "journal": tmp_path / "journal.jsonl", "refit": False}
    for _ in range(2):  # the second time from the journal
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = search_over(make_net(Hungry), space, **settings).fit(X, y)
        assert fitted.cv_results_["status"].tolist() == ["ok", "oom", "ok", "oom", "oom"]
        assert np.isnan(fitted.cv_results_["mean_test_score"][[1, 3, 4]]).all()
        assert fitted.best_params_["module__error"].strip() == "none"


def test_the_cache_is_emptied_after_every_fit_on_a_gpu(monkeypatch):
    emptied = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", list)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", lambda states: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    search_over(make_net(), refit=False).fit(X, y)
    assert len(emptied) == 4 * 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_gpu_that_failed_does_not_end_the_search(monkeypatch):
    class Asserting(MLP):
        def forward(self, X):
            if self.training and self.layers[0].out_features == 13:
                raise RuntimeError("CUDA error: device-side assert triggered")
            return super().forward(X)

    def fails(*args):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", list)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", fails)
    monkeypatch.setattr(torch.cuda, "empty_cache", fails)
    monkeypatch.setattr("sksearch.nets.environment.move", fails)
    settings = {"executor": Rounds(devices=["cpu:0"]), "refit": False}
    fitted = search_over(make_net(Asserting), {"module__hidden": [4, 13, 8]}, **settings).fit(X, y)
    assert fitted.cv_results_["status"].tolist() == ["ok", "failed", "ok"]


def test_the_generators_of_gpus_are_left_as_they_were(monkeypatch):
    restored = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: ["as before"])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", restored.append)
    with seeded(0, 1):
        assert not restored
    assert restored == [["as before"]]


def test_a_net_moves_with_its_criterion_and_the_state_of_its_optimizer():
    net = make_net(optimizer=torch.optim.Adam, criterion__weight=torch.ones(3), max_epochs=1).fit(X, y)
    with swapped_parameters():
        move(net, "meta")
    averages = [state["exp_avg"] for state in net.optimizer_.state.values()]
    tensors = [*net.module_.parameters(), net.criterion_.weight, *averages]
    assert len(averages) == len(list(net.module_.parameters()))
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert net.device == "meta"


@contextmanager
def swapped_parameters():
    """Let parameters stay the same objects when they move to "meta", as they do when they move to a GPU."""
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        yield
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("resource", [None, "max_epochs"])
def test_on_a_gpu(n_jobs, resource):
    settings = {"resource": resource, "n_jobs": n_jobs, "executor": Rounds(devices=["cuda:0", "cuda:0"])}
    fitted = search_over(make_net(device="cuda", max_epochs=9), **settings).fit(X, y)
    assert set(fitted.cv_results_["status"]) <= {"ok", "stopped"}
    assert next(fitted.best_estimator_.module_.parameters()).device.type == "cuda"
    np.testing.assert_array_equal(
        fitted.cv_results_["mean_n_epochs"], fitted.cv_results_["n_resources"] if resource else 9
    )
