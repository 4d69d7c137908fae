from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.target_scale import Moments, TargetScale
from kerasdoctor.record import Compile, Loss, MetricFacts, Model, Outcome, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "unscaled-targets"


def record_of(
    losses: list[float], *, mean: float = 150.0, deviation: float = 77.0, loss: str = "mse", status: str = "finished"
) -> TrainingRecord:
    square = deviation**2
    moments = Moments(mean, deviation, square + mean**2, mean, square, 0.8 * deviation)
    return TrainingRecord(
        compile=Compile(losses=(Loss(name=loss),)),
        history={"loss": losses},
        metric_facts={"loss": MetricFacts(direction="down")},
        quantities={"target_scale": TargetScale({"y": moments})},
        outcome=Outcome(status=status, epochs=len(losses)),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("last", "loss", "fires"),
    [(6000.0, "mse", True), (5900.0, "mse", False), (62.0, "mae", True), (61.0, "mae", False), (1e4, "huber", False)],
)
def test_worse_than_the_mean(last: float, loss: str, fires: bool) -> None:
    assert (diagnosis(record_of([9e4, 8e4, last], loss=loss), NAME) is not None) is fires


def test_patience() -> None:
    assert diagnosis(record_of([3e4, 2e4]), NAME) is None
    assert diagnosis(record_of([3e4] * 19, status="running"), NAME) is None
    assert diagnosis(record_of([3e4] * 20, status="running"), NAME) is not None


def test_targets_of_about_1_are_scaled() -> None:
    assert diagnosis(record_of([900.0] * 5, mean=5.0, deviation=9.0), NAME) is None


def test_far_and_wide_are_told_apart() -> None:
    far, wide = record_of([1e6] * 5, mean=1000.0, deviation=1.0), record_of([3e4] * 5, mean=0.0)
    assert cause(far, NAME, "far-from-zero-targets").status.value == "confirmed"
    assert cause(far, NAME, "large-targets").status.value == "ruled_out"
    assert cause(wide, NAME, "large-targets").status.value == "confirmed"
    assert cause(wide, NAME, "far-from-zero-targets").status.value == "ruled_out"


def test_trained_weights_and_several_losses_are_not_judged() -> None:
    record = record_of([3e4] * 5)
    record.model = Model(iterations=5)
    assert diagnosis(record, NAME) is None
    record = record_of([3e4] * 5)
    record.compile = replace(record.compile, losses=record.compile.losses * 2)
    assert diagnosis(record, NAME) is None


def test_one_far_target_does_not_make_them_large() -> None:
    values = np.append(np.random.default_rng(0).standard_normal(440), 400.0)
    around = values - values.mean()
    absolute, square = float(np.abs(around).mean()), float((around**2).mean())
    moments = Moments(float(values.mean()), float(values.std()), square, absolute, square, absolute)
    assert moments.deviation > 10
    record = record_of([square + 1.0] * 20, mean=moments.mean, deviation=moments.deviation)
    assert diagnosis(record, NAME) is not None
    record.quantities["target_scale"] = TargetScale({"y": moments})
    assert diagnosis(record, NAME) is None


def test_a_few_far_targets_are_outliers() -> None:
    record = record_of([3e4] * 5)
    record.quantities["far_rows"] = FarRows(400, 1, 7, 3.0, 9999.0, of_targets=True)
    assert diagnosis(record, NAME) is None
    record.quantities["far_rows"] = FarRows(400, 1, 7, 300.0, 9999.0, of_targets=True)
    assert diagnosis(record, NAME) is not None
