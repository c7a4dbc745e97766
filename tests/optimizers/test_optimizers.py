import pickle

import numpy as np
import pytest
from scipy.stats import poisson

from sksearch.optimizers import BayesianOptimizer, EvolutionOptimizer, RandomOptimizer, bayesian
from sksearch.optimizers.acquisition import ACQUISITIONS, LogExpectedImprovement
from sksearch.optimizers.bayesian import representative
from sksearch.space import Space, Subset

SPACE = Space({"x": (0.0, 1.0), "y": (1e-3, 1e3, "log-uniform"), "k": ["a", "b", "c"], "n": (1, 30)})
OPTIMIZERS = [RandomOptimizer, BayesianOptimizer, EvolutionOptimizer]


def score(params):
    best = {"a": 0.0, "b": -0.3, "c": -1.0}[params["k"]]
    return (
        best
        - (params["x"] - 0.3) ** 2
        - (np.log10(params["y"]) / 3 - 0.2) ** 2
        - (params["n"] / 30 - 0.5) ** 2
    )


def run(optimizer, n, n_points=1):
    while len(optimizer.values) < n:
        points = optimizer.ask(n_points)
        optimizer.tell(points, [score(SPACE.decode(point)) for point in points])
    return optimizer


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_no_point_is_asked_twice_and_every_point_is_legal(make):
    optimizer = run(make(SPACE, np.random.default_rng(0)), 40, n_points=4)
    np.testing.assert_allclose(SPACE.snap(optimizer.points), optimizer.points, atol=1e-12)
    assert len({SPACE.key(point) for point in optimizer.points}) == 40


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize(
    "notation",
    [
        {"a": [1, 2, 3], "b": ["x", "y"]},
        {},
        {"a": ["only"]},
        [{"a": [1, 2]}, {"a": [2, 3]}],
        {"m": Subset(4)},
        {"n": (0, 20)},
    ],
    ids=str,
)
def test_a_finite_space_is_asked_to_the_last_point_and_then_ends(make, notation):
    space = Space(notation)
    optimizer = make(space, np.random.default_rng(0))
    asked = []
    while len(points := optimizer.ask(3)):
        asked += list(points)
        optimizer.tell(points, np.arange(len(points), dtype=float))
    assert len(asked) == len({space.key(point) for point in asked}) == space.size


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_pending_points_are_not_asked_again(make):
    space = Space({"a": (1, 6)})
    optimizer = make(space, np.random.default_rng(0))
    points = np.vstack([optimizer.ask(1) for _ in range(6)])
    assert len(np.unique(points)) == 6
    assert len(optimizer.ask(1)) == 0


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_points_that_are_expected_are_not_asked(make):
    space = Space({"a": (1, 4)})
    optimizer = make(space, np.random.default_rng(0))
    optimizer.expect(space.encode({"a": 2}))
    asked = {space.decode(point)["a"] for point in optimizer.ask(4)}
    assert asked == {1, 3, 4}


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_points_that_were_told_are_not_expected_again(make):
    space = Space({"a": [1, 2, 3, 4, 5, 6], "b": ["x", "y"]})
    optimizer = make(space, np.random.default_rng(0))
    points = np.array(list(space.grid()))
    optimizer.tell(points[:9], np.arange(9.0))
    for point in points[:9]:
        optimizer.expect(point)
    assert len(optimizer.ask(5)) == 3


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_same_seed_same_points_and_pickling_changes_nothing(make):
    one, other = (run(make(SPACE, np.random.default_rng(3)), 14) for _ in range(2))
    np.testing.assert_array_equal(one.points, other.points)
    copy = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(copy.ask(2), other.ask(2))


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_failures_are_taken_and_avoided_values_must_be_numbers(make):
    optimizer = make(SPACE, np.random.default_rng(0))
    for _ in range(15):
        points = optimizer.ask(1)
        params = SPACE.decode(points[0])
        optimizer.tell(points, [-np.inf if params["x"] > 0.5 else score(params)])
    assert np.isneginf(optimizer.values).any()
    with pytest.raises(ValueError, match="finite, or -inf for a failure"):
        optimizer.tell(optimizer.ask(1), [np.nan])


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_only_failures_or_equal_values_do_not_stop_the_search(make):
    for value in (-np.inf, 1.0):
        optimizer = make(SPACE, np.random.default_rng(0))
        for _ in range(14):
            optimizer.tell(optimizer.ask(1), [value])
        assert len(optimizer.values) == 14


def test_telling_a_point_again_replaces_its_value():
    optimizer = RandomOptimizer(SPACE, np.random.default_rng(0))
    points = optimizer.ask(2)
    optimizer.tell(points, [1.0, 2.0], [0.5, 0.5])
    optimizer.tell(points[:1], [3.0])
    assert optimizer.values.tolist() == [3.0, 2.0]
    assert optimizer.noise.tolist() == [0.0, 0.5]


def test_values_are_as_many_as_points_or_nothing_is_told():
    optimizer = RandomOptimizer(SPACE, np.random.default_rng(0))
    points = optimizer.ask(3)
    for values, noise in (([1.0, 2.0], None), ([1.0, 2.0, 3.0], [0.0])):
        with pytest.raises(ValueError, match=r"There are 3 points, .* give one of each"):
            optimizer.tell(points, values, noise)
    assert len(optimizer.points) == len(optimizer.values) == 0


@pytest.mark.parametrize("variance", [np.nan, -1.0])
def test_a_variance_that_is_none_is_refused(variance):
    optimizer = RandomOptimizer(SPACE, np.random.default_rng(0))
    points = optimizer.ask(2)
    with pytest.raises(ValueError, match="Variances must not be negative or NaN"):
        optimizer.tell(points, [1.0, 2.0], [0.5, variance])
    assert not len(optimizer.values)


def test_the_model_beats_random_search_on_every_seed():
    for seed in range(3):
        model = run(BayesianOptimizer(SPACE, np.random.default_rng(seed)), 30)
        random = run(RandomOptimizer(SPACE, np.random.default_rng(seed)), 30)
        assert model.values.max() > random.values.max()
        assert model.values.max() > -0.01


def test_a_batch_is_spread_out():
    optimizer = run(BayesianOptimizer(SPACE, np.random.default_rng(0)), 12)
    batch = optimizer.ask(4)
    distances = np.abs(batch[:, None] - batch[None]).max(axis=2)[np.triu_indices(4, 1)]
    assert distances.min() > 1e-3


def test_what_is_pending_and_promises_most_has_to_be_improved_on(monkeypatch):
    incumbents = []

    class Recorded(LogExpectedImprovement):
        def __init__(self, gp, incumbent):
            incumbents.append(incumbent)
            super().__init__(gp, incumbent)

    monkeypatch.setitem(ACQUISITIONS, "log-ei", Recorded)
    optimizer = BayesianOptimizer(Space({"a": (0.0, 1.0)}), np.random.default_rng(0))
    points = np.linspace(0.0, 0.6, 9)[:, None]
    optimizer.tell(points, points[:, 0])
    optimizer.expect(np.array([0.1]))
    optimizer.ask(1)
    optimizer.expect(np.array([0.7]))
    optimizer.ask(1)
    assert incumbents[1] > incumbents[0] + 0.1


def test_unbounded_counts_are_searched():
    space = Space({"n": poisson(4)})
    optimizer = BayesianOptimizer(space, np.random.default_rng(0))
    for _ in range(12):
        points = optimizer.ask(1)
        optimizer.tell(points, [-abs(space.decode(points[0])["n"] - 7)])
    assert optimizer.values.max() == 0


def test_points_are_alike_that_differ_in_what_does_not_matter():
    space = Space({"matters": (0.0, 1.0), "does_not": (0.0, 1.0)})
    points = np.array([[0.5, 0.5], [0.1, 0.5], [0.5, 0.1]])
    optimizer = BayesianOptimizer(space, np.random.default_rng(0))
    before = optimizer.similarity(points, points)
    np.testing.assert_allclose(before, RandomOptimizer(space, optimizer.rng).similarity(points, points))
    np.testing.assert_allclose(np.diag(before), 1.0)
    assert before[0, 1] == pytest.approx(before[0, 2])
    told = space.sample(30, np.random.default_rng(1))
    optimizer.tell(told, np.sin(9.0 * told[:, 0]))
    optimizer.ask(1)
    after = optimizer.similarity(points, points)
    assert after[0, 1] < before[0, 1] < after[0, 2]


def test_the_model_predicts_settings_on_the_scale_of_the_values():
    optimizer = run(BayesianOptimizer(SPACE, np.random.default_rng(0)), 40)
    settings = [SPACE.decode(point) for point in optimizer.points]
    mean, std = optimizer.predict(settings)
    assert np.abs(mean - optimizer.values)[optimizer.values > -0.5].max() < 0.1
    new = [SPACE.decode(point) for point in SPACE.sample(200, np.random.default_rng(1))]
    mean, std = optimizer.predict(new)
    truth = np.array([score(setting) for setting in new])
    assert np.mean(np.abs(mean - truth) < 3 * std + 0.02) > 0.8
    assert np.corrcoef(mean, truth)[0, 1] > 0.5
    one_mean, one_std = optimizer.predict(new[0])
    assert (one_mean, one_std) == (pytest.approx(mean[0]), pytest.approx(std[0]))


def test_what_was_seen_is_predicted_after_the_search_has_settled_elsewhere():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        optimizer = BayesianOptimizer(Space({"a": (0.0, 1.0), "b": (0.0, 1.0)}), rng)
        for _ in range(70):
            points = optimizer.ask(1)
            optimizer.tell(points, -((points - [0.3, 0.6]) ** 2).sum(axis=1))
        mean, _ = optimizer.predict([optimizer.space.decode(point) for point in optimizer.points])
        np.testing.assert_allclose(mean, optimizer.values, atol=0.02)


def test_a_branch_that_is_easy_to_tune_leaves_others_their_turn():
    """The hard one is better in a twenty-fifth of its volume."""
    space = Space(
        [{"model": ["easy"], "a": (0.0, 1.0)}, {"model": ["hard"]} | dict.fromkeys("bcd", (0.0, 1.0))]
    )
    n_found = 0
    for seed in range(8):
        center = np.random.default_rng(seed).uniform(0.1, 0.9, 3)
        optimizer = BayesianOptimizer(space, np.random.default_rng(seed))
        for _ in range(60):
            points = optimizer.ask(1)
            params = space.decode(points[0])
            if params["model"] == "easy":
                value = 0.7 - 0.01 * (params["a"] - 0.5) ** 2
            else:
                value = np.exp(
                    -8.0 * sum((params[name] - c) ** 2 for name, c in zip("bcd", center, strict=True))
                )
            optimizer.tell(points, [value])
        n_found += optimizer.values.max() > 0.75
    assert n_found >= 5  # 3 where the better ones of all branches are of the easy one


def test_a_combination_that_begins_badly_is_tried_again():
    """Where one of four flags is wrong, all scores are equal; where none is, most are worse than that."""
    n_found = 0
    for seed in range(16):
        rng = np.random.default_rng(seed)
        right, center = rng.integers(2, size=4), rng.uniform(0.2, 0.8, 2)
        space = Space({name: [0, 1] for name in "abcd"} | dict.fromkeys("xy", (0.0, 1.0)))
        optimizer = BayesianOptimizer(space, rng)
        for _ in range(60):
            points = optimizer.ask(1)
            n_right = ((points[0, :4] > 0.5) == right).sum()
            optimum = 1.0 - ((points[0, 4:] - center) ** 2).sum()
            optimizer.tell(points, [{3: 0.6, 4: optimum}.get(n_right, 0.5)])
        n_found += optimizer.values.max() > 0.99
    assert n_found >= 13  # 11 where combinations are given up


def test_predictions_of_noisy_values_are_as_uncertain_as_these():
    outside = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        optimizer = BayesianOptimizer(Space({"a": (0.0, 1.0), "b": (0.0, 1.0)}), rng)
        for _ in range(30):
            points = optimizer.ask(1)
            optimizer.tell(points, np.sin(5 * points).sum(axis=1) + 0.05 * rng.standard_normal(1))
        best = np.argsort(-optimizer.values)[:5]
        mean, std = optimizer.predict([optimizer.space.decode(point) for point in optimizer.points[best]])
        outside.append(np.abs(mean - optimizer.values[best]) > 2 * std)
    assert np.mean(outside) < 0.2


def test_predictions_leave_no_trace_in_the_search():
    asked = []
    for predicts in (False, True):
        optimizer = run(BayesianOptimizer(SPACE, np.random.default_rng(0)), 15)
        if predicts:
            optimizer.predict(SPACE.decode(SPACE.sample(1, np.random.default_rng(1))[0]))
        asked.append(optimizer.ask(3))
    np.testing.assert_array_equal(*asked)


def test_predictions_need_a_model_and_a_setting_of_the_space():
    optimizer = BayesianOptimizer(SPACE, np.random.default_rng(0))
    setting = SPACE.decode(SPACE.sample(1, np.random.default_rng(1))[0])
    with pytest.raises(ValueError, match="no model yet"):
        optimizer.predict(setting)
    with pytest.raises(ValueError, match="does not hold"):
        run(optimizer, 10).predict(setting | {"x": 7.0})
    with pytest.raises(TypeError, match=r"list of dicts, got list; of a data frame, pass frame.to_dict"):
        optimizer.predict(["x", "y"])
    mean, std = optimizer.predict([])
    assert mean.shape == std.shape == (0,)


@pytest.mark.parametrize("bad", [-np.inf, -1e3, -1e25])
def test_outliers_cost_no_more_than_failures(bad):
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    optimizer = BayesianOptimizer(space, np.random.default_rng(0))
    for _ in range(30):
        points = optimizer.ask(1)
        a, b = space.decode(points[0]).values()
        optimizer.tell(points, [bad if b > 0.4 else -((a - 0.3) ** 2) - (b - 0.2) ** 2])
    assert optimizer.values.max() > -1e-3


@pytest.mark.parametrize("bad", [-np.inf, -1e5])
def test_a_fifth_of_all_evaluations_may_fail_by_chance(bad):
    """One that fails among good ones says nothing of its neighbours."""
    space = Space(dict.fromkeys("abcd", (0.0, 1.0)))
    distances = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        center, weights = rng.uniform(0.2, 0.8, 4), np.array([0.2, 0.5, 1.0, 2.0])
        optimizer = BayesianOptimizer(space, np.random.default_rng(seed))
        for _ in range(60):
            points = optimizer.ask(1)
            good = rng.random() > 0.2
            optimizer.tell(points, -(weights * (points - center) ** 2).sum(axis=1) if good else [bad])
        distances.append(-optimizer.values.max())
    assert np.median(distances) < 3e-4  # .001 and .02 without a variance of failures


def test_most_evaluations_may_fail_by_chance():
    """Together they do not look like a function, among which the others are noise."""
    regrets = []
    for seed in range(4, 16):
        space, rng = Space(dict.fromkeys("abc", (0.0, 1.0))), np.random.default_rng(seed)
        center, fails = rng.uniform(0.1, 0.9, 3), rng.random(50) < 0.7
        optimizer = BayesianOptimizer(space, np.random.default_rng(seed))
        for fail in fails:
            points = optimizer.ask(1)
            optimizer.tell(points, [-np.inf if fail else -((points[0] - center) ** 2).sum()])
        regrets.append(-optimizer.values.max())
    assert np.median(regrets) < 0.015  # .05 where few failures were expected to be by chance


def test_that_failures_are_a_region_is_learned():
    """The optimum is where it ends: half of the points there fail, and not all of them."""
    space, n_failed = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)}), []
    for seed in range(4):
        optimizer = BayesianOptimizer(space, np.random.default_rng(seed))
        for _ in range(40):
            points = optimizer.ask(1)
            optimizer.tell(points, np.where(points[:, 0] > 0.6, -np.inf, points[:, 0] - points[:, 1]))
        assert optimizer.values.max() > 0.52
        inside, outside = ({"a": a, "b": 0.5} for a in (0.4, 0.9))
        assert optimizer.predict(inside)[0] > optimizer.predict(outside)[0]
        n_failed.append(np.isinf(optimizer.values[20:]).sum())
    assert np.mean(n_failed) < 13


def test_the_representative_points_hold_the_best_and_are_spread_over_the_rest():
    y = np.random.default_rng(0).permutation(1000).astype(float)
    rows = representative(y, 100)
    assert len(np.unique(rows)) == 100
    chosen = np.sort(y[rows])
    np.testing.assert_array_equal(chosen[-50:], np.arange(950, 1000))
    assert chosen[0] == 0
    assert np.diff(chosen).max() < 25
    np.testing.assert_array_equal(representative(y, 1000), np.arange(1000))


def test_hundreds_of_points_more_than_the_model_takes_are_no_obstacle(monkeypatch):
    monkeypatch.setattr(bayesian, "_MOST_FITTED", 20)
    monkeypatch.setattr(bayesian, "_MOST_CONDITIONED", 30)
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    optimizer = BayesianOptimizer(space, np.random.default_rng(0))
    points = space.sample(200, np.random.default_rng(1))
    optimizer.tell(points, -np.abs(points - 0.3).sum(axis=1))
    asked = optimizer.ask(4)
    assert np.abs(asked - 0.3).sum(axis=1).min() < 0.1


@pytest.mark.parametrize("others", [[], [{"kind": ["z"]}], [{"kind": ["z"], "d": [1, 2, 3]}]])
def test_a_branch_that_begins_badly_is_tried_again_and_again(others):
    # All that is seen of "y" is worse than all of "x"; of "z" all is seen soon.
    branches = [{"kind": ["x"], "a": (0.0, 1.0)}, {"kind": ["y"], "b": (0.0, 1.0), "c": (0.0, 1.0)}]
    space = Space([*branches, *others])
    optimizer = BayesianOptimizer(space, np.random.default_rng(0))
    kinds = []
    for _ in range(64):
        point = optimizer.ask()[0]
        params = space.decode(point)
        kinds.append(params["kind"])
        optimizer.tell([point], [1.0 - params["a"] if params["kind"] == "x" else -5.0])
    begun = optimizer.n_initial_points
    assert kinds[begun:].count("y") >= (64 - begun) // 9
    assert kinds[begun:].count("x") > 35


def test_the_least_tried_category_has_its_turn():
    space = Space({"kind": ["x", "y", "z"], "a": (0.0, 1.0), "mask": Subset(6)})
    optimizer = BayesianOptimizer(space, np.random.default_rng(0))
    while len(optimizer.points) < 50:
        point = optimizer.ask()[0]
        params = space.decode(point)
        optimizer.tell([point], [-3.0 if params["kind"] == "z" else params["a"]])
    kinds = [space.decode(point)["kind"] for point in optimizer.points]
    assert min(map(kinds.count, "xyz")) >= 5
