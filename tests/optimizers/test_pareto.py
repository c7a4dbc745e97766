import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sksearch.optimizers import BayesianOptimizer, RandomOptimizer
from sksearch.optimizers.pareto import (
    crowded_merit,
    hypervolume,
    non_dominated,
    non_dominated_sort,
    scalarize,
)
from sksearch.space import Space

# Few different values, so that rows and columns have ties.
ROWS = arrays(float, st.tuples(st.integers(0, 12), st.integers(1, 4)), elements=st.integers(0, 4).map(float))


def dominates(a, b):
    return all(a >= b) and any(a > b)


@given(ROWS)
def test_fronts_are_what_their_definition_says(values):
    expected, left, front = np.full(len(values), -1), set(range(len(values))), 0
    while left:
        current = {i for i in left if not any(dominates(values[j], values[i]) for j in left)}
        expected[list(current)] = front
        left, front = left - current, front + 1
    np.testing.assert_array_equal(non_dominated_sort(values), expected)
    np.testing.assert_array_equal(non_dominated(values), expected == 0)


@given(ROWS)
def test_the_hypervolume_is_the_number_of_unit_cells_below(values):
    n_objectives = values.shape[1]
    corners = np.stack(np.meshgrid(*[np.arange(1, 5)] * n_objectives), axis=-1).reshape(-1, n_objectives)
    covered = (values[:, None] >= corners).all(axis=2).any(axis=0)
    assert hypervolume(values, np.zeros(n_objectives)) == covered.sum()


def test_failures_are_dominated_by_everything_and_cover_nothing():
    values = np.array([[1.0, 2.0], [-np.inf, -np.inf], [0.0, 0.0]])
    np.testing.assert_array_equal(non_dominated_sort(values), [0, 2, 1])
    assert hypervolume(values, [0, 0]) == 2.0
    scalars = scalarize(values, np.array([0.5, 0.5]))
    assert np.isneginf(scalars[1])
    assert np.isfinite(scalars[[0, 2]]).all()


@given(ROWS, st.integers(0, 1000))
def test_a_weighing_prefers_what_dominates_and_its_best_is_on_the_front(values, seed):
    weights = np.random.default_rng(seed).dirichlet(np.ones(values.shape[1]))
    scalars = scalarize(values, weights)
    for i, a in enumerate(values):
        assert not any(dominates(a, b) and scalars[i] < scalars[j] for j, b in enumerate(values))
    if len(values):
        assert non_dominated_sort(values)[scalars >= scalars.max()].min() == 0


def test_a_concave_part_of_the_front_is_reached_by_some_weights():
    # A weighted sum would never choose the point in the middle.
    values = np.array([[1.0, 0.0], [0.4, 0.4], [0.0, 1.0]])
    chosen = {int(scalarize(values, np.array([w, 1 - w])).argmax()) for w in np.linspace(0.05, 0.95, 19)}
    assert chosen == {0, 1, 2}


def test_an_outlier_does_not_change_the_scale():
    values = np.array([[1.0, 0.0], [0.7, 0.8], [0.0, 1.0], [0.5, 0.5]])
    weights = np.array([0.4, 0.6])
    with_outlier = np.vstack([values, [-1e9, 0.9]])
    np.testing.assert_allclose(scalarize(with_outlier, weights)[:4], scalarize(values, weights))


# -- the optimizers ---------------------------------------------------------------------------------

SPACE = Space({"x": (0.0, 1.0), "z": (1e-3, 1e3, "log-uniform"), "k": ["a", "b"], "n": (1, 30)})


def objectives(params):
    worse = (np.log10(params["z"]) / 6) ** 2 + (params["n"] / 30 - 0.5) ** 2 + 0.3 * (params["k"] == "a")
    return -params["x"] - worse, -((1 - params["x"]) ** 2) - worse


def run(optimizer, n, n_points=1):
    while len(optimizer.values) < n:
        points = optimizer.ask(n_points)
        optimizer.tell(points, [objectives(SPACE.decode(point)) for point in points])
    return optimizer


@pytest.mark.parametrize("n_points", [1, 4])
def test_the_model_covers_more_than_random_points(n_points):
    def volumes(make):
        runs = [run(make(SPACE, np.random.default_rng(seed)), 36, n_points) for seed in range(4)]
        return [hypervolume(optimizer.values, [-1.2, -1.2]) for optimizer in runs]

    assert min(volumes(BayesianOptimizer)) > max(volumes(RandomOptimizer))


def test_values_of_several_objectives_are_kept_as_they_are_told():
    optimizer = RandomOptimizer(SPACE, np.random.default_rng(0))
    optimizer.tell([], [])
    points = optimizer.ask(3)
    optimizer.tell(points, [[1.0, 2.0], [3.0, 4.0], [5.0, -np.inf]])
    np.testing.assert_array_equal(optimizer.values, [[1, 2], [3, 4], [-np.inf, -np.inf]])
    optimizer.tell(points[:1], [[7.0, 8.0]])
    np.testing.assert_array_equal(optimizer.values[0], [7, 8])
    with pytest.raises(ValueError, match="shape"):
        optimizer.tell(points[:1], [1.0])
    with pytest.raises(ValueError, match="finite"):
        optimizer.tell(points[:1], [[1.0, np.nan]])


@pytest.mark.parametrize(
    "values",
    [
        [[-np.inf, -np.inf]] * 12,
        [[1.0, 2.0]] * 12,
        [[1.0, float(i)] for i in range(12)],
        [[1.0, 2.0, float(i)] for i in range(12)],
    ],
    ids=["all failed", "all equal", "one objective constant", "three objectives"],
)
def test_degenerate_values_do_not_stop_the_search(values):
    optimizer = BayesianOptimizer(SPACE, np.random.default_rng(0))
    for value in values:
        optimizer.tell(optimizer.ask(1), [value])
    assert len(optimizer.ask(3)) == 3


def test_the_model_is_of_one_weighing_and_predicts_no_objective():
    optimizer = run(BayesianOptimizer(SPACE, np.random.default_rng(0)), 8)
    with pytest.raises(ValueError, match="no model of each objective"):
        optimizer.predict(SPACE.decode(optimizer.points[0]))


def test_crowded_merit_puts_fronts_first_and_then_the_less_crowded():
    values = np.array([[0.0, 4.0], [1.0, 3.0], [1.1, 2.9], [4.0, 0.0], [0.5, 0.5], [-np.inf, -np.inf]])
    merit = crowded_merit(values)
    assert merit[0] == merit[3] == 1.0  # the ends
    assert merit[1] < merit[2] < 1.0  # more room on one side
    assert merit[2] > 0.0 > merit[5]
    assert merit[4] <= 0.0
    assert merit[5] == -np.inf


def test_an_objective_that_is_constant_on_a_front_crowds_nobody():
    values = np.array([[0.0, 4.0], [1.0, 3.0], [1.1, 2.9], [4.0, 0.0]])
    merit = crowded_merit(np.column_stack([values, np.ones(4)]))
    np.testing.assert_array_equal(merit, crowded_merit(values))
    assert merit.min() < 1.0
    np.testing.assert_array_equal(crowded_merit(np.ones((3, 2))), 1.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e308, 1e-300])
def test_extents_beyond_floats_are_no_obstacle(size):
    front = np.array([[-size, size], [size / 2, -size / 2], [0.0, 0.0], [size, -size]])
    values = np.vstack([front, [[-1e308, -1e308]]])
    scalars, merit = scalarize(values, np.array([0.4, 0.6])), crowded_merit(values)
    np.testing.assert_allclose(scalars[:4], scalarize(front / size, np.array([0.4, 0.6])))
    np.testing.assert_allclose(merit[:4], crowded_merit(front / size))
    assert scalars[4] < scalars[:4].min()
    assert merit[4] == 0.0
