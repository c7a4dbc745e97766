"""joblib's backend for Dask, with data that is sent once, and errors that are heard of."""

import contextlib
import time

from joblib._dask import DaskDistributedBackend

_ATTEMPTS = 5


def is_dask(backend):
    """Whether this is joblib's backend for Dask."""
    return isinstance(backend, DaskDistributedBackend)


class DaskBackend(DaskDistributedBackend):
    """joblib's backend for Dask, with data that is sent once, and errors that are heard of.

    joblib itself sends data anew in every call, that is in every round, and some types with every task;
    and it waits forever for a task that the scheduler gave up.

    Parameters
    ----------
    active : DaskDistributedBackend
        What the user chose.
    shared : list
        Objects to send to all workers.
    """

    def __init__(self, active, shared):
        super().__init__(
            client=active.client,
            wait_for_workers_timeout=active.wait_for_workers_timeout,
            **active.submit_kwargs,
        )
        super().effective_n_jobs(-1)  # waits for workers
        self.data_futures = {}
        self._alive = []  # joblib finds the futures by identity
        self.share(shared)

    def share(self, objects):
        """Send objects to all workers."""
        futures = self._scatter(objects) if objects else []
        self.data_futures |= {id(data): future for data, future in zip(objects, futures, strict=True)}
        self._alive += objects

    def _scatter(self, objects):
        # To all workers, since the one that has data may die; which it may also while the data is sent.
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(OSError):
                return self.client.scatter(objects, broadcast=True, hash=False)
            time.sleep(1)
        return self.client.scatter(objects, broadcast=True, hash=False)

    def effective_n_jobs(self, n_jobs):
        # With one worker left joblib would run tasks in this process, also those that kill it.
        return max(2, super().effective_n_jobs(n_jobs))

    def submit(self, func, callback=None):
        job = super().submit(func, callback)

        def tell_of_errors(job):
            # joblib does not call back when the scheduler gives a task up, and would wait for it forever.
            if (error := job.exception()) is not None:
                callback(error)

        job.add_done_callback(tell_of_errors)
        return job

    def abort_everything(self, ensure_ready=True):
        # joblib forgets its tasks, but the cluster would run them nevertheless.
        self.client.cancel(list(self.waiting_futures.futures))
        super().abort_everything(ensure_ready)
