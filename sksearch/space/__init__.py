"""Search spaces: dimensions, users' notations, the unit-cube encoding, default spaces."""

from sksearch.space.column_mask import ColumnMask
from sksearch.space.defaults import default_space
from sksearch.space.dimensions import Categorical, Integer, Real
from sksearch.space.space import Space
from sksearch.space.subset import Subset

__all__ = ["Categorical", "ColumnMask", "Integer", "Real", "Space", "Subset", "default_space"]
