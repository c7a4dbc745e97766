"""Label smoothing found by derivatives of the log-loss, beside fixed ones, and what it does to the accuracy.

    python examples/benchmarks/label_smoothing.py

A perceptron of 64 hidden units is trained on 400 digits, a share of which have a label drawn at random; so
have the rows that a search holds out, since nobody knows which they are. "found" is the smoothing of
GradientSearchCV by the log-loss, with 8 candidates and 3 folds, the first of which is 0.05. Printed are the
log-loss on other digits with labels as wrong as those of the training, which is what a search by the log-loss
is after, and with right ones, and the accuracy with right ones, of networks trained on all 400 rows: means
over 3 trainings, and over seeds.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from sksearch import GradientSearchCV
from sksearch.nets import InMemoryLoader, LossWeights, uniform_cross_entropy
from sksearch.space import Vector

NAME = "callbacks__smoothing__log_weights"
FIXED = (0.0, 0.05, 0.1, 0.2)
N_REFITS = 3

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


class MLP(nn.Sequential):
    """One hidden layer."""

    def __init__(self):
        super().__init__(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def make_net():
    return NeuralNetClassifier(
        MLP,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=2e-3,
        batch_size=32,
        max_epochs=40,
        train_split=None,
        iterator_train=InMemoryLoader,
        iterator_train__shuffle=True,
        iterator_valid=InMemoryLoader,
        iterator_valid__batch_size=256,
        callbacks=[("smoothing", LossWeights([uniform_cross_entropy], np.log(0.05 / 0.95)))],
        verbose=0,
    )


def load(wrong, seed):
    """Return training rows, test rows, and their labels: as wrong as those of the training, and right."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=400, stratify=y, random_state=seed)
    rng = np.random.default_rng(seed)
    y_train, as_wrong = (
        np.where(rng.random(len(labels)) < wrong, rng.integers(10, size=len(labels)), labels)
        for labels in (y_train, y_test)
    )
    return X_train, y_train, X_test, as_wrong, y_test


def quality(smoothing, X_train, y_train, X_test, as_wrong, right):
    """Return both log-losses and the accuracy, means over refits."""
    with np.errstate(divide="ignore"):
        weight = np.log(smoothing) - np.log1p(-smoothing)
    rows = []
    for seed in range(N_REFITS):
        torch.manual_seed(seed)
        net = clone(make_net()).set_params(**{NAME: weight}).fit(X_train, y_train)
        proba = net.predict_proba(X_test)
        accuracy = (proba.argmax(axis=1) == right).mean()
        rows.append((log_loss(as_wrong, proba), log_loss(right, proba), accuracy))
    return np.mean(rows, axis=0)


def find(X_train, y_train, seed):
    """Return the smoothing that the search finds."""
    search = GradientSearchCV(
        make_net(),
        {NAME: Vector(1, -9, 1)},
        n_iter=8,
        scoring="neg_log_loss",
        cv=StratifiedKFold(3, shuffle=True, random_state=seed),
        refit=False,
        random_state=seed,
    ).fit(X_train, y_train)
    return 1 / (1 + np.exp(-np.ravel(search.best_params_[NAME])[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--wrong", type=float, nargs="+", default=[0.0, 0.2], help="shares of wrong labels")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'wrong labels':>12} {'smoothing':>16} {'log-loss as wrong':>18} {'right':>7} {'accuracy':>9}")
    for wrong in args.wrong:
        sets = [load(wrong, seed) for seed in range(args.seeds)]
        found = [find(X_train, y_train, seed) for seed, (X_train, y_train, *_) in enumerate(sets)]
        for name, values in [(f"{s:g}", [s] * args.seeds) for s in FIXED] + [("found", found)]:
            rows = [quality(value, *data) for value, data in zip(values, sets, strict=True)]
            loss, right, accuracy = np.mean(rows, axis=0)
            print(f"{wrong:>12} {name:>16} {loss:>18.3f} {right:>7.3f} {accuracy:>9.4f}", flush=True)
        print(f"{'':>12} found: {np.round(found, 4)}", flush=True)


if __name__ == "__main__":
    main()
