"""Estimators that go on: more iterations on top of those they have, instead of all of them again."""

import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline

from sksearch.execution.front import is_random, seeds


@dataclass
class Continuation:
    """The iterations of one fit, of which some may have been run before.

    An estimator with ``warm_start`` goes on where it is. A classifier or regressor without, but with
    ``partial_fit``, makes one more pass per iteration. Any other is fitted from the start, and so is one that
    a meta-estimator would clone, or that a random step before it gives other columns each time.

    Parameters
    ----------
    name : str
        Parameter that counts iterations.
    done, target : int
        How many there were before, and will be after this fit.
    fitted : bool
        Whether the estimator has those before.
    """

    name: str
    done: int
    target: int
    fitted: bool

    def parameters(self, estimator):
        """Parameters to set before the fit."""
        prefix, _, own = self.name.rpartition("__")
        params = estimator.get_params()
        owner = params[prefix] if prefix else estimator
        n = self.target - self.done if self.fitted and not _counts_from_start(owner, own) else self.target
        going_on = self._warm_start in params and not _refuses(owner)
        return {self.name: n} | ({self._warm_start: True} if going_on else {})

    def possible(self, estimator):
        """Whether the estimator, once fitted, can go on."""
        owner = self._owner(estimator)
        if owner is None or _refuses(owner):
            return False
        if self._warm_start in estimator.get_params():
            # liblinear ignores it; and a fit that has stopped early would begin to wait for the next time.
            return getattr(owner, "solver", None) != "liblinear" and not _stops_early(owner)
        # Of others ``partial_fit`` is something else: one step on all rows, or an update of averages.
        one_pass = hasattr(owner, "partial_fit") and (is_classifier(owner) or is_regressor(owner))
        return owner is estimator and one_pass

    def _owner(self, estimator):
        """Find the estimator that iterates; None where it would not be the one that was fitted before."""
        *path, _ = self.name.split("__")
        for name in path:
            if not isinstance(estimator, Pipeline):
                return None
            names = [step for step, _ in estimator.steps]
            if name not in names or (estimator.memory is not None and name != names[-1]):
                return None
            if any(_draws_anew(step) for _, step in estimator.steps[: names.index(name)]):
                return None
            estimator = estimator.named_steps[name]
        return estimator

    @property
    def _warm_start(self):
        return self.name.rpartition("__")[0] + "__" * ("__" in self.name) + "warm_start"

    @contextmanager
    def going_on(self, estimator):
        """Let ``fit`` go on where an estimator without ``warm_start`` is."""
        if not self.fitted or self._warm_start in estimator.get_params():
            with _no_false_alarm():
                yield
            return

        def fit(X, y=None, **params):
            for _ in range(self.target - self.done):
                estimator.partial_fit(X, y, **params)
            return estimator

        estimator.fit = fit
        try:
            yield
        finally:
            del estimator.fit


# Classes are known by their names: to import them would cost everyone all of scikit-learn's trees.


def _is_a(owner, name):
    return any(kind.__name__ == name for kind in type(owner).__mro__)


def _counts_from_start(owner, name):
    """Whether a warm start counts the iterations from the first fit on: trees do, epochs do not."""
    return name == "n_estimators" or _is_a(owner, "BaseHistGradientBoosting")


def _stops_early(owner):
    """Whether a fit may end before it has run all iterations, for what it scores on data it keeps aside."""
    params = owner.get_params()
    if "validation_fraction" not in params:
        return False
    stops = params.get("early_stopping", params.get("n_iter_no_change") is not None)
    # "auto" is decided by the number of rows.
    return bool(getattr(owner, "do_early_stopping_", isinstance(stops, (bool, np.bool_)) and stops))


def _refuses(owner):
    """Whether an estimator has a ``warm_start``, and raises an error when it is set."""
    return _is_a(owner, "BaseBagging") and owner.oob_score


@contextmanager
def _no_false_alarm():
    """Ignore the warning that balanced classes need the same rows in each step, which they are."""
    if threading.current_thread() is not threading.main_thread():  # filters are of the whole process
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="class_weight presets")
        yield


def _draws_anew(step):
    """Whether a second fit of this step may differ from the first: also a generator goes on where it is."""
    return is_random(step) or not all(isinstance(seed, Integral) for seed in seeds(step))
