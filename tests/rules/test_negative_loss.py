from array import array
from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status, When
from kerasdoctor.examples import tumours, tumours_labelled_from_one
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import Loss, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "negative-loss"


def negative(loss: str = "binary_crossentropy", *, builtin: bool = True) -> TrainingRecord:
    record = tumours_labelled_from_one()
    record.compile = replace(record.compile, losses=(Loss(name=loss, builtin=builtin),))
    return record


def status(record: TrainingRecord, name: str) -> Status:
    return cause(record, NAME, name).status


def test_labels_from_one() -> None:
    found = diagnosis(tumours_labelled_from_one(), NAME)
    assert found is not None
    assert found.evidence[0].when == When(6)
    assert "came to -1.523" in found.message
    finding = cause(tumours_labelled_from_one(), NAME, "targets-out-of-range")
    assert finding.status is Status.CONFIRMED
    assert "y runs from 1 to 2" in finding.evidence.statement
    assert [prescription.name for prescription in finding.prescriptions] == ["rescale-targets"]


def test_the_inputs_are_cleared() -> None:
    finding = cause(tumours_labelled_from_one(), NAME, "unnormalized-inputs")
    assert finding.status is Status.RULED_OUT
    assert "never negative" in finding.evidence.statement


@pytest.mark.parametrize("name", ["cosine_similarity", "poisson", "categorical_hinge_of_mine"])
def test_losses_that_may_be_negative(name: str) -> None:
    assert diagnosis(negative(name), NAME) is None


def test_a_loss_of_ones_own_may_be_negative() -> None:
    assert diagnosis(negative("binary_crossentropy", builtin=False), NAME) is None


def test_one_that_may_among_several() -> None:
    record = negative()
    record.compile = replace(record.compile, losses=(*record.compile.losses, Loss(name="cosine_similarity")))
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize("name", ["kld", "KLDivergence", "kl_divergence", "mse", "MeanSquaredError", "huber"])
def test_every_name_of_a_loss_is_known(name: str) -> None:
    assert diagnosis(negative(name), NAME) is not None


def test_rounding_is_no_negative_loss() -> None:
    record = tumours()
    record.compile = replace(record.compile, losses=(Loss(name="kl_divergence"),))
    record.history["loss"][-1] = -1e-6
    assert diagnosis(record, NAME) is None


def test_validation_alone() -> None:
    record = tumours()
    record.history["val_loss"][-1] = -0.5
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].where == "val_loss"


def test_fires_within_the_first_epoch() -> None:
    record = negative()
    record.history = {}
    record.quantities["batch_loss"] = BatchLoss(array("q", [1, 2, 3]), array("d", [0.4, -0.005, -3.0]))
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].when == When(step=3)


def test_an_autoencoder_of_raw_inputs() -> None:
    record = negative()
    pixels = Range("float32", (1000, 64), 0.0, 255.0, 0, None)
    record.quantities["input_range"] = InputRange({"x": pixels}, {}, 1000, 1000)
    record.quantities["target_range"] = TargetRange({"y": pixels}, {}, {"y": 64}, None, 1000, 1000)
    finding = cause(record, NAME, "unnormalized-inputs")
    assert finding.status is Status.CONFIRMED
    assert "autoencoder" in finding.evidence.statement
    assert status(record, "targets-out-of-range") is Status.CONFIRMED


def test_validation_targets_out_of_range() -> None:
    record = negative()
    targets = record.quantities["target_range"]
    record.quantities["target_range"] = replace(
        targets,
        outputs={"y": Range("int64", (455,), 0.0, 1.0, 0, None)},
        validation={"y": Range("int64", (114,), 0.0, 255.0, 0, None)},
    )
    assert status(record, "targets-out-of-range") is Status.CONFIRMED


def test_weights() -> None:
    record = negative("mse")
    assert status(record, "negative-weights") is Status.RULED_OUT
    assert status(record, "targets-out-of-range") is Status.RULED_OUT
    targets = record.quantities["target_range"]
    record.quantities["target_range"] = replace(targets, minimum_weight=-2.0)
    assert status(record, "negative-weights") is Status.CONFIRMED
    record.quantities["target_range"] = replace(targets, minimum_weight=0.5)
    assert status(record, "negative-weights") is Status.RULED_OUT
    record.fit = replace(record.fit, class_weight=True)
    assert status(record, "negative-weights") is Status.POSSIBLE


def test_divergence_without_softmax() -> None:
    record = negative("kl_divergence")
    finding = cause(record, NAME, "no-distributions")
    assert finding.status is Status.CONFIRMED
    assert "sigmoid" in finding.evidence.statement
    *first, last = record.model.layers
    record.model = replace(record.model, layers=(*first, replace(last, activation="softmax")))
    assert status(record, "no-distributions") is Status.POSSIBLE
