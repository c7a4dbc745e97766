"""Where the networks in an estimator are."""

from skorch import NeuralNet

from sksearch.space.dimensions import Categorical


def nets_of(estimator):
    """List the networks in an estimator.

    Parameters
    ----------
    estimator : estimator
        A network, or whatever has one among its parameters, such as a pipeline.

    Returns
    -------
    nets : list of (str, NeuralNet)
        With the prefix of their parameters: "" for the estimator itself, "clf__" for a step of that name.
    """
    if isinstance(estimator, NeuralNet):
        return [("", estimator)]
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return []
    params = estimator.get_params(deep=True)
    return [(f"{name}__", value) for name, value in params.items() if isinstance(value, NeuralNet)]


def holds_net(estimator, space):
    """Whether an estimator is or has a network, or a space has one to choose."""
    dimensions = [dimension for branch in space.branches for dimension in branch.values()]
    choices = [v for dim in dimensions if isinstance(dim, Categorical) for v in dim.categories]
    return any(nets_of(candidate) for candidate in [estimator, *choices])
