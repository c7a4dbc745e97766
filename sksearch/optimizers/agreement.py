"""How far the folds agree: what of a mean over them is signal, and what is noise."""

import numpy as np


def signal(gradients):
    r"""Tell how much of a mean gradient is signal, from how much the gradients of the folds differ.

    .. math:: |\bar g|^2 \Big/ \frac{1}{K (K - 1)} \sum_k |g_k - \bar g|^2

    has in its numerator the square of the true gradient plus the square of the noise, which the denominator
    estimates: it is above 1 where the difference, an unbiased estimate of the former, is positive.

    Parameters
    ----------
    gradients : ndarray of shape (n_folds, n_coordinates)

    Returns
    -------
    ratio : float
        inf for a single fold, which tells nothing of its noise.

    References
    ----------
    Mahsereci, Balles, Lassner & Hennig, "Early stopping without a validation set", 2017.
    """
    n_folds = len(gradients)
    if n_folds < 2:
        return np.inf
    noise = gradients.var(axis=0, ddof=1).sum() / n_folds
    size = (gradients.mean(axis=0) ** 2).sum()
    return size / noise if noise > 0 else np.inf
