"""Weights of several losses of a network by gradient, against equal ones and black-box search.

    python examples/benchmarks/loss_weights.py --seeds 3

Three tasks, each with a null case beside it, in which all other losses are of the same use:

- "tasks": 300 rows of 30 columns, two classes that depend on 4 functions of 10 of them. 4 auxiliary targets
  are these functions, with some noise; 8 are functions of all columns and noise. Null: 12 of the first kind.
- "sources": 700 digits from 6 sources. The first one, 200 rows, is what counts: the network's own loss
  and the score are those of its rows. Two of the others have 7 of 10 labels wrong. Null: none has.
- "penalties": 300 rows as of "tasks", the entropy of the prediction, the activity of the hidden units
  and the error of a reconstruction of the input. No null case.

Printed is the log-loss on test rows, with right labels, of networks with

- none: no other loss,
- equal: all weights 1,
- one: the weight that all have in common by BayesSearchCV with three times the candidates,
- each: all weights by BayesSearchCV, the same,
- found: all weights by GradientSearchCV.

Each is trained on all training rows three times, from other weights. "cost" is the time of a pass relative to
one training; all searches have the same three folds.
"""

import argparse
import os
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
import torch
from net_decays import cost_of_pass
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from skorch import NeuralNetClassifier
from skorch.helper import SliceDict
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from sksearch import BayesSearchCV, GradientSearchCV
from sksearch.nets import InMemoryLoader, LossWeights
from sksearch.space import Vector

NAME = "callbacks__losses__log_weights"
LOW, HIGH = -6.0, 4.0
N_REFITS = 3
N_TEST = 3000
METHODS = ("none", "equal", "one", "each", "found")


class MLP(nn.Module):
    """Scores of the classes, other outputs, and what is hidden."""

    def __init__(self, n_inputs, n_classes, n_others):
        super().__init__()
        self.hidden = nn.Linear(n_inputs, 64)
        self.out = nn.Linear(64, n_classes)
        self.others = nn.Linear(64, n_others)

    def forward(self, X, **_):
        hidden = torch.relu(self.hidden(X))
        return self.out(hidden), self.others(hidden), hidden


class Own(nn.CrossEntropyLoss):
    """The loss of the classes."""

    def forward(self, y_pred, y_true):
        return super().forward(y_pred[0], y_true)


def of_target(y_pred, y_true, X, k):
    return mse_loss(y_pred[1][:, k], X["targets"][:, k])


def of_source(y_pred, y_true, X, k):
    losses, mask = cross_entropy(y_pred[0], y_true, reduction="none"), X["source"] == k
    return (losses * mask).sum() / mask.sum().clamp(min=1)


class FirstSource(NeuralNetClassifier):
    """A network whose own loss is that of the rows of the first source."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        return of_source(y_pred, y_true.to(self.device), X, 0)


def score_of_first_source(net, X, y):
    first = X["source"] == 0
    return -log_loss(y[first], net.predict_proba(X)[first], labels=net.classes_)


def confidence(y_pred, y_true, X):
    logs = y_pred[0].log_softmax(dim=1)
    return (logs.exp() * logs).sum(dim=1).mean()


def activity(y_pred, y_true, X):
    return y_pred[2].mean()


def reconstruction(y_pred, y_true, X):
    return mse_loss(y_pred[1], X["X"])


def tasks(seed, null=False, n_train=300):
    """Return training data, test data, and the losses."""
    rng = np.random.default_rng(seed)
    useful = rng.normal(size=(30, 12 if null else 4))
    useful[10:] = 0
    other = rng.normal(size=(30, 4))
    X = rng.normal(size=(n_train + N_TEST, 30))
    signal = np.tanh(X @ useful / 2)
    y = (signal @ rng.choice([-1, 1], size=signal.shape[1]) + 0.3 * rng.normal(size=len(X)) > 0).astype(int)
    targets = [signal + 0.1 * rng.normal(size=signal.shape)]
    if not null:
        targets += [np.tanh(X @ other / 2), 2 * rng.normal(size=(len(X), 4))]
    data = SliceDict(X=X.astype(np.float32), targets=np.hstack(targets).astype(np.float32))
    terms = [partial(of_target, k=k) for k in range(data["targets"].shape[1])]
    return data[:n_train], y[:n_train], data[n_train:], y[n_train:], terms


def sources(seed, null=False, n_first=200, n_others=100):
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    order = rng.permutation(len(X))
    X, y = (X[order] / 16).astype(np.float32), y[order]
    source = np.repeat(np.arange(6), [n_first, *[n_others] * 5])
    n_train = len(source)
    data = SliceDict(X=X, source=np.concatenate([source, np.zeros(len(X) - n_train, int)]))
    wrong = (source > 3) & (rng.random(n_train) < 0.7) & (not null)
    y_train = np.where(wrong, rng.integers(10, size=n_train), y[:n_train])
    terms = [partial(of_source, k=k) for k in range(1, 6)]
    return data[:n_train], y_train, data[n_train:], y[n_train:], terms


def penalties(seed):
    X, y, X_test, y_test, _ = tasks(seed)
    return X, y, X_test, y_test, [confidence, activity, reconstruction]


def make_net(X, y, terms, n_others):
    kind = FirstSource if "source" in X else NeuralNetClassifier
    return kind(
        MLP,
        module__n_inputs=X["X"].shape[1],
        module__n_classes=len(np.unique(y)),
        module__n_others=n_others,
        criterion=Own,
        optimizer=torch.optim.Adam,
        lr=2e-3,
        batch_size=32,
        max_epochs=30,
        train_split=None,
        iterator_train=InMemoryLoader,
        iterator_train__shuffle=True,
        iterator_valid=InMemoryLoader,
        iterator_valid__batch_size=256,
        callbacks=[("losses", LossWeights(terms))],
        verbose=0,
    )


def test_loss(net, X, y, X_test, y_test):
    """Return the mean log-loss over refits."""
    losses = []
    for seed in range(N_REFITS):
        torch.manual_seed(seed)
        losses.append(log_loss(y_test, clone(net).fit(X, y).predict_proba(X_test)))
    return np.mean(losses)


def compare(make_task, seed, n_iter, methods):
    """Return test losses by method, the cost of the pass, and the weights that were found."""
    X, y, X_test, y_test, terms = make_task(seed)
    net = make_net(X, y, terms, n_others=X.get("targets", X["X"]).shape[1])
    if terms[-1] is reconstruction:
        net.set_params(module__n_others=X["X"].shape[1])
    common = {
        "scoring": score_of_first_source if "source" in X else "neg_log_loss",
        "cv": StratifiedKFold(3, shuffle=True, random_state=seed),
        "refit": False,
        "random_state": seed,
    }
    each = {NAME: Vector(len(terms), LOW, HIGH)}
    searches = {
        "one": BayesSearchCV(net, {NAME: (LOW, HIGH)}, n_iter=3 * n_iter, **common),
        "each": BayesSearchCV(net, each, n_iter=3 * n_iter, **common),
        "found": GradientSearchCV(net, each, n_iter=n_iter, **common),
    }
    losses = {}
    for method in methods:
        weights = {"none": -np.inf, "equal": 0.0}.get(method)
        params = {NAME: weights} if weights is not None else searches[method].fit(X, y).best_params_
        losses[method] = test_loss(clone(net).set_params(**params), X, y, X_test, y_test)
    return losses, cost_of_pass(net, "losses", X, y, LOW, HIGH), np.array(params[NAME])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--candidates", type=int, default=8)
    parser.add_argument("--tasks", nargs="+", default=None)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    every = {
        "tasks": tasks,
        "sources": sources,
        "penalties": penalties,
        "tasks, null": partial(tasks, null=True),
        "sources, null": partial(sources, null=True),
    }
    print(f"{'task':14} {'seed':>5}", *(f"{method:>6}" for method in args.methods), f"{'cost':>6}  weights")
    for name in args.tasks or every:
        make_task = every[name]
        rows = []
        for seed in range(args.seeds):
            losses, cost, weights = compare(make_task, seed, args.candidates, args.methods)
            rows.append([*losses.values(), cost])
            found = np.array2string(np.broadcast_to(weights, weights.shape or 1), precision=1)
            print(f"{name:14} {seed:5d}", *(f"{value:6.3f}" for value in rows[-1]), f" {found}", flush=True)
        print(f"{name:14} {'mean':>5}", *(f"{value:6.3f}" for value in np.mean(rows, axis=0)), flush=True)
        ratios = np.array(rows)[:, -2:-1] / np.array(rows)[:, :-1]
        print(f"{'':14} {'ratio':>5}", *(f"{value:6.3f}" for value in ratios.mean(axis=0)), flush=True)


if __name__ == "__main__":
    main()
