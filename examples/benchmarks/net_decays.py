"""Many weight decays of a network by gradient, against a single one by grid search.

    python examples/benchmarks/net_decays.py --seeds 5

400 digits train a network of 64 hidden units, the other 1,397 test it. 129 weight decays, one for each of 128
inputs, of which 64 are noise, one for all other weights, are searched by GradientSearchCV with 8 candidates,
the common decay by GridSearchCV with 8 candidates and the same three folds. Then the same without the noise,
where 65 decays have less to gain. Both winners are refitted three times, from other weights, and their mean
test log-loss is printed, and its ratio. "cost" is the time of the pass that tunes the decays relative to one
training.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sksearch import GradientSearchCV
from sksearch.nets import Decay, InMemoryLoader
from sksearch.nets.one_pass import tune
from sksearch.space import Vector

NAME = "callbacks__decay__log_decay"
LOW, HIGH = -8.0, 6.0
N_REFITS = 3


class MLP(nn.Sequential):
    """One hidden layer."""

    def __init__(self, n_inputs):
        super().__init__(nn.Linear(n_inputs, 64), nn.ReLU(), nn.Linear(64, 10))


def load(n_noise, seed):
    """Return training and test samples, float32 and scaled."""
    X, y = load_digits(return_X_y=True)
    X = np.hstack([X, np.random.default_rng(seed).normal(size=(len(X), n_noise))])
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=400, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(X_train)
    # A pixel that is almost always 0 may be far out where it is not.
    X_train, X_test = (scaler.transform(X).clip(-5, 5).astype(np.float32) for X in (X_train, X_test))
    return X_train, X_test, y_train, y_test


def make_net(n_inputs):
    return NeuralNetClassifier(
        MLP,
        module__n_inputs=n_inputs,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=32,
        max_epochs=50,
        train_split=None,
        iterator_train=InMemoryLoader,
        iterator_train__shuffle=True,
        iterator_valid=InMemoryLoader,
        callbacks=[("decay", Decay(0.0))],
        verbose=0,
    )


def test_loss(search, X_train, X_test, y_train, y_test):
    """Return the log-loss of the winner, mean over refits."""
    losses = []
    for seed in range(N_REFITS):
        torch.manual_seed(seed)
        net = clone(search.estimator).set_params(**search.best_params_).fit(X_train, y_train)
        losses.append(log_loss(y_test, net.predict_proba(X_test)))
    return np.mean(losses)


def cost_of_pass(net, name, X, y, low, high):
    """Return the time of the pass for a callback relative to one training, least of three each."""
    seconds = []
    for run in (lambda: clone(net).fit(X, y), lambda: tune(net, name, X, y, low, high)):
        times = []
        for _ in range(3):
            start = time.process_time()
            run()
            times.append(time.process_time() - start)
        seconds.append(min(times))
    return seconds[1] / seconds[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'inputs':>16} {'seed':>5} {'one decay':>10} {'many':>7} {'ratio':>6} {'cost':>5}")
    for n_noise in (64, 0):
        ratios, costs = [], []
        for seed in range(args.seeds):
            data = X_train, _, y_train, _ = load(n_noise, seed)
            n_inputs = X_train.shape[1]
            net = make_net(n_inputs)
            common = {
                "scoring": "neg_log_loss",
                "cv": StratifiedKFold(3, shuffle=True, random_state=seed),
                "refit": False,
            }
            torch.manual_seed(seed)
            grid = GridSearchCV(net, {NAME: np.linspace(LOW, HIGH, args.candidates).tolist()}, **common)
            space = {NAME: Vector(n_inputs + 1, LOW, HIGH)}
            search = GradientSearchCV(net, space, n_iter=args.candidates, random_state=seed, **common)
            for one in (grid, search):
                one.fit(X_train, y_train)
            best, found = (test_loss(one, *data) for one in (grid, search))
            ratios.append(found / best)
            costs.append(cost_of_pass(net, "decay", X_train, y_train, LOW, HIGH))
            inputs = f"64 + {n_noise} noise"
            row = f"{inputs:>16} {seed:5d} {best:10.3f} {found:7.3f} {ratios[-1]:6.2f} {costs[-1]:5.2f}"
            print(row, flush=True)
        print(f"{'mean':>22} {'':10} {'':7} {np.mean(ratios):6.2f} {np.mean(costs):5.2f}", flush=True)


if __name__ == "__main__":
    main()
