"""Words that messages share."""

from difflib import get_close_matches


def did_you_mean(name, valid, otherwise):
    """Return "did you mean ...?" with the nearest valid name, whatever its case, or the other hint."""
    by_lower_case = {candidate.lower(): candidate for candidate in valid}
    near = get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.5)
    return f"did you mean {by_lower_case[near[0]]!r}?" if near else otherwise
