"""Loops of the user's own: what can be seen of them is recorded, the rest is said, and nothing of them changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor.errors import UsageError
from kerasdoctor.instrumentation.taps import TappedStep
from kerasdoctor.renderers import html, text
from tests.instrumentation import matrix
from tests.instrumentation.test_steps import slowly

BATCH = matrix.BATCH
STEPS = 7


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    x, y = matrix.rows()
    return [(x[begin : begin + BATCH], y[begin : begin + BATCH]) for begin in range(0, len(x), BATCH)]


def by_batch(model: keras.Model, **options: Any) -> list[Any]:
    return [model.train_on_batch(x, y, **options) for x, y in batches()]


def by_tape(model: keras.Model) -> None:
    """The guide of Keras."""
    loss_of, optimizer = keras.losses.SparseCategoricalCrossentropy(), model.optimizer
    for x, y in batches():
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))


def traced(model: keras.Model) -> Callable[[Any, Any], Any]:
    loss_of = keras.losses.SparseCategoricalCrossentropy()

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        model.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return step


def by_function(model: keras.Model) -> None:
    step = traced(model)
    for x, y in batches():
        step(tf.constant(x), tf.constant(y))


def state(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in [*model.variables, *model.optimizer.variables]]


class OwnStep(matrix.OwnStep):
    """With the weights that `train_on_batch` always passes."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data[:2])


LOOPS = {"train_on_batch": by_batch, "eager tape": by_tape, "traced tape": by_function}
MODELS = {
    "dense": matrix.dense,
    "unbuilt": matrix.unbuilt,
    "random operation": matrix.random_operation,
    "own train step": lambda: matrix.compiled(OwnStep(), metrics=None),
    "eager": lambda: matrix.dense(run_eagerly=True),
    "momentum": lambda: matrix.dense(optimizer=keras.optimizers.SGD(0.1, momentum=0.9)),
    "accumulation": lambda: matrix.dense(optimizer=keras.optimizers.Adam(gradient_accumulation_steps=3)),
    "mixed": matrix.mixed,
    "steps_per_execution": lambda: matrix.dense(steps_per_execution=3),
}


def patched() -> list[Any]:
    owners = [*keras.Model.__mro__, *keras.optimizers.LossScaleOptimizer.__mro__, tf.GradientTape]
    names = ("fit", "train_on_batch", "apply", "gradient")
    return [owner.__dict__[name] for owner in owners for name in names if name in owner.__dict__]


#: What `compile` says of the step is nothing to a tape.
BY_TAPE = ("dense", "unbuilt", "random operation", "momentum", "accumulation", "mixed")


@pytest.mark.parametrize("level", ["default", "full"])
@pytest.mark.parametrize(
    ("name", "loop"),
    [(name, loop) for loop in LOOPS for name in MODELS if loop == "train_on_batch" or name in BY_TAPE],
)
def test_weights_are_those_of_the_plain_loop(name, loop, level):
    def trained() -> keras.Model:
        keras.utils.set_random_seed(7)
        model = MODELS[name]()
        LOOPS[loop](model)
        LOOPS[loop](model)
        return model

    before = patched()
    plain = trained()
    with kerasdoctor.watch(quiet=True, level=level) as watch:
        model = trained()
    for one, other in zip(state(plain), state(model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert patched() == before
    assert set(vars(plain)) == set(vars(model))
    assert set(vars(plain.optimizer)) == set(vars(model.optimizer))
    assert not any(report.record.failures for report in watch.reports.values())
    assert sum(report.record.outcome.steps for report in watch.reports.values()) == (
        # Keras counts a window of accumulated gradients once
        4 if (name, loop) == ("accumulation", "traced tape") else 2 * STEPS
    )


class TestBatches:
    @pytest.mark.parametrize("as_dict", [False, True])
    def test_the_call_returns_what_it_returned(self, as_dict):
        keras.utils.set_random_seed(1)
        plain = by_batch(matrix.dense(), return_dict=as_dict)
        keras.utils.set_random_seed(1)
        with kerasdoctor.watch(quiet=True):
            assert by_batch(matrix.dense(), return_dict=as_dict) == plain

    @pytest.mark.parametrize("level", ["light", "default"])
    def test_every_step_against_a_slow_loop(self, level):
        build = lambda: matrix.compiled(matrix.penalized(), optimizer=matrix.schedule())  # noqa: E731
        keras.utils.set_random_seed(3)
        slow = slowly(build(), *matrix.rows())
        keras.utils.set_random_seed(3)
        with kerasdoctor.watch(quiet=True, level=level) as watch:
            by_batch(build())
        quantities = watch.report.record.quantities
        np.testing.assert_allclose(quantities["batch_loss"].values, [step["loss"] for step in slow], rtol=1e-4)
        if level == "light":
            assert "gradient_norm" not in quantities
            return
        for name in ("gradient_norm", "update_norm", "weight_norm"):
            np.testing.assert_allclose(quantities[name].mean, [step[name] for step in slow], rtol=2e-3, atol=1e-5)
        np.testing.assert_allclose(quantities["learning_rate"].values, [step["rate"] for step in slow], rtol=1e-6)

    def test_the_report_says_what_a_loop_does_not_have(self):
        with kerasdoctor.watch(quiet=True) as watch:
            by_batch(matrix.dense())
        report = watch.report
        record = report.record
        assert (record.fit.loop, record.fit.batch_size, record.outcome.status) == ("train_on_batch", BATCH, "finished")
        assert record.model.kind == "Sequential"
        assert record.compile.optimizer == "Adam"
        assert record.source is not None
        assert record.source.call == "model.train_on_batch(x, y, **options)"
        assert "no epochs and no validation that can be seen" in report.verdict.sentence
        for rendered in (text.render(report), html.render(report)):
            assert "updates: 7" in rendered
            assert "a loop of your own draws it, batch by batch" in rendered
            assert "epochs: " not in rendered

    def test_a_step_that_is_compiled(self):
        def trained() -> keras.Model:
            keras.utils.set_random_seed(7)
            model = matrix.dense(jit_compile=True)
            by_batch(model)
            return model

        plain = trained()
        with kerasdoctor.watch(quiet=True, level="full") as watch:
            model = trained()
        for one, other in zip(state(plain), state(model), strict=True):
            np.testing.assert_array_equal(one, other)
        assert watch.report.record.instrument.lowered.startswith("to the default level: jit_compile=True")
        assert len(watch.report.record.quantities["gradient_norm"]) == STEPS

    def test_each_model_and_place_has_a_run_of_its_own(self):
        one, other = matrix.dense(), matrix.functional_shared()
        with kerasdoctor.watch(quiet=True) as watch:
            for x, y in batches():
                one.train_on_batch(x, y)
                one.train_on_batch(-x, y)
                other.train_on_batch(x, y)
        assert [report.record.outcome.steps for report in watch.reports.values()] == [STEPS] * 3
        assert watch.watched == 3

    def test_a_new_compile_trains_with_the_new_optimizer(self):
        model = matrix.dense()
        with kerasdoctor.watch(quiet=True) as watch:
            for index, (x, y) in enumerate(batches()):
                if index == 4:
                    matrix.compiled(model, optimizer=keras.optimizers.SGD(0.5))
                model.train_on_batch(x, y)
        assert int(model.optimizer.iterations) == 3
        rates = watch.report.record.quantities["learning_rate"]
        assert dict(zip(rates.steps.tolist(), rates.values.tolist(), strict=True)) == {
            1: pytest.approx(1e-3),
            5: pytest.approx(0.5),
        }

    def test_a_nan_is_diagnosed(self):
        # no ReLU: where it is fused with a product, some processors make 0 of its NaN
        model = matrix.functional_shared()
        with kerasdoctor.watch(quiet=True) as watch:
            for index, (x, y) in enumerate(batches()):
                model.train_on_batch(x * (np.nan if index == 3 else 1), y)
        (diagnosis,) = (found for found in watch.report.diagnoses if found.name == "nan-loss")
        assert diagnosis.evidence[0].when.step == 4
        assert "not kept" in watch.report.record.quantities["first_nonfinite"].remark

    def test_evaluations_in_between_are_left_alone(self):
        model = matrix.dense()
        x, y = batches()[0]
        with kerasdoctor.watch(quiet=True) as watch:
            model.train_on_batch(x, y)
            model.test_on_batch(x, y)
            model.evaluate(x, y, verbose=0)
            model.train_on_batch(x, y)
        assert [report.record.outcome.steps for report in watch.reports.values()] == [1, 1]

    def test_a_fit_that_trains_on_batches_in_a_callback_is_one_run(self):
        class Trains(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                by_batch(self.model)

        with kerasdoctor.watch(quiet=True) as watch:
            matrix.dense().fit(*matrix.rows(), epochs=2, verbose=0, callbacks=[Trains()])
        assert [report.record.fit.loop for report in watch.reports.values()] == [""]

    def test_an_exception_ends_the_loop_and_leaves_kerass_own_function(self):
        model, before = matrix.dense(), patched()
        watching: Any = None

        def loop() -> None:
            nonlocal watching
            with kerasdoctor.watch(quiet=True) as watching:
                by_batch(model)
                raise ValueError("the user's own")

        with pytest.raises(ValueError, match="the user's own"):
            loop()
        assert watching.report.record.outcome.exception == "ValueError: the user's own"
        assert patched() == before
        assert type(model.train_function).__name__ == "function"

    def test_an_exception_of_the_step_is_kerass_own(self):
        model = matrix.dense()
        x, y = batches()[0]
        with kerasdoctor.watch(quiet=True) as watch:
            model.train_on_batch(x, y)
            with pytest.raises(tf.errors.InvalidArgumentError, match="incompatible"):
                model.train_on_batch(x[:, :3], y)
            with pytest.raises(TypeError, match="unexpected keyword argument"):
                model.train_on_batch(x, y, epochs=3)
        assert watch.report.record.outcome.steps == 1
        assert type(model.train_function).__name__ == "function"

    def test_a_crash_of_ours_does_not_stop_the_loop(self, monkeypatch):
        def crash(*_: Any) -> None:
            raise RuntimeError("ours")

        monkeypatch.setattr(TappedStep, "_vector", crash)
        model = matrix.dense()
        with kerasdoctor.watch(quiet=True) as watch:
            by_batch(model)
        record = watch.report.record
        assert record.outcome.steps == STEPS
        assert record.instrument.untapped == "tapping the train step failed: RuntimeError: ours"
        assert len(record.quantities["batch_loss"]) == STEPS


class TestTapes:
    def test_every_step_against_a_slow_loop(self):
        keras.utils.set_random_seed(3)
        slow = slowly(matrix.functional_shared(), *matrix.rows())
        keras.utils.set_random_seed(3)
        model = matrix.functional_shared()
        with kerasdoctor.watch(quiet=True) as watch:
            by_tape(model)
        record = watch.report.record
        quantities = record.quantities
        assert quantities["gradient_norm"].columns == tuple(variable.path for variable in model.trainable_variables)
        for name in ("gradient_norm", "update_norm", "weight_norm"):
            np.testing.assert_allclose(quantities[name].mean, [step[name] for step in slow], rtol=2e-3, atol=1e-5)
        np.testing.assert_allclose(quantities["batch_loss"].values, [step["loss"] for step in slow], rtol=1e-4)
        assert quantities["learning_rate"].values.tolist() == [pytest.approx(1e-3)]
        assert (record.fit.loop, record.model.name, record.compile.optimizer) == ("GradientTape", model.name, "Adam")
        assert "updates: 7" in text.render(watch.report)

    def test_a_function_traced_while_watched_has_its_updates_counted_and_says_what_is_missing(self):
        model = matrix.dense()
        with kerasdoctor.watch(quiet=True) as watch:
            by_function(model)
        record = watch.report.record
        assert record.outcome.steps == STEPS
        assert "gradient_norm" not in record.quantities
        assert "a train_step of your own shows the rest" in record.instrument.untapped
        for rendered in (text.render(watch.report), html.render(watch.report)):
            assert "tf.function" in rendered

    def test_a_function_traced_before_is_told_in_one_line(self, capsys):
        model = matrix.dense()
        step = traced(model)
        x, y = (tf.constant(part) for part in batches()[0])
        step(x, y)
        with kerasdoctor.watch() as watch:
            step(x, y)
            step(x, y)
        assert not watch.reports
        assert "Adam counted 2 updates of which nothing can be seen" in capsys.readouterr().err
        with pytest.raises(UsageError, match="traced before the watch began"):
            _ = watch.report

    def test_a_fit_is_no_such_loop(self, capsys):
        model = matrix.dense()
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*matrix.rows(), verbose=0)
            model.train_on_batch(*batches()[0])
        assert [report.record.fit.loop for report in watch.reports.values()] == ["", "train_on_batch"]
        assert watch.unseen == ""

    def test_the_first_nan_of_a_fit_is_replayed_without_becoming_a_loop(self):
        x, y = matrix.rows()
        x[5] = np.nan
        with kerasdoctor.watch(quiet=True) as watch:
            matrix.functional_shared().fit(x, y, verbose=0)
        assert len(watch.reports) == 1

    def test_two_optimizers_are_two_runs(self):
        one, other = matrix.dense(), matrix.functional_shared()
        with kerasdoctor.watch(quiet=True) as watch:
            by_tape(one)
            by_tape(other)
        assert [report.record.model.name for report in watch.reports.values()] == [one.name, other.name]

    def test_variables_that_change_from_step_to_step(self):
        keras.utils.set_random_seed(2)
        model = matrix.functional_shared()
        with kerasdoctor.watch(quiet=True) as watch:
            for x, y in batches():
                for layer in model.layers:
                    if not layer.trainable_variables:
                        continue
                    with tf.GradientTape() as tape:
                        loss = model.compute_loss(y=y, y_pred=model(x))
                    if not model.optimizer.built:
                        model.optimizer.build(model.trainable_variables)
                    weights = layer.trainable_variables
                    model.optimizer.apply(tape.gradient(loss, weights), weights)
        record = watch.report.record
        assert not record.failures
        assert record.outcome.steps == 2 * STEPS
        assert record.quantities["batch_loss"].steps.tolist() == list(range(1, 2 * STEPS + 1))

    def test_after_the_watch_nothing_is_seen(self):
        model = matrix.dense()
        with kerasdoctor.watch(quiet=True) as watch:
            by_tape(model)
        by_tape(model)
        by_batch(model)
        assert watch.report.record.outcome.steps == STEPS
