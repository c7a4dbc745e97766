import warnings
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.svm import SVC

from sksearch.space import Categorical, Integer, Real, Space, Subset, Vector
from sksearch.space.distributions import Continuous, Discrete
from sksearch.space.identity import identity

FINITE = [
    Integer(-3, 12),
    Integer(1, 500, "log-uniform"),
    Categorical(["rbf", None, (1, 2), {"a": 1}, SVC(C=2), float, 0.5, [1, 2]]),
    Categorical([1, 10, 100]),
    Categorical([True, False]),
    Subset(6),
    Subset(7, min_features=2, max_features=4),
    Discrete(stats.binom(8, 0.3)),
    Discrete(stats.poisson(3)),
    Discrete(stats.poisson(3, loc=0.5)),
    Discrete(stats.binom(100, 0.5)),
    Discrete(stats.zipf(2)),
    Discrete(stats.rv_discrete(values=([0.1, 0.5, 0.9], [0.2, 0.3, 0.5]))()),
    Discrete(stats.binom(1_000_000, 0.5)),
]
CONTINUOUS = [
    Real(-2.0, 5.0),
    Real(1e-7, 1e4, "log-uniform"),
    Continuous(stats.norm(3, 2)),
    Continuous(stats.expon(scale=10)),
    Continuous(stats.beta(2, 5)),
]


@pytest.mark.parametrize("dimension", FINITE, ids=repr)
def test_every_value_survives_the_round_trip(dimension):
    values = dimension.values()
    assert len(values) == dimension.size
    for value in values:
        assert value in dimension
        assert identity(dimension.decode(dimension.encode(value))) == identity(value)


@pytest.mark.parametrize("dimension", CONTINUOUS, ids=repr)
@given(u=st.floats(1e-5, 1 - 1e-5))
def test_continuous_values_survive_the_round_trip(dimension, u):
    value = dimension.decode([u])
    assert value in dimension
    assert isinstance(value, float)
    assert dimension.decode(dimension.encode(value)) == pytest.approx(value, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("dimension", FINITE + CONTINUOUS, ids=repr)
@given(data=st.data())
def test_any_point_of_the_cube_is_a_legal_value(dimension, data):
    point = np.array(data.draw(st.lists(st.floats(0, 1), min_size=dimension.width, max_size=dimension.width)))
    assert dimension.decode(point) in dimension
    canonical = dimension.snap(point[None])
    assert canonical.min() >= 0
    assert canonical.max() <= 1
    np.testing.assert_allclose(dimension.snap(canonical), canonical, atol=1e-12)
    assert identity(dimension.decode(canonical[0])) == identity(dimension.decode(point)) or (
        dimension.decode(canonical[0]) == pytest.approx(dimension.decode(point))
    )


@given(low=st.integers(-1000, 1000), span=st.integers(1, 2000), log=st.booleans(), offset=st.floats(0, 1))
def test_integer_bounds_hold_and_values_are_python_integers(low, span, log, offset):
    low = abs(low) + 1 if log else low
    dimension = Integer(low, low + span, "log-uniform" if log else "uniform")
    value = low + round(offset * span)
    assert dimension.decode(dimension.encode(value)) == value
    assert type(dimension.decode([offset])) is int
    assert {dimension.decode([0.0]), dimension.decode([1.0])} == {low, low + span}


@given(data=st.data())
def test_the_largest_integers_survive_the_round_trip_too(data):
    prior, bound = data.draw(st.sampled_from([("log-uniform", 2**45), ("uniform", 2**52)]))
    low = data.draw(st.integers(1, bound - 1))
    value = data.draw(st.integers(max(low, bound - 1000), bound))
    dimension = Integer(low, bound, prior)
    assert dimension.decode(dimension.encode(value)) == value
    assert dimension.decode(dimension.snap(dimension.encode(value)[None])[0]) == value


@given(low=st.floats(1e-12, 1e6), factor=st.floats(1.001, 1e9), u=st.floats(-0.5, 1.5), log=st.booleans())
def test_real_bounds_hold(low, factor, u, log):
    dimension = Real(low, low * factor, "log-uniform" if log else "uniform")
    assert low <= dimension.decode([u]) <= low * factor


@pytest.mark.parametrize(
    "distribution",
    [stats.norm(3, 2), stats.expon(scale=10), stats.beta(2, 5), stats.t(4), stats.gamma(2)],
    ids=lambda d: d.dist.name,
)
def test_samples_follow_a_continuous_distribution(distribution):
    draws = np.random.default_rng(0).random((2000, 1))
    dimension = Continuous(distribution)
    values = [dimension.decode(point) for point in dimension.draw(draws)]
    assert stats.kstest(values, distribution.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    "distribution",
    [stats.poisson(3), stats.binom(8, 0.3), stats.geom(0.2), stats.randint(2, 9)],
    ids=lambda d: d.dist.name,
)
def test_samples_follow_a_discrete_distribution(distribution):
    dimension = Discrete(distribution)
    draws = dimension.draw(np.random.default_rng(0).random((4000, 1)))
    values, counts = np.unique([dimension.decode(point) for point in draws], return_counts=True)
    assert all(isinstance(dimension.decode(point), int) for point in draws[:5])
    expected = 4000 * distribution.pmf(values)
    often = expected > 20
    np.testing.assert_allclose(counts[often], expected[often], atol=5 * np.sqrt(expected.max()))


@pytest.mark.parametrize(
    "distribution",
    [
        stats.poisson(9900),
        stats.binom(20_000, 0.5),
        stats.poisson(1e6, loc=0.5),
        stats.geom(1e-3),
        stats.nbinom(5, 0.01),
    ],
    ids=lambda d: f"{d.dist.name}{d.args}",
)
def test_the_table_of_a_wide_distribution_is_where_its_bulk_is(distribution):
    dimension = Discrete(distribution)
    for u in (1e-3, 0.05, 0.5, 0.95, 0.999):
        assert dimension.decode([u]) == pytest.approx(distribution.ppf(u), rel=1e-2)


def test_log_uniform_reals_are_uniform_in_the_logarithm():
    dimension = Real(1e-3, 1e3, "log-uniform")
    values = [dimension.decode(point) for point in np.random.default_rng(0).random((2000, 1))]
    assert stats.kstest(np.log10(values), stats.uniform(-3, 6).cdf).pvalue > 1e-3


def test_log_uniform_integers_cover_their_intervals_of_the_logarithm():
    dimension = Integer(1, 4, "log-uniform")
    values = [dimension.decode(point) for point in np.random.default_rng(0).random((4000, 1))]
    expected = np.diff(np.log([0.5, 1.5, 2.5, 3.5, 4.5])) / np.log(9)
    np.testing.assert_allclose(np.bincount(values)[1:] / 4000, expected, atol=0.03)


def test_categories_are_drawn_evenly():
    dimension = Categorical(list("abc"))
    values = [dimension.decode(point) for point in np.random.default_rng(0).random((3000, 1))]
    counts = [values.count(value) for value in "abc"]
    assert min(counts) > 900


def test_sizes_of_subsets_are_drawn_log_uniformly_and_no_column_is_preferred():
    dimension = Subset(10, min_features=2, max_features=6)
    points = dimension.draw(np.random.default_rng(0).random((5000, 10)))
    masks = np.array([dimension.decode(point) for point in points])
    sizes = np.bincount(masks.sum(axis=1), minlength=11)
    assert set(np.flatnonzero(sizes)) == {2, 3, 4, 5, 6}
    expected = np.diff(np.log([2, 3, 4, 5, 6, 7])) / np.log(7 / 2)
    np.testing.assert_allclose(sizes[2:7] / 5000, expected, atol=0.03)
    mean_size = (np.arange(2, 7) * expected).sum()
    np.testing.assert_allclose(masks.mean(axis=0), mean_size / 10, atol=0.04)


def test_numbers_in_order_are_ordinal_other_categories_are_not():
    assert Categorical([1, 10, 100]).ordered
    assert Categorical([0.5, 0.1]).ordered
    assert not Categorical([1, 100, 10]).ordered
    assert not Categorical([True, False]).ordered
    assert not Categorical([1, "auto"]).ordered


def test_categories_written_twice_are_one_and_keep_their_first_place():
    assert Categorical([3, 1, 3, 1, 2]).categories == [3, 1, 2]
    assert Categorical([SVC(), SVC()]).size == 1
    assert Categorical([1, 1.0, True]).size == 3


class Model:
    """Takes long to be hashed, as fitted models do."""

    hashed = 0

    def __init__(self, learned):
        self.learned = learned

    def __getstate__(self):
        Model.hashed += 1
        return self.__dict__


@pytest.mark.parametrize("copied", [False, True])
def test_own_objects_are_hashed_once_and_equal_ones_are_the_same_value(copied):
    space = Space({"model": [Model([1, 2]), Model([3, 4])], "C": (0.0, 1.0)})
    if copied:
        space = deepcopy(space)
    Model.hashed = 0
    points = space.sample(30, np.random.default_rng(0))
    keys = {space.key(point): space.decode(point) for point in points}
    moved = [space.encode(params) for params in keys.values()]
    assert len(keys) == len(moved) == 30
    assert copied or Model.hashed == 0
    assert space.key_of({"model": Model([1, 2]), "C": 0.5}) == space.key(
        space.encode({"model": Model([1, 2]), "C": 0.5})
    )
    assert {"model": Model([1, 3]), "C": 0.5} not in space


def test_decoded_categories_are_the_objects_that_were_passed():
    svc = SVC()
    dimension = Categorical([svc, None])
    assert dimension.decode(dimension.encode(svc)) is svc


@pytest.mark.parametrize(
    "dimension",
    [
        (1e9, 1e9 + 1e-3),
        (0.5 - 1e-12, 0.5 + 1e-12),
        (-1e-9, 1e-9),
        (0.0, 1.0),
        Vector(2, 1e9, 1e9 + 1e-3),
        stats.norm(1e9, 1e-2),
        stats.uniform(0.5, 1e-12),
        stats.loguniform(1e-9, 1e9),
    ],
)
def test_values_of_a_narrow_range_are_told_apart(dimension):
    space = Space({"a": dimension})
    points = space.sample(20, np.random.default_rng(0))
    keys = [space.key(point) for point in points]
    assert len(set(keys)) == 20
    assert keys == [space.key(space.encode(space.decode(point))) for point in points]


@pytest.mark.parametrize(
    ("dimension", "value", "expected"),
    [
        (Integer(1, 5), 3, {2, 4}),
        (Integer(1, 5), 1, {2}),
        (Categorical([1, 2, 4, 8]), 8, {4}),
        (Categorical(list("abc")), "b", {"a", "c"}),
        (Subset(3, max_features=2), (True, True, False), {(False, True, False), (True, False, False)}),
        (Discrete(stats.poisson(2)), 0, {1}),
    ],
)
def test_neighbors_are_one_step_away(dimension, value, expected):
    start = dimension.encode(value)
    (reached,) = dimension.steps(start[None])
    # A step that would leave the values stays where it is.
    assert {dimension.decode(point) for point in reached if (point != start).any()} == expected
    np.testing.assert_array_equal(dimension.snap(reached), reached)


def test_steps_of_several_points_are_those_of_each():
    dimension = Categorical(list("abcd"))
    points = dimension.snap(np.array([[0.1], [0.6], [0.9]]))
    steps = dimension.steps(points)
    for point, its_own in zip(points, steps, strict=True):
        np.testing.assert_array_equal(dimension.steps(point[None])[0], its_own)


def test_continuous_dimensions_have_no_steps():
    assert Real(0, 1).steps(np.array([[0.3], [0.5]])).shape == (2, 0, 1)


@pytest.mark.parametrize(
    ("value", "inside"),
    [(1, True), (1.0, True), (0.5, False), ("a", False), (None, False), (True, False), (np.nan, False)],
)
def test_real_holds_numbers_within_bounds(value, inside):
    assert (value in Real(1.0, 2.0)) is inside


@pytest.mark.parametrize(
    ("value", "inside"), [(1, True), (np.int64(2), True), (1.0, False), (3, False), (True, False)]
)
def test_integer_holds_integers_within_bounds(value, inside):
    assert (value in Integer(1, 2)) is inside


def test_subset_holds_masks_of_its_length_and_sizes():
    dimension = Subset(3, min_features=1, max_features=2)
    assert (True, False, True) in dimension
    assert np.array([True, False, False]) in dimension
    assert (True, True, True) not in dimension
    assert (False, False, False) not in dimension
    assert (True, False) not in dimension
    assert (1, 0, 1) not in dimension
    assert "abc" not in dimension


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Real(2, 1), "lower bound must be below"),
        (lambda: Real(1, 1), "lower bound must be below"),
        (lambda: Real(0, 1, "log-uniform"), "bounds above 0"),
        (lambda: Real(0, np.inf), "two finite numbers"),
        (lambda: Real(-1e308, 1e308), "below 1e\\+300 in size"),
        (lambda: Integer(0, 10**400), "below 1e\\+300 in size"),
        (lambda: Integer(2**60, 2**60 + 5), r"a uniform range must be within \+-2\*\*52"),
        (lambda: Integer(1, 10**15, "log-uniform"), r"a log-uniform range must be within \+-2\*\*45"),
        (lambda: Discrete(stats.geom(1e-4)), r"geom\(0.0001\) is spread over .* use Integer\(low, high\)"),
        (lambda: Discrete(stats.nbinom(5, 1e-4)), "spread over more than 10000 values"),
        (lambda: Discrete(stats.poisson(1e8)), "spread over more than 10000 values"),
        (lambda: Discrete(stats.zipf(1.5)), "spread over more than 10000 values"),
        (lambda: Subset(3, min_features=0), "1 <= min_features"),
        (lambda: Real("a", 1), "two finite numbers"),
        (lambda: Real(0, 1, "normal"), "prior must be one of"),
        (lambda: Integer(0.5, 3), "must be integers"),
        (lambda: Categorical([]), "at least one category"),
        (lambda: Subset(3, min_features=4), "min_features <= max_features"),
        (lambda: Subset(2.5), "integers"),
    ],
)
def test_impossible_dimensions_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_narrow_floats_are_bounds_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dimension = Real(np.float32(1), np.float32(2))
        assert 1e300 not in dimension
    assert dimension == Real(1.0, 2.0)
    assert repr(dimension) == repr(Real(1.0, 2.0))


@pytest.mark.parametrize("categories", ["abc", b"abc", 5, None])
def test_a_single_value_is_no_list_of_categories(categories):
    with pytest.raises(
        TypeError, match=rf"must be a list of choices, got {categories!r}; write \[{categories!r}\]"
    ):
        Categorical(categories)


def test_equal_dimensions_are_equal():
    assert Real(0, 1) == Real(0, 1)
    assert Real(0, 1) != Real(0, 2)
    assert Integer(0, 1) != Real(0, 1)
    assert Categorical(["a", SVC()]) == Categorical(["a", SVC()])
    assert Continuous(stats.norm(0, 1)) == Continuous(stats.norm(0, 1))
    assert Continuous(stats.norm(0, 1)) != Continuous(stats.norm(0, 2))
    coins = [stats.rv_discrete(values=([1, 2], [p, 1 - p])) for p in (0.5, 0.1)]
    assert Discrete(coins[0]()) != Discrete(coins[1]())


def test_bounds_are_exact_and_a_rounding_error_beyond_them_is_one_of_them():
    dimension = Real(1e-4, 300.0, "log-uniform")
    assert [dimension.decode([position]) for position in (0.0, 1.0)] == [1e-4, 300.0]
    almost = [0.9999999999999999e-4, 300.00000000000006]
    assert all(value in dimension for value in almost)
    assert [dimension.own(value) for value in almost] == [1e-4, 300.0]
    assert 300.0001 not in dimension
    assert all(value in Real(0.1, 300.0, "log-uniform") for value in np.logspace(-1, np.log10(300), 7))


def test_of_very_many_categories_some_are_neighbors():
    dimension = Categorical([f"word {i}" for i in range(10_000)])
    seen = set()
    for i in range(40):
        value = f"word {i}"
        start = dimension.encode(value)
        (steps,) = dimension.steps(start[None])
        reached = {dimension.decode(point) for point in steps if (point != start).any()}
        assert value not in reached
        assert 100 < len(reached) < 300
        seen |= reached
    assert len(seen) > 9_000


def test_a_distribution_that_draws_one_value_most_of_the_time():
    class ZeroInflated(stats.rv_continuous):
        def _cdf(self, x):
            return np.where(x < 0, 0, 0.8 + 0.2 * np.minimum(x, 1))

        def _ppf(self, q):
            return np.maximum(0, (q - 0.8) / 0.2)

    dimension = Continuous(ZeroInflated(a=0, b=1)())
    assert dimension.decode([0.5]) == 0.0
    assert dimension.decode([0.9]) == pytest.approx(0.5)
