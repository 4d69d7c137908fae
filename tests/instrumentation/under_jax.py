"""What holds on the JAX backend, whose callbacks run in other threads and out of order; `test_jax.py` runs it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor.diagnosis import Status
from kerasdoctor.instrumentation.callback import FitRecorder
from kerasdoctor.renderers import wording
from kerasdoctor.report import Report
from tests.instrumentation import matrix
from tests.instrumentation.matrix import BATCH, CASES, Case

#: Kinds of fit that are the same program on every backend, and the way in which each is watched.
WAYS = {
    "sequential": "watch",
    "several outputs": "doctor",
    "steps_per_execution": "doctor",
    "run_eagerly": "watch",
    "evaluates in a callback": "watch",
    "restored early": "doctor",
    "tf.data": "watch",
    "PyDataset": "doctor",
    "compiled between two fits": "watch",
    "train_on_batch before": "doctor",
    "own train step": "watch",
}


class OwnStep(matrix.Subclassed):
    def train_step(self, state: Any, data: Any) -> Any:
        logs, state = super().train_step(state, data)
        return {"mine": logs["loss"] * 2, **logs}, state


def trained(case: Case, callbacks: list[Any] | None = None) -> keras.Model:
    keras.utils.set_random_seed(7)
    model = case.model()
    if callbacks:
        fit = model.fit
        model.fit = lambda *args, **options: fit(
            *args, **{**options, "callbacks": [*options.get("callbacks", []), *callbacks]}
        )
    case.fit(model)
    vars(model).pop("fit", None)
    return model


def state(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in [*model.variables, *model.optimizer.variables]]


@pytest.mark.parametrize(("name", "way"), WAYS.items())
def test_weights_and_history_are_those_of_the_plain_fit(name, way):
    case = Case(lambda: matrix.compiled(OwnStep())) if name == "own train step" else CASES[name]
    plain = trained(case)
    if way == "watch":
        with kerasdoctor.watch(quiet=True) as watch:
            watched = trained(case)
        report = watch.report
    else:
        doctor = kerasdoctor.Doctor(quiet=True)
        watched, report = trained(case, [doctor]), doctor.report
    for one, other in zip(state(plain), state(watched), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_equal(watched.history.history, plain.history.history)
    np.testing.assert_equal(watched.get_metrics_result(), plain.get_metrics_result())
    assert set(vars(watched)) == set(vars(plain))
    assert watched.train_function.__module__.startswith("keras.")
    record = report.record
    assert not record.failures
    assert record.outcome.status in {"finished", "stopped_early"}
    assert record.history == watched.history.history or name == "compiled between two fits"
    # in a step of the user's own nothing tells how its mean of the loss weighs the batches
    assert ("batch_loss" in record.quantities) is (name != "own train step")


class Dispatch(keras.callbacks.Callback):
    """Where the batches were told, and whether Keras's list of callbacks dispatched them."""

    async_safe = True

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.threads.add(threading.get_ident())


@pytest.mark.parametrize("way", ["plain", "watch", "doctor", "not safe"])
def test_keras_goes_on_dispatching_callbacks_asynchronously(way):
    class NotSafe(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            pass

    spy = Dispatch()
    others = {"doctor": [kerasdoctor.Doctor(quiet=True)], "not safe": [NotSafe()]}
    model = matrix.dense()
    fit = lambda: model.fit(*matrix.rows(), verbose=0, callbacks=[spy, *others.get(way, [])])  # noqa: E731
    if way == "watch":
        with kerasdoctor.watch(quiet=True):
            fit()
    else:
        fit()
    assert (threading.get_ident() in spy.threads) is (way == "not safe")


@pytest.mark.parametrize("way", ["watch", "doctor"])
def test_the_state_of_the_model_is_synchronized_no_more_often(way, monkeypatch):
    synchronized = []
    original = keras.Model.jax_state_sync

    def counted(model: keras.Model) -> None:
        if not model._jax_state_synced:
            synchronized.append(1)
        original(model)

    monkeypatch.setattr(keras.Model, "jax_state_sync", counted)
    counts = []
    for callbacks in ([], [kerasdoctor.Doctor(quiet=True)] if way == "doctor" else []):
        watching = way == "watch" and counts
        synchronized.clear()
        model = matrix.dense()
        if watching:
            with kerasdoctor.watch(quiet=True):
                model.fit(*matrix.rows(), validation_split=0.2, epochs=3, verbose=0)
        else:
            model.fit(*matrix.rows(), validation_split=0.2, epochs=3, verbose=0, callbacks=callbacks)
        counts.append(len(synchronized))
    # once per epoch and once per validation
    assert counts == [6, 6]


@pytest.fixture
def last_first(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first batch of an epoch is told to ours when the next three have been; the order in which they are told."""
    order: list[int] = []
    told = threading.Condition()
    original = FitRecorder.on_train_batch_end

    def on_train_batch_end(recorder: FitRecorder, batch: int, logs: Any = None) -> None:
        with told:
            if batch == 0:
                assert told.wait_for(lambda: len(order) % 7 >= 3, timeout=20)
            original(recorder, batch, logs)
            order.append(batch)
            told.notify_all()

    monkeypatch.setattr(FitRecorder, "on_train_batch_end", on_train_batch_end)
    return order


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of different sizes."""
    x, y = matrix.rows()
    for low, high in itertools.pairwise((0, 32, 40, 104, 136, 144, 176, 208)):
        yield x[low:high], y[low:high]


def equal_batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    x, y = matrix.rows()
    for begin in range(0, len(x), BATCH):
        yield x[begin : begin + BATCH], y[begin : begin + BATCH]


SOURCES: dict[str, tuple[Callable[[], tuple[Any, ...]], Callable[[], Iterator[Any]]]] = {
    "arrays": (matrix.rows, equal_batches),
    "dataset": (lambda: (tf.data.Dataset.from_tensor_slices(matrix.rows()).batch(BATCH),), equal_batches),
    "generator that ends": (lambda: (batches(),), batches),
}


@pytest.mark.parametrize(
    ("source", "way"),
    [("arrays", "watch"), *itertools.product(("dataset", "generator that ends"), ("watch", "doctor"))],
)
def test_the_losses_of_the_batches_are_true_and_in_order(source, way, last_first):
    data, expected = SOURCES[source]
    model = matrix.compiled(matrix.penalized(), optimizer=keras.optimizers.SGD(0.0))
    losses = [float(model.compute_loss(x, y, model(x, training=True), training=True)) for x, y in expected()]
    epochs = 1 if source == "generator that ends" else 2
    options = {"epochs": epochs, "shuffle": False, "verbose": 0}
    if way == "watch":
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*data(), **options)
        report = watch.report
    else:
        doctor = kerasdoctor.Doctor(quiet=True)
        model.fit(*data(), callbacks=[doctor], **options)
        report = doctor.report
    assert not report.record.failures
    assert last_first.index(0) >= 3
    series = report.record.quantities["batch_loss"]
    assert series.steps.tolist() == list(range(1, epochs * len(losses) + 1))
    np.testing.assert_allclose(series.values, losses * epochs, rtol=1e-4)


def test_executions_of_several_steps():
    model = matrix.compiled(matrix.penalized(), optimizer=keras.optimizers.SGD(0.0), steps_per_execution=3)
    x, y = matrix.rows()
    losses = [
        float(model.compute_loss(x[rows], y[rows], model(x[rows], training=True), training=True))
        for rows in (slice(0, 96), slice(96, 192), slice(192, 208))
    ]
    for data in ((x, y), (tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH),)):
        with kerasdoctor.watch(quiet=True) as watch:
            model.fit(*data, shuffle=False, epochs=2, verbose=0)
        np.testing.assert_allclose(watch.report.record.quantities["batch_loss"].values, losses * 2, rtol=1e-3)


def test_the_learning_rate_of_every_epoch():
    model = matrix.dense(optimizer=matrix.schedule())
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(*matrix.rows(), epochs=3, verbose=0)
    rate = watch.report.record.quantities["learning_rate"]
    assert rate.steps.tolist() == [1, 8, 15]
    np.testing.assert_allclose(rate.values, [0.1 * 0.5 ** (made / 5) for made in (0, 7, 14)], rtol=1e-5)
    model = matrix.dense()
    halved = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 1 else rate / 2)
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(*matrix.rows(), epochs=3, verbose=0, callbacks=[halved])
    np.testing.assert_allclose(
        watch.report.record.quantities["learning_rate"].values, [0.001, 0.0005, 0.00025], rtol=1e-5
    )


def nan_run() -> Report:
    x, y = matrix.rows()
    x[70, 3] = np.nan
    keras.utils.set_random_seed(1)
    model = matrix.functional_shared()
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, shuffle=False, validation_split=0.2, epochs=2, verbose=0)
    return watch.report


def test_a_nan_is_noticed_in_its_step_and_its_cause_is_named():
    report = nan_run()
    assert not report.record.failures
    told = report.record.quantities["first_nonfinite"]
    assert (told.step, told.origin) == (70 // BATCH + 1, "unknown")
    assert "jax" in told.remark
    (diagnosis,) = (diagnosis for diagnosis in report.diagnoses if diagnosis.name == "nan-loss")
    assert [cause.name for cause in diagnosis.causes if cause.status is Status.CONFIRMED] == ["nan-in-data"]
    facts = dict(dict(wording.facts(report.record))["Recorded"])
    assert facts["no gradients"] == (
        "the backend is jax: gradients, activations and the replay of a NaN take TensorFlow"
    )


class Broken(matrix.Subclassed):
    """Its train step raises as long as it is broken."""

    broken = False

    def train_step(self, state: Any, data: Any) -> Any:
        if self.broken:
            raise RuntimeError("the user's own")
        return super().train_step(state, data)


def raising(where: str) -> keras.callbacks.Callback:
    """A callback that raises at a place, after a while; one that does nothing where the step itself raises."""

    def explode(_self: Any, index: int, *_: Any, **__: Any) -> None:
        if index == (0 if where == "on_epoch_end" else 3):
            raise RuntimeError("the user's own")

    return type("Raises", (keras.callbacks.Callback,), {} if where == "step" else {where: explode})()


@pytest.mark.parametrize("way", ["watch", "doctor"])
@pytest.mark.parametrize("where", ["on_train_batch_begin", "on_epoch_end", "step"])
def test_after_an_exception_the_model_is_as_an_unwatched_one(where, way):
    def run(*, plainly: bool) -> list[np.ndarray]:
        keras.utils.set_random_seed(5)
        model = matrix.compiled(Broken())
        model.broken = where == "step"
        callbacks = [raising(where)]
        x, y = matrix.rows()
        if plainly or way == "doctor":
            doctors = [] if plainly else [kerasdoctor.Doctor(quiet=True)]
            with pytest.raises(RuntimeError, match="the user's own"):
                model.fit(x, y, verbose=0, callbacks=[*doctors, *callbacks])
            if where == "step" and not plainly:
                assert doctors[0].report.record.outcome.status == "raised"
        else:
            with kerasdoctor.watch(quiet=True) as watch, pytest.raises(RuntimeError, match="the user's own"):
                model.fit(x, y, verbose=0, callbacks=callbacks)
            assert watch.report.record.outcome.status == "raised"
            assert model.train_function.__module__.startswith("keras.")
        if where == "step":
            assert model.train_function is None or model.train_function.__module__.startswith("keras.")
            # Keras has given the weights to the step, and has none itself: nobody can go on with such a model
            return []
        model.fit(x, y, verbose=0)
        assert model.train_function.__module__.startswith("keras.")
        return state(model)

    for one, other in zip(run(plainly=False), run(plainly=True), strict=True):
        np.testing.assert_array_equal(one, other)
