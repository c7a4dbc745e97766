"""A residual network on handwritten digits: augmentation, schedule and architecture tuned together.

    python examples/nets_images.py                       # one to three minutes on two cores
    python examples/nets_images.py --plot curves.png

The net augments its own input while it trains (shift, rotation, noise), on the device that it is on. On a GPU
it computes in bfloat16, is compiled, and accumulates the gradients of two batches; of several GPUs each
has a fit.
"""

import numpy as np
import torch
from nets_report import DEVICE, arguments, compare
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.execution import Rounds
from sksearch.nets import InMemoryLoader, Schedule


class Augmentation(nn.Module):
    """Turn, shift and blur every image of a batch by chance, in training only.

    At strength 1 angles have a standard deviation of 20 degrees, shifts of one pixel in eight, and noise of
    a quarter of the range of the pixels.
    """

    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def forward(self, images):
        if not self.training or self.strength == 0:
            return images
        n = len(images)
        angle = self.strength * torch.randn(n, device=images.device) * np.pi / 9
        shift = self.strength * torch.randn(n, 2, device=images.device) / 4  # of 2, the width in these units
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(n, 2, 2)
        where = functional.affine_grid(
            torch.cat([turn, shift[:, :, None]], dim=2), images.shape, align_corners=False
        )
        moved = functional.grid_sample(images, where, align_corners=False)
        return moved + self.strength * torch.randn_like(images) / 4


class Residual(nn.Module):
    def __init__(self, channels, dropout):
        super().__init__()
        self.change = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )

    def forward(self, X):
        return X + self.change(X)


class ResidualNet(nn.Module):
    def __init__(self, channels=8, n_blocks=1, dropout=0.0, strength=0.0, n_classes=10):
        super().__init__()
        self.augment = Augmentation(strength)
        self.body = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1, bias=False),
            *(Residual(channels, dropout) for _ in range(n_blocks)),
            nn.Conv2d(channels, 2 * channels, 2, stride=2),
            *(Residual(2 * channels, dropout) for _ in range(n_blocks)),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * channels, n_classes),
        )

    def forward(self, X):
        return self.body(self.augment(X))


class GPUClassifier(NeuralNetClassifier):
    """A net that computes in bfloat16 and steps once in `accumulate` batches.

    bfloat16 has the range of float32, so that gradients need no scaling.
    """

    def __init__(self, *args, accumulate=1, **kwargs):
        super().__init__(*args, **kwargs)
        self.accumulate = accumulate

    def infer(self, x, **fit_params):
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            return super().infer(x, **fit_params).float()

    def train_step(self, batch, **fit_params):
        self._set_training(True)
        X, y = batch
        self.n_waiting_ = getattr(self, "n_waiting_", 0) + 1
        y_pred = self.infer(X, **fit_params)
        loss = self.get_loss(y_pred, y, X=X, training=True)
        (loss / self.accumulate).backward()
        if self.n_waiting_ == self.accumulate:
            self.n_waiting_ = 0
            self.notify(
                "on_grad_computed",
                named_parameters=self.get_all_learnable_params(),
                batch=batch,
                training=True,
            )
            self.optimizer_.step()
            self.optimizer_.zero_grad()
        return {"loss": loss, "y_pred": y_pred}


def make_net(epochs, device=DEVICE):
    kind, own = NeuralNetClassifier, {}
    if device == "cuda":
        kind, own = GPUClassifier, {"accumulate": 2, "compile": True, "iterator_train__device": "cuda"}
    return kind(
        ResidualNet,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        lr=0.003,
        batch_size=32,
        max_epochs=epochs,
        train_split=None,
        iterator_train=InMemoryLoader,
        iterator_train__shuffle=True,
        iterator_valid=InMemoryLoader,
        callbacks=[("schedule", Schedule("constant", epochs=epochs))],
        device=device,
        verbose=0,
        **own,
    )


SPACE = {
    "lr": (3e-4, 3e-2, "log-uniform"),
    "optimizer__weight_decay": (1e-4, 0.3, "log-uniform"),
    "module__channels": [4, 8, 16],
    "module__n_blocks": [1, 2],
    "module__dropout": (0.0, 0.4),
    "module__strength": (0.0, 1.0),
    "callbacks__schedule__name": ["constant", "cosine", "one-cycle"],
    "callbacks__schedule__warmup": (0.0, 0.3),
}

# The untuned net, tried first: what the search finds is at least as good in cross-validation.
START = {
    "lr": 0.003,
    "optimizer__weight_decay": 0.01,
    "module__channels": 8,
    "module__n_blocks": 1,
    "module__dropout": 0.0,
    "module__strength": 0.0,
    "callbacks__schedule__name": "constant",
    "callbacks__schedule__warmup": 0.0,
}


def load():
    X, y = load_digits(return_X_y=True)
    X = (X / 8 - 1).astype(np.float32).reshape(-1, 1, 8, 8)
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=200, stratify=y, random_state=0)
    return (X_train, y_train), (X_test, y_test)


def main():
    args = arguments(__doc__.split("\n")[0], n_iter=20, epochs=27)
    train, test = load()
    net = make_net(args.epochs)
    options = {
        "n_iter": args.n_iter,
        "cv": 3,
        "n_jobs": args.n_jobs,
        "resource": "max_epochs",
        "random_state": 0,
    }
    if DEVICE == "cuda":  # one fit at a time on each GPU
        gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        options |= {"n_jobs": None, "executor": Rounds(devices=gpus)}
    searches = {
        kind.__name__: kind(net, SPACE, initial_params=[START], **options)
        for kind in (BayesSearchCV, GeneticSearchCV)
    }
    compare(net, searches, train, test, plot=args.plot)


if __name__ == "__main__":
    main()
