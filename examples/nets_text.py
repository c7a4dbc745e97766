"""Which page of the Python manual is this from? A Transformer encoder and a GRU, in one search.

    python examples/nets_text.py                         # one to three minutes on two cores
    python examples/nets_text.py --plot curves.png

The text is the language reference that comes with Python (``pydoc_data.topics``), in pieces of 16 words.
Each architecture is one dict of the space with dimensions of its own; both share the budget. Words are
numbered in the pipeline, in front of the net: once per fold, not once per candidate.
"""

import re
from collections import Counter
from pydoc_data.topics import topics

import numpy as np
import torch
from nets_report import DEVICE, arguments, compare
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from skorch import NeuralNetClassifier
from skorch.callbacks import GradientNormClipping
from torch import nn

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.nets import InMemoryLoader, Schedule

PAGES = ["specialnames", "compound", "formatstrings", "string-methods", "debugger", "typesmapping"]
N_WORDS = 16


class WordNumbers(TransformerMixin, BaseEstimator):
    """Number the words that are frequent, from 2 on; 1 is any other word, 0 is no word."""

    def __init__(self, max_words=1000):
        self.max_words = max_words

    def fit(self, X, y=None):
        counts = Counter(word for text in X for word in text.split())
        self.numbers_ = {word: i + 2 for i, (word, _) in enumerate(counts.most_common(self.max_words - 2))}
        return self

    def transform(self, X):
        numbers = np.zeros((len(X), N_WORDS), dtype=np.int64)
        for row, text in zip(numbers, X, strict=True):
            words = text.split()[:N_WORDS]
            row[: len(words)] = [self.numbers_.get(word, 1) for word in words]
        return numbers


class TextGRU(nn.Module):
    """Read the words from both ends; the classes from the mean of all states."""

    def __init__(self, max_words=1000, width=32, hidden=32, n_layers=1, dropout=0.0):
        super().__init__()
        self.embed = nn.Embedding(max_words, width, padding_idx=0)
        self.read = nn.GRU(width, hidden, n_layers, batch_first=True, bidirectional=True)
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * hidden, len(PAGES)))

    def forward(self, words):
        states, _ = self.read(self.embed(words))
        return self.classify(states.mean(dim=1))


class TextTransformer(nn.Module):
    """Attention between all words; the classes from the mean over them."""

    def __init__(self, max_words=1000, width=32, n_heads=4, n_layers=1, dropout=0.0):
        super().__init__()
        self.embed = nn.Embedding(max_words, width, padding_idx=0)
        self.place = nn.Parameter(0.02 * torch.randn(N_WORDS, width))
        layer = nn.TransformerEncoderLayer(
            width, n_heads, 2 * width, dropout=dropout, batch_first=True, norm_first=True
        )
        self.encode = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)
        self.classify = nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout), nn.Linear(width, len(PAGES)))

    def forward(self, words):
        states = self.encode(self.embed(words) + self.place)
        return self.classify(states.mean(dim=1))


COMMON = {
    "net__lr": (5e-4, 2e-2, "log-uniform"),
    "net__optimizer__weight_decay": (1e-4, 1.0, "log-uniform"),
    "net__module__width": [16, 32],
    "net__module__n_layers": [1, 2],
    "net__module__dropout": (0.0, 0.6),
    "net__callbacks__clip__gradient_clip_value": (0.1, 10.0, "log-uniform"),
    "net__callbacks__schedule__warmup": (0.0, 0.3),
}
SPACE = [
    {"net__module": [TextTransformer], "net__module__n_heads": [2, 4, 8], **COMMON},
    {"net__module": [TextGRU], "net__module__hidden": (16, 48, "log-uniform"), **COMMON},
]


def make_model(epochs):
    net = NeuralNetClassifier(
        TextTransformer,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        lr=0.001,
        batch_size=32,
        max_epochs=epochs,
        train_split=None,
        iterator_train=InMemoryLoader,
        iterator_train__shuffle=True,
        iterator_valid=InMemoryLoader,
        callbacks=[
            ("clip", GradientNormClipping()),
            ("schedule", Schedule("cosine", epochs=epochs)),
        ],
        device=DEVICE,
        verbose=0,
    )
    return Pipeline([("words", WordNumbers()), ("net", net)])


def load():
    texts, labels = [], []
    for label, page in enumerate(PAGES):
        words = re.findall(r"[a-z_]+", topics[page].lower())
        pieces = [" ".join(words[i : i + N_WORDS]) for i in range(0, len(words), N_WORDS)][:200]
        texts += pieces
        labels += [label] * len(pieces)
    X_train, X_test, y_train, y_test = train_test_split(
        np.array(texts, dtype=object), np.array(labels), test_size=0.4, stratify=labels, random_state=0
    )
    return (X_train, y_train), (X_test, y_test)


def main():
    args = arguments(__doc__.split("\n")[0], n_iter=15, epochs=9)
    train, test = load()
    model = make_model(args.epochs)
    options = {"n_iter": args.n_iter, "cv": 3, "n_jobs": args.n_jobs, "random_state": 0}
    searches = {
        kind.__name__: kind(model, SPACE, resource="net__max_epochs", **options)
        for kind in (BayesSearchCV, GeneticSearchCV)
    }
    compare(model, searches, train, test, prefix="net__", plot=args.plot)


if __name__ == "__main__":
    main()
