"""Estimators that go on: more iterations on top of those they have, instead of all of them again."""

from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

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
        return {self.name: n} | ({self._warm_start: True} if self._warm_start in params else {})

    def possible(self, estimator):
        """Whether the estimator, once fitted, can go on."""
        owner = self._owner(estimator)
        if owner is None:
            return False
        if self._warm_start in estimator.get_params():
            return getattr(owner, "solver", None) != "liblinear"  # which ignores it
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


def _counts_from_start(owner, name):
    """Whether a warm start counts the iterations from the first fit on: trees do, epochs do not."""
    # By name, since importing the class would cost everyone the import of all of scikit-learn's trees.
    return name == "n_estimators" or type(owner).__name__.startswith("HistGradientBoosting")


def _draws_anew(step):
    """Whether a second fit of this step may differ from the first: also a generator goes on where it is."""
    return is_random(step) or not all(isinstance(seed, Integral) for seed in seeds(step))
