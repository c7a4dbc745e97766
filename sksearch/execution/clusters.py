"""What joblib's backends for clusters of Dask and Ray need beyond its own."""

import sys
import threading
from concurrent.futures.process import BrokenProcessPool

from joblib import effective_n_jobs

from sksearch._compat import get_active_backend


def backend_for(shared, grows=False):
    """Return the backend that a pool shall use, None for the one that joblib chooses.

    Parameters
    ----------
    shared : list
        Large objects that many tasks have as arguments; a cluster should get them once.
    grows : bool, default=False
        Whether workers of a cluster that join later get tasks too.
    """
    active, _ = get_active_backend()
    if not _is_dask(active):
        return None
    from sksearch.execution.dask import DaskBackend

    return DaskBackend(active, shared, grows)


def _is_dask(backend):
    """Whether this is joblib's backend for Dask."""
    if "distributed" not in sys.modules:  # nobody can have chosen it, and importing it takes a while
        return False
    from joblib._dask import DaskDistributedBackend

    return isinstance(backend, DaskDistributedBackend)


def has_own_workers():
    """Whether workers are processes that joblib starts for this one, on the same machine."""
    active, _ = get_active_backend()
    return type(active).__name__ == "LokyBackend"


def run_in_threads(n_jobs):
    """Whether fits are run by other threads of this process than its main one."""
    active, _ = get_active_backend()
    if _is_dask(active):  # all of it may be in one process
        return active.client.scheduler.address.startswith("inproc://")
    if effective_n_jobs(n_jobs) == 1:
        return threading.current_thread() is not threading.main_thread()
    return type(active).__name__ == "ThreadingBackend"


def lost_worker_errors():
    """List the errors which say that a worker is gone, by no fault of the code that sent it work."""
    errors = [BrokenProcessPool]
    if distributed := sys.modules.get("distributed"):
        errors.append(distributed.KilledWorker)
    if ray := sys.modules.get("ray"):
        errors += [ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError]
    return tuple(errors)
