from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_with_a_spike, shuffled_digits
from kerasdoctor.quantities.batch_loss import BatchLoss
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
