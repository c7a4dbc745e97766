"""Which models can be differentiated, and with respect to what.

A family is a module with a dict ``MODELS``, from the public name of a class of estimators to its rules: a
name, so that no estimator is imported before the user does.
"""

from sklearn.pipeline import Pipeline

from sksearch.hypergradients import closed, gaussian_process, kernel, linear, svm
from sksearch.hypergradients.model import SCALE
from sksearch.space import FeatureScaler

_FAMILIES = (linear, kernel, svm, gaussian_process, closed)
_MODELS = {name: model for family in _FAMILIES for name, model in family.MODELS.items()}


def find_model(estimator):
    """Return the rules of an estimator's class, or None. Subclasses may do anything: they have none."""
    package = type(estimator).__module__.split("._")[0]
    return _MODELS.get(f"{package}.{type(estimator).__name__}")


def split_pipeline(estimator):
    """Return the last step of a pipeline and its prefix, and the name of the feature scaler before it.

    Returns
    -------
    last : estimator object
        The estimator itself, if it is no pipeline.
    prefix : str
        What the names of the parameters of `last` begin with.
    scaler : str or None
        The name of the scaler's parameter `scale`, if there is such a step right before the last one.
    """
    if type(estimator) is not Pipeline:  # others may do anything with their steps, such as resampling
        return estimator, "", None
    name, last = estimator.steps[-1]
    front = front_of(estimator)
    scaler = f"{front[-1][0]}__{SCALE}" if front and isinstance(front[-1][1], FeatureScaler) else None
    return last, f"{name}__", scaler


def front_of(pipeline):
    """List the names and steps before the last one, without those that are skipped."""
    return [(name, step) for name, step in pipeline.steps[:-1] if step not in (None, "passthrough")]


def differentiable(estimator):
    """Name the parameters with respect to which a validation loss can be differentiated.

    Parameters
    ----------
    estimator : estimator object
        A model, or a pipeline that ends in one, in the configuration that counts: a kernel or a solver may
        decide. It does not have to be fitted.

    Returns
    -------
    names : frozenset of str
        Names as in ``estimator.get_params()``. Empty where nothing is known of the model.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> from sksearch.hypergradients import differentiable
    >>> sorted(differentiable(make_pipeline(StandardScaler(), SVC())))
    ['svc__C', 'svc__gamma']
    >>> sorted(differentiable(SVC(kernel="linear")))
    ['C']
    >>> sorted(differentiable(LogisticRegression()))
    ['C']
    """
    last, prefix, scaler = split_pipeline(estimator)
    model = find_model(last)
    if model is None:
        return frozenset()
    names = {prefix + name for name in model.names(last)}
    if scaler and model.scalable(last):
        names.add(scaler)
    return frozenset(names)
