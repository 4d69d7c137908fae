from dataclasses import replace
from typing import Any

import pytest

from kerasdoctor.diagnosis import Severity
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.quantities.row_overlap import RowOverlap
from kerasdoctor.record import Earlier, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "continued-training"


def record_of(**changes: Any) -> TrainingRecord:
    """A cell that was run again, on the same rows."""
    record = shuffled_digits()
    base: dict[str, Any] = {"place": "cell", "asked": 20, "epochs": 20, "iterations": 900, "iterations_now": 900}
    base |= {"same_weights": True, "known_rows": 1.0, "moved_rows": 0.0}
    record.earlier = Earlier(**{**base, **changes})
    return record


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({}, True),
        ({"place": "call"}, True),
        ({"place": "loop"}, True),
        ({"place": "elsewhere"}, False),
        # weights that were set back
        ({"same_weights": False}, False),
        # two phases of a fine-tuning
        ({"same_variables": False}, False),
        ({"resumed_at": 20}, False),
        ({"asked": 1, "place": "loop"}, False),
        # the next piece of the data
        ({"known_rows": 0.0}, False),
        ({"known_rows": None, "place": "loop"}, False),
        ({"known_rows": None, "moved_rows": None}, True),
        # compiled again in the same cell
        ({"optimizer": "other", "iterations_now": 0}, True),
    ],
)
def test_the_same_call_again_is_a_note(changes: dict[str, Any], fires: bool) -> None:
    found = diagnosis(record_of(**changes), NAME)
    assert (found is not None) is fires
    if found is not None:
        assert found.severity is Severity.INFO
        assert "20 epochs and 900 updates" in found.message
        names = [remedy.name for one in found.causes for remedy in one.prescriptions if one.name == "cell-run-again"]
        assert names == ["fresh-weights", "continue-training"]


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"moved_rows": 0.9}, True),
        ({"moved_rows": 0.9, "place": "elsewhere", "resumed_at": 20, "same_variables": False}, True),
        ({"moved_rows": 0.1, "place": "elsewhere"}, False),
        ({"moved_rows": 0.9, "same_weights": False}, False),
    ],
)
def test_rows_that_trained_and_now_validate_are_a_warning(changes: dict[str, Any], fires: bool) -> None:
    found = diagnosis(record_of(**changes), NAME)
    assert (found is not None) is fires
    if found is not None:
        assert found.severity is Severity.WARNING
        assert "90% of the rows that validate have trained its weights" in found.message
        assert cause(record_of(**changes), NAME, "resplit-rows").status.value == "confirmed"


def test_rows_that_repeat_anyway_tell_nothing() -> None:
    record = record_of(place="loop", moved_rows=0.9, known_rows=0.9)
    overlap = RowOverlap(validation=360, shared=10, train=1437, repeated=40, first_shared=0)
    record.quantities["row_overlap"] = overlap
    assert diagnosis(record, NAME) is not None
    record.quantities["row_overlap"] = replace(overlap, shared=100)
    assert diagnosis(record, NAME) is None


def test_a_loop_over_folds_is_no_cell_run_again() -> None:
    record = record_of(place="loop", moved_rows=0.9, known_rows=0.9)
    assert cause(record, NAME, "cell-run-again").status.value == "ruled_out"


def test_a_first_fit() -> None:
    assert diagnosis(shuffled_digits(), NAME) is None


def test_the_cell_builds_a_new_model() -> None:
    prescription, onward = cause(record_of(), NAME, "cell-run-again").prescriptions
    # the same where going on was meant
    assert "initial_epoch=" in onward.source
    assert "clone_model" not in onward.source
    assert "model = keras.models.clone_model(model)" in prescription.source
    assert "%kdoctor fit model.fit(" in prescription.source
