from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kerasdoctor import quantities
from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.examples import shares_in_time, shuffled_digits, sorted_digits
from kerasdoctor.quantities import DataTap
from kerasdoctor.record import Data, Fit, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "unshuffled-split"


def record_of(
    x: NDArray[np.generic],
    y: NDArray[np.generic],
    *,
    time: NDArray[np.int64] | None = None,
    split: float = 0.2,
    held_out: tuple[NDArray[np.generic], NDArray[np.generic]] | None = None,
) -> TrainingRecord:
    """A run that has not trained a step: only its data were measured."""
    n = len(x)
    tap = DataTap(
        inputs={"x": x},
        targets={"y": y},
        rows=np.arange(n),
        n=n,
        split_at=n if held_out else int(n * (1 - split)),
        time_index=time,
        validation_inputs={"x": held_out[0]} if held_out else {},
        validation_targets={"y": held_out[1]} if held_out else {},
    )
    measured = {name: kind.from_data(tap) for name, kind in quantities.types().items() if not kind.grows}
    return TrainingRecord(
        fit=Fit(validation_split=0.0 if held_out else split),
        data=Data(kind="arrays"),
        quantities={name: value for name, value in measured.items() if value is not None},
    )


def rows(n: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((n, 6))


def test_fires_before_the_first_epoch() -> None:
    record = record_of(rows(1000), np.repeat(np.arange(10), 100))
    assert record.history == {}
    found = diagnosis(record, NAME)
    assert found is not None
    assert "The last 20% of the rows" in found.message
    assert "labels 8, 9 are 100% of them and 0% of the rows that train" in found.message
    assert found.evidence[0].value == pytest.approx(1.0)


def test_sorted_labels_are_to_be_shuffled() -> None:
    finding = cause(sorted_digits(), NAME, "ordered-labels")
    assert finding.status is Status.CONFIRMED
    assert [prescription.name for prescription in finding.prescriptions] == ["shuffle-jointly", "stratified-split"]


def test_one_label_only_in_the_tail() -> None:
    found = diagnosis(record_of(rows(200), np.repeat([0, 1], 100)), NAME)
    assert found is not None
    assert "label 1 is 100% of them and 38% of the rows that train" in found.message


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("classes", [2, 10, 60])
def test_random_order_is_healthy(seed: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    assert diagnosis(record_of(rows(600, seed), generator.integers(0, classes, 600)), NAME) is None


def test_separated_clusters_sorted_by_label_are_no_series() -> None:
    """Neighbours in sorted clusters are close; rows with the same label at random are as close."""
    y = np.repeat(np.arange(5), 120)
    x = rows(600) + 50 * y[:, None]
    assert cause(record_of(x, y), NAME, "ordered-labels").status is Status.CONFIRMED
    assert cause(record_of(x, y), NAME, "time-order").status is Status.RULED_OUT


def test_a_date_index_forbids_the_shuffle() -> None:
    record = shares_in_time()
    assert cause(record, NAME, "time-order").status is Status.CONFIRMED
    finding = cause(record, NAME, "ordered-labels")
    assert finding.status is Status.RULED_OUT
    assert finding.prescriptions == ()
    assert [prescription.name for prescription in cause(record, NAME, "time-order").prescriptions] == ["forward-split"]


def test_labels_in_the_order_of_dates_are_not_shuffled() -> None:
    y = np.repeat(np.arange(10), 100)
    record = record_of(rows(1000), y, time=np.arange(1000))
    assert cause(record, NAME, "time-order").status is Status.CONFIRMED
    assert cause(record, NAME, "ordered-labels").status is Status.RULED_OUT


def test_dates_in_no_order_do_not_excuse() -> None:
    y = np.repeat(np.arange(10), 100)
    record = record_of(rows(1000), y, time=np.random.default_rng(0).permutation(1000))
    assert cause(record, NAME, "time-order").status is Status.RULED_OUT
    assert "does not run in one direction" in cause(record, NAME, "time-order").evidence.statement
    assert cause(record, NAME, "ordered-labels").status is Status.CONFIRMED


def windows(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.lib.stride_tricks.sliding_window_view(signal, 20)[:-1]


def test_overlapping_windows_are_not_shuffled() -> None:
    signal = np.cumsum(np.random.default_rng(0).standard_normal(1019))
    y = np.repeat(np.arange(10), 100)
    record = record_of(windows(signal)[:1000], y[:999])
    assert cause(record, NAME, "time-order").status is Status.POSSIBLE
    finding = cause(record, NAME, "ordered-labels")
    assert finding.status is Status.RULED_OUT
    assert "a shuffle would put copies of training rows into the validation part" in finding.evidence.statement


def test_a_stationary_series_is_healthy() -> None:
    generator = np.random.default_rng(1)
    signal = np.zeros(2020)
    for index in range(1, len(signal)):
        signal[index] = 0.95 * signal[index - 1] + generator.standard_normal()
    assert diagnosis(record_of(windows(signal), signal[20:]), NAME) is None


def test_recordings_in_blocks_are_healthy() -> None:
    """Subjects one after the other, each with all labels in blocks: the tail is other subjects, as it should be."""
    generator = np.random.default_rng(0)
    y = np.concatenate([np.repeat(generator.permutation(6), generator.integers(15, 40, 6)) for _ in range(30)])
    assert diagnosis(record_of(rows(len(y)), y), NAME) is None


def test_sorted_targets_of_a_regression() -> None:
    y = np.sort(np.random.default_rng(0).gamma(2, 100, 800))
    record = record_of(rows(800), y)
    found = diagnosis(record, NAME)
    assert found is not None
    assert "the target is above" in found.message
    assert cause(record, NAME, "ordered-labels").status is Status.CONFIRMED
    assert cause(record, NAME, "time-order").status is Status.RULED_OUT


def test_falling_targets_are_sorted_too() -> None:
    y = -np.sort(np.random.default_rng(0).gamma(2, 100, 800))
    assert cause(record_of(rows(800), y), NAME, "ordered-labels").status is Status.CONFIRMED


def test_random_targets_of_a_regression_are_healthy() -> None:
    assert diagnosis(record_of(rows(800), np.random.default_rng(0).gamma(2, 100, 800)), NAME) is None


def test_a_drifting_target_is_a_series() -> None:
    generator = np.random.default_rng(0)
    y = np.cumsum(generator.standard_normal(800) + 0.5)
    record = record_of(rows(800), y)
    assert cause(record, NAME, "time-order").status is Status.POSSIBLE
    assert cause(record, NAME, "ordered-labels").status is Status.RULED_OUT


@pytest.mark.parametrize(("slope", "says"), [(4.0, "rises all along"), (-4.0, "falls all along"), (0.0, None)])
def test_a_trend_that_goes_on(slope: float, says: str | None) -> None:
    """Growing sales with a season: validation asks for more than was ever trained on."""
    time = np.arange(1000)
    y = np.sin(time / 9) + slope * time / 1000 + 0.1 * np.random.default_rng(0).standard_normal(1000)
    record = record_of(rows(1000), y, time=time)
    found = diagnosis(record, NAME)
    assert (found is not None) is (says is not None)
    if found is not None:
        assert says is not None
        assert says in found.message
        # the split is right for a series
        assert found.severity is Severity.WARNING
        assert cause(record, NAME, "time-order").status is Status.CONFIRMED
        assert cause(record, NAME, "ordered-labels").status is Status.RULED_OUT


def test_a_tail_from_elsewhere() -> None:
    generator = np.random.default_rng(0)
    y = np.concatenate([generator.integers(0, 4, 900), generator.integers(0, 2, 100)])
    record = record_of(rows(1000), y, split=0.1)
    assert cause(record, NAME, "appended-rows").status is Status.POSSIBLE
    assert cause(record, NAME, "ordered-labels").status is Status.RULED_OUT


def test_validation_data_of_the_users_own_choice_are_not_judged() -> None:
    x, y = rows(500), np.zeros(500, dtype=int)
    held_out = rows(200), np.ones(200, dtype=int)
    assert diagnosis(record_of(x, y, held_out=held_out), NAME) is None


def test_a_sample_of_the_rows_tells_no_order() -> None:
    record = sorted_digits()
    del record.quantities["row_order"]
    for name in ("ordered-labels", "time-order", "appended-rows"):
        finding = cause(record, NAME, name)
        assert finding.status is Status.POSSIBLE
        assert "needs row_order" in finding.evidence.statement


def test_text_has_no_distance() -> None:
    record = sorted_digits()
    record.quantities["row_order"] = replace(record.quantities["row_order"], neighbour_distance=None)
    finding = cause(record, NAME, "time-order")
    assert finding.status is Status.POSSIBLE
    assert finding.evidence.statement.startswith("not measured")


def test_the_treated_run_is_clean() -> None:
    assert diagnosis(shuffled_digits(), NAME) is None
