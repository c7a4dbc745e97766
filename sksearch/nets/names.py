"""Names of parameters of networks, which only show when a network is initialised."""

import inspect
import re

import numpy as np
from sklearn.base import clone

from sksearch._messages import did_you_mean
from sksearch.nets.finding import nets_of
from sksearch.space.dimensions import Categorical

# Candidates to try where the first ones are refused.
_N_TRIES = 5

_COMPONENTS = ("module", "criterion", "optimizer", "iterator_train", "iterator_valid", "dataset")


def first_that_initialises(estimator, space):
    """Initialise the networks of one candidate of each kind, and raise where names are wrong.

    A network accepts any name until it is initialised. Tried are, in every branch of the space, its middle,
    and each class that it has to choose from.

    Parameters
    ----------
    estimator : estimator
    space : Space

    Returns
    -------
    candidates : list of estimator
        One per branch, with initialised networks on the CPU; none of a branch whose middle is refused,
        unless no other is left.

    Raises
    ------
    ValueError
        Naming the parameter, and the nearest name that exists; or if none of the candidates tried can be
        initialised.
    """
    found, errors = [], []
    for branch in space.branches:
        middle = {name: dimension.middle() for name, dimension in branch.items()}
        choices = _classes(branch)
        for i, choice in enumerate([{}, *choices]):
            candidate, error = _try(estimator, middle | choice, set().union(*choices))
            found += [candidate] if i == 0 and candidate is not None else []
            errors += [(middle | choice, error)] if error is not None else []
    if errors and not found:
        # The middle may be a bad place, which is the misfortune of a candidate; all of the space is not.
        for point in space.sample(_N_TRIES, np.random.default_rng(0)):
            candidate, _ = _try(estimator, space.decode(point), set())
            if candidate is not None:
                return [candidate]
        params, error = errors[0]
        raise ValueError(
            f"The network can not be initialised with {params} ({type(error).__name__}: {error}), nor with "
            f"{_N_TRIES} other candidates; correct the network, or what is searched."
        ) from error
    return found


def _try(estimator, params, chosen):
    """Return a candidate with initialised networks, or None and why there is none, if it is their fault."""
    try:
        candidate = clone(estimator).set_params(**clone(params, safe=False))
    except Exception as error:
        _raise_about_callback(estimator, params, error)
        return None, None
    try:
        for _, net in nets_of(candidate):
            initialise(net)
    except Exception as error:
        _raise_about_name(candidate, params, chosen, error)
        return None, error
    return candidate, None


def initialise(net):
    """Initialise a network for a look at it: on the CPU, uncompiled, in one process."""
    params = net.get_params(deep=False)
    alone = {name: 0 for name in params if name.endswith("__num_workers")}
    net.set_params(verbose=0, device="cpu", compile=False, **alone).initialize()
    for _, callback in net.callbacks_:
        if hasattr(callback, "policy_"):  # a scheduler takes its parameters when training begins
            callback.on_train_begin(net)


def _classes(branch):
    """Each choice of a class, such as an optimizer: what parameters there are depends on it."""
    return [
        {name: value}
        for name, dimension in branch.items()
        if isinstance(dimension, Categorical) and dimension.size > 1
        for value in dimension.categories
        if isinstance(value, type)
    ]


def _raise_about_callback(estimator, params, error):
    """Raise if a network refuses the name of a callback or of its parameter, known from the start."""
    for prefix, net in nets_of(clone(estimator)):
        callbacks = {} if net.callbacks == "disable" else dict(net.initialize_callbacks().callbacks_)
        for name in (name for name in params if name.startswith(f"{prefix}callbacks__")):
            callback, _, last = name.removeprefix(f"{prefix}callbacks__").partition("__")
            if callback not in callbacks:
                hint = did_you_mean(callback, callbacks, f"there are {list(callbacks)}.")
                raise ValueError(
                    f"Parameter {name!r} belongs to a callback that the network does not have; {hint}"
                ) from error
            valid = callbacks[callback].get_params()
            if last and last not in valid:
                kind = type(callbacks[callback]).__name__
                raise ValueError(
                    f"Callback {callback!r} has no parameter {last!r} ({name!r}), there are {list(valid)}; "
                    f"to search others that it takes, make it with them, {kind}(..., {last}=...)."
                ) from error


def _raise_about_name(estimator, params, chosen, error):
    """Raise if the error is about the name of a parameter; a value that is refused fails its candidate."""
    unknown = _unknown_names(str(error))
    for prefix, net in nets_of(estimator):
        for name in (name for name in params if name.startswith(prefix)):
            own = name.removeprefix(prefix)
            if {own, own.split("__")[-1]} & unknown:
                choice = {name: params[name] for name in chosen}
                raise ValueError(_about(name, own, net, choice)) from error
    if isinstance(error, TypeError) and re.search(r"missing .* argument", str(error)):
        raise ValueError(
            f"The network can not be initialised with {params}: {error}; set it, or search it."
        ) from error


def _unknown_names(text):
    """Find the names that an error of Python or of skorch says do not exist."""
    names = re.findall(r"unexpected keyword argument '(\w+)'", text)
    names += re.findall(r"unexpected argument (\w+), did you mean", text)
    for several in re.findall(r"unexpected argument\(s\) ([\w, ]+?)\.", text):
        names += several.split(", ")
    return set(names)


def _about(name, own, net, choice):
    owner, valid = _takers(net, own)
    if owner is None:
        hint = did_you_mean(own, valid, f"there are {sorted(valid)}.")
        return f"{type(net).__name__} has no parameter {name!r}; {hint}"
    last = own.split("__")[-1]
    hint = did_you_mean(last, valid, "")
    if not hint and owner in choice.values():
        parent = next(parent for parent, value in choice.items() if value is owner)
        return (
            f"Parameter {name!r} does not exist when {parent}={owner.__name__}; write each alternative with "
            "its own parameters as a separate dict, in a list of dicts."
        )
    return f"{owner.__name__} has no parameter {last!r} ({name!r}); {hint or f'there are {sorted(valid)}.'}"


def _takers(net, own):
    """Return who takes a parameter of a network, None for the network itself, and the names it takes."""
    component, _, rest = own.partition("__")
    if component == "callbacks" and "__" in rest:
        callback = dict(net.callbacks_).get(rest.split("__")[0]) if hasattr(net, "callbacks_") else None
        owner = getattr(callback, "policy_", None) or type(callback)
        return owner, _arguments(owner)
    if component in _COMPONENTS and rest:
        owner = getattr(net, component)
        owner = owner if inspect.isclass(owner) or inspect.isfunction(owner) else type(owner)
        return owner, _arguments(owner)
    names = list(net.get_params(deep=False))
    return None, names


def _arguments(owner):
    try:
        names = list(inspect.signature(owner).parameters)
    except (TypeError, ValueError):
        return []
    return [name for name in names if name not in ("self", "args", "kwargs", "params", "optimizer")]
