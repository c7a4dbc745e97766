"""Regret, rank and their uncertainty. Scores are greater-is-better; curves are best-so-far scores.

Everything is done within an instance, a (task, seed) pair, since another seed means other folds and
thus another objective.
"""

import numpy as np
from scipy.stats import rankdata


def best_so_far(scores, n_iter):
    """Return the running maximum of `scores`, of shape (n_iter,).

    Failed candidates (NaN) improve nothing: before the first success it is -inf. A search that
    ended early keeps its last value.
    """
    # Libraries average the folds in different ways: a difference in the last digits is a tie.
    scores = np.array([float(f"{score:.10g}") for score in scores[:n_iter]])
    curve = np.full(n_iter, -np.inf)
    if len(scores):
        running = np.maximum.accumulate(np.where(np.isfinite(scores), scores, -np.inf))
        curve[: len(scores)] = running
        curve[len(scores) :] = running[-1]
    return curve


def normalised_regret(curves, random_scores):
    """Scale the curves of one instance to regrets in [0, 1].

    regret = (best known - best so far) / (best known - median of random search's candidates),
    clipped to [0, 1]. `best known` is the best score that any of the searchers found here.

    Parameters
    ----------
    curves : dict of str -> ndarray of shape (n_iter,)
        Of each searcher, what `best_so_far` returns.
    random_scores : array-like
        Scores of the candidates of random search, NaN where they failed.

    Returns
    -------
    regrets : dict of str -> ndarray of shape (n_iter,)
    """
    best_known = max(curve[-1] for curve in curves.values())
    random_scores = np.asarray(random_scores, dtype=float)
    random_scores = random_scores[np.isfinite(random_scores)]
    if not np.isfinite(best_known):  # nobody had a success
        return {name: np.ones_like(curve) for name, curve in curves.items()}
    scale = best_known - np.median(random_scores) if len(random_scores) else 0.0
    # At least half of the random candidates are as good as the best: a step replaces the slope.
    if scale <= 1e-12 * max(1.0, abs(best_known)):
        return {name: (curve < best_known).astype(float) for name, curve in curves.items()}
    return {name: np.clip((best_known - curve) / scale, 0, 1) for name, curve in curves.items()}


def mean_ranks(finals):
    """Rank the searchers on each instance, 1 is best and ties share, and average.

    Parameters
    ----------
    finals : ndarray of shape (n_searchers, n_instances)
        Final best scores, -inf for a search without any success.

    Returns
    -------
    ranks : ndarray of shape (n_searchers,)
    """
    return rankdata(-finals, axis=0).mean(axis=1)


def paired_bootstrap(values, n_resamples=2000, seed=0):
    """Compute 95 % percentile intervals of means over instances.

    Each resample draws the same instances for every row, so that intervals of differences between
    rows are paired.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_instances)
        Any quantity of each row on each instance.
    n_resamples : int, default=2000
        Number of bootstrap resamples.
    seed : int, default=0
        Seeds the resampling.

    Returns
    -------
    low, high : ndarrays of shape (n_rows,)
    """
    n_instances = values.shape[1]
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_instances, np.full(n_instances, 1 / n_instances), size=n_resamples)
    means = values @ counts.T / n_instances
    return np.percentile(means, [2.5, 97.5], axis=1)


def interval(values):
    """Write the mean of values over instances, with its 95 % bootstrap interval."""
    low, high = paired_bootstrap(np.asarray(values, float)[None])
    return f"{np.mean(values):+.3f} [{low[0]:+.3f}, {high[0]:+.3f}]"


def candidates_to_reach(curve, target):
    """Count the candidates until `curve` is at least `target`; infinity if it never is."""
    reached = np.flatnonzero(curve >= target)
    return float(reached[0] + 1) if len(reached) else np.inf
