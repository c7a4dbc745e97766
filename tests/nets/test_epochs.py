"""Epochs as a resource, early stopping, and the histories of networks."""

# ruff: noqa: E402
import json
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Checkpoint, EarlyStopping, LRScheduler
from skorch.dataset import ValidSplit
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, OneCycleLR, ReduceLROnPlateau, StepLR
from toys import MLP, blobs, make_net

from sksearch import BayesSearchCV
from sksearch.nets import KeepHistory, without_split
from sksearch.nets.epochs import EpochCounter, resumed

X, y = blobs()
LR = {"lr": (1e-4, 1.0, "log-uniform")}


def search_over(estimator, space=LR, **settings):
    return BayesSearchCV(estimator, space, **({"n_iter": 8, "cv": 3, "random_state": 0} | settings))


# -- rungs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_a_net_goes_on_where_it_is(n_jobs, executor):
    net = make_net(max_epochs=9, callbacks=[KeepHistory()])
    settings = {"resource": "max_epochs", "n_jobs": n_jobs, "executor": executor, "n_initial_points": 8}
    fitted = search_over(net, **settings).fit(X, y)
    results = fitted.cv_results_
    assert {"ok", "stopped"} == set(results["status"])
    # Were it begun again, it would have 1 + 3 + 9 or, were nothing counted, 6 epochs.
    np.testing.assert_array_equal(results["mean_n_epochs"], results["n_resources"])
    for fold in range(3):
        for curve, n_resources in zip(results[f"split{fold}_history"], results["n_resources"], strict=True):
            assert [epoch["epoch"] for epoch in curve] == list(range(1, n_resources + 1))
    assert fitted.best_params_["max_epochs"] == 9
    assert len(fitted.best_estimator_.history) == 9


def test_a_net_without_any_callback_goes_on_too():
    settings = {"resource": "max_epochs", "n_jobs": 2, "n_initial_points": 8}
    fitted = search_over(make_net(max_epochs=9, callbacks="disable"), **settings).fit(X, y)
    assert {"ok", "stopped"} == set(fitted.cv_results_["status"])
    assert len(fitted.best_estimator_.history) == 9


def test_a_net_in_a_pipeline_goes_on_where_it_is():
    pipeline = make_pipeline(StandardScaler(), make_net(max_epochs=9))
    space = {"neuralnetclassifier__lr": (1e-4, 1.0, "log-uniform")}
    fitted = search_over(
        pipeline, space, resource="neuralnetclassifier__max_epochs", n_jobs=2, n_initial_points=8
    ).fit(X, y)
    np.testing.assert_array_equal(fitted.cv_results_["mean_n_epochs"], fitted.cv_results_["n_resources"])
    assert "stopped" in fitted.cv_results_["status"]
    assert len(fitted.best_estimator_[-1].history) == 9
    assert fitted.best_estimator_[-1].warm_start is False


def test_a_net_that_is_a_choice_of_a_step_goes_on_where_it_is():
    pipeline = make_pipeline(StandardScaler(), make_net(max_epochs=9))
    space = {"neuralnetclassifier": [make_net(max_epochs=9)], "neuralnetclassifier__lr": [0.001, 0.01, 0.1]}
    settings = {"resource": "neuralnetclassifier__max_epochs", "n_iter": 3}
    results = search_over(pipeline, space, **settings).fit(X, y).cv_results_
    np.testing.assert_array_equal(results["mean_n_epochs"], results["n_resources"])


SCHEDULES = {
    "step": {"policy": StepLR, "step_size": 3, "gamma": 0.5},
    "exponential": {"policy": ExponentialLR, "gamma": 0.8},
    "cosine": {"policy": CosineAnnealingLR, "T_max": 9},
    "one cycle": {"policy": OneCycleLR, "max_lr": 0.1, "total_steps": 20},
    "plateau": {"policy": ReduceLROnPlateau, "patience": 0, "threshold": 1.0},
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_the_learning_rate_goes_on_as_in_one_training(schedule):
    def net(**params):
        return make_net(callbacks=[LRScheduler(**schedule)], warm_start=True, **params)

    whole = net(max_epochs=9).fit(X, y)
    parts = net(max_epochs=3).fit(X, y)
    with resumed(parts):
        parts.set_params(max_epochs=6).fit(X, y)
    np.testing.assert_allclose(parts.history[:, "event_lr"], whole.history[:, "event_lr"])


def stopping_net(**params):
    early = EarlyStopping(patience=2, threshold=0.5, **params)  # halves the loss, or is over
    return make_net(callbacks=[("early", early)], train_split=ValidSplit(0.25), max_epochs=27, lr=0.02)


def test_early_stopping_remembers_what_it_saw():
    net = stopping_net().set_params(warm_start=True, max_epochs=2).fit(X, y)
    assert len(net.history) == 2
    with resumed(net):
        net.set_params(max_epochs=25).fit(X, y)
    again = stopping_net().fit(X, y)
    assert len(net.history) == len(again.history) == 3


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("load_best", [False, True])
def test_a_net_that_stopped_early_is_not_trained_further(n_jobs, load_best):
    space = {"lr": [0.02, 0.03]}
    settings = {"resource": "max_epochs", "n_iter": 2, "n_jobs": n_jobs}
    fitted = search_over(stopping_net(load_best=load_best), space, **settings).fit(X, y)
    results = fitted.cv_results_
    assert (results["mean_n_epochs"] == 3).all()
    assert (results["mean_best_epoch"] == (1 if load_best else 3)).all()
    assert len(fitted.best_estimator_.history) == 3  # the refit has the split, and stops by itself


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize(
    "callbacks",
    [
        [("early", EarlyStopping(patience=5, load_best=True))],
        [("early", EarlyStopping(patience=5)), ("best", Checkpoint(load_best=True))],
    ],
    ids=["early", "checkpoint"],
)
def test_a_training_goes_on_from_its_end_and_not_from_its_best(callbacks, n_jobs):
    split = ValidSplit(0.25, random_state=0)
    net = make_net(callbacks=[*callbacks, KeepHistory()], train_split=split, max_epochs=27)
    rows = [(np.arange(80), np.arange(80, 120))]

    def curve(**settings):
        settings = {"cv": rows, "n_iter": 1, "n_jobs": n_jobs, "scoring": "neg_log_loss"} | settings
        results = search_over(net, {"lr": [4.0]}, refit=False, **settings).fit(X, y).cv_results_
        histories = [[epoch["valid_loss"] for epoch in history] for history in results["split0_history"]]
        return histories, list(results["mean_test_score"]), list(results["mean_best_epoch"])

    steps = curve(resource="max_epochs", min_resources=3)
    at_once = curve()
    assert steps == at_once
    assert all(len(history) > best for history, best in zip(steps[0], steps[2], strict=True))


def test_the_number_of_epochs_found_can_train_on_all_rows():
    pipeline = make_pipeline(StandardScaler(), stopping_net(load_best=True))
    fitted = search_over(pipeline, {"neuralnetclassifier__lr": [0.02, 0.03]}, n_iter=2).fit(X, y)
    final = without_split(fitted).fit(X, y)
    assert len(final[-1].history) == round(fitted.cv_results_["mean_best_epoch"][fitted.best_index_])
    assert "valid_loss" not in final[-1].history[-1]
    assert final[-1].lr == fitted.best_params_["neuralnetclassifier__lr"]


def test_a_schedule_that_monitors_validation_can_not_be_kept_without_it():
    callbacks = [LRScheduler(policy=ReduceLROnPlateau, monitor="valid_loss")]
    fitted = search_over(make_net(callbacks=callbacks, train_split=ValidSplit(0.25)), n_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="LRScheduler monitors 'valid_loss'"):
        without_split(fitted)


def test_the_test_fold_is_never_the_monitor():
    seen = []

    class Watched(MLP):
        def forward(self, rows):
            seen.append((self.training, len(rows)))
            return super().forward(rows)

    net = make_net(
        Watched, callbacks=[EarlyStopping(patience=2)], train_split=ValidSplit(0.25), batch_size=-1
    )
    search_over(net, n_iter=2, refit=False).fit(X, y)
    # 120 rows, 3 folds: 40 are tested after the training, 60 trained, 20 validated.
    sizes = [size for _, size in seen if size > 32]
    assert set(sizes) == {60, 40}
    assert sizes.count(40) == 2 * 3


# -- histories --------------------------------------------------------------------------------------


def test_histories_are_there_on_request_only():
    assert "split0_history" not in search_over(make_net(), n_iter=2).fit(X, y).cv_results_
    net = make_net(callbacks=[KeepHistory], train_split=ValidSplit(0.25))
    curves = search_over(net, n_iter=2, n_jobs=2).fit(X, y).cv_results_["split2_history"]
    assert curves.shape == (2,)
    assert {"epoch", "train_loss", "valid_loss", "valid_acc", "valid_loss_best"} <= set(curves[1][2])
    assert [type(curves[1][2][name]) for name in ("valid_loss", "valid_loss_best")] == [float, bool]


class Counted(KeepHistory):
    n_trainings = 0

    def on_train_end(self, net, **kwargs):
        super().on_train_end(net, **kwargs)
        type(self).n_trainings += 1


@pytest.mark.parametrize("callback", [Counted, Counted(), ("kept", Counted())])
def test_a_history_of_the_users_own_is_the_one_that_is_kept(callback):
    Counted.n_trainings = 0
    search = search_over(make_net(callbacks=[callback], max_epochs=2), n_iter=2, refit=False).fit(X, y)
    assert len(search.cv_results_["split0_history"][0]) == 2
    assert Counted.n_trainings == 2 * 3


def test_a_history_is_whole_although_a_checkpoint_was_loaded():
    callbacks = [Checkpoint(load_best=True), KeepHistory()]
    net = make_net(callbacks=callbacks, train_split=ValidSplit(0.25), max_epochs=30, lr=3.0)
    results = search_over(net, {"lr": [3.0]}, n_iter=1, refit=False).fit(X, y).cv_results_
    assert len(results["split0_history"][0]) == 30
    assert results["mean_n_epochs"][0] == 30
    assert results["mean_best_epoch"][0] < 30


def test_histories_are_in_the_journal(tmp_path):
    net = make_net(callbacks=[KeepHistory()])
    settings = {"n_iter": 3, "journal": tmp_path / "journal.jsonl", "refit": False}
    first = search_over(net, **settings).fit(X, y).cv_results_
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == 4
    again = search_over(net, **settings).fit(X, y).cv_results_
    assert json.dumps(first["split1_history"].tolist()) == json.dumps(again["split1_history"].tolist())
    np.testing.assert_array_equal(first["mean_n_epochs"], again["mean_n_epochs"])


def test_a_failed_candidate_has_no_history():
    class Fragile(MLP):
        def __init__(self, hidden=8):
            super().__init__(hidden=hidden)
            if hidden == 13:
                raise RuntimeError("unlucky")

    net = make_net(Fragile, callbacks=[KeepHistory()])
    with pytest.warns(FitFailedWarning, match="unlucky"):
        results = search_over(net, {"module__hidden": [4, 13, 8]}, n_iter=3).fit(X, y).cv_results_
    assert results["split0_history"][1] is None
    assert np.isnan(results["mean_n_epochs"][1])
    assert len(results["split0_history"][2]) == 3


def test_the_best_net_keeps_its_own_callbacks():
    fitted = search_over(make_net(callbacks=[("mine", EarlyStopping(monitor="train_loss"))]), n_iter=2).fit(
        X, y
    )
    assert [name for name, _ in fitted.best_estimator_.callbacks] == ["mine"]
    assert not any(isinstance(callback, EpochCounter) for _, callback in fitted.best_estimator_.callbacks_)


def test_a_plain_search_fails_in_every_fit_without_a_split():
    net = make_net(callbacks=[EarlyStopping()])
    with pytest.raises(ValueError, match="KeyError"):
        RandomizedSearchCV(net, {"lr": [0.1]}, n_iter=1, cv=3).fit(X, y)
    with pytest.raises(ValueError, match=r"callback 'EarlyStopping' monitors 'valid_loss'.*train_split="):
        search_over(net).fit(X, y)


SCRIPT = """
import numpy as np
import torch
from skorch import NeuralNetClassifier
from sksearch import BayesSearchCV


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, X):
        return self.layer(X)


if __name__ == "__main__":
    X = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    settings = {"criterion": torch.nn.CrossEntropyLoss, "max_epochs": 9, "train_split": None, "verbose": 0}
    net = NeuralNetClassifier(Module, **settings)
    space = {"lr": (1e-3, 1.0, "log-uniform")}
    search = BayesSearchCV(net, space, n_iter=4, cv=2, n_jobs=2, resource="max_epochs", random_state=0)
    print(sorted(set(search.fit(X, y).cv_results_["status"])))
"""


def test_a_module_of_the_script_that_is_run_goes_on_in_worker_processes(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    out = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=300
    )
    assert out.stdout.strip() in ("['ok']", "['ok', 'stopped']"), out.stderr[-2000:]
