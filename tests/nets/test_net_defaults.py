"""The default space of a net: alone, in a pipeline, and as it is searched."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

# ruff: noqa: E402
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from torch import nn
from torch.optim import LBFGS, SGD, Adam, AdamW, RMSprop

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.space import Space, default_space

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


class Net(nn.Module):
    def __init__(self, hidden=16, dropout=0.2, n_layers=2, activation=nn.ReLU, out_features=2, bias=True):
        super().__init__()
        parts = []
        for _ in range(n_layers):
            parts += [nn.LazyLinear(hidden, bias), activation(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*parts, nn.LazyLinear(out_features))

    def forward(self, X):
        return self.layers(X)


def make(module=Net, **options):
    options = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "train_split": None} | options
    return NeuralNetClassifier(module, verbose=0, **options)


def test_one_branch_per_optimizer():
    spaces = default_space(make(optimizer=Adam))
    assert [space["optimizer"] for space in spaces] == [[Adam], [SGD], [RMSprop], [AdamW]]
    own = [{name for name in space if name.startswith("optimizer__")} for space in spaces]
    assert own == [
        {"optimizer__betas", "optimizer__weight_decay"},
        {"optimizer__momentum", "optimizer__weight_decay"},
        {"optimizer__alpha", "optimizer__weight_decay"},
        {"optimizer__betas", "optimizer__weight_decay"},
    ]
    assert spaces[0]["lr"] != spaces[1]["lr"]
    for space in spaces:
        assert space["batch_size"] == [32, 64, 128, 256]
        assert space["module__hidden"] == [4, 8, 16, 32]
        assert space["module__dropout"] == (0.0, 0.6)
        assert space["module__n_layers"] == (1, 3)
        assert nn.ReLU in space["module__activation"]
        assert not {"module__out_features", "module__bias"} & set(space)


def test_values_of_the_user_are_the_scale():
    space = default_space(make(module__hidden=64, batch_size=16))[0]
    assert space["module__hidden"] == [16, 32, 64, 128]
    assert space["batch_size"] == [4, 8, 16, 32]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"module__dropout": 0.9}, "module__dropout"),
        ({"module__activation": nn.PReLU}, "module__activation"),
        ({"batch_size": -1}, "batch_size"),
        ({"iterator_train__batch_size": 64}, "batch_size"),
        ({"module__n_layers": 40}, "module__n_layers"),
        ({"optimizer": LBFGS}, "optimizer"),
    ],
)
def test_unusual_values_are_left_alone(options, name):
    spaces = default_space(make(**options))
    assert name not in (spaces if isinstance(spaces, dict) else spaces[0])


def test_optimizer_that_is_not_known_keeps_its_scale():
    space = default_space(make(optimizer=LBFGS, lr=0.3))
    assert space["lr"][:2] == pytest.approx((0.01, 9.0))


def test_rate_where_skorch_takes_it_from():
    space = default_space(make(optimizer__lr=0.1))[0]
    assert "optimizer__lr" in space
    assert "lr" not in space


class Required(nn.Module):
    def __init__(self, in_channels, hidden_sizes, p_dropout=0, num_hidden_layers=4, d_model=64, **other):
        super().__init__()


def test_parameters_are_known_by_name_and_value():
    net = make(Required, module__hidden_sizes=(64, 32), module__in_channels=16, module__extra_units=8)
    space = default_space(net)[0]
    assert {name: space[name] for name in space if name.startswith("module__")} == {
        "module__p_dropout": (0.0, 0.6),
        "module__num_hidden_layers": (1, 5),
        "module__hidden_sizes": [(32, 16), (64, 32), (128, 64)],
        "module__extra_units": [2, 4, 8, 16],
    }


def test_module_that_is_an_instance_or_a_function():
    assert not [name for name in default_space(make(Net()))[0] if name.startswith("module")]
    assert "module__hidden" in default_space(make(partial(Net, dropout=0.1)))[0]


def test_within_other_estimators():
    model = make_pipeline(PCA(), BaggingClassifier(make()))
    spaces = default_space(model)
    assert len(spaces) == 4
    for space in spaces:
        assert "pca__whiten" in space
        assert "baggingclassifier__estimator__module__hidden" in space
        assert len(space["baggingclassifier__estimator__optimizer"]) == 1


@pytest.mark.parametrize("searcher", [BayesSearchCV, GeneticSearchCV])
def test_it_is_searched_as_it_stands(searcher):
    search = searcher(make_pipeline(PCA(3), make()), n_iter=8, cv=2, random_state=0)
    search.fit(X, y)
    assert (search.cv_results_["status"] == "ok").all()
    assert all(params in Space(default_space(search.estimator)) for params in search.cv_results_["params"])
    assert len({params["neuralnetclassifier__optimizer"] for params in search.cv_results_["params"]}) > 1
