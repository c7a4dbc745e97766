"""What `InMemoryLoader` saves: the same training with torch's DataLoader and with it, side by side.

    python examples/benchmarks/loader.py
    python examples/benchmarks/loader.py --hidden 16 64 512 --repeats 9

A perceptron on scikit-learn's digits, on one thread, in seconds of CPU time. The kinds of fits alternate, so
that a busy machine slows all. Parameters are compared bit for bit. "bound" is the ratio with a loader that
costs nothing: it repeats the batches of its first epoch.
"""

import argparse
import time

import numpy as np
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import DataLoader

from sksearch.nets import InMemoryLoader

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


class FreeLoader(InMemoryLoader):
    """Costs nothing, but repeats the batches of its first epoch: no other loader is faster."""

    def __iter__(self):
        if not hasattr(self, "batches"):
            self.batches = list(super().__iter__())
        return iter(self.batches)


class Perceptron(nn.Sequential):
    def __init__(self, hidden):
        super().__init__(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def fit(iterator, hidden, batch_size, epochs):
    """Train once; return seconds of the fit, seconds of a prediction, and the net."""
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        Perceptron,
        module__hidden=hidden,
        criterion=nn.CrossEntropyLoss,
        lr=0.1,
        max_epochs=epochs,
        batch_size=batch_size,
        train_split=None,
        iterator_train=iterator,
        iterator_train__shuffle=True,
        iterator_valid=iterator,
        verbose=0,
    )
    begin = time.process_time()
    net.fit(X, y)
    middle = time.process_time()
    net.predict(X)
    return middle - begin, time.process_time() - middle, net


def same(one, other):
    pairs = zip(one.module_.parameters(), other.module_.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hidden", type=int, nargs="+", default=[16, 64, 256], help="widths of the layer")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    fit(DataLoader, 16, 128, 1)  # the first fit of a process loads what all need

    print(f"{'':14}{'seconds to fit':>24}{'':25}{'to predict':>14}")
    print(
        f"{'hidden':>6} {'batch':>6} {'DataLoader':>11} {'InMemoryLoader':>15} {'ratio (range)':>18} "
        f"{'bound':>6} {'ratio':>9}  same"
    )
    for hidden in args.hidden:
        for batch_size in args.batch_size:
            options = {"hidden": hidden, "batch_size": batch_size, "epochs": args.epochs}
            kinds = DataLoader, InMemoryLoader, FreeLoader
            runs = [[fit(kind, **options) for kind in kinds] for _ in range(args.repeats)]
            seconds = np.array([[run[:2] for run in round_] for round_ in runs])
            ratios = seconds[:, :1] / seconds[:, 1:]
            theirs, ours, _ = np.median(seconds[:, :, 0], axis=0)
            low, ratio, high = np.quantile(ratios[:, 0, 0], [0, 0.5, 1])
            print(
                f"{hidden:>6} {batch_size:>6} {theirs:>11.3f} {ours:>15.3f} "
                f"{ratio:>6.2f} ({low:.2f}-{high:.2f}) {np.median(ratios[:, 1, 0]):>6.2f} "
                f"{np.median(ratios[:, 0, 1]):>9.2f}  {all(same(a[2], b[2]) for a, b, _ in runs)}"
            )


if __name__ == "__main__":
    main()
