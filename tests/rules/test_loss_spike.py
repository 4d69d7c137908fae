from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_with_a_spike, shuffled_digits
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "loss-spike"


def with_losses(*spikes: int, height: float = 30.0, after: float = 0.1) -> TrainingRecord:
    """Digits whose loss is 2.3 at first, 0.1 soon, and `height` in these stretches of two batches."""
    record = shuffled_digits()
    losses = np.full(900, 0.1)
    losses[:40] = 2.3
    for spike in spikes:
        losses[2 * spike : 2 * spike + 2] = height
        losses[2 * spike + 2 : 2 * spike + 40] = after
    record.quantities["batch_loss"] = BatchLoss()
    record.quantities["batch_loss"].extend(range(1, 901), losses)
    return record


def test_says_where() -> None:
    found = diagnosis(digits_with_a_spike(), NAME)
    assert found is not None
    assert found.evidence[0].when is not None
    assert found.evidence[0].when.step == 453
    assert cause(digits_with_a_spike(), NAME, "long-steps").status is Status.CONFIRMED
    assert cause(digits_with_a_spike(), NAME, "outlier-batch").status is Status.RULED_OUT


@pytest.mark.parametrize(("height", "fires"), [(2.4, True), (2.2, False)])
def test_as_high_as_before_training(height: float, fires: bool) -> None:
    assert (diagnosis(with_losses(200, height=height), NAME) is not None) == fires


def test_losses_alone_confirm_no_outlier_batch() -> None:
    # digits without an outlier, from which the weights came back at once, look like this
    for record in (with_losses(200), with_losses(60, 120, 180, 240, 300, 360, 420)):
        found = diagnosis(record, NAME)
        assert found is not None
        assert [(cause.name, cause.status) for cause in found.causes] == [
            ("outlier-batch", Status.POSSIBLE),
            ("long-steps", Status.POSSIBLE),
        ]
        assert "far from all others would tell" in found.causes[0].evidence.statement


def test_a_loss_that_stays_high() -> None:
    assert cause(with_losses(200, after=1.0), NAME, "outlier-batch").status is Status.RULED_OUT
    assert cause(with_losses(200, after=1.0), NAME, "long-steps").status is Status.CONFIRMED


def test_what_jumps_before_anything_is_learned_is_no_spike() -> None:
    assert diagnosis(with_losses(5), NAME) is None


def test_only_fresh_weights_are_judged() -> None:
    record = with_losses(200)
    record.model = replace(record.model, iterations=10)
    assert diagnosis(record, NAME) is None


def heavy(*batches: int, height: float = 8.0, far: int = 16) -> TrainingRecord:
    """Digits that learn slowly, of which `far` rows reach 400, and the batches with this loss."""
    record = shuffled_digits()
    losses = np.linspace(2.3, 1.5, 900)
    losses[list(batches)] = height
    record.quantities["batch_loss"] = BatchLoss()
    record.quantities["batch_loss"].extend(range(1, 901), losses)
    first = 320 if far else -1
    record.quantities["far_rows"] = FarRows(rows=1437, count=far, first=first, typical=1.0, largest=400.0)
    return record


def test_rows_far_from_the_others_are_found_in_their_batches() -> None:
    record = heavy(50, 95, 140, 230)
    found = diagnosis(record, NAME)
    assert found is not None
    assert "in 4 batches it is more than twice that of the ten before" in found.message
    finding = cause(record, NAME, "outlier-batch")
    assert finding.status is Status.CONFIRMED
    assert "16 of 1,437 training rows reach up to 400, row 320 the first, where 98 in 100 stay within 1" in (
        finding.evidence.statement
    )
    assert cause(record, NAME, "long-steps").status is Status.RULED_OUT


@pytest.mark.parametrize(
    "record",
    [heavy(50, 95, 140, far=0), heavy(50, 95), heavy(50, 95, 140, height=4.5), heavy()],
    ids=["no far rows", "two batches", "not twice the first loss", "far rows that do not show"],
)
def test_what_is_no_spike_again_and_again(record: TrainingRecord) -> None:
    assert diagnosis(record, NAME) is None


def test_weighted_rows_have_heavy_batches_by_their_weights() -> None:
    record = heavy(50, 95, 140)
    record.fit = replace(record.fit, class_weight=True)
    assert diagnosis(record, NAME) is None


def test_a_calm_loss_has_no_heavy_batches_by_chance() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        record = heavy()
        # the mean over 32 rows whose losses are exponential
        losses = np.linspace(2.3, 0.1, 900) * generator.gamma(32, 1 / 32, 900)
        record.quantities["batch_loss"] = BatchLoss()
        record.quantities["batch_loss"].extend(range(1, 901), losses)
        assert diagnosis(record, NAME) is None


def test_rows_that_are_far_by_their_targets() -> None:
    record = heavy(50, 95, 140, 230)
    record.quantities["far_rows"] = replace(record.quantities["far_rows"], of_targets=True)
    finding = cause(record, NAME, "outlier-batch")
    assert finding.status is Status.CONFIRMED
    assert "the targets of 16 of 1,437 training rows reach up to 400" in finding.evidence.statement


def test_one_batch_that_is_far_higher_is_enough_also_at_the_begin() -> None:
    record = heavy(3, height=40.0)
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].when is not None
    assert found.evidence[0].when.step == 4
    assert cause(record, NAME, "outlier-batch").status is Status.CONFIRMED


def test_batches_that_stand_out_of_a_loss_a_little_above_the_first() -> None:
    record = heavy(50, 95, 140, 230)
    record.quantities["batch_loss"].value[0] = 2.0
    assert diagnosis(record, NAME) is not None
