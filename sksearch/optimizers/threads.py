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
        self._libraries = None  # looked for on the disk: once, and not on import

    def __enter__(self):
        with self._lock:
            if self._n_inside == 0:
                if self._libraries is None:
                    self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                # One by one: threadpoolctl's own limit gathers all it can tell of every library each time.
                self._n_threads = [library.get_num_threads() for library in self._libraries]
                for library in self._libraries:
                    library.set_num_threads(1)
            self._n_inside += 1

    def __exit__(self, *exception):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                for library, n_threads in zip(self._libraries, self._n_threads, strict=True):
                    library.set_num_threads(n_threads)


one_thread = _OneThread()
