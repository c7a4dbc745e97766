"""A transformer that keeps the columns of a boolean mask: feature selection as a hyperparameter."""

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


# `SelectorMixin` would do most of this, but its package brings in neighbours, SVMs, linear models
# and decompositions: 40 to 75 ms for every import, in every worker.
class ColumnMask(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Keep the columns where a mask is True.

    A data frame stays one, with the types of its columns; sparse input stays sparse. Values are not
    looked at: they may be missing, infinite or strings.

    Parameters
    ----------
    mask : array-like of bool of shape (n_features,), default=None
        The columns to keep. None keeps all.

    Attributes
    ----------
    support_ : ndarray of bool of shape (n_features,)
        The columns kept.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features seen during `fit`. Defined only when `X` has feature names that are
        all strings.

    Examples
    --------
    >>> import numpy as np
    >>> from sksearch.space import ColumnMask
    >>> X = np.array([[1, 2, 3], [4, 5, 6]])
    >>> selector = ColumnMask((True, False, True)).fit(X)
    >>> selector.transform(X)
    array([[1, 3],
           [4, 6]])
    >>> selector.get_feature_names_out()
    array(['x0', 'x2'], dtype=object)
    """

    def __init__(self, mask=None):
        self.mask = mask

    def fit(self, X, y=None):
        """Check the mask against the columns of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The data.
        y : None
            Ignored, present for API consistency by convention.

        Returns
        -------
        self : ColumnMask
            The fitted transformer.

        Raises
        ------
        ValueError
            If the mask is not boolean, has another length than X has columns, or keeps nothing.
        """
        self._check_data(X, reset=True)
        self.support_ = self._check_mask()
        return self

    def transform(self, X):
        """Take the columns that are kept.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        X_kept : {ndarray, sparse matrix, dataframe} of shape (n_samples, n_kept)
            The columns of X where the mask is True.
        """
        check_is_fitted(self)
        X = self._check_data(X, reset=False)
        kept = np.flatnonzero(self.support_).tolist()
        return X.iloc[:, kept] if hasattr(X, "iloc") else X[:, kept]

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that are kept.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; must be those seen in `fit`, if it saw any.

        Returns
        -------
        feature_names_out : ndarray of str
            The names of the columns where the mask is True.
        """
        return super().get_feature_names_out(input_features)[self.support_]

    def _check_data(self, X, reset):
        # A frame is not turned into an array: that would cost its types and its names.
        frame = hasattr(X, "columns")
        checks = {"dtype": None, "accept_sparse": ("csr", "csc"), "ensure_all_finite": False}
        return validate_data(self, X, reset=reset, skip_check_array=frame, **({} if frame else checks))

    def _check_mask(self):
        n_features = self.n_features_in_
        if self.mask is None:
            return np.ones(n_features, dtype=bool)
        # A copy, so that a mask changed afterwards leaves the fitted transformer alone.
        mask = np.array(self.mask)
        if mask.dtype != bool or mask.ndim != 1:
            raise ValueError(
                f"`mask` must be one True or False per column, got {self.mask!r}: "
                "write e.g. (True, False), or None to keep all columns."
            )
        if len(mask) != n_features:
            raise ValueError(
                f"`mask` has {len(mask)} entries but X has {n_features} columns: "
                f"pass {n_features} entries, or None to keep all columns."
            )
        if not mask.any():
            raise ValueError("`mask` keeps no column: set at least one entry to True.")
        return mask

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        return tags
