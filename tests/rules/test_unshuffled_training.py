from dataclasses import replace

import pytest

from kerasdoctor.examples import piped_digits, shares_in_time, shuffled_digits, sorted_digits
from kerasdoctor.record import PipelineStep
from tests.rules.differential import diagnosis

NAME = "unshuffled-training"


def test_sorted_rows_that_keras_shuffles_are_mixed() -> None:
    assert diagnosis(sorted_digits(), NAME) is None


@pytest.mark.parametrize(("equal", "fires"), [(0.995, True), (0.85, True), (0.8, False), (0.1, False)])
def test_order_of_arrays(equal: float, fires: bool) -> None:
    """In batches of 32 rows, 9.7 labels are expected; at .83 the neighbours change 5.3 times."""
    record = shuffled_digits()
    record.fit = replace(record.fit, shuffle=False)
    record.quantities["row_order"] = replace(record.quantities["row_order"], equal_neighbours=equal)
    assert (diagnosis(record, NAME) is not None) is fires


def test_series_keep_their_order() -> None:
    record = shares_in_time()
    record.fit = replace(record.fit, shuffle=False)
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize(("distinct", "fires"), [(54, True), (300, False)])
def test_batches_of_a_pipeline(distinct: int, fires: bool) -> None:
    record = piped_digits(shuffled=False)
    parts = record.quantities["drawn_labels"].parts
    parts["train"] = replace(parts["train"], distinct=distinct)
    assert (diagnosis(record, NAME) is not None) is fires


def test_a_pipeline_that_shuffles_is_another_rules_matter() -> None:
    record = piped_digits(shuffled=False)
    parts = record.quantities["drawn_labels"].parts
    parts["train"] = replace(parts["train"], distinct=54)
    record.data = replace(record.data, pipeline=(*record.data.pipeline, PipelineStep(kind="shuffle")))
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize(("others", "fires"), [({"0": 100, "1": 100}, True), ({"0": 199, "1": 1}, False), ({}, False)])
def test_one_label_alone_is_judged_by_the_validation(others: dict[str, int], fires: bool) -> None:
    record = piped_digits(shuffled=False)
    parts = record.quantities["drawn_labels"].parts
    parts["train"] = replace(parts["train"], distinct=45, counts={"0": 1437})
    parts["validation"] = replace(parts["validation"], counts=others)
    assert (diagnosis(record, NAME) is not None) is fires
