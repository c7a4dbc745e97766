"""Evolution: better candidates have children, worse ones make room for them."""

import numpy as np
from deap import base

from sksearch.optimizers.base import Optimizer
from sksearch.optimizers.density import better_rows, log_ratio, sample_like
from sksearch.optimizers.pareto import crowded_merit

# Share of the children that are bred from the gene pool at first, and the number of points told from which
# it falls, with the inverse of that number.
_POOLED = 0.8
_POOLED_UNTIL = 30
# Share of the points told that are the gene pool, and most of these, and most of the others it is compared
# with: beyond, time grows with their number, and what is learned hardly does.
_POOL = 0.1
_MOST_POOLED = 25
_MOST_COMPARED = 100
# Children drawn from the gene pool for each one that is evaluated.
_N_SCREENED = 8
# Scale of a mutation's step, as a share of the cube.
_STEP = 0.1


class Fitness(base.Fitness):
    """DEAP's fitness for one value or several, larger is better.

    Parameters
    ----------
    values : tuple of float
    """

    weights = (1.0,)

    def __init__(self, values=()):
        self.weights = (1.0,) * max(1, len(values))
        super().__init__(values)

    def __deepcopy__(self, memo):
        return type(self)(self.values)


class Individual:
    """A point with its fitness, for DEAP's tools.

    Attributes
    ----------
    point : ndarray of shape (n_columns,)
        Canonical point.
    row : int
        Its row among the points told.
    params : dict
        The parameter setting it stands for.
    fitness : Fitness
        DEAP's, of its value.
    """

    def __init__(self, row, point, params, value):
        self.row, self.point, self.params = row, point, params
        self.fitness = Fitness(tuple(np.atleast_1d(value).tolist()))

    def __repr__(self):
        fitness = ", ".join(f"{value:.6g}" for value in self.fitness.values)
        return f"Individual({self.params}, fitness={fitness})"


class EvolutionOptimizer(Optimizer):
    r"""Steady-state evolution.

    The first half population is a Latin hypercube, whose categories are shuffled independently. Then each
    proposal is one child, and the population is the best `population_size` of all points told: a child
    replaces the worst, the best is never lost, failures have no place. Of equal points the younger stays, so
    that a population drifts over a plateau.

    A child has two parents, or many. Two are winners of tournaments; uniform crossover mixes their
    parameters; then about one parameter that is active changes: a number by a step of Cauchy distribution,
    mostly small and at times far, a category to another, a subset by a few columns more or less. Many
    parents are the *gene pool* of the best tenth of all points, each coordinate coming from another one
    of them, a little moved. Several such children are drawn, and the one is taken around which good points
    are densest in proportion to the others. That learns faster from few points, and gets stuck sooner, so
    most of the first children are of the second kind, and later ones of the first.

    With several objectives, better is what NSGA-II says: a point on an earlier front of those that dominate
    each other, and on the same front one in a less crowded place.

    Parameters
    ----------
    space : Space
        What may be asked.
    rng : numpy.random.Generator
        The only source of randomness.
    population_size : int, default=20
        Most points that can be parents of a crossover.
    crossover_rate : float, default=0.9
        Share of children of two parents that have both their genes; the others have those of one.
    mutation_rate : float or "auto", default="auto"
        Chance of each active parameter to change, in a child of two parents; at least one does. "auto" is
        one by their number.
    tournament_size : int, default=3
        Points of the population that compete for each parenthood.

    References
    ----------
    Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
    Whitley, "The GENITOR algorithm and selection pressure", 1989.
    Syswerda, "Uniform crossover in genetic algorithms", 1989.
    Yao, Liu & Lin, "Evolutionary programming made faster", 1999.
    Muhlenbein & Voigt, "Gene pool recombination in genetic algorithms", 1995.
    Bergstra, Bardenet, Bengio & Kegl, "Algorithms for hyper-parameter optimization", 2011, section 4.
    Fortin et al., "DEAP: evolutionary algorithms made easy", 2012.
    """

    def __init__(
        self,
        space,
        rng,
        *,
        population_size=20,
        crossover_rate=0.9,
        mutation_rate="auto",
        tournament_size=3,
    ):
        super().__init__(space, rng)
        self.population_size = population_size
        self.crossover_rate = crossover_rate
        self.mutation_rate = mutation_rate
        self.tournament_size = tournament_size
        self._n_parameters = int(space.parameter.max(initial=-1)) + 1
        n = max(2, population_size // 2)
        strata = rng.permuted(np.tile(np.arange(n)[:, None], space.n_columns), axis=0)
        self._start = space.draw((strata + rng.random(strata.shape)) / n)
        # Parents of points asked, as points: their bytes identify them.
        self._parents = {}
        self._litter = {}

    @property
    def population(self):
        """The points that can be parents, best first: a list of `Individual`, with DEAP's fitness."""
        return [
            Individual(int(row), self.points[row], self.space.decode(self.points[row]), self.values[row])
            for row in self._best_rows(self._merit())
        ]

    @property
    def logbook(self):
        """The course of the evolution as a DEAP ``Logbook``, which ``pandas.DataFrame`` takes.

        One record per generation, that is, after every `population_size` points told: ``gen``; ``nevals``,
        the points of this generation; and of the population then ``best``, ``mean`` and ``std`` of the
        fitness (arrays, with several objectives), and ``diversity``, the mean distance between two of it, per
        coordinate of the unit cube (categories: whether they differ).
        """
        from deap import tools

        logbook = tools.Logbook()
        logbook.header = ["gen", "nevals", "best", "mean", "std", "diversity"]
        for start in range(0, len(self.values), self.population_size):
            stop = min(start + self.population_size, len(self.values))
            record = {"gen": len(logbook), "nevals": stop - start}
            rows = self._best_rows(self._merit(stop))
            if len(rows):
                fitness = self.values[rows]
                record |= {
                    "best": fitness.max(axis=0),
                    "mean": fitness.mean(axis=0),
                    "std": fitness.std(axis=0),
                }
                record["diversity"] = self._diversity(self.points[rows])
            else:
                record |= dict.fromkeys(["best", "mean", "std", "diversity"], np.nan)
            logbook.record(**record)
        return logbook

    def describe(self, points):
        """Tell the generation and the parents of points, as columns by name.

        ``generation`` is 0 for points of the start and given ones, else one more than the latest of the
        parents; ``parents`` are tuples of rows of `points`.
        """
        rows = {point.tobytes(): row for row, point in enumerate(points)}
        generation = np.zeros(len(points), int)
        parents = np.empty(len(points), object)
        for row, point in enumerate(points):  # parents were proposed before their children
            known = [rows[parent] for parent in self._parents.get(point.tobytes(), ()) if parent in rows]
            parents[row] = tuple(sorted(known))
            generation[row] = 1 + generation[known].max() if known else 0
        return {"generation": generation, "parents": parents}

    # -- breeding ----------------------------------------------------------------------------------

    def _next(self):
        point = super()._next()
        if point is not None and point.tobytes() in self._litter:
            rows = self._litter[point.tobytes()]
            self._parents[point.tobytes()] = tuple(self.points[row].tobytes() for row in rows)
        self._litter = {}
        return point

    def _propose(self):
        n_known = len(self._told) + len(self._pending)
        if n_known < len(self._start):
            return self._start[n_known:]
        merit = self._merit()
        n_fit = np.isfinite(merit).sum()
        if n_fit < 2 or self.space.n_columns == 0:
            return self.space.sample(1, self.rng)
        pooled = _POOLED * min(1.0, _POOLED_UNTIL / n_fit)
        children, parents = self._from_pool(merit) if self.rng.random() < pooled else self._from_two(merit)
        self._litter = {child.tobytes(): rows for child, rows in zip(children, parents, strict=True)}
        return children

    def _from_pool(self, merit):
        """Children of the better points, the most promising first, and the rows of their parents."""
        good = better_rows(merit, _POOL)[:_MOST_POOLED]
        good = good[np.isfinite(merit[good])]
        others = np.setdiff1d(np.arange(len(merit)), good)
        if len(others) > _MOST_COMPARED:
            # Sorted by value, so that every so many of them are good, middling and bad ones.
            others = others[np.argsort(-merit[others], kind="stable")]
            others = others[np.linspace(0, len(others) - 1, _MOST_COMPARED).round().astype(int)]
        children, sources = sample_like(self.space, self.points[good], _N_SCREENED, self.rng)
        promise = log_ratio(self.space, self.points[good], self.points[others], children)
        order = np.argsort(-promise, kind="stable")
        return children[order], [good[np.unique(row[row >= 0])] for row in sources[order]]

    def _from_two(self, merit):
        """One child of two winners of tournaments, and the rows of its parents."""
        rng, space = self.rng, self.space
        population = self._best_rows(merit)
        # The population is sorted: who comes first wins.
        entered = rng.integers(len(population), size=(2, self.tournament_size))
        rows = population[entered.min(axis=1)]
        parents = self.points[rows]
        active = space.active(parents)
        crossed = rng.random() < self.crossover_rate
        from_father = (rng.random(self._n_parameters) < 0.5)[space.parameter]
        for columns, subset in space.subsets:
            from_father[columns] = rng.random(subset.n) < 0.5
        # In different branches, each has something to give where it is active only.
        from_father = np.where(active.all(axis=0), from_father & crossed, active[1])
        child = self._mutated(np.where(from_father, parents[1], parents[0]), active.any(axis=0))
        return child[None], [np.unique(rows if crossed else rows[:1])]

    def _mutated(self, point, inherited):
        """Change about one active parameter of a point, of which the inherited coordinates are known."""
        rng, space = self.rng, self.space
        point = self._completed(point, inherited)
        active = np.unique(space.parameter[space.active(point[None])[0]])
        rate = 1.0 / len(active) if self.mutation_rate == "auto" else self.mutation_rate
        mutates = np.zeros(self._n_parameters, bool)
        mutates[active] = rng.random(len(active)) < rate
        mutates[rng.choice(active)] |= not mutates.any()
        changes = mutates[space.parameter]
        step = _STEP * rng.standard_cauchy(len(point))
        # At least to the next value, where there are steps between them.
        step = np.copysign(np.maximum(np.abs(step), 1.0 / space.n_values), step)
        moved = np.clip(point + step, 0.0, 1.0)
        others = np.where(space.ordered, 2.0, space.n_values) - 1.0
        moved = np.where(
            space.ordered, moved, (point + np.ceil(others * rng.random(len(point))) / (others + 1.0)) % 1.0
        )
        child = np.where(changes, moved, point)
        for columns, subset in space.subsets:
            if changes[columns.start]:
                child[columns] = subset.flip(point[None, columns], rng)[0]
            else:  # a crossover may have left too many or too few columns; those to change are random
                child[columns] = subset.snap((point[columns] + 0.2 * rng.random(subset.n))[None])[0]
        # Another branch may have been the mutation, where nothing is inherited but what it shares.
        return space.snap(self._completed(child, space.active(point[None])[0])[None])[0]

    def _completed(self, point, known):
        """Draw what a point needs to be one of its branch, and was not known."""
        missing = self.space.active(point[None])[0] & ~known
        return np.where(missing, self.space.sample(1, self.rng)[0], point) if missing.any() else point

    # -- population --------------------------------------------------------------------------------

    def _best_rows(self, merit):
        """Rows of the population of points with this merit, best first, of equals the youngest."""
        rows = np.lexsort((-np.arange(len(merit)), -merit))[: self.population_size]
        return rows[np.isfinite(merit[rows])]

    def _merit(self, n_told=None):
        """One value per point, larger is better, among the first so many told, or all."""
        values = self.values[:n_told]
        return values if values.ndim == 1 else crowded_merit(values)

    def _diversity(self, points):
        differences = np.abs(points[:, None] - points[None])
        differences = np.where(self.space.ordered, differences, differences > 1e-9)
        n = len(points)
        return float(differences.mean(axis=2).sum() / max(1, n * (n - 1))) if self.space.n_columns else 0.0
