import numpy as np
import pytest

from sksearch.optimizers.minimize import METHODS, minimize

LOW, HIGH = np.full(2, -6.0), np.full(2, 6.0)


def valley(x, at=(1.0, -2.0)):
    """A curved, positive function that grows exponentially away from its minimum, 1."""
    a, b = x[0] - at[0], x[1] - at[1] - 0.2 * (x[0] - at[0]) ** 2
    value = np.exp(0.5 * a**2 + 2 * b**2)
    return value, value * np.array([a - 4 * b * 0.4 * a, 4 * b])


def counted(function):
    values = []

    def wrapped(x):
        value, gradient = function(x)
        values.append(value)
        return value, gradient

    return wrapped, values


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_valley(method):
    function, values = counted(valley)
    minimize(method, function, np.array([3.0, 0.0]), LOW, HIGH, non_negative=True)
    assert min(values) < (1.001 if method == "lbfgs" else 2.0)
    assert len(values) <= 60


@pytest.mark.parametrize("non_negative", [True, False])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_loss_changes_nothing(scale, non_negative):
    one, other = [], []
    for values, factor in ((one, 1.0), (other, scale)):
        minimize("lbfgs", lambda x, v=values, f=factor: (v.append(x), tuple(f * p for p in valley(x)))[1],
                 np.array([3.0, 0.0]), LOW, HIGH, non_negative)  # fmt: skip
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_it_stays_in_the_box():
    seen = []

    def function(x):
        seen.append(x.copy())
        return valley(x, at=(10.0, -10.0))

    minimize("lbfgs", function, np.zeros(2), LOW, HIGH, non_negative=True)
    assert (np.array(seen) >= LOW - 1e-9).all()
    assert (np.array(seen) <= HIGH + 1e-9).all()
    np.testing.assert_allclose(np.array(seen)[-1][0], 6.0, atol=0.3)


def test_many_coordinates():
    rng = np.random.default_rng(0)
    target, steep = rng.uniform(-2, 2, 200), np.geomspace(1, 10, 200)
    function, values = counted(lambda x: (1 + (steep * (x - target) ** 2).sum(), 2 * steep * (x - target)))
    minimize("lbfgs", function, np.zeros(200), np.full(200, -5.0), np.full(200, 5.0), non_negative=True)
    assert min(values) < 2.0  # from 1167
    assert len(values) <= 30


@pytest.mark.parametrize("start", [-5.5, -2.0, 0.3, 4.0, 5.9])
@pytest.mark.parametrize("minimum", [-3.0, 0.0, 2.5])
@pytest.mark.parametrize("shape", ["cosh", "plateau", "kink", "negative"])
def test_one_coordinate_takes_a_few_evaluations(start, minimum, shape):
    def function(x):
        t = x[0] - minimum
        if shape == "cosh":
            return np.cosh(t), np.array([np.sinh(t)])
        if shape == "plateau":  # a sigmoid on one side, exponential on the other
            return 2 / (1 + np.exp(-t)) + np.exp(t) - 3 * t / (1 + abs(t)) * 0.0, np.array(
                [2 * np.exp(-t) / (1 + np.exp(-t)) ** 2 + np.exp(t)]
            )
        if shape == "kink":
            return 1 + abs(t) + 0.1 * t**2, np.array([np.sign(t) + 0.2 * t])
        return t**2 - 100.0, np.array([2 * t])

    wrapped, values = counted(function)
    minimize("lbfgs", wrapped, np.array([start]), np.array([-6.0]), np.array([6.0]))
    lowest = min(function(np.array([x]))[0] for x in np.linspace(-6, 6, 2001))
    assert min(values) - lowest < 2e-2 * (1 + abs(lowest)) * (1 if shape != "kink" else 3)
    assert len(values) <= 14


def test_where_nothing_falls_it_ends_at_once():
    function, values = counted(lambda x: (1.0, np.zeros_like(x)))
    for start in (np.zeros(1), np.zeros(3)):
        minimize("lbfgs", function, start, np.full(len(start), -1.0), np.full(len(start), 1.0))
    assert len(values) < 8


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [2, 60])
def test_a_function_that_may_be_negative_can_cross_zero(method, n):
    function, values = counted(lambda x: ((x**2).sum() / n - 4.0, 2 * x / n))
    minimize(method, function, np.full(n, 3.0), np.full(n, -5.0), np.full(n, 5.0))
    assert min(values) < (-3.999 if method == "lbfgs" else -0.8)


@pytest.mark.filterwarnings("error")
def test_a_line_from_below_zero_to_above_has_no_logarithm():
    function, values = counted(lambda x: (np.sin(x[0]) + 0.2, np.cos(x)))
    minimize("lbfgs", function, np.array([0.5]), np.array([-6.0]), np.array([6.0]))
    assert values[1] < 0 < values[2]
    assert min(values) < -0.7999


@pytest.mark.filterwarnings("error")
def test_a_kink_at_zero_has_a_finite_logarithm():
    # At its minimum it still has a slope, as a mean absolute error may have.
    function, values = counted(lambda x: (np.abs(x).sum(), np.where(x < 0, -1.0, 1.0)))
    minimize("sgd", function, np.array([1.0, 1.0]), np.zeros(2), np.full(2, 3.0), non_negative=True)
    assert min(values) == 0.0
