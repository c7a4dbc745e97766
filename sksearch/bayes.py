"""BayesSearchCV: the searcher that learns a model of the scores."""

from numbers import Integral

import numpy as np

from sksearch._compat import Interval, StrOptions
from sksearch.optimizers import BayesianOptimizer
from sksearch.optimizers.acquisition import ACQUISITIONS
from sksearch.search import AdaptiveSearchCV


class BayesSearchCV(AdaptiveSearchCV):
    """Bayesian optimization of hyperparameters by cross-validation.

    Every candidate is chosen by a Gaussian process fitted to the scores of those before it: where it
    expects the largest improvement. It needs far fewer fits than a grid or random search, and about a
    hundredth of a second to choose.

    Parameters
    ----------
    estimator : estimator object
        A scikit-learn estimator, pipeline, or anything with ``fit``, ``get_params`` and ``set_params``.
        Either it has a ``score`` method or `scoring` is given.
    param_distributions : dict or list of dict, default=None
        What to search: values by parameter name. A value is

        - a list or array of values of any kind (numbers in order are ordinal),
        - a frozen ``scipy.stats`` distribution,
        - ``(low, high)`` or ``(low, high, prior)`` with `prior` "uniform" or "log-uniform", both bounds
          included; two integers make an integer range (write ``(1.0, 10.0)`` for real numbers); any other
          tuple is a choice between its items,
        - :class:`~sksearch.space.Real`, :class:`~sksearch.space.Integer`,
          :class:`~sksearch.space.Categorical`, :class:`~sksearch.space.Subset` or
          :class:`~sksearch.space.Vector`.

        A list of dicts is their union: each candidate has the parameters of one of them. None takes
        :func:`~sksearch.space.default_space`.
    n_iter : int, default=50
        Number of candidates. No candidate is evaluated twice; a finite space may end the search earlier.
        If it covers a finite space, and neither `timeout` nor `n_iter_no_change` may end the search,
        candidates are in the order of ``GridSearchCV``.
    scoring : str, callable, list, tuple or dict, default=None
        As in ``GridSearchCV``. With several metrics, the one named by `refit` is optimised; the first one,
        where `refit` is False or a callable that names none; all of `objectives`, where these are given.
    n_jobs : int, default=None
        Number of fits in parallel, as in joblib.
    refit : bool, str or callable, default=True
        As in ``GridSearchCV``; besides, "one-standard-error" or a :class:`~sksearch.OneStandardError` choose
        the simplest candidate that is within one standard error of the best. With `objectives`, True stands
        for the first of them that is a score.
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
        `tol`. With `objectives`, one that is better than each before it, in any of them, is an improvement.
    tol : float, default=0.0
        Smallest improvement that counts for `n_iter_no_change`.
    resource : str, default=None
        What candidates get bit by bit, so that those without a chance cost little. With "folds" a candidate
        runs one fold after the other, with "n_samples" all folds on more and more of the training rows, and
        with the name of a parameter, such as "max_epochs" or "clf__n_estimators", on more and more
        iterations; an estimator with ``warm_start`` or ``partial_fit`` goes on where it is. With
        folds, a candidate that does not look best is paused, and has the rest when all have begun, if it may
        still be the best; with samples and iterations it is dropped when its chance to beat the best is below
        3 %, or when it is not among the best ``1 / factor`` that got as far. The model learns from what was
        run. See the user guide on resources.
    min_resources : int or "auto", default="auto"
        What a candidate gets first, at least: 1 fold, or a twentieth of many; ``max_resources / factor**2``
        iterations, or samples, and two of each class per fold. Steps are counted from the last one, so that
        it may be more: from 20 to 81 they are 27 and 81.
    max_resources : int or "auto", default="auto"
        What a candidate that is kept gets in all: the samples (all of them), or iterations (the estimator's
        own value). With "folds" it is the number of folds.
    factor : float, default=3
        Each step gives `factor` times the samples or iterations of the one before, to the best
        ``1 / factor`` of the candidates.
    initial_params : list of dict, dict of str to ndarray, or DataFrame, default=None
        Known-good candidates to try first, after the estimator's own current parameters, which are
        candidate 0 where the space holds them; where it does not, what is nearest to them comes next. Of an
        earlier search's ``cv_results_``, the best settings are tried, up to half of `n_iter`; those outside
        of this space are skipped.
    objectives : list of str, default=None
        At least two metrics to optimise together, for `pareto_front_`: scorers of scikit-learn, which are
        then the scoring, or names in `scoring` where that is given; and "-mean_fit_time" or
        "-mean_score_time", of which less is better. Not with a `resource`. See the user guide on objectives.
    journal : str or path-like, default=None
        File in which every finished candidate is recorded. The same call with the same journal goes on where
        the last one ended or was killed, without repeating a finished candidate; in rounds, with the same
        result as if it had never stopped. Give `cv` a seed if it shuffles: other folds are another search.
    executor : {"rounds", "stream"}, Rounds or Stream, default="rounds"
        How candidates are run, see :mod:`sksearch.execution`. Rounds are reproducible: by default they
        overlap as much as keeps the workers busy, those of ``Rounds(n_points=8)`` are of eight candidates
        each. In a stream no worker waits for another, however unequal the times of fits; with several
        workers it is not reproducible.
    n_initial_points : int or "auto", default="auto"
        Number of candidates before the model is used, `initial_params` included; "auto" is between 4
        and 10, growing with the number of dimensions.
    acquisition : {"log-ei", "ucb"}, default="log-ei"
        What the next candidate maximises: the logarithm of the expected improvement, or the upper
        confidence bound, two standard deviations above the mean.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As in ``GridSearchCV``, in the order of proposal, with more columns: ``status`` ("ok", "failed",
        "timeout", "oom" where the memory ran out, or "stopped" for a candidate that was dropped),
        ``n_resources`` (how much of the resource it got; folds, where there is none) and ``wall_time``
        (seconds of all its fits). With a `resource`, a dropped candidate has NaN for what was not run and
        ranks after all that were run to their end, and ``partial_test_score`` is the mean score of what was
        run.
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
    pareto_front_ : ndarray of int
        Rows in ``cv_results_`` of the candidates that no other one dominates (is at least as good in all
        objectives, and better in one), best by the first objective first. Only with `objectives`.
    refit_time_ : float
        Seconds that the refit took.
    multimetric_ : bool
        Whether there are several scores.
    optimizer_ : BayesianOptimizer
        The optimizer with all it was told.
    n_features_in_, feature_names_in_, classes_
        Of ``best_estimator_``, where it has them.

    References
    ----------
    Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective
    optimization problems", 2006.

    Snoek, Larochelle & Adams, "Practical Bayesian optimization of machine learning algorithms", 2012.

    Bergman, Purucker & Hutter, "Don't waste your time: early stopping cross-validation", 2024.

    Li et al., "A system for massively parallel hyperparameter tuning", 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sksearch import BayesSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": (1e-3, 1e3, "log-uniform"), "gamma": (1e-4, 1e1, "log-uniform")}
    >>> search = BayesSearchCV(SVC(), space, n_iter=15, random_state=0).fit(X, y)
    >>> bool(search.best_score_ > 0.97)
    True
    """

    _parameter_constraints: dict = {
        **AdaptiveSearchCV._parameter_constraints,
        "n_initial_points": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "acquisition": [StrOptions(set(ACQUISITIONS))],
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
        n_initial_points="auto",
        acquisition="log-ei",
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
        self.n_initial_points = n_initial_points
        self.acquisition = acquisition

    def _make_optimizer(self, space, rng, measure):
        return BayesianOptimizer(
            space,
            rng,
            n_initial_points=self.n_initial_points,
            acquisition=self.acquisition,
        )
