"""What each part of the Bayesian optimizer brings: regret with it taken out.

    python examples/benchmarks/ablation.py --seeds 5 --n-jobs 2

The tasks are those of `bayesmark.py`, with a blind start unless the variant says otherwise.
"""

import argparse
import os
import sys
import warnings
from unittest.mock import patch

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from joblib import Parallel, delayed
from metrics import best_so_far, interval, mean_ranks, normalised_regret
from searchers import SEARCHERS
from tasks import make_task

from sksearch.optimizers import bayesian
from sksearch.optimizers.acquisition import UpperConfidenceBound
from sksearch.optimizers.gp import GaussianProcess

TASKS = [
    "iris-dt-nll",
    "iris-ada-nll",
    "iris-svm-nll",
    "iris-knn-acc",
    "wine-svm-nll",
    "wine-lasso-nll",
    "wine-linear-acc",
    "diabetes-dt-mse",
    "diabetes-svm-mse",
    "diabetes-lasso-mse",
    "breast_cancer-knn-nll",
    "breast_cancer-dt-nll",
]


def plain_scale(values, noise):
    """Mean 0 and variance 1, failures last, no stretching."""
    finite = np.isfinite(values)
    center, spread = values[finite].mean(), values[finite].std()
    y = np.where(finite, (values - center) / spread, (values[finite].min() - center) / spread)
    return y, noise / spread**2, ~finite


class VaguePrior(GaussianProcess):
    """Hyperparameters from the likelihood nearly alone."""

    def __init__(self, space):
        super().__init__(space)
        self._prior_std = 4.0 * self._prior_std


VARIANTS = {
    "all parts": {},
    "no sampled proposals": {"_SAMPLED": sys.maxsize},
    "sampled proposals only": {"_SAMPLED": 1},
    "scores not stretched": {"standardize": plain_scale},
    "vague priors": {"GaussianProcess": VaguePrior},
    "upper confidence bound": {"ACQUISITIONS": {"log-ei": UpperConfidenceBound}},
    "own parameters first": {},
}


def scores_of(variant, name, seed, n_iter):
    searcher = variant if variant in SEARCHERS else "bayes"
    task = make_task(name, seed, blind_start=variant != "own parameters first")
    with warnings.catch_warnings(), patch.dict(vars(bayesian), VARIANTS.get(variant, {})):
        warnings.simplefilter("ignore")
        return SEARCHERS[searcher].search(task, n_iter, seed).scores


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-iter", type=int, default=50)
    parser.add_argument("--n-jobs", type=int, default=1)
    options = parser.parse_args()
    names = [*VARIANTS, "random"]
    pairs = [(t, options.first_seed + s) for t in TASKS for s in range(options.seeds)]
    runs = [(name, task, seed) for task, seed in pairs for name in names]
    found = Parallel(n_jobs=options.n_jobs, batch_size=1)(
        delayed(scores_of)(*run, options.n_iter) for run in runs
    )
    scores = dict(zip(runs, found, strict=True))
    marks = [n - 1 for n in (10, 20, options.n_iter)]
    regrets, finals = [], []
    for pair in pairs:
        curves = {name: best_so_far(scores[name, *pair], options.n_iter) for name in names}
        regret = normalised_regret(curves, scores["random", *pair])
        regrets.append([regret[name][marks] for name in names])
        finals.append([curves[name][-1] for name in names])
    regrets = np.transpose(regrets, (1, 0, 2))
    ranks = mean_ranks(np.transpose(finals))
    print(f"{len(TASKS)} tasks x {options.seeds} seeds, mean normalised regret")
    print(
        f"{'':24s}",
        *(f"{f'at {n + 1}':>7s}" for n in marks),
        "   rank  minus all parts, at 20 and at the end",
    )
    for name, regret, rank in zip(names, regrets, ranks, strict=True):
        cells = [interval((regret - regrets[0])[:, i]) for i in (1, 2)]
        print(f"{name:24s}", *(f"{v:7.3f}" for v in regret.mean(axis=0)), f"  {rank:.2f} ", *cells)


if __name__ == "__main__":
    main()
