import numpy as np

from sksearch.optimizers.density import better_rows, sample_like
from sksearch.space import Space


def draw(space, values_of, n_told=200, n=2000):
    told = space.sample(n_told, np.random.default_rng(0))
    return sample_like(space, told[better_rows(values_of(told))], n, np.random.default_rng(1))[0]


def test_numbers_and_categories_are_drawn_like_the_better_points():
    space = Space({"a": (0.0, 1.0), "b": ["x", "y", "z"]})
    sampled = draw(space, lambda told: -np.abs(told[:, 0] - 0.8) - (told[:, 1] > 1 / 3))
    assert np.quantile(sampled[:, 0], 0.25) > 0.5
    assert np.mean(sampled[:, 1] < 1 / 3) > 0.7


def test_every_region_keeps_a_chance():
    space = Space({"a": (0.0, 1.0)})
    sampled = draw(space, lambda told: told[:, 0])
    assert sampled.min() < 0.1


def test_points_do_not_pile_up_on_the_bounds():
    space = Space({"a": (0.0, 1.0)})
    sampled = draw(space, lambda told: told[:, 0])
    assert np.mean(sampled == 1.0) < 0.01


def test_points_are_canonical_in_conditional_spaces_and_failures_are_not_followed():
    space = Space([{"m": ["p"], "a": (0.0, 1.0)}, {"m": ["q"], "b": (1, 9), "c": (0.0, 1.0)}])

    def values(told):
        return np.where(told[:, 0] < 0.5, -np.inf, told.sum(axis=1))

    sampled = draw(space, values)
    np.testing.assert_array_equal(space.snap(sampled), sampled)
    assert np.mean(sampled[:, 0] > 0.5) > 0.7
