from dataclasses import replace

import pytest

from kerasdoctor.examples import piped_digits
from kerasdoctor.record import PipelineStep, TrainingRecord
from kerasdoctor.remedies.steps_of_one_pass import batches_of_one_pass
from tests.rules.differential import cause, diagnosis

NAME = "endless-data"
ROWS = PipelineStep(kind="from_tensor_slices", elements=1437)
REPEAT = PipelineStep(kind="repeat", settings={"count": -1}, elements=-1)
BATCH = PipelineStep(kind="batch", settings={"batch_size": 32}, elements=-1)


def record_of(part: str, steps: int | None) -> TrainingRecord:
    record = piped_digits()
    name = "pipeline" if part == "training" else "validation_pipeline"
    record.data = replace(record.data, **{name: (*getattr(record.data, name), REPEAT)})
    record.fit = replace(record.fit, steps_per_epoch=steps, validation_steps=steps)
    return record


@pytest.mark.parametrize(
    ("part", "written"), [("training", "steps_per_epoch=45"), ("validation", "validation_steps=12")]
)
def test_a_pipeline_without_end(part: str, written: str) -> None:
    assert diagnosis(record_of(part, 5), NAME) is None
    finding = cause(record_of(part, None), NAME, f"endless-{part}")
    assert finding.status.value == "confirmed"
    assert written in finding.prescriptions[0].source


def test_a_generator_is_not_judged() -> None:
    record = piped_digits()
    record.data = replace(record.data, validation_kind="generator", validation_pipeline=())
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize(
    ("pipeline", "batches"),
    [
        ((ROWS, replace(BATCH, elements=45), REPEAT), 45),
        ((ROWS, REPEAT, BATCH, PipelineStep(kind="prefetch", elements=-1)), 45),
        ((ROWS, REPEAT, PipelineStep(kind="window", elements=-1), BATCH), None),
        ((PipelineStep(kind="from_generator", elements=None), REPEAT), None),
        ((PipelineStep(kind="random", elements=-1), BATCH), None),
        ((ROWS,), None),
    ],
)
def test_batches_of_one_pass(pipeline: tuple[PipelineStep, ...], batches: int | None) -> None:
    assert batches_of_one_pass(pipeline) == batches
