"""Callbacks, monitors, splits and workers of networks: what is said before any fit."""

# ruff: noqa: E402
import threading
import warnings

import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from joblib import parallel_config
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler
from skorch.dataset import ValidSplit
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from toys import MLP, blobs, make_net

from sksearch import BayesSearchCV
from sksearch.nets import KeepHistory

X, y = blobs()


def search_over(estimator, space=None, **settings):
    space = {"lr": [0.1, 0.2]} if space is None else space
    return BayesSearchCV(estimator, space, **({"n_iter": 2, "cv": 2, "random_state": 0} | settings))


class NeverTrained(MLP):
    """Fails the test when it is trained on as many rows as a fold has."""

    def forward(self, X):
        assert len(X) < 60, "this is a fit"
        return super().forward(X)


def untrained(**params):
    return make_net(NeverTrained, batch_size=-1, **params)


class Writer:
    """As the writers of TensorBoard: it can be neither copied nor pickled."""

    def __init__(self):
        self.lock = threading.Lock()


class Writing(Callback):
    def __init__(self, writer):
        self.writer = writer


class Copyable(Writer):
    def __deepcopy__(self, memo):
        return self


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: make_pipeline(StandardScaler(), net)])
def test_a_callback_that_can_not_be_cloned_is_named(wrap):
    net = untrained(callbacks=[("board", Writing(Writer()))])
    name = "lr" if wrap(net) is net else "neuralnetclassifier__lr"
    with pytest.raises(ValueError, match=r"callback 'board' \(its 'writer'\) can not be cloned.*initialize"):
        search_over(wrap(net), {name: [0.1, 0.2]}).fit(X, y)


def test_a_callback_that_can_not_be_pickled_is_named_where_workers_need_it():
    net = make_net(callbacks=[Writing(Copyable())])
    search_over(net).fit(X, y)
    with pytest.raises(ValueError, match=r"callback 'Writing' \(its 'writer'\) can not be sent to n_jobs=2"):
        search_over(net, n_jobs=2).fit(X, y)
    with parallel_config(backend="threading"), pytest.warns(UserWarning, match="in 2 threads"):
        search_over(net, n_jobs=2).fit(X, y)


@pytest.mark.filterwarnings("error")
def test_threads_share_a_generator_and_it_is_said():
    message = "draw from one random number generator, and.*use joblib's default backend, 'loky', or n_jobs=1"
    with parallel_config(backend="threading"):
        with pytest.warns(UserWarning, match=message) as said:
            search_over(make_net(), n_jobs=2).fit(X, y)
        assert len(said) == 1
        search_over(make_net(), n_jobs=1).fit(X, y)


@pytest.mark.parametrize(
    ("callback", "what"),
    [
        (EarlyStopping(), "'EarlyStopping' monitors 'valid_loss'"),
        (EarlyStopping(monitor="valid_acc", lower_is_better=False), "'EarlyStopping' monitors 'valid_acc'"),
        (Checkpoint(), "'Checkpoint' monitors 'valid_loss_best'"),
        (LRScheduler(policy=ReduceLROnPlateau, monitor="valid_loss"), "'LRScheduler' monitors 'valid_loss'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Callback) else "",
)
def test_what_monitors_validation_needs_a_split(callback, what):
    with pytest.raises(ValueError, match=rf"callback {what}.*train_split=ValidSplit\(0.2\)"):
        search_over(untrained(callbacks=[callback])).fit(X, y)


def test_a_score_of_validation_is_known_by_its_own_name():
    callbacks = [EpochScoring("f1_macro", name="f1", lower_is_better=False), EarlyStopping(monitor="f1")]
    with pytest.raises(ValueError, match="'EarlyStopping' monitors 'f1'"):
        search_over(untrained(callbacks=callbacks)).fit(X, y)
    callbacks = [EpochScoring("f1_macro", name="f1", on_train=True), EarlyStopping(monitor="f1")]
    search_over(make_net(callbacks=callbacks)).fit(X, y)


@pytest.mark.parametrize(
    "callbacks",
    [
        [EarlyStopping(monitor="train_loss")],
        [LRScheduler(policy=StepLR, step_size=1, monitor="valid_loss")],
        [
            Checkpoint(
                monitor="train_loss_best", f_params=None, f_optimizer=None, f_criterion=None, f_history=None
            )
        ],
    ],
)
def test_what_does_not_monitor_validation_needs_none(callbacks):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search_over(make_net(callbacks=callbacks)).fit(X, y)


def withheld(**params):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search_over(make_net(**params)).fit(X, y)
    return [warning for warning in caught if "withholds" in str(warning.message)]


def test_a_split_that_nothing_uses_is_said_once_with_the_fix():
    (warning,) = withheld(train_split=ValidSplit(5))
    assert "withholds 20% of the training rows of every fold" in str(warning.message)
    assert "set train_split=None" in str(warning.message)
    assert warning.filename == __file__
    assert "25%" in str(withheld(train_split=ValidSplit(0.25))[0].message)


@pytest.mark.parametrize("callbacks", [[EarlyStopping()], [KeepHistory()]])
def test_a_split_that_is_used_is_not(callbacks):
    assert withheld(train_split=ValidSplit(5), callbacks=callbacks) == []


def test_loaders_with_processes_in_worker_processes_are_warned_about_and_have_none():
    options = {"num_workers": 1, "persistent_workers": True, "prefetch_factor": 2}
    net = make_net(max_epochs=1, **{f"iterator_train__{name}": value for name, value in options.items()})
    with pytest.warns(UserWarning, match="iterator_train__num_workers=1 is 0 in the search") as caught:
        fitted = search_over(net, n_jobs=2).fit(X, y)
    assert caught[0].filename == __file__
    assert fitted.cv_results_["status"].tolist() == ["ok", "ok"]
    assert fitted.best_estimator_.iterator_train__num_workers == 1


def test_gpus_in_forked_processes_are_refused_with_the_fix():
    with (
        parallel_config(backend="multiprocessing"),
        pytest.raises(ValueError, match=r"forked processes.*'loky'"),
    ):
        search_over(untrained(device="cuda"), n_jobs=2).fit(X, y)
