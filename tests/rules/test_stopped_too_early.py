from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.examples import cut, digits_with_dropout, flipped_classes, shuffled_digits
from kerasdoctor.record import Outcome, TrainingRecord
from kerasdoctor.rules.stopped_too_early import slow_digits
from tests.rules.differential import cause, diagnosis, reason

NAME = "stopped-too-early"


def impatient() -> TrainingRecord:
    """Stopped by patience 1 at a bump of a falling curve."""
    record = cut(shuffled_digits(), 12)
    record.history["val_loss"] = [*np.linspace(2.0, 1.0, 11), 1.05]
    record.fit = replace(
        record.fit, epochs=50, callbacks=("EarlyStopping",), callback_settings=({"monitor": "val_loss", "patience": 1},)
    )
    record.outcome = Outcome(status="stopped_early", epochs=12, stopped_by="EarlyStopping")
    assert record.source is not None
    record.source = replace(
        record.source,
        call="model.fit(x, y, validation_split=0.2, epochs=50, callbacks=[EarlyStopping(patience=1)])",
        arguments={**record.source.arguments, "callbacks": "[EarlyStopping(patience=1)]"},
    )
    record.data = replace(record.data, containers={**record.data.containers, "callbacks": "list"})
    return record


def test_the_epochs_ran_out() -> None:
    found = diagnosis(slow_digits(), NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    assert "from 1.75 to 1.51 in the last 2 of 10 epochs, 31% of its whole fall" in found.message
    assert cause(slow_digits(), NAME, "impatient-early-stopping").status is Status.RULED_OUT
    onward, fix = cause(slow_digits(), NAME, "epochs-ran-out").prescriptions
    assert "initial_epoch=10" in onward.source
    assert "epochs=30" in onward.source
    assert "epochs=30" in fix.source


@pytest.mark.parametrize("epochs", [1, 4, 5, 12, 20])
def test_silent_before_a_trend_and_when_the_pace_is_gone(epochs: int) -> None:
    assert diagnosis(cut(shuffled_digits(), epochs), NAME) is None


def test_silent_while_it_runs_or_rises() -> None:
    running = slow_digits()
    running.outcome = replace(running.outcome, status="running")
    assert diagnosis(running, NAME) is None
    assert diagnosis(flipped_classes(), NAME) is None
    assert diagnosis(digits_with_dropout(), NAME) is None


def test_silent_where_the_loss_hardly_moved() -> None:
    record = slow_digits()
    record.history["val_loss"] = [2.3 - 0.01 * epoch for epoch in range(10)]
    assert diagnosis(record, NAME) is None


def test_impatience() -> None:
    record = impatient()
    found = cause(record, NAME, "impatient-early-stopping")
    assert found.status is Status.CONFIRMED
    assert "EarlyStopping(patience=1) stopped after 12 epochs" in found.evidence.statement
    assert "callbacks=[EarlyStopping(patience=10, restore_best_weights=True)]" in found.prescriptions[-1].source
    assert cause(record, NAME, "epochs-ran-out").status is Status.RULED_OUT


def least_improvement(epochs: int) -> TrainingRecord:
    """Stopped by an improvement below min_delta."""
    record = cut(impatient(), epochs)
    record.history["val_loss"] = [2.0 * 0.75**epoch for epoch in range(epochs)]
    record.history["loss"] = [2.2 * 0.75**epoch for epoch in range(epochs)]
    settings = {"monitor": "val_loss", "min_delta": -0.5, "patience": 0}
    record.fit = replace(record.fit, epochs=50, callback_settings=(settings,))
    record.outcome = Outcome(status="stopped_early", epochs=epochs, stopped_by="EarlyStopping")
    return record


@pytest.mark.parametrize(("epochs", "fires"), [(3, False), (4, True), (7, True)])
def test_least_improvement_that_is_too_large(epochs: int, fires: bool) -> None:
    record = least_improvement(epochs)
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        found = cause(record, NAME, "impatient-early-stopping")
        assert found.status is Status.CONFIRMED
        assert f"EarlyStopping(min_delta=0.5, patience=0) stopped after {epochs} epochs" in found.evidence.statement


def test_a_few_epochs_of_noise_do_not_fall_steadily() -> None:
    generator = np.random.default_rng(0)
    fires = 0
    for _ in range(1000):
        record = least_improvement(4)
        for key in ("loss", "val_loss"):
            record.history[key] = generator.uniform(0.5, 1.5, 4).tolist()
        fires += diagnosis(record, NAME) is not None
    # 1,000 / 576
    assert fires <= 6


def test_patience_that_did_its_work() -> None:
    record = impatient()
    record.history["val_loss"] = [*np.linspace(2.0, 1.0, 5), *[1.0] * 7]
    assert diagnosis(record, NAME) is None


def test_needs_validation() -> None:
    record = slow_digits()
    del record.history["val_loss"]
    assert reason(record, NAME) == "needs val_loss, not recorded"


@pytest.mark.parametrize(("late", "fires"), [(0.0001, False), (0.03, True)])
def test_a_curve_that_fell_and_has_settled(late: float, fires: bool) -> None:
    record = slow_digits()
    falling = np.linspace(2.3, 1.5, 26)
    record.history = {"loss": [*falling, *(1.5 - late * np.arange(1, 5))]}
    record.history["val_loss"] = list(record.history["loss"])
    record.outcome = replace(record.outcome, epochs=30)
    assert (diagnosis(record, NAME) is not None) is fires
