"""What a watched fit records, and that watching changes nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor import quantities
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.record import TrainingRecord
from tests import programs


def watched(call: Callable[[], Any]) -> kerasdoctor.Watch:
    with kerasdoctor.watch(quiet=True) as watch:
        call()
    return watch


def states(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable).copy() for variable in [*model.variables, *model.optimizer.variables]]


@pytest.fixture
def x_y() -> tuple[np.ndarray, np.ndarray]:
    x, y = programs.digits()
    return x[:200], y[:200]


class TestHarmless:
    @pytest.mark.parametrize("way", ["watch", "callback"])
    @pytest.mark.parametrize("dropout", [0.0, 0.3])
    def test_weights_are_those_of_a_plain_fit_bit_for_bit(self, x_y, way, dropout):
        def train(*, how: str) -> list[np.ndarray]:
            keras.utils.set_random_seed(3)
            model = programs.classifier(dropout=dropout)
            options = {"validation_split": 0.2, "epochs": 3, "verbose": 0}
            match how:
                case "watch":
                    watched(lambda: model.fit(*x_y, **options))
                case "callback":
                    model.fit(*x_y, callbacks=[kerasdoctor.Doctor(quiet=True)], **options)
                case _:
                    model.fit(*x_y, **options)
            return states(model)

        for plain, seen in zip(train(how="plain"), train(how=way), strict=True):
            np.testing.assert_array_equal(plain, seen)

    def test_the_history_is_kerass_own(self, x_y):
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            history = model.fit(*x_y, validation_split=0.2, epochs=3, verbose=0)
        assert watch.report.record.history == history.history

    def test_a_users_list_of_callbacks_is_not_touched(self, x_y):
        callbacks: list[keras.callbacks.Callback] = [keras.callbacks.EarlyStopping(monitor="loss")]
        watched(lambda: programs.classifier().fit(*x_y, verbose=0, callbacks=callbacks))
        assert len(callbacks) == 1

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError], ids=["ctrl-c", "exception"])
    @pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end", "on_test_begin"])
    def test_an_exception_passes_through_unchanged_and_the_report_is_made(self, x_y, error, hook):
        raised = error("the user's own words")

        def explode(*_: Any, **__: Any) -> None:
            raise raised

        callback = keras.callbacks.Callback()
        setattr(callback, hook, explode)
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch, pytest.raises(error) as caught:
            model.fit(*x_y, validation_split=0.2, epochs=3, verbose=0, callbacks=[callback])
        assert caught.value is raised
        outcome = watch.report.record.outcome
        if error is KeyboardInterrupt:
            assert outcome.status == "interrupted"
        else:
            assert (outcome.status, outcome.exception) == ("raised", "ValueError: the user's own words")

    def test_a_crash_of_ours_does_not_stop_training_and_is_told(self, x_y, monkeypatch):
        def crash(*_: Any) -> None:
            raise RuntimeError("ours")

        monkeypatch.setattr(BatchLoss, "on_steps", crash)
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            history = model.fit(*x_y, epochs=2, verbose=0)
        assert len(history.history["loss"]) == 2
        (failure,) = watch.report.record.failures
        assert (failure.where, failure.error) == ("batch_loss", "RuntimeError: ours")
        assert "ours" in str(watch.report)

    def test_nothing_is_patched_outside_the_block(self):
        before = keras.Model.fit
        with kerasdoctor.watch(quiet=True):
            assert keras.Model.fit is not before
        assert keras.Model.fit is before


class TestDoctor:
    def test_it_reads_what_the_user_passed_before_keras_split_it(self, x_y):
        doctor = kerasdoctor.Doctor(quiet=True)
        x, y = x_y
        model = programs.classifier()
        model.fit(x, y, validation_split=0.25, epochs=1, verbose=0, callbacks=[doctor])
        record = doctor.report.record
        assert (record.data.n_train, record.data.n_validation, record.fit.validation_split) == (150, 50, 0.25)
        assert record.source is not None
        assert record.source.arguments["x"] == "x"

    def test_an_exception_in_a_step_makes_the_report_and_restores_the_model(self, x_y):
        doctor = kerasdoctor.Doctor(quiet=True)

        class Broken(keras.Sequential):
            def train_step(self, data: Any) -> Any:
                raise ValueError("in the step")

        model = Broken(programs.classifier().layers)
        model.compile(loss="mse", run_eagerly=True)
        with pytest.raises(ValueError, match="in the step"):
            model.fit(*x_y, epochs=1, verbose=0, callbacks=[doctor])
        assert doctor.report.record.outcome.exception == "ValueError: in the step"
        assert "Doctor" not in model.train_function.__qualname__

    def test_it_prints_the_report(self, x_y, capsys):
        programs.classifier().fit(*x_y, epochs=1, verbose=0, callbacks=[kerasdoctor.Doctor()])
        assert "finished" in capsys.readouterr().out

    def test_the_report_before_a_fit_is_a_clear_error(self):
        with pytest.raises(kerasdoctor.UsageError, match=r"callbacks=\[doctor\]"):
            _ = kerasdoctor.Doctor().report


class TestRecord:
    def test_batch_losses_are_true_losses(self, x_y):
        """Against the loss of each batch computed one by one, with the learning rate at 0 so that nothing moves."""
        x, y = x_y
        model = programs.classifier()
        model.compile(optimizer=keras.optimizers.SGD(0.0), loss="sparse_categorical_crossentropy")
        expected = [
            float(keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y[i : i + 32], model(x[i : i + 32]))))
            for i in range(0, len(x), 32)
        ]
        record = watched(lambda: model.fit(x, y, shuffle=False, epochs=2, verbose=0)).report.record
        series = record.quantities["batch_loss"]
        np.testing.assert_allclose(series.values, expected * 2, rtol=1e-4)
        np.testing.assert_array_equal(series.steps, np.arange(1, 15))

    @pytest.mark.parametrize("kind", ["dataset", "generator", "py_dataset"])
    def test_pipelines_are_not_drawn_from_and_their_batch_losses_are_true(self, x_y, kind):
        x, y = x_y
        sizes = [32] * 6 + [8]
        drawn = 0
        edges = np.cumsum([0, *sizes])

        class Rows(keras.utils.PyDataset):
            def __len__(self) -> int:
                return len(sizes)

            def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
                nonlocal drawn
                drawn += 1
                return x[edges[index] : edges[index + 1]], y[edges[index] : edges[index + 1]]

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            nonlocal drawn
            for low, high in itertools.pairwise(edges):
                drawn += 1
                yield x[low:high], y[low:high]

        model = programs.classifier()
        model.compile(optimizer=keras.optimizers.SGD(0.0), loss="sparse_categorical_crossentropy")
        expected = [
            float(keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y[low:high], model(x[low:high]))))
            for low, high in itertools.pairwise(edges)
        ]
        sources = {
            "dataset": lambda: tf.data.Dataset.from_tensor_slices((x, y)).batch(32),
            "generator": generate,
            "py_dataset": Rows,
        }
        options = {"steps_per_epoch": 7} if kind == "generator" else {}
        data = sources[kind]()
        record = watched(lambda: model.fit(data, shuffle=False, verbose=0, **options)).report.record
        np.testing.assert_allclose(record.quantities["batch_loss"].values, expected, rtol=1e-4)
        assert record.data.kind == kind
        assert record.data.not_examined
        if kind == "generator":
            assert drawn == 7

    def test_validation_rows_of_a_pipeline_are_counted(self, x_y):
        data = tf.data.Dataset.from_tensor_slices(x_y).batch(32)
        record = watched(lambda: programs.classifier().fit(data, validation_data=data.take(3), verbose=0)).report.record
        assert record.data.n_validation == 96

    def test_the_split_is_kerass_own(self, x_y):
        x, y = x_y
        record = watched(lambda: programs.classifier().fit(x, y, validation_split=0.33, verbose=0)).report.record
        labels = record.quantities["split_labels"]
        (train, *_), (held_out, *_) = keras.src.trainers.data_adapters.array_slicing.train_validation_split(
            (y,), validation_split=0.33
        )
        train, held_out = np.asarray(train), np.asarray(held_out)
        assert [labels.train[str(label)] for label in range(10)] == [int((train == label).sum()) for label in range(10)]
        assert sum(labels.validation.values()) == len(held_out) == record.data.n_validation

    def test_positional_arguments_and_callbacks(self, x_y):
        stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=100)
        record = watched(lambda: programs.classifier().fit(*x_y, 16, 9, 0, [stop])).report.record
        assert (record.fit.batch_size, record.fit.callbacks) == (16, ("EarlyStopping",))
        assert (record.outcome.status, record.outcome.stopped_by) == ("stopped_early", "EarlyStopping")

    def test_a_loop_of_single_epochs_is_one_run(self, x_y):
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            for _ in range(3):
                model.fit(*x_y, epochs=1, validation_split=0.2, verbose=0)
        (report,) = watch.reports.values()
        assert len(report.record.history["val_loss"]) == report.record.fit.epochs == report.record.outcome.epochs == 3
        np.testing.assert_array_equal(report.record.quantities["batch_loss"].steps, np.arange(1, 16))

    def test_folds_with_a_model_each_are_a_run_each(self, x_y):
        with kerasdoctor.watch(quiet=True) as watch:
            for _ in range(2):
                programs.classifier().fit(*x_y, epochs=1, verbose=0)
        assert len(watch.reports) == 2

    def test_steps_per_execution(self, x_y):
        model = programs.classifier()
        still = keras.optimizers.SGD(0.0)
        model.compile(optimizer=still, loss="sparse_categorical_crossentropy", steps_per_execution=3)
        record = watched(lambda: model.fit(*x_y, shuffle=False, verbose=0)).report.record
        plain = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(x_y[1][:96], model(x_y[0][:96])))
        assert record.quantities["batch_loss"].values[0] == pytest.approx(float(plain), rel=1e-4)

    def test_it_survives_json(self, x_y):
        x, y = x_y
        x = x.copy()
        x[3, 5] = np.nan
        # no ReLU: where it is fused with a product, some processors make 0 of its NaN
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        record = watched(lambda: model.fit(x, y, validation_split=0.2, verbose=0)).report.record
        text = json.dumps(record.to_dict(), allow_nan=False)
        back = TrainingRecord.from_dict(json.loads(text), quantities.types())
        assert back.to_dict() == record.to_dict()
        assert np.isnan(back.history["loss"]).all()
        assert back.quantities["input_range"].inputs["x"].first_nonfinite_row == 3
        with pytest.raises(ValueError, match="version 7"):
            TrainingRecord.from_dict({**record.to_dict(), "version": 7}, quantities.types())

    def test_several_outputs(self, x_y):
        inputs = keras.Input((64,))
        outputs = {name: keras.layers.Dense(10, "softmax", name=name)(inputs) for name in ("a", "b")}
        model = keras.Model(inputs, outputs)
        model.compile(loss="sparse_categorical_crossentropy", metrics={"a": ["accuracy"], "b": ["accuracy"]})
        x, y = x_y
        record = watched(lambda: model.fit(x, {"a": y, "b": y}, validation_split=0.2, verbose=0)).report.record
        metrics = record.metrics
        assert {"loss", "a_loss", "b_loss", "a_accuracy", "b_accuracy"} <= set(metrics)
        assert metrics["a_accuracy"].proportion
        assert metrics["a_accuracy"].output == "a"
        assert metrics["a_accuracy"].direction == "up"
        assert record.compile.source["metrics"] == '{"a": ["accuracy"], "b": ["accuracy"]}'

    def test_a_large_array_is_sampled_and_says_so(self, x_y, monkeypatch):
        from kerasdoctor.instrumentation.summaries import data

        monkeypatch.setattr(data, "SCANNED_BYTES", 10_000)
        monkeypatch.setattr(data, "SAMPLED_BYTES", 10_000)
        record = watched(lambda: programs.classifier().fit(*x_y, validation_split=0.2, verbose=0)).report.record
        measured = record.quantities["input_range"]
        assert measured.scanned < measured.rows == 200
        assert "row_order" not in record.quantities
