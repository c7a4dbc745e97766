"""Several objectives at once: which points no other one dominates, and what they are worth together.

A point dominates another one if it is at least as good in every objective and better in one. Larger is
better throughout; a failure is a row of -inf, which every other row dominates.
"""

import numpy as np


def non_dominated(values):
    """Say which rows no other row dominates.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        Larger is better; equal rows do not dominate each other.

    Returns
    -------
    mask : ndarray of bool, shape (n,)
    """
    return ~_dominates(values).any(axis=0)


def non_dominated_sort(values):
    """Sort rows into fronts: those that none dominates, those that only the first front dominates, and so on.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        Larger is better.

    Returns
    -------
    fronts : ndarray of int, shape (n,)
        Front of each row, 0 is the best.

    References
    ----------
    Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002,
    section III-A.

    Examples
    --------
    >>> import numpy as np
    >>> from sksearch.optimizers.pareto import non_dominated_sort
    >>> non_dominated_sort(np.array([[0, 3], [2, 2], [1, 1], [3, 0], [0, 1]]))
    array([0, 0, 1, 0, 2])
    """
    dominates = _dominates(values)
    n_above = dominates.sum(axis=0)
    fronts = np.full(len(values), -1)
    front = 0
    while (fronts < 0).any():
        current = (n_above == 0) & (fronts < 0)
        fronts[current] = front
        n_above = n_above - dominates[current].sum(axis=0)
        front += 1
    return fronts


def crowded_merit(values):
    r"""Order rows as NSGA-II does: by front first, and within a front those in the less crowded places first.

    The crowding distance of a row is the sum, over objectives, of the gap between its two neighbours on the
    same front, as a share of the front's extent; infinite at the ends. Objectives in which a front has no
    extent tell nothing of its rows and are passed over; where that is all of them, no row is crowded.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        Larger is better; rows of -inf for failures.

    Returns
    -------
    merit : ndarray of shape (n,)
        Larger is better: minus the front's number, plus ``c / (1 + c)`` of the crowding distance c; -inf
        for failures.

    References
    ----------
    Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002,
    section III.
    """
    finite = np.isfinite(values).all(axis=1)
    merit = np.full(len(values), -np.inf)
    told = _halved(values[finite])
    fronts = non_dominated_sort(told)
    crowding = np.zeros(len(told))
    for front in range(fronts.max(initial=-1) + 1):
        rows = np.flatnonzero(fronts == front)
        varying = [objective for objective in told[rows].T if np.ptp(objective) > 0]
        if not varying:
            crowding[rows] = np.inf
        for objective in varying:
            order = np.argsort(objective, kind="stable")
            ranked = objective[order]
            gaps = np.full(len(rows), np.inf)
            gaps[1:-1] = (ranked[2:] - ranked[:-2]) / np.ptp(objective)
            crowding[rows[order]] += gaps
    merit[finite] = -fronts + 1.0 - 1.0 / (1.0 + crowding)
    return merit


def hypervolume(values, reference):
    r"""Volume of what the rows dominate and the reference point does not exceed.

    It is computed slice by slice along the first objective: with rows sorted by it, best first,

    .. math:: V(v_1, \ldots, v_n) = \sum_{i=1}^n (v_{i1} - v_{i+1, 1}) \, V'(v_1, \ldots, v_i),
              \quad v_{n+1} = r

    where V' is the volume in the other objectives.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        Larger is better. Rows that are not better than the reference in every objective count nothing.
    reference : array-like of shape (n_objectives,)
        Worst value that is of interest, in every objective.

    Returns
    -------
    volume : float

    References
    ----------
    While, Hingston, Barone & Huband, "A faster algorithm for calculating hypervolume", 2006.
    """
    reference = np.asarray(reference, float)
    values = values[(values > reference).all(axis=1)]
    if not len(values):
        return 0.0
    if len(reference) == 1:
        return float(values.max() - reference[0])
    values = values[np.argsort(-values[:, 0], kind="stable")]
    widths = values[:, 0] - np.append(values[1:, 0], reference[0])
    slices = (hypervolume(values[: i + 1, 1:], reference[1:]) for i in np.flatnonzero(widths))
    return float(sum(width * volume for width, volume in zip(widths[widths > 0], slices, strict=True)))


def scalarize(values, weights, rho=0.05):
    r"""Weigh several objectives into one whose maximum is a point of the front.

    .. math:: s(v) = -\max_j w_j d_j - \rho \sum_j w_j d_j, \quad d_j = (b_j - v_j) / (b_j - n_j)

    with b the best value of each objective and n its worst one on the front told so far (the augmented
    Chebyshev function). Unlike a weighted sum, it reaches every part of the front, also where that is not
    convex. As only the front sets the scale, hopeless values do not.

    Parameters
    ----------
    values : ndarray of shape (n, n_objectives)
        Larger is better; rows of -inf for failures.
    weights : ndarray of shape (n_objectives,)
        Non-negative, of sum 1.
    rho : float, default=0.05
        Weight of the sum, which tells apart points of equal maxima.

    Returns
    -------
    scalars : ndarray of shape (n,)
        Larger is better; -inf for failures, and for what is worse than the front by more than a float holds.

    References
    ----------
    Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective
    optimization problems", 2006, equation 2.
    """
    finite = np.isfinite(values).all(axis=1)
    scalars = np.full(len(values), -np.inf)
    if not finite.any():
        return scalars
    told = _halved(values[finite])
    front = told[non_dominated(told)]
    best = told.max(axis=0)
    # Of a front of one point, or with equal values in an objective, everything told sets the scale.
    span = np.where(np.ptp(front, axis=0) > 0, np.ptp(front, axis=0), np.ptp(told, axis=0))
    with np.errstate(over="ignore"):
        distance = weights * (best - told) / np.where(span > 0, span, 1.0)
    scalars[finite] = -distance.max(axis=1) - rho * distance.sum(axis=1)
    return scalars


def _halved(values):
    """Values whose differences are floats, too; only their ratios matter."""
    return values / 2


def _dominates(values):
    """Say, in row i and column j, whether row i of the values dominates row j."""
    at_least = np.full((len(values), len(values)), True)
    better = ~at_least
    for objective in np.asarray(values).T:
        at_least &= objective[:, None] >= objective
        better |= objective[:, None] > objective
    return at_least & better
