"""Decays: what they do to weights, which weights belong together, and what is refused."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

# ruff: noqa: E402
from sklearn.base import clone
from torch import nn

from sksearch.nets import Decay, Schedule

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 3)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.out = nn.Linear(4, 2)

    def forward(self, X):
        return self.out(torch.tanh(self.hidden(X)))


class OnlyBias(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 2)


def make(*callbacks, **options):
    defaults = {"criterion": nn.CrossEntropyLoss, "train_split": None, "max_epochs": 2, "batch_size": 8}
    return skorch.NeuralNetClassifier(MLP, callbacks=[*callbacks], verbose=0, **(defaults | options))


def fit(net, seed=0):
    torch.manual_seed(seed)
    return net.fit(X, y)


def weights(net):
    return {name: p.detach().clone() for name, p in net.module_.named_parameters()}


def assert_same(first, second, **tolerance):
    for name in first:
        torch.testing.assert_close(first[name], second[name], **tolerance)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_a_common_decay_is_that_of_the_optimizer(optimizer):
    reference = fit(make(optimizer=optimizer, lr=1e-3, optimizer__weight_decay=1.0))
    net, plain = (
        fit(make(*callbacks, optimizer=optimizer, lr=1e-3, optimizer__weight_decay=0.0))
        for callbacks in ([("decay", Decay(0.0))], [])
    )
    # That multiplies by 1 - 0.001, this by exp(-0.001), and the step is in between: equal to first order.
    assert_same(weights(reference), weights(net), atol=2e-5, rtol=0)
    assert (weights(plain)["hidden.weight"] - weights(net)["hidden.weight"]).abs().max() > 1e-3


def test_weights_without_a_gradient_decay_by_the_rate_and_nothing_else_does():
    class Still(MLP):
        def forward(self, X):
            return super().forward(X) * 0.0

    torch.manual_seed(0)
    before = {name: p.detach().clone() for name, p in Still().named_parameters()}
    log_decay = np.log([0.1, 0.2, 0.3, 0.4])
    net = make(("decay", Decay(log_decay)), lr=0.5)
    net.set_params(module=Still, optimizer=torch.optim.SGD)
    after = weights(fit(net))
    n_steps = 2 * 3
    factors = torch.tensor(np.exp(-0.5 * n_steps * np.exp(log_decay)), dtype=torch.float32)
    torch.testing.assert_close(after["hidden.weight"], before["hidden.weight"] * factors[:3])
    for name in ("hidden.bias", "out.weight", "out.bias"):
        torch.testing.assert_close(after[name], before[name] * factors[3])


def test_the_rate_is_the_one_of_the_moment():
    net = make(("schedule", Schedule("linear", final=0.5)), ("decay", Decay(0.0)), lr=0.1)
    rates = []

    class Recorder(skorch.callbacks.Callback):
        def on_batch_begin(self, net, **kwargs):
            self.before = net.module_.out.bias.detach().clone()

        def on_grad_computed(self, net, **kwargs):
            for parameter in net.module_.parameters():
                parameter.grad.zero_()

        def on_batch_end(self, net, **kwargs):
            rates.append(-torch.log(net.module_.out.bias / self.before).mean().item())

    net.set_params(callbacks=[*net.callbacks, ("recorder", Recorder())])
    fit(net)
    np.testing.assert_allclose(rates, 0.1 * (1 - 0.5 * np.arange(6) / 6), rtol=1e-4)


@pytest.mark.parametrize(
    ("groups", "n_groups"),
    [("inputs", 4), ("layers", 2), ("parameters", 4), (["*.bias"], 2), (["hidden.*", "*.weight"], 3)],
    ids=str,
)
def test_groups(groups, n_groups):
    decay = Decay(np.linspace(-3, 0, n_groups), groups=groups)
    assert decay.count(MLP()) == n_groups
    assert fit(make(("decay", decay))).initialized_


def test_inputs_of_a_convolution_are_its_channels():
    module = nn.Sequential(nn.Conv2d(3, 5, 2), nn.Flatten(), nn.Linear(20, 2))
    assert Decay().count(module) == 4


@pytest.mark.parametrize(
    ("decay", "message"),
    [
        (Decay((0.0, 1.0)), r"each of the 4 groups that groups='inputs' .* shape \(2,\)"),
        (Decay(groups="columns"), "'inputs', 'layers', 'parameters' or a list of patterns, got 'columns'"),
        (Decay(groups=["conv.*"]), r"'conv.\*', which matches no parameter that is left; .*'hidden.weight'"),
    ],
)
def test_what_does_not_fit_is_said(decay, message):
    with pytest.raises(ValueError, match=message):
        fit(make(("decay", decay)))


def test_inputs_need_a_layer_that_has_them():
    with pytest.raises(ValueError, match="groups='inputs' needs a linear layer"):
        Decay().count(OnlyBias())


def test_frozen_decays_give_the_same_network_again_and_pickle():
    net = fit(make(("decay", Decay((-1.0, 0.0, 1.0, 2.0)))))
    again = fit(clone(net))
    assert_same(weights(net), weights(again), atol=0, rtol=0)
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy.predict(X), net.predict(X))
    assert_same(weights(copy.partial_fit(X, y)), weights(net.partial_fit(X, y)), atol=0, rtol=0)


@pytest.mark.parametrize("frozen_first", [True, False])
def test_frozen_weights_stay_and_keep_their_groups(frozen_first):
    callbacks = [("freezer", skorch.callbacks.Freezer("hidden.*")), ("decay", Decay((0.0, 1.0), "layers"))]
    net = make(*callbacks[:: 1 if frozen_first else -1], lr=0.5)
    torch.manual_seed(0)
    before = weights(net.initialize())
    net.partial_fit(X, y).partial_fit(X, y)  # where the first training has frozen them, and the second begins
    after = weights(net)
    torch.testing.assert_close(after["hidden.weight"], before["hidden.weight"], atol=0, rtol=0)
    assert after["out.weight"].norm() < 0.1 * before["out.weight"].norm()


def test_weights_that_thaw_decay_from_then_on():
    freeze, thaw = skorch.callbacks.Freezer("hidden.*"), skorch.callbacks.Unfreezer("hidden.*", at=2)
    net = make(freeze, thaw, ("decay", Decay(0.0)), lr=0.5)
    torch.manual_seed(0)
    before = weights(net.initialize())
    after = weights(net.partial_fit(X, y))
    assert after["hidden.weight"].norm() < 0.6 * before["hidden.weight"].norm()


def test_it_follows_the_steps_and_not_the_batches():
    class Accumulating(skorch.NeuralNetClassifier):
        def train_step(self, batch, **fit_params):
            step = self.train_step_single(batch, **fit_params)
            if len(self.history[-1, "batches"]) == 3:
                self.optimizer_.step()
                self.optimizer_.zero_grad()
            return step

        def get_loss(self, *args, **kwargs):
            return super().get_loss(*args, **kwargs) / 3

    torch.manual_seed(0)
    options = {
        "criterion": nn.CrossEntropyLoss,
        "train_split": None,
        "max_epochs": 2,
        "lr": 0.5,
        "verbose": 0,
    }
    summed = Accumulating(MLP, batch_size=8, callbacks=[("decay", Decay(0.0))], **options)
    whole = skorch.NeuralNetClassifier(MLP, batch_size=24, callbacks=[("decay", Decay(0.0))], **options)
    assert_same(weights(fit(summed)), weights(fit(whole)), atol=1e-6, rtol=0)
