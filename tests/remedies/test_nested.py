"""Cells for layers that stand inside of nested models, are shared, or are one of several branches."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from kerasdoctor.remedies.activity_regularization import ActivityRegularization
from kerasdoctor.remedies.batch_normalization import BatchNormalization
from kerasdoctor.remedies.default_initialization import DefaultInitialization
from kerasdoctor.remedies.dropout import Dropout
from kerasdoctor.remedies.layer_for_batch_norm import LayerForBatchNorm
from kerasdoctor.remedies.layer_normalization import LayerNormalization
from kerasdoctor.remedies.leaky_activation import LeakyActivation
from kerasdoctor.remedies.slower_batch_norm import SlowerBatchNorm
from kerasdoctor.remedies.smaller_dropout import SmallerDropout
from kerasdoctor.remedies.weaker_penalty import WeakerPenalty
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from tests.remedies.test_cell import trained
from tests.remedies.test_generalization import prescribed

layers = keras.layers
CALL = "model.fit(x, y, batch_size=32, validation_split=0.2, epochs=1, verbose=0)"


def _inner(penalty: keras.regularizers.Regularizer | None) -> keras.Model:
    first = layers.Dense(6, activation="relu", name="first", kernel_initializer="ones", activity_regularizer=penalty)
    return keras.Sequential([keras.Input((4,)), first, layers.Dropout(0.9, name="drop")], name="inner")


def _nested(kind: str, penalty: keras.regularizers.Regularizer | None = None) -> keras.Model:
    stack = [_inner(penalty), layers.Dense(3, activation="softmax", name="last")]
    if kind == "Sequential":
        return keras.Sequential([keras.Input((4,)), *stack])
    inputs = keras.Input((4,))
    return keras.Model(inputs, stack[1](stack[0](inputs)))


def _branches() -> keras.Model:
    inputs = keras.Input((4,))
    shared = layers.Dense(4, activation="relu", name="shared")
    both = layers.Concatenate(name="both")([shared(inputs), shared(shared(inputs))])
    hidden = layers.Dense(8, activation="relu", name="hidden")(both)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="last")(hidden))


def after(remedy: Any, model: keras.Model) -> keras.Model:
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
    names = {"model": model, "x": x, "y": np.arange(80) % 3}
    fresh = prescribed(remedy, trained(CALL, **names), **names)["model"]
    assert fresh is not model
    assert isinstance(fresh, keras.Model)
    return fresh


@pytest.mark.parametrize("kind", ["Sequential", "Functional"])
def test_layers_of_a_nested_model(kind: str) -> None:
    def first(remedy: Any, penalty: keras.regularizers.Regularizer | None = None) -> Any:
        return after(remedy, _nested(kind, penalty)).get_layer("inner").get_layer("first")

    assert first(LeakyActivation()).activation.__name__ == "leaky_relu"
    assert first(WeightRegularization()).kernel_regularizer is not None
    assert type(first(DefaultInitialization()).kernel_initializer).__name__ == "HeNormal"
    assert first(WeakerPenalty(), keras.regularizers.L2(1.0)).activity_regularizer is None
    assert after(SmallerDropout(), _nested(kind)).get_layer("inner").get_layer("drop").rate == 0.3


def test_a_shared_layer_stays_one() -> None:
    for remedy in (BatchNormalization(), LayerNormalization(), WeightRegularization(), ActivityRegularization()):
        fresh = after(remedy, _branches())
        # three calls of one layer
        assert sum(layer.name.startswith("shared") for layer in fresh.layers) == 1
    assert fresh.get_layer("shared").activity_regularizer is not None
    fresh = after(LayerNormalization(), _branches())
    assert sum(isinstance(layer, layers.LayerNormalization) for layer in fresh.layers) == 2


def test_dropout_stands_behind_the_concatenate() -> None:
    fresh = after(Dropout(), _branches())
    (drop,) = [layer for layer in fresh.layers if isinstance(layer, layers.Dropout)]
    assert drop.input is fresh.get_layer("both").output
    assert fresh.get_layer("hidden").input is drop.output


def test_layer_normalization_in_place_of_batch_normalization() -> None:
    stack = [keras.Input((4,)), layers.Dense(6), layers.BatchNormalization(), layers.Dense(3, activation="softmax")]
    fresh = after(LayerForBatchNorm(), keras.Sequential(stack))
    assert [type(layer).__name__ for layer in fresh.layers] == ["Dense", "LayerNormalization", "Dense"]


def test_momentum_of_ten_batches() -> None:
    norm = layers.BatchNormalization(momentum=0.1)
    stack = [keras.Input((4,)), layers.Dense(6), norm, layers.Dense(3, activation="softmax")]
    assert after(SlowerBatchNorm(), keras.Sequential(stack)).layers[1].momentum == 0.9
