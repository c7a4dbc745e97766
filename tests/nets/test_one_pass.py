"""The one-step derivative, and the search of many decays by it."""

import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

# ruff: noqa: E402
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.dataset import ValidSplit
from torch import nn

from sksearch import GradientSearchCV
from sksearch.nets import Decay, InMemoryLoader, LossWeights, OnePass, uniform_cross_entropy
from sksearch.nets.one_pass import tune
from sksearch.space import Vector

NAME = "callbacks__decay__log_decay"


def task(n_samples=90, n_noise=6, seed=0):
    """A threshold of the sum of two columns, and columns of noise, which a net learns by heart."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 2 + n_noise)).astype(np.float32)
    return X, (X[:, 0] + X[:, 1] > 0).astype(np.int64)


class MLP(nn.Sequential):
    def __init__(self, n_inputs=8, dtype=torch.float32):
        super().__init__(
            nn.Linear(n_inputs, 16, dtype=dtype), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 2, dtype=dtype)
        )


def make(*callbacks, **options):
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 0.02,
        "max_epochs": 30,
        "batch_size": 16,
        "train_split": None,
        "iterator_train": InMemoryLoader,
        "iterator_valid": InMemoryLoader,
        "iterator_train__shuffle": True,
    }
    callbacks = [*(callbacks or [("decay", Decay(-1.0))])]
    return skorch.NeuralNetClassifier(MLP, callbacks=callbacks, verbose=0, **(defaults | options))


def search(estimator=None, n_iter=4, name=NAME, n=9, **settings):
    space = settings.pop("space", {name: Vector(n, -6, 5)})
    settings = {"scoring": "neg_log_loss", "cv": 3, "random_state": 0} | settings
    return GradientSearchCV(make() if estimator is None else estimator, space, n_iter=n_iter, **settings)


@pytest.mark.parametrize("groups", ["inputs", "layers", "parameters"])
def test_the_derivative_is_that_of_the_loss_after_the_step(groups):
    X, y = task()
    X = X.astype(np.float64)
    n_groups = Decay(groups=groups).count(MLP())
    theta = np.linspace(-1.0, 3.0, n_groups)

    def loss_after_a_step(theta, derivative=False):
        decay = Decay(theta, groups=groups)
        net = make(("decay", decay), module__dtype=torch.float64)
        torch.manual_seed(0)
        net.initialize()
        net.notify("on_train_begin", X=X, y=y)
        inputs, targets = torch.tensor(X), torch.tensor(y)
        for rows in (slice(0, 16), slice(16, 32)):
            # Only the last step depends on the decays.
            decay.logarithms_ = torch.tensor(theta if rows.start else np.full(n_groups, -1.0))
            net.train_step((inputs[rows], targets[rows]))
        net.module_.eval()
        loss = net.get_loss(net.infer(inputs[32:]), targets[32:], training=False)
        if not derivative:
            return loss.item()
        return decay.derivative(torch.autograd.grad(loss, decay.parameters())).numpy()

    step = 1e-5
    differences = [
        (loss_after_a_step(theta + move) - loss_after_a_step(theta - move)) / (2 * step)
        for move in step * np.eye(n_groups)
    ]
    derivative = loss_after_a_step(theta, derivative=True)
    assert np.abs(derivative).max() > 1e-4
    np.testing.assert_allclose(derivative, differences, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("start", [-6.0, -1.0, 2.0])
def test_columns_of_noise_decay_more(start):
    X, y = task()
    torch.manual_seed(0)
    log_decay = tune(make(("decay", Decay(start))), "decay", X, y, -6.0, 5.0)
    assert log_decay.shape == (9,)
    assert log_decay[:2].max() + 1.0 < np.median(log_decay[2:8])


def test_modes_of_layers_are_left_as_they_are():
    X, y = task()
    seen = []

    class Modes(skorch.callbacks.Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if training:
                seen.append([module.training for module in net.module_.modules()])

    split = ValidSplit(0.25, stratified=True, random_state=0)
    net = make(
        ("decay", Decay()), ("pass", OnePass("decay")), ("modes", Modes()), train_split=split, max_epochs=2
    )
    net.fit(X, y)
    assert np.all(seen)


def test_a_net_that_was_tuned_clones_and_pickles():
    X, y = task()
    split = ValidSplit(0.25, stratified=True, random_state=0)
    net = make(("decay", Decay()), ("pass", OnePass("decay")), train_split=split, max_epochs=2).fit(X, y)
    log_decay = dict(net.callbacks_)["pass"].logarithms_
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(dict(copy.callbacks_)["pass"].logarithms_, log_decay)
    assert dict(clone(net).fit(X, y).callbacks_)["pass"].logarithms_.shape == log_decay.shape


def test_weights_depend_on_nothing_but_the_decays_in_use():
    """The derivatives draw no random numbers, and leave no gradients."""
    X, y = task()
    split = ValidSplit(0.25, stratified=True, random_state=0)
    nets = []
    held = OnePass("decay", low=-1.0, high=-0.999999)
    for callbacks in ([("decay", Decay(-1.0))], [("decay", Decay(-1.0)), ("pass", held)]):
        torch.manual_seed(0)
        nets.append(make(*callbacks, train_split=split, max_epochs=4).fit(X, y))
    for first, second in zip(*(net.module_.parameters() for net in nets), strict=True):
        torch.testing.assert_close(first, second, atol=1e-5, rtol=0)


def test_a_search_beats_what_all_decays_have_in_common():
    X, y = task()
    torch.manual_seed(0)
    fitted = search(n_iter=5).fit(X, y)
    losses = -fitted.cv_results_["mean_test_score"]
    assert fitted.cv_results_["params"][0] == {NAME: -1.0}
    assert losses.min() < 0.8 * losses[0]
    decays = np.array(fitted.best_params_[NAME])
    assert decays[:2].max() < decays[2:8].min()
    X_test, y_test = task(500, seed=1)
    own = make().fit(X, y)
    assert -fitted.score(X_test, y_test) < 0.8 * log_loss(y_test, own.predict_proba(X_test))


def test_it_runs_in_worker_processes_and_pickles():
    X, y = task()
    fitted, alone = (search(n_iter=2, n_jobs=n_jobs).fit(X, y) for n_jobs in (2, None))
    assert len(np.unique(fitted.cv_results_["params"][1][NAME])) > 5
    np.testing.assert_allclose(fitted.optimizer_.points, alone.optimizer_.points, atol=1e-6)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))


def test_a_journal_takes_up_where_it_ended(tmp_path, monkeypatch):
    X, y = task()
    settings = {"n_iter": 2, "journal": tmp_path / "search.jsonl", "refit": False}
    first = search(**settings).fit(X, y)
    monkeypatch.setattr(Decay, "on_train_begin", None)  # which no training survives
    again = search(**settings).fit(X, y)
    assert again.cv_results_["params"] == first.cv_results_["params"]
    np.testing.assert_array_equal(again.optimizer_.ask(1), first.optimizer_.ask(1))


def test_in_a_pipeline():
    X, y = task()
    net = make()
    pipeline = make_pipeline(StandardScaler(), net)
    name = f"neuralnetclassifier__{NAME}"
    fitted = search(pipeline, n_iter=2, name=name).fit(1000 * X, y)
    decays = np.array(fitted.cv_results_["params"][1][name])
    assert decays[:2].mean() < decays[2:8].mean()


def test_a_net_without_a_split_needs_none_but_the_callback_does():
    X, y = task()
    with pytest.raises(ValueError, match=r"train_split=ValidSplit\(0.25\)"):
        make(("decay", Decay()), ("pass", OnePass("decay"))).fit(X, y)
    with pytest.raises(ValueError, match="a callback Decay or LossWeights of the name 'decay' before it"):
        make(("pass", OnePass("decay")), ("decay", Decay())).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 8}, r"must be sksearch.space.Vector\(9, low, high\)"),
        ({"space": {NAME: (-6.0, 5.0)}}, r"must be sksearch.space.Vector\(9, low, high\)"),
        ({"space": {NAME: Vector(9, -6, 5), "lr": (1e-3, 1e-1)}}, r"alone by gradient, got \['lr'\]"),
        ({"space": {"lr": (1e-3, 1e-1)}, "gradient": "unrolled"}, "gradient='unrolled' is for log_decay"),
    ],
)
def test_what_can_not_be_tuned_is_refused_before_a_fit(settings, message):
    X, y = task()
    fits = []

    class Counter(skorch.callbacks.Callback):
        def on_train_begin(self, net, **kwargs):
            fits.append(net)

    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        search(make(("decay", Decay()), ("counter", Counter())), **settings).fit(X, y)
    assert not fits
    torch.testing.assert_close(torch.get_rng_state(), state)


class Masked(MLP):
    def forward(self, X, mask):
        return super().forward(X * mask)


@pytest.mark.parametrize("step", ["", "net__"])
def test_the_pass_is_given_the_arguments_of_fit(step):
    X, y = task()
    net = make(max_epochs=2).set_params(module=Masked)
    estimator = Pipeline([("net", net)]) if step else net
    fitted = search(estimator, name=f"{step}{NAME}", scoring=lambda *_: 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.fit(X, y, **{f"{step}mask": 2.0})
    assert len(fitted.cv_results_["params"]) > 1


@pytest.mark.parametrize("name", ["decay", "losses"])
def test_a_net_with_frozen_weights_is_tuned(name):
    X, y = task()
    callbacks = {"decay": Decay(-1.0, groups="layers"), "losses": LossWeights([uniform_cross_entropy])}
    net = make(("freezer", skorch.callbacks.Freezer("0.*")), (name, callbacks[name]), max_epochs=3)
    assert np.isfinite(tune(net, name, X, y, -6.0, 5.0)).all()
