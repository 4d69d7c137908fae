from dataclasses import replace

import pytest

from kerasdoctor.quantities.drawn_rows import DrawnRows
from kerasdoctor.record import Data, PipelineStep, TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "leaking-split"
SOURCE = PipelineStep(kind="from_tensor_slices", elements=1000)
SHUFFLE = PipelineStep(kind="shuffle", settings={"buffer_size": 1000, "reshuffle_each_iteration": True}, elements=1000)
TAKE = PipelineStep(kind="take", settings={"count": 800}, elements=800)
SKIP = PipelineStep(kind="skip", settings={"count": 800}, elements=200)


def record_of(train: tuple[PipelineStep, ...], validation: tuple[PipelineStep, ...]) -> TrainingRecord:
    return TrainingRecord(data=Data(kind="dataset", pipeline=train, validation_pipeline=validation))


def test_told_by_the_steps_before_the_first_batch() -> None:
    record = record_of((SOURCE, SHUFFLE, TAKE), (SOURCE, SHUFFLE, SKIP))
    assert cause(record, NAME, "reshuffled-before-take").status.value == "confirmed"


@pytest.mark.parametrize(
    "steps",
    [
        (SOURCE, replace(SHUFFLE, settings={"reshuffle_each_iteration": False})),
        (SOURCE, SHUFFLE, PipelineStep(kind="cache")),
        (SOURCE,),
    ],
    ids=["one order", "cached", "not shuffled"],
)
def test_a_split_of_one_order_is_healthy(steps: tuple[PipelineStep, ...]) -> None:
    assert diagnosis(record_of((*steps, TAKE, SHUFFLE), (*steps, SKIP)), NAME) is None


def test_parts_of_two_sources_are_healthy() -> None:
    other = (replace(SOURCE, elements=500), replace(SHUFFLE, elements=500), SKIP)
    assert diagnosis(record_of((SOURCE, SHUFFLE, TAKE), other), NAME) is None
    assert diagnosis(record_of((SOURCE, SHUFFLE, TAKE), (SOURCE, SHUFFLE, TAKE)), NAME) is None


@pytest.mark.parametrize(("shared", "fires"), [(11, True), (9, False)])
def test_rows_that_were_drawn_twice(shared: int, fires: bool) -> None:
    record = TrainingRecord(quantities={"drawn_rows": DrawnRows(train=800, validation=200, shared=shared)})
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        assert cause(record, NAME, "reshuffled-before-take").status.value == "possible"


def test_rows_that_repeat_anyway() -> None:
    rows = DrawnRows(train=800, repeated=200, validation=200, shared=60)
    assert diagnosis(TrainingRecord(quantities={"drawn_rows": rows}), NAME) is None


def test_windows() -> None:
    record = TrainingRecord(quantities={"drawn_rows": DrawnRows(train=800, validation=200, overlapping=180)})
    assert cause(record, NAME, "shuffled-windows").status.value == "confirmed"


def test_arrays_are_not_looked_at() -> None:
    assert "needs drawn_rows" in (reason(TrainingRecord(data=Data(kind="arrays")), NAME) or "")
