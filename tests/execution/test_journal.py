"""Nothing that was finished is lost, whatever happens to the process or the disk."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sksearch import BayesSearchCV, GeneticSearchCV
from sksearch.execution import Journal

X, y = load_iris(return_X_y=True)
SPACE = {"C": (1e-3, 1e3, "log-uniform"), "kernel": ["rbf", "poly"], "class_weight": [None, {0: 1.0, 1: 2.0}]}


class Counting(ClassifierMixin, BaseEstimator):
    """Counts its fits in a list that all copies share."""

    fits: list = []

    def __init__(self, value=0.0):
        self.value = value

    def fit(self, X, y):
        self.fits.append(self.value)
        if self.value > 0.8:
            raise RuntimeError("too large")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return self.value


def search(journal, estimator=None, space=SPACE, **settings):
    settings = {"n_iter": 12, "cv": 3, "random_state": 0} | settings
    return BayesSearchCV(SVC() if estimator is None else estimator, space, journal=journal, **settings)


def results_of(fitted):
    return {
        name: np.asarray(column).tolist()
        for name, column in fitted.cv_results_.items()
        if not name.endswith("_time") and name != "wall_time"
    }


def same_results(one, other):
    assert repr(results_of(one)) == repr(results_of(other))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_finished_search_is_repeated_without_a_fit_and_with_the_same_results(tmp_path):
    journal = tmp_path / "journal.jsonl"
    space = {"value": (0.0, 1.0)}
    first = search(journal, Counting(), space, return_train_score=True).fit(X, y)
    Counting.fits.clear()
    again = search(journal, Counting(), space, return_train_score=True).fit(X, y)
    assert len(Counting.fits) == 1  # the refit
    same_results(first, again)
    np.testing.assert_array_equal(first.cv_results_["mean_fit_time"], again.cv_results_["mean_fit_time"])
    np.testing.assert_array_equal(first.optimizer_.values, again.optimizer_.values)
    assert "failed" in again.cv_results_["status"]


@pytest.mark.parametrize("resource", [None, "folds"])
@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_what_is_recorded_is_there_also_where_there_is_no_time_for_more(tmp_path, executor, resource):
    journal = tmp_path / "journal.jsonl"
    settings = {"n_iter": 10, "executor": executor, "resource": resource}
    first = search(journal, **settings).fit(X, y)
    settings["n_iter"] = 20  # there would be more to try
    again = search(journal, timeout=1e-9, **settings).fit(X, y)
    same_results(first, again)
    assert again.best_params_ == first.best_params_


class CountingScaler(StandardScaler):
    fits: list = []

    def fit(self, X, y=None, sample_weight=None):
        self.fits.append(len(X))
        return super().fit(X, y)


@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_the_front_of_a_pipeline_is_not_fitted_for_candidates_that_are_recorded(tmp_path, executor):
    def run(n_iter):
        CountingScaler.fits.clear()
        pipeline, space = make_pipeline(CountingScaler(), SVC()), {"svc__C": (0.1, 10.0)}
        settings = {"n_iter": n_iter, "executor": executor, "refit": False}
        found = search(tmp_path / "journal", pipeline, space, **settings).fit(X, y)
        return len(CountingScaler.fits), found.cv_results_["mean_test_score"].tolist()

    n_fits, scores = run(3)
    assert n_fits == 3  # folds
    assert run(3) == (0, scores)
    n_fits, more_scores = run(5)
    assert n_fits == 3
    assert more_scores[:3] == scores
    assert len(more_scores) == 5


@pytest.mark.parametrize("executor", ["rounds", "stream"])
def test_a_larger_budget_continues(tmp_path, executor):
    journal = tmp_path / "journal.jsonl"
    search(journal, n_iter=6, executor=executor).fit(X, y)
    longer = search(journal, n_iter=12, executor=executor).fit(X, y)
    same_results(longer, search(None, n_iter=12, executor=executor).fit(X, y))
    assert len(journal.read_text().splitlines()) == 1 + 12


@pytest.mark.parametrize(
    "other", [{"random_state": 5}, {"n_jobs": 2}, {"executor": "stream", "n_jobs": 2}], ids=str
)
def test_a_search_that_takes_another_course_still_uses_every_recorded_trial(tmp_path, other):
    journal = tmp_path / "journal.jsonl"
    first = search(journal, n_iter=8).fit(X, y)
    second = search(journal, **({"n_iter": 16} | other)).fit(X, y)
    params = [repr(p) for p in second.cv_results_["params"]]
    assert len(set(params)) == 16
    assert {repr(p) for p in first.cv_results_["params"]} <= set(params)
    assert len(journal.read_text().splitlines()) == 1 + 16


@pytest.mark.parametrize("resource", [None, "folds"])
@pytest.mark.parametrize(
    "then", [{"executor": "stream", "n_jobs": 2}, {"n_jobs": 2}, {"random_state": 5}], ids=str
)
def test_a_finished_search_is_not_repeated_on_whatever_course(tmp_path, then, resource):
    journal = tmp_path / "journal.jsonl"
    first = search(journal, n_iter=14, resource=resource, **then).fit(X, y)
    lines = journal.read_text()
    for settings in (then, {}):
        again = search(journal, n_iter=14, resource=resource, **settings).fit(X, y)
        assert {repr(p) for p in again.cv_results_["params"]} == {
            repr(p) for p in first.cv_results_["params"]
        }
        assert journal.read_text() == lines
        assert again.best_score_ == first.best_score_


class Erratic(Counting):
    """What it scores with few steps says little of what it scores with all."""

    def __init__(self, value=0.0, n_steps=9):
        super().__init__(value)
        self.n_steps = n_steps

    def score(self, X, y):
        noise = np.random.default_rng([int(self.value * 1e6), self.n_steps]).random()
        return 0.1 * noise - (self.value - 0.3) ** 2


def test_more_candidates_lose_none_that_was_complete(tmp_path):
    """With more of them others are the best of a rung; what went on at first is on the disk."""
    journal = tmp_path / "journal.jsonl"
    for seed in range(4):
        settings = {"resource": "n_steps", "random_state": seed}
        first, more = (
            search(journal, Erratic(), {"value": (0.0, 0.7)}, n_iter=n, **settings).fit(X, y)
            for n in (16, 20)
        )
        assert more.best_score_ >= first.best_score_
        assert first.best_params_ in more.cv_results_["params"]  # these say how many steps it had
        journal.unlink()


def test_an_unseeded_search_goes_on_with_the_seed_it_began_with(tmp_path):
    journal = tmp_path / "journal.jsonl"
    first = search(journal, n_iter=10, random_state=None).fit(X, y)
    same_results(first, search(journal, n_iter=10, random_state=None).fit(X, y))


SCRIPT = textwrap.dedent("""
    import sys, time
    import numpy as np
    from sklearn.datasets import load_iris
    from sklearn.svm import SVC
    from sksearch import BayesSearchCV

    class Slow(SVC):
        def fit(self, X, y):
            time.sleep(0.004)
            return super().fit(X, y)

    X, y = load_iris(return_X_y=True)
    space = {"C": (1e-3, 1e3, "log-uniform"), "kernel": ["rbf", "poly"]}
    search = BayesSearchCV(Slow(), space, n_iter=60, cv=3, random_state=0, journal=sys.argv[1])
    print("ready", flush=True)
    search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    print(repr((search.cv_results_["params"], scores.tolist())), flush=True)
""")


def run_script(path, kill_after=None):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert kill_after is not None or process.returncode == 0, err
    return out


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_killed_at_random_moments_it_goes_on_and_ends_as_if_nothing_had_happened(tmp_path):
    journal = tmp_path / "journal.jsonl"
    rng = random.Random(0)
    recorded = 0
    for _ in range(20):
        run_script(journal, kill_after=rng.uniform(0.0, 0.35))
        lines = journal.read_bytes().count(b"\n") if journal.exists() else 0
        assert lines >= recorded  # what was finished once stays
        recorded = lines
    resumed = run_script(journal)
    assert recorded > 1
    assert resumed == run_script(tmp_path / "uninterrupted.jsonl")
    points = [json.dumps(json.loads(line)["point"]) for line in journal.read_text().splitlines()[1:]]
    assert len(points) == len(set(points)) == 60


def test_a_truncated_last_line_is_dropped(tmp_path):
    journal = tmp_path / "journal.jsonl"
    whole = search(journal).fit(X, y)
    journal.write_bytes(journal.read_bytes()[:-40])
    same_results(whole, search(journal).fit(X, y))
    assert len(journal.read_text().splitlines()) == 1 + 12


def test_a_truncated_first_line_is_written_again(tmp_path):
    journal = tmp_path / "journal.jsonl"
    whole = search(journal, n_iter=3).fit(X, y)
    journal.write_bytes(journal.read_bytes()[:100])
    same_results(whole, search(journal, n_iter=3).fit(X, y))
    assert len(journal.read_text().splitlines()) == 1 + 3


@pytest.mark.parametrize(
    "damage",
    [b"\x00\xff garbage\n", b"[1]\n", b"null\n", b'{"point": [0.5], "folds": {}, "checksum": 1}\n'],
    ids=repr,
)
def test_a_damaged_line_costs_its_trial_and_no_other(tmp_path, damage):
    journal = tmp_path / "journal.jsonl"
    whole = search(journal, Counting(), {"value": (0.0, 0.7)}).fit(X, y)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:4]) + damage + b"".join(lines[5:]))
    Counting.fits.clear()
    with pytest.warns(UserWarning, match="is damaged in 1 of 12 lines"):
        same_results(whole, search(journal, Counting(), {"value": (0.0, 0.7)}).fit(X, y))
    assert len(Counting.fits) == 3 + 1


@pytest.mark.parametrize(
    "damage",
    [
        {"proposal": float("inf")},
        {"point": [0.3, 0.3]},
        {"point": []},
        {"point": [float("nan")]},
        {"point": 0.3},
        {"folds": {"0": {}}},
        {"point": [-5.5]},
        {"point": [1e308]},
        {"fold 1": None},
        {"train_scores": []},
        {"measured": {"gradient": 1.0}},
        {"checksum": None},
        {"fit_error": 3},
        {"test_scores": 0.99},
        {"test_scores": None},
        {"test_scores": [0.5]},
        {"fit_time": {}},
    ],
    ids=repr,
)
def test_a_line_that_was_edited_costs_its_trial_and_no_other(tmp_path, damage):
    journal = tmp_path / "journal.jsonl"
    whole = search(journal, Counting(), {"value": (0.0, 0.7)}).fit(X, y)
    lines = journal.read_text().splitlines()
    trial = json.loads(lines[4])
    for name, value in damage.items():
        if name == "fold 1":
            del trial["folds"]["1"]
        elif name in trial:
            trial[name] = value
        else:
            trial["folds"]["1"][name] = value
    lines[4] = json.dumps(trial)
    journal.write_text("\n".join(lines) + "\n")
    Counting.fits.clear()
    with pytest.warns(UserWarning, match="is damaged in 1 of 12 lines"):
        same_results(whole, search(journal, Counting(), {"value": (0.0, 0.7)}).fit(X, y))
    assert len(Counting.fits) == 3 + 1


def test_a_line_of_brackets_is_damaged(tmp_path):
    journal = tmp_path / "journal.jsonl"
    search(journal, Counting(), {"value": (0.0, 0.7)}).fit(X, y)
    with journal.open("a") as file:
        file.write("[" * 100_000 + "\n")
    with pytest.warns(UserWarning, match="is damaged in 1 of 13 lines"):
        search(journal, Counting(), {"value": (0.0, 0.7)}).fit(X, y)


def test_another_json_file_is_not_taken_for_the_beginning_of_a_journal(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"format": "geojson"}')
    with pytest.raises(ValueError, match="is not a journal"):
        search(path).fit(X, y)
    assert path.read_text() == '{"format": "geojson"}'


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_a_fit_leaves_behind_does_not_hold_the_journal(tmp_path):
    journal = Journal(tmp_path / "journal", {"estimator": "one"}, {})
    reads, writes = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writes, b"it runs")
        time.sleep(60)
        os._exit(0)
    try:
        os.read(reads, 1)
        journal.close()
        Journal(tmp_path / "journal", {"estimator": "one"}, {}).close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_other_ends_of_lines_blank_lines_and_a_byte_order_mark_are_no_damage(tmp_path):
    journal = tmp_path / "journal.jsonl"
    search(journal, Counting(), {"value": (0.0, 0.7)}).fit(X, y)
    journal.write_bytes(b"\xef\xbb\xbf" + journal.read_bytes().replace(b"\n", b"\r\n\r\n"))
    Counting.fits.clear()
    search(journal, Counting(), {"value": (0.0, 0.7)}).fit(X, y)
    assert len(Counting.fits) == 1


class Optional(Counting):
    """Takes a value that nobody tunes."""

    def __init__(self, value=0.0, fixed=None):
        super().__init__(value)
        self.fixed = fixed


def test_a_set_is_the_same_in_whatever_order_it_is_shown(tmp_path):
    one, other = {0, 8}, {8, 0}
    assert repr(one) != repr(other)
    for fixed in (one, other):
        search(tmp_path / "journal", Optional(fixed={"words": [fixed]}), {"value": (0, 0.7)}, n_iter=2).fit(
            X, y
        )
        inside = make_pipeline(StandardScaler(), Optional(fixed=fixed))
        space = {"optional__value": (0, 0.7), "optional__fixed": [None, fixed]}
        search(tmp_path / "inside", inside, space, n_iter=2).fit(X, y)
        keys = Optional(fixed={frozenset(fixed): 1})
        search(tmp_path / "keys", keys, {"value": (0, 0.7)}, n_iter=2).fit(X, y)


def test_how_things_are_printed_is_no_other_search(tmp_path):
    estimator = make_pipeline(StandardScaler(), Optional(fixed=np.array([0.123456789, 1e-9])))
    for shown, precision in ((True, 8), (False, 2)):
        with config_context(print_changed_only=shown), np.printoptions(precision=precision, suppress=True):
            search(tmp_path / "journal", estimator, {"optional__value": (0, 0.7)}, n_iter=2).fit(X, y)


def test_long_arrays_that_look_alike_are_told_apart(tmp_path):
    one, other = np.zeros(5000), np.zeros(5000)
    other[2500] = 1.0
    assert repr(one) == repr(other)
    search(tmp_path / "journal", Optional(fixed=one), {"value": (0, 0.7)}, n_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="with a different estimator"):
        search(tmp_path / "journal", Optional(fixed=other), {"value": (0, 0.7)}, n_iter=2).fit(X, y)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"estimator": SVC(tol=1e-2)}, "estimator"),
        ({"space": {"C": (1e-3, 1e2, "log-uniform")}}, "space"),
        ({"cv": KFold(3)}, "splits"),
        ({"cv": 4}, "splits"),
        ({"scoring": "f1_macro"}, "scoring"),
        ({"return_train_score": True}, "return_train_score"),
        ({"X": X + 1}, "data"),
        ({"sample_weight": np.ones(len(y))}, "fit parameters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_foreign_journal_is_refused_with_what_differs_and_left_alone(tmp_path, change, what):
    journal = tmp_path / "journal.jsonl"
    search(journal, n_iter=3).fit(X, y)
    content = journal.read_bytes()
    change = dict(change)
    fit = {"X": X} | {name: change.pop(name) for name in ("X", "sample_weight") if name in change}
    with pytest.raises(ValueError, match=f"belongs to another search, with a different {what} \\("):
        search(journal, n_iter=3, **change).fit(y=y, **fit)
    assert journal.read_bytes() == content


def scorer(sign):
    return lambda estimator, X, y: sign * estimator.score(X, y)


def times(factor):
    return lambda X: factor * X


def scaled(every):
    return FrozenEstimator(StandardScaler().fit(X[::every]))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda k: {"scoring": scorer(k)}, "the scorer"),
        (lambda k: {"scoring": {"a": "accuracy", "b": scorer(k)}, "refit": "a"}, "the scorer b"),
        (
            lambda k: {"estimator": make_pipeline(FunctionTransformer(times(k)), SVC())},
            "functiontransformer__func",
        ),
        (lambda k: {"estimator": make_pipeline(scaled(k), SVC())}, "frozenestimator"),
        (
            lambda k: {"estimator": make_pipeline(StandardScaler(), SVC()), "values": [scaled(k)]},
            "the values of standardscaler",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_code_and_fitted_state_that_no_repr_shows_are_another_search(tmp_path, make, what):
    def run(k):
        settings = make(k)
        values = settings.pop("values", None)
        space = {"svc__C": [1.0]} if "estimator" in settings else {"C": [1.0]}
        space |= {} if values is None else {"standardscaler": values}
        search(journal, space=space, **settings).fit(X, y)

    journal = tmp_path / "journal.jsonl"
    run(1)
    content = journal.read_bytes()
    run(1)
    assert journal.read_bytes() == content
    with pytest.raises(ValueError, match=rf"different code or fitted state of {what}.* \(.*then, .*now"):
        run(2)
    header, *trials = content.splitlines(keepends=True)
    header = json.loads(header)
    for name in [name for name in header["identity"] if "fitted state" in name]:
        del header["identity"][name]  # as earlier versions wrote it
    journal.write_bytes(b"".join([json.dumps(header).encode() + b"\n", *trials]))
    run(1)
    assert len(journal.read_bytes().splitlines()) == len(content.splitlines())


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n",
        b"{}\n",
        b"[1]\n",
        b'{"format": 99}\n',
        b"\x80\x04K\x01.\n",
        b"no newline",
        b'{"a": 1}',
        b"\n",
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(tmp_path, content):
    journal = tmp_path / "notes.txt"
    journal.write_bytes(content)
    with pytest.raises(ValueError, match="is not a journal"):
        search(journal).fit(X, y)
    assert journal.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="advisory locks")
def test_two_searches_on_one_journal_at_a_time_are_refused(tmp_path):
    journal = tmp_path / "journal.jsonl"

    class Nesting(SVC):
        def fit(self, X, y):
            if not nested:
                nested.append(1)
                with pytest.raises(ValueError, match="being written by another search"):
                    search(journal).fit(X, y)
            return super().fit(X, y)

    nested = []
    search(journal, Nesting(), n_iter=2).fit(X, y)
    assert nested


@pytest.mark.skipif(sys.platform == "win32", reason="advisory locks")
def test_a_file_system_without_locks_is_no_other_search(tmp_path, monkeypatch):
    import fcntl

    def flock(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.warns(UserWarning, match=r"can not be locked \(No locks available\)"):
        search(tmp_path / "journal.jsonl", n_iter=2).fit(X, y)
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == 1 + 2


def test_the_journal_is_free_again_after_an_error_before_the_first_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(BayesSearchCV, "_make_optimizer", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError) as error:  # which holds the frames, as an interactive session does
        search(tmp_path / "journal.jsonl", n_iter=2).fit(X, y)
    monkeypatch.undo()
    search(tmp_path / "journal.jsonl", n_iter=2).fit(X, y)
    assert error.tb is not None


@pytest.mark.skipif(sys.platform == "win32", reason="a file in use can not be removed there")
def test_a_journal_that_is_removed_is_said(tmp_path):
    class Removing(SVC):
        def fit(self, X, y):
            (tmp_path / "journal.jsonl").unlink(missing_ok=True)
            return super().fit(X, y)

    with pytest.warns(UserWarning, match=r"can not be written \(the file was removed\)"):
        whole = search(tmp_path / "journal.jsonl", Removing(), n_iter=3).fit(X, y)
    assert len(whole.cv_results_["params"]) == 3


def test_a_journal_that_is_cut_short_during_the_search_is_said_and_can_be_resumed(tmp_path):
    journal = tmp_path / "journal.jsonl"

    class Cutting(SVC):
        def fit(self, X, y):
            whole = journal.read_bytes()
            if whole.count(b"\n") == 4:  # its header, and three candidates
                journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
            return super().fit(X, y)

    with pytest.warns(UserWarning, match=r"can not be written \(lines were removed from it\)"):
        first = search(journal, Cutting(), n_iter=5).fit(X, y)
    assert journal.read_bytes().count(b"\n") == 2
    same_results(first, search(journal, Cutting(), n_iter=5).fit(X, y))


@pytest.mark.parametrize("kind", [np.int64, int])
def test_scores_whose_names_are_numbers_can_be_recorded_and_resumed(tmp_path, kind):
    def recalls(estimator, X, y):
        y_pred = estimator.predict(X)
        return {kind(label): np.mean(y_pred[y == label] == label) for label in estimator.classes_}

    settings = {"scoring": recalls, "refit": False}
    search(tmp_path / "journal.jsonl", n_iter=2, **settings).fit(X, y)
    resumed = search(tmp_path / "journal.jsonl", n_iter=5, **settings).fit(X, y)
    assert resumed.cv_results_["status"].tolist() == ["ok"] * 5
    same_results(resumed, search(None, n_iter=5, **settings).fit(X, y))


def test_other_weights_are_another_search_beside_what_can_not_be_pickled(tmp_path):
    class Called(SVC):
        def fit(self, X, y, sample_weight=None, callback=None):
            return super().fit(X, y, sample_weight)

    def fit(weights):
        weighted = search(tmp_path / "journal.jsonl", Called(), n_iter=2, cv=KFold(2))
        return weighted.fit(rows, y_of_rows, sample_weight=weights, callback=lambda: None)

    rows, y_of_rows = np.tile(X, (10, 1)), np.tile(y, 10)
    weights = np.ones(len(rows))
    fit(weights)
    fit(weights.copy())
    weights[700] = 2.0  # in the middle, which a repr leaves out
    with pytest.raises(ValueError, match="belongs to another search, with a different fit parameters"):
        fit(weights)


def test_data_are_the_same_however_they_lie_in_memory_or_in_a_file(tmp_path):
    np.save(tmp_path / "X.npy", X)
    first = search(tmp_path / "journal.jsonl", n_iter=3).fit(X, y)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for other in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], mapped):
        again = search(tmp_path / "journal.jsonl", n_iter=3).fit(other, y)
        np.testing.assert_array_equal(first.cv_results_["mean_fit_time"], again.cv_results_["mean_fit_time"])


def test_a_folder_that_can_not_be_written_is_said_before_any_fit(tmp_path):
    with pytest.raises(OSError, match=r"journal=.*can not be opened for writing"):
        search(tmp_path / "missing" / "journal.jsonl").fit(X, y)


def test_a_full_disk_costs_the_journal_and_not_the_search(tmp_path):
    journal = tmp_path / "journal.jsonl"
    resource = pytest.importorskip("resource")
    search(journal, n_iter=4).fit(X, y)
    size = journal.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 700, hard))
    try:
        with pytest.warns(UserWarning, match="can not be written.*the search goes on"):
            full = search(journal, n_iter=12).fit(X, y)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert len(full.cv_results_["params"]) == 12
    assert journal.read_bytes().endswith(b"\n")
    same_results(full, search(journal, n_iter=12).fit(X, y))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk):
    journal = small_disk / "journal.jsonl"
    with pytest.warns(UserWarning, match="can not be written .*No space left on device.*goes on without it"):
        whole = search(journal, n_iter=60, refit=False).fit(X, y)
    assert len(whole.cv_results_["params"]) == 60
    n_lines = len(journal.read_text().splitlines())
    assert journal.read_bytes().endswith(b"\n")
    roomy = small_disk.parent / "journal.jsonl"
    roomy.write_bytes(journal.read_bytes())
    same_results(whole, search(roomy, n_iter=60, refit=False).fit(X, y))
    assert len(roomy.read_text().splitlines()) == 61 > n_lines


def test_a_disk_that_is_full_from_the_start_is_said_before_any_fit(small_disk):
    (small_disk / "other").write_bytes(b"0" * 2**15)
    Counting.fits.clear()
    with pytest.raises(OSError, match=r"journal=.*journal\.jsonl' can not be begun: No space left on device"):
        search(small_disk / "journal.jsonl", Counting(), {"value": (0.0, 0.5)}).fit(X, y)
    assert Counting.fits == []


def dated(pd):
    columns = {"a": X[:, 0], "b": pd.array([1, None] * 75, dtype="Int64"), "c": X[:, 2]}
    return pd.DataFrame(columns | {"date": pd.date_range("2020", periods=150)})


def sparse_rows(pd):
    from scipy.sparse import csr_matrix

    return csr_matrix(np.where(X > 2.0, X, 0.0))


@pytest.mark.parametrize("make", [dated, sparse_rows])
def test_data_that_remember_what_they_were_asked_are_the_same(tmp_path, make):
    pd = pytest.importorskip("pandas")
    data = make(pd)
    columns = FunctionTransformer(lambda X: X if make is sparse_rows else X[["a", "c"]])
    pipeline = make_pipeline(columns, SVC())
    first = search(tmp_path / "journal.jsonl", pipeline, {"svc__C": (0.1, 10.0)}, n_iter=3).fit(data, y)
    if make is dated:
        data["date"].dt.year, data["b"].values, data.groupby("b").sum(numeric_only=True)
    again = search(tmp_path / "journal.jsonl", pipeline, {"svc__C": (0.1, 10.0)}, n_iter=3).fit(data, y)
    np.testing.assert_array_equal(first.cv_results_["mean_fit_time"], again.cv_results_["mean_fit_time"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_a_device_is_refused():
    with pytest.raises(ValueError, match="not a regular file"):
        search("/dev/full").fit(X, y)


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    import pickle

    journal = tmp_path / "journal.jsonl"
    search(journal, n_iter=5).fit(X, y)
    monkeypatch.setattr(pickle, "loads", lambda *args: pytest.fail("a journal must not be unpickled"))
    monkeypatch.setattr(pickle, "load", lambda *args: pytest.fail("a journal must not be unpickled"))
    search(journal, n_iter=5).fit(X, y)


@pytest.mark.parametrize("scoring", [["r2", "neg_mean_squared_error"], lambda e, X, y: {"r2": e.score(X, y)}])
def test_several_scores_are_recorded(tmp_path, scoring):
    journal = tmp_path / "journal.jsonl"
    settings = {"scoring": scoring, "refit": "r2", "estimator": Ridge(), "space": {"alpha": (1e-2, 1e2)}}
    if callable(scoring):
        settings["scoring"] = _dict_scorer
    first = search(journal, **settings).fit(X, y)
    same_results(first, search(journal, **settings).fit(X, y))


def _dict_scorer(estimator, X, y):
    return {"r2": estimator.score(X, y)}


def test_logistic_regression_resumes_from_every_possible_place(tmp_path):
    journal = tmp_path / "journal.jsonl"
    space = {"C": (1e-2, 1e2, "log-uniform")}
    whole = search(journal, LogisticRegression(max_iter=500), space, n_iter=8).fit(X, y)
    lines = journal.read_bytes().splitlines(keepends=True)
    for n in range(len(lines)):
        journal.write_bytes(b"".join(lines[:n]))
        same_results(whole, search(journal, LogisticRegression(max_iter=500), space, n_iter=8).fit(X, y))


def test_a_journal_that_another_searcher_or_seed_began_is_said(tmp_path):
    journal = tmp_path / "journal.jsonl"
    first = search(journal, n_iter=4).fit(X, y)
    with pytest.warns(UserWarning, match="was begun with another random_state.*choose another file"):
        search(journal, n_iter=4, random_state=1).fit(X, y)
    genetic = GeneticSearchCV(SVC(), SPACE, n_iter=4, cv=3, journal=journal)
    with pytest.warns(UserWarning, match="was begun with another searcher"):
        genetic.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same_results(first, search(journal, n_iter=4).fit(X, y))
        search(journal, n_iter=6, random_state=None).fit(X, y)
