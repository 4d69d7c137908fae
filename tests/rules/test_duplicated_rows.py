import pytest

from kerasdoctor.quantities.row_overlap import RowOverlap
from kerasdoctor.quantities.window_overlap import WindowOverlap
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "duplicated-rows"


def record_of(overlap: RowOverlap, windows: WindowOverlap | None = None) -> TrainingRecord:
    return TrainingRecord(
        quantities={"row_overlap": overlap} | ({"window_overlap": windows} if windows is not None else {})
    )


@pytest.mark.parametrize(
    ("shared", "distinct", "fires"), [(10, 10, True), (9, 9, False), (400, 4, False), (0, 0, False)]
)
def test_rows_that_are_not_equal_by_chance(shared: int, distinct: int, fires: bool) -> None:
    record = record_of(RowOverlap(1000, shared, 4000, 0, 3, distinct, identifying=True))
    assert (diagnosis(record, NAME) is not None) is fires


@pytest.mark.parametrize(("shared", "fires"), [(100, False), (140, False), (180, True)])
def test_rows_of_few_categories_repeat_by_chance(shared: int, fires: bool) -> None:
    """5 % of the training rows repeat an earlier one: 10 % of the validation rows are expected."""
    record = record_of(RowOverlap(1000, shared, 4000, 200, 3, 60, identifying=False))
    assert (diagnosis(record, NAME) is not None) is fires


@pytest.mark.parametrize(("nearest", "fires"), [(7.0, False), (8.0, True), (float("nan"), False)])
def test_rows_that_are_far_from_all_others_are_copies(nearest: float, fires: bool) -> None:
    record = record_of(RowOverlap(480, 376, 1920, 772, 0, 376, identifying=False, nearest=nearest))
    assert (diagnosis(record, NAME) is not None) is fires


def test_oversampling_is_told_from_copies() -> None:
    over = record_of(RowOverlap(1000, 80, 4000, 400, 3, 60, True, most_repeated=0.8, least_repeated=0.0))
    assert cause(over, NAME, "oversampled-before-the-split").status.value == "confirmed"
    assert cause(over, NAME, "copies-across-the-split").status.value == "ruled_out"
    copies = record_of(RowOverlap(1000, 80, 4000, 400, 3, 60, True, most_repeated=0.2, least_repeated=0.08))
    assert cause(copies, NAME, "oversampled-before-the-split").status.value == "ruled_out"
    assert cause(copies, NAME, "copies-across-the-split").status.value == "confirmed"


@pytest.mark.parametrize(("overlapping", "fires"), [(1, False), (9, False), (20, True)])
def test_windows(overlapping: int, fires: bool) -> None:
    record = record_of(RowOverlap(100, 0, 400, 0, -1, 0, True), WindowOverlap(100, overlapping))
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        assert cause(record, NAME, "overlapping-windows").status.value == "confirmed"


def test_without_a_second_part_it_does_not_look() -> None:
    assert "needs row_overlap" in (reason(TrainingRecord(), NAME) or "")
