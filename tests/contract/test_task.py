"""Tasks: which make sense, and what each is scored by."""

import numpy as np
import pytest

from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError, MedTLError

MASKS = Task("segmentation", ("background", "blob"))
VALUES = Task("regression")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("classification", ("one",)), "needs at least two classes"),
        (("segmentation",), "needs at least two classes"),
        (("classification", ("no", "yes", "no")), "name each class once"),
        (("regression", ("no", "yes")), "has no classes"),
        (
            ("classification", ("a", "b"), ("roc_auk",)),
            "no classification metric named 'roc_auk'; did you mean 'roc_auc'",
        ),
        (("regression", (), ("dice",)), "no regression metric named 'dice'"),
        (("classification", ("a", "b", "c"), ("mcc",)), "'mcc' needs exactly two classes"),
        (
            ("segmentation", ("a", "b"), ("dice", "dice_class_2")),
            "'dice_class_2' needs at least 3 classes, but got",
        ),
        (
            ("segmentation", ("a", "b"), ("hd95", "dice")),
            "scored at every stage, which 'hd95' is not",
        ),
        (("survival",), "no kind of task named 'survival'; known are: classification"),
        (("clasification", ("a", "b")), "did you mean 'classification'"),
        (
            ("classification", "ab"),
            r"the classes of a classification task must be a tuple of names, but got the text 'ab'",
        ),
        (("classification", (0.0, 1.0)), r"must be a text, but got 0.0, a float: '0.0'\?"),
        (("classification", (False, True)), r"must be a text, but got False, a bool"),
        (("classification", (None, "ill")), r"must be a text, but got None, a NoneType"),
        (("classification", (1, "1")), "name each class once"),
        (("classification", {"a", "b"}), "must be a tuple of names, but got .*, a set"),
        (("classification", 2), "must be a tuple of names, but got 2, a int"),
        (("regression", (), "rmse"), "metrics of a regression task must be a tuple of names"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(arguments, told):
    with pytest.raises(MedTLError, match=told):
        Task(*arguments)


def test_a_task_has_metrics_of_its_kind():
    assert Task("classification", ("a", "b")).primary == "balanced_accuracy"
    assert MASKS.primary == "dice"
    assert (VALUES.primary, VALUES.outputs) == ("concordance", 1)


def test_an_integration_task_has_no_classes_and_is_ranked_by_mixing() -> None:
    task = Task("integration")
    assert task.primary == "ilisi"
    assert task.embedded == task.metrics
    assert task.outputs == 1
    with pytest.raises(DataError, match="integration task has no classes"):
        Task("integration", ("a", "b"))
    with pytest.raises(MedTLError, match="no integration metric named 'clisi'"):
        Task("integration", metrics=("clisi",))


def test_a_task_with_labels_is_ranked_by_predictions_and_may_name_measures_of_an_embedding() -> (
    None
):
    task = Task("classification", ("a", "b"), ("balanced_accuracy", "ilisi", "label_transfer"))
    assert task.embedded == ("ilisi", "label_transfer")
    with pytest.raises(
        DataError, match="ranked by what is predicted, but its first metric is 'ilisi'"
    ):
        Task("classification", ("a", "b"), ("ilisi", "balanced_accuracy"))


def test_names_may_come_as_a_list_or_from_numpy():
    task = Task("classification", np.array(["a", "b"]), ["accuracy"])
    assert task == Task("classification", ("a", "b"), ("accuracy",))
    assert {type(name) for name in task.classes} == {str}


def test_a_task_says_which_changes_of_images_leave_a_label_what_it_is() -> None:
    assert Task("segmentation", ("ground", "blob")).allowed == ("flips", "affine", "intensity")
    assert Task("segmentation", ("ground", "blob"), allowed=["affine"]).allowed == ("affine",)
    with pytest.raises(MedTLError, match="flips"):
        Task("segmentation", ("ground", "blob"), allowed=("flip",))
