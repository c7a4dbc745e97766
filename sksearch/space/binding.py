"""Where a space meets an estimator: do its names fit, and which of its settings is the estimator's own."""

from difflib import get_close_matches

from sklearn.base import clone

from sksearch.space.dimensions import Categorical


def own_params(space, estimator):
    """Return the setting of a space that the estimator has already.

    Parameters
    ----------
    space : Space
    estimator : estimator

    Returns
    -------
    params : dict or None
        The estimator's current values of the parameters of the first branch that holds them all.
    """
    current = estimator.get_params(deep=True)
    for branch in space.branches:
        params = {name: current[name] for name in branch if name in current}
        if params in space:
            return params
    return None


def check_names(space, estimator):
    """Check that the estimator takes every parameter of a space, before anything is fitted.

    The estimator's own ``set_params`` decides, since the names that it takes can depend on other values: a
    step's parameters exist once the step is chosen.

    Parameters
    ----------
    space : Space
    estimator : estimator

    Raises
    ------
    ValueError
        Naming the parameter, and the nearest name that exists.
    """
    for branch in space.branches:
        first = {name: dim.decode([0.5] * dim.width) for name, dim in branch.items()}
        for choices in _alternatives(branch):
            params = first | choices
            if params and (error := _why_not_settable(estimator, params)) is not None:
                raise _diagnose(estimator, params, choices) from error


def _alternatives(branch):
    """Settings to try: each choice of an object whose own parameters are searched in the same branch."""
    tried = [
        {name: value}
        for name, dimension in branch.items()
        if isinstance(dimension, Categorical) and any(n.startswith(f"{name}__") for n in branch)
        for value in dimension.categories
    ]
    return tried or [{}]


def _why_not_settable(estimator, params):
    try:
        clone(estimator).set_params(**clone(params, safe=False))
    except Exception as error:  # whatever a third party's set_params raises
        return error
    return None


def _diagnose(estimator, params, choices):
    """Find the name at fault, and write the sentence about it."""
    parents = {
        name: value for name, value in params.items() if any(n.startswith(f"{name}__") for n in params)
    }
    if parents and _why_not_settable(estimator, parents) is not None:
        return _unknown(estimator, next(iter(parents)), parents)
    for name, value in params.items():
        if _why_not_settable(estimator, parents | {name: value}) is None:
            continue
        step = next(iter(choices), None)
        if step is not None and name.startswith(f"{step}__"):
            return ValueError(
                f"Parameter {name!r} does not exist when {step}={choices[step]!r}; write each "
                "alternative with its own parameters as a separate dict, in a list of dicts."
            )
        return _unknown(clone(estimator).set_params(**clone(parents, safe=False)), name, params)
    return ValueError(f"{type(estimator).__name__} does not take the parameters {params!r} together.")


def _unknown(estimator, name, params):
    valid = estimator.get_params(deep=True)
    missing = next((p for p in _prefixes(name) if p not in valid and p not in params), name)
    if missing != name:
        steps = [p for p in valid if "__" not in p.removeprefix(missing.rpartition("__")[0] + "__")]
        near = get_close_matches(missing, valid, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {sorted(steps)}."
        return ValueError(
            f"Parameter {name!r} belongs to {missing!r}, which {type(estimator).__name__} "
            f"does not have; {hint}"
        )
    near = get_close_matches(name, valid, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"the valid names are {sorted(valid)}."
    return ValueError(f"{type(estimator).__name__} has no parameter {name!r}; {hint}")


def _prefixes(name):
    """List 'a', 'a__b' for 'a__b__c'."""
    parts = name.split("__")
    return ["__".join(parts[:i]) for i in range(1, len(parts))]
