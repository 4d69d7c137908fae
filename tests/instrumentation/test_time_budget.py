"""Recording that takes too long is lowered, says so, and changes nothing of the training."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import pytest

import kerasdoctor
from kerasdoctor.instrumentation import time_budget
from kerasdoctor.instrumentation.time_budget import TimeBudget
from kerasdoctor.quantities import StepTap
from kerasdoctor.quantities.gradient_cosine import GradientCosine
from kerasdoctor.quantities.gradient_norm import GradientNorm
from kerasdoctor.renderers import html, text
from tests import programs
from tests.instrumentation import matrix

WINDOW = time_budget.WINDOW


def spent(*shares: float, level: Any = "default") -> list[float | None]:
    """What a budget says after windows in which recording took such shares."""
    budget = TimeBudget()
    budget.begin(100.0)
    said = []
    for window, share in enumerate(shares, start=1):
        budget.spend(share * WINDOW)
        said.append(budget.excess(100.0 + window * WINDOW, level))
    return said


def test_only_what_is_too_much_for_two_windows_counts():
    assert spent(0.5, 0.5, 0.5) == [None, None, pytest.approx(0.5)]
    # one pause of the machine, and a first step that is traced
    assert spent(0.9, 0.0, 0.9, 0.01, 0.9) == [None] * 5
    assert spent(*[0.07] * 9) == [None] * 9
    assert spent(*[0.09] * 3, level="full") == [None] * 3
    assert spent(*[0.9] * 9, level="light") == [None] * 9


def test_a_window_that_is_not_full_says_nothing():
    budget = TimeBudget()
    budget.begin(0.0)
    budget.spend(1.0)
    assert all(budget.excess(WINDOW * part / 10, "full") is None for part in range(10))


def slow(monkeypatch: pytest.MonkeyPatch, kind: type, column: str) -> None:
    """A quantity that takes its time over what a level records, and windows of a few stretches."""
    monkeypatch.setattr(time_budget, "WINDOW", 0.02)
    monkeypatch.setattr("kerasdoctor.instrumentation.steps.STRETCH", 2)
    original = kind.on_steps

    def on_steps(self: Any, steps: StepTap) -> None:
        if getattr(steps, column) is not None:
            time.sleep(0.02)
        original(self, steps)

    monkeypatch.setattr(kind, "on_steps", on_steps)


def state(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in [*model.variables, *model.optimizer.variables]]


def trained(build: Any, **options: Any) -> keras.Model:
    keras.utils.set_random_seed(7)
    model = build()
    model.fit(*matrix.rows(), epochs=5, batch_size=matrix.BATCH, validation_split=0.2, verbose=0, **options)
    return model


@pytest.mark.parametrize("build", [matrix.dense, matrix.random_operation, matrix.always_random])
@pytest.mark.parametrize("way", ["watch", "doctor"])
def test_what_takes_too_long_is_read_no_longer_and_the_training_stays_the_same(build, way, monkeypatch):
    slow(monkeypatch, GradientNorm, "gradient_norm")
    plain = trained(build)
    if way == "watch":
        with kerasdoctor.watch(quiet=True) as watch:
            model = trained(build)
        report = watch.report
    else:
        doctor = kerasdoctor.Doctor(quiet=True)
        model = trained(build, callbacks=[doctor])
        report = doctor.report
    for one, other in zip(state(plain), state(model), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_equal(model.history.history, plain.history.history)
    record = report.record
    assert not record.failures
    assert record.instrument.untapped == ""
    lowered = record.instrument.lowered
    assert lowered.startswith("to the light level from step ")
    assert lowered.endswith("% of the time, more than 8%")
    step = int(lowered.split()[6])
    norms, losses = record.quantities["gradient_norm"], record.quantities["batch_loss"]
    assert norms.last[-1] == step - 1
    assert losses.steps.tolist() == list(range(1, 31))
    assert "lowered" in text.render(report)
    assert "to the light level" in html.render(report)
    assert type(model.train_function).__name__ == type(model.test_function).__name__ == "function"


def test_the_losses_of_single_batches_go_on(monkeypatch):
    with kerasdoctor.watch(quiet=True) as watch:
        trained(matrix.dense)
    slow(monkeypatch, GradientNorm, "gradient_norm")
    with kerasdoctor.watch(quiet=True) as lowered:
        trained(matrix.dense)
    assert lowered.report.record.instrument.lowered
    one, other = (w.report.record.quantities["batch_loss"].values for w in (watch, lowered))
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_the_full_level_is_lowered_to_the_default_one_first(monkeypatch):
    slow(monkeypatch, GradientCosine, "gradient_cosine")
    monkeypatch.setitem(time_budget.SHARES, "default", 1.0)
    plain = trained(matrix.dense)
    with kerasdoctor.watch(quiet=True, level="full") as watch:
        model = trained(matrix.dense)
    for one, other in zip(state(plain), state(model), strict=True):
        np.testing.assert_array_equal(one, other)
    record = watch.report.record
    assert record.instrument.lowered.startswith("to the default level from step ")
    assert record.quantities["gradient_cosine"].last[-1] < 30
    assert record.quantities["gradient_norm"].last[-1] == 30


def test_fits_that_go_on_with_a_lowered_one_stay_lowered(monkeypatch):
    slow(monkeypatch, GradientNorm, "gradient_norm")

    def loop(build: Any) -> keras.Model:
        keras.utils.set_random_seed(7)
        model = build()
        for epochs in (5, 1):
            model.fit(*matrix.rows(), epochs=epochs, batch_size=matrix.BATCH, verbose=0)
        return model

    plain = loop(matrix.random_operation)
    with kerasdoctor.watch(quiet=True) as watch:
        model = loop(matrix.random_operation)
    for one, other in zip(state(plain), state(model), strict=True):
        np.testing.assert_array_equal(one, other)
    (report,) = watch.reports.values()
    assert report.record.instrument.lowered.count("light") == 1
    assert report.record.quantities["gradient_norm"].last[-1] < 35
    assert report.record.quantities["batch_loss"].steps[-1] == 42


@pytest.mark.parametrize("level", ["default", "full"])
def test_an_ordinary_run_is_never_lowered(level, monkeypatch):
    # windows that a run of a second is made of
    monkeypatch.setattr(time_budget, "WINDOW", 0.3)
    x, y = programs.digits()
    with kerasdoctor.watch(quiet=True, level=level) as watch:
        programs.classifier().fit(x, y, epochs=20, verbose=0, validation_split=0.2)
    assert watch.report.record.instrument.lowered == ""
