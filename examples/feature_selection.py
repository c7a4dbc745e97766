"""Select columns and tune the model at once: breast cancer and 100 columns of noise.

    python examples/feature_selection.py --fits 1000 --seeds 3

`GeneticSearchCV` tunes the mask of `ColumnMask` and the penalty of the model together; "OneStandardError" is
the same search, with the winner of the fewest columns within a standard error of the best. Beside it stand
`RFECV`, with as many fits as it needs, and sklearn-genetic-opt's `GAFeatureSelectionCV`, where it is
installed, with as many fits. Each winner is scored once more, on other folds of the same rows.
"""

import argparse
import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded: the fits are small

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksearch import GeneticSearchCV, OneStandardError
from sksearch.space import ColumnMask, Subset

N_NOISE = 100
SCORING = "roc_auc"


def make_data(seed):
    X, y = load_breast_cancer(return_X_y=True)
    noise = np.random.default_rng(seed).standard_normal((len(X), N_NOISE))
    return StandardScaler().fit_transform(np.hstack([X, noise])), y


def count_columns(params):
    return sum(params["columnmask__mask"])


def sksearch_simplest(X, y, cv, n_fits, seed):
    return sksearch_genetic(X, y, cv, n_fits, seed, refit=OneStandardError(simplicity=count_columns))


def sksearch_genetic(X, y, cv, n_fits, seed, refit=True):
    space = {
        "columnmask__mask": Subset(X.shape[1]),
        "logisticregression__C": (1e-3, 1e3, "log-uniform"),
    }
    search = GeneticSearchCV(
        make_pipeline(ColumnMask(), LogisticRegression(solver="liblinear")),
        space,
        n_iter=n_fits // cv.get_n_splits(),
        scoring=SCORING,
        cv=cv,
        refit=refit,
        random_state=seed,
    ).fit(X, y)
    C = search.best_params_["logisticregression__C"]
    return np.array(search.best_params_["columnmask__mask"]), C, search.best_score_, n_fits


def recursive_elimination(X, y, cv, n_fits, seed):
    search = RFECV(LogisticRegression(solver="liblinear"), cv=cv, scoring=SCORING).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    return search.support_, 1.0, scores.max(), cv.get_n_splits() * len(scores)


def sklearn_genetic(X, y, cv, n_fits, seed):
    import random

    from sklearn_genetic import GAFeatureSelectionCV

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    population = 20
    search = GAFeatureSelectionCV(
        LogisticRegression(solver="liblinear"),
        cv=cv,
        scoring=SCORING,
        population_size=population,
        # It evaluates twice its population in each generation.
        generations=max(1, (n_fits // cv.get_n_splits() - population) // (2 * population)),
        verbose=False,
    ).fit(X, y)
    n_evaluated = len(search.fitness_cache)
    support = np.asarray(search.support_, bool)
    score = cross_val_score(LogisticRegression(solver="liblinear"), X[:, support], y, cv=cv, scoring=SCORING)
    return support, 1.0, score.mean(), cv.get_n_splits() * n_evaluated


SELECTORS = {
    "GeneticSearchCV": sksearch_genetic,
    "OneStandardError": sksearch_simplest,
    "RFECV": recursive_elimination,
    "GAFeatureSelectionCV": sklearn_genetic,
}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--selectors", nargs="+", choices=SELECTORS, default=list(SELECTORS))
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    print(f"{SCORING}, mean of {options.seeds} seeds")
    print(f"{'':22s}{'fits':>8s}{'noise left':>12s}{'kept':>6s}{'score':>9s}{'other folds':>13s}{'s':>7s}")
    for name in options.selectors:
        rows = []
        for seed in range(options.seeds):
            X, y = make_data(seed)
            cv = StratifiedKFold(5, shuffle=True, random_state=seed)
            other_folds = StratifiedKFold(5, shuffle=True, random_state=1000 + seed)
            start = time.perf_counter()
            try:
                support, C, score, n_fits = SELECTORS[name](X, y, cv, options.fits, seed)
            except ImportError as error:
                print(f"{name:22s}skipped: {error}")
                break
            seconds = time.perf_counter() - start
            model = LogisticRegression(C=C, solver="liblinear")
            other = cross_val_score(model, X[:, support], y, cv=other_folds, scoring=SCORING).mean()
            rows.append([n_fits, support[-N_NOISE:].sum(), support.sum(), score, other, seconds])
        else:
            fits, left, kept, score, other, seconds = np.mean(rows, axis=0)
            print(f"{name:22s}{fits:8.0f}{left:12.1f}{kept:6.1f}{score:9.4f}{other:13.4f}{seconds:7.1f}")


if __name__ == "__main__":
    main()
