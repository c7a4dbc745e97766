"""The Python of the README and of the user guide runs as it is written, with fewer candidates."""

import re
from pathlib import Path

import pytest
from joblib import parallel_config
from scipy import stats
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksearch import BayesSearchCV
from sksearch.execution import Rounds
from sksearch.search import AdaptiveSearchCV

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *(f"docs/{name}.md" for name in ["coming_from", "genetic", "gradient", "objectives"])]
PAGES += [f"docs/{name}.md" for name in ["resources", "running", "spaces", "winners"]]
N_ITER = 4

X, y = load_breast_cancer(return_X_y=True)
X = X[:, :12]
# What readers have imported, and names that pages use without defining them; no space is the default one.
IMPORTED = [BayesSearchCV, Rounds, Pipeline, make_pipeline, StandardScaler, SVC]
IMPORTED += [GradientBoostingClassifier, LogisticRegression, RandomForestClassifier]
GIVEN = {
    "X": X[:120],
    "y": y[:120],
    "X_new": X[120:],
    "estimator": SVC(),
    "svc": SVC(),
    "net": SVC(),
    "tree": DecisionTreeClassifier(),
    "booster": GradientBoostingClassifier(),
    "pipeline": make_pipeline(StandardScaler(), SVC()),
    "space": None,
    "loguniform": stats.loguniform,
}
GIVEN_BY_PAGE = {"docs/objectives.md": {"pipeline": make_pipeline(StandardScaler(), LogisticRegression())}}


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # for the files that pages write
    fit = AdaptiveSearchCV.fit

    def fit_a_few(self, X, y=None, **params):
        return fit(self.set_params(n_iter=min(self.n_iter, N_ITER)), X, y, **params)

    monkeypatch.setattr(AdaptiveSearchCV, "fit", fit_a_few)
    names = {thing.__name__: thing for thing in IMPORTED} | GIVEN | GIVEN_BY_PAGE.get(page, {})
    names["pd"] = pytest.importorskip("pandas")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    with parallel_config(backend="threading"):
        for block in blocks:
            exec(block, names)
