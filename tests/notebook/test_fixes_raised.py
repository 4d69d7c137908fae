"""Programs that raise or shuffle badly: the cell that is prescribed runs unedited, and cures them."""

from __future__ import annotations

import pytest

PROGRAM = """
import keras, numpy as np
import tensorflow as tf
rng = np.random.default_rng(0)
y = rng.integers(0, 3, 300)
x = (rng.normal(size=(300, 8)) + y[:, None]).astype("float32")
Y = np.eye(3)[y]
rows = tf.data.Dataset.from_tensor_slices((x[np.argsort(y)], np.sort(y)))
def classifier(loss, units=3, activation="softmax"):
    last = keras.layers.Dense(units, activation, name="last")
    net = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu", name="hidden"), last])
    net.compile("adam", loss, metrics=["accuracy"])
    return net
SPARSE, ONE_HOT = "sparse_categorical_crossentropy", "categorical_crossentropy"
"""


@pytest.mark.parametrize(
    ("setup", "call", "rule", "remedy"),
    [
        ("model = classifier(ONE_HOT)", "model.fit(x, y, verbose=0)", "fit-raised", "suited-loss"),
        ("model = classifier(SPARSE)", "model.fit(x, Y, verbose=0)", "fit-raised", "suited-loss"),
        (
            "model = classifier(keras.losses.SparseCategoricalCrossentropy(from_logits=True), activation=None)",
            "model.fit(x, Y, verbose=0)",
            "fit-raised",
            "suited-loss",
        ),
        ("model = classifier(SPARSE); y += 1", "model.fit(x, y, verbose=0)", "fit-raised", "labels-from-zero"),
        ("model = classifier(SPARSE, 2)", "model.fit(x, y, verbose=0)", "labels-out-of-range", "more-outputs"),
        (
            "model = classifier(SPARSE); y[::9] = -1",
            "model.fit(x, y, verbose=0)",
            "labels-out-of-range",
            "ignored-class",
        ),
        (
            "model = classifier(SPARSE); data = rows.shuffle(20).batch(10)",
            "model.fit(data, epochs=2, verbose=0)",
            "small-shuffle-buffer",
            "full-shuffle",
        ),
        (
            "model = classifier(SPARSE)",
            "model.fit(rows.batch(10).shuffle(30), epochs=2, verbose=0)",
            "small-shuffle-buffer",
            "full-shuffle",
        ),
        (
            "model = classifier(SPARSE); data = rows.batch(10)",
            "model.fit(data, epochs=2, verbose=0)",
            "unshuffled-training",
            "full-shuffle",
        ),
    ],
)
def test_the_prescribed_cell_runs_and_cures(shell, setup, call, rule, remedy):
    shell.run(f"{PROGRAM}{setup}")
    shell.ip.run_cell(f"%kdoctor fit {call}", store_history=True)
    (report,) = shell.ip.kdoctor.runs.values()
    assert report.record.failures == []
    # equal code stands in the report once
    found = [one.source for _diagnosis, _cause, one in report.prescriptions() if one.name == remedy]
    assert found
    assert rule in {diagnosis.name for diagnosis in report.diagnoses}
    shell.run(f"{PROGRAM}{setup}")
    shell.run(found[0])
    cured = shell.run("%kdoctor report")
    assert cured.record.outcome.status == "finished"
    assert {diagnosis.name for diagnosis in cured.diagnoses}.isdisjoint({rule, "fit-raised"}), found[0]
