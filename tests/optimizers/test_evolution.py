import copy
import pickle
import random

import numpy as np
import pandas as pd
import pytest

from sksearch.optimizers import EvolutionOptimizer, RandomOptimizer
from sksearch.optimizers.pareto import hypervolume, non_dominated
from sksearch.optimizers.screening import RoughModel
from sksearch.space import Space, Subset

SPACE = Space({"x": (0.0, 1.0), "y": (1e-3, 1e3, "log-uniform"), "k": ["a", "b", "c"], "n": (1, 30)})
BRANCHES = Space(
    [
        {"model": ["svm"], "C": (1e-3, 1e3, "log-uniform"), "kernel": ["rbf", "poly"]},
        {"model": ["tree"], "depth": (1, 20), "leaf": (0.0, 0.5)},
        {"model": ["knn"], "neighbors": (1, 30)},
    ]
)


def sphere(space):
    """Score that falls with the distance from a place in the cube."""
    target = space.sample(1, np.random.default_rng(99))[0]
    return lambda point: -float(((point - target) ** 2).sum())


def evolve(space, n, seed=0, score=None, n_points=1, **settings):
    optimizer = EvolutionOptimizer(space, np.random.default_rng(seed), **settings)
    score = score or sphere(space)
    while len(optimizer.values) < n:
        points = optimizer.ask(n_points)
        optimizer.tell(points, [score(point) for point in points])
    return optimizer


def test_the_start_is_a_latin_hypercube_with_balanced_categories():
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "k": ["u", "v", "w", "x"]})
    optimizer = EvolutionOptimizer(space, np.random.default_rng(0), population_size=16)
    params = [space.decode(point) for point in optimizer.ask(8)]
    for name in "ab":
        assert sorted(int(8 * p[name]) for p in params) == list(range(8))
    assert sorted(p["k"] for p in params) == sorted("uvwx" * 2)
    assert optimizer._propose().shape == (1, 3)  # all are pending: nothing to breed from


def test_given_points_take_the_place_of_those_of_the_start():
    optimizer = EvolutionOptimizer(SPACE, np.random.default_rng(0), population_size=8)
    given = SPACE.sample(4, np.random.default_rng(1))
    optimizer.tell(given, [1.0, 2.0, 3.0, 4.0])
    points = optimizer.ask(1)
    assert optimizer.describe([*given, *points])["generation"].tolist() == [0, 0, 0, 0, 1]


def test_the_population_is_the_best_of_all_and_the_best_is_never_lost():
    optimizer = evolve(SPACE, 60, population_size=12)
    best = np.sort(optimizer.values)[::-1][:12]
    assert [individual.fitness.values[0] for individual in optimizer.population] == best.tolist()
    assert optimizer.population[0].params == SPACE.decode(optimizer.points[optimizer.values.argmax()])
    assert pd.DataFrame(optimizer.logbook)["best"].is_monotonic_increasing


def test_failures_are_no_parents():
    def score(point):
        return -np.inf if point[0] > 0.5 else sphere(SPACE)(point)

    optimizer = evolve(SPACE, 60, score=score)
    assert np.isneginf(optimizer.values).any()
    assert all(np.isfinite(individual.fitness.values[0]) for individual in optimizer.population)
    failed = set(np.flatnonzero(np.isneginf(optimizer.values)))
    parents = optimizer.describe(list(optimizer.points))["parents"]
    assert not failed & {parent for of_one in parents for parent in of_one}


def test_parents_are_earlier_rows_and_generations_count_from_them():
    optimizer = evolve(BRANCHES, 80, n_points=4)
    columns = optimizer.describe(list(optimizer.points))
    for row, (generation, parents) in enumerate(zip(columns["generation"], columns["parents"], strict=True)):
        assert all(parent < row for parent in parents)
        assert generation == (1 + max(columns["generation"][list(parents)]) if parents else 0)
    assert all(parents == () for parents in columns["parents"][:10])
    assert columns["generation"].max() > 2
    assert min(len(parents) for parents in columns["parents"][30:]) <= 2


def test_what_a_child_of_two_has_it_has_from_them_but_about_one_parameter():
    space = Space({f"x{i}": (0.0, 1.0) for i in range(12)})
    optimizer = evolve(space, 40)
    new = []
    for _ in range(40):
        for child, rows in zip(*optimizer._from_two(optimizer._ranked(optimizer.values)), strict=True):
            assert len(rows) == 2
            new.append((~np.isclose(child, optimizer.points[rows])).all(axis=0).sum())
    assert min(new) >= 0
    assert 0.8 < np.mean(new) < 1.8


def test_a_mutation_changes_active_parameters_only_and_branches_stay_canonical():
    optimizer = evolve(BRANCHES, 40)
    for _ in range(40):
        children, _ = optimizer._from_two(optimizer._ranked(optimizer.values))
        np.testing.assert_allclose(BRANCHES.snap(children), children)
        assert all(BRANCHES.decode(child) in BRANCHES for child in children)


@pytest.mark.parametrize("sizes", [(1, None), (2, 5), (4, 4), (12, 12)])
def test_subsets_keep_to_their_sizes(sizes):
    subset = Subset(12, *sizes)
    rng = np.random.default_rng(0)
    points = subset.draw(rng.random((200, 12)))
    flipped = subset.flip(points, rng)
    assert all(subset.decode(point) in subset for point in flipped)
    changed = (flipped != points).any(axis=1)
    assert changed.all() == (subset.size > 1)


def test_flips_shrink_subsets_and_now_and_then_grow_them():
    subset, rng = Subset(200), np.random.default_rng(0)
    points = np.full((300, 200), 0.25)
    points[:, :20] = 0.75
    sizes = (subset.flip(points, rng) > 0.5).sum(axis=1)
    assert 17 < sizes.mean() < 20
    assert sizes.min() == 10
    assert np.mean(sizes > 20) > 0.05


def test_what_columns_are_worth_decides_which_go_and_which_come():
    subset, rng = Subset(30), np.random.default_rng(0)
    points = np.where(rng.random((200, 30)) < 0.5, 0.75, 0.25)
    worth = rng.permuted(np.tile(np.arange(30.0), (200, 1)), axis=1)
    flipped = subset.flip(points, rng, worth)
    for point, child, value in zip(points, flipped, worth, strict=True):
        on, removed, added = point > 0.5, child < point, child > point
        assert removed.any() or added.any()
        assert value[removed].max(initial=-1.0) < value[on & ~removed].min(initial=30.0)
        assert value[added].min(initial=30.0) > value[~on & ~added].max(initial=-1.0)


def test_columns_that_models_find_important_are_kept():
    space = Space({"m": Subset(80), "x": (0.0, 1.0)})

    def select(seed, measures):
        optimizer = EvolutionOptimizer(space, np.random.default_rng(seed))
        for _ in range(100):
            points = optimizer.ask(1)
            chosen = points[0, :80] > 0.5
            if measures:
                importance = np.where(chosen, np.where(np.arange(80) < 5, 1.0, 0.1), np.nan)
                optimizer.note(points[0], [{"importance": importance}, {"importance": 2 * importance}])
            optimizer.tell(points, [chosen[:5].sum() - 0.02 * chosen.sum()])
        return optimizer

    optimizers = [select(seed, measures=True) for seed in range(5)]
    best = np.array([one.points[one.values.argmax(), :80] > 0.5 for one in optimizers])
    assert best[:, :5].all()
    assert np.median(best[:, 5:].sum(axis=1)) < 3
    blind = [select(seed, measures=False).values.max() for seed in range(5)]
    assert np.median([one.values.max() for one in optimizers]) > np.median(blind) + 0.1


def test_strangers_of_branches_without_columns_have_none():
    space = Space([{"m": Subset(9, min_features=2), "x": (0.0, 1.0)}, {"y": (0.0, 1.0)}])
    optimizer = EvolutionOptimizer(space, np.random.default_rng(0))
    ((columns, _),) = space.subsets
    for _ in range(40):
        points = optimizer.ask(1)
        chosen = points[0, columns] > 0.5
        if space.active(points)[0, columns.start]:
            optimizer.note(points[0], [{"importance": np.where(chosen, np.arange(9.0), np.nan)}])
        optimizer.tell(points, [chosen.sum()])
    strangers = np.vstack([optimizer._strangers() for _ in range(20)])
    np.testing.assert_array_equal(space.snap(strangers), strangers)
    with_columns = space.active(strangers)[:, columns.start]
    assert 0 < with_columns.sum() < len(strangers)
    sizes = (strangers[with_columns, columns] > 0.5).sum(axis=1)
    assert (sizes >= 2).all()
    best = strangers[with_columns, columns][sizes < 4] > 0.5
    assert best[:, 5:].sum() > best[:, :5].sum()


def test_of_columns_that_do_not_matter_few_are_left():
    space = Space({"m": Subset(60), "x": (0.0, 1.0)})

    def score(point):  # three columns are all that counts
        return float((point[:3] > 0.5).sum())

    optimizer = evolve(space, 250, score=score)
    best = optimizer.population[0].params["m"]
    assert sum(best[:3]) == 3
    assert sum(best[3:]) < 15


def test_of_values_that_hardly_differ_those_with_fewer_columns_are_better():
    space = Space({"m": Subset(40)})
    optimizer = EvolutionOptimizer(space, np.random.default_rng(0))
    points = np.full((13, 40), 0.25)
    for row, size in enumerate([20, 12, 4, 5, *range(21, 30)]):
        points[row, :size] = 0.75
    values = [1.0, 0.998, 0.996, 0.7, *np.linspace(0.0, 0.5, 8), -np.inf]
    optimizer.tell(points, values)
    sizes = [sum(individual.params["m"]) for individual in optimizer.population]
    # The best is never lost; then come the two that are as good as each other.
    assert sizes[:4] == [20, 4, 12, 5]
    values = [one.fitness.values[0] for one in optimizer.population]
    assert values[:4] == [1.0, 0.996, 0.998, 0.7]


def test_the_best_columns_of_a_size_are_those_worth_most():
    subset = Subset(5)
    points = np.array([[0.75, 0.25, 0.25, 0.25, 0.75], [0.25, 0.25, 0.75, 0.25, 0.25]])
    best = subset.best(points, np.array([[1.0, 5.0, 2.0, 4.0, 3.0]] * 2))
    np.testing.assert_array_equal(best > 0.5, [[0, 1, 0, 1, 0], [0, 1, 0, 0, 0]])


def test_children_of_small_subsets_are_small():
    space = Space({"m": Subset(100), "x": (0.0, 1.0)})
    optimizer = EvolutionOptimizer(space, np.random.default_rng(0))
    points = space.sample(60, np.random.default_rng(1))
    optimizer.tell(points, -(points[:, :100] > 0.5).sum(axis=1))
    good = (optimizer.points[optimizer.values.argsort()[-15:], :100] > 0.5).sum(axis=1)
    for breed in (optimizer._from_two, optimizer._from_pool):
        sizes = [
            (child[:100] > 0.5).sum()
            for _ in range(5)
            for child in breed(optimizer._ranked(optimizer.values))[0]
        ]
        assert np.mean(sizes) < 1.5 * good.mean() + 3


def test_the_logbook_is_a_data_frame_with_a_row_per_generation():
    frame = pd.DataFrame(evolve(SPACE, 50, population_size=20).logbook)
    assert list(frame) == ["gen", "nevals", "best", "mean", "std", "diversity"]
    assert frame["nevals"].tolist() == [20, 20, 10]
    assert frame["diversity"].iloc[-1] < frame["diversity"].iloc[0]
    assert "diversity" in str(evolve(SPACE, 5).logbook)
    failed = evolve(SPACE, 5, score=lambda point: -np.inf)
    assert np.isnan(failed.logbook[0]["best"])
    assert len(failed.population) == 0


def test_the_model_learns_how_many_values_there_are(monkeypatch):
    seen, sample = [], RoughModel.sample
    monkeypatch.setattr(
        RoughModel, "sample", lambda self, known, *rest: seen.append(len(known)) or sample(self, known, *rest)
    )
    optimizer = EvolutionOptimizer(SPACE, np.random.default_rng(0))
    for _ in range(120):
        points = optimizer.ask(1)
        optimizer.tell(points, -points[:, 0])
    assert max(seen) == 119  # and not only the part that it is conditioned on


def test_it_beats_random_search_and_leaves_the_global_generator_alone():
    random.seed(0)
    state = random.getstate()
    for space in (SPACE, BRANCHES):
        score = sphere(space)
        regrets = []
        for seed in range(4):
            blind = RandomOptimizer(space, np.random.default_rng(seed)).ask(100)
            optimizer = evolve(space, 100, seed)
            regrets.append([-optimizer.values.max() + 1e-12, -max(score(point) for point in blind)])
        ours, random_ones = np.exp(np.log(regrets).mean(axis=0))
        assert ours < random_ones
    assert random.getstate() == state


def test_many_parameters_are_no_obstacle():
    space = Space({f"x{i}": (0.0, 1.0) for i in range(30)} | {f"k{i}": ["a", "b", "c"] for i in range(10)})
    optimizer = evolve(space, 600)
    start = optimizer.values[:10].max()
    assert optimizer.values.max() > 0.2 * start


@pytest.mark.parametrize(
    "settings",
    [
        {"population_size": 2},
        {"crossover_rate": 0.0, "mutation_rate": 1.0},
        {"crossover_rate": 1.0, "mutation_rate": 1e-9, "tournament_size": 1},
    ],
)
def test_extreme_settings_work(settings):
    optimizer = evolve(SPACE, 40, **settings)
    assert len({SPACE.key(point) for point in optimizer.points}) == 40


def test_a_pickled_population_is_the_same():
    optimizer = evolve(SPACE, 30)
    population = pickle.loads(pickle.dumps(optimizer.population))
    assert [i.params for i in population] == [i.params for i in optimizer.population]
    assert "fitness=" in repr(population[0])


def test_several_objectives_spread_over_their_front():
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": ["x", "y"], "d": (0.0, 1.0)})

    def values(points):
        shape = 1.0 + 4.0 * points[:, [1, 3]].mean(axis=1) + (points[:, 2] > 0.5)
        return -np.column_stack([points[:, 0], shape * (1.0 - np.sqrt(points[:, 0] / shape))])

    reached = {}
    for kind in (EvolutionOptimizer, RandomOptimizer):
        for seed in range(3):
            optimizer = kind(space, np.random.default_rng(seed))
            for _ in range(150):
                points = optimizer.ask(1)
                optimizer.tell(points, values(points))
            reached[kind, seed] = hypervolume(optimizer.values, np.array([-1.1, -6.0]))
    for seed in range(3):
        assert reached[EvolutionOptimizer, seed] > reached[RandomOptimizer, seed] + 0.2


def test_the_population_of_several_objectives_holds_the_front_and_pickles():
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    optimizer = EvolutionOptimizer(space, np.random.default_rng(0), population_size=10)
    for i in range(40):
        points = optimizer.ask(1)
        value = [[-np.inf, 0.0]] if i == 7 else np.column_stack([points[:, 0], -points.sum(axis=1)])
        optimizer.tell(points, value)
    population = pickle.loads(pickle.dumps(optimizer)).population
    front = np.flatnonzero(non_dominated(optimizer.values))
    rows = [individual.row for individual in population]
    assert 7 not in rows
    assert set(rows) <= set(front) if len(front) >= 10 else set(front) <= set(rows)
    again = copy.deepcopy(population[0].fitness)
    assert again.values == pytest.approx(optimizer.values[rows[0]])
    assert len(optimizer.logbook) == 4


def test_objectives_told_anew_change_the_population():
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    optimizer = EvolutionOptimizer(space, np.random.default_rng(0), population_size=2)
    points = space.sample(5, np.random.default_rng(1))
    optimizer.tell(points, [[1.0, 1.0], [0.9, 0.9], [0.1, 0.1], [0.1, 0.2], [0.2, 0.1]])
    assert [individual.row for individual in optimizer.population] == [0, 1]
    optimizer.tell(points[2:3], [[2.0, 2.0]])
    assert [individual.row for individual in optimizer.population] == [2, 0]
