"""Which search it is: what its results depend on, in texts that are the same in every process."""

import joblib
import numpy as np
from sklearn import config_context

from sksearch.execution.description import describe, describe_in_full, fingerprint
from sksearch.space.dimensions import Categorical

# How the names of those parts begin that no repr shows.
HIDDEN = "code or fitted state of"

# Longer arrays are shown by their first and last values.
_SHOWN_IN_FULL = 1000
_PRINTED = {
    "precision": 8,
    "threshold": _SHOWN_IN_FULL,
    "edgeitems": 3,
    "linewidth": 75,
    "suppress": False,
    "sign": "-",
    "floatmode": "maxprec",
    "nanstr": "nan",
    "infstr": "inf",
    "formatter": None,
    "legacy": False,
}


def identity_of(cross_validation, branches):
    """Describe a search by what its results depend on, in texts that are the same in every process.

    Parameters
    ----------
    cross_validation : CrossValidation
        Estimator, data, folds and scorers.
    branches : list of dict
        Dimensions of the space.

    Returns
    -------
    identity : dict of str to str
    """
    # How things are printed is the user's choice, and another one on another day.
    with config_context(print_changed_only=True), np.printoptions(**_PRINTED):
        return _shown(cross_validation, branches) | _hidden(cross_validation, branches)


def _shown(cross_validation, branches):
    estimator, options = cross_validation.estimator, cross_validation.options
    resource = cross_validation.resource
    return {
        "estimator": describe((type(estimator), _told_apart(estimator.get_params(deep=True)))),
        "space": describe(_told_apart(branches)),
        "data": fingerprint((cross_validation.X, cross_validation.y)),
        "splits": fingerprint([[np.asarray(part) for part in split] for split in cross_validation.splits]),
        "resource": describe(resource.n_steps > 1 and (resource.name, resource.amounts)),
        "scoring": describe(options["scorer"]),
        "fit parameters": fingerprint((options["fit_params"], options["score_params"])),
        "return_train_score": describe(options["return_train_score"]),
        "error_score": describe(options["error_score"]),
    }


def _hidden(cross_validation, branches):
    """Return by name the hashes of what looks alike and may differ: code, fitted state, long values."""
    estimator, scorer = cross_validation.estimator, cross_validation.options["scorer"]
    parts = dict(estimator.get_params(deep=True))
    for name in sorted(set().union(*branches)):
        parts[f"the values of {name}"] = [branch[name] for branch in branches if name in branch]
    scorers = getattr(scorer, "_scorers", None)
    parts |= {"the scorer": scorer} if scorers is None else {f"the scorer {n}": scorers[n] for n in scorers}
    parts[type(estimator).__name__] = estimator
    texts = {name: describe_in_full(part) for name, part in parts.items()}
    hidden = [name for name, text in texts.items() if text != describe(parts[name])]
    # The innermost is said: a step of a pipeline tells more than the list of all.
    hidden.sort(key=lambda name: (-name.count("__"), isinstance(parts[name], list)))
    return {f"{HIDDEN} {name}": joblib.hash(texts[name])[:12] for name in hidden}


def _told_apart(value):
    """Replace what has another repr in every process (sets), or the same as others (long arrays).

    Dimensions and estimators are taken apart only where there is such a thing inside.
    """
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, sorted(map(describe, value))
    if isinstance(value, np.ndarray) and value.size > _SHOWN_IN_FULL:
        return "array", value.shape, fingerprint(value)
    if type(value) in (list, tuple):
        return type(value)(_told_apart(item) for item in value)
    if type(value) is dict:
        return {_as_key(key): _told_apart(item) for key, item in value.items()}
    if isinstance(value, Categorical):
        inside = value.categories
    elif hasattr(value, "get_params") and not isinstance(value, type):
        inside = value.get_params(deep=False)
    else:
        return value
    told = _told_apart(inside)
    return value if repr(told) == repr(inside) else (type(value).__name__, told)


def _as_key(key):
    told = _told_apart(key)  # which may be a list
    return key if repr(told) == repr(key) else describe(told)
