"""Two pictures of a Bayesian search: what its model believes, and where it looks.

    python examples/bayes_pictures.py FOLDER          # writes model.png and proposals.png there

Both are of a support vector machine on 200 rows of breast_cancer.
"""

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sksearch import BayesSearchCV
from sksearch.execution import Rounds

X, y = load_breast_cancer(return_X_y=True)
X, y = X[:200], y[:200]
pipeline = make_pipeline(StandardScaler(), SVC())


def picture_of_the_model():
    """One parameter: the scores seen, the model's mean and two standard deviations, the truth."""
    search = BayesSearchCV(
        pipeline, {"svc__gamma": (1e-5, 1e1, "log-uniform")}, n_iter=8, cv=5, refit=False, random_state=0
    ).fit(X, y)
    gamma = np.logspace(-5, 1, 120).clip(1e-5, 1e1)  # rounding must not leave the range
    models = [clone(pipeline).set_params(svc__gamma=g) for g in gamma]
    truth = [cross_val_score(model, X, y, cv=5).mean() for model in models]
    mean, std = search.optimizer_.predict([{"svc__gamma": g} for g in gamma])
    seen = search.cv_results_

    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    axes.plot(gamma, truth, color="0.6", label="score of every gamma (120 x 5 fits)")
    axes.plot(gamma, mean, color="C0", label="mean of the model")
    axes.fill_between(gamma, mean - 2 * std, mean + 2 * std, color="C0", alpha=0.15, lw=0, label="± 2 std")
    axes.plot(seen["param_svc__gamma"].astype(float), seen["mean_test_score"], "ko", label="8 candidates")
    axes.set(xscale="log", xlabel="svc__gamma", ylabel="mean test score", ylim=(0.4, 1.05))
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=4)
    return figure


def picture_of_the_proposals():
    """Two parameters: where the candidates fell, by the way they were found, over the model's mean."""
    n_iter, n_initial = 40, 4
    search = BayesSearchCV(
        pipeline,
        {"svc__C": (1e-2, 1e3, "log-uniform"), "svc__gamma": (1e-5, 1e1, "log-uniform")},
        n_iter=n_iter,
        n_initial_points=n_initial,
        cv=5,
        refit=False,
        random_state=0,
        executor=Rounds(n_points=1),
    ).fit(X, y)
    C = np.logspace(-2, 3, 40).clip(1e-2, 1e3)
    gamma = np.logspace(-5, 1, 40).clip(1e-5, 1e1)
    grid = [{"svc__C": c, "svc__gamma": g} for g in gamma for c in C]
    mean = search.optimizer_.predict(grid)[0].reshape(40, 40)

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    levels = np.linspace(0.5, 1, 21)
    shades = axes.contourf(C, gamma, mean, levels=levels, extend="min", cmap="Greys", alpha=0.7)
    figure.colorbar(shades, label="mean of the model", ticks=levels[::4])
    turn = np.arange(n_iter)
    kinds = {
        "Sobol points": turn < n_initial,  # the space holds no gamma="scale", the pipeline's own
        "drawn like the better ones": (turn >= n_initial) & (turn % 2 == 0),
        "maximum of the acquisition": (turn >= n_initial) & (turn % 2 == 1),
    }
    params = search.cv_results_["params"]
    for (label, rows), marker in zip(kinds.items(), "sXo", strict=True):
        at = [(params[i]["svc__C"], params[i]["svc__gamma"]) for i in np.flatnonzero(rows)]
        axes.plot(*np.transpose(at), marker, ls="", mec="white", label=label, clip_on=False)
    best = search.best_params_
    axes.plot(best["svc__C"], best["svc__gamma"], "*", color="gold", mec="black", ms=14, label="best")
    axes.set(xscale="log", yscale="log", xlabel="svc__C", ylabel="svc__gamma")
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=4)
    return figure


if "sphinx" in sys.modules:  # the user guide shows the figures themselves
    picture_of_the_model()
    picture_of_the_proposals()
else:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where to write the pictures")
    folder = parser.parse_args().folder
    picture_of_the_model().savefig(folder / "model.png", dpi=120)
    picture_of_the_proposals().savefig(folder / "proposals.png", dpi=120)
