"""What to search when the user does not say: a space for each estimator people tune most.

The table is plain data in users' notation, keyed by class names, so that nothing of scikit-learn is
imported for it. Bounds follow the sources, rounded, and narrowed where fits would take too long on
a hundred thousand standardised samples; the default lies inside wherever possible. The most
important parameter stands first. What only trades time for quality or needs the data is left alone.

References
----------
.. [1] Feurer et al. (2015), "Efficient and robust automated machine learning", NeurIPS 28, and the
   ranges in auto-sklearn's source: most of the table.
.. [2] Probst, Boulesteix & Bischl (2019), "Tunability: Importance of hyperparameters of machine
   learning algorithms", JMLR 20(53), Table 1: C, alpha and l1_ratio of linear models, SVMs, trees.
.. [3] van Rijn & Hutter (2018), "Hyperparameter importance across datasets", KDD: which
   parameters matter most in SVMs, forests and AdaBoost.
.. [4] Probst & Boulesteix (2018), "To tune or not to tune the number of trees in random forest",
   JMLR 18(181): why `n_estimators` of forests is not here.
.. [5] Eggensperger et al. (2021), "HPOBench", NeurIPS Datasets and Benchmarks: MLP and SGD.
"""

from numbers import Real

_LOG = "log-uniform"
_C = (1e-3, 1e3, _LOG)
_FRACTION = (0.0, 1.0)
_BALANCE = [None, "balanced"]
_ON_OFF = [False, True]


def _when(space, **allowed):
    """Offer `space` only while each named parameter has one of the allowed values."""

    def rule(params):
        return space if all(params.get(name) in allowed[name] for name in allowed) else None

    return rule


def _around(count, least, up):
    # The number the user chose is the only scale known before the data is.
    fits = isinstance(count, int) and count >= 2 * least
    return (max(least, count // 8), count * up, _LOG) if fits else None


def _logistic_strength(params):
    # Without a penalty C does nothing, and setting it warns.
    return None if params.get("penalty", "deprecated") is None else _C


def _logistic_l1_ratio(params):
    # scikit-learn 1.8 says "elastic net" by an l1_ratio between 0 and 1, earlier ones by `penalty`.
    penalty = params.get("penalty", "deprecated")
    mixed = penalty == "deprecated" and 0 < (params["l1_ratio"] or 0) < 1
    return _FRACTION if mixed or penalty == "elasticnet" else None


def _sgd_loss(params):
    # A loss without predict_proba must not be offered to whoever chose one that has it.
    probabilistic = ["log_loss", "modified_huber"]
    return probabilistic if params["loss"] in probabilistic else ["hinge", *probabilistic]


def _tweedie_power(params):
    # Every power between 1 and 2 takes the same targets; those outside take others.
    return (1.1, 1.9) if 1 < params["power"] < 2 else None


def _degree(params):
    # No higher than now, or wide data explodes.
    return (1, params["degree"]) if params["degree"] in (2, 3, 4) else None


def _gamma(params):
    # A polynomial of a large gamma is ill-conditioned: its fit may not end for hours.
    if params["kernel"] in ("poly", "polynomial", "sigmoid"):
        return (1e-3, 1.0, _LOG)
    return (1e-4, 10.0, _LOG) if params["kernel"] in ("rbf", "laplacian", "chi2") else None


def _forest_features(params):
    # "sqrt" is a strong default: keep it among the candidates of those who have it.
    share = isinstance(params["max_features"], float)
    return (0.1, 1.0) if share else ["sqrt", 0.1, 0.25, 0.5, 0.75, 1.0]


_IMPURITY = ["gini", "entropy"]
_KERNEL = {
    "gamma": _gamma,
    "degree": _when((2, 5), kernel=("poly", "polynomial")),
    "coef0": _when(_FRACTION, kernel=("poly", "polynomial", "sigmoid")),
}
_LOGISTIC = {"C": _logistic_strength, "l1_ratio": _logistic_l1_ratio}
_SGD = {
    "alpha": (1e-7, 0.1, _LOG),
    "eta0": _when((1e-4, 0.1, _LOG), learning_rate=("constant", "invscaling", "adaptive")),
    "l1_ratio": _when(_FRACTION, penalty=("elasticnet",)),
    "average": _ON_OFF,
}
_GLM = {"alpha": (1e-5, 10.0, _LOG)}
_LASSO = {"alpha": (1e-4, 10.0, _LOG)}
_TREE = {"min_samples_leaf": (1, 60, _LOG), "min_samples_split": (2, 60, _LOG)}
_FOREST = {
    "min_samples_leaf": (1, 20, _LOG),
    "min_samples_split": (2, 20, _LOG),
    # Out-of-bag scores and `max_samples` exist under bootstrapping only.
    "bootstrap": _when([True, False], oob_score=(False,), max_samples=(None,)),
}
_FOREST_CLASSIFIER = {"max_features": _forest_features} | _FOREST | {"criterion": _IMPURITY}
_FOREST_REGRESSOR = {"max_features": (0.1, 1.0)} | _FOREST
_BOOSTING = {
    "learning_rate": (0.01, 1.0, _LOG),
    "n_estimators": (50, 500, _LOG),
    "max_depth": (1, 10),
    "subsample": (0.3, 1.0),
    "min_samples_leaf": (1, 50, _LOG),
    "max_features": [None, "sqrt", 0.25, 0.5, 0.75],
}
_HIST_BOOSTING = {
    "learning_rate": (0.01, 1.0, _LOG),
    "max_leaf_nodes": (3, 255, _LOG),
    "min_samples_leaf": (1, 200, _LOG),
    "max_iter": (50, 500, _LOG),
    # In steps, as no logarithmic range holds the default.
    "l2_regularization": [0.0, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0],
    "max_features": (0.2, 1.0),
}
_LIGHTGBM = {
    "learning_rate": (0.01, 1.0, _LOG),
    "num_leaves": (3, 255, _LOG),
    "min_child_samples": (1, 200, _LOG),
    "n_estimators": (50, 500, _LOG),
    "colsample_bytree": (0.3, 1.0),
    "reg_lambda": [0.0, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0],
}
# XGBoost's None are its own defaults: 0.3, 6, 1, 1, 1 and 100.
_XGBOOST = {
    "learning_rate": (0.01, 1.0, _LOG),
    "max_depth": (1, 12),
    "subsample": (0.3, 1.0),
    "colsample_bytree": (0.3, 1.0),
    "reg_lambda": (1e-3, 100.0, _LOG),
    "n_estimators": (50, 500, _LOG),
}
_ADABOOST = {"learning_rate": (0.01, 2.0, _LOG), "n_estimators": (50, 500, _LOG)}
_BAGGING = {
    "max_samples": _when((0.2, 1.0), bootstrap=(True,)),
    "max_features": (0.3, 1.0),
    "n_estimators": (10, 200, _LOG),
    "bootstrap_features": _ON_OFF,
}
_NEIGHBORS = {
    "n_neighbors": (1, 50, _LOG),
    "weights": ["uniform", "distance"],
    "p": _when([1, 2], metric=("minkowski",)),
}
_MLP = {
    "learning_rate_init": _when((1e-4, 0.1, _LOG), solver=("adam", "sgd")),
    "alpha": (1e-7, 0.1, _LOG),
    "hidden_layer_sizes": [(25,), (50,), (100,), (200,), (50, 50), (100, 100), (100, 100, 100)],
    "batch_size": _when(["auto", 32, 64, 128, 256], solver=("adam", "sgd")),
    "activation": ["relu", "tanh"],
    "momentum": _when((0.5, 0.99), solver=("sgd",)),
}
_COUNTS = {"alpha": (0.01, 100.0, _LOG), "fit_prior": [True, False]}
_WORDS = {"ngram_range": [(1, 1), (1, 2), (1, 3)], "min_df": (1, 5), "max_df": (0.5, 1.0)}
# The solvers of PCA that take a share of the variance; a number would depend on the data.
_BY_SHARE = ("auto", "full", "covariance_eigh")

_LIBRARIES = ("sklearn", "lightgbm", "xgboost")

# Class name: {parameter: notation, or a rule from the current parameters to a notation or None}.
# None in place of a space: the estimator tunes itself, or must stay as it is, with all it holds.
_SPACES = {
    **dict.fromkeys(("BaseSearchCV", "FrozenEstimator", "LogisticRegressionCV"), None),
    # Linear models
    "LogisticRegression": _LOGISTIC | {"class_weight": _BALANCE},
    "Ridge": {"alpha": (1e-4, 1e4, _LOG)},
    "RidgeClassifier": {"alpha": (1e-4, 1e4, _LOG), "class_weight": _BALANCE},
    **dict.fromkeys(("Lasso", "QuantileRegressor"), _LASSO),
    # Below 0.01 coordinate descent is unreliable, and says so.
    "ElasticNet": _LASSO | {"l1_ratio": (0.01, 1.0)},
    "SGDClassifier": _SGD | {"loss": _sgd_loss},
    "SGDRegressor": _SGD,
    "LinearSVC": {
        "C": _C,
        # The hinge has no primal solver and no l1 penalty.
        "loss": _when(["squared_hinge", "hinge"], penalty=("l2",), dual=(True, "auto")),
        "class_weight": _BALANCE,
    },
    "LinearSVR": {"C": _C, "epsilon": [0.0, 0.001, 0.01, 0.1, 1.0]},
    **dict.fromkeys(("PoissonRegressor", "GammaRegressor"), _GLM),
    "TweedieRegressor": _GLM | {"power": _tweedie_power},
    "HuberRegressor": {"epsilon": (1.05, 3.0), "alpha": (1e-6, 10.0, _LOG)},
    "LinearDiscriminantAnalysis": {
        "tol": _when((1e-5, 0.1, _LOG), solver=("svd",)),
        "shrinkage": _when(_FRACTION, solver=("lsqr", "eigen"), covariance_estimator=(None,)),
    },
    # Earlier scikit-learn has no `solver` here: None is the only one.
    "QuadraticDiscriminantAnalysis": {
        "reg_param": _when(_FRACTION, solver=(None, "svd")),
        "shrinkage": _when(_FRACTION, solver=("eigen",), covariance_estimator=(None,)),
    },
    # Kernels
    "SVC": {"C": _C, **_KERNEL, "class_weight": _BALANCE},
    "NuSVC": {"nu": (0.05, 0.6), **_KERNEL},
    "SVR": {"C": _C, **_KERNEL, "epsilon": (1e-3, 1.0, _LOG)},
    "NuSVR": {"C": _C, **_KERNEL, "nu": (0.05, 1.0)},
    "OneClassSVM": {"nu": (0.01, 0.6), **_KERNEL},
    "KernelRidge": {"alpha": (1e-4, 100.0, _LOG), **_KERNEL},
    # Trees and ensembles
    "DecisionTreeClassifier": _TREE | {"ccp_alpha": (0.0, 0.03), "criterion": _IMPURITY},
    "DecisionTreeRegressor": _TREE,
    **dict.fromkeys(("RandomForestClassifier", "ExtraTreesClassifier"), _FOREST_CLASSIFIER),
    **dict.fromkeys(("RandomForestRegressor", "ExtraTreesRegressor"), _FOREST_REGRESSOR),
    **dict.fromkeys(("GradientBoostingClassifier", "GradientBoostingRegressor"), _BOOSTING),
    "HistGradientBoostingClassifier": _HIST_BOOSTING,
    "HistGradientBoostingRegressor": _HIST_BOOSTING,
    "AdaBoostClassifier": _ADABOOST,
    "AdaBoostRegressor": _ADABOOST | {"loss": ["linear", "square", "exponential"]},
    **dict.fromkeys(("BaggingClassifier", "BaggingRegressor"), _BAGGING),
    "CalibratedClassifierCV": {"method": ["sigmoid", "isotonic"]},
    **dict.fromkeys(("LGBMClassifier", "LGBMRegressor"), _LIGHTGBM),
    **dict.fromkeys(("XGBClassifier", "XGBRegressor"), _XGBOOST),
    # Neighbours, networks, naive Bayes
    **dict.fromkeys(("KNeighborsClassifier", "KNeighborsRegressor"), _NEIGHBORS),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _MLP),
    "GaussianNB": {"var_smoothing": (1e-12, 0.1, _LOG)},
    **dict.fromkeys(("MultinomialNB", "BernoulliNB", "CategoricalNB"), _COUNTS),
    "ComplementNB": {"alpha": (0.01, 100.0, _LOG), "norm": _ON_OFF},
    # Transformers
    "PCA": {"n_components": _when((0.5, 0.999), svd_solver=_BY_SHARE), "whiten": _ON_OFF},
    # No more than now: a number above that of the features is an error.
    "TruncatedSVD": {"n_components": lambda params: _around(params["n_components"], 2, up=1)},
    "SelectKBest": {"k": lambda params: _around(params["k"], 1, up=2)},
    "SelectPercentile": {"percentile": (2, 100)},
    "PolynomialFeatures": {"degree": _degree, "interaction_only": _ON_OFF},
    "KBinsDiscretizer": {"n_bins": (2, 20, _LOG), "strategy": ["uniform", "quantile", "kmeans"]},
    "CountVectorizer": _WORDS | {"binary": _ON_OFF},
    "TfidfVectorizer": _WORDS | {"sublinear_tf": _ON_OFF},
    "TfidfTransformer": {"sublinear_tf": _ON_OFF, "use_idf": [True, False]},
    # The other strategies are for columns that may have no mean.
    "SimpleImputer": {"strategy": ["mean", "median"], "add_indicator": _ON_OFF},
}


def _own_spaces(estimator):
    """The alternatives for an estimator alone; None to leave it as it is, with all it holds."""
    for cls in type(estimator).__mro__:
        if cls.__module__.partition(".")[0] in _LIBRARIES and cls.__name__ in _SPACES:
            entry = _SPACES[cls.__name__]
            return None if entry is None else [_suitable(entry, estimator.get_params(deep=False))]
        if cls.__module__ == "skorch.net":
            # Whoever has a net has torch; nobody else is to import it.
            from sksearch.nets.defaults import net_spaces

            return net_spaces(estimator)
    return [{}]


def _suitable(entry, params):
    """What an entry of the table offers, given an estimator's current parameters."""
    found = {}
    for name in filter(params.__contains__, entry):
        space = entry[name](params) if callable(entry[name]) else entry[name]
        if space is not None and _is_offered(space, params[name]):
            found[name] = space.copy() if isinstance(space, list) else space
    return found


def _is_offered(space, current):
    """Whether a space may replace the current value; what the user chose outside it stays."""
    if isinstance(space, tuple):
        # One value per column or target can not become one number for all.
        return isinstance(current, str) or not hasattr(current, "__len__")
    numeric = all(isinstance(value, Real) and not isinstance(value, bool) for value in space)
    return numeric or any(type(current) is type(value) and current == value for value in space)


def _collect(estimator, prefix=""):
    """The alternatives for an estimator and every estimator it holds."""
    own = _own_spaces(estimator)
    if own is None:
        return [{}]
    found = [{prefix + name: value for name, value in space.items()} for space in own]
    # The parts of pipelines, unions and meta-estimators are all parameters by their names.
    for name, part in estimator.get_params(deep=True).items():
        if "__" not in name and hasattr(part, "get_params") and not isinstance(part, type):
            found = [a | b for a in found for b in _collect(part, f"{prefix}{name}__")]
    return found


def default_space(estimator):
    """Propose a search space for an estimator, or for all the parts of a composite one.

    Only what suits the estimator's current parameters is proposed: `degree` for a polynomial kernel
    alone, `l1_ratio` for an elastic net alone. A choice that is not among the usual ones, such as a
    `class_weight` of your own, is left as it is. A skorch net gets one dict per optimizer, with that
    one's own parameters, and what its module's ``__init__`` has of dropout, units and layers.

    Parameters
    ----------
    estimator : estimator object
        A scikit-learn estimator or one derived from it, or a skorch net. Pipelines, column transformers,
        feature unions and meta-estimators are walked into; steps nothing is known about add nothing.

    Returns
    -------
    space : dict, or list of dict if there is a net
        `(low, high)`, `(low, high, "log-uniform")` (integers if both bounds are) or a list of
        categories by parameter name: new, to print, edit and pass as `param_distributions`.

    Raises
    ------
    TypeError
        If it is a class, or no estimator.
    ValueError
        If nothing is known about the estimator nor about any part of it.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVR
    >>> from sksearch.space import default_space
    >>> default_space(make_pipeline(StandardScaler(), SVR(kernel="linear")))
    {'svr__C': (0.001, 1000.0, 'log-uniform'), 'svr__epsilon': (0.001, 1.0, 'log-uniform')}
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise TypeError(
            f"default_space needs an estimator, such as SVC(), got {estimator!r}; pass an instance."
        )
    spaces = _collect(estimator)
    if not any(spaces):
        raise ValueError(
            f"No default search space is known for {type(estimator).__name__} nor for any part of "
            "it: pass `param_distributions`."
        )
    return spaces[0] if len(spaces) == 1 else spaces
