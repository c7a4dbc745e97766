"""How exact the derivatives of SVR are, against a reference from its own fits that is worth the name.

    python examples/benchmarks/support_vectors.py

libsvm rounds kernels to single precision, and the loss of its fits is rough at every step: a difference of
two fits measures that, or, with a longer step, the kinks where samples become or cease to be support vectors,
or meet a bound. So the reference is the slope of a cubic through 41 fits with tol=1e-10, in the longest
window, out of six from 3 % to 0.01 % of the parameter to both sides, in which none of these fits has other
samples inside the tube, free or at a bound than another. Residuals give the reference's own standard error.

Printed are quantiles, over data sets, splits and values of C, epsilon and gamma, of the relative error of
the derivative of 1 - r2 on validation samples, taken from a fit with the default tolerance; of the standard
error of the reference; of the error as a multiple of that; of the error where the standard error is at most
1e-3, so that there is something to compare with; and of the error against a plain central difference, with a
step of 1e-4.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

from itertools import product

import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1, make_regression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sksearch.hypergradients import Hypergradient

N_FITS = 41
WINDOWS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
QUANTILES = (0.25, 0.5, 0.75, 0.9, 1.0)
DATA = {
    "diabetes": lambda seed: load_diabetes(return_X_y=True),
    "friedman1": lambda seed: make_friedman1(400, noise=1.0, random_state=seed),
    "linear": lambda seed: make_regression(400, 10, noise=30.0, random_state=seed),
}
GRID = {"C": (0.3, 3.0, 30.0), "epsilon": (0.05, 0.2), "gamma": (0.01, 0.05)}


def load(name, seed):
    """Return training and validation samples, with a target of unit variance."""
    X, y = DATA[name](seed)
    y = (y - y.mean()) / y.std()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1 / 3, random_state=seed)
    scaler = StandardScaler().fit(X_train)
    return scaler.transform(X_train), y_train, scaler.transform(X_test), y_test


def refit(params, fold):
    """Return the loss of a converged fit, and on which side or bound each sample is."""
    X_train, y_train, X_test, y_test = fold
    model = SVR(**params, tol=1e-10, cache_size=500).fit(X_train, y_train)
    coefficients = np.zeros(len(y_train))
    coefficients[model.support_] = model.dual_coef_[0]
    places = np.sign(coefficients) * (1 + (np.abs(coefficients) >= params["C"] * (1 - 1e-7)))
    return 1 - model.score(X_test, y_test), places


def reference(params, name, fold):
    """Return the slope by a parameter and its standard error; None where no window is without a kink."""
    for window in WINDOWS:
        losses, first = [], None
        # Both ends first: most kinks show there.
        positions = np.linspace(-1, 1, N_FITS)[[0, -1, *range(1, N_FITS - 1)]]
        for position in positions:
            loss, places = refit(params | {name: params[name] * np.exp(window * position)}, fold)
            first = places if first is None else first
            if (places != first).any():
                break
            losses.append(loss)
        else:
            powers = np.vander(positions, 4, increasing=True)
            cubic = np.linalg.lstsq(powers, losses, rcond=None)[0]
            residuals = losses - powers @ cubic
            variance = residuals @ residuals / (N_FITS - 4) * np.linalg.inv(powers.T @ powers)[1, 1]
            return cubic[1] / window / params[name], np.sqrt(variance) / window / params[name]
    return None


def compare(params, name, fold):
    """Return the errors of the derivative against both references, and the standard error of the better."""
    slope = Hypergradient(SVR(), [name], None)(SVR(**params).fit(*fold[:2]), *fold)[1][name]
    ends = [refit(params | {name: params[name] * factor}, fold)[0] for factor in (1 + 1e-4, 1 - 1e-4)]
    plain = abs(slope / ((ends[0] - ends[1]) / (2e-4 * params[name])) - 1)
    found = reference(params, name, fold)
    if found is None:
        return np.nan, np.nan, plain
    return abs(slope / found[0] - 1), found[1] / abs(found[0]), plain


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--names", nargs="+", choices=list(GRID), default=["gamma"])
    args = parser.parse_args()
    settings = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    print(f"{'quantiles':>34}", *(f"{q:>8g}" for q in QUANTILES))
    for name in args.names:
        folds = [load(data, seed) for data, seed in product(DATA, range(args.seeds))]
        rows = np.array([compare(params, name, fold) for fold, params in product(folds, settings)])
        error, spread, plain = rows.T
        smooth = ~np.isnan(error)
        clear = spread <= 1e-3
        for label, values in {
            f"error, {smooth.sum()} of {len(rows)}": error[smooth],
            "standard error": spread[smooth],
            "error / standard error": (error / spread)[smooth],
            f"error where clear, {clear.sum()}": error[clear],
            "against a plain difference": plain,
        }.items():
            cells = (f"{value:8.1e}" for value in np.quantile(values, QUANTILES))
            print(f"{name:>7} {label:>26}", *cells, flush=True)


if __name__ == "__main__":
    main()
