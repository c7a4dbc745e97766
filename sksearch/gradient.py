"""GradientSearchCV: the searcher that knows the derivative of the validation loss."""

import sys
from numbers import Integral

import numpy as np
from sklearn.base import clone

from sksearch._compat import Interval, StrOptions, _MultimetricScorer
from sksearch.hypergradients import differentiable
from sksearch.hypergradients.derivatives import Derivatives
from sksearch.optimizers import DescentOptimizer, RayOptimizer
from sksearch.optimizers.minimize import METHODS
from sksearch.search import AdaptiveSearchCV
from sksearch.space import Integer

# More choices than this can not all be tried, more differences per step would not pay.
_MOST_ARMS = 16
_MOST_DIFFERENCES = 4


class GradientSearchCV(AdaptiveSearchCV):
    """Descent of the cross-validated loss along its derivatives with respect to hyperparameters.

    After the estimator has been fitted on a fold, one linear solve gives the derivative of the loss on the
    held-out data with respect to all continuous hyperparameters at once. A search of one or two of them takes
    5 to 25 candidates, and a search of a thousand not many more, where other searchers can not follow. It is
    made for smooth models (linear ones and their generalisations, kernel machines, discriminant analysis)
    and smooth scores (log-loss, squared errors); for trees, neighbours or accuracy take another searcher.

    Of networks it tunes many weight decays, those of a :class:`~sksearch.nets.Decay`, or the weights of many
    losses, those of a :class:`~sksearch.nets.LossWeights`: the first candidate is trained once more in each
    fold, on a part of the training rows, and the rest of them moves the strengths meanwhile. What comes out
    is a proposal, and candidates on the way to it and beyond are trained and scored like all others.

    Parameters
    ----------
    estimator : estimator object
        A scikit-learn estimator, pipeline, or anything with ``fit``, ``get_params`` and ``set_params``.
        Either it has a ``score`` method or `scoring` is given.
    param_distributions : dict or list of dict, default=None
        What to search: values by parameter name. Continuous parameters, which are what is descended, are

        - ``(low, high)`` or ``(low, high, prior)`` with `prior` "uniform" or "log-uniform" and at least one
          bound that is no integer; or a :class:`~sksearch.space.Real`,
        - :class:`~sksearch.space.Vector`, for the ``scale`` of a
          :class:`~sksearch.space.FeatureScaler`, among others,
        - a frozen continuous ``scipy.stats`` distribution.

        Everything else is a choice: lists or arrays of values, :class:`~sksearch.space.Categorical`, ranges
        of integers. At most 16 combinations of choices are searched, each of them with a few steps, then the
        best two; where there is nothing but choices, at most `n_iter` of them, if that is more than 16. A
        list of dicts is the union of its dicts. None takes :func:`~sksearch.space.default_space`.
    n_iter : int, default=50
        Number of candidates. No candidate is evaluated twice; a finite space may end the search earlier.
        If it covers a finite space, and neither `timeout` nor `n_iter_no_change` may end the search,
        candidates are in the order of ``GridSearchCV``. A descent takes 5 to 25; what is left is spent on
        other starts, see `n_restarts`.
    scoring : str, callable, list, tuple or dict, default=None
        As in ``GridSearchCV``. With several metrics, the one named by `refit` is optimised; the first one,
        where `refit` is False or a callable that names none.
    n_jobs : int, default=None
        Number of fits in parallel, as in joblib.
    refit : bool, str or callable, default=True
        As in ``GridSearchCV``; besides, "one-standard-error" or a :class:`~sksearch.OneStandardError` choose
        the simplest candidate that is within one standard error of the best.
    cv : int, cross-validation generator or iterable, default=None
        As in ``GridSearchCV``. Folds are drawn once, and shared by all candidates.
    verbose : int, default=0
        1 prints a line per candidate, or per round of several: how many have ended, the last score and the
        best. Larger values also print one per fit, as in ``GridSearchCV``.
    pre_dispatch : int or str, default="2*n_jobs"
        As in ``GridSearchCV``. A stream has one fit ahead for each worker, whatever this is.
    random_state : int, RandomState instance or None, default=None
        Same seed and same `n_jobs`, same candidates. A stream with several workers is not reproducible.
    error_score : "raise" or float, default=nan
        Score of a fit that fails. A candidate that fails is a row with status "failed", and the search
        goes on; "raise" raises its error.
    return_train_score : bool, default=False
        Whether ``cv_results_`` has training scores.
    timeout : float, default=None
        Seconds after which no candidate begins. Those that run are finished, and the best is refitted.
    n_iter_no_change : int, default=None
        End the search when this many candidates in a row did not improve the best score by more than
        `tol`.
    tol : float, default=0.0
        Smallest improvement that counts for `n_iter_no_change`.
    resource : None, default=None
        Not with this searcher: a descent needs the whole derivative at every step.
    min_resources, max_resources : int or "auto", default="auto"
        Without a `resource` they do nothing.
    factor : float, default=3
        Without a `resource` it does nothing.
    initial_params : list of dict, dict of str to ndarray, or DataFrame, default=None
        Known-good candidates to try first, after the estimator's own current parameters, which are
        candidate 0 where the space holds them; where it does not, what is nearest to them comes next. The
        best of these is where the descent starts. Of an earlier search's ``cv_results_``, the best settings
        are tried, up to half of `n_iter`; those outside of this space are skipped.
    objectives : None, default=None
        Not with this searcher, which descends one loss.
    journal : str or path-like, default=None
        File in which every finished candidate is recorded. The same call with the same journal goes on where
        the last one ended or was killed, without repeating a finished candidate; in rounds, with the same
        result as if it had never stopped. Give `cv` a seed if it shuffles: other folds are another search.
    executor : {"rounds", "stream"}, Rounds or Stream, default="rounds"
        How candidates are run, see :mod:`sksearch.execution`. Rounds are reproducible: by default they
        overlap as much as keeps the workers busy, those of ``Rounds(n_points=8)`` are of eight candidates
        each. In a stream no worker waits for another, however unequal the times of fits; with several
        workers it is not reproducible.
    optimizer : {"lbfgs", "sgd", "momentum", "rmsprop", "adam"}, default="lbfgs"
        How to go downhill: a quasi-Newton method (L-BFGS-B for many hyperparameters), or a first-order method
        with a fixed learning rate.
    gradient : {"auto", "implicit", "unrolled", "finite-difference"}, default="auto"
        Where derivatives come from: the solution's own equations ("implicit"), single steps of a training
        ("unrolled", of a network's decays and loss weights, where it follows the network's own loss, and
        `optimizer` and `n_restarts` do nothing), or differences between candidates that are close to each
        other, which are candidates of their own. "auto" takes the first two for all parameters that have
        them, see the user guide, and the latter for up to four others.
    guard : bool, default=True
        Whether a vector may only win where its gradient was more than noise. Many hyperparameters can fit the
        folds as weights can fit the training data: the score goes on to rise when the truth has long been
        falling. How much the folds' gradients differ tells where that begins: the candidates that a descent
        has found since (not ``trusted`` in ``cv_results_``) do not win. Without a
        :class:`~sksearch.space.Vector` it does nothing. Of a network's strengths it shrinks what is proposed
        to what they have in common, the more the less the proposals of the folds agree.
    n_restarts : int, default=None
        Descents after the first. When they are done the search ends, though `n_iter` may be larger; with
        None, starts follow each other until `n_iter` candidates were evaluated.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As in ``GridSearchCV``, of the user's own estimator and scoring, in the order of proposal, with more
        columns: ``status`` ("ok", "failed", "timeout", or "oom" where the memory ran out), ``n_resources``
        (folds), ``wall_time`` (seconds of all its fits and derivatives), ``loss`` (what is descended, where
        derivatives are known) and, with vectors, ``trusted`` (see `guard`).
    best_estimator_ : estimator
        The best candidate, refitted on all data. Only with `refit`.
    best_score_ : float
        Its mean cross-validated score. With a callable `refit`, only if that is a ``OneStandardError``.
    best_score_corrected_ : float
        The same without the optimism of a score that was chosen because it is high, from the scores of all
        candidates and without a fit. With two folds or more, and where there is ``best_score_``; see the
        user guide on winners.
    best_params_ : dict
        Its parameters.
    best_index_ : int
        Its row in ``cv_results_``.
    scorer_ : callable or dict of callable
        What scored the held-out data.
    n_splits_ : int
        Number of folds.
    refit_time_ : float
        Seconds that the refit took.
    multimetric_ : bool
        Whether there are several scores.
    optimizer_ : DescentOptimizer or RayOptimizer
        The optimizer with all it was told.
    n_features_in_, feature_names_in_, classes_
        Of ``best_estimator_``, where it has them.

    References
    ----------
    Bengio, "Gradient-based optimization of hyperparameters", 2000.

    Pedregosa, "Hyperparameter optimization with approximate gradient", 2016.

    Bertrand et al., "Implicit differentiation for fast hyperparameter selection in non-smooth convex
    learning", 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sksearch import GradientSearchCV
    >>> from sksearch.space import FeatureScaler, Vector
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), FeatureScaler(), Ridge())
    >>> space = {"ridge__alpha": (1e-3, 1e4, "log-uniform"), "featurescaler__scale": Vector(10, -6, 6)}
    >>> search = GradientSearchCV(model, space, n_iter=12, scoring="neg_mean_squared_error").fit(X, y)
    >>> bool(search.best_score_ > search.cv_results_["mean_test_score"][0])
    True
    """

    _parameter_constraints: dict = {
        **AdaptiveSearchCV._parameter_constraints,
        "resource": [None],
        "objectives": [None],
        "optimizer": [StrOptions(set(METHODS))],
        "gradient": [StrOptions({"auto", "implicit", "unrolled", "finite-difference"})],
        "guard": ["boolean"],
        "n_restarts": [Interval(Integral, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator,
        param_distributions=None,
        *,
        n_iter=50,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
        timeout=None,
        n_iter_no_change=None,
        tol=0.0,
        resource=None,
        min_resources="auto",
        max_resources="auto",
        factor=3,
        initial_params=None,
        objectives=None,
        journal=None,
        executor="rounds",
        optimizer="lbfgs",
        gradient="auto",
        guard=True,
        n_restarts=None,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
            timeout=timeout,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            resource=resource,
            min_resources=min_resources,
            max_resources=max_resources,
            factor=factor,
            initial_params=initial_params,
            objectives=objectives,
            journal=journal,
            executor=executor,
        )
        self.optimizer = optimizer
        self.gradient = gradient
        self.guard = guard
        self.n_restarts = n_restarts

    def _make_optimizer(self, space, rng, measure):
        if measure is not None and not isinstance(measure, Derivatives):
            return RayOptimizer(space, rng, shrink=self.guard)
        return DescentOptimizer(space, rng, method=self.optimizer, n_restarts=self.n_restarts)

    def _make_proposals(self, space):
        """Return what proposes strengths of a network, None where it is not these that are searched."""
        found = None
        # Who has a net has imported skorch; nobody else shall wait for torch.
        if self.gradient in ("auto", "unrolled") and "skorch" in sys.modules:
            from sksearch.nets.proposals import make_proposals

            found = make_proposals(self.estimator, space)
        if self.gradient == "unrolled" and found is None:
            raise ValueError(
                "gradient='unrolled' is for log_decay of a sksearch.nets.Decay, or log_weights of a "
                "LossWeights, among the callbacks of a network, which is not what is searched; use "
                "gradient='auto'."
            )
        return found

    def _make_measure(self, space, scorers):
        if (proposals := self._make_proposals(space)) is not None:
            return proposals
        self._check_space(space)
        if self.gradient == "finite-difference":
            return None
        names = {name for branch in space.branches for name, dim in branch.items() if dim.size == np.inf}
        several = isinstance(scorers, _MultimetricScorer)
        scorer = scorers
        if several:
            scorer = scorers._scorers[self._optimised or next(iter(scorers._scorers))]
        if not names:
            return None
        measure = Derivatives(frozenset(names), scorer, several)
        if self.verbose > 0 and (proxy := measure.proxy(self.estimator)) is not None:
            print(f"The descent follows {proxy}: scoring has no derivatives. It still chooses the winner.")
        return measure

    def _may_win(self, results):
        if not self.guard or "trusted" not in results:
            return super()._may_win(results)
        return results["trusted"]

    def _check_space(self, space):
        """Raise a ValueError of one sentence if this space is none for a descent."""
        most = max(_MOST_ARMS, self.n_iter * (space.size < np.inf))
        if space.n_arms > most:
            choices = {
                name: dim
                for branch in space.branches
                for name, dim in sorted(branch.items())
                if 1 < dim.size < np.inf
            }
            raise ValueError(
                f"GradientSearchCV tries all combinations of choices, at most {most}, and {sorted(choices)} "
                f"have {space.n_arms}; use BayesSearchCV or GeneticSearchCV, fewer values, or ranges of real "
                f"numbers{_integer_hint(choices.values())}."
            )
        for point, free in space.arms():
            params = space.decode(point)
            try:
                chosen = clone(self.estimator).set_params(**clone(params, safe=False))
            except Exception:  # what the estimator refuses are candidates that fail
                continue
            known = differentiable(chosen) if self.gradient != "finite-difference" else frozenset()
            unknown = {name: columns for name, columns in free.items() if name not in known}
            n_unknown = sum(columns.stop - columns.start for columns in unknown.values())
            if n_unknown > (0 if self.gradient == "implicit" else _MOST_DIFFERENCES):
                choice = {name: value for name, value in params.items() if name not in free}
                raise ValueError(
                    f"GradientSearchCV has no derivatives by {sorted(unknown)} of "
                    f"{type(self.estimator).__name__}{f' with {choice}' if choice else ''}, "
                    f"{self._remedy(n_unknown)}"
                )

    def _remedy(self, n_unknown):
        if self.gradient == "implicit":
            return "as gradient='implicit' asks for; use gradient='auto', or BayesSearchCV."
        return (
            f"and {n_unknown} numbers are more than the {_MOST_DIFFERENCES} that finite differences are for; "
            "use BayesSearchCV or GeneticSearchCV."
        )


def _integer_hint(dimensions):
    """Say what a range that may have been meant to be one of real numbers is, and how to write that."""
    dimension = next((dim for dim in dimensions if isinstance(dim, Integer)), None)
    if dimension is None:
        return ""
    bounds = float(dimension.low), float(dimension.high)
    written = bounds if dimension.prior == "uniform" else (*bounds, dimension.prior)
    return f"; two integers are a range of integers: write {written} for one of real numbers"
