"""Which classifier, with which parameters of its own? A conditional space, against Optuna's TPE and random.

    python examples/benchmarks/conditional.py --seeds 5 --n-jobs 2

Four classifiers with two to four parameters each share one budget. sksearch gets a list of dicts, Optuna its
native conditions (the classifier is suggested first, then that classifier's parameters only).
"""

import argparse
import contextlib
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from joblib import Parallel, delayed
from metrics import best_so_far, interval, mean_ranks, normalised_regret, paired_bootstrap
from quasi_random import QuasiRandomSearchCV
from sklearn import datasets
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksearch import BayesSearchCV

MODELS = {
    "svc": (
        make_pipeline(StandardScaler(), SVC()),
        {
            "svc__C": (1e-3, 1e3, "log-uniform"),
            "svc__gamma": (1e-5, 1e1, "log-uniform"),
            "svc__kernel": ["rbf", "poly", "sigmoid"],
        },
    ),
    "knn": (
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        {
            "kneighborsclassifier__n_neighbors": (1, 40),
            "kneighborsclassifier__p": (1, 3),
            "kneighborsclassifier__weights": ["uniform", "distance"],
        },
    ),
    "logistic": (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        {
            "logisticregression__C": (1e-4, 1e3, "log-uniform"),
            "logisticregression__class_weight": [None, "balanced"],
        },
    ),
    "tree": (
        DecisionTreeClassifier(random_state=0),
        {
            "max_depth": (1, 20),
            "min_samples_leaf": (1, 40, "log-uniform"),
            "max_features": (0.1, 1.0),
            "criterion": ["gini", "entropy"],
        },
    ),
}


def _noisy(n_informative, class_sep, seed):
    return datasets.make_classification(
        300, 15, n_informative=n_informative, n_classes=3, flip_y=0.1, class_sep=class_sep, random_state=seed
    )


def _digits():
    X, y = datasets.load_digits(return_X_y=True)
    return X[:400], y[:400]


DATA = {
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "digits, 400 rows": _digits,
    "few informative": lambda: _noisy(4, 0.8, 0),
    "many informative": lambda: _noisy(10, 0.6, 1),
}


def evaluate(model, X, y, splits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cross_val_score(model, X, y, cv=splits, scoring="balanced_accuracy").mean()


class Alternatives:
    """The objective: mean score over the folds of a classifier and its parameters."""

    def __init__(self, data, seed):
        self.X, self.y = DATA[data]()
        self.splits = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(self.X, self.y))

    def __call__(self, name, params):
        return evaluate(clone(MODELS[name][0]).set_params(**params), self.X, self.y, self.splits)


def by_sksearch(searcher, objective, n_iter, seed):
    from sklearn.pipeline import Pipeline

    space = [
        {"model": [estimator]} | {f"model__{name}": value for name, value in params.items()}
        for estimator, params in MODELS.values()
    ]
    search = searcher(
        Pipeline([("model", MODELS["svc"][0])]),
        space,
        n_iter=n_iter,
        scoring="balanced_accuracy",
        cv=objective.splits,
        refit=False,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(objective.X, objective.y)
    return search.cv_results_["mean_test_score"]


def by_optuna(objective, n_iter, seed):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def suggest(trial, model, name, values):
        key = f"{model}.{name}"
        if isinstance(values, list):
            return trial.suggest_categorical(key, values)
        low, high, *prior = values
        if isinstance(low, int):
            return trial.suggest_int(key, low, high, log=bool(prior))
        return trial.suggest_float(key, low, high, log=bool(prior))

    def score(trial):
        model = trial.suggest_categorical("model", list(MODELS))
        return objective(model, {k: suggest(trial, model, k, v) for k, v in MODELS[model][1].items()})

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(score, n_trials=n_iter)
    return [trial.value for trial in study.trials]


def compare(data, seed, n_iter):
    objective = Alternatives(data, seed)
    scores = {
        "bayes": by_sksearch(BayesSearchCV, objective, n_iter, seed),
        "random": by_sksearch(QuasiRandomSearchCV, objective, n_iter, seed),
    }
    with contextlib.suppress(ImportError):
        scores["optuna-tpe"] = by_optuna(objective, n_iter, seed)
    curves = {name: best_so_far(values, n_iter) for name, values in scores.items()}
    return normalised_regret(curves, scores["random"]), {name: curve[-1] for name, curve in curves.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=60)
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    jobs = [(data, seed) for data in DATA for seed in seeds]
    rows = Parallel(n_jobs=options.n_jobs)(delayed(compare)(*job, options.n_iter) for job in jobs)
    names = list(rows[0][0])
    print(f"4 classifiers, {len(DATA)} data sets x {options.seeds} seeds: mean normalised regret")
    marks = [n for n in (20, 40, options.n_iter) if n <= options.n_iter]
    ranks = mean_ranks(np.array([[row[1][name] for row in rows] for name in names]))
    print(f"{'':12s}", *(f"{f'at {n}':>22s}" for n in marks), "  rank")
    regrets = np.array([[row[0][name][[n - 1 for n in marks]] for row in rows] for name in names])
    low, high = zip(*(paired_bootstrap(regrets[:, :, i]) for i in range(len(marks))), strict=True)
    for j, name in enumerate(names):
        cells = [
            f"{regrets[j, :, i].mean():.3f} [{low[i][j]:.3f}, {high[i][j]:.3f}]" for i in range(len(marks))
        ]
        print(f"{name:12s}", *(f"{cell:>22s}" for cell in cells), f"  {ranks[j]:.2f}")
    for j, name in enumerate(names[1:], 1):
        print(f"bayes - {name}:", *(interval(difference) for difference in (regrets[0] - regrets[j]).T))


if __name__ == "__main__":
    main()
