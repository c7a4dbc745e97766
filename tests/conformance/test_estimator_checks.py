"""scikit-learn's checks of what it demands of an estimator, on the searches themselves."""

from sklearn.base import is_regressor
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksearch import BayesSearchCV, GeneticSearchCV, GradientSearchCV


def small_searches():
    """Return the searches scikit-learn checks its own with, and one over a continuous space."""
    settings = {"cv": 2, "error_score": "raise", "random_state": 0}
    pipeline = Pipeline([("pca", PCA()), ("ridge", Ridge())])
    return [
        BayesSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, **settings),
        BayesSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, **settings),
        BayesSearchCV(pipeline, {"ridge__alpha": (0.1, 1.0, "log-uniform")}, n_iter=4, **settings),
        GeneticSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, **settings),
        GeneticSearchCV(pipeline, {"ridge__alpha": (0.1, 1.0, "log-uniform")}, n_iter=4, **settings),
        GradientSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, **settings),
        GradientSearchCV(pipeline, {"ridge__alpha": (0.1, 1.0, "log-uniform")}, n_iter=4, **settings),
    ]


def expected_failed_checks(search):
    """Return the checks that scikit-learn expects its own searches to fail, and why."""
    if is_regressor(search):
        return {"check_supervised_y_2d": "a search does not pass on that Ridge takes a 2-D y"}
    return {}


@parametrize_with_checks(small_searches(), expected_failed_checks=expected_failed_checks)
def test_search_is_a_scikit_learn_estimator(estimator, check):
    """Every check scikit-learn has for an estimator passes on a search."""
    check(estimator)
