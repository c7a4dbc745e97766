"""What is done around the fits of networks: seeds, Ctrl-C, files, threads, data."""

# ruff: noqa: E402
import os
import pickle
import random
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from joblib import parallel_config
from sklearn.model_selection import KFold, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from skorch import NeuralNet
from skorch.callbacks import Checkpoint, EarlyStopping, TrainEndCheckpoint
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import SliceDataset, SliceDict
from torch import nn
from toys import MLP, blobs, make_net

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.execution import Rounds, Stream

X, y = blobs()
LR = {"lr": (1e-3, 1.0, "log-uniform")}


def search_over(estimator, space=LR, **settings):
    return BayesSearchCV(estimator, space, **({"n_iter": 4, "cv": 3, "random_state": 0} | settings))


# -- candidates and seeds ---------------------------------------------------------------------------


class Typed(MLP):
    """Takes Python numbers only."""

    def __init__(self, hidden=8, dropout=0.0):
        assert type(hidden) is int, type(hidden)
        assert type(dropout) is float, type(dropout)
        super().__init__(hidden=hidden, dropout=dropout)


@pytest.mark.parametrize("searcher", [BayesSearchCV, GeneticSearchCV])
def test_a_net_is_tuned_in_all_its_parts(searcher):
    space = {
        "lr": (1e-3, 1.0, "log-uniform"),
        "module__hidden": np.array([4, 8, 16]),
        "module__dropout": (0.0, 0.5),
        "optimizer": [torch.optim.SGD, torch.optim.Adam],
        "optimizer__weight_decay": (1e-6, 1e-2, "log-uniform"),
        "batch_size": [16, 32],
    }
    search = searcher(make_net(Typed), space, n_iter=6, cv=3, random_state=0).fit(X, y)
    assert set(search.cv_results_["status"]) == {"ok"}
    assert search.best_score_ > 0.5
    assert search.best_estimator_.module_.layers[0].out_features == search.best_params_["module__hidden"]
    assert search.predict(X).shape == (120,)


def test_candidates_that_the_user_gives_reach_the_module_as_python_numbers():
    given = [{"module__hidden": np.int64(5), "module__dropout": np.float64(0.25)}]
    space = {"module__hidden": (4, 16), "module__dropout": (0.0, 0.5)}
    results = search_over(make_net(Typed), space, n_iter=2, initial_params=given).fit(X, y).cv_results_
    assert results["params"][0] == {"module__hidden": 5, "module__dropout": 0.25}
    assert set(results["status"]) == {"ok"}


def scores_of(fitted):
    return {
        p["lr"]: s
        for p, s in zip(fitted.cv_results_["params"], fitted.cv_results_["mean_test_score"], strict=True)
    }


@pytest.mark.parametrize("estimator", [make_net(), make_pipeline(StandardScaler(), make_net())])
def test_scores_depend_on_neither_workers_nor_what_the_process_did_before(estimator):
    space = {("lr" if hasattr(estimator, "lr") else "neuralnetclassifier__lr"): [0.01, 0.1, 0.3, 1.0]}
    results = []
    for n_jobs, before in [(None, 1), (None, 2), (2, 3)]:
        torch.manual_seed(before)
        np.random.seed(before)
        random.seed(before)
        fitted = search_over(estimator, space, n_jobs=n_jobs).fit(X, y)
        weights = nn.utils.parameters_to_vector(nets(fitted)[0].module_.parameters())
        results.append((fitted.cv_results_["mean_test_score"].tolist(), weights.tolist()))
    assert results[0] == results[1] == results[2]


def nets(search):
    best = search.best_estimator_
    return [best if hasattr(best, "module_") else best[-1]]


def test_a_plain_search_depends_on_what_was_tried_before():
    settings = {"n_iter": 2, "cv": 3, "random_state": 0, "refit": False}
    scores = []
    for before in (1, 2):
        torch.manual_seed(before)
        scores.append(RandomizedSearchCV(make_net(), {"lr": [0.01, 0.1]}, **settings).fit(X, y))
    one, other = (search.cv_results_["mean_test_score"].tolist() for search in scores)
    assert one != other  # else the test above shows nothing


def test_the_same_seed_gives_other_numbers_to_other_trials_and_folds():
    first_weights = []

    class Watched(MLP):
        def __init__(self, hidden=8):
            super().__init__(hidden=hidden)
            first_weights.append(float(self.layers[0].weight[0, 0].detach()))

    search_over(make_net(Watched), {"lr": [0.1, 0.2]}, n_iter=2, refit=False).fit(X, y)
    assert len(set(first_weights[-6:])) == 6


def test_global_generators_are_left_as_they_were():
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    expected = torch.rand(1).item(), np.random.rand(), random.random()
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    search_over(make_net(), n_iter=2).fit(X, y)
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected


def test_a_net_is_one_choice_among_other_estimators():
    pipeline = make_pipeline(StandardScaler(), SVC())
    space = [{"svc": [SVC()], "svc__C": [1.0, 10.0]}, {"svc": [make_net()], "svc__lr": [0.1, 0.3]}]
    fitted = search_over(pipeline, space, n_iter=4).fit(X, y)
    assert fitted.cv_results_["status"].tolist() == ["ok"] * 4
    with_nets = ["svc__lr" in params for params in fitted.cv_results_["params"]]
    np.testing.assert_array_equal(np.isfinite(fitted.cv_results_["mean_n_epochs"]), with_nets)


def test_where_no_net_is_torch_is_not_loaded():
    code = (
        "import sys; from sklearn.svm import SVC; from sklearn.datasets import load_iris; "
        "from sksearch import BayesSearchCV; "
        "BayesSearchCV(SVC(), {'C': [1, 2]}, n_iter=2).fit(*load_iris(return_X_y=True)); "
        "assert 'torch' not in sys.modules and 'sksearch.nets' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr


# -- Ctrl-C -----------------------------------------------------------------------------------------


class Interrupted(MLP):
    """The user presses Ctrl-C while it is trained."""

    def __init__(self, hidden=8):
        super().__init__(hidden=hidden)
        self.hidden = hidden

    def forward(self, X):
        if self.hidden == 13 and self.training:
            os.kill(os.getpid(), signal.SIGINT)
        return super().forward(X)


HIDDEN = {"module__hidden": [4, 13, 8, 16]}


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_the_search_and_the_half_trained_net_is_no_result():
    handler = signal.getsignal(signal.SIGINT)
    with pytest.warns(UserWarning, match="interrupted after 2 of 4 candidates"):
        fitted = search_over(
            make_net(Interrupted),
            HIDDEN,
            timeout=1e6,
            initial_params=[{"module__hidden": h} for h in (4, 8, 13)],
        ).fit(X, y)
    assert fitted.cv_results_["param_module__hidden"].tolist() == [4, 8]
    assert fitted.cv_results_["status"].tolist() == ["ok", "ok"]
    assert fitted.best_estimator_.initialized_
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_plain_search_records_the_half_trained_net_and_goes_on():
    space = {"module__hidden": [13]}
    fitted = RandomizedSearchCV(make_net(Interrupted), space, n_iter=1, cv=3, refit=False).fit(X, y)
    assert np.isfinite(fitted.cv_results_["mean_test_score"]).all()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_in_the_refit_leaves_the_finished_search():
    class InterruptedLater(MLP):
        def forward(self, X):
            if self.training and len(X) > 80:  # folds have 80 rows
                os.kill(os.getpid(), signal.SIGINT)
            return super().forward(X)

    search = search_over(make_net(InterruptedLater, batch_size=-1), n_iter=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == 2
    assert not hasattr(search, "best_estimator_")


# -- files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("resource", [None, "max_epochs"])
def test_every_fit_has_its_own_checkpoints_and_leaves_no_file(tmp_path, monkeypatch, n_jobs, resource):
    monkeypatch.chdir(tmp_path)
    net = make_net(
        callbacks=[("best", Checkpoint(load_best=True)), TrainEndCheckpoint(), EarlyStopping(patience=3)],
        train_split=ValidSplit(0.25),
        max_epochs=9,
    )
    space = {"module__hidden": [4, 8, 16, 32], "lr": [0.1, 0.5]}  # files of one do not fit another
    fitted = search_over(net, space, n_iter=6, n_jobs=n_jobs, resource=resource, refit=False).fit(X, y)
    assert {"ok"} <= set(fitted.cv_results_["status"]) <= {"ok", "stopped"}
    assert list(tmp_path.iterdir()) == []
    assert (fitted.cv_results_["mean_best_epoch"] <= fitted.cv_results_["mean_n_epochs"]).all()


def test_the_refit_writes_where_the_user_says(tmp_path):
    callbacks = [Checkpoint(dirname=str(tmp_path / "mine"), load_best=True)]
    net = make_net(callbacks=callbacks, train_split=ValidSplit(0.25))
    fitted = search_over(net, n_iter=2).fit(X, y)
    assert (tmp_path / "mine" / "params.pt").exists()
    assert fitted.best_estimator_.callbacks[0].dirname == str(tmp_path / "mine")


# -- what is kept -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_fitted_search_pickles(n_jobs):
    net = make_net(callbacks=[EarlyStopping(load_best=True, sink=len)], train_split=ValidSplit(0.25))
    settings = {"n_jobs": n_jobs, "resource": "max_epochs", "max_resources": 9}
    fitted = search_over(net, {"optimizer": [torch.optim.SGD, torch.optim.Adam]} | LR, **settings).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_trials_are_quiet(capfd):
    search_over(make_net(verbose=1), refit=False).fit(X, y)
    out, err = capfd.readouterr()
    assert out == err == ""


# -- data -------------------------------------------------------------------------------------------


class Named(MLP):
    def forward(self, left, right):
        return super().forward(torch.cat([left, right], dim=1))


def negative_loss(net, X, y=None):
    losses = [net.validation_step(batch)["loss"].item() for batch in net.get_iterator(net.get_dataset(X, y))]
    return -float(np.mean(losses))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_dicts_datasets_and_memmaps(tmp_path, n_jobs):
    mapped = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    mapped[:] = X
    expected = search_over(make_net(), n_jobs=n_jobs).fit(X, y)
    for data, target, net in [
        (SliceDict(left=X[:, :3], right=X[:, 3:]), y, make_net(Named)),
        (SliceDataset(Dataset(X, y)), y, make_net()),
        (mapped, y, make_net()),
    ]:
        fitted = search_over(net, n_jobs=n_jobs).fit(data, target)
        np.testing.assert_allclose(fitted.best_score_, expected.best_score_)
        assert fitted.predict(data).shape == (120,)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_dataset_that_has_its_targets(n_jobs):
    net = NeuralNet(MLP, nn.CrossEntropyLoss, train_split=None, verbose=0, lr=0.1, max_epochs=3)
    settings = {"scoring": negative_loss, "cv": KFold(3), "n_jobs": n_jobs}
    of_dataset = search_over(net, **settings).fit(Dataset(X, y))
    of_arrays = search_over(net, **settings).fit(X, y)
    np.testing.assert_allclose(of_dataset.best_score_, of_arrays.best_score_)
    with pytest.raises(Exception, match=r"."):
        RandomizedSearchCV(net, {"lr": [0.1]}, n_iter=1, scoring=negative_loss, cv=KFold(3)).fit(
            Dataset(X, y)
        )


# -- threads ----------------------------------------------------------------------------------------


def n_threads(net, X, y):
    return float(torch.get_num_threads())


@pytest.mark.filterwarnings("ignore:Networks that are trained in")
@pytest.mark.parametrize(
    ("backend", "expected"), [("loky", 1), ("threading", max(1, (os.cpu_count() or 1) // 2))]
)
def test_workers_do_not_take_more_threads_than_there_are_cores(backend, expected, monkeypatch):
    monkeypatch.setattr("sksearch.nets.environment.cpu_count", lambda: os.cpu_count())
    before = torch.get_num_threads()
    with parallel_config(backend=backend):
        fitted = search_over(make_net(), scoring=n_threads, n_jobs=2, refit=False).fit(X, y)
    assert set(fitted.cv_results_["mean_test_score"]) == {expected}
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("executor", [Rounds(), Stream()], ids=repr)
def test_a_net_out_of_memory_is_a_row_that_says_so(executor):
    class Hungry(MLP):
        def __init__(self, hidden=8):
            super().__init__(hidden=hidden)
            if hidden == 13:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = search_over(make_net(Hungry), HIDDEN, executor=executor).fit(X, y)
    assert fitted.cv_results_["status"].tolist() == ["ok", "oom", "ok", "ok"]
    assert np.isnan(fitted.cv_results_["mean_test_score"][1])


def test_the_best_net_is_the_one_that_cross_validation_would_see():
    fitted = search_over(make_net(max_epochs=20)).fit(X, y)
    again = cross_val_score(make_net(max_epochs=20, **fitted.best_params_), X, y, cv=3)
    assert fitted.best_score_ == pytest.approx(again.mean(), abs=0.1)
