"""Edits of the user's cells in a real shell: they are found, run as they are written, and cure."""

from __future__ import annotations

import pytest

SETUP = """import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(60, 8)).astype("float32")
y = rng.integers(0, 3, 60)
"""
BUILD = """import keras
from keras import layers

keras.utils.set_random_seed(0)
# one hidden layer
model = keras.Sequential([
    keras.Input((8,)),
    layers.Dense(512, activation="relu"),  # wide
    layers.Dense(3, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
FIT = "history = %kdoctor fit model.fit(\n    x, y, validation_split=0.2, epochs=60, verbose=0)"


@pytest.fixture
def overfitted(shell):
    for cell in (SETUP, BUILD, FIT):
        shell.run(cell)
    return shell


def test_an_edited_cell_is_the_next_input_and_runs(overfitted, capsys):
    (report,) = overfitted.ip.kdoctor.runs.values()
    assert report.record.failures == []
    fixes = {fix.name: fix for *_, fix in report.prescriptions()}
    (edit,) = fixes["dropout"].edits
    assert edit.old == BUILD
    assert edit.number == 3
    overfitted.run("%kdoctor fix dropout --edit")
    assert "your [3] with the change made" in capsys.readouterr().out
    written = overfitted.ip.rl_next_input
    assert written == edit.new.rstrip("\n")
    assert "    layers.Dropout(0.3),\n    layers.Dense(3" in written
    overfitted.run(written)
    overfitted.run(FIT)
    again = list(overfitted.ip.kdoctor.runs.values())[-1].record
    assert [layer.kind for layer in again.model.layers] == ["Dense", "Dropout", "Dense"]


def test_the_cell_that_ran_last_is_the_one(overfitted):
    overfitted.run(BUILD.replace("512", "500"))
    overfitted.run(FIT)
    report = list(overfitted.ip.kdoctor.runs.values())[-1]
    edits = [edit for *_, fix in report.prescriptions() for edit in fix.edits]
    assert edits
    assert {edit.old for edit in edits if "Sequential" in edit.old} == {BUILD.replace("512", "500")}


def test_cells_are_kept_to_the_byte_each_as_it_ran_last(shell):
    for cell in ("a = 1\n\n", "b = 2  ", "a = 1\n\n"):
        shell.run(cell)
    kept = shell.ip.kdoctor.history.cells()
    # the first of the shell loads the extension
    assert [(cell.text, cell.number) for cell in kept[1:]] == [("b = 2  ", 3), ("a = 1\n\n", 4)]
