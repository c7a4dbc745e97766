"""Ctrl-C while a search keeps its books."""

import signal
import threading
from contextlib import contextmanager, nullcontext


@contextmanager
def interrupts_may_wait():
    """Give a context at whose end Ctrl-C takes effect, so that what is in it is done whole or not begun.

    The context can be entered many times, at hardly any cost. The second Ctrl-C in it takes effect at once.
    """
    handler = signal.getsignal(signal.SIGINT)
    # Signals reach the main thread only.
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield nullcontext()
        return
    undisturbed = _Undisturbed(handler)
    signal.signal(signal.SIGINT, undisturbed.listen)
    try:
        yield undisturbed
    finally:
        signal.signal(signal.SIGINT, handler)


class _Undisturbed:
    def __init__(self, handler):
        self._handler = handler
        self._thread = threading.get_ident()
        self._inside = False
        self._waiting = []

    def listen(self, signum, frame):
        if self._inside:
            self._waiting.append((signum, frame))
        if len(self._waiting) != 1:
            self._handler(signum, frame)

    def __enter__(self):
        if threading.get_ident() == self._thread:
            self._waiting = []
            self._inside = True

    def __exit__(self, kind, *exception):
        if threading.get_ident() == self._thread:
            self._inside = False
            waiting, self._waiting = self._waiting, []
            if len(waiting) == 1 and kind is None:
                self._handler(*waiting[0])
