from dataclasses import replace
from typing import Any

import pytest

from kerasdoctor.examples import piped_digits
from kerasdoctor.record import Loss, PipelineStep, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "changing-validation-set"


def record_of(**rows: Any) -> TrainingRecord:
    record = piped_digits()
    record.quantities["drawn_rows"] = replace(record.quantities["drawn_rows"], **rows)
    return record


@pytest.mark.parametrize(("again", "fires"), [(341, True), (342, False)])
def test_another_set(again: int, fires: bool) -> None:
    record = record_of(validation_again=again, same_inputs=0, same_targets=0)
    assert (diagnosis(record, NAME) is not None) is fires


def test_what_was_not_seen_whole_is_not_judged() -> None:
    record = record_of(validation_again=9, same_inputs=0, same_targets=0, validation_batches=[64, 64])
    assert diagnosis(record, NAME) is None
    # a second validation that still runs
    assert diagnosis(record_of(validation_again=9, same_targets=0, validation_batches=[12, 7]), NAME) is None
    assert diagnosis(record_of(validation_again=0, validation_rows=[360, 0], validation_batches=[12, 0]), NAME) is None


def test_augmented_rows_are_told_by_their_targets_in_large_sets_too() -> None:
    record = record_of(validation_again=0, same_inputs=0, same_targets=64, validation_batches=[64, 64])
    assert cause(record, NAME, "augmented-validation").status.value == "confirmed"
    assert cause(record, NAME, "infinite-generator").status.value == "ruled_out"


def test_a_part_of_shuffled_rows() -> None:
    record = record_of(validation_again=100, same_inputs=0, same_targets=0)
    steps = tuple(PipelineStep(kind=kind) for kind in ("from_tensor_slices", "shuffle", "take", "batch"))
    record.data = replace(record.data, validation_pipeline=steps)
    assert cause(record, NAME, "shuffled-partial-validation").status.value == "confirmed"


def test_an_endless_repeat() -> None:
    record = record_of(validation_again=100, same_inputs=0, same_targets=0)
    steps = (PipelineStep(kind="from_tensor_slices", elements=360), PipelineStep(kind="repeat", elements=-1))
    record.data = replace(record.data, validation_pipeline=steps)
    record.fit = replace(record.fit, validation_steps=5)
    assert cause(record, NAME, "infinite-generator").status.value == "confirmed"
    assert cause(record, NAME, "shuffled-partial-validation").status.value == "ruled_out"


@pytest.mark.parametrize(
    ("shape", "loss", "fires"),
    [
        ((10,), "sparse_categorical_crossentropy", True),
        ((1,), "mean_squared_error", True),
        # noise that is to be taken away again, a word that is hidden
        ((64,), "mean_squared_error", False),
        ((20, 1000), "sparse_categorical_crossentropy", False),
    ],
)
def test_a_function_that_draws_random_numbers(shape: tuple[int, ...], loss: str, fires: bool) -> None:
    record = record_of()
    noise = PipelineStep(kind="map", settings={"random": ["RandomStandardNormal"]})
    record.data = replace(record.data, validation_pipeline=(noise,))
    record.model = replace(record.model, outputs=(replace(record.model.outputs[0], shape=shape),))
    record.compile = replace(record.compile, losses=(Loss(name=loss),))
    found = diagnosis(record, NAME)
    assert (found is not None) is fires
    if found is not None:
        assert "a step of its pipeline draws random numbers: map (RandomStandardNormal)" in found.message
    record.data = replace(record.data, pipeline=(noise,), validation_pipeline=())
    assert diagnosis(record, NAME) is None
