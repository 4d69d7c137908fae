from dataclasses import replace

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.examples import flipped_classes, mislabelled_digits
from tests.rules.differential import cause, diagnosis, reason

NAME = "trained-too-long"


def test_names_the_best_epoch() -> None:
    found = diagnosis(mislabelled_digits(), NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    assert "val_loss was best in epoch 6 of 40 (1.31) and rises from epoch 6 on" in found.message
    assert "the last epoch (1.89)" in found.message


def test_the_best_epoch_is_the_one_of_the_table_wherever_the_curve_turns() -> None:
    record = mislabelled_digits()
    values = record.history["val_loss"]
    record.history["val_loss"] = values = [*values[:3], 1.29, *values[4:]]
    found = diagnosis(record, NAME)
    assert found is not None
    assert f"best in epoch {values.index(min(values)) + 1} of 40 ({min(values):.3g})" in found.message
    assert f"the last epoch ({values[-1]:.3g})" in found.message


def test_an_accuracy_that_improved_was_worth_it() -> None:
    record = flipped_classes()
    record.history["val_accuracy"][-3:] = [0.95] * 3
    assert diagnosis(record, NAME) is None


def test_silent_while_it_runs_and_behind_early_stopping() -> None:
    record = flipped_classes()
    for status in ("running", "stopped_early", "raised"):
        record.outcome = replace(record.outcome, status=status)  # type: ignore[arg-type]
        assert diagnosis(record, NAME) is None


def test_silent_where_the_best_is_in_the_second_half() -> None:
    record = flipped_classes()
    record.history = {key: values[:18] for key, values in record.history.items()}
    assert diagnosis(record, NAME) is None


def test_a_checkpoint_keeps_the_best() -> None:
    record = flipped_classes()
    found = cause(record, NAME, "best-epoch-not-kept")
    assert found.status is Status.CONFIRMED
    assert [item.name for item in found.prescriptions] == ["keep-best", "early-stopping"]
    assert 'monitor="val_accuracy", mode="max", save_best_only=True' in found.prescriptions[0].source
    record.fit = replace(
        record.fit, callbacks=("ModelCheckpoint",), callback_settings=({"save_best_only": True, "monitor": "val_loss"},)
    )
    assert cause(record, NAME, "best-epoch-not-kept").status is Status.RULED_OUT
    assert cause(record, NAME, "too-many-epochs").status is Status.CONFIRMED


def test_needs_validation() -> None:
    record = flipped_classes()
    del record.history["val_loss"]
    assert reason(record, NAME) == "needs val_loss, not recorded"
