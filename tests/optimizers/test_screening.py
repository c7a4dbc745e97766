import numpy as np
import pytest
from scipy.special import ndtri

from sksearch.optimizers.screening import RoughModel
from sksearch.space import Space, Subset

SPACE = Space({"x": (0.0, 1.0), "y": (1, 30), "k": ["a", "b", "c"], "flag": [True, False]})


def smooth(points):
    _, k, x, y = points.T  # by name
    return -((x - 0.3) ** 2) - (y - 0.6) ** 2 - 0.2 * (k > 1 / 3)


def known_of(space, n, score, seed=0):
    points = space.sample(n, np.random.default_rng(seed))
    order = np.argsort(-score(points), kind="stable")
    return points[order], score(points)[order]


def draws(space, known, values, points, n=100):
    rng = np.random.default_rng(1)
    return np.array([RoughModel(space).sample(known, values, points, rng) for _ in range(n)])


@pytest.mark.parametrize("n_known", [20, 50, 500])
def test_draws_resemble_the_function(n_known):
    points = SPACE.sample(100, np.random.default_rng(2))
    sampled = draws(SPACE, *known_of(SPACE, n_known, smooth), points, n=20).mean(axis=0)
    assert np.corrcoef(sampled, smooth(points))[0, 1] > 0.6


def test_what_is_known_is_drawn_as_it_is_and_what_is_far_is_drawn_widely():
    space = Space({"x": (0.0, 1.0)})
    known, values = known_of(space, 12, lambda points: np.sin(20 * points[:, 0]))
    known *= 0.5
    sampled = draws(space, known, values, np.vstack([known, [[1.0]]]))
    spread = sampled.std(axis=0)
    assert spread[:-1].max() < 0.5 * spread[-1]
    assert np.corrcoef(sampled.mean(axis=0)[:-1], values)[0, 1] > 0.95


def test_neighbours_are_drawn_together():
    space = Space({"x": (0.0, 1.0)})
    known, values = known_of(space, 10, lambda points: np.sin(20 * points[:, 0]))
    known *= 0.5
    together = np.corrcoef(draws(space, known, values, np.array([[0.99], [1.0], [0.05]])).T)[0]
    assert together[1] > 0.8 > together[2]


def test_only_the_ranks_of_the_values_matter():
    points = SPACE.sample(30, np.random.default_rng(2))
    known, values = known_of(SPACE, 30, smooth)
    for scaled in (np.exp(5 * values), 1e9 * values + 3):
        np.testing.assert_array_equal(
            draws(SPACE, known, scaled, points, 1), draws(SPACE, known, values, points, 1)
        )


@pytest.mark.parametrize(
    "space",
    [
        {"m": Subset(40), "C": (0.0, 1.0)},
        [{"m": ["p"], "a": (0.0, 1.0)}, {"m": ["q"], "b": (1, 9), "c": ["x", "y", "z"]}],
        {"k": ["a", "b"]},
    ],
    ids=["subset", "branches", "two points"],
)
def test_equal_values_and_repeated_points_are_no_obstacle(space):
    space = Space(space)
    known = space.sample(80, np.random.default_rng(0))
    for values in (np.zeros(80), np.repeat([1.0, 0.0], 40)):
        sampled = RoughModel(space).sample(
            known, values, np.tile(known[:5], (2, 1)), np.random.default_rng(1)
        )
        assert np.isfinite(sampled).all()


def test_a_good_branch_is_told_from_a_bad_one():
    space = Space([{"m": ["p"], "a": (0.0, 1.0)}, {"m": ["q"], "b": (0.0, 1.0)}])
    known, values = known_of(space, 40, lambda points: (points[:, 0] > 0.5) + 0.1 * points[:, 1])
    points = space.sample(40, np.random.default_rng(5))
    sampled = draws(space, known, values, points, 20).mean(axis=0)
    good = points[:, 0] > 0.5
    assert sampled[good].min() > sampled[~good].max()


def test_the_lengthscale_is_chosen_anew_when_there_is_a_twentieth_more():
    model, rng = RoughModel(Space({"x": (0.0, 1.0)})), np.random.default_rng(0)
    points = np.array([[0.8], [0.9]])

    def together(n, score):
        # Of a line, the normal scores are on a line.
        known = 0.25 + 0.1 * ndtri((np.arange(n)[:, None] + 0.5) / n)
        known = known[np.argsort(-score(known[:, 0]))]
        drawn = [model.sample(known, score(known[:, 0]), points, rng) for _ in range(200)]
        return np.corrcoef(np.transpose(drawn))[0, 1]

    wavy = together(20, lambda x: np.sin(50 * x))
    kept = together(20, lambda x: x)
    anew = together(21, lambda x: x)
    assert kept < wavy + 0.15
    assert anew > kept + 0.05
