"""What networks need around their fits."""

import os
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch
from joblib import cpu_count, effective_n_jobs
from skorch.callbacks import Checkpoint, TrainEndCheckpoint
from torch.utils.data import Dataset, Subset

from sksearch._compat import get_active_backend
from sksearch.execution.environment import Environment
from sksearch.nets.checks import check_net, check_workers
from sksearch.nets.devices import check_available, check_devices, claimed, free_memory, move, pack, unpack
from sksearch.nets.epochs import counter_of, details_of, resumed, with_counter
from sksearch.nets.finding import nets_of
from sksearch.nets.interrupts import no_swallowed_interrupts
from sksearch.nets.randomness import seeded

# Loaders without processes of their own.
_ALONE = {
    f"{iterator}__{option}": value
    for iterator in ("iterator_train", "iterator_valid")
    for option, value in {"num_workers": 0, "persistent_workers": False, "prefetch_factor": None}.items()
}


class NetEnvironment(Environment):
    """What networks need around their fits: seeds, devices, threads, folders, and an ear for Ctrl-C."""

    def __init__(self):
        self._devices = None
        self._n_threads = None
        self._in_processes = False
        self._folder = None

    def check(self, estimator, space, X, y):
        check_net(estimator, space, self.rows(X), y)

    def rows(self, X):
        # Arrays and skorch's SliceDict and SliceDataset have a shape; torch's datasets can not be sliced.
        return _Rows(X) if isinstance(X, Dataset) and not hasattr(X, "shape") else X

    @contextmanager
    def open(self, estimator, n_jobs, devices):
        if devices is not None:
            check_devices(devices)
        used = devices or [net.device for _, net in nets_of(estimator)]
        used = [str(device) for device in used if device is not None]
        n_jobs = _resolve(n_jobs, devices, on_gpu=any(device.startswith("cuda") for device in used))
        n_workers = effective_n_jobs(n_jobs)
        backend, _ = get_active_backend()
        check_workers(estimator, n_workers, backend, used)
        check_available(used)
        threads = torch.get_num_threads()
        in_threads = getattr(backend, "uses_threads", False)
        self._in_processes = n_workers > 1 and not in_threads
        if self._in_processes:
            self._n_threads = getattr(backend, "inner_max_num_threads", None) or 1
        elif n_workers > 1:
            self._n_threads = max(1, cpu_count() // n_workers)
        self._devices = devices
        with tempfile.TemporaryDirectory(prefix="sksearch-", ignore_cleanup_errors=True) as self._folder:
            try:
                yield n_jobs
            finally:
                torch.set_num_threads(threads)

    @contextmanager
    def around(self, fit, estimator):
        continued = fit.continuation is not None and fit.continuation.fitted
        key = (fit.number, fit.fold, *([fit.continuation.done] if continued else []))
        parameters, details = {}, {}
        with ExitStack() as stack:
            stack.enter_context(no_swallowed_interrupts())
            stack.callback(free_memory)
            stack.enter_context(seeded(fit.seed, *key))
            device = stack.enter_context(claimed(self._devices, self._folder)) if self._devices else None
            if self._n_threads is not None:
                torch.set_num_threads(self._n_threads)
            for prefix, net in nets_of(estimator):
                if continued and net.initialized_ and fit.continuation.name == f"{prefix}max_epochs":
                    values = self._go_on(net, device)
                    stack.enter_context(resumed(net))
                else:
                    values = self._begin(net, device, fit)
                parameters |= {prefix + name: value for name, value in values.items()}
            yield parameters, details
            # Looked up again: a step of a pipeline that is tuned itself was replaced.
            for _, net in nets_of(estimator):
                details |= {name: v for name, v in details_of(net).items() if name not in details}
                if net.initialized_:
                    net.trained_on_ = net.device
                    # What waits for its next step, or for nothing, needs no place there. A device that failed
                    # fails again, and the fit has said so.
                    with suppress(RuntimeError):
                        move(net, "cpu")
                        pack(net)

    def _begin(self, net, device, fit):
        """Parameters of a network that is trained from the start."""
        values = {}
        if fit.arguments["verbose"] < 2:
            values["verbose"] = 0
        if device is not None:
            values["device"] = device
        if self._in_processes:
            values |= {name: value for name, value in _ALONE.items() if hasattr(net, name)}
        if net.callbacks == "disable":
            return values
        values["callbacks"] = with_counter(net.callbacks, goes_on=fit.continuation is not None)
        net.initialize_callbacks()
        for name, callback in net.callbacks_:
            if isinstance(callback, (Checkpoint, TrainEndCheckpoint)):
                folder = Path(self._folder, f"trial-{fit.number}", f"fold-{fit.fold}")
                values |= _files_in(folder, name, callback)
        return values

    def _go_on(self, net, device):
        """Parameters of a network that was trained for some epochs; none are left where it ended early."""
        device = net.trained_on_ if device is None else device
        unpack(net)
        move(net, device)
        counter = counter_of(net)  # there is none, nor an early end, where callbacks are disabled
        return {"device": device} | ({"max_epochs": 0} if counter and counter.ended_early_ else {})

    @contextmanager
    def around_refit(self, seed):
        with no_swallowed_interrupts(), seeded(seed):
            yield


def _resolve(n_jobs, devices, on_gpu):
    """Say how many fits run at a time."""
    if devices is None:
        return 1 if n_jobs is None and on_gpu else n_jobs
    if n_jobs is None or n_jobs < 0:
        return len(devices)
    if n_jobs > len(devices):
        raise ValueError(
            f"n_jobs={n_jobs} is more than the {len(devices)} entries of devices={devices!r}; to run two "
            "fits at a time on one device, list it twice."
        )
    return n_jobs


def _files_in(folder, name, callback):
    """Parameters that have a callback write its files into a folder of its own."""
    files = {key: value for key, value in vars(callback).items() if key.startswith("f_") and value}
    if not all(isinstance(value, str) for value in files.values()):
        return {}  # open files, of which every copy of the callback has its own
    values = {"dirname": str(folder / name)}
    values |= {key: os.path.basename(value) for key, value in files.items() if os.path.isabs(value)}
    return {f"callbacks__{name}__{key}": value for key, value in values.items()}


class _Rows:
    """A dataset of torch whose rows scikit-learn can take: some of them are a dataset again."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.shape = (len(dataset),)

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, rows):
        rows = rows[0] if isinstance(rows, tuple) else rows
        return Subset(self.dataset, rows)
