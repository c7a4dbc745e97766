"""What derivatives are worth: GradientSearchCV against searchers without, and the models' own searches.

    python examples/benchmarks/gradients.py                       # all parts, 3 seeds
    python examples/benchmarks/gradients.py --part one --seeds 5

Optuna (TPE, and CMA-ES with the package cmaes) takes part where it is installed. A part is one question:

one       How many evaluations to be within 0.1 % of the best CV log-loss of one penalty, from nine starts?
two       On how many seeds is a search of two or three parameters within 0.1 % of the best CV loss known?
penalties The CV log-loss of 30 penalties after 15 evaluations, against 300 of TPE and CMA-ES.
ard       Test error of a kernel ridge with a length scale per column after 12 evaluations.
thousand  Test error of 1,000 ridge penalties after 6 evaluations from RidgeCV's.
refine    Do a few gradient steps from the winner of BayesSearchCV help, at equal fits?
own       CV loss and seconds beside the models' own searches, and sparho's, if installed.
null      Held-out loss of many penalties where they are no use, over that of the tuned single one.
"""

import argparse
import os
import time
import warnings
from importlib.util import find_spec

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is loaded

import numpy as np
from quasi_random import QuasiRandomSearchCV
from sklearn import datasets
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LassoCV,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeCV,
)
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from sksearch import BayesSearchCV, GradientSearchCV
from sksearch.space import FeatureScaler, Vector

MSE, LOG_LOSS = "neg_mean_squared_error", "neg_log_loss"
C = {"logisticregression__C": (1e-4, 1e4, "log-uniform")}


def logistic(C=1.0, *front):
    return make_pipeline(StandardScaler(), *front, LogisticRegression(C=C, tol=1e-6, max_iter=5000))


def losses_of(search):
    """Best CV loss after each candidate."""
    return np.minimum.accumulate(np.where(np.isnan(s := search.cv_results_["mean_test_score"]), np.inf, -s))


def optuna_losses(sampler, estimator, X, y, space, n_iter, scoring, cv, seed):
    """Best CV loss after each trial of Optuna; None where it is not installed."""
    try:
        import optuna
    except ImportError:
        return None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    make = {"TPE": optuna.samplers.TPESampler, "CMA-ES": optuna.samplers.CmaEsSampler}[sampler]
    found = []

    def objective(trial):
        params = {}
        for name, values in space.items():
            if isinstance(values, Vector):
                bounds = values.low, values.high
                params[name] = tuple(trial.suggest_float(f"{name}{i}", *bounds) for i in range(values.n))
            else:
                low, high, *prior = values
                params[name] = trial.suggest_float(name, low, high, log=bool(prior))
        model = clone(estimator).set_params(**params)
        found.append(-cross_val_score(model, X, y, cv=cv, scoring=scoring).mean())
        return found[-1]

    optuna.create_study(sampler=make(seed=seed)).optimize(objective, n_trials=n_iter)
    return np.minimum.accumulate(found)


def first_within(losses, best, tolerance=1e-3):
    reached = np.flatnonzero(losses <= best + tolerance * abs(best))
    return reached[0] + 1 if len(reached) else np.inf


# -- the parts -----------------------------------------------------------------------------------------


def one(seeds):
    data = {
        "breast cancer": datasets.load_breast_cancer(return_X_y=True),
        "wine": datasets.load_wine(return_X_y=True),
        "digits": tuple(part[:600] for part in datasets.load_digits(return_X_y=True)),
        "generated": datasets.make_classification(500, 40, n_informative=8, flip_y=0.1, random_state=0),
    }
    counts = {}
    for X, y in data.values():
        for seed in seeds:
            cv = StratifiedKFold(5, shuffle=True, random_state=seed)
            settings = {"scoring": LOG_LOSS, "cv": cv, "random_state": seed}
            fine = [{"logisticregression__C": c} for c in np.geomspace(1e-4, 1e4, 49)]
            grid = [
                -cross_val_score(logistic().set_params(**p), X, y, cv=cv, scoring=LOG_LOSS).mean()
                for p in fine
            ]
            starts = np.geomspace(1e-4, 1e4, 9)
            runs = [GradientSearchCV(logistic(c), C, n_iter=12, **settings).fit(X, y) for c in starts]
            best = min(min(grid), *(losses_of(run)[-1] for run in runs))
            counts.setdefault("gradient", []).extend(first_within(losses_of(run), best) for run in runs)
            bayes = BayesSearchCV(logistic(), C, n_iter=25, **settings).fit(X, y)
            counts.setdefault("BayesSearchCV", []).append(first_within(losses_of(bayes), best))
            tpe = optuna_losses("TPE", logistic(), X, y, C, 40, LOG_LOSS, cv, seed)
            if tpe is not None:
                counts.setdefault("TPE", []).append(first_within(tpe, best))
    print("\nEvaluations to within 0.1 % of the best CV log-loss of C, 8 decades")
    for name, n in counts.items():
        low, high = np.quantile(n, [0.25, 0.75], method="nearest")
        text = f"median {np.median(n):4.1f}   quartiles {low} and {high}"
        print(f"  {name:14s} {text}   not reached {np.mean(np.isinf(n)):.0%} of {len(n)}")


def two(seeds):
    X, y = datasets.load_diabetes(return_X_y=True)
    A, b = datasets.make_regression(150, 60, n_informative=15, noise=20.0, random_state=0)
    tasks = {
        "KernelRidge, diabetes": (
            make_pipeline(StandardScaler(), KernelRidge(kernel="rbf")),
            {
                "kernelridge__alpha": (1e-6, 1e2, "log-uniform"),
                "kernelridge__gamma": (1e-6, 1e1, "log-uniform"),
            },
            X,
            (y - y.mean()) / y.std(),
        ),
        "ElasticNet, generated": (
            make_pipeline(StandardScaler(), ElasticNet(max_iter=20_000)),
            {"elasticnet__alpha": (1e-4, 1e2, "log-uniform"), "elasticnet__l1_ratio": (0.01, 1.0)},
            A,
            b,
        ),
    }
    print("\nShare of seeds within 0.1 % of the best CV error known")
    for name, (model, space, X, y) in tasks.items():
        reached = {}
        for seed in seeds:
            cv = KFold(5, shuffle=True, random_state=seed)
            settings = {"scoring": MSE, "cv": cv, "random_state": seed}
            long = GradientSearchCV(model, space, n_iter=100, **settings).fit(X, y)
            rivals = {
                "gradient, 25": losses_of(long)[:25],
                "BayesSearchCV, 25": losses_of(BayesSearchCV(model, space, n_iter=25, **settings).fit(X, y)),
                "random, 50": losses_of(QuasiRandomSearchCV(model, space, n_iter=50, **settings).fit(X, y)),
                "TPE, 50": optuna_losses("TPE", model, X, y, space, 50, MSE, cv, seed),
            }
            best = min(losses[-1] for losses in [losses_of(long), *rivals.values()] if losses is not None)
            for rival, losses in rivals.items():
                if losses is not None:
                    reached.setdefault(rival, []).append(losses[-1] <= 1.001 * best)
        print(f"  {name:24s}", "   ".join(f"{rival}: {np.mean(hits):.0%}" for rival, hits in reached.items()))


def penalties(seeds):
    X, y = datasets.load_breast_cancer(return_X_y=True)
    model = logistic(1.0, FeatureScaler())
    space = C | {"featurescaler__scale": Vector(X.shape[1], -6.0, 6.0)}
    print("\nCV log-loss of C and 30 penalties, breast cancer")
    for seed in seeds:
        cv = StratifiedKFold(5, shuffle=True, random_state=seed)
        search = GradientSearchCV(model, space, n_iter=15, scoring=LOG_LOSS, cv=cv, guard=False).fit(X, y)
        rivals = {s: optuna_losses(s, model, X, y, space, 300, LOG_LOSS, cv, seed) for s in ("TPE", "CMA-ES")}
        text = [f"{name}, 300: {losses[-1]:.4f}" for name, losses in rivals.items() if losses is not None]
        first = -search.cv_results_["mean_test_score"][0]
        print(f"  seed {seed}: C=1 {first:.4f}   gradient, 15: {-search.best_score_:.4f}  ", "   ".join(text))


def ard(seeds):
    print("\nTest MSE of kernel ridge on friedman1 with 15 columns of noise, 12 evaluations each")
    ratios = []
    for seed in seeds:
        X, y = datasets.make_friedman1(400, 20, noise=0.5, random_state=seed)
        X, X_new, y, y_new = train_test_split(X, y / y.std(), train_size=200, random_state=seed)
        settings = {"scoring": MSE, "cv": KFold(5, shuffle=True, random_state=seed), "random_state": seed}
        scalars = {
            "kernelridge__alpha": (1e-6, 1e2, "log-uniform"),
            "kernelridge__gamma": (1e-5, 1e1, "log-uniform"),
        }
        model = make_pipeline(
            StandardScaler(), FeatureScaler(), KernelRidge(kernel="rbf", alpha=0.1, gamma=0.05)
        )
        # As a user would: first the isotropic kernel, then the vector from there.
        isotropic = GradientSearchCV(model, scalars, n_iter=20, **settings).fit(X, y)
        start = clone(model).set_params(**isotropic.best_params_)
        space = scalars | {"featurescaler__scale": Vector(20, -10.0, 10.0)}
        search = GradientSearchCV(start, space, n_iter=12, **settings).fit(X, y)
        cold = GradientSearchCV(model, space, n_iter=12, **settings).fit(X, y)
        errors = [mean_squared_error(y_new, s.predict(X_new)) for s in (isotropic, search, cold)]
        ratios.append(errors[1] / errors[0])
        print(
            "  seed {}: isotropic {:.3f}   ard {:.3f}   ard without a tuned start {:.3f}".format(
                seed, *errors
            )
        )
    print(f"  ratio {np.mean(ratios):.2f}, at most {np.max(ratios):.2f}")


def thousand(seeds):
    print(
        "\nTest MSE of 1,000 ridge penalties, 6 evaluations from RidgeCV's, 400 rows, 15 columns that matter"
    )
    for seed in seeds:
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((1400, 1000))
        y = X[:, :15].sum(axis=1) / np.sqrt(15) + 0.2 * rng.standard_normal(1400)
        X, X_new, y, y_new = X[:400], X[400:], y[:400], y[400:]
        single = make_pipeline(StandardScaler(), RidgeCV(np.geomspace(1e-2, 1e5, 30))).fit(X, y)
        model = make_pipeline(StandardScaler(), FeatureScaler(), Ridge(single[-1].alpha_))
        vector = {"featurescaler__scale": Vector(1000, -10.0, 10.0)}
        errors = [mean_squared_error(y_new, single.predict(X_new))]
        for space in (vector, vector | {"ridge__alpha": (1e-2, 1e5, "log-uniform")}):
            search = GradientSearchCV(model, space, n_iter=6, scoring=MSE, cv=KFold(5)).fit(X, y)
            errors.append(mean_squared_error(y_new, search.predict(X_new)))
        print("  seed {}: RidgeCV {:.3f}   penalties {:.3f}   and alpha {:.3f}".format(seed, *errors))


def refine(seeds):
    X, y = datasets.load_diabetes(return_X_y=True)
    F, g = datasets.make_friedman1(200, 8, noise=0.5, random_state=0)
    A, b = datasets.make_regression(150, 60, n_informative=15, noise=20.0, random_state=0)
    X_c, y_c = datasets.load_breast_cancer(return_X_y=True)
    kernel = {"alpha": (1e-6, 1e2, "log-uniform"), "gamma": (1e-6, 1e1, "log-uniform")}
    svr = {
        "C": (1e-2, 1e3, "log-uniform"),
        "gamma": (1e-5, 1e1, "log-uniform"),
        "epsilon": (1e-3, 1.0, "log-uniform"),
    }
    svc = {"C": (1e-2, 1e3, "log-uniform"), "gamma": (1e-5, 1e1, "log-uniform")}
    net = {"alpha": (1e-3, 1e2, "log-uniform"), "l1_ratio": (0.01, 1.0)}
    tasks = {
        "SVR, diabetes": (SVR(), svr, X, y / y.std(), MSE),
        "SVR, friedman1": (SVR(), svr, F, g / g.std(), MSE),
        "SVC, breast cancer": (SVC(), svc, X_c, y_c, "accuracy"),
        "KernelRidge, diabetes": (KernelRidge(kernel="rbf"), kernel, X, (y - y.mean()) / y.std(), MSE),
        "KernelRidge, friedman1": (KernelRidge(kernel="rbf"), kernel, F, g - g.mean(), MSE),
        "ElasticNet, generated": (ElasticNet(max_iter=20_000), net, A, b, MSE),
        "ElasticNet, diabetes": (ElasticNet(max_iter=20_000), net, X, y, MSE),
    }
    print("\n30 candidates of BayesSearchCV and 10 of a descent from its winner, against 40 of either alone")
    for name, (last, space, X, y, scoring) in tasks.items():
        model = make_pipeline(StandardScaler(), last)
        space = {f"{type(last).__name__.lower()}__{key}": values for key, values in space.items()}
        gaps = {"refined": [], "BayesSearchCV": [], "gradient": []}
        for seed in seeds:
            settings = {
                "scoring": scoring,
                "cv": KFold(5, shuffle=True, random_state=seed),
                "random_state": seed,
            }
            long = BayesSearchCV(model, space, n_iter=40, **settings).fit(X, y)
            short = BayesSearchCV(model, space, n_iter=30, **settings).fit(X, y)
            start = clone(model).set_params(**short.best_params_)
            steps = GradientSearchCV(start, space, n_iter=10, **settings).fit(X, y)
            alone = GradientSearchCV(model, space, n_iter=40, **settings).fit(X, y)
            scores = [max(short.best_score_, steps.best_score_), long.best_score_, alone.best_score_]
            for kind, score in zip(gaps, scores, strict=True):
                gaps[kind].append((max(scores) - score) / abs(max(scores)))
        text = "   ".join(f"{kind} {100 * np.mean(gap):.3f} %" for kind, gap in gaps.items())
        print(f"  {name:24s} below the best of the three by {text}", flush=True)


def own(seeds):
    A, b = datasets.make_regression(200, 500, n_informative=10, noise=10.0, random_state=0)
    X, y = datasets.load_diabetes(return_X_y=True)
    X_c, y_c = datasets.load_breast_cancer(return_X_y=True)
    X_c = StandardScaler().fit_transform(X_c)
    alphas = np.geomspace(1e-3, 1e5, 100)
    print("\nCV loss and seconds of whole searches")
    for seed in seeds:
        k_fold = KFold(5, shuffle=True, random_state=seed)
        strata = StratifiedKFold(5, shuffle=True, random_state=seed)
        logistic_path = LogisticRegressionCV(Cs=np.geomspace(1e-4, 1e4, 10), cv=strata, scoring=LOG_LOSS)
        tasks = [
            ("Lasso, 200 x 500", Lasso(), {"alpha": (1e-2, 1e2)}, A, b, MSE, k_fold, LassoCV(cv=k_fold)),
            (
                "Ridge, diabetes",
                Ridge(),
                {"alpha": (1e-3, 1e5)},
                X,
                y,
                MSE,
                k_fold,
                RidgeCV(alphas, cv=k_fold),
            ),
            (
                "Logistic, cancer",
                LogisticRegression(),
                {"C": (1e-4, 1e4)},
                X_c,
                y_c,
                LOG_LOSS,
                strata,
                logistic_path,
            ),
        ]
        for name, model, ranges, data, target, scoring, cv, rival in tasks:
            ((key, (low, high)),) = ranges.items()
            space = {key: (low, high, "log-uniform")}
            search = GradientSearchCV(model, space, n_iter=10, scoring=scoring, cv=cv, random_state=seed)
            searches = {"GradientSearchCV, 10": search, type(rival).__name__: rival}
            if name.startswith("Lasso") and find_spec("sparho") is not None:
                searches["sparho"] = Sparho(cv)
            found = []
            for kind, one in searches.items():
                start = time.perf_counter()
                one.fit(data, target)
                seconds = time.perf_counter() - start
                value = (
                    one.best_params_[key] if one is search else float(np.ravel(getattr(one, f"{key}_"))[0])
                )
                tuned = clone(model).set_params(**{key: value})
                loss = -cross_val_score(tuned, data, target, cv=cv, scoring=scoring).mean()
                found.append(f"{kind} {loss:.5g} ({seconds:.2f} s)")
            print(f"  seed {seed}: {name:17s}", "   ".join(found), flush=True)


class Sparho:
    """The penalty of a lasso, by sparho's HOAG from a tenth of the largest one."""

    def __init__(self, cv):
        self.cv = cv

    def fit(self, X, y):
        from sparho import L1, CrossVal, Problem, SquaredLoss
        from sparho.adapters import SklearnLasso
        from sparho.search import hoag_search

        X, y = X - X.mean(axis=0), y - y.mean()
        problem = Problem(SquaredLoss(), L1(), X, y)
        start = 0.1 * np.abs(X.T @ y).max() / len(X)
        folds = CrossVal(tuple(self.cv.split(X)))
        self.alpha_ = hoag_search(problem, start, solver=SklearnLasso(), criterion=folds).best_hyperparam
        return self


def null_tasks():
    X, y = datasets.load_breast_cancer(return_X_y=True)
    yield "breast cancer", X, y
    X, y = datasets.load_digits(return_X_y=True)
    yield "digits, 3 or 8", X[np.isin(y, [3, 8])], y[np.isin(y, [3, 8])]
    yield "digits, 600 rows", X[:600], y[:600]
    X, y = datasets.load_wine(return_X_y=True)
    yield "wine", X, y
    X, y = datasets.load_diabetes(return_X_y=True)
    yield "diabetes", X, y / y.std()
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((400, 30)), 0.3 * rng.standard_normal(30)
    yield "all alike, ridge", X, X @ w + rng.standard_normal(400)
    yield "all alike, logistic", X, (X @ w + rng.logistic(size=400) > 0).astype(int)


def null(seeds):
    print("\nHeld-out loss of many penalties over that of the tuned single one, half of the rows for each")
    for name, X, y in null_tasks():
        ratios = {"guarded": [], "unguarded": []}
        for seed in seeds:
            classes = y.dtype.kind == "i"
            X_fit, X_new, y_fit, y_new = train_test_split(
                X, y, test_size=0.5, random_state=seed, stratify=y if classes else None
            )
            last = LogisticRegression(max_iter=2000) if classes else Ridge()
            model = make_pipeline(StandardScaler(), FeatureScaler(), last)
            scalar = C if classes else {"ridge__alpha": (1e-3, 1e5, "log-uniform")}
            folds = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=seed)
            settings = {"cv": folds, "scoring": LOG_LOSS if classes else MSE, "random_state": seed}
            single = GradientSearchCV(model, scalar, n_iter=12, **settings).fit(X_fit, y_fit)
            space = scalar | {"featurescaler__scale": Vector(X.shape[1], -6.0, 6.0)}

            def loss(search, X_new=X_new, y_new=y_new, classes=classes):
                if classes:
                    return log_loss(y_new, search.predict_proba(X_new))
                return mean_squared_error(y_new, search.predict(X_new))

            for kind, values in ratios.items():
                search = GradientSearchCV(model, space, n_iter=15, guard=kind == "guarded", **settings)
                values.append(loss(search.fit(X_fit, y_fit)) / loss(single))
        text = "   ".join(f"{kind} {np.mean(v):.2f} (at most {np.max(v):.2f})" for kind, v in ratios.items())
        print(f"  {name:20s} {text}", flush=True)


PARTS = {part.__name__: part for part in (one, two, penalties, ard, thousand, refine, own, null)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="all of them by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    for part in arguments.part or PARTS:
        PARTS[part](range(arguments.first_seed, arguments.first_seed + arguments.seeds))


if __name__ == "__main__":
    main()
