"""Watching changes nothing: every kind of model and fit ends with the weights of the plain run, bit for bit."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import keras
import numpy as np
import pytest

import kerasdoctor
from kerasdoctor.instrumentation import evaluations
from tests.instrumentation import matrix
from tests.instrumentation.matrix import CASES, Case


def state(model: keras.Model) -> list[np.ndarray]:
    """Weights, the optimizer's variables and the states of the random generators."""
    optimizers = [model.optimizer, getattr(model, "second", None)]
    variables = [*model.variables, *(v for optimizer in optimizers if optimizer for v in optimizer.variables)]
    return [np.asarray(keras.ops.convert_to_numpy(variable)) for variable in variables]


def trained(case: Case) -> keras.Model:
    keras.utils.set_random_seed(7)
    model = case.model()
    case.fit(model)
    return model


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("everything", [False, True], ids=["default", "everything"])
def test_weights_and_history_are_those_of_the_plain_fit(name, everything, monkeypatch):
    if everything:
        # before the first step and after every epoch
        monkeypatch.setattr(evaluations, "LEAST_TRAINED", 0)
        monkeypatch.setattr(evaluations, "SHARE", 10.0)
    case = CASES[name]
    plain = trained(case)
    with kerasdoctor.watch(quiet=True, level="full" if everything else "default") as watch:
        watched = trained(case)
    differing = [
        index
        for index, (one, other) in enumerate(zip(state(plain), state(watched), strict=True))
        if not np.array_equal(one, other, equal_nan=True)
    ]
    assert not differing
    np.testing.assert_equal(watched.history.history, plain.history.history)
    np.testing.assert_equal(watched.get_metrics_result(), plain.get_metrics_result())
    record = watch.report.record
    assert not record.failures
    assert bool(record.instrument.untapped) is not case.tapped
    assert ("gradient_norm" in record.quantities) is case.tapped
    assert set(vars(watched)) == set(vars(plain))
    assert set(vars(watched.optimizer)) == set(vars(plain.optimizer))
    for function in (watched.train_function, watched.test_function):
        assert function is None or inspect.isfunction(function)
        assert function is None or function.__globals__["__name__"].startswith(("keras.", "tests."))


#: Callbacks of the user's that stand before or behind the doctor in the list.
COMPANIONS = {
    "evaluates": matrix.Evaluates,
    "trains": matrix.TrainsItself,
    "saves": matrix.Saves,
    "replaces": matrix.Replaces,
    "remakes": matrix.Remakes,
    "compiles": matrix.Recompiles,
    "restores": lambda: keras.callbacks.EarlyStopping(patience=0, min_delta=10, restore_best_weights=True),
    "backs up": lambda: keras.callbacks.BackupAndRestore("backup"),
}


@pytest.mark.parametrize("name", COMPANIONS)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_the_callback_beside_others(name, place):
    doctor = kerasdoctor.Doctor(quiet=True)

    def run(*doctors: keras.callbacks.Callback) -> keras.Model:
        keras.utils.set_random_seed(7)
        model = matrix.dense()
        companion = COMPANIONS[name]()
        callbacks = [*doctors, companion] if place == "before" else [companion, *doctors]
        matrix.with_options(callbacks=callbacks, epochs=3)(model)
        # a fit without the doctor goes on
        model.fit(*matrix.rows(), epochs=1, verbose=0)
        assert inspect.isfunction(model.train_function)
        assert "kerasdoctor" not in model.train_function.__globals__["__name__"]
        if name == "replaces":
            assert companion.calls == 18
        return model

    plain, watched = run(), run(doctor)
    for one, other in zip(state(plain), state(watched), strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(vars(watched)) == set(vars(plain))
    record = doctor.report.record
    assert not record.failures
    assert record.outcome.status in {"finished", "stopped_early"}
    assert len(record.history["loss"]) == record.outcome.epochs
    assert len(record.quantities["batch_loss"]) == 6 * record.outcome.epochs


@pytest.mark.parametrize("level", ["light", "default", "full"])
@pytest.mark.parametrize("watched_first", [None, "light", "default"])
@pytest.mark.parametrize("way", ["freeze", "thaw"])
@pytest.mark.parametrize("doctor", [False, True], ids=["watch", "doctor"])
def test_trainable_was_changed_after_a_fit(level, watched_first, way, doctor):
    """Keras goes on with the step that it compiled before, whoever watched that."""

    def run(*, plainly: bool) -> keras.Model:
        keras.utils.set_random_seed(7)
        model = matrix.dense() if way == "freeze" else matrix.frozen()
        fit = matrix.with_options(epochs=1)
        with contextlib.ExitStack() as stack:
            if watched_first and not plainly:
                stack.enter_context(kerasdoctor.watch(quiet=True, level=watched_first))
            fit(model)
        model.layers[0].trainable = way == "thaw"
        if plainly:
            fit(model)
        elif doctor:
            seen = kerasdoctor.Doctor(quiet=True, level=level)
            matrix.with_options(epochs=1, callbacks=[seen])(model)
            assert not seen.report.record.failures
        else:
            with kerasdoctor.watch(quiet=True, level=level) as watch:
                fit(model)
            record = watch.report.record
            assert not record.failures
            if level != "light":
                assert ("`trainable` was changed" in record.instrument.untapped) is (watched_first != "default")
            assert "trainable-changed" in [diagnosis.name for diagnosis in watch.report.diagnoses]
        return model

    plain, watched = run(plainly=True), run(plainly=False)
    for one, other in zip(state(plain), state(watched), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_equal(watched.history.history, plain.history.history)


class Breaks(matrix.Subclassed):
    """Raises in the step that follows the eighth."""

    error: type[BaseException] | None = None

    def train_step(self, data: Any) -> Any:
        if self.error is not None and self.optimizer.iterations > 8:
            error, self.error = self.error, None
            raise error("of the user's own")
        return super().train_step(data)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("where", ["step", "between"])
@pytest.mark.parametrize("way", ["watch", "doctor", "doctor again"])
def test_what_follows_an_exception_is_as_without_watching(error, where, way):
    def run(*, plainly: bool) -> keras.Model:
        keras.utils.set_random_seed(7)
        if where == "step":
            model = matrix.compiled(Breaks(), run_eagerly=True)
            model.error, callbacks = error, []
        else:
            model, callbacks = matrix.dense(), [matrix.OnceRaises(error)]
        doctors = [] if plainly or way == "watch" else [kerasdoctor.Doctor(quiet=True)]
        fit = matrix.with_options(callbacks=[*callbacks, *doctors], epochs=3)
        watching = kerasdoctor.watch(quiet=True) if way == "watch" and not plainly else contextlib.nullcontext()
        with watching, pytest.raises(error, match="of the user's own"):
            fit(model)
        second = [kerasdoctor.Doctor(quiet=True)] if doctors and way == "doctor again" else []
        matrix.with_options(callbacks=second)(model)
        if second:
            assert "gradient_norm" in second[0].report.record.quantities
        assert model.train_function.__globals__["__name__"].startswith("keras.")
        return model

    plain, watched = run(plainly=True), run(plainly=False)
    for one, other in zip(state(plain), state(watched), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_equal(watched.history.history, plain.history.history)
    assert set(vars(watched)) == set(vars(plain))
    assert set(vars(watched.optimizer)) == set(vars(plain.optimizer))
