from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import flipped_classes, mislabelled_digits, sorted_digits
from tests.rules.differential import cause, diagnosis, reason

NAME = "loss-accuracy-disagreement"


def test_names_both_courses() -> None:
    found = diagnosis(flipped_classes(), NAME)
    assert found is not None
    assert "val_loss rose by 51% since epoch 9" in found.message
    assert "val_accuracy did not fall (91.0% there, now 91.3%)" in found.message


def test_silent_where_the_accuracy_falls_too() -> None:
    assert diagnosis(mislabelled_digits(), NAME) is None


def test_silent_where_the_loss_hardly_rises() -> None:
    record = flipped_classes()
    record.history = {key: values[:16] for key, values in record.history.items()}
    assert diagnosis(record, NAME) is None


def test_early_stopping_by_the_loss_is_named() -> None:
    record = flipped_classes()
    assert cause(record, NAME, "monitored-loss").status is Status.RULED_OUT
    record.fit = replace(record.fit, callbacks=("EarlyStopping",), callback_settings=({"monitor": "val_loss"},))
    assert cause(record, NAME, "monitored-loss").status is Status.CONFIRMED


def test_over_confidence_by_the_share_of_wrong_rows() -> None:
    found = cause(flipped_classes(), NAME, "over-confidence")
    assert found.status is Status.CONFIRMED
    # a level of 0.4224 over 8.7 % of wrong rows
    assert found.evidence.value == pytest.approx(4.854, abs=0.01)
    assert [item.name for item in found.prescriptions] == ["keep-best", "label-smoothing", "weight-regularization"]
    mild = flipped_classes()
    mild.history["val_loss"] = [value / 4 for value in mild.history["val_loss"]]
    assert cause(mild, NAME, "over-confidence").status is Status.POSSIBLE


@pytest.mark.parametrize(
    ("fall", "rise", "fires"),
    # 9 % of 300 rows are wrong: a sampling error of 1.7 points. A third of a rise by 51 % would be 10.3 % of wrong
    # rows, of one to three times the level 13 %
    [(0.0, 1.0, True), (0.015, 1.0, True), (0.02, 1.0, False), (0.03, 2.0, True), (0.045, 2.0, False)],
)
def test_an_accuracy_that_falls_less_than_the_loss_rises(fall: float, rise: float, fires: bool) -> None:
    record = flipped_classes()
    series, losses = record.history["val_accuracy"], record.history["val_loss"]
    record.history["val_accuracy"] = [*series[:20], *(value - fall for value in series[20:])]
    record.history["val_loss"] = [*losses[:20], *(rise * value for value in losses[20:])]
    found = diagnosis(record, NAME)
    assert (found is not None) is fires
    if fires:
        status = cause(record, NAME, "over-confidence").status
        assert status is (Status.POSSIBLE if fall else Status.CONFIRMED)


def test_an_accuracy_of_guessing_has_nowhere_to_fall() -> None:
    record = flipped_classes()
    labels = record.quantities["split_labels"]
    share = max(labels.validation.values()) / sum(labels.validation.values())
    record.history["val_accuracy"] = [share] * len(record.history["val_accuracy"])
    assert diagnosis(record, NAME) is None


def test_needs_an_accuracy() -> None:
    record = flipped_classes()
    del record.history["val_accuracy"]
    assert reason(record, NAME) == "needs val_loss and a validation accuracy, not recorded"
    assert reason(sorted_digits(), NAME) is not None
