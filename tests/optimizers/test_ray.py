import pickle

import numpy as np
import pytest

from sksearch.optimizers import RayOptimizer
from sksearch.space import Space, Vector

N = 40
SPACE = Space({"v": Vector(N, -10, 10)})
TARGET = np.where(np.arange(N) < 20, -3.0, 4.0)


def proposals(noise, n_folds=3, target=TARGET, seed=0):
    noises = np.random.default_rng(seed).normal(scale=noise, size=(n_folds, N))
    return [{"proposal": {"v": tuple(np.clip(target + one, -10, 10))}} for one in noises]


def run(measured, target=TARGET, n=40, n_points=1, start=0.0, **options):
    optimizer = RayOptimizer(SPACE, np.random.default_rng(0), **options)
    optimizer.expect(SPACE.encode({"v": start}))
    asked = [SPACE.encode({"v": start})]
    while len(asked) and len(optimizer.values) < n:
        values = [-np.sum((np.array(SPACE.decode(p)["v"]) - target) ** 2) for p in asked]
        if not len(optimizer.values) and measured:
            optimizer.note(asked[0], measured)
        optimizer.tell(asked, values)
        asked = optimizer.ask(n_points)
    return optimizer


def vectors(optimizer):
    return np.array([SPACE.decode(point)["v"] for point in optimizer.points])


def test_folds_that_agree_are_believed_at_once():
    optimizer = run(proposals(0.01), n=2)
    np.testing.assert_allclose(vectors(optimizer)[1], TARGET, atol=0.1)


def test_folds_that_disagree_have_their_differences_shrunk():
    one = vectors(run(proposals(5.0), n=2))[1]
    raw = vectors(run(proposals(5.0), n=2, shrink=False))[1]
    assert np.std(one) < 0.9 * np.std(raw)
    np.testing.assert_allclose(one.mean(), raw.mean(), atol=1e-9)
    np.testing.assert_allclose(np.corrcoef(one, raw)[0, 1], 1.0)


def test_differences_that_are_noise_are_mostly_given_up():
    everywhere = np.full(N, 2.0)
    for seed in range(10):
        measured = proposals(1.0, target=everywhere, seed=seed)
        optimizer = run(measured, everywhere)
        spread = np.std(vectors(optimizer), axis=1).max()
        raw = np.std(np.mean([fold["proposal"]["v"] for fold in measured], axis=0))
        assert spread < 0.8 * raw
        assert optimizer.finished


@pytest.mark.parametrize("n_points", [1, 3])
def test_the_level_and_the_strength_are_found_where_the_proposal_has_them_wrong(n_points):
    # Half as much difference as there should be, at a level 3 too high.
    wrong = [{"proposal": {"v": tuple(0.5 * (TARGET - TARGET.mean()) + 3.5)}}] * 3
    optimizer = run(wrong, n_points=n_points)
    assert optimizer.finished
    best = vectors(optimizer)[optimizer.values.argmax()]
    assert np.abs(best - TARGET).max() < 0.6
    assert len({SPACE.key(point) for point in optimizer.points}) == len(optimizer.points) < 30


def test_without_a_proposal_only_the_level_is_searched():
    optimizer = run([], target=np.full(N, 5.0))
    assert np.ptp(vectors(optimizer), axis=1).max() < 1e-9
    assert abs(vectors(optimizer)[optimizer.values.argmax()][0] - 5.0) <= 0.5


def test_without_a_point_the_first_is_the_middle():
    optimizer = RayOptimizer(SPACE, np.random.default_rng(0))
    np.testing.assert_allclose(SPACE.decode(optimizer.ask(1)[0])["v"], 0.0)
    assert len(optimizer.ask(1)) == 0
    assert not optimizer.finished


def test_it_pickles_and_goes_on_the_same():
    optimizer = run(proposals(1.0), n=3)
    copy = pickle.loads(pickle.dumps(optimizer))
    np.testing.assert_array_equal(copy.ask(2), optimizer.ask(2))
