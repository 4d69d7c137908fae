from dataclasses import replace

import pytest

from kerasdoctor.examples import piped_digits
from kerasdoctor.record import PipelineStep, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "small-shuffle-buffer"


def record_of(kinds: list[str], *, buffer: int = 64, distinct: int = 100) -> TrainingRecord:
    record = piped_digits()
    steps = [PipelineStep(kind=kind, settings={"buffer_size": buffer}, elements=1437) for kind in kinds]
    record.data = replace(record.data, pipeline=tuple(steps))
    parts = record.quantities["drawn_labels"].parts
    parts["train"] = replace(parts["train"], distinct=distinct)
    return record


@pytest.mark.parametrize(("distinct", "fires"), [(100, True), (255, True), (270, False)])
def test_only_where_batches_are_not_mixed(distinct: int, fires: bool) -> None:
    record = record_of(["from_tensor_slices", "shuffle", "batch"], distinct=distinct)
    assert (diagnosis(record, NAME) is not None) is fires


def test_the_buffer() -> None:
    small = cause(record_of(["from_tensor_slices", "shuffle", "batch"]), NAME, "buffer-below-data")
    assert small.status.value == "confirmed"
    assert "64 of 1,437" in small.evidence.statement
    whole = record_of(["from_tensor_slices", "shuffle", "batch"], buffer=1437)
    assert cause(whole, NAME, "buffer-below-data").status.value == "ruled_out"


def test_the_order_of_the_steps() -> None:
    batched = record_of(["from_tensor_slices", "batch", "shuffle"])
    assert cause(batched, NAME, "batch-before-shuffle").status.value == "confirmed"
    apart = record_of(["from_tensor_slices", "batch", "unbatch", "shuffle", "batch"])
    assert cause(apart, NAME, "batch-before-shuffle").status.value == "ruled_out"


def test_no_shuffle_is_another_rules_matter() -> None:
    assert diagnosis(record_of(["from_tensor_slices", "batch"]), NAME) is None
