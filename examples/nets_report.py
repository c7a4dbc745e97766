"""What the examples with networks share: tune by several searchers, and compare with the untuned net."""

import argparse
import os
import time

import numpy as np
import torch
from sklearn.base import clone
from sklearn.metrics import check_scoring
from skorch.dataset import ValidSplit

from sksearch.nets import diagnose, plot_curves

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def arguments(description, n_iter, epochs):
    """Parse the command line, with these defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--n-iter", type=int, default=n_iter, help="candidates per search")
    parser.add_argument("--epochs", type=int, default=epochs, help="epochs of a complete candidate")
    jobs = 1 if DEVICE == "cuda" else min(2, os.cpu_count())
    parser.add_argument("--n-jobs", type=int, default=jobs, help="fits in parallel")
    parser.add_argument("--plot", metavar="FILE", help="save the curves of the nets as a picture")
    torch.set_num_threads(1)
    return parser.parse_args()


def show(value):
    if isinstance(value, type):
        return value.__name__
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def curves(model, prefix, X, y):
    """Train once more, with a fifth of the data for validation; return the history."""
    torch.manual_seed(0)
    split = ValidSplit(0.2, stratified=True, random_state=0)
    model = clone(model).set_params(**{f"{prefix}train_split": split}).fit(X, y)
    return (model[-1] if prefix else model).history


def compare(untuned, searches, train, test, prefix="", plot=None):
    """Print held-out scores before and after tuning, what was found, and what the curves say.

    Parameters
    ----------
    untuned : estimator
        A net, or a pipeline that ends in one.
    searches : dict of str to search
    train, test : (X, y)
    prefix : str, default=""
        Of the net's parameters.
    plot : str, default=None
        File for a picture of the curves.
    """
    torch.manual_seed(0)
    begin = time.perf_counter()
    print(f"{'':16}{'CV score':>9}{'held out':>10}{'seconds':>9}{'epochs of all fits':>20}")
    scorer = check_scoring(untuned, next(iter(searches.values())).scoring)
    score = scorer(untuned.fit(*train), *test)
    print(f"{'untuned':16}{'':>9}{score:>10.4f}{time.perf_counter() - begin:>9.1f}", flush=True)
    histories = {"untuned": curves(untuned, prefix, *train)}
    for name, search in searches.items():
        begin = time.perf_counter()
        search.fit(*train)
        seconds = time.perf_counter() - begin
        n_epochs = round(search.n_splits_ * np.nansum(search.cv_results_["mean_n_epochs"]))
        print(
            f"{name:16}{search.best_score_:>9.4f}{search.score(*test):>10.4f}{seconds:>9.1f}{n_epochs:>20}",
            flush=True,
        )
        histories[name] = curves(search.best_estimator_, prefix, *train)
    for name, search in searches.items():
        n_dropped = sum(search.cv_results_["status"] == "stopped")
        print(f"\n{name}, candidate {search.best_index_}, {n_dropped} dropped early:")
        for parameter, value in search.best_params_.items():
            print(f"    {parameter} = {show(value)}")
    print()
    for name, history in histories.items():
        print(f"{name}: {diagnose(history)}")
    if plot:
        plot_curves(histories).figure.savefig(plot, dpi=120)
