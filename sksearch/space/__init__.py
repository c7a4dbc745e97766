"""Search spaces: dimensions, users' notations, the unit-cube encoding, default spaces."""

from sksearch.space.column_mask import ColumnMask
from sksearch.space.defaults import default_space
from sksearch.space.dimensions import Categorical, Integer, Real
from sksearch.space.feature_scaler import FeatureScaler
from sksearch.space.space import Space
from sksearch.space.subset import Subset
from sksearch.space.vector import Vector

__all__ = [
    "Categorical",
    "ColumnMask",
    "FeatureScaler",
    "Integer",
    "Real",
    "Space",
    "Subset",
    "Vector",
    "default_space",
]
