"""scikit-learn's own tests of its search classes, run with the searchers in their place.

What each test is expected to do stands in ``expected-<major>.<minor>.txt``, one line per test:
``passed  <test>`` or ``failed  <test>  # <why>``. To write the list of the installed scikit-learn
(reasons are kept, new failures need one) or, without ``--write``, to print it::

    python tests/conformance/test_search_conformance.py --write
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
import sklearn

import sksearch

HERE = Path(__file__).parent
TEST_FILE = Path("sklearn", "model_selection", "tests", "test_search.py")
TIME_LIMIT = 600  # seconds; a run takes about a tenth of it
TAIL_LINES = 15


class Outcome(NamedTuple):
    """What a test did, or what the list says it will do."""

    status: str  # "passed" or "failed"
    note: str  # a failure's output, or the reason the list gives for it


def installed_version():
    """Return the (major, minor) version of scikit-learn."""
    return tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def list_path(version):
    """Return where the expected outcomes for a (major, minor) version stand."""
    return HERE / f"expected-{version[0]}.{version[1]}.txt"


def nearest_listed_version(version):
    """Return the highest version that has a list and is not above ``version``, or None."""
    listed = (
        tuple(int(part) for part in re.findall(r"\d+", path.name)) for path in HERE.glob("expected-*.txt")
    )
    return max((candidate for candidate in listed if candidate <= version), default=None)


def read_list(path):
    """Return the expected outcomes by test name."""
    expected = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        status, _, rest = line.partition("  ")
        name, _, reason = rest.partition("  # ") if status == "failed" else (rest, "", "")
        if status not in ("passed", "failed") or (status == "failed" and not reason):
            raise ValueError(
                f"{path.name}: {line!r} is neither 'passed  <test>' nor 'failed  <test>  # <why>'."
            )
        expected[name] = Outcome(status, reason)
    return expected


def write_lines(outcomes, expected):
    """Return the lines of a list, in the order of the tests, with the reasons already known."""
    lines = []
    for name, outcome in outcomes.items():
        known = expected.get(name, Outcome("failed", ""))
        reason = f"  # {known.note}" if outcome.status == "failed" else ""
        lines.append(f"{outcome.status}  {name}{reason}")
    return lines


def run_scikit_learn_tests(searcher="BayesSearchCV"):
    """Run the tests with a searcher in place and return their outcomes by name, skips left out.

    The names have to be replaced before scikit-learn's test module is imported, which takes an
    interpreter of its own.
    """
    # As files: a `filterwarnings` or `addopts` of this project must not reach scikit-learn's
    # tests, while their own conftest.py has to be found.
    site_packages = Path(sklearn.__file__).parents[1]
    paths = [HERE, Path(sksearch.__file__).parents[1], os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths if path),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OMP_NUM_THREADS": "1",
        "SKSEARCH_SEARCHER": searcher,
    }
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONWARNINGS"):
        environment.pop(name, None)

    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", str(site_packages / TEST_FILE)]
        command += ["-p", "substitute", "-p", "no:cacheprovider", "-q"]
        command += ["-c", str(settings), "--rootdir", str(site_packages)]
        command += [f"--junitxml={report}", "-o", "faulthandler_timeout=120"]
        finished = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            timeout=TIME_LIMIT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if finished.returncode not in (0, 1):  # neither all passed nor some failed
            raise RuntimeError(f"scikit-learn's tests did not run:\n{tail(finished.stdout, 40)}")
        return read_report(report)


def read_report(path):
    """Return the outcomes in a JUnit report by test name, skipped tests left out."""
    outcomes = {}
    for case in ElementTree.parse(path).iter("testcase"):
        if case.find("skipped") is not None:
            continue  # for a missing package: says nothing about the search
        problem = next((child for child in case if child.tag in ("failure", "error")), None)
        outcomes[case.get("name")] = (
            Outcome("passed", "") if problem is None else Outcome("failed", problem.text or "")
        )
    return outcomes


def tail(text, n_lines=TAIL_LINES):
    """Return the last lines of a text."""
    return "\n".join(text.rstrip().splitlines()[-n_lines:])


def differences(outcomes, expected, *, same_version):
    """Return one message per test that did not do what the list says.

    Between versions tests come, go and change. A list written for another version says nothing of
    tests it does not have, and one of its failures may pass: no edit would suit both versions.
    """
    messages = []
    for name, outcome in outcomes.items():
        listed = expected.get(name)
        if outcome.status == "failed" and (listed.status == "passed" if listed else same_version):
            expectation = "should pass" if listed else "is not in the list"
            messages.append(f"{name} {expectation} and failed:\n{tail(outcome.note)}")
        elif outcome.status == "passed" and listed and listed.status == "failed" and same_version:
            messages.append(f"{name} passes: remove its 'failed' from the list ({listed.note}).")
    return messages


@pytest.mark.parametrize("searcher", ["BayesSearchCV", "GeneticSearchCV", "GradientSearchCV"])
def test_search_passes_scikit_learns_own_tests(searcher):
    """Each of scikit-learn's tests does what the list for the installed version says."""
    if importlib.util.find_spec("sklearn.model_selection.tests") is None:
        pytest.skip("this scikit-learn was installed without its tests")
    listed_version = nearest_listed_version(installed_version())
    if listed_version is None:
        pytest.skip(f"no list for scikit-learn {sklearn.__version__} or below")
    path = list_path(listed_version)
    expected = read_list(path)
    same_version = listed_version == installed_version()

    outcomes = run_scikit_learn_tests(searcher)

    # A report that lost most tests (a rename, a failed collection) must not count as success.
    # Some are missing legitimately where an optional package is.
    assert len(outcomes.keys() & expected.keys()) > len(expected) / 2
    messages = differences(outcomes, expected, same_version=same_version)
    if messages:
        heading = f"{len(messages)} of {len(outcomes)} tests differ from {path.name}:"
        pytest.fail("\n\n".join([heading, *messages]), pytrace=False)


@pytest.mark.parametrize(
    ("status", "expected", "same_version", "message"),
    [
        ("passed", {"test": Outcome("passed", "")}, True, None),
        ("failed", {"test": Outcome("passed", "")}, True, "should pass and failed"),
        ("failed", {"test": Outcome("passed", "")}, False, "should pass and failed"),
        ("failed", {"test": Outcome("failed", "why")}, True, None),
        ("passed", {"test": Outcome("failed", "why")}, True, r"remove its 'failed'.*\(why\)"),
        ("passed", {"test": Outcome("failed", "why")}, False, None),
        ("failed", {}, True, "is not in the list and failed"),
        ("failed", {}, False, None),
        ("passed", {}, True, None),
    ],
)
def test_only_a_departure_from_the_list_is_reported(status, expected, same_version, message):
    """A comparison that lets everything through would look like conformance."""
    messages = differences({"test": Outcome(status, "")}, expected, same_version=same_version)

    assert [bool(re.search(message or "", text)) for text in messages] == [True] * bool(message)


def test_a_failure_is_listed_with_a_reason_only(tmp_path):
    """A list survives being rewritten; a new failure in it waits for its reason."""
    outcomes = {"test_a[x y]": Outcome("passed", ""), "test_b": Outcome("failed", "Traceback")}
    path = tmp_path / "expected-1.9.txt"

    path.write_text("\n".join(write_lines(outcomes, {"test_b": Outcome("failed", "why")})))
    assert read_list(path) == {
        "test_a[x y]": Outcome("passed", ""),
        "test_b": Outcome("failed", "why"),
    }

    path.write_text("\n".join(write_lines(outcomes, {"test_b": Outcome("passed", "")})))
    with pytest.raises(ValueError, match="test_b"):
        read_list(path)


if __name__ == "__main__":
    path = list_path(installed_version())
    lines = write_lines(run_scikit_learn_tests(), read_list(path) if path.exists() else {})
    text = "\n".join(lines) + "\n"
    if "--write" in sys.argv[1:]:
        path.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
