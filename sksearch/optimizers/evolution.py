"""Evolution: better candidates have children, worse ones make room for them."""

import numpy as np
from deap import base

from sksearch.optimizers.base import Optimizer
from sksearch.optimizers.density import sample_like
from sksearch.optimizers.pareto import crowded_merit
from sksearch.optimizers.screening import RoughModel
from sksearch.optimizers.worth import ColumnWorth

# A litter: children of two parents, of the gene pool, and strangers.
_N_BRED = 12
_N_POOLED = 12
_N_STRANGERS = 8
# Share of the points told that are the gene pool, and most of these: beyond, time grows with their number,
# and what is learned hardly does.
_POOL = 0.1
_MOST_POOLED = 25
# Scale of a mutation's step, as a share of the cube.
_STEP = 0.1
# Width of a bucket of values that count as equal, where columns are selected: as a share of the interquartile
# range.
_BUCKET = 0.2


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
    replaces the worst, the best is never lost, failures have no place. Of equal points the younger one is
    better, so that a population drifts over a plateau. Where columns are selected, values that differ by less
    than a fifth of the interquartile range of all count as equal, and the point with fewer columns is better
    (lexicographic parsimony pressure with buckets; Luke & Panait, 2002).

    Of a litter of 32, one child is evaluated. Twelve have two parents, winners of tournaments: uniform
    crossover mixes their parameters, then about one parameter that is active changes: a number by a step of
    Cauchy distribution, mostly small and at times far, a category to another, a subset by a few columns less
    or more. Twelve have many parents: each coordinate comes from another point of the *gene pool*, the best
    tenth of all, a little moved. Eight are strangers, drawn from the space. Which one is evaluated is decided
    by what a rough model, see `RoughModel`, draws for them: near what is well known the better child has
    the better chance, elsewhere every one has some.

    Where models tell how important columns are to them, see `note`, columns of a subset that were worth
    little are removed first, and those that were worth much, or were never tried, added.

    With several objectives, better is what NSGA-II says: a point on an earlier front of the non-dominated
    sorting, and on the same front one in a less crowded place.

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
    Luke & Panait, "Lexicographic parsimony pressure", 2002.
    Jin, "Surrogate-assisted evolutionary computation: recent advances and future challenges", 2011.
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
        self._in_subset = np.zeros(space.n_columns, bool)
        for columns, _ in space.subsets:
            self._in_subset[columns] = True
        self._numbers = np.flatnonzero(space.ordered)
        self._categories = np.flatnonzero(~space.ordered & ~self._in_subset)
        self._n_chosen = np.empty(0, int)  # of the points told
        n = max(2, population_size // 2)
        strata = rng.permuted(np.tile(np.arange(n)[:, None], space.n_columns), axis=0)
        self._start = space.draw((strata + rng.random(strata.shape)) / n)
        self._model = RoughModel(space)
        # Of one subset it is known whose importances a model has.
        self._worth = ColumnWorth(space.subsets[0][1].n) if len(space.subsets) == 1 else None
        # Parents of points asked, as points: their bytes identify them.
        self._parents = {}
        self._litter = {}

    @property
    def population(self):
        """The points that can be parents, best first: a list of `Individual`, with DEAP's fitness."""
        return [
            Individual(int(row), self.points[row], self.space.decode(self.points[row]), self.values[row])
            for row in self._ranked(self._merit())[: self.population_size]
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
            rows = self._ranked(self._merit(stop))[: self.population_size]
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

        ``generation`` is 0 for points of the start, given and random ones, else one more than the latest of
        the parents; ``parents`` are tuples of rows of `points`.
        """
        rows = {point.tobytes(): row for row, point in enumerate(points)}
        generation = np.zeros(len(points), int)
        parents = np.empty(len(points), object)
        for row, point in enumerate(points):  # parents were proposed before their children
            known = [rows[parent] for parent in self._parents.get(point.tobytes(), ()) if parent in rows]
            parents[row] = tuple(sorted(known))
            generation[row] = 1 + generation[known].max() if known else 0
        return {"generation": generation, "parents": parents}

    def note(self, point, measured):
        """Take the `importance` of columns of every fold, of shape (n,) for a subset of n.

        It is NaN for columns that were left out.
        """
        self._worth.note(point, np.mean([fold["importance"] for fold in measured], axis=0))

    # -- breeding ----------------------------------------------------------------------------------

    def _next(self):
        point = super()._next()
        if point is not None and point.tobytes() in self._litter:
            rows = sorted({*self._litter[point.tobytes()].tolist()} - {-1})
            self._parents[point.tobytes()] = tuple(self.points[row].tobytes() for row in rows)
        self._litter = {}
        return point

    def _propose(self):
        n_known = len(self._told) + len(self._pending)
        if n_known < len(self._start):
            return self._start[n_known:]
        merit = self._merit()
        ranked = self._ranked(merit)
        if len(ranked) < 2 or self.space.n_columns == 0:
            return self.space.sample(1, self.rng)
        pooled, from_many = self._from_pool(ranked)
        bred, from_two = self._from_two(ranked)
        children = np.vstack([pooled, bred, self._strangers()])
        known = np.append(ranked, np.flatnonzero(~np.isfinite(merit)))
        promise = self._model.sample(self.points[known], merit[known], children, self.rng)
        parents = [*from_many, *from_two]  # strangers have none
        self._litter = {child.tobytes(): rows for child, rows in zip(children, parents, strict=False)}
        return children[np.argsort(-promise, kind="stable")]

    def _from_pool(self, ranked):
        """Children of the better points, and the rows of their parents, -1 for none."""
        good = ranked[: min(max(2, int(np.ceil(_POOL * len(ranked)))), _MOST_POOLED)]
        worth = self._sample_worth(_N_POOLED)
        children, sources = sample_like(self.space, self.points[good], _N_POOLED, self.rng, worth)
        return children, np.where(sources < 0, -1, good[sources])

    def _strangers(self):
        """Points drawn from the space; of subsets, as far as it is known, the columns worth most."""
        strangers = self.space.sample(_N_STRANGERS, self.rng)
        if (worth := self._sample_worth(_N_STRANGERS)) is not None:
            ((columns, subset),) = self.space.subsets
            rows = self.space.active(strangers)[:, columns.start]
            strangers[rows, columns] = subset.best(strangers[rows, columns], worth[rows, columns])
        return strangers

    def _from_two(self, ranked):
        """Children of two winners of tournaments each, and the rows of their parents."""
        rng, space = self.rng, self.space
        population = ranked[: self.population_size]
        # Who comes first wins.
        entered = rng.integers(len(population), size=(_N_BRED, 2, self.tournament_size))
        rows = population[entered.min(axis=2)]
        mothers, fathers = self.points[rows[:, 0]], self.points[rows[:, 1]]
        of_mother, of_father = space.active(mothers), space.active(fathers)
        crossed = rng.random(_N_BRED) < self.crossover_rate
        from_father = (rng.random((_N_BRED, self._n_parameters)) < 0.5)[:, space.parameter]
        for columns, subset in space.subsets:
            from_father[:, columns] = rng.random((_N_BRED, subset.n)) < 0.5
        # In different branches, each has something to give where it is active only.
        from_father = np.where(of_mother & of_father, from_father & crossed[:, None], of_father)
        worth = self._sample_worth(_N_BRED, mothers, fathers, from_father)
        children = self._mutated(np.where(from_father, fathers, mothers), of_mother | of_father, worth)
        return children, np.where(crossed[:, None], rows, rows[:, :1])

    def _mutated(self, points, inherited, worth):
        """Change about one active parameter of each point, of which the inherited coordinates are known."""
        rng, space = self.rng, self.space
        points = self._completed(points, inherited)
        active = np.zeros((len(points), self._n_parameters), bool)
        active[:, space.parameter] = space.active(points)
        rate = 1.0 / active.sum(axis=1, keepdims=True) if self.mutation_rate == "auto" else self.mutation_rate
        chance = np.where(active, rng.random(active.shape), np.inf)
        mutates = chance < rate
        unchanged = ~mutates.any(axis=1)
        mutates[unchanged, chance[unchanged].argmin(axis=1)] = True
        changes = mutates[:, space.parameter]
        moved = points.copy()
        numbers, categories = self._numbers, self._categories
        step = _STEP * rng.standard_cauchy((len(points), len(numbers)))
        # At least to the next value, where there are steps between them.
        step = np.copysign(np.maximum(np.abs(step), 1.0 / space.n_values[numbers]), step)
        moved[:, numbers] = np.minimum(np.maximum(points[:, numbers] + step, 0.0), 1.0)
        n_values = space.n_values[categories]
        further = np.ceil((n_values - 1.0) * rng.random((len(points), len(categories)))) / n_values
        moved[:, categories] = (points[:, categories] + further) % 1.0
        children = np.where(changes, moved, points)
        for columns, subset in space.subsets:
            # A crossover may have left too many or too few columns.
            children[:, columns] = subset.mend(points[:, columns], rng)
            rows = np.flatnonzero(changes[:, columns.start])
            own = None if worth is None else worth[rows, columns]
            children[rows, columns] = subset.flip(children[rows, columns], rng, own)
        # Another branch may have been the mutation, where nothing is inherited but what it shares.
        return space.snap(self._completed(children, space.active(points)))

    def _sample_worth(self, n, mothers=None, fathers=None, from_father=None):
        """Draw what columns of the subset are worth, to n children; None where nothing is known.

        Of a column that a child has from a parent it is what this parent's model said.
        """
        if self._worth is None or not self._worth.known:
            return None
        columns, own = self.space.subsets[0][0], None
        if mothers is not None:
            own = np.where(from_father[:, columns], self._worth.to(fathers), self._worth.to(mothers))
        worth = np.zeros((n, self.space.n_columns))
        worth[:, columns] = self._worth.sample(n, self.rng, own)
        return worth

    def _completed(self, points, known):
        """Draw what points need to be those of their branch, and was not known."""
        missing = self.space.active(points) & ~known
        return (
            np.where(missing, self.space.sample(len(points), self.rng), points) if missing.any() else points
        )

    # -- population --------------------------------------------------------------------------------

    @staticmethod
    def _ranked(merit):
        """Rows of all points with a merit, best first, of equals the youngest."""
        rows = np.argsort(merit, kind="stable")[::-1]
        return rows[: np.isfinite(merit).sum()]

    def _merit(self, n_told=None):
        """One value per point, larger is better, among the first so many told, or all.

        Of points with subsets whose values hardly differ, those of fewer columns are better.
        """
        values = self.values[:n_told]
        if not self.space.subsets:
            return values if values.ndim == 1 else crowded_merit(values)
        if values.ndim == 1:
            failed, level = np.isneginf(values), -_bucket(values)
        else:
            merit = crowded_merit(values)
            failed, level = np.isneginf(merit), np.unique(merit, return_inverse=True)[1]
        n_counted = len(self._n_chosen)
        if n_counted < len(self.points):
            fresh = self.points[n_counted:, self._in_subset] > 0.5
            self._n_chosen = np.append(self._n_chosen, fresh.sum(axis=1))
        return np.where(failed, -np.inf, level * (self.space.n_columns + 1.0) - self._n_chosen[:n_told])

    def _diversity(self, points):
        differences = np.abs(points[:, None] - points[None])
        differences = np.where(self.space.ordered, differences, differences > 1e-9)
        n = len(points)
        return float(differences.mean(axis=2).sum() / max(1, n * (n - 1))) if self.space.n_columns else 0.0


def _bucket(values):
    """Number the buckets that values fall into, from 0, the best alone.

    The columns that a score of cross-validation likes best are those of signal, and the noise that happens to
    agree with it. A bucket is a share of the range of the middle half of the values, so that buckets grow
    finer as a search converges.
    """
    ordered = np.sort(values[np.isfinite(values)])
    if not len(ordered):
        return np.zeros(len(values))
    width = _BUCKET * (ordered[3 * len(ordered) // 4] - ordered[len(ordered) // 4])
    if width > 0.0:
        # A number needs its digits: whoever is this far away is so in any case.
        return np.ceil(np.minimum((ordered[-1] - values) / width, 1e9))
    return np.searchsorted(np.unique(-ordered), -values)
