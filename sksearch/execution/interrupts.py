"""Ctrl-C while a search keeps its books."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def interrupts_wait():
    """Let Ctrl-C take effect at the end, so that what is in between is done whole or not begun.

    The second one takes effect at once.
    """
    handler = signal.getsignal(signal.SIGINT)
    # Signals reach the main thread only.
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    waiting = []

    def listen(signum, frame):
        waiting.append((signum, frame))
        if len(waiting) > 1:
            handler(signum, frame)

    signal.signal(signal.SIGINT, listen)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if len(waiting) == 1:
        handler(*waiting[0])
