"""What people tune in a net is a dimension: each value reaches the part of the net that it is for."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

# ruff: noqa: E402
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import ExponentialLR, StepLR

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.nets import InMemoryLoader, Schedule

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 6)).astype(np.float32)
y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


class Noise(nn.Module):
    """Augmentation as a layer, which acts in training only."""

    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def forward(self, X):
        return X + self.strength * torch.randn_like(X) if self.training else X


class Net(nn.Module):
    def __init__(self, hidden=8, n_layers=1, activation=nn.ReLU, dropout=0.0, strength=0.0):
        super().__init__()
        widths = [6] + [hidden] * n_layers
        parts = [Noise(strength)]
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), activation(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*parts, nn.Linear(hidden, 2))

    def forward(self, X):
        return self.layers(X)

    def first(self, kind):
        return next(part for part in self.layers if isinstance(part, kind))


def make(**options):
    defaults = {"max_epochs": 2, "batch_size": 8, "train_split": None, "verbose": 0}
    iterators = {"iterator_train": InMemoryLoader, "iterator_valid": InMemoryLoader}
    return NeuralNetClassifier(Net, criterion=nn.CrossEntropyLoss, **(defaults | iterators | options))


def probed(net, X, y, probe):
    return probe(net)


def group(number, name, net):
    return net.optimizer_.param_groups[number].get(name, -1.0)


def kind_of_optimizer(net):
    return [SGD, Adam].index(type(net.optimizer_)) + group(0, "momentum", net)


def layers_and_units(net):
    layers = [part for part in net.module_.layers if isinstance(part, nn.Linear)]
    return 100 * (len(layers) - 1) + layers[0].out_features


def kind_of_activation(net):
    return [nn.ReLU, nn.Tanh].index(type(net.module_.layers[2]))


def gradient_norm(net):
    norm = sum(part.grad.square().sum() for part in net.module_.parameters()) ** 0.5
    return round(float(norm), 4)


def decay_of_biases_and_weights(net):
    groups = net.optimizer_.param_groups
    return 10 * groups[0]["weight_decay"] + groups[1]["weight_decay"]


def first_and_last_rate(net):
    rates = net.history[:, "lr"] if "lr" in net.history[0] else net.history[:, "event_lr"]
    return rates[0] + 100 * rates[-1]


def first_batch(net):
    return net.history[0]["batches"][0]["train_batch_size"]


def scheduled(name, warmup):
    schedule = Schedule(name, warmup)
    rates = [0.01 * schedule.factor(batch, 6) for batch in (2, 5)]
    return rates[0] + 100 * rates[1]


def n_epochs(net):
    return len(net.history)


# Options of the net, space, what is seen in the fitted net, and what it is for a candidate.
CASES = {
    "lr": ({}, {"lr": (1e-3, 1e-1, "log-uniform")}, partial(group, 0, "lr"), lambda p: p["lr"]),
    "optimizer": (
        {},
        [
            {"optimizer": [SGD], "optimizer__momentum": (0.0, 0.9), "lr": (1e-2, 1.0, "log-uniform")},
            {"optimizer": [Adam], "lr": (1e-4, 1e-2, "log-uniform")},
        ],
        kind_of_optimizer,
        lambda p: p.get("optimizer__momentum", 0.0),
    ),
    "batch_size": ({}, {"batch_size": [4, 8, 16]}, first_batch, lambda p: p["batch_size"]),
    "layers, units": (
        {},
        {"module__n_layers": (1, 3), "module__hidden": (4, 32, "log-uniform")},
        layers_and_units,
        lambda p: 100 * p["module__n_layers"] + p["module__hidden"],
    ),
    "activation": (
        {},
        {"module__activation": [nn.ReLU, nn.Tanh], "lr": [0.01, 0.1]},
        kind_of_activation,
        lambda p: [nn.ReLU, nn.Tanh].index(p["module__activation"]),
    ),
    "dropout": (
        {},
        {"module__dropout": (0.0, 0.7)},
        lambda net: net.module_.first(nn.Dropout).p,
        lambda p: p["module__dropout"],
    ),
    "weight decay": (
        {},
        {"optimizer__weight_decay": (1e-6, 1e-2, "log-uniform")},
        partial(group, 0, "weight_decay"),
        lambda p: p["optimizer__weight_decay"],
    ),
    "weight decay of weights only": (
        {"optimizer__param_groups": [("*.bias", {"weight_decay": 0.0})]},
        {"optimizer__weight_decay": (1e-6, 1e-2, "log-uniform")},
        decay_of_biases_and_weights,
        lambda p: p["optimizer__weight_decay"],
    ),
    "weight decay per group": (
        {"optimizer__weight_decay": 0.01},
        {"optimizer__param_groups": [[("*.bias", {"weight_decay": d})] for d in (0.0, 0.1, 0.2)]},
        decay_of_biases_and_weights,
        lambda p: 10 * p["optimizer__param_groups"][0][1]["weight_decay"] + 0.01,
    ),
    "label smoothing": (
        {},
        {"criterion__label_smoothing": (0.0, 0.3)},
        lambda net: net.criterion_.label_smoothing,
        lambda p: p["criterion__label_smoothing"],
    ),
    "gradient clipping": (
        {"callbacks": [("clip", GradientNormClipping())]},
        {"callbacks__clip__gradient_clip_value": (1e-4, 1e-2, "log-uniform")},
        gradient_norm,
        lambda p: round(p["callbacks__clip__gradient_clip_value"], 4),
    ),
    "patience": (
        {
            "callbacks": [("stop", EarlyStopping())],
            "lr": 0.0,
            "train_split": ValidSplit(3),
            "max_epochs": 9,
        },
        {"callbacks__stop__patience": (1, 6)},
        n_epochs,
        lambda p: 1 + p["callbacks__stop__patience"],
    ),
    "schedule, warm-up": (
        {"callbacks": [("schedule", Schedule())]},
        {
            "callbacks__schedule__name": ["step", "exponential", "cosine", "one-cycle"],
            "callbacks__schedule__warmup": (0.2, 0.5),
        },
        first_and_last_rate,
        lambda p: scheduled(p["callbacks__schedule__name"], p["callbacks__schedule__warmup"]),
    ),
    "schedules of skorch": (
        {"callbacks": [("schedule", LRScheduler())]},
        {
            "callbacks__schedule": [
                LRScheduler(StepLR, step_size=1, gamma=0.5),
                LRScheduler(StepLR, step_size=1, gamma=0.1),
                LRScheduler(ExponentialLR, gamma=0.7),
            ]
        },
        first_and_last_rate,
        lambda p: 0.01 + p["callbacks__schedule"].gamma,
    ),
    "augmentation": (
        {},
        {"module__strength": (0.0, 1.0)},
        lambda net: net.module_.first(Noise).strength,
        lambda p: p["module__strength"],
    ),
}


@pytest.mark.parametrize("searcher", [BayesSearchCV, GeneticSearchCV])
@pytest.mark.parametrize("case", CASES)
def test_every_value_reaches_the_net(case, searcher):
    options, space, probe, expected = CASES[case]
    search = searcher(
        make(**options), space, n_iter=6, cv=2, scoring=partial(probed, probe=probe), random_state=0
    )
    if case in ("schedules of skorch", "batch_size", "weight decay per group", "activation"):
        search.set_params(n_iter=3)  # a space of three or four values
    results = search.fit(X, y).cv_results_
    assert len(results["params"]) == search.n_iter
    wanted = [expected(params) for params in results["params"]]
    assert len(set(wanted)) > 1
    if case == "optimizer":
        # SGD is 0 and its momentum, Adam is 1 and has none.
        wanted = [
            w if "optimizer__momentum" in p else 0.0 for w, p in zip(wanted, results["params"], strict=True)
        ]
        assert 0.0 in wanted
    np.testing.assert_allclose(results["mean_test_score"], wanted, rtol=1e-4)
