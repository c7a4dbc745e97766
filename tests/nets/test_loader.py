"""The in-memory loader gives the batches of torch's DataLoader, or says why it can not."""

# ruff: noqa: E402
import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from skorch.dataset import Dataset
from skorch.helper import SliceDict
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset, WeightedRandomSampler

from sksearch.nets import InMemoryLoader

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4)).astype(np.float32)
LABELS = RNG.integers(3, size=23)


def assert_same(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for name in theirs:
            assert_same(ours[name], theirs[name])
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    else:
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


def epochs(loader, dataset, n=2, seed=None, **options):
    torch.manual_seed(0)
    if seed is not None:
        options["generator"] = torch.Generator().manual_seed(seed)
    batches = loader(dataset, **options)
    return len(batches), [batch for _ in range(n) for batch in batches], torch.rand(1)


def assert_like_torch(dataset, **options):
    ours, theirs = (epochs(loader, dataset, **options) for loader in (InMemoryLoader, DataLoader))
    assert ours[0] == theirs[0]
    assert_same(ours[1], theirs[1])
    assert ours[2] == theirs[2]  # the random numbers that follow


def frame():
    return pytest.importorskip("pandas").DataFrame({"a": X[:, 0], "b": LABELS})


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: Dataset(X, LABELS),
        lambda: Dataset(X),
        lambda: Dataset(X[:, 0], LABELS.astype(float)),
        lambda: Dataset(torch.as_tensor(X), torch.as_tensor(LABELS)),
        lambda: Dataset(X, LABELS.tolist()),
        lambda: Dataset(X[:, 0].tolist(), LABELS.tolist()),
        lambda: Dataset(X, (LABELS > 1).tolist()),
        lambda: Dataset({"image": X, "token": LABELS}, LABELS),
        lambda: Dataset(SliceDict(image=X, token=LABELS), LABELS),
        lambda: Dataset((X, LABELS), LABELS),
        lambda: Dataset([X, LABELS], {"mean": X[:, 0], "label": LABELS}),
        lambda: Dataset(frame(), frame()["b"]),
        lambda: TensorDataset(torch.as_tensor(X)),
        lambda: TensorDataset(torch.as_tensor(X), torch.as_tensor(X) ** 2, torch.as_tensor(LABELS)),
        lambda: Subset(Dataset(X, LABELS), np.arange(3, 20)),
        lambda: Subset(Subset(Dataset(X), range(20, 2, -1)), [5, 1, 7]),
    ],
)
def test_batches_are_those_of_torch(make, shuffle):
    assert_like_torch(make(), batch_size=5, shuffle=shuffle)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 23),
    batch_size=st.integers(1, 30),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    seed=st.none() | st.integers(0, 99),
)
def test_sizes_and_orders_are_those_of_torch(n, batch_size, shuffle, drop_last, seed):
    dataset = Dataset(X[:n], LABELS[:n])
    assert_like_torch(dataset, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last, seed=seed)


@pytest.mark.parametrize("drop_last", [False, True])
def test_data_of_which_rows_are_taken_several_times(drop_last):
    rows = np.random.default_rng(1).normal(size=(900, 500)).astype(np.float32)  # 1.8 MB
    assert_like_torch(
        Dataset({"a": rows, "b": rows[:, 0]}, rows[:, 1]), batch_size=64, shuffle=True, drop_last=drop_last
    )


def test_sampler_sets_the_order():
    def loader(kind):
        def make(dataset, **options):
            sampler = WeightedRandomSampler(np.arange(1.0, 24.0), 40)
            return kind(dataset, sampler=sampler, **options)

        return make

    ours, theirs = (
        epochs(loader(kind), Dataset(X, LABELS), batch_size=6) for kind in (InMemoryLoader, DataLoader)
    )
    assert ours[0] == theirs[0]
    assert_same(ours[1], theirs[1])


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def fitted(iterator):
    torch.manual_seed(0)
    net = skorch.NeuralNetClassifier(
        Net,
        criterion=nn.CrossEntropyLoss,
        max_epochs=3,
        batch_size=7,
        train_split=skorch.dataset.ValidSplit(4),
        iterator_train=iterator,
        iterator_train__shuffle=True,
        iterator_valid=iterator,
        verbose=0,
    )
    return net.fit(X, LABELS)


def test_training_is_the_same_bit_for_bit():
    """Also with what draws random numbers between the batches, and for curves and predictions."""
    ours, theirs = fitted(InMemoryLoader), fitted(DataLoader)
    assert ours.history[:, ("train_loss", "valid_loss")] == theirs.history[:, ("train_loss", "valid_loss")]
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))


def test_whole_batch():
    net = skorch.NeuralNetClassifier(Net, batch_size=-1, iterator_train=InMemoryLoader)
    ((batch, labels),) = net.get_iterator(Dataset(X, LABELS), training=True)
    assert torch.equal(batch, torch.as_tensor(X))
    assert torch.equal(labels, torch.as_tensor(LABELS))


def test_data_is_not_copied_but_batches_are():
    array = X.copy()
    loader = InMemoryLoader(Dataset(array), batch_size=23)
    array[0] = 7
    ((batch, _),) = loader
    assert (batch[0] == 7).all()
    batch += 1
    assert (array[0] == 7).all()


@pytest.mark.filterwarnings("error")
def test_memory_map_that_can_not_be_written(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    ((batch, _),) = InMemoryLoader(Dataset(mapped), batch_size=23)
    assert torch.equal(batch, torch.as_tensor(X))


def test_data_is_held_on_the_device():
    loader = InMemoryLoader(Subset(Dataset({"x": X}, LABELS), range(9)), batch_size=5, device="meta")
    batches = [(batch["x"], y) for batch, y in loader]
    assert {part.device.type for batch in batches for part in batch} == {"meta"}
    assert [len(y) for _, y in batches] == [5, 4]


class Augmented(Dataset):
    def transform(self, X, y):
        return X + np.random.rand(), y


class Computed(torch.utils.data.Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return float(i), i


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Augmented(X, LABELS), "can not hold the dataset Augmented: its samples are computed one by one"),
        (Computed(), "can not hold the dataset Computed: its samples are computed one by one"),
        (Subset(Computed(), [0, 2]), "can not hold the dataset Computed"),
        (Dataset(csr_matrix(X), LABELS), "can not hold data of type csr_matrix"),
        (Dataset(X, np.array(["a", "b", "c"])[LABELS]), "can not hold data of type <U1"),
        (Dataset(X, np.array([None] * 23)), "can not hold data of type object"),
    ],
)
def test_what_it_can_not_hold(dataset, message):
    with pytest.raises(
        TypeError, match=f"InMemoryLoader {message}.*or leave the iterator at torch's DataLoader"
    ):
        InMemoryLoader(dataset)


def test_wrong_options():
    with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
        InMemoryLoader(Dataset(X), batch_size=0)
    with pytest.raises(ValueError, match="pass one of them"):
        InMemoryLoader(Dataset(X), shuffle=True, sampler=[1, 2])


def test_arrays_backwards():
    X = np.arange(12.0).reshape(6, 2)[::-1]
    batches = list(InMemoryLoader(Dataset(X, np.arange(6)[::-1]), batch_size=4))
    np.testing.assert_array_equal(torch.cat([batch[0] for batch in batches]), X)
