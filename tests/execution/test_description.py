"""Texts of values are others where the values are, and the same in another process."""

import functools
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sksearch.execution.description import describe_in_full, fingerprint
from sksearch.space import Categorical, Integer
from sksearch.space.distributions import Continuous, Discrete

X, y = load_iris(return_X_y=True)


def scorer(weight):
    return lambda estimator, X, y: weight * estimator.score(X, y)


def scorer_by_default(weight):
    return lambda estimator, X, y, weight=weight: weight * estimator.score(X, y)


class Scorer:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, estimator, X, y):
        return self.weight * estimator.score(X, y)


class Costs:
    __slots__ = ("of_errors",)

    def __init__(self, of_errors):
        self.of_errors = of_errors

    def score(self, estimator, X, y):
        return -self.of_errors * (estimator.predict(X) != y).sum()


def long(last):
    return Categorical([[FunctionTransformer(kw_args={f"argument_{i}": "x" * 20 for i in range(50)}), last]])


@pytest.mark.parametrize(
    "make",
    [
        lambda k: scorer(k),
        lambda k: scorer_by_default(k),
        lambda k: [lambda Z: Z + 1, lambda Z: Z + 2][k - 1],
        lambda k: functools.partial(scorer(k), X=X),
        lambda k: functools.wraps(np.log1p)(scorer(k)),
        lambda k: {"a": [scorer(k)]},
        lambda k: Scorer(k),
        lambda k: Costs(k),
        lambda k: Costs(k).score,
        lambda k: np.random.RandomState(k),
        lambda k: np.random.default_rng(k),
        lambda k: RandomizedSearchCV(SVC(), {"C": stats.loguniform(0.1, 10**k)}),
        lambda k: Discrete(stats.rv_discrete(values=([1, 2, 4 + k], [0.4, 0.4, 0.2]))()),
        lambda k: Continuous(stats.rv_histogram(([1, 2], [0.0, 1.0, 1.0 + k]))()),
        lambda k: make_scorer(scorer(k)),
        lambda k: make_scorer(accuracy_score, greater_is_better=k == 1),
        lambda k: FunctionTransformer(scorer(k)),
        lambda k: FrozenEstimator(LogisticRegression(max_iter=500).fit(X[:: 5 * k], y[:: 5 * k])),
        lambda k: FrozenEstimator(KNeighborsClassifier().fit(X[::k], y[::k])),
        lambda k: FrozenEstimator(TfidfVectorizer().fit(["a cat sat", "on the mat"][:k])),
        lambda k: StandardScaler().set_output(transform=["pandas", "default"][k - 1]),
        lambda k: Categorical([None, FunctionTransformer(scorer(k))]),
        lambda k: long(k),
        lambda k: np.arange(5000) == 2500 * k,
    ],
)
def test_what_differs_is_told_apart_and_what_is_alike_is_not(make):
    assert describe_in_full(make(1)) == describe_in_full(make(1))
    assert describe_in_full(make(1)) != describe_in_full(make(2))


class Locked:
    def __init__(self, rows):
        self.rows, self.lock, self.itself = rows, threading.Lock(), self


@pytest.mark.parametrize(
    "make",
    [
        lambda rows: (rows, lambda: 0),
        lambda rows: {"weights": rows, "lock": threading.Lock()},
        lambda rows: [Locked(rows)],
        lambda rows: np.array([*rows, len, lambda: 0], dtype=object),
    ],
)
def test_data_are_told_apart_beside_what_can_not_be_pickled(make):
    rows, other = np.arange(5000), np.arange(5000)
    other[2500] = 0
    assert fingerprint(make(rows)) == fingerprint(make(rows.copy()))
    assert fingerprint(make(rows)) != fingerprint(make(other))


@pytest.mark.parametrize("value", [3, "a", None, Integer(1, 3), SVC, len], ids=repr)
def test_what_a_repr_tells_is_left_to_it(value):
    assert describe_in_full(value) == repr(value).partition(" at 0x")[0]


def test_a_function_that_was_run_or_calls_itself_is_the_same():
    def count(n):
        return n and count(n - 1)

    before = describe_in_full(count)
    for _ in range(200):  # after which Python rewrites its code
        count(3)
    assert describe_in_full(count) == before


def test_a_fitted_model_is_the_same_when_it_was_stored():
    for model in (RandomForestClassifier(5, random_state=0), HistGradientBoostingClassifier(max_iter=3)):
        frozen = FrozenEstimator(model.fit(X, y))
        assert describe_in_full(pickle.loads(pickle.dumps(frozen))) == describe_in_full(frozen)


def test_what_can_not_be_described_in_full_is_its_repr():
    class Broken(SVC):
        def get_params(self, deep=True):
            raise RuntimeError if not deep else None

        def __repr__(self):
            return "Broken()"

    assert describe_in_full([Broken()]) == "[Broken()]"


SCRIPT = """
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sksearch.execution.description import describe_in_full, fingerprint
words = {"one", "two", "three", "four"}
text = FrozenEstimator(TfidfVectorizer(stop_words=list(words)).fit(["a cat sat", "on the mat"]))
text.estimator.set_params(stop_words=None)
print(describe_in_full({frozenset(words): 1}))
print(describe_in_full([words, {None: 1, "a": 2}, lambda x: x in {"one", "two", "three", words}, text]))
"""


def test_another_process_says_the_same():
    def run(seed):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert run(1) == run(2) != ""
