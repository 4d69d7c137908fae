from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.rules.weighted_training_loss import weighted_classes
from tests.rules.differential import cause, diagnosis, reason

NAME = "weighted-training-loss"


def test_says_how_far_apart_they_are() -> None:
    found = diagnosis(weighted_classes(), NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    assert "(loss 0.47, val_loss 0.064); the weights of the training rows have a mean of 10" in found.message


def test_a_class_without_a_weight_has_one() -> None:
    record = weighted_classes()
    record.fit = replace(record.fit, class_weights={"0": 3.0})
    found = diagnosis(record, NAME)
    assert found is not None
    # 139 of 1,437 rows
    assert found.evidence[0].value == pytest.approx(1 + 2 * 139 / 1437)


def test_weights_of_one_are_none() -> None:
    record = weighted_classes()
    record.fit = replace(record.fit, class_weights={"0": 1.0, "1": 1.0})
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize(("weighted", "fires"), [(False, True), (True, False), (None, False)])
def test_sample_weights(weighted: bool | None, fires: bool) -> None:
    record = shuffled_digits()
    record.fit = replace(record.fit, sample_weight=True, validation_weighted=weighted)
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        assert cause(record, NAME, "sample-weights").status is Status.CONFIRMED
        assert cause(record, NAME, "class-weights").status is Status.RULED_OUT


def test_needs_validation() -> None:
    record = weighted_classes()
    del record.history["val_loss"]
    assert reason(record, NAME) == "needs val_loss, not recorded"
