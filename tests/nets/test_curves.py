"""The diagnosis, on nets that were made to have each fault, and on curves whose answer is known."""

from functools import cache, partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

# ruff: noqa: E402
from sklearn.datasets import load_digits, make_friedman1, make_moons
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.dataset import ValidSplit
from torch import nn
from torch.optim import Adam

from sksearch import BayesSearchCV
from sksearch.nets import InMemoryLoader, diagnose, plot_curves


def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def moons(noise=0.15, n=600):
    X, y = make_moons(n, noise=noise, random_state=0)
    return X.astype(np.float32), y


def friedman(n=600):
    X, y = make_friedman1(n, noise=1.0, random_state=0)
    return (3.46 * (X - 0.5)).astype(np.float32), ((y - y.mean()) / y.std()).astype(np.float32)[:, None]


class Net(nn.Sequential):
    def __init__(self, n_in, n_out, hidden=32, dropout=0.0):
        super().__init__(nn.Linear(n_in, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, n_out))


def train(data, max_epochs, lr, seed=0, wrong_labels=0.0, n_train=None, **options):
    """Train a net, with a fourth of the data (or all but `n_train` samples) for validation."""
    X, y = data()
    rng = np.random.default_rng(seed)
    classes = y.ndim == 1
    wrong = rng.random(len(y)) < wrong_labels
    if classes:
        y = np.where(wrong, rng.integers(y.max() + 1, size=len(y)), y)
    held_out = 0.25 if n_train is None else 1 - n_train / len(y)
    torch.manual_seed(seed)
    net = (NeuralNetClassifier if classes else NeuralNetRegressor)(
        Net,
        module__n_in=X.shape[1],
        module__n_out=int(y.max()) + 1 if classes else 1,
        criterion=nn.CrossEntropyLoss if classes else nn.MSELoss,
        max_epochs=max_epochs,
        lr=lr,
        batch_size=32,
        iterator_train=InMemoryLoader,
        iterator_train__shuffle=True,
        iterator_valid=InMemoryLoader,
        verbose=0,
        **({"train_split": ValidSplit(held_out, random_state=seed)} | options),
    )
    return net.fit(X, y)


adam = partial(train, optimizer=Adam)

MADE = [
    ("healthy", partial(train, digits, 20, 0.1)),
    ("healthy", partial(adam, digits, 25, 3e-3, module__dropout=0.3)),
    ("healthy", partial(adam, moons, 60, 0.01)),
    ("healthy", partial(adam, friedman, 25, 0.005, module__hidden=16)),
    ("underfitting", partial(adam, digits, 60, 0.01, module__hidden=1)),
    ("underfitting", partial(adam, digits, 20, 0.003, optimizer__weight_decay=1.0)),
    ("underfitting", partial(adam, moons, 60, 0.01, module__dropout=0.95)),
    ("overfitting", partial(adam, digits, 30, 0.005, module__hidden=128, wrong_labels=0.4)),
    ("overfitting", partial(adam, moons, 150, 0.01, module__hidden=128, n_train=40, wrong_labels=0.3)),
    ("overfitting", partial(adam, friedman, 150, 0.01, module__hidden=128, n_train=15)),
    ("diverging", partial(train, friedman, 15, 2.0)),
    ("diverging", partial(train, friedman, 10, 20.0)),
    ("learning rate too high", partial(adam, digits, 15, 0.3)),
    ("learning rate too high", partial(adam, friedman, 20, 0.6)),
    ("learning rate too high", partial(train, digits, 15, 10.0)),
    ("learning rate too low", partial(train, digits, 20, 1e-3)),
    ("learning rate too low", partial(adam, moons, 20, 1e-4)),
    ("learning rate too low", partial(train, friedman, 20, 1e-4)),
    ("stopped too early", partial(train, digits, 6, 0.05)),
    ("stopped too early", partial(adam, digits, 8, 5e-4)),
    ("stopped too early", partial(adam, moons, 7, 0.003)),
]


@cache
def made(number):
    return MADE[number][1](seed=10).history


@pytest.mark.parametrize("number", range(len(MADE)))
def test_net_that_was_made_so(number):
    diagnosis, verdict = diagnose(made(number)), MADE[number][0]
    assert diagnosis.verdict == verdict, f"{diagnosis} {diagnosis.numbers}"
    assert str(diagnosis).startswith(verdict.capitalize())


def test_verdicts_do_not_depend_on_the_unit_of_the_loss():
    for number in range(0, len(MADE), 3):
        history, verdict = made(number), MADE[number][0]
        for unit in (1e-6, 1e6):
            scaled = [
                {
                    "batches": [
                        {k: v * unit for k, v in batch.items() if k == "train_loss"}
                        for batch in row["batches"]
                    ],
                    **{name: row[name] * unit for name in ("train_loss", "valid_loss")},
                }
                for row in history
            ]
            assert diagnose(scaled).verdict == verdict


def curves(train, valid=None):
    names = ["train_loss"] if valid is None else ["train_loss", "valid_loss"]
    return [dict(zip(names, losses, strict=False)) for losses in zip(train, valid or train, strict=True)]


def noisy(values, std, seed=0):
    return [*(values + std * np.random.default_rng(seed).normal(size=len(values)))]


AT = np.arange(1, 41)
FALL = 2.0 * np.exp(-AT / 6) + 0.1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("std", [0.0, 0.015])
def test_known_curves_with_noise(std, seed):
    draw = partial(noisy, std=std, seed=seed)
    assert diagnose(curves(draw(FALL), draw(FALL + 0.1))).verdict == "healthy"
    rising = diagnose(curves(draw(FALL), draw(FALL + 0.02 * AT)))
    assert rising.verdict == "overfitting"
    assert 10 < rising.numbers["best_epoch"] < 22
    assert diagnose(curves(draw(2.2 - 0.04 * AT), draw(2.3 - 0.04 * AT))).verdict == "stopped too early"
    assert diagnose(curves(draw(2.2 - 0.01 * AT), draw(2.2 - 0.01 * AT))).verdict == "learning rate too low"
    assert diagnose(curves(draw(2 + FALL), draw(2 + FALL))).verdict == "underfitting"
    assert diagnose(curves(draw(2.0 + 0.1 * AT))).verdict == "diverging"


def test_numbers_are_those_of_the_curve():
    """A line: its ends, its slope, and what half the epochs more would bring."""
    numbers = diagnose(curves([*(2.0 - 0.04 * AT)], [*(2.5 - 0.04 * AT)])).numbers
    expected = {"n_epochs": 40, "start": 1.96, "train_end": 0.4, "valid_end": 0.9, "straightness": 1.0}
    expected |= {"learned": 1.56 / 1.96, "gap": 0.5 / 1.56, "pace": 20 * 0.04 / (1.96 - 0.9)}
    expected |= {"valid_best": 0.9, "best_epoch": 40, "rise": 0.0, "roughness": 0.0}
    assert numbers == pytest.approx(expected, abs=1e-9)


def test_chance_is_the_scale_where_it_is_given():
    """A target far from 0: the first loss is its offset, and all that is learned is the mean."""
    history = curves([100.0, 30.0, 10.0, 3.0, *[1.0] * 20])
    assert diagnose(history).verdict == "healthy"
    assert diagnose(history, chance=1.0).verdict == "underfitting"


def test_without_validation():
    net = train(moons, 30, 0.5, train_split=None)
    diagnosis = diagnose(net)
    assert diagnosis.verdict == "healthy"
    assert "without a validation loss" in diagnosis.sentence
    assert "valid_end" not in diagnosis.numbers


def test_not_finite():
    for losses, name in (
        (([1.0, 2.0, np.nan, np.nan], [1.0] * 4), "training"),
        (([1.0] * 4, [1.0, 2.0, np.inf, 1.0]), "validation"),
    ):
        diagnosis = diagnose(curves(*losses))
        assert diagnosis.verdict == "diverging"
        assert f"the {name} loss is not finite from epoch 3 on" in diagnosis.sentence


def test_few_epochs():
    assert diagnose(curves([1.0, 0.5, 0.3])).verdict == "unclear"


def test_net_pipeline_and_search():
    X, y = moons()
    net = train(moons, 6, 0.1)
    pipeline = make_pipeline(StandardScaler(), net)
    search = BayesSearchCV(pipeline, {"neuralnetclassifier__lr": [0.1, 0.2]}, n_iter=2, cv=2, random_state=0)
    search.fit(X, y)
    best = search.best_estimator_[-1]
    assert diagnose(search) == diagnose(search.best_estimator_) == diagnose(best) == diagnose(best.history)
    assert diagnose(search).numbers["n_epochs"] == 6


def test_what_has_no_curves():
    with pytest.raises(ValueError, match=r"needs the history of a skorch net.* got StandardScaler"):
        diagnose(StandardScaler())
    with pytest.raises(ValueError, match="no 'train_loss'"):
        diagnose([])


def test_plot():
    plt = pytest.importorskip("matplotlib.pyplot")
    history = curves([*FALL], [*(FALL + 0.1)])
    ax = plot_curves(history)
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines], [FALL, FALL + 0.1])
    assert ax.get_title(loc="left").replace("\n", " ") == diagnose(history).sentence
    axes = plt.subplots()[1]
    assert plot_curves({"before": history, "after": curves([*FALL])}, ax=axes) is axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["before train", "before valid", "after train"]
    plt.close("all")
