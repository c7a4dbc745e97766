"""What `import sksearch` costs and brings, and that the examples run."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def python(*args, **kwargs):
    return subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, cwd=ROOT, timeout=300, **kwargs
    )


@pytest.mark.parametrize("name", ["torch", "skorch", "matplotlib", "pandas", "dask", "ray", "rich"])
def test_importing_loads_no_optional_package(name):
    # Whatever the reference loads by itself is not ours to answer for.
    code = (
        "import sys, sklearn.model_selection, deap.base; before = set(sys.modules); import sksearch; "
        f"assert {name!r} not in set(sys.modules) - before"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr


def test_importing_loads_little_beside_scikit_learns_own_model_selection():
    code = (
        "import sys, sklearn.model_selection; before = set(sys.modules); import sksearch; "
        "new = {m for m in set(sys.modules) - before if m.split('.')[0] not in ('sksearch', 'sklearn')}; "
        "print(len(new))"
    )
    result = python("-c", code)
    assert int(result.stdout) < 25, result.stdout


def test_the_quickstart_prints_what_the_readme_says():
    result = python("examples/quickstart.py", "--seeds", "1", "--n-iter", "8")
    assert result.returncode == 0, result.stderr
    for words in ("[8/8]", "best of 8 candidates", "untuned pipeline", "RandomizedSearchCV", "of 1 seeds"):
        assert words in result.stdout


def test_the_benchmark_of_objectives_runs():
    arguments = ["--tasks", "bowls", "--searchers", "genetic", "bayes", "--seeds", "1", "--n-iter", "8"]
    result = python("examples/benchmarks/pareto.py", *arguments)
    assert result.returncode == 0, result.stderr
    assert "genetic minus" in result.stdout


def test_the_benchmark_runs():
    result = python(
        "examples/benchmarks/bayesmark.py",
        "--tasks",
        "iris-knn-acc",
        "--searchers",
        "bayes",
        "random",
        "--seeds",
        "1",
        "--n-iter",
        "5",
    )
    assert result.returncode == 0, result.stderr
    assert "bayes" in result.stdout
