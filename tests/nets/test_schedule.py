"""The schedule: its course, warm-up, rungs, and what it says about wrong parameters."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

# ruff: noqa: E402
from sklearn.base import clone
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR

from sksearch.nets import Schedule

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64)
NAMES = ["constant", "step", "linear", "exponential", "cosine", "one-cycle"]


class Recorder(skorch.callbacks.Callback):
    """The rates that the optimizer had, batch by batch, of its last parameter group."""

    def on_train_begin(self, net, **kwargs):
        if not hasattr(self, "rates_"):
            self.rates_ = []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.rates_.append(net.optimizer_.param_groups[-1]["lr"])


def make(schedule, **options):
    return skorch.NeuralNetClassifier(
        torch.nn.Linear,
        module__in_features=3,
        module__out_features=2,
        criterion=torch.nn.CrossEntropyLoss,
        lr=0.2,
        batch_size=5,
        train_split=None,
        verbose=0,
        callbacks=[("schedule", schedule), ("recorder", Recorder())],
        **options,
    )


def rates(net):
    return dict(net.callbacks_)["recorder"].rates_


@pytest.mark.parametrize("warmup", [0.0, 0.25])
@pytest.mark.parametrize("name", NAMES)
def test_course(name, warmup):
    """It begins at the rate, rises while it warms up, falls after, and ends near `final` of the rate."""
    seen = np.array(rates(make(Schedule(name, warmup, final=0.1), max_epochs=10).fit(X, y)))
    assert len(seen) == 40
    assert seen.max() == pytest.approx(0.2)
    rise = 12 if name == "one-cycle" and not warmup else int(40 * warmup)
    assert (np.diff(seen[:rise]) > 0).all()
    assert (np.diff(seen[rise:]) <= 0).all()
    assert seen[-1] == pytest.approx(0.2 if name == "constant" else 0.02, rel=0.35)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("cosine", lambda optimizer: CosineAnnealingLR(optimizer, T_max=40, eta_min=0.2 * 0.05)),
        ("exponential", lambda optimizer: ExponentialLR(optimizer, gamma=0.05 ** (1 / 40))),
    ],
)
def test_course_is_that_of_torch(name, policy):
    seen = rates(make(Schedule(name, final=0.05), max_epochs=10).fit(X, y))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    reference = policy(optimizer)
    for rate in seen:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
        optimizer.step()
        reference.step()


def test_groups_keep_their_proportions():
    net = make(Schedule("linear"), max_epochs=2, optimizer__param_groups=[("weight", {"lr": 0.6})])
    net.fit(X, y)
    first, second = (group["lr"] for group in net.optimizer_.param_groups)
    assert first == pytest.approx(3 * second)


def test_parts_of_one_course():
    """With a given length, a training in steps sees the rates of a training at once."""
    whole = rates(make(Schedule("cosine", 0.2, epochs=9), max_epochs=9).fit(X, y))
    net = make(Schedule("cosine", 0.2, epochs=9), max_epochs=1, warm_start=True).fit(X, y)
    for n_more in (2, 6):
        net.set_params(max_epochs=n_more).fit(X, y)
    np.testing.assert_allclose(rates(net), whole)


def test_going_on_after_the_end_stays_there():
    seen = rates(make(Schedule("linear", final=0.5, epochs=2), max_epochs=4).fit(X, y))
    np.testing.assert_allclose(seen[8:], 0.1)


def test_history_has_the_rate():
    net = make(Schedule("cosine"), max_epochs=3).fit(X, y)
    assert net.history[:, "lr"] == rates(net)[3::4]


def test_it_clones_and_pickles():
    net = make(Schedule("one-cycle", warmup=0.1), max_epochs=2)
    again = pickle.loads(pickle.dumps(clone(net).fit(X, y)))
    assert dict(again.callbacks_)["schedule"].warmup == 0.1
    assert rates(again) == rates(net.fit(X, y))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (Schedule("cosin"), "no name='cosin'; did you mean 'cosine'"),
        (Schedule(warmup=1.0), r"warmup=1\.0 is a share"),
        (Schedule(final=0.0), r"final=0\.0 must be above 0"),
        (Schedule(epochs=0), "epochs=0 must be at least 1"),
    ],
)
def test_wrong_parameters_before_training(schedule, message):
    with pytest.raises(ValueError, match=message):
        make(schedule, max_epochs=1).initialize()
