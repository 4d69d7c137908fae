"""`repeated-shuffle` against the orders in which Keras really draws the rows of a pipeline."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor

ROWS, EPOCHS = 96, 3


class Seen(keras.Model):
    """Notes the rows of each step; untraced."""

    def train_step(self, data):
        self.rows += np.array(data[0])[:, 0].astype(int).tolist()
        return super().train_step(data)


def orders(name, data, **arguments):
    """How many different orders the epochs had, and whether the rule fires."""
    inputs = keras.Input((1,))
    model = Seen(inputs, keras.layers.Dense(1)(inputs))
    model.rows = []
    model.compile("sgd", "mse", run_eagerly=True)
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(*data, epochs=EPOCHS, verbose=0, **arguments)
    drawn = {tuple(model.rows[epoch * ROWS : (epoch + 1) * ROWS]) for epoch in range(EPOCHS)}
    return len(drawn), name in {diagnosis.name for diagnosis in watch.report.diagnoses}


@pytest.mark.parametrize(
    ("pipeline", "distinct"),
    [
        (lambda rows: rows.shuffle(ROWS).batch(16), EPOCHS),
        (lambda rows: rows.shuffle(ROWS, seed=3).batch(16).prefetch(2), EPOCHS),
        (lambda rows: rows.cache().shuffle(ROWS).batch(16), EPOCHS),
        (lambda rows: rows.shuffle(ROWS).cache().shuffle(ROWS).batch(16), EPOCHS),
        (lambda rows: rows.shuffle(ROWS, reshuffle_each_iteration=False).shuffle(ROWS).batch(16), EPOCHS),
        (lambda rows: rows.shuffle(ROWS, reshuffle_each_iteration=False).batch(16), 1),
        (lambda rows: rows.shuffle(ROWS).cache().batch(16), 1),
        (lambda rows: rows.shuffle(ROWS).batch(16).cache().prefetch(2), 1),
    ],
)
@pytest.mark.parametrize("seed", [None, 1])
def test_it_fires_where_the_order_repeats(pipeline, distinct, seed):
    if seed is not None:
        keras.utils.set_random_seed(seed)
    rows = np.arange(ROWS, dtype="float32")[:, None]
    dataset = pipeline(tf.data.Dataset.from_tensor_slices((rows, rows)))
    assert orders("repeated-shuffle", (dataset,)) == (distinct, distinct == 1)


def test_a_seed_repeats_the_order_of_arrays_and_gets_no_badge():
    keras.utils.set_random_seed(1)
    rows = np.arange(ROWS, dtype="float32")[:, None]
    assert orders("repeated-shuffle", (rows, rows), batch_size=16) == (1, False)
