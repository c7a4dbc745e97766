"""Why label smoothing is not tuned by derivatives: where they lead, and where the accuracy is.

    python examples/benchmarks/label_smoothing.py

A perceptron on 400 digits, some with a wrong label, is trained by gradient descent with a fixed smoothing.
After each step, the loss of held-out rows is differentiated by the smoothing, as far as it depends on it
through that step: what one pass over many decays rests on. Printed are the sums of these derivatives over the
training, the log-loss and the accuracy on other rows; means over seeds.
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import cross_entropy, nll_loss

N_TRAINED = N_HELD_OUT = 400
RATE = 0.2
EPOCHS = 60

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


def train(smoothing, wrong, seed):
    """Return the sum of derivatives, the log-loss and the accuracy."""
    X_train, X_rest, y_train, y_rest = train_test_split(
        X, y, train_size=N_TRAINED, stratify=y, random_state=seed
    )
    rng = np.random.default_rng(seed)
    y_train = np.where(rng.random(N_TRAINED) < wrong, rng.integers(10, size=N_TRAINED), y_train)
    X_train, X_rest, y_train, y_rest = map(torch.as_tensor, (X_train, X_rest, y_train, y_rest))
    X_held, X_test = X_rest[:N_HELD_OUT], X_rest[N_HELD_OUT:]
    y_held, y_test = y_rest[:N_HELD_OUT], y_rest[N_HELD_OUT:]
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    weights = list(net.parameters())
    total = 0.0
    for _ in range(EPOCHS):
        for rows in torch.randperm(N_TRAINED).split(32):
            logs = net(X_train[rows]).log_softmax(dim=1)
            loss, uniform = nll_loss(logs, y_train[rows]), -logs.mean()
            # The loss is linear in the smoothing, and so are its gradient and the step.
            by_smoothing = torch.autograd.grad(uniform - loss, weights, retain_graph=True)
            steps = torch.autograd.grad((1 - smoothing) * loss + smoothing * uniform, weights)
            with torch.no_grad():
                for weight, step in zip(weights, steps, strict=True):
                    weight -= RATE * step
            held_out = torch.autograd.grad(cross_entropy(net(X_held), y_held), weights)
            total -= RATE * sum(float((a * b).sum()) for a, b in zip(held_out, by_smoothing, strict=True))
    with torch.no_grad():
        outputs = net(X_test)
    accuracy = (outputs.argmax(dim=1) == y_test).float().mean()
    return total, float(cross_entropy(outputs, y_test)), float(accuracy)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--wrong", type=float, nargs="+", default=[0.0, 0.2], help="shares of wrong labels")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{'wrong labels':>12} {'smoothing':>10} {'sum of derivatives':>19} {'log-loss':>9} {'accuracy':>9}"
    )
    for wrong in args.wrong:
        for smoothing in (0.0, 0.05, 0.1, 0.2, 0.4):
            runs = [train(smoothing, wrong, seed) for seed in range(args.seeds)]
            total, loss, accuracy = np.mean(runs, axis=0)
            print(f"{wrong:>12} {smoothing:>10} {total:>19.1f} {loss:>9.3f} {accuracy:>9.4f}", flush=True)


if __name__ == "__main__":
    main()
