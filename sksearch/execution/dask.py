"""joblib's backend for Dask, with data that is sent once, and errors that are heard of."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pickle import loads
from uuid import uuid4

from distributed.protocol import pickle
from joblib._dask import DaskDistributedBackend

# Between two looks at whether the cluster has grown.
_SECONDS_BETWEEN_LOOKS = 1.0


class DaskBackend(DaskDistributedBackend):
    """joblib's backend for Dask, with data that is sent once, and errors that are heard of.

    joblib itself sends data anew in every call, that is in every round, and some types with every task;
    and it waits forever for a task that the scheduler gave up. It keeps as many tasks under way as the
    workers need that are there when it begins.

    Parameters
    ----------
    active : DaskDistributedBackend
        What the user chose.
    shared : list
        Objects to send once.
    grows : bool
        Whether workers that join later get tasks too.
    """

    def __init__(self, active, shared, grows):
        super().__init__(
            client=active.client,
            wait_for_workers_timeout=active.wait_for_workers_timeout,
            **active.submit_kwargs,
        )
        super().effective_n_jobs(-1)  # waits for workers
        self.data_futures = {}
        self._alive = []  # joblib finds the futures by identity
        self._grows = grows
        self._over = threading.Event()
        self.share(shared)

    def share(self, objects):
        """Send objects to the scheduler, as tasks whose results they are.

        Results are made again where scattered data would be lost with the workers that have it.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")
            for data in objects:
                key = f"data-{uuid4().hex}"
                self.data_futures[id(data)] = self.client.submit(loads, pickle.dumps(data), key=key)
        self._alive += objects

    # joblib starts to collect results in every call, and waits for the end of it; here it goes on in between.

    def configure(self, n_jobs=1, parallel=None, **options):
        self._drawing = ThreadPoolExecutor(1)
        super().start_call()
        self.call_data_futures = None  # joblib would scatter all else that is large; it goes with its task
        if self._grows:
            threading.Thread(target=self._watch, daemon=True).start()
        return super().configure(n_jobs, parallel, **options)

    def start_call(self):
        pass

    def stop_call(self):
        pass

    def terminate(self):
        self._over.set()
        self.call_data_futures = {}  # joblib clears it
        super().stop_call()
        super().terminate()
        self._drawing.shutdown(wait=False, cancel_futures=True)

    def effective_n_jobs(self, n_jobs):
        # With one worker left joblib would run tasks in this process, also those that kill it.
        self._n_workers = max(2, super().effective_n_jobs(n_jobs))
        return self._n_workers

    def _watch(self):
        with suppress(RuntimeError):  # when all is over
            while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
                self._drawing.submit(self._grow)

    def _grow(self):
        """Send tasks to workers that joined: joblib sends one for each that comes back."""
        n_before = self._n_workers
        self._n_workers = max(n_before, sum(self.client.ncores().values()))
        for _ in range(2 * (self._n_workers - n_before)):  # as `pre_dispatch` of a stream has it
            with self.parallel._lock:
                if self.parallel._original_iterator is not None:
                    self.parallel.dispatch_next()

    def submit(self, func, callback=None):
        # The callback draws the next fit, perhaps with a proposal: in the event loop, which is also the
        # scheduler's where that runs in this process, nothing else would happen meanwhile.
        def draw(result):
            with suppress(RuntimeError):  # when all is over
                self._drawing.submit(callback, result)

        job = super().submit(func, draw)

        def tell_of_errors(job):
            # joblib does not call back when the scheduler gives a task up, and would wait for it forever.
            if (error := job.exception()) is not None:
                draw(error)

        job.add_done_callback(tell_of_errors)
        return job

    def abort_everything(self, ensure_ready=True):
        # joblib forgets its tasks, but the cluster would run them nevertheless.
        self.client.cancel(list(self.waiting_futures.futures))
        super().abort_everything(ensure_ready)
