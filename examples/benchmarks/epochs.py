"""What rungs save for networks: searches with `resource="max_epochs"` against the same without.

    python examples/benchmarks/epochs.py --seeds 5

Needs torch and skorch. See the README beside this file for what is measured.
"""

import argparse
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
import torch
from metrics import interval
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.nets import InMemoryLoader

SPACE = {
    "lr": (1e-4, 1.0, "log-uniform"),
    "module__hidden": (4, 128, "log-uniform"),
    "module__dropout": (0.0, 0.7),
    "optimizer": [torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adam],
    "optimizer__weight_decay": (1e-6, 1e-1, "log-uniform"),
    "batch_size": [64, 128, 256],
}
SEARCHERS = {"bayes": BayesSearchCV, "genetic": GeneticSearchCV}


class MLP(nn.Module):
    def __init__(self, n_inputs, n_classes, hidden=32, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, n_classes)
        )

    def forward(self, X):
        return self.layers(X)


def digits(seed):
    return load_digits(return_X_y=True)


def breast_cancer(seed):
    return load_breast_cancer(return_X_y=True)


def generated(seed):
    return make_classification(
        1000, 20, n_informative=10, n_classes=4, n_clusters_per_class=2, flip_y=0.05, random_state=seed
    )


TASKS = {task.__name__: task for task in (digits, breast_cancer, generated)}


def search(searcher, name, seed, n_iter, max_epochs, resource):
    """Return the test accuracy of the winner, and the epochs that all folds of all candidates had."""
    X, y = TASKS[name](seed)
    rows = train_test_split(X, y.astype(np.int64), test_size=0.4, stratify=y, random_state=seed)
    X_train, X_test, y_train, y_test = rows
    net = NeuralNetClassifier(
        MLP,
        module__n_inputs=X.shape[1],
        module__n_classes=len(np.unique(y)),
        criterion=nn.CrossEntropyLoss,
        max_epochs=max_epochs,
        train_split=None,
        iterator_train=InMemoryLoader,  # the same results, sooner
        iterator_train__shuffle=True,
        iterator_valid=InMemoryLoader,
        verbose=0,
    )
    pipeline = make_pipeline(StandardScaler(), FunctionTransformer(np.float32), net)
    space = {f"neuralnetclassifier__{parameter}": values for parameter, values in SPACE.items()}
    settings = {"resource": "neuralnetclassifier__max_epochs"} if resource else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = searcher(pipeline, space, n_iter=n_iter, cv=3, random_state=seed, **settings)
        fitted.fit(X_train, y_train)
    n_epochs = sum(np.nansum(fitted.cv_results_[f"split{fold}_n_epochs"]) for fold in range(3))
    return fitted.score(X_test, y_test), n_epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--searcher", choices=list(SEARCHERS), default="bayes")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=20)
    parser.add_argument("--n-iter-rungs", type=int, help="candidates with rungs; default: as many")
    parser.add_argument("--epochs", type=int, default=27)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print(f"{options.searcher}, {options.n_iter} candidates of {options.epochs} epochs, 3 folds")
    print(f"{'task':16s}{'seed':>5s}{'accuracy, full':>16s}{'rungs':>8s}{'epochs, of full':>18s}")
    rows = []
    for name in options.tasks:
        for seed in seeds:
            task = SEARCHERS[options.searcher], name, seed
            full, n_full = search(*task, options.n_iter, options.epochs, resource=False)
            n_iter = options.n_iter_rungs or options.n_iter
            rungs, n_rungs = search(*task, n_iter, options.epochs, resource=True)
            rows.append((name, full, rungs, n_rungs / n_full))
            print(f"{name:16s}{seed:5d}{full:16.4f}{rungs:8.4f}{n_rungs / n_full:18.3f}", flush=True)
    for name in options.tasks:
        full, rungs, share = np.array([row[1:] for row in rows if row[0] == name]).T
        print(
            f"{name:16s} full {full.mean():.4f} +- {full.std(ddof=1):.4f} over seeds, "
            f"rungs {rungs.mean():.4f} +- {rungs.std(ddof=1):.4f}, epochs {share.mean():.3f}"
        )
    differences = np.array([rungs - full for _, full, rungs, _ in rows])
    print(f"accuracy, rungs - full: {interval(differences)}")
    print(f"epochs, of full:        {interval(np.array([row[3] for row in rows]))}")


if __name__ == "__main__":
    main()
