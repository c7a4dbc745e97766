"""The search space: named dimensions, in one branch or several, encoded into one unit cube."""

from itertools import combinations, product
from math import inf, prod

import numpy as np

from sksearch.space.dimensions import Categorical
from sksearch.space.notation import as_dimension
from sksearch.space.subset import Subset
from sksearch.space.vector import Vector

# Inactive coordinates all stand here, so that they tell two points of a branch nothing.
_INACTIVE = 0.5

# Configurations of overlapping branches are counted one by one, up to this many.
_COUNTABLE = 10_000


class Space:
    """What may be searched, as parameter settings and as points of a unit cube.

    A point is an array of `n_columns` numbers in [0, 1]. Where there are several branches, column 0
    chooses the branch. Columns that the chosen branch does not use are *inactive*: a canonical point has
    0.5 there, so that inactive parameters influence nothing. Parameters with the same name and the same
    values in several branches share their columns; a parameter with a single value needs none.

    Parameters
    ----------
    param_distributions : dict or list of dict
        Notations by parameter name; a list stands for the union of its dicts.
    beside : iterable of str, default=()
        Parameters that settings may have beside those that are searched; they make no difference.

    Attributes
    ----------
    branches : list of dict
        Dimension by parameter name, one dict per branch, names sorted.
    names : set of str
        All parameters, of whichever branches.
    n_columns : int
        Length of a point.
    ordered : ndarray of bool, shape (n_columns,)
        Whether the coordinate is a number; else it is a category.
    n_values : ndarray of float, shape (n_columns,)
        Number of values of the coordinate, inf where it is continuous.
    parameter : ndarray of int, shape (n_columns,)
        Number of the parameter that the coordinate belongs to; the choice of the branch counts as one.
    subsets : list of (slice, Subset)
        The columns of each parameter that is a subset.
    size : int or inf
        Number of distinct configurations.

    Raises
    ------
    TypeError, ValueError
        One sentence that names the parameter, the value and the fix.

    Examples
    --------
    >>> from sksearch.space import Space
    >>> space = Space({"C": (1e-2, 1e2, "log-uniform"), "kernel": ["rbf", "poly"]})
    >>> point = space.encode({"C": 1.0, "kernel": "poly"})
    >>> point
    array([0.5 , 0.75])
    >>> space.decode(point)
    {'C': 1.0, 'kernel': 'poly'}
    """

    def __init__(self, param_distributions, beside=()):
        self.branches = _parse(param_distributions)
        self._beside = frozenset(beside)
        self.names = set().union(*self.branches)
        self._choice = Categorical(range(len(self.branches)))
        self._offset = int(len(self.branches) > 1)  # a single branch needs no column to choose it
        placed = {}
        self.n_columns = self._offset
        for branch in self.branches:
            for name, dimension in branch.items():
                if dimension.size > 1 and (name, dimension) not in placed:
                    stop = self.n_columns + dimension.width
                    placed[name, dimension] = slice(self.n_columns, stop)
                    self.n_columns = stop
        # The columns of each parameter of each branch; None where the value is fixed.
        self._columns = [
            {name: placed.get((name, dimension)) for name, dimension in branch.items()}
            for branch in self.branches
        ]
        self._placed = [(dimension, columns) for (_, dimension), columns in placed.items()]
        # Parameters with the same values are mapped together: in large spaces, calls are what takes time.
        self._columns_of = {}
        for dimension, columns in self._placed:
            self._columns_of.setdefault(dimension, []).extend(range(columns.start, columns.stop))
        self._columns_of = {dimension: _as_slice(columns) for dimension, columns in self._columns_of.items()}
        self.ordered = np.zeros(self.n_columns, bool)
        self.n_values = np.full(self.n_columns, float(len(self.branches)))
        self.parameter = np.zeros(self.n_columns, int)
        for number, (dimension, columns) in enumerate(self._placed, start=self._offset):
            self.ordered[columns] = dimension.ordered
            self.n_values[columns] = dimension.n_values
            self.parameter[columns] = number
        self.subsets = [(columns, dim) for dim, columns in self._placed if isinstance(dim, Subset)]
        self._active = np.zeros((len(self.branches), self.n_columns), bool)
        self._active[:, : self._offset] = True
        for active, branch_columns in zip(self._active, self._columns, strict=True):
            for columns in filter(None, branch_columns.values()):
                active[columns] = True
        self._overlapping = any(a.keys() == b.keys() for a, b in combinations(self.branches, 2))
        self.size = self._count()

    def _count(self):
        sizes = [[dim.size for dim in branch.values()] for branch in self.branches]
        if any(inf in branch for branch in sizes):  # times inf, a number of subsets may be too large
            return inf
        total = sum(map(prod, sizes))
        if self._overlapping and total <= _COUNTABLE:
            return sum(1 for _ in self.grid())
        return total

    def __contains__(self, params):
        return self._branch_of(params) is not None

    def _branch_of(self, params):
        """Index of the first branch that holds a parameter setting, or None."""
        names = params.keys() - self._beside
        for index, branch in enumerate(self.branches):
            if names == branch.keys() and all(params[k] in branch[k] for k in branch):
                return index
        return None

    def encode(self, params):
        """Map a parameter setting to its canonical point.

        Parameters
        ----------
        params : dict
            A value for every parameter of one branch.

        Returns
        -------
        point : ndarray of shape (n_columns,)

        Raises
        ------
        ValueError
            If no branch holds the setting.
        """
        index = self._branch_of(params)
        if index is None:
            raise ValueError(f"The search space does not hold {params!r}: {self.why_not(params)}")
        point = np.full(self.n_columns, _INACTIVE)
        point[: self._offset] = self._choice.encode(index)
        for name, columns in self._columns[index].items():
            if columns is not None:
                point[columns] = self.branches[index][name].encode(params[name])
        return point

    def own(self, params):
        """Return a setting as it is proposed: names sorted, values of the space's types, its own objects."""
        branch = self.branches[self._branch_of(params)]
        return {name: dimension.own(params[name]) for name, dimension in branch.items()}

    def why_not(self, params):
        """Say in a sentence why a parameter setting is not in the space."""
        names = params.keys() - self._beside

        def outside(branch):
            return [name for name in branch if name in names and params[name] not in branch[name]]

        def distance(branch):
            other = [name for name in outside(branch) if not branch[name].ordered]
            return len(branch.keys() ^ names), len(other), len(outside(branch))

        closest = min(self.branches, key=distance)
        if missing := sorted(closest.keys() - names):
            return f"give a value for {missing}."
        if unknown := sorted(names - closest.keys()):
            return f"{unknown} are not searched here; remove them."
        name = outside(closest)[0]
        return f"{name}={params[name]!r} is not in {closest[name]!r}."

    def decode(self, point):
        """Map a point, canonical or not, to the parameter setting it stands for.

        Parameters
        ----------
        point : array of shape (n_columns,)

        Returns
        -------
        params : dict
            Values by parameter name, names sorted.
        """
        index = self._branch_index(point)
        branch, columns = self.branches[index], self._columns[index]
        return {
            name: dim.values()[0] if columns[name] is None else dim.decode(point[columns[name]])
            for name, dim in branch.items()
        }

    def _branch_index(self, point):
        return self._choice.decode(point) if self._offset else 0

    def _branch_indices(self, points):
        if not self._offset:
            return np.zeros(len(points), int)
        return np.clip((points[:, 0] * len(self.branches)).astype(int), 0, len(self.branches) - 1)

    def slope(self, point, gradient):
        """Turn derivatives with respect to parameters into derivatives with respect to coordinates.

        Parameters
        ----------
        point : ndarray of shape (n_columns,)
            Canonical point.
        gradient : dict of str to float or array of shape (width,)
            Derivative of some number with respect to the value of a parameter. Names that the point has no
            columns for are passed over, and so is what is a choice where the point is. Of several numbers
            that are searched as one, the sum counts.

        Returns
        -------
        slope : ndarray of shape (n_columns,)
            Derivative of that number with respect to each coordinate; NaN where it is not given.

        Raises
        ------
        ValueError
            If a derivative has another length than the parameter: the user wrote a wrong one.
        """
        index = self._branch_index(point)
        slope = np.full(self.n_columns, np.nan)
        for name, derivative in gradient.items():
            if (columns := self._columns[index].get(name)) is not None:
                dimension = self.branches[index][name]
                if dimension.size < np.inf:
                    continue
                if dimension.width == 1:
                    derivative = np.sum(derivative)
                elif np.ndim(derivative) and (n := len(derivative)) != dimension.width:
                    fix = Vector(n, dimension.low, dimension.high, dimension.prior)
                    raise ValueError(
                        f"Parameter {name!r} is searched as {dimension!r}, but the estimator has {n} numbers "
                        f"of it; write {fix!r}."
                    )
                slope[columns] = dimension.slope(point[columns]) * derivative
        return slope

    def log_widths(self, point):
        """Widths of the ranges of a point's parameters, in natural log-units.

        Parameters
        ----------
        point : ndarray of shape (n_columns,)

        Returns
        -------
        widths : ndarray of shape (n_columns,)
            NaN where the scale of a coordinate is not logarithmic.
        """
        index = self._branch_index(point)
        widths = np.full(self.n_columns, np.nan)
        for name, columns in self._columns[index].items():
            dimension = self.branches[index][name]
            if columns is not None and getattr(dimension, "prior", None) == "log-uniform":
                widths[columns] = np.log(dimension.high) - np.log(dimension.low)
        return widths

    @property
    def n_arms(self):
        """Number of combinations of the values of parameters that are not continuous."""
        return sum(
            prod(dimension.size for dimension in branch.values() if dimension.size < inf)
            for branch in self.branches
        )

    def arms(self):
        """Iterate over the combinations of the values of parameters that are not continuous.

        Yields
        ------
        point : ndarray of shape (n_columns,)
            A point of this combination.
        free : dict of str to slice
            The columns of its continuous parameters.
        """
        seen = set()
        for index, branch in enumerate(self.branches):
            choices = {
                name: [dim.middle()] if dim.size == inf else dim.values() for name, dim in branch.items()
            }
            free = {name: self._columns[index][name] for name, dim in branch.items() if dim.size == inf}
            for values in product(*choices.values()):
                params = dict(zip(branch, values, strict=True))
                if (key := self.key_of(params)) not in seen:
                    seen.add(key)
                    yield self.encode(params), free

    def active(self, points):
        """Tell which coordinates matter to the configuration of each point.

        Parameters
        ----------
        points : array of shape (n, n_columns)

        Returns
        -------
        active : ndarray of bool, shape (n, n_columns)
        """
        if not self._offset:  # all are
            return np.ones(np.shape(points), bool)
        return self._active[self._branch_indices(points)]

    def snap(self, points):
        """Move points, of shape (n, n_columns), to the canonical points of their configurations."""
        return self._map(points, "snap")

    def draw(self, points):
        """Map uniform points, of shape (n, n_columns), to canonical points of random settings.

        Settings follow the users' distributions, branches are equally likely.
        """
        return self._map(points, "draw")

    def sample(self, n, rng):
        """Draw canonical points of shape (n, n_columns); `rng` is a ``numpy.random.Generator``."""
        return self.draw(rng.random((n, self.n_columns)))

    def _map(self, points, method):
        mapped = np.empty_like(points)
        if self._offset:
            mapped[:, :1] = self._choice.snap(points[:, :1])
        for dimension, columns in self._columns_of.items():
            own = points[:, columns]
            mapped[:, columns] = getattr(dimension, method)(own.reshape(-1, dimension.width)).reshape(
                own.shape
            )
        return np.where(self.active(mapped), mapped, _INACTIVE) if self._offset else mapped

    def key(self, point):
        """Hashable identity of the configuration that a point stands for.

        Two points have equal keys when, and only when, they give the same values to the same active
        parameters, in whichever branches they were found.
        """
        return self.key_of(self.decode(point))

    def key_of(self, params):
        """Hashable identity of a parameter setting that the space holds, see `key`."""
        # Points of one branch are what is asked about for every proposal.
        branch = self.branches[self._branch_of(params) if self._offset else 0]
        return tuple((name, dimension.identity(params[name])) for name, dimension in branch.items())

    def neighbors(self, point):
        """List the points that differ from a canonical point by one step in one parameter.

        A step is another category, the next larger or smaller value of a discrete number, a column more
        or less in a subset, or another branch. Continuous parameters have no steps.

        Parameters
        ----------
        point : ndarray of shape (n_columns,)

        Returns
        -------
        points : ndarray of shape (n_neighbors, n_columns)
        """
        active = self.active(point[None])[0]
        moved = [np.empty((0, self.n_columns))]
        for dimension, columns in [(self._choice, slice(self._offset)), *self._columns_of.items()]:
            columns = np.arange(self.n_columns)[columns]
            columns = columns[active[columns]].reshape(-1, dimension.width)
            reached = dimension.steps(point[columns])
            n, n_steps, width = reached.shape
            rows = np.tile(point, (n * n_steps, 1))
            np.put_along_axis(rows, np.repeat(columns, n_steps, axis=0), reached.reshape(-1, width), axis=1)
            moved.append(rows)
        moved = self.snap(np.vstack(moved))
        return moved[(moved != point).any(axis=1)]

    def grid(self):
        """Iterate over all points of a finite space, in the order of scikit-learn's ParameterGrid."""
        seen = set()
        for branch in self.branches:
            for values in product(*(dimension.values() for dimension in branch.values())):
                params = dict(zip(branch, values, strict=True))
                if (key := self.key_of(params)) not in seen:
                    seen.add(key)
                    yield self.encode(params)


def _as_slice(columns):
    """The same columns, as a slice where they are side by side."""
    first, last = columns[0], columns[-1]
    return slice(first, last + 1) if columns == list(range(first, last + 1)) else np.array(columns)


def _parse(param_distributions):
    dicts = param_distributions
    if isinstance(dicts, dict):
        dicts = [dicts]
    if not isinstance(dicts, (list, tuple)):
        raise TypeError(
            "Parameter distribution is not a dict or a list, got: "
            f"{param_distributions!r} of type {type(param_distributions).__name__}."
        )
    if len(dicts) == 0:
        raise ValueError("param_distributions is an empty list; pass at least one dict.")
    for names in dicts:
        if not isinstance(names, dict):
            raise TypeError(f"Parameter distribution is not a dict ({names!r}).")
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"Parameter names are strings, got {name!r}.")
    return [{name: as_dimension(name, names[name]) for name in sorted(names)} for names in dicts]
