import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Lasso, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksearch.space import FeatureScaler

rng = np.random.default_rng(0)
X, y = rng.standard_normal((50, 4)), rng.standard_normal(50)
SCALE = (0.5, -1.0, 0.0, 2.0)


@parametrize_with_checks([FeatureScaler(), FeatureScaler(scale=0.5)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_matrix])
def test_columns_are_weighed(container):
    scaled = FeatureScaler(SCALE).fit_transform(container(X))
    dense = scaled.toarray() if sparse.issparse(scaled) else scaled
    np.testing.assert_allclose(dense, X * np.exp(-0.5 * np.array(SCALE)))


def test_a_group_shares_a_number():
    scaler = FeatureScaler((0.0, 1.0), groups=[0, 1, 1, 0]).fit(X)
    np.testing.assert_allclose(scaler.factors_, np.exp([0.0, -0.5, -0.5, 0.0]))
    np.testing.assert_allclose(scaler.scale_gradient(np.array([1.0, 2.0, 3.0, 4.0])), [-2.5, -2.5])


def test_it_is_a_penalty_of_each_column():
    penalties = 3.0 * np.exp(np.array(SCALE))
    weights = Ridge(alpha=3.0, fit_intercept=False).fit(FeatureScaler(SCALE).fit_transform(X), y).coef_
    weights = weights * np.exp(-0.5 * np.array(SCALE))
    np.testing.assert_allclose(weights, np.linalg.solve(X.T @ X + np.diag(penalties), X.T @ y))


def test_it_is_a_weighted_lasso():
    weighted = Lasso(alpha=0.1, tol=1e-10).fit(FeatureScaler((0.0, 0.0, 0.0, 50.0)).fit_transform(X), y)
    without = Lasso(alpha=0.1, tol=1e-10).fit(X[:, :3], y)
    np.testing.assert_allclose(weighted.coef_[:3], without.coef_, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": (1.0, 2.0)}, "each of the 4 columns"),
        ({"scale": (1.0, 2.0, 3.0), "groups": [0, 0, 1, 1]}, "each of the 2 groups"),
        ({"scale": None}, "scale must be finite numbers, got None"),
        ({"scale": [0.0, 1.0, np.nan, 2.0]}, "scale must be finite numbers"),
        ({"scale": "auto"}, "scale must be finite numbers, got 'auto'"),
        ({"groups": [0, 1]}, "each of the 4 columns"),
        ({"groups": [0, 1, -1, 2]}, "from 0 on"),
        ({"groups": [0.0, 1.0, 1.0, 0.0]}, "integer"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeatureScaler(**arguments).fit(X)
