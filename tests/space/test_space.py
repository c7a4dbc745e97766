import pickle
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import loguniform, randint, uniform
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import ParameterGrid
from sklearn.svm import SVC

from sksearch.space import Categorical, Integer, Real, Space, Subset
from sksearch.space.distributions import Discrete
from sksearch.space.notation import as_dimension

MIXED = {
    "C": loguniform(1e-3, 1e3),
    "kernel": ["rbf", "poly", None],
    "depth": (1, 20),
    "mask": Subset(4),
    "fixed": ["one"],
    "noise": stats.norm(),
    "layers": [(10,), (10, 10), (20, 5, 5)],
}
CONDITIONAL = [
    {"clf": [SVC()], "clf__C": (1e-3, 1e3, "log-uniform"), "scale": [True, False]},
    {"clf": [RandomForestClassifier()], "clf__max_depth": (1, 9), "scale": [True, False]},
    {},
]


def test_notations_become_the_dimensions_they_stand_for():
    space = Space(
        {
            "a": (1, 5),
            "b": (1.0, 5),
            "c": (1, 5, "log-uniform"),
            "d": uniform(2, 3),
            "e": loguniform(1e-2, 1e2),
            "f": randint(3, 9),
            "g": stats.poisson(3),
            "h": [1, 5],
            "i": np.array([1.5, 2.5]),
            "j": ("l1", "l2"),
            "k": ((1, 1), (1, 2)),
            "l": (1, 2, 3),
            "m": range(3),
            "n": Real(0, 1),
            "o": (True, False),
            "p": (np.float64(1), np.int64(2)),
            "q": (3, 5, None),
            "r": (2, 5, "sqrt"),
            "s": (1, 2, True),
            "t": (np.timedelta64(1, "h"), np.timedelta64(2, "h")),
            "u": [1, "log-uniform", 2],
        }
    )
    kinds = space.branches[0]
    assert kinds["a"] == Integer(1, 5)
    assert kinds["b"] == Real(1.0, 5)
    assert kinds["c"] == Integer(1, 5, "log-uniform")
    assert kinds["d"] == Real.from_open_interval(2.0, 5.0)
    assert kinds["e"] == Real(1e-2, 1e2, "log-uniform")
    assert kinds["f"] == Integer(3, 8)
    assert isinstance(kinds["g"], Discrete)
    assert kinds["h"] == Categorical([1, 5])
    assert [type(value) for value in kinds["i"].categories] == [float, float]
    assert kinds["j"] == Categorical(["l1", "l2"])
    assert kinds["k"] == Categorical([(1, 1), (1, 2)])
    assert kinds["l"] == Categorical([1, 2, 3])
    assert kinds["m"] == Categorical([0, 1, 2])
    assert kinds["n"] == Real(0, 1)
    assert kinds["o"] == Categorical([True, False])
    assert kinds["p"] == Real(1.0, 2)
    assert kinds["q"] == Categorical([3, 5, None])
    assert kinds["r"] == Categorical([2, 5, "sqrt"])
    assert kinds["s"] == Categorical([1, 2, True])
    assert kinds["t"] == Categorical([np.timedelta64(1, "h"), np.timedelta64(2, "h")])
    assert kinds["u"] == Categorical([1, "log-uniform", 2])


def test_a_log_uniform_distribution_that_is_shifted_is_none():
    assert as_dimension("C", loguniform(1e-3, 1, scale=3)) == Real(3e-3, 3.0, "log-uniform")
    assert as_dimension("C", loguniform(1e-3, 1, 0, 3)) == Real(3e-3, 3.0, "log-uniform")
    for shifted in (loguniform(1e-3, 1, loc=3), loguniform(1e-3, 1, 3), loguniform(1e-3, b=1, loc=3)):
        assert as_dimension("C", shifted).decode([0.5]) == pytest.approx(shifted.median())


def test_bounds_are_proposed_where_the_user_wrote_them_and_not_where_a_distribution_never_draws_them():
    corner = np.zeros(1)
    assert Space({"C": (0.0, 4.0)}).decode(corner)["C"] == 0.0
    assert 0 < Space({"C": uniform(0, 4)}).decode(corner)["C"] < 1e-5
    assert {"C": 0.0} in Space({"C": uniform(0, 4)})


@pytest.mark.parametrize("distribution", [stats.expon(scale=10), stats.beta(2, 2), stats.truncnorm(0, 3)])
def test_the_ends_of_a_distribution_are_values_that_are_never_proposed(distribution):
    space = Space({"C": distribution})
    low, high = distribution.support()
    proposed = [space.decode(space.snap(corner)[0])["C"] for corner in (np.zeros((1, 1)), np.ones((1, 1)))]
    assert low < proposed[0] < proposed[1] < high
    assert {"C": low} in space


def test_values_are_proposed_in_the_types_of_the_space():
    space = Space(
        {
            "a": (0.0, 1.0),
            "b": (1, 9),
            "c": stats.poisson(3),
            "d": stats.norm(),
            "m": Subset(2),
            "k": ["x", 1],
        }
    )
    given = {"k": 1, "m": np.array([True, False]), "d": 1, "c": 3.0, "b": np.int64(2), "a": 1}
    own = space.own(given)
    assert list(own.values()) == [1.0, 2, 3, 1.0, 1, (True, False)]
    assert [type(value) for value in own.values()] == [float, int, int, float, int, tuple]
    assert space.key_of(own) == space.key(space.encode(given))


def test_distributions_without_arguments_need_not_be_frozen():
    die = stats.rv_discrete(values=([1, 3, 5], [0.2, 0.3, 0.5]))
    histogram = stats.rv_histogram(np.histogram([0.5, 1.5, 1.5, 2.5], bins=3, range=(0, 3)))
    space = Space({"a": die, "b": histogram, "c": stats.norm})
    assert space.branches[0]["a"].values() == [1, 3, 5]
    assert space.decode([0.5, 0.5, 0.5])["b"] == pytest.approx(1.5)
    assert space.decode([0.5, 0.5, 0.5])["c"] == pytest.approx(0.0)


def test_pandas_columns_are_lists_of_values():
    pd = pytest.importorskip("pandas")
    assert Space({"a": pd.Series([1, 2])}).branches[0]["a"] == Categorical([1, 2])
    with pytest.raises(TypeError, match=r"(?s)'a' needs to be a list .* \(of type DataFrame\)"):
        Space({"a": pd.DataFrame({"b": [1, 2]})})


@pytest.mark.parametrize(
    ("notation", "error", "message"),
    [
        ({"C": (3, 1)}, ValueError, r"'C': the lower bound must be below.*low=3 and high=1"),
        ({"C": (0, 1, "log-uniform")}, ValueError, r"'C': a log-uniform range needs bounds above 0"),
        ({"C": (1, 2, "log")}, ValueError, r"'C': the prior must be one of.*'log'; did you mean 'log-unif"),
        ({"C": (1, 2, "Uniform")}, ValueError, r"'C': the prior must be one of.*did you mean 'uniform'"),
        ({"C": [1e-3, 1.0, "log-uniform"]}, ValueError, r"'C'.*write \(0.001, 1.0, 'log-uniform'\)\."),
        ({"C": randint(0, 2**60)}, ValueError, r"'C'.* such as \(1, 2\*\*52, 'uniform'\)\."),
        ({"C": np.float64(3)}, TypeError, r"'C' needs to be a list"),
        ({"C": MappingProxyType({"a": 1})}, TypeError, r"'C' needs to be a list"),
        ({"C": (1, np.nan)}, ValueError, r"'C': bounds must be two finite numbers"),
        ({"C": (1, 10, "log-uniform", 5)}, ValueError, r"'C': a range is written"),
        ({"C": (1e-3, "1e3", "log-uniform")}, ValueError, r"'C': bounds must be two finite numbers"),
        ({"C": stats.norm([0, 1], 1)}, ValueError, r"'C': the distribution must be of one number"),
        ({"C": []}, ValueError, r"'C' need to be a non-empty sequence"),
        ({"C": ()}, ValueError, r"'C' need to be a non-empty sequence"),
        ({"C": 3}, TypeError, r"'C' needs to be a list or a numpy array, but got 3"),
        ({"C": "rbf"}, TypeError, r"'C' needs to be a list.*got 'rbf'"),
        ({"C": {"a": 1}}, TypeError, r"'C' needs to be a list"),
        ({"C": {1, 2}}, TypeError, r"'C' needs to be a list"),
        ({"C": None}, TypeError, r"'C' needs to be a list"),
        ({"C": np.ones((2, 2))}, ValueError, r"'C': an array of values must be one-dimensional"),
        ({"C": stats.gamma}, TypeError, r"'C'.*freeze it"),
        # As scipy.stats.Normal.
        ({"C": SimpleNamespace(icdf=float, cdf=float)}, TypeError, r"'C'.*norm\(0, 1\)"),
        ({"C": stats.norm(0, -1)}, ValueError, r"'C': norm\(0, -1\) has no support"),
        ({"C": stats.loguniform(a=10, b=1)}, ValueError, r"\(a=10, b=1\) has no support"),
        ({1: [1]}, TypeError, r"names are strings, got 1"),
        ([{"C": [1]}, 3], TypeError, r"is not a dict \(3\)"),
        ([], ValueError, r"empty list"),
        (3, TypeError, r"not a dict or a list, got: 3"),
    ],
)
def test_bad_notations_get_one_sentence_with_the_parameter_and_the_fix(notation, error, message):
    with pytest.raises(error, match=message):
        Space(notation)


@pytest.mark.parametrize("notation", [MIXED, CONDITIONAL, {}], ids=["mixed", "conditional", "empty"])
def test_samples_are_canonical_and_survive_the_round_trip(notation):
    space = Space(notation)
    for point in space.sample(100, np.random.default_rng(0)):
        params = space.decode(point)
        assert params in space
        np.testing.assert_allclose(space.encode(params), point, atol=1e-9)
        assert space.key(space.encode(params)) == space.key(point)


@settings(max_examples=50)
@given(data=st.data())
def test_any_point_of_the_cube_decodes_into_the_space(data):
    space = Space(CONDITIONAL + [MIXED])
    coordinates = st.lists(st.floats(0, 1), min_size=space.n_columns, max_size=space.n_columns)
    point = np.array(data.draw(coordinates))
    assert space.decode(point) in space
    assert space.decode(space.snap(point[None])[0]).keys() == space.decode(point).keys()


def test_inactive_parameters_influence_neither_identity_nor_encoding():
    space = Space(CONDITIONAL)
    rng = np.random.default_rng(0)
    point = space.sample(1, rng)[0]
    disturbed = np.where(space.active(point[None])[0], point, rng.random(space.n_columns))
    assert not np.array_equal(disturbed, point)
    np.testing.assert_array_equal(space.snap(disturbed[None])[0], point)
    assert space.decode(disturbed) == space.decode(point)


def test_branches_are_equally_likely_and_each_has_its_own_parameters():
    space = Space(CONDITIONAL)
    params = [space.decode(point) for point in space.sample(900, np.random.default_rng(0))]
    names = [tuple(p) for p in params]
    assert set(names) == {("clf", "clf__C", "scale"), ("clf", "clf__max_depth", "scale"), ()}
    assert min(names.count(name) for name in set(names)) > 250


def test_parameters_that_branches_have_in_common_share_a_column():
    assert Space(CONDITIONAL).n_columns == 1 + 3  # the branch, C, scale, max_depth
    assert Space([{"C": (0, 1), "a": [1, 2]}, {"C": (0, 2)}]).n_columns == 1 + 3


@pytest.mark.parametrize(
    ("notation", "size"),
    [
        ({"a": [1, 2, 3], "b": (0, 4)}, 15),
        ({}, 1),
        ([{"a": [1, 2]}, {"a": [2, 3]}], 3),
        ([{"a": [1, 2]}, {"b": [2, 3]}], 4),
        ({"a": [1, 1, 1]}, 1),
        ({"m": Subset(4)}, 15),
        ({"m": Subset(4, min_features=2, max_features=2)}, 6),
        ({"a": [1], "b": uniform(0, 1)}, np.inf),
        ({"m": Subset(1100), "b": uniform(0, 1)}, np.inf),
        ([{"m": Subset(1100)}, {"b": uniform(0, 1)}], np.inf),
        ({"a": randint(0, 3)}, 3),
    ],
    ids=str,
)
def test_size_counts_distinct_configurations(notation, size):
    space = Space(notation)
    assert space.size == size
    if np.isfinite(size):
        points = list(space.grid())
        assert len(points) == size
        assert len({space.key(point) for point in points}) == size


def test_grid_is_in_the_order_of_parameter_grid():
    notation = [{"b": [1, 2], "a": ["x", "y"]}, {"c": [3.0]}, {}]
    space = Space(notation)
    assert [space.decode(point) for point in space.grid()] == list(ParameterGrid(notation))


def test_one_configuration_has_one_key_in_whichever_branch_it_is_found():
    space = Space([{"a": [1, 2]}, {"a": [2, 3]}])
    keys = {
        space.decode(point)["a"]: space.key(point) for point in space.sample(50, np.random.default_rng(0))
    }
    assert len(set(keys.values())) == 3
    for point in space.sample(50, np.random.default_rng(1)):
        assert space.key(point) == keys[space.decode(point)["a"]]


def test_neighbors_differ_in_one_parameter_and_are_canonical():
    space = Space(CONDITIONAL)
    for point in space.sample(30, np.random.default_rng(0)):
        params = space.decode(point)
        for neighbor in space.neighbors(point):
            np.testing.assert_allclose(space.snap(neighbor[None])[0], neighbor)
            other = space.decode(neighbor)
            if other.keys() == params.keys():
                assert sum(other[name] != params[name] for name in params) == 1
            else:
                assert (space.active(neighbor[None]) != space.active(point[None])).any()


def test_neighbors_are_all_values_one_step_away_and_each_once():
    space = Space({"a": (1, 3), "b": (1, 3), "c": ["x", "y", "z"], "d": [1, 2, 4], "e": (0.0, 1.0)})
    point = space.encode({"a": 1, "b": 2, "c": "y", "d": 4, "e": 0.5})
    steps = [space.decode(neighbor) for neighbor in space.neighbors(point)]
    changes = sorted(
        (name, value) for step in steps for name, value in step.items() - space.decode(point).items()
    )
    assert changes == [("a", 2), ("b", 1), ("b", 3), ("c", "x"), ("c", "z"), ("d", 2)]


def test_a_setting_outside_is_refused_with_the_reason():
    space = Space({"C": (0.0, 1.0), "kernel": ["rbf"]})
    with pytest.raises(ValueError, match=r"C=3 is not in Real\(0.0, 1.0"):
        space.encode({"C": 3, "kernel": "rbf"})
    with pytest.raises(ValueError, match=r"give a value for \['kernel'\]"):
        space.encode({"C": 0.5})
    with pytest.raises(ValueError, match=r"\['gamma'\] are not searched"):
        space.encode({"C": 0.5, "kernel": "rbf", "gamma": 1})


def test_a_space_pickles():
    space = pickle.loads(pickle.dumps(Space([MIXED, *CONDITIONAL])))
    assert space.decode(space.sample(1, np.random.default_rng(0))[0]) in space


def test_the_widest_range_has_a_width_in_log_units():
    space = Space({"alpha": (1e-200, 1e200, "log-uniform"), "share": (0.0, 1.0)})
    width, linear = space.log_widths(space.encode({"alpha": 1.0, "share": 0.5}))
    assert width == pytest.approx(400 * np.log(10))
    assert np.isnan(linear)


def test_what_settings_have_beside_the_space_makes_no_difference():
    space = Space({"C": (1.0, 10.0)}, beside=["max_iter"])
    assert {"C": 2.0, "max_iter": 9} in space
    assert space.own({"C": 2.0, "max_iter": 9}) == {"C": 2.0}
    np.testing.assert_array_equal(space.encode({"C": 2.0, "max_iter": 9}), space.encode({"C": 2.0}))
    assert {"C": 2.0, "tol": 9} not in space


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"kernel": "poly", "C": 5.0}, r"C=5.0 is not in Real\(0.1, 1.0"),
        ({"kernel": "rbf", "C": 50.0}, r"C=50.0 is not in Real\(0.1, 10.0"),
        ({"kernel": "poly"}, r"give a value for \['C'\]"),
        ({"kernel": "rbf", "C": 50.0, "max_iter": 9}, r"C=50.0 is not in Real\(0.1, 10.0"),
        ({"kernel": "rbf", "C": 5.0, "degree": 3}, r"\['degree'\] are not searched here"),
    ],
)
def test_why_a_setting_is_not_in_the_space_is_said_of_the_branch_that_is_meant(params, why):
    branches = [{"kernel": ["rbf"], "C": (0.1, 10.0)}, {"kernel": ["poly"], "C": (0.1, 1.0)}]
    with pytest.raises(ValueError, match=why):
        Space(branches, beside=["max_iter"]).encode(params)
