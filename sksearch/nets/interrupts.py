"""Ctrl-C while a network trains."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def no_swallowed_interrupts():
    """Raise KeyboardInterrupt at the end where the user interrupted and the code in between went on.

    skorch ends a training when it is interrupted, and returns the half-trained network as if nothing had
    happened, since this is also how its callbacks end a training.
    """
    handler = signal.getsignal(signal.SIGINT)
    # Signals reach the main thread only.
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    interrupted = False

    def listen(signum, frame):
        nonlocal interrupted
        try:
            handler(signum, frame)
        except KeyboardInterrupt:
            interrupted = True
            raise

    signal.signal(signal.SIGINT, listen)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if interrupted:
        raise KeyboardInterrupt
