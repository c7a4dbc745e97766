"""One thread for the arithmetic of optimizers."""

import threading
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

_TAKEN = threading.Lock()


@contextmanager
def one_thread():
    """Limit BLAS to one thread: the matrices are small, threads would only wait for each other.

    The limit is the process's, and threadpoolctl lets one thread set it. So of several searches in threads
    one has it at a time; the others go on without one, or with that of the first until it lifts it.
    """
    if not _TAKEN.acquire(blocking=False):  # further out, perhaps
        yield
        return
    try:
        with _blas().limit(limits=1):
            yield
    finally:
        _TAKEN.release()


@cache
def _blas():
    """Libraries are looked for on the disk: once, and not on import."""
    return ThreadpoolController().select(user_api="blas")
