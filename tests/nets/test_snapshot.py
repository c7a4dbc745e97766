"""Slopes of losses along a direction of the weights, as they were when a batch was trained."""

import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

# ruff: noqa: E402
from skorch.dataset import unpack_data
from torch import nn

from sksearch.nets.snapshot import Snapshot


def several(y_pred, y_true, X):
    return [nn.functional.cross_entropy(y_pred, y_true), y_pred.square().mean(), y_pred.new_tensor(3.0)]


def make(*layers):
    torch.manual_seed(0)
    net = skorch.NeuralNetClassifier(nn.Sequential(*layers), train_split=None, verbose=0).initialize()
    net.module_.double().train()
    return net


CASES = {
    "twice": lambda: (
        make(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Tanh(), nn.Linear(6, 3)),
        torch.randn(12, 4, dtype=torch.float64),
    ),
    "only once": lambda: (make(nn.EmbeddingBag(9, 5), nn.Linear(5, 3)), torch.arange(36).reshape(12, 3) % 9),
    "sparse": lambda: (
        make(nn.Embedding(9, 2, sparse=True), nn.Flatten(), nn.Linear(6, 3)),
        torch.arange(36).reshape(12, 3) % 9,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_slopes_are_products_of_gradients_before_the_step(case):
    net, X = CASES[case]()
    batch = X, torch.arange(12) % 3
    named = dict(net.module_.named_parameters())
    direction = {name: torch.randn_like(p) for name, p in named.items() if "bias" not in name}

    torch.manual_seed(1)
    snapshot = Snapshot(net, batch)
    Xi, yi = unpack_data(batch)
    losses = several(net.infer(Xi), yi, Xi)
    expected = []
    for loss in losses[:2]:
        gradients = torch.autograd.grad(loss, [named[name] for name in direction], retain_graph=True)
        pairs = zip(gradients, direction.values(), strict=True)
        expected.append(sum((gradient.to_dense() * d).sum() for gradient, d in pairs))
    expected = torch.stack([*expected, torch.tensor(0.0, dtype=torch.float64)])

    with torch.no_grad():  # a step, after which the losses would be others
        for parameter in named.values():
            parameter.add_(torch.randn_like(parameter))
    before = {name: tensor.clone() for name, tensor in net.module_.state_dict().items()}
    state = torch.get_rng_state()
    slopes = snapshot.slopes(several, direction)
    torch.testing.assert_close(slopes, expected, rtol=1e-7 if case == "twice" else 1e-4, atol=1e-10)
    torch.testing.assert_close(torch.get_rng_state(), state)
    for name, tensor in net.module_.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_without_a_direction_nothing_changes():
    net, X = CASES["only once"]()
    still = {name: torch.zeros_like(p) for name, p in net.module_.named_parameters()}
    slopes = Snapshot(net, (X, torch.arange(12) % 3)).slopes(several, still)
    torch.testing.assert_close(slopes, torch.zeros(3, dtype=torch.float64))
