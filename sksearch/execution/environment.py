"""What estimators of a kind need before, around and after their fits."""

import sys
from contextlib import contextmanager, nullcontext


class Environment:
    """What an estimator needs around its fits: nothing.

    The base class of environments. One is made per search, and goes with every fit to where it is run.
    """

    def check(self, estimator, space, X, y):
        """Raise about what would fail in every fit, before there is any.

        Parameters
        ----------
        estimator : estimator
            As the user gave it.
        space : Space
            What is searched.
        X, y : array-like
            All data.
        """

    def rows(self, X):
        """Return data whose rows can be taken, as scikit-learn takes them."""
        return X

    @contextmanager
    def open(self, estimator, n_jobs, devices):
        """Begin and end a search; yield how many fits to run at a time.

        Parameters
        ----------
        estimator : estimator
            What will be cloned for every fit.
        n_jobs : int or None
            What the user asked for.
        devices : list of str or None
            Where to run them, one at a time on each entry.
        """
        if devices is not None:
            raise ValueError(
                f"devices={devices!r} is for networks, and the estimator holds no skorch net; leave it out."
            )
        yield n_jobs

    def around(self, fit, estimator):
        """Return a context manager that prepares for one fit and its scoring, and tidies up.

        Parameters
        ----------
        fit : Fit
        estimator : estimator
            What is fitted, with the parameters of its trial.

        Yields
        ------
        parameters : dict
            More parameters to set.
        details : dict of str to object
            More results, known when the context is left: columns of ``cv_results_``, per fold.
        """
        return nullcontext(({}, {}))

    @contextmanager
    def around_refit(self, seed):
        """Prepare for the refit of the best candidate, and tidy up."""
        yield


def environment_for(estimator, space):
    """Return the environment that the fits of an estimator need.

    Parameters
    ----------
    estimator : estimator
    space : Space
        What is searched, which may hold estimators too.
    """
    # Who has a net has imported skorch; nobody else shall wait for torch.
    if "skorch" in sys.modules:
        from sksearch.nets.environment import NetEnvironment
        from sksearch.nets.finding import holds_net

        if holds_net(estimator, space):
            return NetEnvironment()
    return Environment()
