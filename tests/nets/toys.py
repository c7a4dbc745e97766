"""A small net and small data, shared by the tests of networks."""

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

torch.set_num_threads(1)  # more are slower for nets of this size


class MLP(nn.Module):
    """One hidden layer; gives scores of the classes."""

    def __init__(self, n_inputs=8, hidden=8, n_classes=3, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, n_classes)
        )

    def forward(self, X):
        return self.layers(X)


def blobs(n_samples=120, n_inputs=8, n_classes=3, seed=0):
    """Classes around random centres: float32 of shape (n_samples, n_inputs), and int64."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % n_classes
    X = rng.normal(size=(n_classes, n_inputs))[y] + rng.normal(size=(n_samples, n_inputs))
    return X.astype(np.float32), y.astype(np.int64)


def make_net(module=MLP, **params):
    """A quick classifier, quiet and without a split of its own."""
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 3,
        "lr": 0.1,
        "batch_size": 32,
        "train_split": None,
        "verbose": 0,
    }
    return NeuralNetClassifier(module, **(defaults | params))
