"""Types of data that networks do not take are said once, before any fit, and never changed."""

# ruff: noqa: E402
import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from sklearn.decomposition import PCA
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch import NeuralNetRegressor
from skorch.helper import SliceDict
from torch import nn
from toys import MLP, blobs, make_net

from sksearch import BayesSearchCV

X, y = blobs()


def search_over(estimator, name="lr", **settings):
    return BayesSearchCV(estimator, {name: [0.01, 0.02]}, n_iter=2, cv=2, random_state=0, **settings)


class NeverTrained(MLP):
    def forward(self, X):
        assert len(X) < 60, "this is a fit"
        return super().forward(X)


NET = make_net(NeverTrained, batch_size=-1)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (X.astype(float), y, r"X is float64: use X.astype\(numpy.float32\)"),
        (torch.as_tensor(X.astype(float)), y, "X is float64"),
        (X, y.astype(np.int32), "y is int32: make it int64 for classes"),
        (X, np.array(["a", "b", "c"])[y], "y is <U1: encode it with sklearn.preprocessing.LabelEncoder"),
        (X.astype(np.int64), y, "X is int64, which embeddings take: make it float32"),
    ],
    ids=["float64", "float64 tensor", "int32 classes", "strings", "int64"],
)
def test_types_are_said_before_any_fit(X, y, message):
    with pytest.raises(ValueError, match=message) as raised:
        search_over(NET).fit(X, y)
    assert str(raised.value).count("\n") == 0


def test_a_plain_search_says_it_for_every_fit():
    with pytest.raises(ValueError, match=r"All the 4 fits failed[\s\S]*(Double|double)"):
        RandomizedSearchCV(make_net(), {"lr": [0.1, 0.2]}, n_iter=2, cv=2).fit(X.astype(float), y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_works_is_not_refused(dtype):
    net = NeuralNetRegressor(MLP, module__n_classes=1, train_split=None, verbose=0, lr=0.01, max_epochs=2)
    plain = RandomizedSearchCV(net, {"lr": [0.01]}, n_iter=1, cv=2, error_score="raise")
    target = y[:, None].astype(dtype)
    plain.fit(X, target)
    assert search_over(net).fit(X, target).cv_results_["status"].tolist() == ["ok", "ok"]


def test_what_reaches_the_net_counts_in_a_pipeline():
    name = "neuralnetclassifier__lr"
    with pytest.raises(ValueError, match="X is float64"):
        search_over(make_pipeline(StandardScaler(), NET), name).fit(X.astype(float), y)
    single = FunctionTransformer(np.float32)
    fitted = search_over(make_pipeline(StandardScaler(), single, make_net()), name).fit(X.astype(float), y)
    assert set(fitted.cv_results_["status"]) == {"ok"}


def test_a_front_that_needs_more_rows_than_are_tried_is_left_to_the_fits():
    net = make_net(module__n_inputs=40)
    wide = np.random.default_rng(0).normal(size=(120, 50)).astype(np.float32)
    fitted = search_over(make_pipeline(PCA(40), net), "neuralnetclassifier__lr").fit(wide, y)
    assert set(fitted.cv_results_["status"]) == {"ok"}


def test_the_values_of_a_dict_are_named():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 3)

        def forward(self, left, right):
            return self.layer(torch.cat([left, right], dim=1))

    data = SliceDict(left=X[:, :4], right=X[:, 4:].astype(float))
    with pytest.raises(ValueError, match=r"X\['right'\] is float64"):
        search_over(make_net(Named)).fit(data, y)


@pytest.mark.filterwarnings("ignore")
def test_a_net_for_another_device_is_left_to_the_fits():
    class Halved(MLP):
        def forward(self, X):
            raise RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'")

    with pytest.raises(ValueError, match="fits failed"):
        search_over(make_net(Halved)).fit(X, y)


def test_nothing_is_cast():
    class Double(MLP):
        def __init__(self):
            super().__init__()
            self.double()

        def forward(self, X):
            assert X.dtype is torch.float64
            return super().forward(X)

    assert set(search_over(make_net(Double)).fit(X.astype(float), y).cv_results_["status"]) == {"ok"}
