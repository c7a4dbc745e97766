"""An arm: what is left of a space when everything that is not continuous is fixed."""

import numpy as np

# Length of a finite difference, in units of the descent: 0.03 on a logarithmic scale.
_DIFFERENCE = 0.015

# Units of the descent that the range of a parameter has if its scale is not logarithmic.
_UNITS = 4.0


class Arm:
    """The points of a space that agree in all that is not continuous, and their coordinates.

    Parameters
    ----------
    space : Space
    template : ndarray of shape (n_columns,)
        One of the points.
    free : dict of str to slice
        The columns in which they differ, by parameter.
    """

    def __init__(self, space, template, free):
        self.space, self.template, self._by_name = space, template, free
        columns = {name: np.arange(space.n_columns)[columns] for name, columns in free.items()}
        self.vectors = [c for c in columns.values() if len(c) > 1]
        self.free = np.concatenate([np.empty(0, int), *columns.values()])
        self.units = space.log_widths(template)[self.free] / 2.0
        self.units[np.isnan(self.units)] = _UNITS
        ends = np.tile(template, (2, 1))
        ends[:, self.free] = [[0.0], [1.0]]
        self.box = space.snap(ends)[:, self.free] * self.units

    @property
    def n_free(self):
        return len(self.free)

    def without_vectors(self, point):
        """The arm in which all vectors are those of a point; None if none is left free, or nothing else."""
        free = {name: c for name, c in self._by_name.items() if c.stop - c.start == 1}
        return Arm(self.space, point, free) if self.vectors and free else None

    def position(self, point):
        return point[self.free] * self.units

    def point(self, position):
        point = self.template.copy()
        point[self.free] = position / self.units
        return self.space.snap(point[None])[0]

    def holds(self, point):
        return np.array_equal(self.moved(point), point)

    def moved(self, point):
        """The point of this arm with the free coordinates of another point."""
        moved = self.template.copy()
        moved[self.free] = point[self.free]
        return moved

    def beside(self, point, column):
        """A point a small step away in one of the free coordinates."""
        position = self.position(point)
        forward = position[column] + _DIFFERENCE <= self.box[1][column]
        position[column] += _DIFFERENCE if forward else -_DIFFERENCE
        return self.point(position)
