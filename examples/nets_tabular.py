"""Numbers and categories: a perceptron with embeddings behind a ColumnTransformer.

    python examples/nets_tabular.py                      # one to three minutes
    python examples/nets_tabular.py --plot curves.png

The space is `default_space(pipeline)`, which has read the net's ``__init__``, with two edits: four optimizers
with their own parameters, batch size, widths, layers, dropout, activation, and the imputer.
The customers are drawn, since no data set with many categories comes with scikit-learn.
"""

import numpy as np
import pandas as pd
import torch
from nets_report import DEVICE, arguments, compare
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.nets import InMemoryLoader
from sksearch.space import default_space

NUMBERS = ["age", "income", "visits", "months"]
N_VALUES = {"city": 80, "product": 30, "channel": 5}


class EmbeddingNet(nn.Module):
    """Columns of numbers, then columns of category numbers from 0; -1 is a category never seen."""

    def __init__(
        self,
        n_values=(80, 30, 5),
        embedding_width=8,
        hidden=32,
        n_layers=1,
        dropout=0.0,
        activation=nn.ReLU,
    ):
        super().__init__()
        self.embed = nn.ModuleList(nn.Embedding(n + 1, embedding_width) for n in n_values)
        n_in = len(NUMBERS) + len(n_values) * embedding_width
        layers = []
        for _ in range(n_layers):
            layers += [nn.Linear(n_in, hidden), activation(), nn.Dropout(dropout)]
            n_in = hidden
        self.layers = nn.Sequential(*layers, nn.Linear(n_in, 2))

    def forward(self, X):
        numbers, categories = X[:, : len(NUMBERS)], X[:, len(NUMBERS) :].long() + 1
        embedded = [embed(column) for embed, column in zip(self.embed, categories.T, strict=True)]
        return self.layers(torch.cat([numbers, *embedded], dim=1))


def load(n=3000, seed=0):
    """Draw customers who leave for reasons that numbers and categories share."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, len(NUMBERS))).astype(np.float32), columns=NUMBERS)
    of_city, of_product = rng.normal(size=80), rng.normal(size=(30, 2))
    city, product, channel = (rng.integers(k, size=n) for k in N_VALUES.values())
    logit = (
        1.5 * of_city[city]
        + 1.5 * of_product[product, 0] * X["income"]
        + of_product[product, 1] * (channel - 2)
        + np.sin(2 * X["age"]) * X["visits"]
    )
    y = (2 * logit + rng.logistic(size=n) > 0).to_numpy().astype(np.int64)
    for name, values in zip(N_VALUES, (city, product, channel), strict=True):
        X[name] = pd.Categorical([f"{name} {value}" for value in values])
    X = X.mask(rng.random(X.shape) < 0.02 * np.isin(X.columns, NUMBERS))
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=seed)
    return (X_train, y_train), (X_test, y_test)


def make_model(epochs):
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            ("categories", OrdinalEncoder(dtype=np.float32, **unknown), list(N_VALUES)),
        ]
    )
    net = NeuralNetClassifier(
        EmbeddingNet,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.003,
        batch_size=64,
        max_epochs=epochs,
        train_split=None,
        iterator_train=InMemoryLoader,
        iterator_train__shuffle=True,
        iterator_valid=InMemoryLoader,
        device=DEVICE,
        verbose=0,
    )
    return Pipeline([("columns", columns), ("net", net)])


# The untuned model, as a setting of its space: the first candidate.
START = {
    "columns__numbers__simpleimputer__strategy": "mean",
    "net__lr": 0.003,
    "net__optimizer": torch.optim.Adam,
    "net__optimizer__betas": (0.9, 0.999),
    "net__optimizer__weight_decay": 1e-6,
    "net__batch_size": 64,
    "net__module__embedding_width": 8,
    "net__module__hidden": 32,
    "net__module__n_layers": 1,
    "net__module__dropout": 0.0,
    "net__module__activation": nn.ReLU,
}


def written(value):
    """Write a value as in Python, classes by their names."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return value.__name__ if isinstance(value, type) else repr(value)


def main():
    args = arguments(__doc__.split("\n")[0], n_iter=24, epochs=9)
    train, test = load()
    model = make_model(args.epochs)
    space = default_space(model)
    for branch in space:
        branch["net__module__embedding_width"] = (2, 16, "log-uniform")
        # It would add columns, and the net counts on those that it knows.
        del branch["columns__numbers__simpleimputer__add_indicator"]
    print(f"The first of {len(space)} branches:")
    for name, value in space[0].items():
        print(f"    {name}: {written(value)}")
    print()
    # Accuracy would not notice that a net becomes too sure of itself.
    options = {
        "scoring": "neg_log_loss",
        "n_iter": args.n_iter,
        "cv": 3,
        "n_jobs": args.n_jobs,
        "random_state": 0,
    }
    searches = {
        # Without `resource`: of so few epochs the first ones do not tell which net ends best.
        kind.__name__: kind(model, space, initial_params=[START], **options)
        for kind in (BayesSearchCV, GeneticSearchCV)
    }
    compare(model, searches, train, test, prefix="net__", plot=args.plot)


if __name__ == "__main__":
    main()
