"""Names of parameters of networks: wrong ones are found before any fit, right ones are never refused."""

# ruff: noqa: E402
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, StepLR
from toys import MLP, blobs, make_net

from sksearch import BayesSearchCV

X, y = blobs()


class NeverTrained(MLP):
    def forward(self, X):
        assert len(X) < 60, "this is a fit"
        return super().forward(X)


NET = make_net(NeverTrained, batch_size=-1)


def search_over(estimator, space, **settings):
    return BayesSearchCV(estimator, space, **({"n_iter": 3, "cv": 2, "random_state": 0} | settings))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            {"lr": [0.1], "module__hiden": [4, 8]},
            r"NeverTrained has no parameter 'hiden' \('module__hiden'\); did you mean 'hidden'",
        ),
        ({"optimizer__weight_deca": [0.1, 0.2]}, r"SGD has no parameter 'weight_deca'.*'weight_decay'"),
        ({"criterion__reducton": ["sum"]}, r"CrossEntropyLoss has no parameter.*'reduction'"),
        ({"mudule__hidden": [4, 8]}, r"NeuralNetClassifier has no parameter 'mudule__hidden'"),
        ({"max_epoch": [4, 8]}, r"no parameter 'max_epoch'; did you mean 'max_epochs'"),
        ({"callbacks__shedule__policy": [StepLR]}, r"'callbacks__shedule__policy' belongs to a callback"),
    ],
)
def test_wrong_names_are_said_before_any_fit(space, message):
    with pytest.raises(ValueError, match=message):
        search_over(NET, space).fit(X, y)


@pytest.mark.parametrize(
    "name", ["module__hiden", "mxa_epochs", "scaler__with_men", "standardscaler__with_men"]
)
def test_wrong_names_in_a_pipeline_are_said_before_any_fit(name):
    full = name if "scaler" in name else f"neuralnetclassifier__{name}"
    space = {"neuralnetclassifier__module__hidden": [4, 8], full: [4, 8]}
    with pytest.raises(ValueError, match=full):
        search_over(make_pipeline(StandardScaler(), NET), space).fit(X, y)


def test_a_plain_search_fits_every_candidate_to_find_out():
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        RandomizedSearchCV(make_net(), {"module__hiden": [4, 8]}, n_iter=2, cv=2).fit(X, y)


def test_a_parameter_that_one_of_the_optimizers_does_not_have():
    space = {"optimizer": [torch.optim.SGD, torch.optim.Adam], "optimizer__momentum": [0.5, 0.9]}
    with pytest.raises(
        ValueError, match="'optimizer__momentum' does not exist when optimizer=Adam; write each"
    ):
        search_over(NET, space).fit(X, y)
    branches = [
        {"optimizer": [torch.optim.SGD], "optimizer__momentum": [0.5, 0.9]},
        {"optimizer": [torch.optim.Adam]},
    ]
    fitted = search_over(make_net(), branches).fit(X, y)
    assert set(fitted.cv_results_["status"]) == {"ok"}


def test_what_is_missing_is_said():
    class Needy(MLP):
        def __init__(self, n_columns):
            super().__init__(n_columns)

    with pytest.raises(ValueError, match=r"can not be initialised.*missing.*'n_columns'; set it"):
        search_over(make_net(Needy), {"lr": [0.1, 0.2]}).fit(X, y)
    fitted = search_over(make_net(Needy), {"module__n_columns": [8], "lr": [0.1, 0.2]}, n_iter=2).fit(X, y)
    assert set(fitted.cv_results_["status"]) == {"ok"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_value_that_is_refused_is_the_misfortune_of_its_candidate():
    class Picky(MLP):
        def __init__(self, hidden=8):
            if hidden == 7:  # the middle of the space
                raise ValueError("hidden must be even")
            super().__init__(hidden=hidden)

    fitted = search_over(make_net(Picky), {"module__hidden": [6, 7, 8]}).fit(X, y)
    assert fitted.cv_results_["status"].tolist() == ["ok", "failed", "ok"]


def test_a_net_that_no_candidate_can_initialise_is_said_before_any_fit():
    class Broken(MLP):
        def __init__(self, hidden=8):
            raise RuntimeError("no weights here")

    with pytest.raises(ValueError, match=r"can not be initialised with.*no weights here.*5 other candidates"):
        search_over(make_net(Broken), {"module__hidden": [6, 7, 8]}).fit(X, y)


def test_schedules_are_chosen_by_class_or_as_they_are():
    net = make_net(callbacks=[("schedule", LRScheduler(policy=ConstantLR))], max_epochs=4)
    space = [
        {"callbacks__schedule__policy": [ConstantLR, LinearLR]},
        {"callbacks__schedule": [LRScheduler(StepLR, step_size=2), LRScheduler(CosineAnnealingLR, T_max=4)]},
    ]
    fitted = search_over(net, space, n_iter=4).fit(X, y)
    assert fitted.cv_results_["status"].tolist() == ["ok"] * 4


def test_what_a_schedule_takes_is_said_before_any_fit():
    net = make_net(callbacks=[("schedule", LRScheduler(policy=ConstantLR))], max_epochs=4)
    with pytest.raises(ValueError, match=r"can not be initialised.*StepLR.*missing.*'step_size'"):
        search_over(net, {"callbacks__schedule__policy": [ConstantLR, StepLR]}).fit(X, y)
    space = {"callbacks__schedule__policy": [StepLR], "callbacks__schedule__step_size": [1, 2]}
    with pytest.raises(
        ValueError, match=r"'schedule' has no parameter 'step_size'.*LRScheduler\(..., step_size="
    ):
        search_over(net, space).fit(X, y)
    net = make_net(callbacks=[("schedule", LRScheduler(policy=StepLR, step_sizes=3))])
    with pytest.raises(ValueError, match=r"can not be initialised.*'step_sizes'"):
        search_over(net, {"lr": [0.1, 0.2]}).fit(X, y)
