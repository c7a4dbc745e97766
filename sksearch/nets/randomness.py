"""The global random number generators that networks draw from."""

import random
from contextlib import contextmanager, suppress

import numpy as np
import torch


@contextmanager
def seeded(seed, *key):
    """Seed the generators of Python, NumPy and torch, on all devices, and restore them afterwards.

    They are global to a process: of fits that share one in threads, each draws from what the others left.

    Parameters
    ----------
    seed : int
        Seed of the search.
    *key : int
        Which of its fits; other keys give independent numbers (``numpy.random.SeedSequence``).
    """
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    words = np.random.SeedSequence(seed, spawn_key=key).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])  # noqa: NPY002
    torch.manual_seed(int(words[2]))
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        if on_gpus is not None:
            with suppress(RuntimeError):  # of a device that failed meanwhile
                torch.cuda.set_rng_state_all(on_gpus)
