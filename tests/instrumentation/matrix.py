"""Fits of many kinds, each to be the same watched and plain: name -> a function that makes the model and its `fit`."""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

ROWS, FEATURES, CLASSES = 208, 12, 5
BATCH = 32

Fit = Callable[[keras.Model], Any]


@dataclass(frozen=True)
class Case:
    """A kind of model and a way to train it."""

    model: Callable[[], keras.Model]
    fit: Fit = field(
        default=lambda model: model.fit(*rows(), epochs=2, batch_size=BATCH, validation_split=0.2, verbose=0)
    )
    #: Whether gradients can be had.
    tapped: bool = True


def rows(features: int = FEATURES) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Seeded rows whose label depends on them; the last batch is not full."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((ROWS, features)).astype("float32")
    return x, (x @ generator.standard_normal((features, CLASSES))).argmax(axis=1)


def tokens() -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    x = np.random.default_rng(1).integers(0, 20, (ROWS, 9)).astype("int32")
    return x, (x.sum(axis=1) % CLASSES).astype("int64")


def images() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    x = np.random.default_rng(2).standard_normal((ROWS, 8, 8, 1)).astype("float32")
    return x, (np.abs(x).sum(axis=(1, 2, 3)) % CLASSES).astype("int64")


def dense(**options: Any) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    return compiled(model, **options)


def compiled(model: keras.Model, **options: Any) -> keras.Model:
    options = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **options}
    model.compile(**options)
    return model


def unbuilt() -> keras.Model:
    return compiled(
        keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(CLASSES, "softmax")])
    )


def functional_shared() -> keras.Model:
    inputs = keras.Input((FEATURES,))
    shared = keras.layers.Dense(FEATURES, activation="tanh")
    hidden = shared(shared(inputs))
    return compiled(keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(hidden)))


def penalized() -> keras.Model:
    penalty = keras.regularizers.L1L2(0.01, 0.01)
    layers = [keras.Input((FEATURES,)), keras.layers.Dense(8, "relu", kernel_regularizer=penalty)]
    return keras.Sequential([*layers, keras.layers.Dense(CLASSES, "softmax", activity_regularizer=penalty)])


def nested() -> keras.Model:
    inner = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.2)])
    inputs = keras.Input((FEATURES,))
    return compiled(keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(inner(inputs))))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="relu")
        self.out = keras.layers.Dense(CLASSES, activation="softmax")

    def call(self, inputs: Any) -> Any:
        return self.out(self.hidden(inputs))


class OwnStep(Subclassed):
    """The guide of Keras: a train step of one's own, with other keys in its logs."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=predicted)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss, "mine": tf.reduce_mean(predicted)}


class TwoOptimizers(Subclassed):
    """A step that updates its halves one after the other, as generator and discriminator do."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        for part in (self.hidden, self.out):
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            weights = part.trainable_variables
            second = self.second if part is self.out else self.optimizer
            second.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


def two_optimizers() -> keras.Model:
    model = compiled(TwoOptimizers(), metrics=None)
    model.second = keras.optimizers.SGD(0.1)
    return model


class OwnFunction(Subclassed):
    """Keras lets a subclass make its train function itself."""

    def make_train_function(self, force: bool = False) -> Any:
        return super().make_train_function(force)


class RandomOperation(keras.layers.Layer):
    """Noise from an operation whose seed is its place in the graph."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs + tf.random.normal(tf.shape(inputs), stddev=0.1) if training else inputs


class AlwaysRandom(keras.layers.Layer):
    """Noise at inference too: as many draws as passes."""

    def call(self, inputs: Any) -> Any:
        return inputs + tf.random.normal(tf.shape(inputs), stddev=0.1)


class AlwaysSeeded(keras.layers.Layer):
    """The same with a generator of Keras's."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = keras.random.SeedGenerator(5)

    def call(self, inputs: Any) -> Any:
        return inputs + keras.random.normal(keras.ops.shape(inputs), stddev=0.1, seed=self.generator)


def always_random() -> keras.Model:
    layers = [keras.Input((FEATURES,)), AlwaysRandom(), AlwaysSeeded(), keras.layers.Dense(CLASSES, "softmax")]
    return compiled(keras.Sequential(layers))


def random_operation() -> keras.Model:
    return compiled(
        keras.Sequential([keras.Input((FEATURES,)), RandomOperation(), keras.layers.Dense(CLASSES, "softmax")])
    )


def recurrent(layer: Callable[[], keras.layers.Layer]) -> Callable[[], keras.Model]:
    return lambda: compiled(
        keras.Sequential(
            [
                keras.Input((9,), dtype="int32"),
                keras.layers.Embedding(20, 6),
                layer(),
                keras.layers.Dense(CLASSES, "softmax"),
            ]
        )
    )


def convolutional() -> keras.Model:
    return compiled(
        keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.Conv2D(4, 3, activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.Conv2D(4, 3),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(CLASSES, activation="softmax"),
            ]
        )
    )


def attention() -> keras.Model:
    inputs = keras.Input((9,), dtype="int32")
    x = keras.layers.Embedding(20, 8)(inputs)
    x = keras.layers.LayerNormalization()(x + keras.layers.MultiHeadAttention(2, 4, dropout=0.1)(x, x))
    x = keras.layers.GlobalAveragePooling1D()(x)
    return compiled(keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(x)))


def several_outputs() -> keras.Model:
    left, right = keras.Input((FEATURES,), name="left"), keras.Input((FEATURES,), name="right")
    hidden = keras.layers.concatenate([left, right])
    kind = keras.layers.Dense(CLASSES, activation="softmax", name="kind")(hidden)
    size = keras.layers.Dense(1, name="size")(hidden)
    model = keras.Model([left, right], {"kind": kind, "size": size})
    model.compile(
        "adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"}, loss_weights={"kind": 1, "size": 0.2}
    )
    return model


def fit_several(model: keras.Model) -> Any:
    x, y = rows()
    return model.fit(
        {"left": x, "right": x[::-1].copy()}, {"kind": y, "size": x[:, :1]}, epochs=2, validation_split=0.2, verbose=0
    )


def frozen() -> keras.Model:
    model = dense()
    model.layers[0].trainable = False
    return compiled(model)


def mixed() -> keras.Model:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return dense()
    finally:
        keras.config.set_dtype_policy("float32")


def mirrored() -> keras.Model:
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        return dense()


class OwnOptimizer(keras.optimizers.Optimizer):
    """Signs of the gradients."""

    def __init__(self) -> None:
        super().__init__(learning_rate=0.01)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, keras.ops.sign(gradient) * keras.ops.cast(learning_rate, variable.dtype))


def schedule() -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5), momentum=0.9)


def dataset(model: keras.Model) -> Any:
    data = tf.data.Dataset.from_tensor_slices(rows()).shuffle(ROWS, seed=3).batch(BATCH)
    held_out = tf.data.Dataset.from_tensor_slices(rows()).take(70).batch(BATCH)
    return model.fit(data, validation_data=held_out, epochs=2, verbose=0)


def generator(model: keras.Model) -> Any:
    x, y = rows()

    def batches() -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        while True:
            for begin in range(0, ROWS, BATCH):
                yield x[begin : begin + BATCH], y[begin : begin + BATCH]

    return model.fit(batches(), steps_per_epoch=7, validation_data=rows(), epochs=2, verbose=0)


class Sequence(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        x, y = rows()
        return x[index * BATCH : (index + 1) * BATCH], y[index * BATCH : (index + 1) * BATCH]


def ragged(model: keras.Model) -> Any:
    x, y = tokens()
    data = tf.data.Dataset.from_tensor_slices((tf.RaggedTensor.from_tensor(x, padding=0), y)).batch(BATCH)
    data = data.map(lambda a, b: (a.to_tensor(shape=(None, 9)), b))
    return model.fit(data, validation_data=data.take(2), epochs=2, verbose=0)


def again(model: keras.Model) -> Any:
    """A second fit, a `compile` with another optimizer, and a third: the new optimizer must be the one that trains."""
    model.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)
    model.fit(*rows(), validation_split=0.3, epochs=1, verbose=0)
    compiled(model, optimizer=keras.optimizers.SGD(0.05))
    return model.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)


def loop(model: keras.Model) -> Any:
    x, y = rows()
    for begin in range(0, ROWS, BATCH):
        model.train_on_batch(x[begin : begin + BATCH], y[begin : begin + BATCH])
    return model.fit(x, y, epochs=1, verbose=0)


class Evaluates(keras.callbacks.Callback):
    """Evaluates other rows after each epoch, between two validations of Keras's own."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        x, y = rows()
        self.model.evaluate(x[:60], y[:60], verbose=0)


class Saver(keras.callbacks.Callback):
    """Saves and copies inside `fit`, where a replaced train function would be caught."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        weights = [variable.numpy() for variable in self.model.weights]
        again = keras.models.clone_model(self.model)
        again.set_weights(weights)


class OnceRaises(keras.callbacks.Callback):
    """Ends the first fit that it is in, between two steps of its second epoch."""

    def __init__(self, error: type[BaseException] = RuntimeError) -> None:
        super().__init__()
        self.error: type[BaseException] | None = error

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.error is not None and self.model.optimizer.iterations > 8:
            error, self.error = self.error, None
            raise error("of the user's own")


def resumed(model: keras.Model) -> Any:
    """Interrupted, and taken up again by Keras from its backup."""
    callbacks = [OnceRaises(), keras.callbacks.BackupAndRestore("backup")]
    for _ in range(2):
        with contextlib.suppress(RuntimeError):
            model.fit(*rows(), validation_split=0.2, epochs=3, verbose=0, callbacks=callbacks)


def continued_by(copied: Callable[[keras.Model], keras.Model]) -> Fit:
    """A copy of the model goes on, and gives its weights back."""

    def fit(model: keras.Model) -> Any:
        model.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)
        again = copied(model)
        again.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)
        model.set_weights(again.get_weights())

    return fit


def loaded(model: keras.Model) -> keras.Model:
    model.save("model.keras")
    return keras.models.load_model("model.keras")


class Saves(keras.callbacks.Callback):
    """Saves after each epoch, and looks at what it saved."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        again = loaded(self.model)
        x, _ = rows()
        np.testing.assert_array_equal(again.predict(x, verbose=0), self.model.predict(x, verbose=0))


class TrainsItself(keras.callbacks.Callback):
    """Makes steps of its own between those of fit."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._train(batch, 1)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._train(batch, 4)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._train(epoch, epoch)

    def _train(self, index: int, wanted: int) -> None:
        if index == wanted:
            x, y = rows()
            self.model.train_on_batch(x[:9], y[:9])


class Replaces(keras.callbacks.Callback):
    """Puts a function of its own around the train function while it trains, as some libraries do."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.original = original = self.model.train_function

        def train_function(iterator: Any) -> Any:
            self.calls += 1
            return original(iterator)

        self.model.train_function = train_function

    def on_train_end(self, logs: Any = None) -> None:
        self.model.train_function = self.original


class Remakes(keras.callbacks.Callback):
    """Freezes a layer for the second epoch, which takes another train function."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            self.model.layers[0].trainable = False
            self.model.make_train_function(force=True)


class Recompiles(keras.callbacks.Callback):
    """Another optimizer for the second epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 0:
            compiled(self.model, optimizer=keras.optimizers.SGD(0.05))
            self.model.make_train_function()


class Penalty(keras.layers.Layer):
    """Adds to the loss from inside of the model."""

    def call(self, inputs: Any) -> Any:
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(inputs)))
        return inputs


def own_penalty() -> keras.Model:
    layers = [
        keras.Input((FEATURES,)),
        keras.layers.Dense(8, "relu"),
        Penalty(),
        keras.layers.Dense(CLASSES, "softmax"),
    ]
    return compiled(keras.Sequential(layers))


def thawed(model: keras.Model) -> Any:
    """Transfer learning: a frozen layer is trained too in the second fit."""
    model.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)
    model.layers[0].trainable = True
    compiled(model, optimizer=keras.optimizers.Adam(1e-4))
    return model.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)


def changed_late(model: keras.Model) -> Any:
    """What is trainable is changed between two fits without `compile`: Keras goes on with the step that it compiled."""
    model.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)
    model.layers[0].trainable = not model.layers[0].trainable
    return model.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)


def changed_early(model: keras.Model) -> Any:
    """The same between `compile` and the first fit."""
    model.layers[0].trainable = not model.layers[0].trainable
    return model.fit(*rows(), validation_split=0.2, epochs=1, verbose=0)


def repeated(model: keras.Model) -> Any:
    data = tf.data.Dataset.from_tensor_slices(rows()).shuffle(50, seed=3).batch(BATCH).repeat()
    return model.fit(data, steps_per_epoch=5, epochs=3, validation_data=rows(), verbose=0)


def unknown_length(model: keras.Model) -> Any:
    data = tf.data.Dataset.from_tensor_slices(rows()).batch(BATCH).filter(lambda x, _: tf.shape(x)[0] > 0)
    return model.fit(data, epochs=2, validation_data=data.take(2), verbose=0)


def with_callbacks(*callbacks: Callable[[], keras.callbacks.Callback]) -> Fit:
    def fit(model: keras.Model) -> Any:
        return with_options(callbacks=[make() for make in callbacks])(model)

    return fit


def with_options(**options: Any) -> Fit:
    return lambda model: model.fit(*rows(), **{"epochs": 2, "validation_split": 0.2, "verbose": 0, **options})


def with_data(data: Callable[[], Any]) -> Fit:
    return lambda model: model.fit(*data(), validation_split=0.2, epochs=2, verbose=0)


CASES: dict[str, Case] = {
    "sequential": Case(dense),
    "unbuilt": Case(unbuilt),
    "functional, shared layer": Case(functional_shared),
    "nested": Case(nested),
    "subclassed": Case(lambda: compiled(Subclassed())),
    "own train step": Case(lambda: compiled(OwnStep(), metrics=None)),
    "two optimizers": Case(two_optimizers),
    "own train function": Case(lambda: compiled(OwnFunction()), tapped=False),
    "random operation": Case(random_operation),
    "LSTM": Case(recurrent(lambda: keras.layers.LSTM(5)), with_data(tokens)),
    "GRU": Case(recurrent(lambda: keras.layers.GRU(5, dropout=0.2)), with_data(tokens)),
    "bidirectional": Case(recurrent(lambda: keras.layers.Bidirectional(keras.layers.LSTM(4))), with_data(tokens)),
    "RNN of a cell": Case(recurrent(lambda: keras.layers.RNN(keras.layers.LSTMCell(4))), with_data(tokens)),
    "convolutional": Case(convolutional, with_data(images)),
    "attention": Case(attention, with_data(tokens)),
    "several outputs": Case(several_outputs, fit_several),
    "frozen layer": Case(frozen),
    "steps_per_execution": Case(lambda: dense(steps_per_execution=3)),
    "jit_compile": Case(lambda: dense(jit_compile=True)),
    "jit_compile, LSTM": Case(
        lambda: compiled(recurrent(lambda: keras.layers.LSTM(4))(), jit_compile=True), with_data(tokens)
    ),
    "run_eagerly": Case(lambda: dense(run_eagerly=True)),
    "mixed_float16": Case(mixed),
    "gradient accumulation": Case(lambda: dense(optimizer=keras.optimizers.Adam(gradient_accumulation_steps=4))),
    "global_clipnorm": Case(lambda: dense(optimizer=keras.optimizers.Adam(global_clipnorm=0.1))),
    "clipvalue, momentum": Case(lambda: dense(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, clipvalue=0.01))),
    "weight decay, EMA": Case(lambda: dense(optimizer=keras.optimizers.AdamW(use_ema=True, ema_overwrite_frequency=3))),
    "momentum": Case(lambda: dense(optimizer=keras.optimizers.SGD(0.1, momentum=0.9))),
    "momentum, jit_compile": Case(
        lambda: dense(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), jit_compile=True)
    ),
    "momentum, penalties": Case(lambda: compiled(penalized(), optimizer=keras.optimizers.SGD(0.1, momentum=0.9))),
    "momentum, shared layer": Case(lambda: compiled(functional_shared(), optimizer=keras.optimizers.SGD(0.1, 0.9))),
    "momentum, attention": Case(
        lambda: compiled(attention(), optimizer=keras.optimizers.SGD(0.1, 0.9)), with_data(tokens)
    ),
    "momentum, convolutional": Case(
        lambda: compiled(convolutional(), optimizer=keras.optimizers.SGD(0.1, 0.9)), with_data(images)
    ),
    "schedule": Case(lambda: dense(optimizer=schedule())),
    "own optimizer": Case(lambda: dense(optimizer=OwnOptimizer())),
    "sample_weight": Case(dense, with_options(sample_weight=np.linspace(0, 2, ROWS))),
    "class_weight": Case(dense, with_options(class_weight=dict.fromkeys(range(CLASSES), 0.5))),
    "no validation": Case(dense, with_options(validation_split=0.0)),
    "validation_data with weights": Case(
        dense, with_options(validation_split=0.0, validation_data=(*rows(), np.linspace(0, 2, ROWS)))
    ),
    "validation_freq": Case(dense, with_options(validation_freq=2)),
    "random when it validates": Case(always_random),
    "evaluates in a callback": Case(dense, with_options(callbacks=[Evaluates()])),
    "restored early": Case(
        dense,
        lambda model: model.fit(
            *rows(),
            validation_split=0.2,
            epochs=6,
            verbose=0,
            callbacks=[keras.callbacks.EarlyStopping(patience=0, min_delta=10, restore_best_weights=True)],
        ),
    ),
    "cloned inside": Case(dense, with_options(callbacks=[Saver()])),
    "tf.data": Case(dense, dataset),
    "generator": Case(dense, generator),
    "PyDataset": Case(dense, lambda model: model.fit(Sequence(), epochs=2, verbose=0)),
    "batches of other shapes": Case(recurrent(lambda: keras.layers.LSTM(4)), ragged),
    "compiled between two fits": Case(dense, again),
    "train_on_batch before": Case(dense, loop),
    "MirroredStrategy": Case(mirrored),
    "jit_compile, bidirectional GRU": Case(
        lambda: compiled(
            recurrent(lambda: keras.layers.Bidirectional(keras.layers.GRU(3)))(),
            optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
            jit_compile=True,
        ),
        with_data(tokens),
    ),
    "gradient accumulation, clipping": Case(
        lambda: dense(optimizer=keras.optimizers.SGD(0.1, 0.9, gradient_accumulation_steps=3, clipnorm=0.05))
    ),
    "add_loss": Case(own_penalty),
    "frozen, then thawed": Case(frozen, thawed),
    "frozen late": Case(dense, changed_late),
    "thawed late": Case(frozen, changed_late),
    "frozen before the first fit": Case(dense, changed_early),
    "thawed before the first fit": Case(frozen, changed_early),
    "repeated tf.data": Case(dense, repeated),
    "tf.data of unknown length": Case(dense, unknown_length),
    "BackupAndRestore": Case(dense, with_callbacks(lambda: keras.callbacks.BackupAndRestore("backup"))),
    "interrupted and resumed": Case(dense, resumed),
    "ReduceLROnPlateau": Case(
        dense, with_callbacks(lambda: keras.callbacks.ReduceLROnPlateau(patience=0, min_delta=10, factor=0.5))
    ),
    "saved inside": Case(dense, with_callbacks(Saves)),
    "trains in a callback": Case(dense, with_callbacks(TrainsItself)),
    "train function replaced": Case(dense, with_callbacks(Replaces), tapped=False),
    "train function remade": Case(dense, with_callbacks(Remakes)),
    "compiled inside": Case(dense, with_callbacks(Recompiles)),
    "saved and loaded": Case(dense, continued_by(loaded)),
    "deepcopied": Case(dense, continued_by(copy.deepcopy)),
    "pickled": Case(dense, continued_by(lambda model: pickle.loads(pickle.dumps(model)))),  # noqa: S301 (its own)
    "cloned": Case(dense, continued_by(lambda model: compiled(keras.models.clone_model(model)))),
}
