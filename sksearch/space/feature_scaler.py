"""A transformer that weighs columns: many penalties, or length scales, as one vector hyperparameter."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class FeatureScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Multiply each column by ``exp(-scale / 2)``.

    Put after a ``StandardScaler`` and right before a model, it gives every column a hyperparameter of its
    own: with a ridge penalty `alpha`, column j is penalised by ``alpha * exp(scale[j])``; with a lasso by
    ``alpha * exp(scale[j] / 2)``; in an RBF kernel its length scale is multiplied by ``exp(scale[j] / 2)``.
    With a :class:`~sksearch.space.Vector` of `scale`, ``GradientSearchCV`` tunes all of them at once.

    Parameters
    ----------
    scale : float or array-like of shape (n_features,) or (n_groups,), default=0.0
        Logarithm of the factor of the penalty of each column, or of each group; a number is that of all.
    groups : array-like of int of shape (n_features,), default=None
        The group of each column, from 0: columns of a group share one number of `scale`. By default each
        column is a group of its own.

    Attributes
    ----------
    factors_ : ndarray of shape (n_features,)
        What each column is multiplied by.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during `fit`. Defined only when `X` has feature names that are all strings.

    References
    ----------
    MacKay, "Bayesian non-linear modeling for the prediction competition", 1994, for automatic relevance
    determination.

    Examples
    --------
    >>> import numpy as np
    >>> from sksearch.space import FeatureScaler
    >>> FeatureScaler(scale=(0.0, 2 * np.log(2))).fit_transform([[1.0, 1.0], [2.0, 4.0]])
    array([[1. , 0.5],
           [2. , 2. ]])
    """

    def __init__(self, scale=0.0, groups=None):
        self.scale = scale
        self.groups = groups

    def fit(self, X, y=None):
        """Check the lengths of `scale` and `groups` against the columns of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.
        y : None
            Ignored, present for API consistency by convention.

        Returns
        -------
        self : FeatureScaler
            The fitted transformer.

        Raises
        ------
        ValueError
            If `groups` are not the integers from 0 on, one per column, or `scale` is neither a finite number
            nor one per column or group.
        """
        X = self._check_data(X, reset=True)
        n_features = X.shape[1]
        groups = np.arange(n_features) if self.groups is None else np.asarray(self.groups)
        if groups.shape != (n_features,) or groups.dtype.kind not in "iu" or groups.min() < 0:
            raise ValueError(
                f"groups must be one integer from 0 on for each of the {n_features} columns, got "
                f"{self.groups!r}."
            )
        n_groups = int(groups.max()) + 1
        scale = np.asarray(self.scale)
        if scale.dtype.kind not in "iuf" or not np.isfinite(scale).all():
            raise ValueError(
                f"scale must be finite numbers, got {self.scale!r}; 0.0 leaves columns as they are."
            )
        if scale.shape not in ((), (n_groups,)):
            of_what = "columns" if self.groups is None else "groups"
            raise ValueError(
                f"scale must be a number, or one number for each of the {n_groups} {of_what}, got an array "
                f"of shape {scale.shape}."
            )
        self._group_of_column = groups
        self.factors_ = np.exp(-0.5 * np.broadcast_to(scale, n_groups)[groups])
        return self

    def transform(self, X):
        """Weigh the columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        X_scaled : {ndarray, sparse matrix} of shape (n_samples, n_features)
            The columns times their factors.
        """
        check_is_fitted(self)
        X = self._check_data(X, reset=False)
        factors = self.factors_.astype(X.dtype, copy=False)
        return X @ sparse.diags_array(factors, format="csr") if sparse.issparse(X) else X * factors

    def scale_gradient(self, gradient):
        """Turn derivatives with respect to the logarithm of each factor into those with respect to `scale`.

        Parameters
        ----------
        gradient : ndarray of shape (n_features,)

        Returns
        -------
        scale_gradient : ndarray of shape (n_features,) or (n_groups,)
        """
        return -0.5 * np.bincount(self._group_of_column, weights=gradient)

    def _check_data(self, X, reset):
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=(np.float64, np.float32),
            accept_sparse=("csr", "csc"),
            ensure_all_finite="allow-nan",
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
