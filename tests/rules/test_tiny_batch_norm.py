from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.record import Data, PipelineStep
from kerasdoctor.rules.tiny_batch_norm import batches_of_32, pairs
from tests.rules.differential import cause, diagnosis, reason

NAME = "tiny-batch-norm"


@pytest.mark.parametrize(
    ("size", "shape", "fires"),
    [(1, (64,), True), (4, (64,), True), (5, (64,), False), (2, (8, 8, 16), True), (3, (8, 8, 16), False)],
)
def test_rows_of_a_batch(size: int, shape: tuple[int, ...], fires: bool) -> None:
    record = batches_of_32()
    first, layer, *others = record.model.layers
    record.model = replace(record.model, layers=(first, replace(layer, output_shape=shape), *others))
    record.fit = replace(record.fit, batch_size=size)
    assert (diagnosis(record, NAME) is not None) is fires


def test_the_number_that_shows_it() -> None:
    found = cause(pairs(), NAME, "batches-of-few-rows")
    assert found.status is Status.CONFIRMED
    assert "the variance of 2 rows is uncertain by 141%" in found.evidence.statement
    assert "3.6 times the one that the layer holds" in found.evidence.statement
    assert "batch_size=32" in found.prescriptions[0].source
    assert cause(pairs(), NAME, "single-rows").status is Status.RULED_OUT


def test_single_rows() -> None:
    record = pairs()
    record.fit = replace(record.fit, batch_size=1)
    assert cause(record, NAME, "single-rows").status is Status.CONFIRMED


def test_frozen_or_none() -> None:
    record = pairs()
    first, layer, *others = record.model.layers
    record.model = replace(record.model, layers=(first, replace(layer, trainable=False), *others))
    assert diagnosis(record, NAME) is None


def test_a_pipeline_tells_its_batch() -> None:
    record = pairs()
    record.fit = replace(record.fit, batch_size=None)
    assert reason(record, NAME) == "needs the number of rows in a batch, not recorded"
    record.data = Data(kind="dataset", pipeline=(PipelineStep(kind="batch", settings={"batch_size": 2}),))
    assert diagnosis(record, NAME) is not None
    record.data = Data(kind="dataset", pipeline=(PipelineStep(kind="batch", settings={"batch_size": 64}),))
    assert diagnosis(record, NAME) is None
