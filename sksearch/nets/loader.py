"""Batches of data that is in memory: one indexing operation instead of one Python call per sample."""

from collections.abc import Mapping
from numbers import Number

import numpy as np
import torch
from scipy import sparse
from skorch.dataset import Dataset
from torch.utils.data import RandomSampler, SequentialSampler, Subset, TensorDataset

_OTHERWISE = "or leave the iterator at torch's DataLoader"

# Rows are taken for as many batches at once as fit into so many bytes: small ones are cut sooner than taken.
_AT_ONCE = 2**20


class InMemoryLoader:
    """Iterate over batches of a dataset that is in memory, faster than torch's ``DataLoader``.

    ``DataLoader`` fetches samples one by one and stacks them, which for small nets takes as long as the
    training. This one takes all rows of a batch at once. Random numbers are drawn as by ``DataLoader``: the
    same seed gives the same order, and training that is the same bit for bit.

    Parameters
    ----------
    dataset : Dataset
        A skorch ``Dataset`` (of arrays, tensors, lists of numbers, or data frames, nested in dicts, lists and
        tuples), a torch ``TensorDataset``, or a ``Subset`` of one of these.
    batch_size : int, default=1
        Samples per batch.
    shuffle : bool, default=False
        Whether to draw a new order in every epoch.
    sampler : Sampler or iterable of int, default=None
        The order of the samples, instead of `shuffle`.
    drop_last : bool, default=False
        Whether to leave out a last batch that is smaller than the others.
    generator : torch.Generator, default=None
        Source of the order; torch's global one by default.
    device : str or torch.device, default=None
        Where to hold the data. "cuda" copies them to the GPU once, instead of batch by batch; by default they
        stay where they are.

    Raises
    ------
    TypeError
        If the dataset computes its samples, as augmentation in ``__getitem__`` does, or holds what can not be
        a tensor: text, objects, sparse matrices.
    ValueError
        If `batch_size` is below 1, or both `shuffle` and `sampler` are given.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from sksearch.nets import InMemoryLoader
    >>> dataset = TensorDataset(torch.arange(5), torch.arange(5) ** 2)
    >>> for X, y in InMemoryLoader(dataset, batch_size=2):
    ...     print(X, y)
    tensor([0, 1]) tensor([0, 1])
    tensor([2, 3]) tensor([4, 9])
    tensor([4]) tensor([16])

    A skorch net uses one iterator to train, and one to validate, predict and score:

    >>> from skorch import NeuralNetClassifier
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Linear, iterator_train=InMemoryLoader, iterator_valid=InMemoryLoader
    ... )
    """

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=False,
        sampler=None,
        drop_last=False,
        generator=None,
        device=None,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size} must be at least 1.")
        if shuffle and sampler is not None:
            raise ValueError("shuffle=True is an order, as sampler is; pass one of them.")
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.generator = generator
        self.device = device
        if sampler is None:
            own = {"generator": generator} if shuffle else {}
            sampler = (RandomSampler if shuffle else SequentialSampler)(range(len(dataset)), **own)
        self.sampler = sampler
        self._rows = None
        while isinstance(dataset, Subset):
            rows = torch.as_tensor(np.asarray(dataset.indices, np.int64), device=device)
            self._rows = rows if self._rows is None else rows[self._rows]
            dataset = dataset.dataset
        self._data = _tensors(_contents(dataset), device)
        n_bytes = sum(part.element_size() * part[:1].numel() for part in _leaves(self._data))
        self._n_at_once = max(1, _AT_ONCE // max(1, n_bytes * batch_size)) * batch_size

    def __len__(self):
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self):
        # DataLoader draws a seed for worker processes, used or not: what is random later depends on it.
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        rows = torch.as_tensor(list(self.sampler), dtype=torch.int64, device=self.device)
        if self._rows is not None:
            rows = self._rows[rows]
        if self.drop_last:
            rows = rows[: len(self) * self.batch_size]
        for start in range(0, len(rows), self._n_at_once):
            taken = _take(self._data, rows[start : start + self._n_at_once])
            yield from _cut(taken, self.batch_size)


def _contents(dataset):
    """What a dataset holds, in the form in which its batches come."""
    kind = type(dataset)
    if kind.__getitem__ is TensorDataset.__getitem__:
        return list(dataset.tensors)
    plain = kind.__getitem__ is Dataset.__getitem__ and kind.transform is Dataset.transform
    if not plain:
        raise TypeError(
            f"InMemoryLoader can not hold the dataset {kind.__name__}: its samples are computed one by one, "
            f"and may differ each time; pass arrays or a TensorDataset, {_OTHERWISE}."
        )
    X, y = dataset.X, dataset.y
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        X = {name: X[name].to_numpy().reshape(-1, 1) for name in X}
    # The placeholder of skorch for no target: a number per sample.
    return [X, torch.zeros(1, 1).expand(len(dataset), 1) if y is None else y]


def _tensors(data, device):
    """Turn every array of a nest into a tensor, without a copy where possible."""
    if isinstance(data, Mapping):
        return {name: _tensors(part, device) for name, part in data.items()}
    if isinstance(data, (list, tuple)) and not isinstance(data[0], Number):
        return [_tensors(part, device) for part in data]
    if isinstance(data, torch.Tensor):
        return data if device is None else data.to(device)
    return torch.as_tensor(_array(data), device=device)


def _array(data):
    array = None if sparse.issparse(data) else np.asarray(data)
    if array is None or array.dtype.kind not in "biufc" or array.ndim == 0:
        kind = type(data).__name__ if array is None or array.ndim == 0 else array.dtype
        raise TypeError(
            f"InMemoryLoader can not hold data of type {kind}; turn them into an array of numbers, "
            f"{_OTHERWISE}."
        )
    # torch warns of an array that must not be written to, such as a memory map, and takes none backwards.
    forwards = all(stride >= 0 for stride in array.strides)
    return array if array.flags.writeable and forwards else array.copy()


def _take(data, rows):
    if isinstance(data, dict):
        return {name: _take(part, rows) for name, part in data.items()}
    if isinstance(data, list):
        return [_take(part, rows) for part in data]
    return data.index_select(0, rows)


def _cut(data, size):
    """Cut a nest of tensors into batches."""
    if isinstance(data, dict):
        return [
            dict(zip(data, parts, strict=True))
            for parts in zip(*(_cut(v, size) for v in data.values()), strict=True)
        ]
    if isinstance(data, list):
        return [list(parts) for parts in zip(*(_cut(part, size) for part in data), strict=True)]
    return data.split(size)


def _leaves(data):
    """List the tensors of a nest."""
    if isinstance(data, torch.Tensor):
        return [data]
    return [leaf for part in (data.values() if isinstance(data, dict) else data) for leaf in _leaves(part)]
