"""Devices: who runs where, and what is left there."""

import gc
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import nn

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def check_devices(devices):
    """Raise a ValueError if `devices` is no list of names of devices.

    Parameters
    ----------
    devices : list of str
    """
    if not isinstance(devices, (list, tuple)) or not devices:
        raise ValueError(f"devices must be a list such as ['cuda:0', 'cuda:1'], got {devices!r}.")
    for device in devices:
        try:
            torch.device(device)
        except (RuntimeError, TypeError):
            raise ValueError(
                f"devices={devices!r}: {device!r} is no device of torch; write 'cuda:0' or 'cpu'."
            ) from None
    if fcntl is None:
        raise ValueError("devices takes file locks of a kind that this system does not have; leave it out.")


def check_available(devices):
    """Raise a ValueError if one of these devices of Nvidia does not exist here."""
    for device in map(torch.device, devices):
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise ValueError(
                f"device={str(device)!r} does not exist: torch sees {torch.cuda.device_count()} CUDA devices "
                "here; choose one of them, or 'cpu'."
            )


@contextmanager
def claimed(devices, folder):
    """Claim one of the devices, waiting until one is free, and return it at the end.

    The claim is a lock on a file, which the system gives up when the process dies.

    Parameters
    ----------
    devices : list of str
        One of them per claim; the same one twice can be claimed twice.
    folder : path-like
        Of the files; made where it does not exist.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    while True:
        for number, device in enumerate(devices):
            with open(Path(folder, f"device-{number}"), "ab") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                try:
                    yield device
                finally:
                    # Said aloud: processes that were forked meanwhile have the file open too.
                    fcntl.flock(file, fcntl.LOCK_UN)
                return
        time.sleep(0.01)


def move(net, device):
    """Move an initialised network to a device, with its criterion and the state of its optimizer.

    A network with ``device=None`` is where its user put it, and stays there.
    """
    if None in (device, net.device) or str(net.device) == str(device):
        return
    for value in list(vars(net).values()):
        if isinstance(value, nn.Module):
            value.to(device)
    for value in list(vars(net).values()):
        if isinstance(value, torch.optim.Optimizer):
            value.load_state_dict(value.state_dict())  # moves it to where the parameters are
    net.device = device


def free_memory():
    """Give the memory that no tensor uses any more back to the device."""
    if torch.cuda.is_initialized():
        gc.collect()
        with suppress(RuntimeError):  # of a device that failed before
            torch.cuda.empty_cache()
