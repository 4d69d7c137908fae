import pytest

from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Data, Fit, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "small-validation-set"


def record_of(n: int | None, *callbacks: str, rare: int = 50) -> TrainingRecord:
    labels = SplitLabels("classes", {"a": 500, "b": 50}, {"a": 500, "b": rare}, "validation_split")
    return TrainingRecord(data=Data(n_validation=n), fit=Fit(callbacks=callbacks), quantities={"split_labels": labels})


@pytest.mark.parametrize(
    ("n", "callbacks", "fires"),
    [
        (49, (), True),
        (50, (), False),
        (99, ("EarlyStopping",), True),
        (100, ("EarlyStopping",), False),
        (None, (), False),
    ],
)
def test_rows(n: int | None, callbacks: tuple[str, ...], fires: bool) -> None:
    found = diagnosis(record_of(n, *callbacks), NAME)
    assert (found is not None) is fires
    if found is not None:
        assert found.severity.label == "info"
        assert ("EarlyStopping decides by it" in found.message) is bool(callbacks)


@pytest.mark.parametrize(("rare", "fires"), [(4, True), (5, False)])
def test_rows_of_a_class(rare: int, fires: bool) -> None:
    record = record_of(500 + rare, rare=rare)
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        assert cause(record, NAME, "too-few-of-a-class").status.value == "confirmed"
        assert cause(record, NAME, "too-few-rows").status.value == "ruled_out"


def test_a_class_that_is_not_trained_either_is_no_finding() -> None:
    record = record_of(500)
    record.quantities["split_labels"] = SplitLabels(
        "classes", {"a": 500, "b": 0, "c": 9}, {"a": 500, "b": 0, "c": 9}, "validation_split"
    )
    assert diagnosis(record, NAME) is None
