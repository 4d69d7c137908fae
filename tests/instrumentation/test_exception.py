"""Whose code an exception comes from; the exception itself is that of a plain fit."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor.diagnosis import Status
from kerasdoctor.record import RaisedBy

X = np.random.default_rng(0).uniform(size=(64, 8)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 64)


class Logs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["val_acc"]


class Predicts(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.model.predict(X[:, :3], verbose=0)


class Adds(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x + self.nothing


class Picks(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)["a"]


class Files(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return (X[:8], Y[:8]) if index < 2 else {}["path"]


def rows(good: int) -> Iterator[Any]:
    for index in range(10):
        if index == good:
            raise OSError("no file")
        yield X[:8], Y[:8]


def own_loss(_true: Any, _predicted: Any) -> Any:
    return undefined  # type: ignore[name-defined]  # noqa: F821


def read(_x: Any) -> Any:
    raise ValueError("unreadable")


def through(function: Callable[[Any], Any]) -> tf.data.Dataset:
    pairs = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    return pairs.map(lambda x, y: (tf.ensure_shape(tf.py_function(function, [x], tf.float32), (None, 8)), y))


def compiled(model: keras.Model | None = None, loss: Any = "sparse_categorical_crossentropy") -> keras.Model:
    if model is None:
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", loss)
    return model


def terabytes(optimizer: str = "sgd") -> keras.Model:
    wide = [keras.layers.Dense(2_000_000, name=name) for name in ("wide", "wider")]
    model = keras.Sequential([*wide, keras.layers.Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def indexed() -> keras.Model:
    embedding = keras.layers.Embedding(5, 2, name="words")
    return compiled(
        keras.Sequential([keras.Input((4,)), embedding, keras.layers.Flatten(), keras.layers.Dense(1)]), "mse"
    )


FITS: dict[str, tuple[Callable[[], Any], RaisedBy | None, str]] = {
    "a callback": (
        lambda: compiled().fit(X, Y, callbacks=[Logs()], verbose=0),
        RaisedBy(kind="callback", name="Logs.on_epoch_end", line='logs["val_acc"]'),
        "callback-raised",
    ),
    "a callback that calls the model": (
        lambda: compiled().fit(X, Y, callbacks=[Predicts()], verbose=0),
        RaisedBy(kind="callback", name="Predicts.on_train_batch_end", line="self.model.predict(X[:, :3], verbose=0)"),
        "callback-raised",
    ),
    "a layer": (
        lambda: compiled(keras.Sequential([keras.layers.Dense(4), Adds(name="added")]), "mse").fit(X, Y, verbose=0),
        RaisedBy(kind="layer", name="added", line="return x + self.nothing"),
        "own-code",
    ),
    "the model": (
        lambda: compiled(Picks(), "mse").fit(X, Y, verbose=0),
        RaisedBy(kind="model", name="Picks.call", line='return self.dense(x)["a"]'),
        "own-code",
    ),
    "the loss": (
        lambda: compiled(loss=own_loss).fit(X, Y, verbose=0),
        RaisedBy(kind="loss", name="own_loss", line="return undefined  # type: ignore[name-defined]  # noqa: F821"),
        "own-code",
    ),
    "a generator at once": (
        lambda: compiled().fit(rows(0), verbose=0),
        RaisedBy(kind="data", name="rows", line='raise OSError("no file")'),
        "data-raised",
    ),
    "a generator later": (
        lambda: compiled().fit(rows(3), steps_per_epoch=9, verbose=0),
        RaisedBy(kind="data", name="rows", line='raise OSError("no file")'),
        "data-raised",
    ),
    "a PyDataset": (
        lambda: compiled().fit(Files(), verbose=0),
        RaisedBy(kind="data", name="Files", line='return (X[:8], Y[:8]) if index < 2 else {}["path"]'),
        "data-raised",
    ),
    "a function of a pipeline": (
        lambda: compiled().fit(through(read), verbose=0),
        RaisedBy(kind="data", name="read", line='raise ValueError("unreadable")'),
        "data-raised",
    ),
    "the memory": (
        lambda: terabytes().fit(X, Y, verbose=0),
        RaisedBy(kind="operation", name="wider", operation="StatelessRandomUniformV2"),
        "out-of-memory",
    ),
    "the memory of the optimizer": (
        lambda: terabytes("adam").fit(X, Y, verbose=0),
        RaisedBy(kind="operation", operation="zeros"),
        "",
    ),
    "an embedding": (
        lambda: indexed().fit(np.full((64, 4), 9), Y, verbose=0),
        RaisedBy(kind="operation", name="words", operation="GatherV2"),
        "embedding-index",
    ),
    "Keras itself": (lambda: compiled().fit(X[:, :5], Y, verbose=0), None, "input-shape"),
}


def raised(fit: Callable[[], Any]) -> BaseException:
    keras.backend.clear_session()
    with pytest.raises(BaseException) as caught:  # noqa: PT011 (of every kind)
        fit()
    return caught.value


def own_frames(error: BaseException) -> list[str]:
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    return [frame.f_code.co_qualname for frame in frames if frame.f_code.co_filename == __file__]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", FITS)
def test_the_origin_is_told_and_the_exception_is_that_of_a_plain_fit(name):
    fit, origin, cause = FITS[name]
    plain = raised(fit)
    with kerasdoctor.watch(quiet=True) as watch:
        watched = raised(fit)
    record = watch.report.record
    assert type(watched) is type(plain)
    assert own_frames(watched) == own_frames(plain)
    if not isinstance(plain, tf.errors.OpError):
        # Keras counts its symbolic tensors
        assert re.sub(r"keras_tensor_\d+", "", str(watched)) == re.sub(r"keras_tensor_\d+", "", str(plain))
    assert record.failures == []
    assert record.outcome.raised_by == origin
    found = [one for one in watch.report.diagnoses if one.name == "fit-raised"]
    confirmed = {cause.name for one in found for cause in one.causes if cause.status is Status.CONFIRMED}
    assert cause in confirmed if cause else not confirmed
