"""The scale on which values are modelled: it stretches the differences between the good ones."""

import numpy as np

# Beyond this many units from the best, worse makes no difference: an outlier costs no more than a failure.
_HOPELESS = 1e3

# The unit is at least this share of the median distance of the first points, of so many. Where half of these
# are hopeless, that is no measure of the good ones: it is not more than so many of their lower quartiles.
_LEAST, _N_FIRST, _MOST_QUARTILES = 0.3, 10, 5.0


def standardize(values, noise):
    """Give values mean 0 and variance 1, after stretching the differences between the good ones.

    Scores are skewed: a few candidates are hopeless, and what is worth modelling are the small
    differences near the best. So values are replaced by the logarithm of their distance from the best,
    in units of the lower quartile of these distances. Failures take the worst value.

    As a search settles, ever smaller distances are the lower quartile: at last all that is not where it
    settled would be equally hopeless, another branch above all, and nothing would be known of it. So the
    distances of the first points, which are spread out, say how small the unit can be.

    A value that is not exact has the mean and the variance of what becomes of it at one standard deviation
    above and below (the unscented transform): the slope would say, of a value near the best whose standard
    deviation is many units, that nothing at all is known of it.

    Parameters
    ----------
    values : ndarray of shape (n,)
        In the order in which they were told, larger is better; -inf for failures, at least two of the others
        distinct.
    noise : ndarray of shape (n,)
        Their variances.

    Returns
    -------
    y, noise : ndarray of shape (n,)
        Transformed values and variances.
    failed : ndarray of bool, shape (n,)
        Which values are of failures, or so hopeless that they count as such.

    References
    ----------
    Julier & Uhlmann, "Unscented filtering and nonlinear estimation", 2004.
    """
    finite = np.isfinite(values)
    stretched, error, best, unit = _stretched(values[finite], np.sqrt(noise[finite]))
    center, spread = stretched.mean(), stretched.std()
    y = np.full(len(values), stretched.min())
    y[finite] = stretched
    variance = np.zeros(len(values))
    variance[finite] = (error / spread) ** 2
    with np.errstate(over="ignore"):
        failed = best - values >= _HOPELESS * unit
    return (y - center) / spread, variance, failed


def unstandardize(mean, std, values, noise):
    """Bring normal beliefs on the scale of `standardize` back to that of the values.

    Parameters
    ----------
    mean, std : ndarray of shape (m,)
        Of normal distributions of standardized values.
    values, noise : ndarray of shape (n,)
        The values that were standardized, and their variances.

    Returns
    -------
    mean, std : ndarray of shape (m,)
        Of the values, whose distributions are skewed, by quadrature.
    """
    finite = np.isfinite(values)
    stretched, _, best, unit = _stretched(values[finite], np.sqrt(noise[finite]))
    nodes, weights = np.polynomial.hermite_e.hermegauss(32)
    weights = weights / weights.sum()
    y = stretched.mean() + stretched.std() * (mean[:, None] + std[:, None] * nodes)
    # Beyond the best the distance is taken to grow as it does there.
    above = np.where(y > 0.0, y, -np.expm1(-np.maximum(y, -np.log1p(_HOPELESS))))
    expected = above @ weights
    deviation = np.sqrt(np.maximum((above - expected[:, None]) ** 2 @ weights, 0.0))
    return best + unit * expected, unit * deviation


def _stretched(values, std):
    """Stretch values, none of them a failure, and their errors; also the best, and the unit of distances.

    Both are of what is sure: among values that are forecast, the largest is so by its error, and the
    smallest distances are but errors.
    """
    largest = np.abs(values).max()  # brings values of any magnitude into reach of the arithmetic
    values, std = values / largest, std / largest
    best = (values - std).max()
    distance = best - values
    if not (sure := distance > 2.0 * std).any():
        distance = np.hypot(distance, std)
        sure = distance > 0.0
    # The better ones say what a small difference is: the hopeless may be arbitrarily far away.
    quartile, median = np.quantile(distance[:_N_FIRST], [0.25, 0.5])
    unit = max(np.quantile(distance[sure], 0.25), min(_LEAST * median, _MOST_QUARTILES * quartile))
    above, below = (
        np.sign(d) * np.log1p(np.minimum(np.abs(d), _HOPELESS))
        for d in ((values + std - best) / unit, (values - std - best) / unit)
    )
    return (above + below) / 2.0, (above - below) / 2.0, best * largest, unit * largest
