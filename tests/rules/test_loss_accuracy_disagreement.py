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


def test_needs_an_accuracy() -> None:
    record = flipped_classes()
    del record.history["val_accuracy"]
    assert reason(record, NAME) == "needs val_loss and a validation accuracy, not recorded"
    assert reason(sorted_digits(), NAME) is not None
