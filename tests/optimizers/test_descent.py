import pickle

import numpy as np
import pytest

from sksearch.optimizers import DescentOptimizer
from sksearch.optimizers.agreement import signal
from sksearch.space import Space, Vector

SPACE = Space({"a": (1e-4, 1e4, "log-uniform"), "b": (0.0, 1.0), "kind": ["good", "bad"]})


def loss(params):
    a, b = np.log(params["a"]), params["b"]
    shift = 0.0 if params["kind"] == "good" else 0.5
    value = 1 + shift + (a - 1) ** 2 / 10 + 3 * (b - 0.3) ** 2
    return value, {"a": (a - 1) / 5 / params["a"], "b": 6 * (b - 0.3)}


def run(optimizer, n, function=loss, derivatives=True, n_points=1, between=lambda optimizer: optimizer):
    values = []
    while len(values) < n and len(points := optimizer.ask(n_points)):
        for point in points:
            value, gradient = function(optimizer.space.decode(point))
            if derivatives:
                optimizer.note(point, [{"loss": value, "gradient": gradient}])
            optimizer.tell([point], [-value])
            values.append(value)
        optimizer = between(optimizer)
    return optimizer, values


def make(space=SPACE, seed=0, **settings):
    return DescentOptimizer(space, np.random.default_rng(seed), **settings)


@pytest.mark.parametrize(("derivatives", "n"), [(True, 30), (False, 60)])
def test_it_finds_the_best_of_the_best_arm(derivatives, n):
    optimizer, values = run(make(), n, derivatives=derivatives)
    assert min(values) < 1.005
    assert optimizer.space.decode(optimizer.points[np.argmin(values)])["kind"] == "good"


def test_it_can_be_pickled_between_any_two_points():
    _, values = run(make(), 25)
    _, pickled = run(make(), 25, between=lambda optimizer: pickle.loads(pickle.dumps(optimizer)))
    assert pickled == values


@pytest.mark.parametrize("n_points", [2, 5])
def test_points_do_not_depend_on_how_many_are_asked_at_once(n_points):
    one, _ = run(make(), 24)
    some, _ = run(make(), 24, n_points=n_points)
    np.testing.assert_array_equal(one.points[:20], some.points[:20])


def test_no_point_is_asked_twice():
    optimizer, _ = run(make(), 60)
    assert len({SPACE.key(point) for point in optimizer.points}) == 60


def test_it_starts_from_what_is_given():
    optimizer = make(Space({"a": (1e-4, 1e4, "log-uniform"), "b": (0.0, 1.0)}))
    given = optimizer.space.encode({"a": 2.0, "b": 0.4})
    optimizer.expect(given)
    value, gradient = loss({"a": 2.0, "b": 0.4, "kind": "good"})
    assert not len(optimizer.ask())  # it waits for the value
    optimizer.note(given, [{"loss": value, "gradient": gradient}])
    optimizer.tell([given], [-value])
    _, values = run(optimizer, 9, function=lambda params: loss(params | {"kind": "good"}))
    assert min(values) < 1.001


def test_a_derivative_that_is_missing_is_a_difference():
    def partial(params):
        value, gradient = loss(params)
        return value, {"a": gradient["a"]}

    _, values = run(make(), 50, function=partial)
    assert min(values) < 1.005


def test_distrust_turns_to_differences():
    optimizer = make()
    wrong = {"a": -1.0, "b": 1.0}
    point = optimizer.ask()[0]
    value, _ = loss(SPACE.decode(point))
    with pytest.warns(UserWarning, match="150%"):
        optimizer.note(point, [{"loss": value, "gradient": wrong, "disagreement": 1.5}])
    optimizer.tell([point], [-value])
    _, values = run(optimizer, 70, function=lambda params: (loss(params)[0], wrong))
    assert min(values) < 1.005


def test_failures_are_gone_around():
    def fragile(params):
        value, gradient = loss(params)
        return (np.inf, {}) if params["b"] > 0.6 else (value, gradient)

    optimizer, values = make(), []
    while len(values) < 40:
        point = optimizer.ask()[0]
        value, gradient = fragile(SPACE.decode(point))
        if np.isfinite(value):
            optimizer.note(point, [{"loss": value, "gradient": gradient}])
        optimizer.tell([point], [-value])
        values.append(value)
    assert min(values) < 1.01


def test_n_restarts_ends_it():
    optimizer, values = run(make(n_restarts=0), 500)
    assert optimizer.finished
    assert len(values) < 60


def test_a_vector_is_trusted_as_long_as_folds_agree():
    space = Space({"v": Vector(20, -4, 4)})
    rng = np.random.default_rng(0)
    truth = np.where(np.arange(20) < 5, -3.0, 3.0)
    noise = 0.6 * rng.standard_normal((5, 20))

    def folds(params, target):
        v = np.array(params["v"])
        return [
            {"loss": 1 + ((v - target - e) ** 2).mean(), "gradient": {"v": 2 * (v - target - e) / 20}}
            for e in noise
        ]

    trusted = {}
    for name, target in (("structure", truth), ("none", np.zeros(20))):
        optimizer = make(space)
        start = space.encode({"v": 0.0})
        optimizer.expect(start)
        points = [start]
        for _ in range(12):
            measured = folds(space.decode(points[-1]), target)
            optimizer.note(points[-1], measured)
            optimizer.tell([points[-1]], [-np.mean([fold["loss"] for fold in measured])])
            if not len(asked := optimizer.ask()):
                break
            points.append(asked[0])
        trusted[name] = optimizer.describe(list(optimizer.points))["trusted"]
    assert trusted["structure"][:2].all()
    assert trusted["none"].tolist() == [True] + [False] * (len(trusted["none"]) - 1)


def test_signal_is_about_one_for_noise_and_grows_with_truth():
    rng = np.random.default_rng(0)
    noise = [signal(rng.standard_normal((5, 200))) for _ in range(50)]
    assert 0.9 < np.mean(noise) < 1.1
    assert signal(rng.standard_normal((5, 200)) + 1.0) > 4
    assert signal(np.ones((1, 3))) == np.inf


PLANE = Space({"a": (1e-4, 1e4, "log-uniform"), "b": (1e-4, 1e4, "log-uniform")})


def two_valleys(params):
    """A valley along a = 1 / b with two minima, of which the one at a = e^4 is better."""
    a, b = np.log(params["a"]), np.log(params["b"])
    value = np.exp(0.2 * (a + b) ** 2 + 0.002 * (a**2 - 16) ** 2 / 16 - 0.01 * a)
    across = 0.4 * (a + b)
    along = 0.008 * a * (a**2 - 16) / 16 - 0.01
    return value, {"a": value * (across + along) / params["a"], "b": value * across / params["b"]}


@pytest.mark.parametrize("seed", range(5))
def test_the_better_of_two_minima_in_a_valley_is_found(seed):
    _, values = run(make(PLANE, seed), 25, function=two_valleys)
    assert min(values) < 1.001 * two_valleys({"a": np.exp(4.0), "b": np.exp(-4.0)})[0]


def test_what_is_asked_does_not_depend_on_what_was_told_ahead():
    first, _ = run(make(PLANE), 20, function=two_valleys)
    resumed = make(PLANE)
    for point, value in zip(first.points, first.values, strict=True):
        loss, gradient = two_valleys(PLANE.decode(point))
        resumed.note(point, [{"loss": loss, "gradient": gradient}])
        resumed.tell([point], [value])
    np.testing.assert_array_equal(first.ask(), resumed.ask())


@pytest.mark.parametrize("seed", [2, 4])
def test_scores_that_cross_zero_are_descended_to_their_best(seed):
    rng = np.random.default_rng(seed)
    best, steep = rng.uniform(0.2, 0.8, 4), 10 ** rng.uniform(-1, 0.5, 4)

    def negative_score(params):
        return (steep * (np.array(list(params.values())) - best) ** 2).sum() - 0.5 * steep.min(), {}

    space = Space(dict.fromkeys("abcd", (0.0, 1.0)))
    optimizer, values = run(make(space, seed, n_restarts=0), 120, negative_score, derivatives=False)
    assert optimizer.finished
    assert max(values) > 0
    assert min(values) + 0.5 * steep.min() < 1e-3 * steep.min()


@pytest.mark.parametrize("derivatives", [True, False])
def test_a_range_of_two_floats_ends_the_search(derivatives):
    space = Space({"a": (1.0, float(np.nextafter(1.0, 2.0)))})
    optimizer, values = run(make(space), 20, lambda p: (p["a"], {"a": 1.0}), derivatives)
    assert len(values) == len({space.decode(point)["a"] for point in optimizer.points}) == 2
    assert not optimizer.finished  # all there is was asked, and more was wanted
