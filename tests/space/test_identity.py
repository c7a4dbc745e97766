import enum
import functools
import pickle
import sys
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sksearch.space import Categorical
from sksearch.space.identity import identity, plain

X, y = load_iris(return_X_y=True)


@pytest.mark.parametrize(
    ("numpys", "pythons"),
    [
        (np.str_("rbf"), "rbf"),
        (np.bytes_(b"a"), b"a"),
        (np.complex128(1 + 2j), 1 + 2j),
        (np.float32(0.5), 0.5),
        (np.int8(3), 3),
        (np.bool_(True), True),
    ],
    ids=repr,
)
def test_a_scalar_of_numpy_is_what_python_has_for_it(numpys, pythons):
    assert identity(numpys) == identity(pythons)
    dimension = Categorical([numpys, None])
    decoded = dimension.decode(dimension.encode(numpys))
    assert decoded == pythons
    assert type(decoded) is type(pythons)
    start = dimension.encode(pythons)
    (steps,) = dimension.steps(start[None])
    assert [dimension.decode(point) for point in steps if (point != start).any()] == [None]


@pytest.mark.parametrize("kind", [list, tuple])
def test_masks_of_numpys_booleans_are_those_of_pythons(kind):
    mask = X.std(axis=0) > 0.5
    assert identity(kind(mask)) == identity(kind(mask.tolist())) != identity(kind(~mask))
    assert identity(kind([])) == identity(kind([]))
    assert kind(mask.tolist()) in Categorical([kind(mask), None])


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (np.datetime64("2020", "ns"), np.datetime64("2021", "ns")),
        (np.datetime64("2020-01-01"), np.datetime64("2020-01-02")),
        (np.timedelta64(1, "h"), np.timedelta64(2, "h")),
    ],
    ids=repr,
)
def test_times_are_left_as_they_are(value, other):
    assert plain(value) is value
    assert identity(value) == identity(value.copy()) != identity(other)
    for values in ([value, other], np.array([value, other])):
        dimension = Categorical(values)
        assert dimension.categories == [value, other]
        assert [v.dtype for v in dimension.categories] == [value.dtype] * 2
        assert dimension.decode(dimension.encode(other)) == other


class Loss(enum.IntEnum):
    HINGE = 1
    LOG = 2


class Link(enum.IntEnum):
    LOGIT = 1


def test_members_of_enumerations_and_fractions_are_not_the_number_that_they_equal():
    values = [Loss.HINGE, Loss.LOG, Link.LOGIT, 1, 0.5, Fraction(1, 2)]
    assert len({identity(value) for value in values}) == len(values)
    assert all(identity(value) == identity(pickle.loads(pickle.dumps(value))) for value in values)
    dimension = Categorical(values)
    decoded = [dimension.decode(dimension.encode(value)) for value in values]
    assert [repr(value) for value in decoded] == [repr(value) for value in values]


def frozen(every):
    return FrozenEstimator(LogisticRegression(max_iter=500).fit(X[::every], y[::every]))


def test_frozen_estimators_are_told_apart_by_what_they_learned():
    one, same, other = frozen(12), frozen(12), frozen(1)
    assert (
        identity(one) == identity(same) == identity(clone(one)) == identity(pickle.loads(pickle.dumps(one)))
    )
    assert identity(one) != identity(other)
    assert identity(CalibratedClassifierCV(one)) == identity(CalibratedClassifierCV(same))
    assert identity(CalibratedClassifierCV(one)) != identity(CalibratedClassifierCV(other))
    # Others lose it in a clone.
    assert identity(StandardScaler()) == identity(StandardScaler().fit(X))


def test_estimators_are_told_apart_by_what_clones_keep_beside_parameters():
    pandas = StandardScaler().set_output(transform="pandas")
    assert identity(pandas) == identity(clone(pandas)) != identity(StandardScaler())
    with sklearn.config_context(enable_metadata_routing=True):
        weighted, unweighted = (LogisticRegression().set_fit_request(sample_weight=w) for w in (True, False))
        assert identity(weighted) == identity(clone(weighted)) != identity(unweighted)


def test_functions_of_the_same_name_are_told_apart():
    wrapper = functools.wraps(np.log1p)(lambda Z: Z * 0)
    assert identity(wrapper) != identity(np.log1p)
    assert identity(FunctionTransformer(wrapper)) != identity(FunctionTransformer(np.log1p))
    assert identity(FunctionTransformer(wrapper)) == identity(clone(FunctionTransformer(wrapper)))
    assert identity(np.log1p) == ("function", "numpy", "log1p")
    assert identity(lambda: 1) != identity(lambda: 2)


def test_a_function_that_is_defined_again_is_another_one(monkeypatch):
    notebook = ModuleType("a_notebook")
    monkeypatch.setitem(sys.modules, "a_notebook", notebook)
    exec("def f(Z): return Z", vars(notebook))
    first = notebook.f
    assert identity(first) == ("function", "a_notebook", "f")
    exec("def f(Z): return 2 * Z", vars(notebook))
    assert identity(first) != identity(notebook.f)
    assert Categorical([first, notebook.f]).size == 2
