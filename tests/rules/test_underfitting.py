from array import array
from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.quantities.gradient_norm import GradientNorm
from kerasdoctor.quantities.neighbour_labels import NeighbourLabels
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.record import Loss, TrainingRecord
from kerasdoctor.rules.underfitting import two_units
from tests.rules.differential import cause, diagnosis, reason

NAME = "underfitting"


def wide() -> TrainingRecord:
    """The same curves with 64 units: nothing that holds it back is to be seen."""
    record = two_units()
    first, last = record.model.layers
    record.model = replace(record.model, layers=(replace(first, output_shape=(64,)), last))
    return record


def with_updates(record: TrainingRecord, ratio: float) -> TrainingRecord:
    table = UpdateRatio()
    table.extend(("sequential/dense/kernel",), np.arange(1, 1001), np.full((1000, 1), ratio))
    record.quantities["update_ratio"] = table
    return record


def test_names_what_is_left() -> None:
    found = diagnosis(two_units(), NAME)
    assert found is not None
    assert "after 25 epochs the training loss is 1.72, 75% of the 2.3" in found.message
    finding = cause(two_units(), NAME, "too-small-network")
    assert "dense has 2 units for 10 classes; 4 yes-or-no answers tell so many apart" in finding.evidence.statement


@pytest.mark.parametrize(("units", "fires"), [(4, True), (5, False)])
def test_how_narrow(units: int, fires: bool) -> None:
    record = two_units()
    first, last = record.model.layers
    record.model = replace(record.model, layers=(replace(first, output_shape=(units,)), last))
    assert (diagnosis(record, NAME) is not None) is fires


def test_a_high_loss_alone_is_no_fault() -> None:
    assert diagnosis(wide(), NAME) is None


@pytest.mark.parametrize(("ratio", "fires"), [(1e-3, False), (1e-4, False), (1e-5, True)])
def test_weights_that_hardly_move(ratio: float, fires: bool) -> None:
    record = with_updates(wide(), ratio)
    assert (diagnosis(record, NAME) is not None) is fires
    if fires:
        found = cause(record, NAME, "learning-rate")
        assert found.status is Status.CONFIRMED
        # a thousand steps
        assert found.evidence.value == pytest.approx(0.01, rel=1e-3)


def test_weights_without_a_gradient_need_no_larger_rate() -> None:
    record = with_updates(wide(), 0.0)
    assert cause(record, NAME, "learning-rate").status is Status.CONFIRMED
    gradients = GradientNorm()
    gradients.extend(("sequential/dense/kernel", "sequential/dense/bias"), np.arange(1, 3), np.array([[0, 1], [0, 1]]))
    record.quantities["gradient_norm"] = gradients
    assert diagnosis(record, NAME) is None
    record = with_updates(two_units(), 0.0)
    record.quantities["gradient_norm"] = gradients
    assert cause(record, NAME, "learning-rate").status is Status.RULED_OUT


def planes(
    equal: float, *, rows: int = 1000, flat: bool = True, linear: bool = True, ratio: float = 0.01
) -> TrainingRecord:
    """Digits that a network without a hidden layer tells apart in four of ten cases, and near rows in `equal`."""
    record = with_updates(wide(), ratio)
    if flat:
        for key, values in record.history.items():
            record.history[key] = [*values[:5], *[values[-1]] * 20]
    if linear:
        record.model = replace(record.model, layers=record.model.layers[-1:])
    record.quantities["neighbour_labels"] = NeighbourLabels(rows=rows, equal=equal, expected=0.1)
    return record


def test_planes_that_separate_less_than_near_rows_tell() -> None:
    found = cause(planes(0.9), NAME, "too-small-network")
    assert found.status is Status.CONFIRMED
    assert "42% of the rows are right, while the nearest other row has the same label for 90%" in (
        found.evidence.statement
    )


@pytest.mark.parametrize(
    "record",
    [
        planes(0.5),
        # the difference is chance
        planes(0.65, rows=60),
        planes(0.9, flat=False),
        planes(0.9, linear=False),
        planes(0.9, ratio=5e-4),
    ],
    ids=["as good", "few rows", "still falling", "a hidden layer", "short steps"],
)
def test_planes_alone_are_no_fault(record: TrainingRecord) -> None:
    assert diagnosis(record, NAME) is None


def test_penalties_that_are_half_of_the_loss() -> None:
    record = wide()
    record.quantities["weight_penalty"] = WeightPenalty(array("q", [1]), array("d", [2.0]))
    for key in ("loss", "val_loss"):
        record.history[key] = [value + 2.0 for value in record.history[key]]
    assert cause(record, NAME, "strong-regularization").status is Status.CONFIRMED
    record.quantities["weight_penalty"] = WeightPenalty(array("q", [1]), array("d", [0.1]))
    assert diagnosis(record, NAME) is None


def test_a_gap_is_another_thing() -> None:
    record = two_units()
    record.history["val_loss"] = [1.5 * value for value in record.history["loss"]]
    assert diagnosis(record, NAME) is None


def test_a_weighted_loss_has_no_scale() -> None:
    record = two_units()
    record.fit = replace(record.fit, class_weight=True)
    assert diagnosis(record, NAME) is None


def test_not_while_it_runs() -> None:
    record = two_units()
    record.outcome = replace(record.outcome, status="running")
    assert diagnosis(record, NAME) is None
    short = two_units()
    short.history = {key: values[:9] for key, values in short.history.items()}
    assert diagnosis(short, NAME) is None


def test_needs_a_scale() -> None:
    record = two_units()
    record.compile = replace(record.compile, losses=(Loss(name="mean_squared_error"),))
    assert reason(record, NAME) == "needs a cross-entropy over classes, not recorded"
    del record.quantities["split_labels"]
    assert reason(record, NAME) == "needs split_labels, not recorded"
