"""The tasks: scikit-learn's small data sets x Bayesmark's models and search spaces.

The ranges are those of Bayesmark (https://github.com/uber/bayesmark, `sklearn_funcs.py`, 2019).
What differs:

- Ranges that Bayesmark warps by a logit are searched uniformly here, since few searchers know that
  scale.
- `normalize` of Lasso and Ridge, and the Boston data, are gone from scikit-learn.
- Bayesmark first holds out a fifth of the data, to measure the generalisation too. Here all data
  are used, in 5 shuffled folds.
- The models' random states are fixed, so that a score is a function of the parameters.

A task is named `dataset-model-metric`, for instance `wine-svm-nll`.
"""

from dataclasses import dataclass, replace

import numpy as np
from sklearn import datasets, ensemble, linear_model, neighbors, neural_network, svm, tree
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

N_FOLDS = 5


@dataclass(frozen=True)
class Real:
    """A float in [low, high], uniform or log-uniform."""

    name: str
    low: float
    high: float
    log: bool = False

    def sample(self, rng):
        if self.log:
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class Integer:
    """An integer in [low, high], both included, uniform or log-uniform."""

    name: str
    low: int
    high: int
    log: bool = False

    def sample(self, rng):
        # Half a unit beyond both ends, so that the end points are as likely as their neighbours.
        low, high = self.low - 0.5, self.high + 0.5
        value = np.exp(rng.uniform(np.log(low), np.log(high))) if self.log else rng.uniform(low, high)
        return int(np.clip(round(value), self.low, self.high))


@dataclass(frozen=True)
class Category:
    """One of a few unordered choices."""

    name: str
    choices: tuple

    def sample(self, rng):
        return self.choices[int(rng.uniform(0, len(self.choices)))]


@dataclass(frozen=True)
class Task:
    """What every searcher is given. Of the score, greater is better; the folds are index pairs."""

    name: str
    estimator: object
    space: tuple
    X: np.ndarray
    y: np.ndarray
    scoring: str
    splits: list


KNN = (Integer("n_neighbors", 1, 25), Integer("p", 1, 4))
SVM = (
    Real("C", 1.0, 1e3, log=True),
    Real("gamma", 1e-4, 1e-3, log=True),
    Real("tol", 1e-5, 1e-1, log=True),
)
TREE = (
    Integer("max_depth", 1, 15),
    Real("min_samples_split", 0.01, 0.99),  # logit in Bayesmark
    Real("min_samples_leaf", 0.01, 0.49),  # logit
    Real("min_weight_fraction_leaf", 0.01, 0.49),  # logit
    Real("max_features", 0.01, 0.99),  # logit
    Real("min_impurity_decrease", 0.0, 0.5),
)
MLP = (
    Integer("hidden_layer_sizes", 50, 200),
    Real("alpha", 1e-5, 1e1, log=True),
    Integer("batch_size", 10, 250),
    Real("learning_rate_init", 1e-5, 1e-1, log=True),
    Real("tol", 1e-5, 1e-1, log=True),
    Real("validation_fraction", 0.1, 0.9),  # logit
)
MLP_ADAM = (
    *MLP,
    Real("beta_1", 0.5, 0.99),  # logit
    Real("beta_2", 0.9, 1.0 - 1e-6),  # logit
    Real("epsilon", 1e-9, 1e-6, log=True),
)
MLP_SGD = (
    *MLP,
    Real("power_t", 0.1, 0.9),  # logit
    Real("momentum", 0.001, 0.999),  # logit
)
ADA = (Integer("n_estimators", 10, 100), Real("learning_rate", 1e-4, 1e1, log=True))
LOGISTIC = (
    Real("C", 1e-2, 1e2, log=True),
    Real("intercept_scaling", 1e-2, 1e2, log=True),
)
# Bayesmark's `normalize` was removed from scikit-learn 1.2.
RIDGE = (
    Real("alpha", 1e-2, 1e2, log=True),
    Category("fit_intercept", (False, True)),
    Integer("max_iter", 10, 5000, log=True),
    Real("tol", 1e-4, 1e-1, log=True),
)
LASSO = (
    Real("alpha", 1e-2, 1e2, log=True),
    Category("fit_intercept", (False, True)),
    Integer("max_iter", 10, 5000, log=True),
    Real("tol", 1e-5, 1e-1, log=True),
    Category("positive", (False, True)),
)


def _logistic(l1):
    # Since scikit-learn 1.8 `l1_ratio` replaces `penalty`, and liblinear refuses several classes:
    # Bayesmark's `multi_class="ovr"` becomes a wrapper.
    new = linear_model.LogisticRegression().penalty == "deprecated"
    penalty = {"l1_ratio": float(l1)} if new else {"penalty": "l1" if l1 else "l2"}
    return OneVsRestClassifier(linear_model.LogisticRegression(solver="liblinear", **penalty))


def _svc(metric):
    # Bayesmark's `probability=True` is deprecated; this calibrates as it did, by 5 inner folds.
    # Accuracy needs no probabilities, and is that of the bare SVC there too.
    return svm.SVC() if metric == "acc" else CalibratedClassifierCV(svm.SVC(), ensemble=False)


_SGD = {"solver": "sgd", "early_stopping": True, "learning_rate": "invscaling"}
_ADAM = {"solver": "adam", "early_stopping": True}

# model name: (maker of the estimator given the metric, space)
CLASSIFIERS = {
    "knn": (lambda metric: neighbors.KNeighborsClassifier(), KNN),
    "svm": (_svc, SVM),
    "dt": (lambda metric: tree.DecisionTreeClassifier(), TREE),
    "rf": (lambda metric: ensemble.RandomForestClassifier(n_estimators=10), TREE),
    "ada": (lambda metric: ensemble.AdaBoostClassifier(), ADA),
    "lasso": (lambda metric: _logistic(l1=True), LOGISTIC),
    "linear": (lambda metric: _logistic(l1=False), LOGISTIC),
    "mlp-adam": (lambda metric: neural_network.MLPClassifier(**_ADAM), MLP_ADAM),
    "mlp-sgd": (lambda metric: neural_network.MLPClassifier(**_SGD), MLP_SGD),
}
REGRESSORS = {
    "knn": (lambda metric: neighbors.KNeighborsRegressor(), KNN),
    "svm": (lambda metric: svm.SVR(), SVM),
    "dt": (lambda metric: tree.DecisionTreeRegressor(), TREE),
    "rf": (lambda metric: ensemble.RandomForestRegressor(n_estimators=10), TREE),
    "ada": (lambda metric: ensemble.AdaBoostRegressor(), ADA),
    "lasso": (lambda metric: linear_model.Lasso(), LASSO),
    "linear": (lambda metric: linear_model.Ridge(), RIDGE),
    "mlp-adam": (lambda metric: neural_network.MLPRegressor(**_ADAM), MLP_ADAM),
    "mlp-sgd": (lambda metric: neural_network.MLPRegressor(activation="tanh", **_SGD), MLP_SGD),
}
SCORINGS = {"nll": "neg_log_loss", "acc": "accuracy", "mse": "neg_mean_squared_error"}

# data set: (loader, models, metrics)
DATASETS = {
    "iris": (datasets.load_iris, CLASSIFIERS, ("nll", "acc")),
    "wine": (datasets.load_wine, CLASSIFIERS, ("nll", "acc")),
    "breast_cancer": (datasets.load_breast_cancer, CLASSIFIERS, ("nll", "acc")),
    "digits": (datasets.load_digits, CLASSIFIERS, ("nll", "acc")),
    "diabetes": (datasets.load_diabetes, REGRESSORS, ("mse",)),
}


def task_names():
    """List the names of all tasks."""
    return [
        f"{dataset}-{model}-{metric}"
        for dataset, (_, models, metrics) in DATASETS.items()
        for model in models
        for metric in metrics
    ]


def make_task(name, seed, *, scale=False, blind_start=False, n_folds=N_FOLDS):
    """Load one task.

    Parameters
    ----------
    name : str
        One of `task_names()`.
    seed : int
        Seeds the folds and the estimator: a task with another seed is another objective.
    scale : bool, default=False
        Standardise the features first. Bayesmark does not, for these data.
    blind_start : bool, default=False
        Draw the estimator's own values of the tuned parameters at random from the space, so that
        a searcher which tries them first gains nothing by it.
    n_folds : int, default=5
    """
    dataset, rest = name.split("-", 1)
    model, metric = rest.rsplit("-", 1)
    loader, models, _ = DATASETS[dataset]
    make_estimator, space = models[model]
    X, y = loader(return_X_y=True)

    estimator, prefix = make_estimator(metric), ""
    if isinstance(estimator, CalibratedClassifierCV | OneVsRestClassifier):
        prefix = "estimator__"
    if scale:
        estimator = Pipeline([("scale", StandardScaler()), ("model", estimator)])
        prefix = "model__" + prefix
    space = tuple(replace(dimension, name=prefix + dimension.name) for dimension in space)

    random_states = [key for key in estimator.get_params() if key.endswith("random_state")]
    estimator.set_params(**dict.fromkeys(random_states, seed))
    if blind_start:
        # A stream of its own, or the start would be the first draw of the random searcher.
        rng = np.random.default_rng([seed, 1])
        estimator = clone(estimator).set_params(**{d.name: d.sample(rng) for d in space})

    folds = StratifiedKFold if models is CLASSIFIERS else KFold
    splits = list(folds(n_folds, shuffle=True, random_state=seed).split(X, y))
    return Task(name, estimator, space, X, y, SCORINGS[metric], splits)
