import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from sksearch.space import Space, Vector
from sksearch.space.dimensions import Real
from sksearch.space.distributions import Continuous

LOG = Vector(3, 1e-3, 1e3, "log-uniform")
points = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(np.array)


@pytest.mark.parametrize("vector", [Vector(3, -2.0, 5.0), LOG], ids=str)
@given(point=points)
def test_values_survive_the_way_to_the_cube_and_back(vector, point):
    value = vector.decode(point)
    assert value in vector
    np.testing.assert_allclose(vector.encode(value), point, atol=1e-9)
    np.testing.assert_allclose(vector.decode(vector.encode(value)), value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("dimension", "fix"),
    [
        (Vector(5, -3, 3), r"write Vector\(2, -3, 3, prior='uniform'\)\."),
        (LOG, r"write Vector\(2, 0.001, 1000.0, prior='log-uniform'\)\."),
    ],
    ids=str,
)
def test_another_length_than_the_estimators_is_said_with_what_to_write(dimension, fix):
    space = Space({"v": dimension})
    with pytest.raises(ValueError, match=rf"'v' is searched as .* has 2 numbers of it; {fix}"):
        space.slope(np.full(space.n_columns, 0.5), {"v": np.ones(2)})


@pytest.mark.parametrize("dimension", [Real(-3.0, 3.0), Continuous(norm()), Vector(1, -3.0, 3.0)], ids=str)
def test_the_derivative_by_one_number_for_several_is_their_sum(dimension):
    space = Space({"v": dimension})
    of_several, of_one = (space.slope(np.full(1, 0.5), {"v": value}) for value in (np.array([1.0, 2.0]), 3.0))
    np.testing.assert_allclose(of_several, of_one)


def test_a_number_stands_for_all_elements():
    assert 1.0 in LOG
    np.testing.assert_allclose(LOG.encode(1.0), [0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    "value", [(1.0, 2.0), (0.0, 1.0, 1.0), 2e3, "abc", None, ["a", "b", "c"], [[1.0] * 3]]
)
def test_what_is_not_in_it(value):
    assert value not in LOG


@pytest.mark.parametrize("arguments", [(0, 0.0, 1.0), (2.5, 0.0, 1.0), (True, 0.0, 1.0), (3, 1.0, 0.0)])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        Vector(*arguments)


@pytest.mark.parametrize(
    "dimension",
    [Real(-1.0, 3.0), Real(1e-3, 1e2, "log-uniform"), Continuous(norm(1.0, 2.0)), LOG, Vector(3, -1, 1)],
    ids=str,
)
@given(at=st.floats(0.05, 0.95))
def test_slopes_are_those_of_finite_differences(dimension, at):
    point, h = np.full(dimension.width, at), 1e-6
    ahead, behind = (np.atleast_1d(dimension.decode(point + sign * h)) for sign in (1, -1))
    np.testing.assert_allclose(dimension.slope(point), (ahead - behind) / (2 * h), rtol=1e-4)


def test_a_space_turns_derivatives_by_values_into_those_by_coordinates():
    space = Space({"v": LOG, "x": (0.0, 2.0), "k": ["a", "b"]})
    point = space.encode({"v": 10.0, "x": 0.5, "k": "b"})
    slope = space.slope(point, {"v": np.array([1.0, 0.0, 2.0]), "x": 3.0})
    by_name = dict(zip("kxvvv", slope[np.argsort(space.parameter, kind="stable")], strict=False))
    assert np.isnan(slope).sum() == 1
    np.testing.assert_allclose(
        sorted(slope[~np.isnan(slope)]), sorted([6.0, *(np.log(1e6) * 10.0 * np.array([1, 0, 2]))])
    )
    assert by_name


def test_arms_are_the_combinations_of_what_is_not_continuous():
    space = Space([{"a": ["x", "y"], "v": Vector(2, 0, 1)}, {"b": (1, 3), "c": (0.0, 1.0)}])
    arms = list(space.arms())
    assert len(arms) == space.n_arms == 5
    assert [sorted(free) for _, free in arms] == [["v"]] * 2 + [["c"]] * 3


def test_one_number_is_the_vector_that_has_it_everywhere():
    space = Space({"v": Vector(2, -1, 1)})
    assert space.key_of({"v": 0}) == space.key_of({"v": (0.0, 0.0)}) == space.key(space.encode({"v": 0}))
    assert space.key_of({"v": 0}) != space.key_of({"v": (0.0, 0.5)})
