"""Cells of single changes, run as they are written."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import kerasdoctor
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import (
    BalanceClasses,
    Change,
    NormalizeFirst,
    Plan,
    ReplaceTargets,
    SetCompileArgument,
    SetOptimizerArgument,
    cell,
)

PROGRAM = """
import keras
import numpy as np
rng = np.random.default_rng(0)
x = (100 + 50 * rng.normal(size=(120, 4))).astype("float32")
y = np.tile([1, 2, 2, 3], 30)
x_val, y_val = x[:20], y[:20]
held_out = (x_val, y_val)
def functional():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(inputs))
def sequential():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, activation="softmax")])
def own(target, predicted):
    return keras.losses.sparse_categorical_crossentropy(target, predicted)
"""


def run(build: str, call: str, *changes: Change, loss: str = '"sparse_categorical_crossentropy"') -> dict[str, Any]:
    """The names after the program, and after the cell that the changes are written in."""
    names: dict[str, Any] = {}
    program = f"{PROGRAM}\nmodel = {build}\nmodel.compile('adam', {loss})\n{call}\n"
    names["__name__"] = "__program__"
    record = watched(program, names)
    written = cell.write(record, Plan(changes, "why"))
    assert written is not None
    exec(written.source, names)
    return {**names, "cell": written.source}


def watched(program: str, names: dict[str, Any]) -> TrainingRecord:
    import linecache

    # the source of the call is found in its file
    linecache.cache["program.py"] = (len(program), None, program.splitlines(keepends=True), "program.py")
    with kerasdoctor.watch(quiet=True) as watch:
        exec(compile(program, "program.py", "exec"), names)
    return watch.report.record


@pytest.mark.parametrize("build", ["sequential()", "functional()"])
@pytest.mark.parametrize("loss", ['"sparse_categorical_crossentropy"', "own"])
def test_normalization_in_front(build: str, loss: str) -> None:
    names = run(build, "model.fit(x, y, validation_split=0.5, verbose=0)", NormalizeFirst(), loss=loss)
    layer = names["model"].layers[0]
    assert isinstance(layer, keras.layers.Normalization)
    np.testing.assert_allclose(np.reshape(layer.mean, -1), names["x"][:60].mean(axis=0), rtol=1e-4)


@pytest.mark.parametrize(
    ("held_out", "expected"),
    [
        ("", "model.fit(x, y_from_zero, verbose=0)"),
        (", validation_data=(x_val, y_val)", "validation_data=(x_val, y_val - 1)"),
        (", validation_data=held_out", "validation_data=(held_out[0], held_out[1] - 1, *held_out[2:])"),
    ],
)
def test_targets_of_both_parts_are_replaced(held_out: str, expected: str) -> None:
    names = run("sequential()", f"model.fit(x, y{held_out}, verbose=0)", ReplaceTargets("{y} - 1", "from_zero"))
    assert set(names["y_from_zero"].tolist()) == {0, 1, 2}
    # so that the cell may be run twice
    assert set(names["y"].tolist()) == {1, 2, 3}
    assert expected in names["cell"]


def test_classes_are_weighted_by_their_shares() -> None:
    names = run("sequential()", "model.fit(x, y, verbose=0)", BalanceClasses())
    # the classes weigh the same in all, and a row weighs 1 on average
    counts = {1: 30, 2: 60, 3: 30}
    assert names["class_weight"] == pytest.approx({label: 120 / (3 * n) for label, n in counts.items()})
    assert "class_weight=class_weight" in names["cell"]


def test_arguments_of_optimizer_and_compile() -> None:
    names = run(
        "functional()",
        "model.fit(x, y, verbose=0)",
        SetOptimizerArgument("clipnorm", "1.0"),
        SetCompileArgument("loss", "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
        loss="lambda t, p: own(t, p)",
    )
    assert names["model"].optimizer.clipnorm == 1.0
    assert names["model"].loss.from_logits
