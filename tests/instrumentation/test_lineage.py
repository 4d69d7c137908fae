"""What a watched fit knows of the one before it, of the same model."""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import numpy as np
import pytest

import kerasdoctor
from kerasdoctor.record import TrainingRecord
from tests import programs

OPTIONS: dict[str, Any] = {"epochs": 2, "validation_split": 0.2, "verbose": 0}


@pytest.fixture
def x_y() -> tuple[np.ndarray, np.ndarray]:
    x, y = programs.digits()
    return x[:200], y[:200]


def records(watch: kerasdoctor.Watch) -> list[TrainingRecord]:
    found = [report.record for report in watch.reports.values()]
    assert not any(record.failures for record in found)
    return found


class TestTheFitBefore:
    def test_a_first_fit_has_none(self, x_y):
        with kerasdoctor.watch(quiet=True) as watch:
            programs.classifier().fit(*x_y, **OPTIONS)
        (record,) = records(watch)
        assert record.earlier is None
        assert record.model.fitted is False

    def test_the_same_text_once_more(self, x_y):
        x, y = x_y
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(x, y, **OPTIONS)
            model.fit(x, y, **OPTIONS)
        first, second = records(watch)
        earlier = second.earlier
        assert (earlier.run, earlier.place, earlier.asked, earlier.epochs) == (first.run, "call", 2, 2)
        assert earlier.iterations == earlier.iterations_now == 10
        assert earlier.same_weights
        assert earlier.same_variables
        assert (earlier.optimizer, earlier.known_rows, earlier.moved_rows) == ("same", 1.0, 0.0)
        assert [d.name for d in watch.report.diagnoses if d.family == "loop"] == ["continued-training"]

    def test_no_rows_are_no_fault_of_ours(self, x_y):
        x, y = x_y
        with kerasdoctor.watch(quiet=True) as watch, contextlib.suppress(ValueError):
            programs.classifier().fit(x[:0], y[:0], **OPTIONS)
        records(watch)

    def test_a_model_that_is_built_by_its_first_fit(self, x_y):
        model = keras.Sequential([keras.layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*x_y, **OPTIONS)
            model.fit(*x_y, **OPTIONS)
        assert records(watch)[1].earlier.same_weights

    @pytest.mark.parametrize("shared", [True, False])
    def test_a_loop_over_folds(self, x_y, shared):
        x, y = x_y
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            for fold in range(3):
                held = np.arange(len(x)) % 3 == fold
                if not shared:
                    model = programs.classifier()
                model.fit(x[~held], y[~held], validation_data=(x[held], y[held]), epochs=2, verbose=0)
        names = [d.name for d in watch.report.diagnoses]
        assert ("continued-training" in names) is shared
        if shared:
            (record,) = records(watch)
            assert (record.earlier.place, record.earlier.moved_rows) == ("loop", 1.0)
            assert record.earlier.same_weights

    @pytest.mark.parametrize("loop", ["epochs", "counted", "pieces"])
    def test_loops_that_mean_to_go_on(self, x_y, loop):
        x, y = x_y
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            for turn in range(3):
                if loop == "epochs":
                    model.fit(x, y, validation_split=0.2, epochs=1, verbose=0)
                elif loop == "counted":
                    model.fit(x, y, validation_split=0.2, initial_epoch=2 * turn, epochs=2 * turn + 2, verbose=0)
                else:
                    part = slice(60 * turn, 60 * turn + 60)
                    model.fit(x[part], y[part], validation_split=0.2, epochs=2, verbose=0)
        (record,) = records(watch)
        assert (record.earlier.place, record.earlier.same_weights) == ("loop", True)
        assert "continued-training" not in [d.name for d in watch.report.diagnoses]

    @pytest.mark.parametrize("restored", ["begin", "another"])
    def test_weights_that_were_set_back(self, x_y, restored):
        model = programs.classifier()
        weights = {"begin": model, "another": programs.classifier()}[restored].get_weights()
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*x_y, **OPTIONS)
            model.set_weights(weights)
            model.fit(*x_y, **OPTIONS)
        assert not records(watch)[1].earlier.same_weights
        assert not watch.report.diagnoses or {d.family for d in watch.report.diagnoses} != {"loop"}

    @pytest.mark.parametrize(("rate", "optimizer"), [(1e-3, "equal"), (1e-4, "other")])
    def test_compiled_again(self, x_y, rate, optimizer):
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*x_y, **OPTIONS)
            model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(*x_y, initial_epoch=2, **{**OPTIONS, "epochs": 4})
        earlier = records(watch)[1].earlier
        assert (earlier.optimizer, earlier.iterations, earlier.iterations_now) == (optimizer, 10, 0)
        assert (earlier.resumed_at, earlier.same_weights, earlier.place) == (2, True, "elsewhere")
        found = [d.name for d in watch.report.diagnoses if d.family == "loop"]
        assert found == (["lost-optimizer-state"] if optimizer == "equal" else [])

    def test_two_phases_of_a_fine_tuning(self, x_y):
        model = programs.classifier()
        model.layers[0].trainable = False
        model.compile("adam", "sparse_categorical_crossentropy")
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*x_y, **OPTIONS)
            model.layers[0].trainable = True
            model.compile("adam", "sparse_categorical_crossentropy")
            model.fit(*x_y, **OPTIONS)
        second = records(watch)[1]
        assert not second.earlier.same_variables
        assert second.model.changed_layers == ()
        assert [d.name for d in watch.report.diagnoses if d.family in {"loop", "optimization"}] == []

    @pytest.mark.parametrize("way", ["interrupted", "raised", "early"])
    def test_a_fit_that_was_broken_off(self, x_y, way):
        class Breaks(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if way == "early":
                    self.model.stop_training = True
                else:
                    raise {"interrupted": KeyboardInterrupt, "raised": RuntimeError}[way]

        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            with contextlib.suppress(KeyboardInterrupt, RuntimeError):
                model.fit(*x_y, callbacks=[Breaks()], **OPTIONS)
            model.fit(*x_y, **OPTIONS)
        earlier = records(watch)[1].earlier
        assert (earlier.iterations, earlier.same_weights) == (5, True)

    def test_one_that_never_began_leaves_no_trace(self, x_y):
        x, y = x_y
        model = programs.classifier()
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(x, y, **OPTIONS)
            with pytest.raises(ValueError, match="cardinality"):
                model.fit(x, y[:-1], verbose=0)
            model.fit(x, y, **OPTIONS)
        first, _, third = records(watch)
        assert third.earlier.run == first.run

    def test_the_callback_knows_it_too(self, x_y):
        model, doctor = programs.classifier(), kerasdoctor.Doctor(quiet=True)
        model.fit(*x_y, callbacks=[doctor], **OPTIONS)
        assert doctor.report.record.earlier is None
        assert doctor.report.record.model.fitted is None
        model.fit(*x_y, callbacks=[doctor], **OPTIONS)
        assert doctor.report.record.earlier.same_weights
        assert doctor.report.record.model.fitted is None

    def test_a_check_tells_it_before_the_first_step(self, x_y):
        from kerasdoctor.instrumentation.checking import check
        from kerasdoctor.instrumentation.observer import Observer

        model = programs.classifier()

        def train() -> Any:
            return model.fit(*x_y, **OPTIONS)

        with kerasdoctor.watch(quiet=True):
            train()
        report = check(train, observer=Observer(), ignored={}, cell_id="", usage_error=RuntimeError, unseen="")
        assert "continued-training" in [d.name for d in report.diagnoses]


class TestBeforeTheFirstFit:
    def test_a_fit_that_was_not_watched(self, x_y):
        model = programs.classifier()
        model.fit(*x_y, **OPTIONS)
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*x_y, **OPTIONS)
        (record,) = records(watch)
        assert record.earlier is None
        assert record.model.fitted is True

    @pytest.mark.parametrize("trained", [True, False])
    def test_weights_from_a_file(self, x_y, trained):
        model, resumed = programs.classifier(), programs.classifier()
        if trained:
            model.fit(*x_y, **OPTIONS)
        model.save_weights("digits.weights.h5")
        resumed.build()
        # the file of a compiled model has the optimizer's state; that of its layers has not
        keras.Model(resumed.inputs, resumed.outputs).set_weights(model.get_weights())
        with kerasdoctor.watch(quiet=True) as watch:
            resumed.fit(*x_y, initial_epoch=2, **{**OPTIONS, "epochs": 4})
        names = [d.name for d in watch.report.diagnoses]
        assert ("lost-optimizer-state" in names) is trained

    def test_a_whole_model_from_a_file(self, x_y):
        model = programs.classifier()
        model.fit(*x_y, **OPTIONS)
        model.save("digits.keras")
        loaded = keras.models.load_model("digits.keras")
        with kerasdoctor.watch(quiet=True) as watch:
            loaded.fit(*x_y, initial_epoch=2, **{**OPTIONS, "epochs": 4})
        assert [d.name for d in watch.report.diagnoses if d.family == "loop"] == []

    @pytest.mark.parametrize("way", ["frozen", "unfrozen"])
    def test_trainable_was_changed_since_compile(self, x_y, way):
        model = programs.classifier()
        model.layers[0].trainable = way == "frozen"
        model.compile("adam", "sparse_categorical_crossentropy")
        model.layers[0].trainable = way != "frozen"
        kernel = model.layers[0].kernel.numpy()
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*x_y, **OPTIONS)
        (record,) = records(watch)
        assert record.model.changed_layers == (model.layers[0].name,)
        assert "trainable-changed" in [d.name for d in watch.report.diagnoses]
        # what the note says: the change takes effect
        assert np.array_equal(kernel, model.layers[0].kernel.numpy()) is (way == "frozen")
