import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sksearch.execution import forecast, racing


def scores_of(rng, n, n_folds, noise):
    """Scores of candidates, with an effect of each fold on all, and different spreads."""
    quality = rng.normal(size=(n, 1))
    spread = noise * rng.chisquare(5, size=(n, 1)) / 5
    return quality + rng.normal(size=n_folds) + spread * rng.normal(size=(n, n_folds))


def chances_of(known):
    best = np.nanmax(known.mean(axis=1))
    return racing.chances(*forecast.from_folds(known), best) * (1.0 - forecast.twins(known)[0])


def race(scores):
    """Run candidates in turn as the policy has it; return what was run."""
    known = np.full_like(scores, np.nan)
    n_begun = 0
    while True:
        waiting = np.isnan(known[:n_begun]).any(axis=1)
        if n_begun and waiting.all():
            free, chances = waiting, np.zeros(n_begun)
        elif waiting.any():
            chances = chances_of(known[:n_begun])
            expected = forecast.from_folds(known[:n_begun])[0]
            free = waiting & racing.worth_a_fold(chances, expected, waiting, last=n_begun == len(scores))
        else:
            free = waiting
        if free.any():
            row = np.where(free, chances, -1.0).argmax()
        elif n_begun < len(scores):
            row, n_begun = n_begun, n_begun + 1
        else:
            return known
        fold = (row + np.isfinite(known[row]).sum()) % scores.shape[1]
        known[row, fold] = scores[row, fold]


@pytest.mark.parametrize("n_folds", [5, 10])
def test_the_winner_is_seldom_lost_and_many_fits_are_saved(n_folds):
    rng = np.random.default_rng(0)
    lost, shares = [], []
    for _ in range(60):
        scores = scores_of(rng, 40, n_folds, noise=0.5)
        known = race(scores)
        lost.append(np.isnan(known[scores.mean(axis=1).argmax()]).any())
        shares.append(np.isfinite(known).mean())
    assert np.mean(lost) < 0.05
    assert np.mean(shares) < 0.6


def test_candidates_that_vary_more_than_others_get_the_benefit_of_the_doubt():
    steady = np.array([[1.0, 1.01, 0.99, 1.0], [0.9, 0.91, 0.89, 0.9], [0.8, 0.8, 0.81, 0.79]])
    candidate = [0.9, np.nan, np.nan, np.nan]
    uneven = np.array([0.2, 1.4, 0.3, 1.3])
    chance = [
        racing.chances(*forecast.from_folds(np.vstack([*others, candidate])), 1.0)[-1]
        for others in ([steady], [steady, uneven, uneven[::-1]])
    ]
    assert chance[0] < racing.LEAST_CHANCE < chance[1]


def test_while_there_are_new_candidates_only_those_with_a_good_chance_go_on():
    chances = np.append(np.zeros(racing.N_LEAST), [0.9, racing.LIKELY / 2, 0.001])
    waiting = chances > 0
    assert racing.worth_a_fold(chances, chances, waiting, last=False)[waiting].tolist() == [
        True,
        False,
        False,
    ]
    assert racing.worth_a_fold(chances, chances, waiting, last=True).all()
    chances[waiting] = racing.MOST_LEFT / 4
    assert not racing.worth_a_fold(chances, chances, waiting, last=True).any()


def test_a_first_few_are_run_to_their_end_and_more_before_the_rest_is_left():
    n = racing.N_LEAST + 3
    chances, expected = np.zeros(n), -np.abs(np.arange(n) - 5.0)
    few, enough = np.arange(n) >= racing.N_FIRST - 1, np.arange(n) >= racing.N_FIRST
    # One after the other to its end, in the order of what is expected of them.
    assert np.flatnonzero(racing.worth_a_fold(chances, expected, few, last=False)).tolist() == [5]
    assert not racing.worth_a_fold(chances, expected, enough, last=False).any()
    assert np.flatnonzero(racing.worth_a_fold(chances, expected, enough, last=True)).tolist() == [5]
    done = np.arange(n) >= racing.N_LEAST
    assert not racing.worth_a_fold(chances, expected, done, last=True).any()


def test_who_agrees_with_a_complete_one_is_its_twin_if_others_never_agree():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(8, 4))
    candidates = np.vstack([numbers, numbers[3], numbers[3] + 1e-13, numbers[3]])
    candidates[-2, [0, 3]] = np.nan  # which folds it has does not matter
    candidates[-1, :3] = np.nan
    probability, mean, variance = forecast.twins(candidates)
    assert probability[-2:].min() > 0.8
    np.testing.assert_allclose(mean[-2:], numbers[3].mean())
    np.testing.assert_allclose(variance[-2:], 0.0, atol=1e-20)
    candidates[-2, 1] += 1e-3
    candidates[-1, 3] += 1e-3
    np.testing.assert_array_equal(forecast.twins(candidates)[0][-2:], 0.0)
    # Where scores have few values, to agree means little.
    few = np.vstack([rng.integers(0, 2, size=(12, 4)), [[1.0, np.nan, np.nan, np.nan]]]).astype(float)
    assert forecast.twins(few)[0][-1] < 0.5


def test_neighbours_that_agree_on_most_folds_are_no_twins():
    """Of these, one sample of another fold each is classified otherwise than by their neighbours."""
    rng = np.random.default_rng(0)
    strangers, neighbours = rng.normal(size=(15, 8)), np.full((8, 8), 0.9) + 0.02 * np.eye(8)
    neighbours[-1, 5:] = np.nan
    assert forecast.twins(np.vstack([strangers, neighbours]))[0][-1] < 0.3
    twin = np.where(np.arange(8) < 5, strangers[0], np.nan)
    strangers[1:9] = strangers[0]
    assert forecast.twins(np.vstack([strangers, neighbours[:-1], twin]))[0][-1] > 0.7


def test_a_fold_on_which_scores_vary_more_says_less():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(30, 1)) + rng.normal(size=(30, 4)) * [3.0, 0.1, 0.1, 0.1]
    scores[-2, 1:] = np.nan  # knows the fold that varies
    scores[-1, :1] = np.nan  # knows all others
    _, variance, _ = forecast.from_folds(scores)
    assert variance[-2] > 10 * variance[-1]
    _, same, _ = forecast.from_folds(np.roll(scores, 1, axis=1))
    np.testing.assert_allclose(same, variance)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(-100, 100), st.floats(1e-3, 1e3))
def test_units_of_the_score_do_not_matter(seed, shift, scale):
    rng = np.random.default_rng(seed)
    scores = scores_of(rng, 5, 4, noise=1.0)
    scores[3:, 2:] = np.nan
    best = scores[:3].mean(axis=1).max()
    for expect in (forecast.from_folds, forecast.from_rungs):
        one = racing.chances(*expect(scores), best)
        other = racing.chances(*expect(shift + scale * scores), shift + scale * best)
        np.testing.assert_allclose(one[3:], other[3:], rtol=1e-4, atol=1e-6)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_complete_candidate_is_forecast_to_be_what_it_is(seed):
    scores = scores_of(np.random.default_rng(seed), 4, 5, noise=1.0)
    mean, variance, _ = forecast.from_folds(scores)
    np.testing.assert_allclose(mean, scores.mean(axis=1))
    np.testing.assert_allclose(variance, 0.0, atol=1e-12)


def test_effects_that_folds_have_on_all_are_taken_out():
    effect = np.array([0.0, -5.0, 5.0])
    scores = np.array([[1.0, 1.1, 0.9], [0.5, 0.4, 0.6], [0.8, np.nan, np.nan]])
    plain = forecast.from_folds(scores)
    shifted = forecast.from_folds(scores + effect)
    np.testing.assert_allclose(plain[0], shifted[0], atol=1e-9)


def alike(points, lengthscale=0.3):
    """Similarity of points on a line to those that are complete."""
    apart = np.abs(points[:, None] - points)
    return lambda whole: np.exp(-(apart**2) / (2 * lengthscale**2))[:, whole]


def smooth_scores(rng, n, n_folds, noise=0.0):
    """Scores at points on a line, on folds with an optimum each, and where there is no noise nothing else."""
    points, optima = rng.random(n), rng.random(n_folds)
    return points, -((points[:, None] - optima) ** 2) + noise * rng.normal(size=(n, n_folds))


@pytest.mark.parametrize("seed", range(5))
def test_what_a_fold_adds_is_learned_from_trials_that_are_alike(seed):
    points, scores = smooth_scores(np.random.default_rng(seed), 20, 5)
    known = scores.copy()
    known[10:, 1:] = np.nan
    truth = scores.mean(axis=1)[10:]
    mean, variance, _ = forecast.from_folds(known, alike(points))
    plain_mean, plain_variance, _ = forecast.from_folds(known)
    assert np.median(np.abs(mean[10:] - truth)) < 0.2 * np.median(np.abs(plain_mean[10:] - truth))
    assert np.median(variance[10:]) < 0.1 * np.median(plain_variance[10:])


@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_forecasts_are_as_sure_as_they_may_be(noise):
    errors = []
    for seed in range(40):
        points, scores = smooth_scores(np.random.default_rng(seed), 24, 5, noise)
        known = scores.copy()
        known[12:, 2:] = np.nan
        mean, variance, _ = forecast.from_folds(known, alike(points))
        errors.append((mean - scores.mean(axis=1))[12:] / np.sqrt(variance[12:]))
    # Student's t with six degrees of freedom at most, 2.5 % beyond 2.45 on each side
    assert 0.01 < (np.abs(errors) > 2.45).mean() < 0.15


def test_trials_that_are_like_nobody_have_the_mean_effect_of_a_fold():
    scores = scores_of(np.random.default_rng(0), 8, 4, noise=0.5)
    scores[5:, 2:] = np.nan
    strangers = forecast.from_folds(scores, lambda whole: np.eye(8)[:, whole])
    for one, other in zip(strangers, forecast.from_folds(scores), strict=True):
        np.testing.assert_allclose(one, other)


def test_a_hopeless_trial_does_not_decide_what_folds_add():
    points, scores = smooth_scores(np.random.default_rng(0), 12, 5)
    points[0], scores[0] = 0.5, [-900.0, 3.0, 2.0, 2.0, 2.0]
    known = scores.copy()
    known[8:, 2:] = np.nan
    mean, _, _ = forecast.from_folds(known, alike(points))
    assert np.abs(mean - scores.mean(axis=1))[8:].max() < 1.0


def test_equal_scores_on_all_folds_are_no_numerical_accident():
    scores = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.5, np.nan, np.nan]])
    mean, variance, dof = forecast.from_folds(scores)
    assert np.isfinite([mean, variance, dof]).all()
    assert racing.chances(mean, variance, dof, 0.5)[2] == 0.5


@pytest.mark.parametrize("score", [-1e3, -1e10, -1e20, -1e140])
def test_a_model_that_diverged_says_nothing_of_others(score):
    scores = scores_of(np.random.default_rng(0), 12, 5, noise=0.3)
    scores[6:, 2:] = np.nan
    more = np.vstack([scores, score * np.array([[1.0, 1.1, 0.9, 1.2, 1.0]])])
    for known in (scores, more):
        assert (forecast.twins(known)[0][6:12] < 0.01).all()
    (mean, variance, dof), (others_mean, others_variance, others_dof) = (
        [values[:12] for values in forecast.from_folds(known)] for known in (more, scores)
    )
    best = scores[:6].mean(axis=1).max()
    chances = racing.chances(mean, variance, dof, best)
    np.testing.assert_allclose(mean, others_mean, atol=0.1)
    np.testing.assert_allclose(
        chances[6:], racing.chances(others_mean, others_variance, others_dof, best)[6:], atol=0.15
    )


def test_a_first_rung_that_diverged_says_nothing_of_others():
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.random((12, 3)) * [1.0, 0.2, 0.1], axis=1)
    values[8:, 1:] = np.nan
    chances = racing.chances(*forecast.from_rungs(values), np.nanmax(values))
    values[0, 0] = -1e3
    np.testing.assert_allclose(
        racing.chances(*forecast.from_rungs(values), np.nanmax(values))[8:], chances[8:], atol=0.3
    )
    assert forecast.from_rungs(values)[0].max() < 3.0


def test_twins_are_found_whatever_the_magnitude_and_where_scores_are_nothing_but_rounding():
    twin = [[0.3, -2e-17, 0.7], [0.3 + 1e-16, 1e-17, np.nan], [0.1, 0.2, 0.4]]
    for scale in (1e-12, 1.0, 1e30):
        probability, _, _ = forecast.twins(scale * np.array(twin))
        assert probability[1] > 0.5
        assert probability[2] > 0.5  # with itself
        assert forecast.twins(scale * np.array([*twin, [0.31, 0.0, np.nan]]))[0][3] == 0.0


def test_rungs_learn_how_much_is_still_to_come():
    # Everyone gains 1 from the first rung to the end: who is 0.9 behind the best's end is not out.
    values = np.array(
        [[0.0, 0.5, 1.0], [0.1, 0.6, 1.1], [-0.5, 0.0, 0.5], [-0.2, 0.3, 0.8], [0.2, np.nan, np.nan]]
    )
    mean, variance, dof = forecast.from_rungs(values)
    assert racing.chances(mean, variance, dof, 1.1)[-1] > racing.LEAST_CHANCE
    assert mean[-1] > 0.9
    values[-1, 0] = -5.0
    assert racing.chances(*forecast.from_rungs(values), 1.1)[-1] < racing.LEAST_CHANCE


def test_rungs_learn_from_who_went_on_and_was_dropped_later():
    # The only one that was run to its end is no example of how the others go on.
    values = np.array([[0.0, 0.0, 0.2], [0.1, 0.6, np.nan], [-0.5, 0.1, np.nan], [0.2, 0.6, np.nan]])
    mean, variance, _ = forecast.from_rungs(np.vstack([values, [[0.3, np.nan, np.nan]]]))
    np.testing.assert_allclose(mean, [0.2, 0.8, 0.3, 0.8, 0.3 + 0.375 + 0.2])
    assert variance[0] == 0.0
    assert (variance[4] > variance[1:4]).all()


def test_the_best_of_each_rung_go_on():
    nan = np.nan
    values = np.array([[3.0, 1.0, 9.0], [2.0, 2.0, nan], [1.0, nan, nan], [4.0, nan, nan], [0.0, nan, nan]])
    assert racing.among_best(values, factor=2).tolist() == [True, True, False, True, False]


def test_no_more_go_on_than_their_share():
    nan = np.nan
    values = np.array([[1.0, 1.0], [2.0, nan], [3.0, nan], [4.0, nan]])
    waiting = np.array([False, True, True, True])
    assert racing.have_room(values, waiting, factor=3)[1:].all()
    waiting[3] = False  # it runs its next rung, and 2 are a third of 4, rounded up
    assert not racing.have_room(values, waiting, factor=3).any()
    more = np.vstack([values, [[0.0, nan]] * 3]), np.append(waiting, [True] * 3)
    assert racing.have_room(*more, factor=3)[2]


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_one_of_those_who_are_good_enough_has_its_turn_when_enough_have_come(seed):
    rng = np.random.default_rng(seed)
    values = np.full((9, 3), np.nan)
    values[:, 0] = rng.permutation(9)
    waiting = np.full(9, True)
    for _ in range(3):  # a third of them goes on, the best first, and not one more
        free = racing.have_room(values, waiting, 3) & racing.among_best(values, 3) & waiting
        assert free.any()
        waiting[np.flatnonzero(free)[values[free, 0].argmax()]] = False
    assert not (racing.have_room(values, waiting, 3) & waiting).any()
    assert set(values[~waiting, 0]) == {6.0, 7.0, 8.0}
