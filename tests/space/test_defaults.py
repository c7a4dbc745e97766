"""The default spaces: legal, fitting to the estimator's parameters, and usable as they stand."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators
from threadpoolctl import threadpool_limits

from sksearch.space.defaults import _SPACES, default_space

X, LABELS = make_classification(100, 12, n_informative=10, n_redundant=0, random_state=0)
X = StandardScaler().fit_transform(X)
TARGETS = 3.0 + X[:, 0] + np.random.default_rng(0).uniform(size=100) - X.min()
TEXTS = [f"{w} {w} is{i % 7} of{i % 5} a b c d" for i, w in enumerate(["red", "blue"] * 50)]
CLASSES = dict(all_estimators())
REGRESSORS = dict(all_estimators(type_filter="regressor"))
# What `default_space` needs told before it has something to say.
SETTINGS = {
    "TruncatedSVD": [{"n_components": 8}],
    "LogisticRegression": [{}, {"l1_ratio": 0.5, "solver": "saga"}],
    "LinearDiscriminantAnalysis": [{}, {"solver": "lsqr"}, {"solver": "eigen"}],
    "TweedieRegressor": [{}, {"power": 1.5}],
    "SGDClassifier": [{}, {"penalty": "elasticnet", "loss": "log_loss"}],
    "SGDRegressor": [{}, {"penalty": "elasticnet", "learning_rate": "adaptive"}],
    "MLPClassifier": [{}, {"solver": "sgd"}, {"solver": "lbfgs"}],
}
for machine in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM", "KernelRidge"):
    SETTINGS[machine] = [{"kernel": kernel} for kernel in ("rbf", "linear", "poly", "sigmoid")]
CASES = [
    pytest.param(CLASSES[name], settings, id=f"{name}-{'-'.join(map(str, settings.values()))}")
    for name, space in _SPACES.items()
    if space and name in CLASSES and name != "CalibratedClassifierCV"
    for settings in SETTINGS.get(name, [{}])
]
# Defaults that are no number: "from the data", or "all".
DATA_DRIVEN = {("gamma", "scale"), ("gamma", None), ("n_components", None), ("max_samples", None)}
DATA_DRIVEN |= {("shrinkage", None)}


def build(cls, settings):
    """An instance that is quick to fit: neither few iterations nor many trees matter here."""
    estimator = cls(**settings)
    quick = {"max_iter": 20, "random_state": 0}
    if "SV" in cls.__name__ and "Linear" not in cls.__name__:
        quick["max_iter"] = 10_000
    known = estimator.get_params()
    return estimator.set_params(**{k: v for k, v in quick.items() if k in known})


def data_for(estimator):
    name = type(estimator).__name__
    if name in ("CountVectorizer", "TfidfVectorizer"):
        return TEXTS, None
    counts = name.endswith("NB") and name != "GaussianNB"
    inputs = np.digitize(X, [-0.5, 0.5]) if counts or name == "TfidfTransformer" else X
    return inputs, TARGETS if name in REGRESSORS else LABELS


def draw(space, rng):
    """One setting of a space in users' notation."""
    setting = {}
    for name, value in space.items():
        if isinstance(value, list):
            setting[name] = value[rng.integers(len(value))]
            continue
        low, high, *prior = value
        if prior:
            point = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        else:
            point = float(rng.uniform(low, high))
        if isinstance(low, int):
            point = round(point)
        setting[name] = min(max(point, low), high)
    return setting


def ends(space):
    """The settings of all lower and of all upper bounds."""
    for end in (0, 1):
        yield {n: v[-end if isinstance(v, list) else end] for n, v in space.items()}


@pytest.mark.parametrize(("cls", "settings"), CASES)
def test_space_is_legal(cls, settings):
    """Names exist, bounds are ordered and of one type, choices are distinct, at most six."""
    estimator = build(cls, settings)
    before = str(estimator.get_params())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        space = default_space(estimator)
    assert str(estimator.get_params()) == before
    assert 1 <= len(space) <= 6
    assert set(space) <= set(estimator.get_params())
    for value in space.values():
        if isinstance(value, list):
            assert len(value) == len({(type(choice), choice) for choice in value}) > 1
            continue
        low, high, *prior = value
        assert type(low) is type(high) in (int, float)
        assert low < high
        assert prior in ([], ["log-uniform"])
        assert low > 0 or not prior


@pytest.mark.parametrize(("cls", "settings"), CASES)
def test_current_value_is_inside(cls, settings):
    """The estimator as it is can be the first trial, unless a value comes from the data."""
    estimator = cls(**settings)
    params = estimator.get_params()
    for name, value in default_space(estimator).items():
        current = params[name]
        if (name, current) in DATA_DRIVEN:
            continue
        assert current in value if isinstance(value, list) else value[0] <= current <= value[1], name


@pytest.mark.parametrize(("cls", "settings"), CASES)
def test_settings_fit(cls, settings):
    """Both ends of every range, and three points inside, can be fitted."""
    estimator = build(cls, settings)
    space = default_space(estimator)
    if "n_estimators" in space:
        # Large numbers of trees are legal, which is all there is to know, but slow.
        space["n_estimators"] = (2, 10)
    space |= {"max_iter": (2, 10)} if "max_iter" in space else {}
    rng = np.random.default_rng(0)
    inputs, y = data_for(estimator)
    for setting in [*ends(space), *(draw(space, rng) for _ in range(3))]:
        # One thread: the data is too small for more.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", UserWarning)
            clone(estimator).set_params(**setting).fit(inputs, y)


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (SVC(), ["C", "gamma", "class_weight"]),
        (SVC(kernel="linear"), ["C", "class_weight"]),
        (SVC(kernel="poly"), ["C", "gamma", "degree", "coef0", "class_weight"]),
        (SVC(kernel=np.inner), ["C", "class_weight"]),
        (SVR(kernel="precomputed"), ["C", "epsilon"]),
        (KernelRidge(), ["alpha"]),
        (KernelRidge(kernel="laplacian"), ["alpha", "gamma"]),
        (LogisticRegression(), ["C", "class_weight"]),
        (LogisticRegression(penalty=None), ["class_weight"]),
        (LogisticRegression(penalty="elasticnet", l1_ratio=1), ["C", "l1_ratio", "class_weight"]),
        (LogisticRegression(penalty="l2", l1_ratio=0.5), ["C", "class_weight"]),
        (SGDClassifier(), ["alpha", "average", "loss"]),
        (SGDClassifier(learning_rate="adaptive"), ["alpha", "eta0", "average", "loss"]),
        (SGDClassifier(penalty="elasticnet"), ["alpha", "l1_ratio", "average", "loss"]),
        (SGDClassifier(loss="perceptron"), ["alpha", "average"]),
        (LinearSVC(penalty="l1", dual=False), ["C", "class_weight"]),
        (TweedieRegressor(power=2), ["alpha"]),
        (MLPClassifier(solver="lbfgs"), ["alpha", "hidden_layer_sizes", "activation"]),
        (KNeighborsClassifier(metric="cosine"), ["n_neighbors", "weights"]),
        (PCA(svd_solver="randomized"), ["whiten"]),
        (BaggingRegressor(bootstrap=False), ["max_features", "n_estimators", "bootstrap_features"]),
        (SelectKBest(k=40), ["k"]),
    ],
    ids=repr,
)
def test_current_parameters_decide(estimator, names):
    assert list(default_space(estimator)) == names


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (SVC(class_weight={0: 1, 1: 5}), "class_weight"),
        (SimpleImputer(strategy="most_frequent"), "strategy"),
        (KNeighborsClassifier(weights=np.ones_like), "weights"),
        (MLPClassifier(hidden_layer_sizes=(7, 3)), "hidden_layer_sizes"),
        (RandomForestClassifier(max_features=3), "max_features"),
        (RandomForestClassifier(oob_score=True), "bootstrap"),
        (RandomForestClassifier(max_samples=0.5), "bootstrap"),
        (PolynomialFeatures(degree=(2, 3)), "degree"),
        (KBinsDiscretizer(n_bins=[2, 3]), "n_bins"),
    ],
    ids=repr,
)
def test_unusual_choice_is_left_alone(estimator, name):
    assert name not in default_space(estimator)


def test_loss_keeps_probabilities():
    losses = default_space(SGDClassifier(loss="log_loss"))["loss"]
    assert all(hasattr(SGDClassifier(loss=loss), "predict_proba") for loss in losses)


def test_forest_share_of_features_is_a_range():
    assert default_space(RandomForestClassifier(max_features=0.4))["max_features"] == (0.1, 1.0)


def test_pipeline():
    pipeline = Pipeline([("scale", StandardScaler()), ("off", "passthrough"), ("none", None), ("svc", SVC())])
    assert list(default_space(pipeline)) == ["svc__C", "svc__gamma", "svc__class_weight"]


def test_nested_composites():
    columns = ColumnTransformer(
        [("num", make_pipeline(SimpleImputer(), PCA()), [0, 1]), ("cat", "drop", [2])],
        remainder=SelectKBest(k=2),
    )
    union = FeatureUnion([("pca", PCA()), ("off", "drop"), ("svd", TruncatedSVD(8))])
    model = make_pipeline(columns, union, OneVsRestClassifier(LinearSVC()))
    space = default_space(model)
    assert list(space) == [
        "columntransformer__remainder__k",
        "columntransformer__num__simpleimputer__strategy",
        "columntransformer__num__simpleimputer__add_indicator",
        "columntransformer__num__pca__n_components",
        "columntransformer__num__pca__whiten",
        "featureunion__pca__n_components",
        "featureunion__pca__whiten",
        "featureunion__svd__n_components",
        "onevsrestclassifier__estimator__C",
        "onevsrestclassifier__estimator__loss",
        "onevsrestclassifier__estimator__class_weight",
    ]
    model.set_params(**draw(space, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (CalibratedClassifierCV(SVC(kernel="linear")), {"method", "estimator__C"}),
        (MultiOutputRegressor(Ridge()), {"estimator__alpha"}),
        (TransformedTargetRegressor(Ridge()), {"regressor__alpha"}),
        (AdaBoostClassifier(DecisionTreeClassifier()), {"learning_rate", "estimator__ccp_alpha"}),
        (
            StackingClassifier([("svc", SVC())], final_estimator=LogisticRegression()),
            {"svc__gamma", "final_estimator__C"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_meta_estimators(estimator, names):
    space = default_space(estimator)
    assert names <= set(space) <= set(estimator.get_params())


def test_pipeline_settings_fit():
    model = make_pipeline(StandardScaler(), PCA(), SelectKBest(k=2), SVC())
    space = default_space(model)
    rng = np.random.default_rng(0)
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            clone(model).set_params(**draw(space, rng)).fit(X, LABELS)


def test_subclass_takes_the_nearest_entry():
    class Mine(ElasticNet):
        pass

    class Plain(LogisticRegression):
        """Not scikit-learn's, though of the same name as one of its classes."""

    Plain.__name__ = "Ridge"
    assert default_space(Mine()) == default_space(ElasticNet())
    assert "C" in default_space(Plain())


def test_space_is_the_callers_to_edit():
    space = default_space(SVC())
    space["class_weight"].append("mine")
    del space["C"]
    assert default_space(SVC())["class_weight"] == [None, "balanced"]
    assert "C" in default_space(SVC())


@pytest.mark.parametrize(
    "estimator",
    [
        StandardScaler(),
        BayesianRidge(),
        LogisticRegressionCV(),
        make_pipeline(StandardScaler(), "passthrough"),
        GridSearchCV(SVC(), {"C": [1, 2]}),
        FrozenEstimator(SVC()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_known(estimator):
    name = type(estimator).__name__
    with pytest.raises(ValueError, match=rf"known for {name} .*pass `param_distributions`"):
        default_space(estimator)


@pytest.mark.parametrize("thing", [SVC, "SVC", None], ids=repr)
def test_what_is_no_estimator_is_refused(thing):
    with pytest.raises(TypeError, match=r"needs an estimator, such as SVC\(\).*pass an instance"):
        default_space(thing)


def test_table_names_exist():
    """A name misspelt in the table would never be found."""
    elsewhere = {"BaseSearchCV", *(name for names in BOOSTERS.values() for name in names)}
    assert set(_SPACES) <= set(CLASSES) | elsewhere
    for name, space in _SPACES.items():
        if space and name not in {"QuadraticDiscriminantAnalysis", *elsewhere}:
            assert set(space) <= set(CLASSES[name]._get_param_names()), name


BOOSTERS = {"lightgbm": ("LGBMClassifier", "LGBMRegressor"), "xgboost": ("XGBClassifier", "XGBRegressor")}


@pytest.mark.parametrize(
    ("library", "name"), [(lib, name) for lib, names in BOOSTERS.items() for name in names]
)
def test_boosters_of_other_libraries(library, name):
    cls = getattr(pytest.importorskip(library), name)
    space = default_space(cls())
    assert 1 <= len(space) <= 6
    assert set(space) <= set(cls().get_params())
    y = LABELS if name.endswith("Classifier") else TARGETS
    for setting in ends(space):
        cls(verbosity=0 if library == "xgboost" else -1, n_jobs=1).set_params(**setting).fit(X, y)


def test_imports_nothing_of_scikit_learn():
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('defaults', sys.argv[1])\n"
        "spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
        "assert not any(name.startswith('sklearn') for name in sys.modules)\n"
    )
    path = sys.modules[default_space.__module__].__file__
    subprocess.run([sys.executable, "-c", code, path], check=True)
