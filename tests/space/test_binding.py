import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sksearch.space import Space
from sksearch.space.binding import check_names

TWO_STEPS = Pipeline([("a", LogisticRegression()), ("b", LogisticRegression())])
PIPELINE = Pipeline([("scale", StandardScaler()), ("clf", SVC(C=2.0))])


@pytest.mark.parametrize(
    ("estimator", "notation", "message"),
    [
        (SVC(), {"gama": [1]}, r"SVC has no parameter 'gama'; did you mean 'gamma'\?"),
        (SVC(), {"C": [1], "xyz": [1]}, r"no parameter 'xyz'; the valid names are \['C', "),
        (PIPELINE, {"clf__c": [1]}, r"no parameter 'clf__c'; did you mean 'clf__C'\?"),
        (PIPELINE, {"clff__C": [1]}, r"'clff__C' belongs to 'clff', which Pipeline does not have; did"),
        (PIPELINE, {"model__C": [1]}, r"belongs to 'model'.* does not have"),
        (SVC(), {"clf__C": [1]}, r"'clf__C' belongs to 'clf', which SVC does not have; write 'C'\."),
        (
            PIPELINE,
            {"clf": [SVC(), RandomForestClassifier()], "clf__C": [1, 2]},
            r"'clf__C' does not exist when clf=RandomForestClassifier\(\).*list of dicts",
        ),
        (
            PIPELINE,
            {"scale": [StandardScaler(), "passthrough"], "scale__with_mean": [True, False]},
            r"'scale__with_mean' does not exist when scale='passthrough'",
        ),
        (PIPELINE, {"C": [1]}, r"Pipeline has no parameter 'C'; did you mean 'clf__C'\?"),
        (OneVsRestClassifier(SVC()), {"c": [1]}, r"no parameter 'c'; did you mean 'estimator__C'\?"),
        (TWO_STEPS, {"max_iter": [1]}, r"did you mean 'a__max_iter' or 'b__max_iter'\?"),
        (
            PIPELINE,
            {"clf": [SVC(), RandomForestClassifier()], "clf__gama": [1]},
            r"'clf__gama' does not exist when clf=SVC\(\); did you mean 'clf__gamma'\?",
        ),
        (
            PIPELINE,
            {"clf": [SVC()], "clf__gama": [1]},
            r"'clf__gama' does not exist when clf=SVC\(\); did you mean 'clf__gamma'\?",
        ),
        (
            PIPELINE,
            [{"clf": [SVC()], "clf__C": [1]}, {"clf": [RandomForestClassifier()], "clf__C": [1]}],
            r"'clf__C' does not exist when clf=RandomForestClassifier\(\); leave it out of this dict",
        ),
        (PIPELINE, [{"clf__C": [1]}, {"clf__gamm": [1]}], r"'clf__gamm'; did you mean 'clf__gamma'"),
    ],
)
def test_unknown_names_are_told_with_the_nearest_valid_one(estimator, notation, message):
    with pytest.raises(ValueError, match=message):
        check_names(Space(notation), estimator)


def test_a_resource_exists_with_every_choice():
    choices = {"clf": [RandomForestClassifier(), SVC()]}
    with pytest.raises(
        ValueError, match=r"resource='clf__n_estimators' does not exist with {'clf': SVC\(\)}"
    ):
        check_names(Space(choices), PIPELINE, "clf__n_estimators")
    check_names(Space(choices), PIPELINE, "folds")
    check_names(Space({"clf": [RandomForestClassifier()]}), PIPELINE, "clf__n_estimators")


@pytest.mark.parametrize(
    "notation",
    [
        {"clf__C": [1], "scale": ["passthrough", None]},
        {"clf": [SVC(), LogisticRegression()], "clf__C": (1e-2, 1e2)},
        [{"clf": [RandomForestClassifier()], "clf__max_depth": (1, 5)}, {"clf__C": [1]}, {}],
    ],
)
def test_names_that_exist_once_a_step_is_chosen_are_valid(notation):
    check_names(Space(notation), PIPELINE)


def test_checking_leaves_estimators_and_values_as_they_were():
    svc = SVC(C=7)
    check_names(Space({"clf": [svc], "clf__C": [1]}), PIPELINE)
    assert svc.C == 7
    assert PIPELINE.named_steps["clf"].C == 2.0
