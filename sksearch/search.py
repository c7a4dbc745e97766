"""The base of all searchers: what ``fit`` does, whatever the algorithm."""

import os
import threading
import time
import warnings
from abc import abstractmethod
from contextlib import nullcontext
from copy import copy
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, indexable

from sksearch._compat import (
    BaseSearchCV,
    HasMethods,
    Interval,
    SearchCallbacks,
    StrOptions,
    _check_method_params,
    _fit_context,
    _insert_error_scores,
    _MultimetricScorer,
    _num_samples,
    _warn_or_raise_about_fit_failures,
)
from sksearch._messages import check_estimator, check_instance, check_scoring_names
from sksearch.execution import CrossValidation, Journal, Rounds, Stream, make_resource
from sksearch.execution.environment import environment_for
from sksearch.execution.identity import identity_of
from sksearch.objectives import ObjectivesMixin
from sksearch.results import best_first, tabulate, without_infinity
from sksearch.space import Space, default_space
from sksearch.space.binding import check_names
from sksearch.space.starts import nearest_params, own_params
from sksearch.study import Study
from sksearch.winner import WinnerMixin, apart

_EXECUTORS = {"rounds": Rounds, "stream": Stream}

_OF_THE_REFIT = ("best_estimator_", "refit_time_")
_OF_THE_WINNER = (*_OF_THE_REFIT, "best_index_", "best_params_", "best_score_")
_FITTED_ATTRIBUTES = (
    *_OF_THE_WINNER,
    "cv_results_",
    "multimetric_",
    "n_splits_",
    "optimizer_",
    "pareto_front_",
    "scorer_",
)

# ``warnings.catch_warnings`` changes global state: one search at a time.
_WARNINGS_LOCK = threading.Lock()


class AdaptiveSearchCV(ObjectivesMixin, WinnerMixin, BaseSearchCV):
    """Cross-validated search in which results guide what is tried next.

    The base class of the searchers. It prepares (scorers, folds, space), lets an optimizer and an executor
    search, and concludes (``cv_results_``, selection, refit) as scikit-learn does. A subclass implements
    `_make_optimizer`; it may measure more than scores (`_make_measure`), and say who may win (`_may_win`) and
    who does of equally good ones (`_preferred`).

    Parameters are those of the subclasses, which document them.
    """

    _parameter_constraints: dict = {
        **BaseSearchCV._parameter_constraints,
        # Unknown names get a sentence of their own, with the nearest valid one.
        "scoring": [str, callable, list, tuple, dict, None],
        "param_distributions": [dict, list, tuple, None],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "resource": [str, None],
        "min_resources": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_resources": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "factor": [Interval(Real, 1, None, closed="neither")],
        "initial_params": [list, tuple, dict, HasMethods(["iterrows"]), None],
        "objectives": [list, tuple, None],
        "journal": [str, os.PathLike, None],
        "executor": [StrOptions(set(_EXECUTORS)), HasMethods(["run"])],
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
    ):
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.random_state = random_state
        self.timeout = timeout
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.resource = resource
        self.min_resources = min_resources
        self.max_resources = max_resources
        self.factor = factor
        self.initial_params = initial_params
        self.objectives = objectives
        self.journal = journal
        self.executor = executor

    def __getattr__(self, name):
        if name not in _FITTED_ATTRIBUTES:
            return object.__getattribute__(self, name)  # raises what Python and scikit-learn would
        if "cv_results_" not in vars(self):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' before asking for "
                f"{name!r}."
            )
        cause = "objectives" if name == "pareto_front_" else "refit"
        reason = f"it was fitted with {cause}={getattr(self, cause)!r}; see the documentation of {cause}."
        if self.refit and name in _OF_THE_REFIT:
            reason = "its refit did not end; best_params_ and cv_results_ are there."
        raise AttributeError(f"This {type(self).__name__} has no {name!r} because {reason}")

    @abstractmethod
    def _make_optimizer(self, space, rng, measure):
        """Return the `Optimizer` that proposes candidates, given what is measured of every fit."""

    def _make_measure(self, space, scorers):
        """Return what is measured of every fit besides scores, see `CrossValidation`; None for nothing."""
        return None

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **params):
        """Search, and refit the best candidate on all data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            Training vectors, or a precomputed kernel or distance matrix.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target; None for unsupervised estimators.
        **params : dict of str to object
            Parameters passed to the ``fit`` method of the estimator, to the scorer, and to the splitter
            (``groups``), as in ``GridSearchCV``.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        TypeError, ValueError
            If a parameter is wrong, before any fit; or if every candidate failed.
        """
        deadline = time.monotonic() + (np.inf if self.timeout is None else self.timeout)
        # -- prepare
        check_scoring_names(self.scoring)
        executor = self._make_executor()
        scorers, _ = self._get_scorers()  # what is wrong with them comes first, as in scikit-learn
        # Known before the search where scikit-learn knows it; a callable may return a dict.
        self.multimetric_ = isinstance(scorers, _MultimetricScorer)
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        space = self._make_space()
        environment = environment_for(self.estimator, space)
        environment.check(self.estimator, space, X, y)
        check_names(space, self.estimator, self.resource)
        initial = self._initial_params(space)

        weight = params.get("sample_weight")
        metadata = None if weight is None else {"sample_weight": weight}
        callbacks = SearchCallbacks(self, X, y, metadata)

        splits = self._freeze_splits(X, y, routed.splitter.split)
        self._check_rule(space)
        base_estimator = clone(self.estimator)
        unfitted = copy(self)  # the default scorer keeps its estimator, and travels with every fit
        unfitted.estimator = base_estimator
        scorers, _ = unfitted._get_scorers()
        resource = make_resource(
            self.resource,
            self.min_resources,
            self.max_resources,
            self.factor,
            estimator=base_estimator,
            tuned=space.names,
            y=y,
            n_splits=len(splits),
            n_samples=_num_samples(X),
        )
        measure = self._make_measure(space, scorers)
        cross_validation = CrossValidation(
            base_estimator,
            environment.rows(X),
            y,
            splits,
            resource,
            space.names,
            callbacks,
            {
                "scorer": scorers,
                "fit_params": routed.estimator.fit,
                "score_params": routed.scorer.score,
                "return_train_score": self.return_train_score,
                "return_n_test_samples": True,
                "return_times": True,
                "return_parameters": False,
                "error_score": self.error_score,
                "verbose": self.verbose,
            },
            environment,
            measure,
        )
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        with self._open_journal(cross_validation, space, seed) as journal:
            if journal is not None and self.random_state is None:
                seed = journal.details["seed"]
            cross_validation.seed = int(seed)
            optimizer = self._make_optimizer(space, np.random.default_rng(seed), measure)
            study = self._make_study(optimizer, initial, resource, deadline, journal)

            # -- search
            n_fits = study.n_iter * resource.n_fits
            if self.verbose > 0:
                print(
                    f"Fitting {len(splits)} folds for each of {study.n_iter} candidates, totalling "
                    f"{'at most ' if resource.n_steps > 1 else ''}{n_fits} fits"
                )
            callbacks.begin_search(n_fits)
            try:
                executor.run(study, cross_validation, n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch)
            except KeyboardInterrupt:
                if not study.interrupt():
                    raise
            study.end()
        callbacks.end_search()

        # -- conclude
        self.optimizer_ = study.optimizer
        results = self._conclude(study, resource)
        # Before the refit, which may fail or be interrupted: the search is finished and stays.
        for name in (*_OF_THE_WINNER, "feature_names_in_"):
            vars(self).pop(name, None)
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers
        self.cv_results_ = results
        self._folds_apart = apart(splits)
        self._set_front(results)
        self._select(results)
        n_finished = len(study.finished)
        if study.interrupted:
            warnings.warn(
                f"The search was interrupted after {n_finished} of {study.n_iter} candidates; the best of "
                "them is kept.",
                stacklevel=3,
            )
        elif study.ran_out:
            warnings.warn(
                f"The search ended after {n_finished} of n_iter={self.n_iter} candidates: no other values "
                "can be drawn from the space.",
                stacklevel=3,
            )
        if self.refit:
            self._refit(cross_validation, X, routed.estimator.fit)
        callbacks.end()
        return self

    # -- prepare -----------------------------------------------------------------------------------

    def _validate_params(self):
        check_estimator(self.estimator)  # before scikit-learn, which knows of no remedy
        super()._validate_params()

    def _make_executor(self):
        check_instance("executor", self.executor)
        return _EXECUTORS[self.executor]() if isinstance(self.executor, str) else self.executor

    def _make_space(self):
        # Iterations are in the results' settings, which can be given as initial ones, and predicted for.
        beside = {self.resource} - {None}
        if self.param_distributions is not None:
            return Space(self.param_distributions, beside)
        default = default_space(self.estimator)
        branches = [default] if isinstance(default, dict) else default
        branches = [{k: v for k, v in branch.items() if k != self.resource} for branch in branches]
        return Space(branches, beside)

    def _initial_params(self, space):
        """List the settings to try first."""
        own = own_params(space, self.estimator)
        initial = [] if own is None else [own]
        given = () if self.initial_params is None else self.initial_params
        if isinstance(given, dict) or hasattr(given, "iterrows"):  # a data frame
            optimised = self._optimised
            metrics = optimised if isinstance(optimised, tuple) else (optimised, self.scoring)
            earlier = best_first(given, space.names, metrics)
            # Half of the budget: an earlier search repeated in full would leave nothing to search.
            given = [params for params in earlier if params in space][: max(1, self.n_iter // 2)]
            if earlier and not given:
                warnings.warn(
                    f"initial_params has no setting that is in the search space: {space.why_not(earlier[0])}",
                    stacklevel=4,
                )
        for i, params in enumerate(given):
            if not isinstance(params, dict) or params not in space:
                why = space.why_not(params) if isinstance(params, dict) else "it is not a dict."
                raise ValueError(f"initial_params[{i}] is not in the search space: {why}")
            initial.append(params)
        if (n := len({space.key_of(space.own(params)) for params in initial})) > self.n_iter:
            warnings.warn(
                f"initial_params and the estimator's own parameters are {n} candidates, and "
                f"n_iter={self.n_iter} leaves the last of them untried; raise n_iter.",
                stacklevel=4,
            )
        near = nearest_params(space, self.estimator) if own is None else None
        return initial if near is None else [*initial, near]

    def _freeze_splits(self, X, y, split_params):
        self._checked_cv_orig = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **split_params)
        split = self._checked_cv_orig.split(X, y, **split_params)
        rows = np.arange(_num_samples(X))
        splits = [tuple(rows[_indices(part)] for part in parts) for parts in split]
        if not splits:
            raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
        if len(splits) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {self.n_splits_} splits, got {len(splits)}"
            )
        return splits

    def _open_journal(self, cross_validation, space, seed):
        if self.journal is None:
            return nullcontext()
        now = {"seed": int(seed), "searcher": type(self).__name__}
        journal = Journal(self.journal, identity_of(cross_validation, space.branches), now)
        then = now | journal.details  # journals of earlier versions do not say all
        another = "searcher" if then["searcher"] != now["searcher"] else "random_state"
        if another == "searcher" or (then != now and self.random_state is not None):
            warnings.warn(
                f"journal={str(self.journal)!r} was begun with another {another}. What it holds is taken as "
                "it is, and counts as candidates of this search; choose another file to compare the two.",
                stacklevel=4,
            )
        return journal

    def _make_study(self, optimizer, initial, resource, deadline, journal):
        space = optimizer.space
        n_iter = int(min(self.n_iter, space.size))
        may_stop_early = self.timeout is not None or self.n_iter_no_change is not None
        if space.size <= self.n_iter and not may_stop_early:
            # Nothing to choose: every candidate is tried, in GridSearchCV's order.
            initial = [space.decode(point) for point in space.grid()]
        return Study(
            optimizer,
            initial,
            self._optimised,
            n_iter=n_iter,
            resource=resource,
            journal=journal,
            deadline=deadline,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
            verbose=self.verbose,
            choose_metric=self._choose_metric if callable(self.scoring) else None,
            error_score=self.error_score,
        )

    def _choose_metric(self, scores):
        """Name the score to optimise among those that a callable returned."""
        self._check_refit_for_multimetric(scores)
        self.multimetric_ = True
        return self._optimised

    # -- conclude ----------------------------------------------------------------------------------

    def _conclude(self, study, resource):
        """Format the results of all trials once, and say once what failed."""
        trials = sorted(study.finished, key=lambda trial: trial.number)
        if not trials:
            raise ValueError(
                f"No fits were performed: joblib began none, pre_dispatch={self.pre_dispatch!r}; raise it."
            )
        out = [result for trial in trials for result in trial.folds.values()]
        self._raise_if_all_failed(trials, out, study.metric)
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        for result in out:
            result["test_scores"] = without_infinity(result["test_scores"])
        self.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if self.multimetric_ and callable(self.scoring):
            self._check_refit_for_multimetric(out[0]["test_scores"])
        params, table, columns = tabulate(trials, resource, self.n_splits_, study.metric)
        columns |= study.optimizer.describe([trial.point for trial in trials])
        with _WARNINGS_LOCK, warnings.catch_warnings():
            if "stopped" in columns["status"] or any(trial.failed for trial in trials):
                # Said already, with its reasons; or no fault.
                warnings.filterwarnings("ignore", message="One or more of the .* are non-finite")
            return self._format_results(params, self.n_splits_, table) | columns

    def _raise_if_all_failed(self, trials, out, metric):
        replaced = self.error_score != "raise" and np.isfinite(self.error_score)
        errors = [result["fit_error"] for result in out if result["fit_error"]]
        partial = len(errors) < len(out)
        if replaced or not errors or not partial or any(trial.status(metric) == "ok" for trial in trials):
            return
        raise ValueError(
            f"All the {len(trials)} candidates failed in at least one fold; there is nothing to select. "
            "Set error_score='raise' to debug, or a number to rank them nevertheless. The first error was:\n"
            f"{errors[0]}"
        )

    def _refit(self, cross_validation, X, fit_params):
        # Values are cloned too: they can be estimators, which the caller's space must not share.
        best = clone(cross_validation.estimator).set_params(**clone(self.best_params_, safe=False))
        environment, y = cross_validation.environment, cross_validation.y
        with cross_validation.callbacks.refit(best), environment.around_refit(cross_validation.seed):
            start = time.time()
            if y is not None:
                best.fit(X, y, **fit_params)
            else:
                best.fit(X, **fit_params)
            self.refit_time_ = time.time() - start
        self.best_estimator_ = best
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_


def _indices(part):
    """Return what a split names rows by, a mask or numbers, of which there may be none, as an array."""
    part = np.asarray(part)
    return part if part.size else part.astype(int)
