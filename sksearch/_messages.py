"""What users are told about names that do not exist."""

import sys
from difflib import get_close_matches

from sklearn.metrics import get_scorer_names

from sksearch._compat import InvalidParameterError

# Most names that are suggested, and the shortest part of a name that says which one is meant.
_MOST_HINTS = 3
_SHORTEST_PART = 2


def did_you_mean(name, valid, otherwise):
    """Return "did you mean ...?" with the nearest valid names, whatever their case, or the other hint.

    What is missing most often comes first: the name of the step in front of a parameter, then the rest of
    a name that was cut short.
    """
    by_lower_case = {candidate.lower(): candidate for candidate in valid}
    given = name.lower()
    near = [candidate for candidate in by_lower_case if candidate.endswith(f"__{given}")]
    near = sorted(near, key=len)[:_MOST_HINTS]
    if not near and len(given) >= _SHORTEST_PART:
        near = [candidate for candidate in by_lower_case if given in candidate]
        near = sorted(near, key=lambda candidate: (not candidate.startswith(given), len(candidate)))[:1]
    near = near or get_close_matches(given, by_lower_case, n=1, cutoff=0.5)
    return f"did you mean {' or '.join(repr(by_lower_case[n]) for n in near)}?" if near else otherwise


def check_instance(name, value):
    """Raise an error if a parameter is a class where one of its instances is meant."""
    if isinstance(value, type):
        kind = value.__name__
        raise InvalidParameterError(f"{name}={kind} is a class; pass an instance, {kind}().")


def check_estimator(estimator):
    """Raise an error if an estimator is a class, or a network of torch that nothing is wrapped around."""
    check_instance("estimator", estimator)
    torch = sys.modules.get("torch.nn")  # who has a module has imported it
    if torch is not None and isinstance(estimator, torch.Module) and not hasattr(estimator, "fit"):
        kind = type(estimator).__name__
        raise InvalidParameterError(
            f"estimator must be an object implementing 'fit'. Got {kind}(...) instead; wrap a torch module: "
            f"`skorch.NeuralNetClassifier({kind}, ...)`."
        )


def check_scoring_names(scoring):
    """Raise a ValueError if a scorer is named that scikit-learn does not have."""
    given = list(scoring.values()) if isinstance(scoring, dict) else scoring
    valid = get_scorer_names()
    for name in [given] if isinstance(given, str) else given if isinstance(given, (list, tuple)) else []:
        if isinstance(name, str) and name not in valid:
            hint = did_you_mean(name, valid, "see sklearn.metrics.get_scorer_names().")
            raise ValueError(f"scoring={name!r} is not the name of a scorer; {hint}")
