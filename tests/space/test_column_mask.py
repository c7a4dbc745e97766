"""ColumnMask: every container in, the same container out, and clear words for wrong masks."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sksearch.space.column_mask import ColumnMask

X = np.arange(12.0).reshape(3, 4)
MASK = (True, False, False, True)


@parametrize_with_checks([ColumnMask()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("mask", [MASK, list(MASK), np.array(MASK)], ids=["tuple", "list", "array"])
def test_keeps_the_columns_of_the_mask(mask):
    selector = ColumnMask(mask)
    assert_array_equal(selector.fit_transform(X), X[:, [0, 3]])
    assert_array_equal(selector.support_, MASK)
    assert selector.n_features_in_ == 4


def test_none_keeps_all():
    assert_array_equal(ColumnMask().fit_transform(X), X)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_stays_sparse(container):
    kept = ColumnMask(MASK).fit_transform(container(X))
    assert sparse.issparse(kept)
    assert_array_equal(kept.toarray(), X[:, [0, 3]])


@pytest.mark.parametrize(
    "values",
    [
        np.array([[np.nan, 1, 2, np.inf]]),
        np.array([["a", "b", "c", "d"]]),
        np.array([["a", 1, None, 2.5]], dtype=object),
    ],
    ids=["not finite", "strings", "objects"],
)
def test_values_are_not_looked_at(values):
    kept = ColumnMask(MASK).fit_transform(values)
    assert kept.dtype == values.dtype
    assert kept.tolist() == values[:, [0, 3]].tolist() or np.isnan(values[0, 0])


def frame():
    pd = pytest.importorskip("pandas")
    return pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, None], "d": ["u", None]})


def test_frame_keeps_types_and_names():
    kept = ColumnMask(MASK).fit_transform(frame())
    assert list(kept.columns) == ["a", "d"]
    assert_array_equal(kept.dtypes, frame().dtypes[["a", "d"]])


def test_feature_names():
    selector = ColumnMask(MASK).fit(frame())
    assert selector.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert selector.get_feature_names_out().tolist() == ["a", "d"]
    assert ColumnMask(MASK).fit(X).get_feature_names_out().tolist() == ["x0", "x3"]
    with pytest.raises(ValueError, match="feature names"):
        selector.transform(frame()[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="input_features"):
        selector.get_feature_names_out(["a", "b", "c", "e"])


def test_frame_with_columns_missing():
    with pytest.raises(ValueError, match="feature names"):
        ColumnMask(MASK).fit(frame()).transform(frame()[["a", "b"]])


def test_set_output():
    pytest.importorskip("pandas")
    kept = ColumnMask(MASK).set_output(transform="pandas").fit_transform(X)
    assert list(kept.columns) == ["x0", "x3"]
    kept = ColumnMask(MASK).set_output(transform="pandas").fit_transform(frame())
    assert_array_equal(kept.dtypes, frame().dtypes[["a", "d"]])


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ((True, False), r"has 2 entries but X has 4 columns: pass 4 entries, or None"),
        ((False,) * 4, "keeps no column"),
        ((1, 0, 0, 1), r"one True or False per column, got \(1, 0, 0, 1\)"),
        ([0, 3], "one True or False per column"),
        ("a", "one True or False per column"),
        (True, "one True or False per column"),
        ([[True] * 4], "one True or False per column"),
        ((), "one True or False per column"),
    ],
    ids=str,
)
def test_wrong_mask(mask, message):
    with pytest.raises(ValueError, match=message):
        ColumnMask(mask).fit(X)


def test_mask_is_copied():
    mask = np.array(MASK)
    selector = ColumnMask(mask).fit(X)
    mask[:] = False
    assert_array_equal(selector.transform(X), X[:, [0, 3]])


def test_is_a_parameter_of_a_pipeline():
    features, y = load_iris(return_X_y=True)
    model = make_pipeline(ColumnMask(), LogisticRegression(max_iter=500))
    model = clone(model).set_params(columnmask__mask=MASK).fit(features, y)
    assert model[-1].n_features_in_ == 2
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(features), model.predict(features))


def test_import_is_light():
    """The module stays clear of the estimators that `sklearn.feature_selection` brings in."""
    path = sys.modules[ColumnMask.__module__].__file__
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('column_mask', sys.argv[1])\n"
        "spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
        "heavy = {'sklearn.feature_selection', 'sklearn.ensemble', 'sklearn.linear_model'}\n"
        "assert not heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
