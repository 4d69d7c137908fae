"""Differently written programs with one fault: every cell that is prescribed runs unedited, and cures it."""

from __future__ import annotations

import pytest

PROGRAM = """
import keras, numpy as np, pandas as pd
rng = np.random.default_rng(0)
x, y = rng.normal(size=(600, 8)).astype("float32"), np.sort(rng.integers(0, 3, 600))
frame, series = pd.DataFrame(x, columns=list("abcdefgh")), pd.Series(y)
def own_loss(target, predicted):
    return keras.losses.sparse_categorical_crossentropy(target, predicted)
def sequential(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=("accuracy",)):
    hidden = keras.layers.Dense(16, activation="relu")
    net = keras.Sequential([keras.Input((8,)), hidden, keras.layers.Dense(3, activation="softmax")])
    net.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
    return net
def functional():
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(16, activation="relu")(inputs)
    net = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    net.compile("adam", "sparse_categorical_crossentropy")
    return net
def two_inputs():
    inputs = {name: keras.Input((8,), name=name) for name in "ab"}
    both = keras.layers.Concatenate()(list(inputs.values()))
    net = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(both))
    net.compile("adam", "sparse_categorical_crossentropy")
    return net
"""
SPLIT = "validation_split=0.2, verbose=0"


@pytest.mark.parametrize(
    ("setup", "call"),
    [
        ("model = sequential()", f"history = %kdoctor fit model.fit(x, y, {SPLIT})"),
        ("model = sequential()", "%kdoctor fit model.fit(x, y, 32, 1, 0, None, 0.2)"),
        ("модель = functional()", f"%kdoctor fit модель.fit(x, y, {SPLIT})"),
        ("model = sequential(own_loss)", f"%kdoctor fit model.fit(x, y, {SPLIT})"),
        ("model = sequential(lambda t, p: own_loss(t, p))", f"%kdoctor fit model.fit(x, y, {SPLIT})"),
        ("model = sequential()", f"%kdoctor fit model.fit(frame, series, {SPLIT})"),
        ("model = two_inputs()", f"%kdoctor fit model.fit({{'a': x, 'b': x}}, y, {SPLIT})"),
        ("model = two_inputs(); rows = {'a': x, 'b': x}", f"%kdoctor fit model.fit(rows, y, {SPLIT})"),
        ("model = sequential(); o = dict(x=x, y=y, validation_split=0.2, verbose=0)", "%kdoctor fit model.fit(**o)"),
        (
            "model = sequential(optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 100)))",
            f"%kdoctor fit model.fit(x, y, {SPLIT})",
        ),
        # an optimizer belongs to the variables that it has trained
        (
            "mine = keras.optimizers.Adam(0.01); model = sequential(optimizer=mine)",
            f"%kdoctor fit model.fit(x, y, {SPLIT})",
        ),
        (
            "model = sequential(metrics=[keras.metrics.SparseTopKCategoricalAccuracy(k=2, name='top')])",
            f"%kdoctor fit model.fit(x, y, {SPLIT})",
        ),
        (
            "model = sequential(); mine = [keras.callbacks.ReduceLROnPlateau()]",
            f"%kdoctor fit model.fit(x, y, {SPLIT}, callbacks=mine)",
        ),
        ("net = None", f"%kdoctor fit sequential().fit(x, y, {SPLIT})"),
        ("model = sequential()", f"%kdoctor fit model.fit(x * 2, y + 0, {SPLIT})"),
        ("model = sequential(); w = np.ones(600)", f"%kdoctor fit model.fit(x, y, sample_weight=w, {SPLIT})"),
        ("model = sequential('categorical_crossentropy'); Y = np.eye(3)[y]", f"%kdoctor fit model.fit(x, Y, {SPLIT})"),
        ("model = sequential()", f"%%kdoctor fit\nfor _ in range(1):\n    model.fit(x, y, {SPLIT})"),
    ],
)
def test_the_prescribed_cells_run_and_cure(shell, setup, call):
    shell.run(f"{PROGRAM}{setup}")
    shell.run(call)
    (report,) = shell.ip.kdoctor.runs.values()
    assert [diagnosis.name for diagnosis in report.diagnoses] == ["unshuffled-split"]
    assert report.record.failures == []
    prescriptions = list(report.prescriptions())
    assert prescriptions
    for _diagnosis, _cause, prescription in prescriptions:
        shell.run(f"{PROGRAM}{setup}")
        shell.run(prescription.source)
        assert shell.run("%kdoctor report").diagnoses == (), prescription.source
