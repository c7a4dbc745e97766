import numpy as np
import pytest

from sksearch.optimizers.worth import ColumnWorth

POINT = np.zeros(1)


def test_columns_that_models_lean_on_are_worth_more():
    worth, rng = ColumnWorth(6), np.random.default_rng(0)
    for _ in range(20):
        importance = np.array([3.0, 3.0, 3.0, 0.1, 0.1, 0.1])
        importance[rng.permutation(6)[:2]] = np.nan
        worth.note(POINT, importance)
    sampled = worth.sample(500, rng)
    assert sampled[:, :3].min(axis=1).mean() > sampled[:, 3:].max(axis=1).mean() + 1.0


def test_the_scale_of_the_importance_does_not_matter():
    one, other = ColumnWorth(3), ColumnWorth(3)
    for scale in (1.0, 1e-6, 1e6):
        one.note(POINT, np.array([1.0, 2.0, np.nan]))
        other.note(POINT, scale * np.array([1.0, 2.0, np.nan]))
    drawn = [worth.sample(4, np.random.default_rng(0)) for worth in (one, other)]
    np.testing.assert_allclose(*drawn)


def test_what_was_never_tried_is_average_and_uncertain():
    worth = ColumnWorth(3)
    assert not worth.known
    for _ in range(30):
        worth.note(POINT, np.array([1.5, 0.5, np.nan]))
    assert worth.known
    sampled = worth.sample(2000, np.random.default_rng(0))
    mean = sampled.mean(axis=0)
    assert mean[0] > mean[2] > mean[1]
    assert sampled[:, 2].std() > 2 * sampled[:, 0].std()


def test_an_importance_of_late_overrules_those_of_long_ago():
    worth = ColumnWorth(2)
    for _ in range(200):
        worth.note(POINT, np.array([3.0, 1.0]))
    for _ in range(40):
        worth.note(POINT, np.array([1.0, 3.0]))
    first, second = worth.sample(500, np.random.default_rng(0)).mean(axis=0)
    assert second > first


@pytest.mark.parametrize("importance", [np.zeros(3), np.full(3, np.nan), np.array([np.inf, 1.0, 1.0])])
def test_an_importance_that_says_nothing_is_passed_over(importance):
    worth = ColumnWorth(3)
    worth.note(POINT, importance)
    sampled = worth.sample(5, np.random.default_rng(0))
    assert np.isfinite(sampled).all()


def test_a_candidate_knows_its_own_columns_best():
    worth, rng = ColumnWorth(3), np.random.default_rng(0)
    points = np.array([[0.0], [1.0], [2.0]])
    for _ in range(50):
        worth.note(points[0], np.array([3.0, 1.0, np.nan]))
    worth.note(points[1], np.array([1.0, 3.0, np.nan]))
    own = worth.to(points)
    np.testing.assert_allclose(own[:2, :2], np.log([[1.5, 0.5], [0.5, 1.5]]))
    assert np.isnan(own[:2, 2]).all()
    assert np.isnan(own[2]).all()
    first, second, third = np.mean([worth.sample(3, rng, own) for _ in range(300)], axis=0)
    assert first[0] > first[1]
    assert second[1] > second[0]
    assert third[0] > third[1]
