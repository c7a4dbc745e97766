"""Loss weights: what they do to a training, their derivative, and the search of them."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

# ruff: noqa: E402
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EarlyStopping
from skorch.dataset import ValidSplit
from skorch.helper import SliceDict
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from sksearch import GradientSearchCV
from sksearch.nets import InMemoryLoader, LossWeights, OnePass, uniform_cross_entropy
from sksearch.nets.one_pass import tune
from sksearch.space import Vector

NAME = "callbacks__losses__log_weights"


class TwoHeads(nn.Module):
    """Scores of the classes, and two more numbers."""

    def __init__(self, dropout=0.0, norm=False, attention=False, dtype=torch.float32):
        super().__init__()
        self.attention = nn.Linear(1, 3, dtype=dtype) if attention else None
        self.hidden = nn.Linear(8, 8, dtype=dtype)
        self.norm = nn.BatchNorm1d(8, dtype=dtype) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(8, 2, dtype=dtype)
        self.others = nn.Linear(8, 2, dtype=dtype)

    def forward(self, X, aux=None):
        if self.attention is not None:
            queries, keys, values = self.attention(X[:, None, :, None]).split(1, dim=-1)
            X = scaled_dot_product_attention(queries, keys, values)[:, 0, :, 0]
        hidden = self.dropout(torch.tanh(self.norm(self.hidden(X))))
        return self.out(hidden), self.others(hidden)


class Own(nn.CrossEntropyLoss):
    """The loss of the first output."""

    def forward(self, y_pred, y_true):
        return super().forward(y_pred[0], y_true)


def told(y_pred, y_true, X):
    return cross_entropy(y_pred[0], X["aux"][:, 0])


def misled(y_pred, y_true, X):
    return cross_entropy(y_pred[0], X["aux"][:, 1]) + y_pred[1].square().mean()


def a_hundred(y_pred, y_true, X):
    return 100 + 0 * y_pred[0].mean()


TERMS = [told, misled]


def task(n_samples=96, seed=0):
    """Noisy labels; others that are right, and others that are mostly wrong."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 8)).astype(np.float32)
    right = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
    wrong = np.where(rng.random(n_samples) < 0.8, 1 - right, right)
    y = np.where(rng.random(n_samples) < 0.2, 1 - right, right)
    return SliceDict(X=X, aux=np.stack([right, wrong], axis=1)), y


def plain_task():
    X, y = task()
    return X["X"], y


def make(losses=None, *callbacks, **options):
    defaults = {
        "criterion": Own,
        "optimizer": torch.optim.Adam,
        "lr": 0.02,
        "max_epochs": 20,
        "batch_size": 16,
        "train_split": None,
        "iterator_train": InMemoryLoader,
        "iterator_train__shuffle": True,
    }
    callbacks = [*([] if losses is None else [("losses", losses)]), *callbacks]
    return skorch.NeuralNetClassifier(TwoHeads, callbacks=callbacks, verbose=0, **(defaults | options))


def smooth(*callbacks, kind=skorch.NeuralNetClassifier, **options):
    """A network of one output."""
    defaults = {"criterion": nn.CrossEntropyLoss, "max_epochs": 5, "lr": 0.1, "train_split": None}
    defaults |= {"module__in_features": 8, "module__out_features": 2}
    return kind(nn.Linear, callbacks=[*callbacks], verbose=0, **(defaults | options))


def fit(net, X, y, seed=0):
    torch.manual_seed(seed)
    return net.fit(X, y)


def weights(net):
    return [p.detach().clone() for p in net.module_.parameters()]


def search(estimator=None, n_iter=4, **settings):
    space = settings.pop("space", {NAME: Vector(2, -6, 4)})
    settings = {"scoring": "neg_log_loss", "cv": 3, "random_state": 0} | settings
    estimator = make(LossWeights(TERMS)) if estimator is None else estimator
    return GradientSearchCV(estimator, space, n_iter=n_iter, **settings)


@pytest.mark.parametrize("smoothing", [0.05, 0.4])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_the_uniform_cross_entropy_is_label_smoothing(smoothing, optimizer):
    X, y = plain_task()
    theta = np.log(smoothing / (1 - smoothing))
    losses = LossWeights([uniform_cross_entropy], theta)
    net = fit(smooth(("losses", losses), optimizer=optimizer), X, y)
    reference = fit(smooth(criterion__label_smoothing=smoothing, optimizer=optimizer), X, y)
    plain = fit(smooth(optimizer=optimizer), X, y)
    for one, same in zip(weights(net), weights(reference), strict=True):
        torch.testing.assert_close(one, same, atol=1e-5, rtol=1e-4)
    assert (weights(net)[0] - weights(plain)[0]).abs().max() > 1e-3
    np.testing.assert_allclose(net.history[:, "train_loss"], reference.history[:, "train_loss"], rtol=1e-4)


def test_of_one_score_it_smooths_towards_a_half():
    scores = torch.tensor([-2.0, 0.5, 3.0])
    bce = nn.functional.binary_cross_entropy_with_logits(scores, torch.full([3], 0.5))
    for shape in ((3,), (3, 1)):
        torch.testing.assert_close(uniform_cross_entropy(scores.reshape(shape)), bce)


def test_terms_that_are_switched_off_leave_the_training_as_it_is():
    X, y = task()
    off = fit(make(LossWeights(TERMS, (-np.inf, -40.0))), X, y)
    without = fit(make(), X, y)
    for one, other_one in zip(weights(off), weights(without), strict=True):
        torch.testing.assert_close(one, other_one, atol=1e-4, rtol=0)


def test_validation_is_by_the_loss_of_the_network_alone():
    X, y = task()
    split = ValidSplit(0.25, random_state=0)
    seen = []

    class Look(Callback):
        def on_epoch_end(self, net, dataset_valid=None, **kwargs):
            held_out = np.asarray(dataset_valid.indices)
            with torch.no_grad():
                net.module_.eval()
                outputs = net.infer({name: torch.as_tensor(value[held_out]) for name, value in X.items()})
            seen.append((cross_entropy(outputs[0], torch.as_tensor(y[held_out])).item(), net.history[-1]))

    net = make(LossWeights([a_hundred]), ("look", Look()), ("stop", EarlyStopping(patience=2)))
    fit(net.set_params(train_split=split, max_epochs=60), X, y)
    assert len(net.history) < 60
    for loss, epoch in seen:
        assert loss == pytest.approx(epoch["valid_loss"], rel=1e-4)
        assert epoch["train_loss"] > 50


@pytest.mark.parametrize(
    "module",
    [{}, {"module__dropout": 0.5}, {"module__norm": True}, {"module__attention": True}],
    ids=["plain", "dropout", "batch norm", "only once"],
)
@pytest.mark.parametrize("optimizer", ["SGD", "momentum"])
def test_the_derivative_is_that_of_the_loss_after_the_step(module, optimizer):
    X, y = task()
    at = np.array([0.5, -1.0])
    tensors = {"X": torch.tensor(X["X"]).double(), "aux": torch.tensor(X["aux"])}
    targets = torch.tensor(y)

    def rows(*bounds):
        return {name: value[slice(*bounds)] for name, value in tensors.items()}, targets[slice(*bounds)]

    class Rescale(Callback):
        by = 1.0

        def on_grad_computed(self, net, **kwargs):
            for parameter in net.module_.parameters():
                parameter.grad *= self.by

    def loss_after_a_step(theta, derivative=False):
        losses, rescale = LossWeights(TERMS, theta), Rescale()
        net = make(
            losses,
            ("rescale", rescale),
            optimizer=torch.optim.SGD,
            module__dtype=torch.float64,
            lr=0.1,
            **module,
        )
        if optimizer == "momentum":
            net.set_params(optimizer__momentum=0.9)
        torch.manual_seed(0)
        net.initialize()
        net.notify("on_train_begin", X=X, y=y)
        for bounds in ((0, 16), (16, 32)):
            # Only the last step depends on the weights of the losses.
            losses.logarithms_ = torch.tensor(theta if bounds[0] else np.zeros(2))
            # The divisor of the mean is to be given, whatever the numbers.
            if bounds[0]:
                rescale.by = (1 + np.exp(theta).sum()) / (1 + np.exp(at).sum())
            losses.on_batch_begin(net, training=True)
            if derivative and bounds[0]:
                losses.watch(net, rows(*bounds), None)
            net.train_step(rows(*bounds))
            losses.on_batch_end(net, training=True)
        net.module_.eval()
        Xi, yi = rows(32, None)
        loss = net.get_loss(net.infer(Xi), yi, X=Xi, training=False)
        if not derivative:
            return loss.item()
        gradients = torch.autograd.grad(loss, losses.parameters(), allow_unused=True)
        net.module_.train()
        before = [tensor.clone() for tensor in net.module_.state_dict().values()], torch.get_rng_state()
        found = losses.derivative(gradients).numpy()
        for tensor, same in zip(net.module_.state_dict().values(), before[0], strict=True):
            torch.testing.assert_close(tensor, same, atol=0, rtol=0)
        torch.testing.assert_close(torch.get_rng_state(), before[1])
        return found

    step = 1e-5
    differences = [
        (loss_after_a_step(at + move) - loss_after_a_step(at - move)) / (2 * step)
        for move in step * np.eye(2)
    ]
    found = loss_after_a_step(at, derivative=True)
    assert np.abs(found).max() > 1e-5
    # A difference instead of a second derivative is as exact as a difference can be.
    tolerance = (
        {"rtol": 1e-4, "atol": 1e-9} if "module__attention" in module else {"rtol": 1e-6, "atol": 1e-11}
    )
    np.testing.assert_allclose(found, differences, **tolerance)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop"])
def test_the_rates_of_weights_are_those_of_the_optimizer(name):
    """A step of a gradient that differs a little, the mean squares given, differs by the rate times that."""
    from sksearch.nets.loss_weights import _rates

    weight = torch.ones(3, dtype=torch.float64, requires_grad=True)
    options = {} if name == "RMSprop" else {"betas": (0.0, 0.9)}
    optimizer = getattr(torch.optim, name)([weight], lr=0.1, **options)
    before = weight.detach().clone()
    weight.grad = torch.tensor([1e-2, 1.0, 30.0], dtype=torch.float64)
    optimizer.step()
    decay = 0.1 * optimizer.param_groups[0]["weight_decay"] if name == "AdamW" else 0.0
    moved = before * (1 - decay) - weight.detach()
    torch.testing.assert_close(_rates(optimizer)[id(weight)] * weight.grad, moved)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_what_harms_weighs_less_than_what_helps(optimizer):
    X, y = task()
    net = make(LossWeights(TERMS), optimizer=optimizer, lr=0.02 if optimizer is torch.optim.Adam else 0.1)
    torch.manual_seed(0)
    helpful, harmful = tune(net, "losses", X, y, -6.0, 4.0)
    assert harmful + 1.0 < helpful


def test_weights_depend_on_nothing_but_the_losses_in_use():
    """The derivatives draw no random numbers, change no buffers, and leave no gradients."""
    X, y = task()
    split = ValidSplit(0.25, random_state=0)
    options = {"train_split": split, "module__dropout": 0.3, "module__norm": True, "max_epochs": 4}
    options["optimizer"] = torch.optim.SGD  # Adam makes steps of what is 0 but for rounding
    held = OnePass("losses", low=-1.0, high=-0.999999)
    alone = fit(make(LossWeights(TERMS, -1.0), **options), X, y)
    tuned = fit(make(LossWeights(TERMS, -1.0), ("pass", held), **options), X, y)
    for one, another in zip(weights(alone), weights(tuned), strict=True):
        torch.testing.assert_close(one, another, atol=1e-5, rtol=0)


def test_the_network_clones_pickles_and_goes_on():
    X, y = task()
    net = fit(make(LossWeights(TERMS, (0.0, -2.0)), max_epochs=3), X, y)
    again = fit(clone(net), X, y)
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy.predict(X), net.predict(X))
    for one, another in zip(weights(net), weights(again), strict=True):
        torch.testing.assert_close(one, another, atol=0, rtol=0)
    torch.manual_seed(1)
    net.partial_fit(X, y)
    torch.manual_seed(1)
    copy.partial_fit(X, y)
    for one, another in zip(weights(net), weights(copy), strict=True):
        torch.testing.assert_close(one, another, atol=0, rtol=0)


def test_after_a_training_that_failed_the_network_trains_as_ever():
    X, y = task()

    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise RuntimeError("once")

    net = make(LossWeights(TERMS), ("fails", Fails()), max_epochs=2)
    with pytest.raises(RuntimeError, match="once"):
        net.fit(X, y)
    fit(net.set_params(callbacks__fails=None), X, y)
    for one, another in zip(weights(net), weights(fit(clone(net), X, y)), strict=True):
        torch.testing.assert_close(one, another, atol=0, rtol=0)


def test_a_loss_of_the_networks_own_and_weights_of_classes():
    class Net(skorch.NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return 3 * super().get_loss(y_pred, y_true, X=X, training=training)

    X, y = plain_task()
    options = {"kind": Net, "criterion__weight": torch.tensor([1.0, 2.0])}
    net, plain = (
        fit(smooth(*callbacks, **options), X, y)
        for callbacks in ([("losses", LossWeights([uniform_cross_entropy], -40.0))], [])
    )
    for one, another in zip(weights(net), weights(plain), strict=True):
        torch.testing.assert_close(one, another)


def test_a_search_beats_equal_weights():
    X, y = task(480)
    fitted = search(make(LossWeights(TERMS), batch_size=32), n_iter=4).fit(X, y)
    assert fitted.cv_results_["params"][0] == {NAME: 0.0}
    assert fitted.best_score_ > fitted.cv_results_["mean_test_score"][0]
    helpful, harmful = fitted.best_params_[NAME]
    assert harmful + 0.5 < helpful
    X_new, _ = task(500, seed=1)
    torch.manual_seed(0)
    equal = make(LossWeights(TERMS), batch_size=32).fit(X, y)
    losses = [log_loss(X_new["aux"][:, 0], net.predict_proba(X_new)) for net in (fitted, equal)]
    assert losses[0] < 0.8 * losses[1]
    # The winner is the user's own network with the weights that were found, and nothing else.
    assert [name for name, _ in fitted.best_estimator_.callbacks] == ["losses"]
    assert fitted.best_estimator_.get_params()[NAME] == fitted.best_params_[NAME]


def test_worker_processes_and_a_journal_give_the_same_result(tmp_path, monkeypatch):
    X, y = task()
    settings = {"n_iter": 2, "refit": False}
    alone = search(**settings).fit(X, y)
    journal = tmp_path / "search.jsonl"
    together = search(n_jobs=2, journal=journal, **settings).fit(X, y)
    np.testing.assert_allclose(together.optimizer_.points, alone.optimizer_.points, atol=1e-6)
    monkeypatch.setattr(LossWeights, "on_train_begin", None)  # which no training survives
    again = search(journal=journal, **settings).fit(X, y)
    assert again.cv_results_["params"] == together.cv_results_["params"]
    copy = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(copy.optimizer_.ask(1), together.optimizer_.ask(1))


def test_in_a_pipeline_smoothing_alone():
    X, y = plain_task()
    pipeline = make_pipeline(StandardScaler(), smooth(("losses", LossWeights([uniform_cross_entropy]))))
    name = f"neuralnetclassifier__{NAME}"
    fitted = search(pipeline, n_iter=4, space={name: Vector(1, -8, 2)}).fit(1000 * X, y)
    assert len({params[name] for params in fitted.cv_results_["params"]}) == 4


def not_a_number(y_pred, y_true, X):
    return y_pred[0]


@pytest.mark.parametrize(
    ("losses", "settings", "message"),
    [
        (
            LossWeights(TERMS),
            {"space": {NAME: Vector(3, -6, 4)}},
            r"Vector\(2, low, high\).*each of the 2 terms",
        ),
        (LossWeights(TERMS), {"space": {NAME: (-6.0, 4.0)}}, r"Vector\(2, low, high\)"),
        (LossWeights(TERMS), {"space": {NAME: Vector(2, -6, 4), "lr": (0.1, 0.2)}}, r"alone .* got \['lr'\]"),
        (
            LossWeights(told),
            {},
            r"terms of LossWeights must be a list of functions of \(y_pred, y_true, X\)",
        ),
        (LossWeights([]), {}, "terms of LossWeights must be a list"),
    ],
)
def test_what_can_not_be_tuned_is_refused_before_a_fit(losses, settings, message):
    fits = []

    class Counter(Callback):
        def on_train_begin(self, net, **kwargs):
            fits.append(net)

    with pytest.raises(ValueError, match=message):
        search(make(losses, ("counter", Counter())), **settings).fit(*task())
    assert not fits


def test_probabilities_are_refused_by_the_uniform_cross_entropy():
    net = smooth(("losses", LossWeights([uniform_cross_entropy])), criterion=nn.NLLLoss)
    with pytest.raises(
        ValueError, match=r"criterion=torch.nn.CrossEntropyLoss, and a module without a softmax"
    ):
        search(net, space={NAME: Vector(1, -6, 4)}).fit(*plain_task())


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (
            LossWeights(TERMS, (0.0, 1.0, 2.0)),
            r"one for each of the 2 terms \['told', 'misled'\].* shape \(3,\)",
        ),
        (LossWeights([not_a_number]), r"'not_a_number' .* must return a tensor of one number.*got \(16, 2\)"),
    ],
)
def test_what_does_not_fit_is_said(losses, message):
    with pytest.raises(ValueError, match=message):
        make(losses).fit(*task())
    with pytest.raises(ValueError, match="several callbacks LossWeights"):
        make(losses, ("more", LossWeights(TERMS))).fit(*task())


def test_a_training_that_does_not_use_it_is_found():
    class Net(skorch.NeuralNetClassifier):
        def train_step_single(self, batch, **fit_params):
            Xi, yi = batch
            y_pred = self.infer(Xi)
            loss = self.criterion_(y_pred, yi)
            loss.backward()
            return {"loss": loss, "y_pred": y_pred}

    net = smooth(("losses", LossWeights([uniform_cross_entropy])), kind=Net)
    with pytest.raises(ValueError, match=r"get_loss.*which the training of Net does not call"):
        net.fit(*plain_task())
