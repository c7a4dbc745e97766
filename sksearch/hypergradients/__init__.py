"""Derivatives of validation losses with respect to hyperparameters."""

from sksearch.hypergradients.errors import NotDifferentiable
from sksearch.hypergradients.hypergradient import Hypergradient
from sksearch.hypergradients.registry import differentiable

__all__ = ["Hypergradient", "NotDifferentiable", "differentiable"]
