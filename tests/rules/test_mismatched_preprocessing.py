from dataclasses import replace

import pytest

from kerasdoctor.examples import shares_in_time
from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.part_scale import Difference, PartScale
from kerasdoctor.record import Data, TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "mismatched-preprocessing"
ALIKE = Difference("float32", "float32", 0.0, 1.0, 0.0, 1.0, 10, 1.0, 0.0, 0)


def record_of(difference: Difference) -> TrainingRecord:
    return TrainingRecord(quantities={"part_scale": PartScale({"x": difference})})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"spread_ratio": 8.1}, "different-range"),
        ({"spread_ratio": 1 / 8.1}, "different-range"),
        ({"shift": 2.1}, "shifted-mean"),
        ({"shift": 0.9, "images": True}, "shifted-mean"),
        ({"moved": 2, "shift": 5.0, "spread_ratio": 9.0}, "different-columns"),
        ({"spread_ratio": 255.0, "validation_dtype": "uint8"}, "different-dtype"),
    ],
)
def test_what_differs(changes: dict[str, float], name: str) -> None:
    assert cause(record_of(replace(ALIKE, **changes)), NAME, name).status.value == "confirmed"


def test_moved_columns_are_a_lower_bound() -> None:
    record = record_of(replace(ALIKE, moved=5, features=30))
    found = diagnosis(record, NAME)
    assert found is not None
    assert "at least 5 of the 30 features of x have changed places" in found.message
    assert "at least 5 of 30 features" in cause(record, NAME, "different-columns").evidence.statement


@pytest.mark.parametrize(
    "changes",
    [{"spread_ratio": 7.9}, {"shift": 1.9}, {"moved": 1}, {"shift": 0.7, "images": True}, {"train_dtype": "int64"}],
)
def test_just_below(changes: dict[str, float]) -> None:
    assert diagnosis(record_of(replace(ALIKE, **changes)), NAME) is None


@pytest.mark.parametrize(
    ("changes", "validation", "fires"),
    [
        ({"shift": 1.3}, 400, True),
        ({"shift": 1.1}, 400, False),
        # the tail of a trend
        ({"shift": 1.3, "spread_ratio": 0.8}, 400, False),
        ({"shift": 1.3}, 500, False),
        # rows that move by themselves
        ({"shift": 1.3, "drift": 0.4}, 400, False),
    ],
)
def test_a_part_that_lies_elsewhere_and_spreads_alike(changes: dict[str, float], validation: int, fires: bool) -> None:
    record = record_of(replace(ALIKE, **{"drift": 0.0, **changes}))
    record.data = Data(n_train=1600, n_validation=validation)
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        assert cause(record, NAME, "shifted-mean").status.value == "confirmed"


MOVED = {
    "drift": 0.0,
    "train_minimum": -1.0,
    "train_maximum": 1.0,
    "validation_minimum": 0.0,
    "validation_maximum": 2.0,
}


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"shift": 1.0}, True),
        ({"shift": 0.4}, False),
        # growth
        ({"shift": 1.0, "drift": 0.4}, False),
        ({"shift": 1.0, "spread_ratio": 1.2}, False),
        # the range is another, too
        ({"shift": 1.0, "validation_maximum": 2.1}, False),
        ({"shift": 1.0, "validation_minimum": -0.9, "validation_maximum": 1.1}, False),
    ],
)
def test_a_range_that_lies_elsewhere(changes: dict[str, float], fires: bool) -> None:
    record = record_of(replace(ALIKE, **{**MOVED, **changes}))
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        finding = cause(record, NAME, "shifted-mean")
        assert finding.status.value == "confirmed"
        assert finding.evidence.threshold == 0.5


def test_the_future_of_a_series_may_lie_elsewhere() -> None:
    record = shares_in_time()
    record.quantities["part_scale"] = PartScale({"x": replace(ALIKE, shift=3.0)})
    assert diagnosis(record, NAME) is None
    record.quantities["part_scale"] = PartScale({"x": replace(ALIKE, spread_ratio=100.0)})
    assert diagnosis(record, NAME) is not None


def drawn(rows: int, scale: float) -> TrainingRecord:
    train = DrawnValues("float32", 2, 0.0, 1.0, 900, 0.5, 75.0, 300)
    validation = DrawnValues("float32", 2, 0.0, scale, 3 * rows, 0.5 * scale, scale**2 * rows / 4, rows)
    return TrainingRecord(quantities={"drawn_range": DrawnRange({"x": train}, {"x": validation})})


def test_batches_of_pipelines() -> None:
    assert diagnosis(drawn(100, 255.0), NAME) is not None
    assert diagnosis(drawn(100, 1.0), NAME) is None
    assert diagnosis(drawn(99, 255.0), NAME) is None
    assert cause(drawn(100, 255.0), NAME, "different-columns").status.value == "possible"


def test_without_a_second_part_it_does_not_look() -> None:
    assert "needs part_scale" in (reason(TrainingRecord(), NAME) or "")
