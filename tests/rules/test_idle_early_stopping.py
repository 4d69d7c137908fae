from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.record import Outcome, TrainingRecord
from kerasdoctor.rules.idle_early_stopping import long_patience, unlogged_monitor
from tests.rules.differential import cause, diagnosis, reason

NAME = "idle-early-stopping"


def watched(record: TrainingRecord, **settings: object) -> TrainingRecord:
    known = {"monitor": "val_loss", "mode": "auto", "patience": 5, "restore_best_weights": True, "start_from_epoch": 0}
    record.fit = replace(record.fit, callbacks=("EarlyStopping",), callback_settings=({**known, **settings},))
    return record


def test_silent_where_it_works() -> None:
    assert diagnosis(watched(shuffled_digits()), NAME) is None
    assert diagnosis(shuffled_digits(), NAME) is None


def test_a_monitor_that_is_not_logged() -> None:
    found = diagnosis(unlogged_monitor(), NAME)
    assert found is not None
    assert found.message == (
        "EarlyStopping does not do its work: it watches 'val_acc', which is not logged, so it never stops the run."
    )
    finding = cause(unlogged_monitor(), NAME, "monitor-not-logged")
    assert "among the logs: accuracy, loss, val_accuracy, val_loss" in finding.evidence.statement
    (fix,) = finding.prescriptions
    assert "EarlyStopping(monitor='val_accuracy', mode='max', patience=5, restore_best_weights=True)" in fix.source


@pytest.mark.parametrize(
    ("logged", "fires"), [(("loss", "accuracy"), True), (("loss", "val_loss", "val_acc"), False), ((), False)]
)
def test_a_check_knows_what_an_epoch_would_log(logged: tuple[str, ...], fires: bool) -> None:
    record = watched(shuffled_digits(), monitor="val_acc")
    record.history, record.outcome = {}, Outcome(status="checked", logged=logged)
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        finding = cause(record, NAME, "monitor-not-logged")
        assert finding.status is Status.CONFIRMED
        assert "monitor='val_acc' is not among the logs: loss, accuracy" in finding.evidence.statement


def test_nothing_is_logged_yet() -> None:
    record = unlogged_monitor()
    record.history = {}
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize(
    ("settings", "fires"),
    [
        ({"patience": 19, "restore_best_weights": False}, False),
        ({"patience": 20, "restore_best_weights": False}, True),
        ({"patience": 5, "start_from_epoch": 15, "restore_best_weights": False}, True),
        ({"patience": 5, "start_from_epoch": 14, "restore_best_weights": False}, False),
        # it keeps the best epoch without a stop, but none of those that it does not watch
        ({"patience": 20}, False),
        ({"patience": 5, "start_from_epoch": 19}, False),
        ({"patience": 5, "start_from_epoch": 20}, True),
        ({"monitor": "val_accuracy", "mode": "min"}, True),
        ({"monitor": "val_accuracy", "mode": "max"}, False),
        ({"monitor": "val_loss", "mode": "max"}, True),
        ({"monitor": "loss"}, False),
        ({"restore_best_weights": False}, False),
    ],
)
def test_settings_against_a_healthy_run_of_20_epochs(settings: dict[str, object], fires: bool) -> None:
    assert (diagnosis(watched(shuffled_digits(), **settings), NAME) is not None) is fires


def test_the_training_loss_is_watched_while_the_run_overfits() -> None:
    record = watched(long_patience(), monitor="loss")
    assert cause(record, NAME, "training-loss-watched").status is Status.CONFIRMED
    assert "val_loss has risen by 35% since epoch 6" in cause(record, NAME, "training-loss-watched").evidence.statement


def test_weights_not_restored() -> None:
    record = watched(long_patience(), patience=30, restore_best_weights=False)
    found = diagnosis(record, NAME)
    assert found is not None
    assert "has not brought back the best epoch of 'val_loss'" in found.message
    assert cause(record, NAME, "weights-not-restored").status is Status.CONFIRMED
    record.fit = replace(
        record.fit,
        callbacks=("EarlyStopping", "ModelCheckpoint"),
        callback_settings=(*record.fit.callback_settings, {"save_best_only": True}),
    )
    assert diagnosis(record, NAME) is None


def test_a_curve_that_still_falls_has_lost_nothing() -> None:
    record = watched(shuffled_digits(), patience=20, restore_best_weights=False)
    record.history["val_loss"] = [2.0 * 0.7**epoch for epoch in range(20)]
    assert cause(record, NAME, "weights-not-restored").status is Status.RULED_OUT


def test_settings_that_are_not_known() -> None:
    record = shuffled_digits()
    record.fit = replace(record.fit, callbacks=("EarlyStopping",))
    assert reason(record, NAME) == "needs the settings of EarlyStopping, not recorded"
