"""What users are told about names that do not exist."""

from difflib import get_close_matches

from sklearn.metrics import get_scorer_names


def did_you_mean(name, valid, otherwise):
    """Return "did you mean ...?" with the nearest valid name, whatever its case, or the other hint."""
    by_lower_case = {candidate.lower(): candidate for candidate in valid}
    near = get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.5)
    return f"did you mean {by_lower_case[near[0]]!r}?" if near else otherwise


def check_scoring_names(scoring):
    """Raise a ValueError if a scorer is named that scikit-learn does not have."""
    given = list(scoring.values()) if isinstance(scoring, dict) else scoring
    valid = get_scorer_names()
    for name in [given] if isinstance(given, str) else given if isinstance(given, (list, tuple)) else []:
        if isinstance(name, str) and name not in valid:
            hint = did_you_mean(name, valid, "see sklearn.metrics.get_scorer_names().")
            raise ValueError(f"scoring={name!r} is not the name of a scorer; {hint}")
