"""One thread for the arithmetic of optimizers."""

import threading

from threadpoolctl import ThreadpoolController


class _OneThread:
    """Limit BLAS to one thread: the matrices are small, threads would only wait for each other.

    The limit is the process's: of several searches in threads, the first sets it and the last lifts it.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self._controller = None  # looks for libraries on the disk: once, and not on import

    def __enter__(self):
        with self._lock:
            if self._n_inside == 0:
                self._controller = self._controller or ThreadpoolController()
                self._limits = self._controller.limit(limits=1, user_api="blas")
            self._n_inside += 1

    def __exit__(self, *exception):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._limits.restore_original_limits()


one_thread = _OneThread()
