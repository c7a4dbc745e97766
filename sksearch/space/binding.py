"""Where a space meets an estimator: do its names fit?"""

from sklearn.base import clone

from sksearch._messages import did_you_mean
from sksearch.space.dimensions import Categorical


def check_names(space, estimator, resource=None):
    """Check that the estimator takes every parameter of a space, before anything is fitted.

    The estimator's own ``set_params`` decides, since the names that it takes can depend on other values: a
    step's parameters exist once the step is chosen.

    Parameters
    ----------
    space : Space
    estimator : estimator
    resource : str, default=None
        Perhaps a parameter that is not searched: it has to exist with every choice as well.

    Raises
    ------
    ValueError
        Naming the parameter, and the nearest name that exists.
    """
    for branch in space.branches:
        first = {name: dim.middle() for name, dim in branch.items()}
        for choices in _alternatives(branch, [*branch, resource or ""]):
            params = first | choices
            if params and (error := _why_not_settable(estimator, params)) is not None:
                _raise_about_names(space, branch, estimator, params, choices, error)
            _check_resource(estimator, params, resource or "")


def _check_resource(estimator, params, resource):
    chosen = {name: value for name, value in params.items() if resource.startswith(f"{name}__")}
    # Where nothing is chosen that it depends on, `make_resource` says more.
    if not chosen or _why_not_settable(estimator, chosen) is not None:
        return
    if resource not in clone(estimator).set_params(**clone(chosen, safe=False)).get_params():
        raise ValueError(
            f"resource={resource!r} does not exist with {chosen}; search these alternatives apart, or all of "
            "them without it."
        )


def _alternatives(branch, names):
    """Settings to try: each choice of an object whose own parameters are among the names."""
    tried = [
        {name: value}
        for name, dimension in branch.items()
        if isinstance(dimension, Categorical) and any(n.startswith(f"{name}__") for n in names)
        for value in dimension.categories
    ]
    return tried or [{}]


def _why_not_settable(estimator, params):
    try:
        clone(estimator).set_params(**clone(params, safe=False))
    except Exception as error:  # whatever a third party's set_params raises
        return error
    return None


def _raise_about_names(space, branch, estimator, params, choices, error):
    """Raise about the name at fault, if one is; a value that is refused is the failure of a candidate."""
    given = estimator
    parents = {
        name: value for name, value in params.items() if any(n.startswith(f"{name}__") for n in params)
    }
    if parents and _why_not_settable(estimator, parents) is None:
        estimator = clone(estimator).set_params(**clone(parents, safe=False))
    valid = estimator.get_params(deep=True)
    kind = type(estimator).__name__
    for name, value in params.items():
        # What an estimator takes although it does not list it, as networks do, is not at fault.
        if name in valid or _why_not_settable(estimator, {name: value}) is None:
            continue
        step = next(iter(choices), None)
        if step is not None and name.startswith(f"{step}__"):
            if not _exists_with_another(space, given, step, name, value):
                inside = sorted(n for n in valid if n.startswith(f"{step}__"))
                hint = did_you_mean(name, inside, f"there are {inside}.")
            elif branch[step].size > 1:
                hint = (
                    "write each alternative with its own parameters as a separate dict, in a list of dicts."
                )
            else:
                hint = "leave it out of this dict."
            message = f"Parameter {name!r} does not exist when {step}={choices[step]!r}; {hint}"
        elif (
            missing := next((prefix for prefix in _prefixes(name) if prefix not in valid), None)
        ) is not None:
            level = missing.rpartition("__")[0]
            beside = sorted(n for n in valid if n.rpartition("__")[0] == level)
            hint = did_you_mean(missing, valid, f"there are {beside}.")
            if (inner := name.removeprefix(f"{missing}__")) in valid:  # as of a step, and there are none
                hint = f"write {inner!r}."
            message = f"Parameter {name!r} belongs to {missing!r}, which {kind} does not have; {hint}"
        else:
            hint = did_you_mean(name, valid, f"the valid names are {sorted(valid)}.")
            message = f"{kind} has no parameter {name!r}; {hint}"
        raise ValueError(message) from error


def _exists_with_another(space, estimator, step, name, value):
    """Whether a parameter exists with another choice of the step, in whichever branch."""
    dimensions = (branch[step] for branch in space.branches if isinstance(branch.get(step), Categorical))
    choices = (choice for dimension in dimensions for choice in dimension.categories)
    return any(_why_not_settable(estimator, {step: choice, name: value}) is None for choice in choices)


def _prefixes(name):
    """List 'a', 'a__b' for 'a__b__c'."""
    parts = name.split("__")
    return ["__".join(parts[:i]) for i in range(1, len(parts))]
