"""`%kdoctor check` as a user types it."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest

FIT = "model.fit(x, y, validation_split=0.2, epochs=2, verbose=0)"


@pytest.mark.parametrize(
    "cell",
    [
        f"r = %kdoctor check {FIT}",
        "r = %kdoctor check model.fit(\n    x, y,  # rows\n    validation_split=0.2,\n    epochs=2, verbose=0,\n)",
        f"def look(inputs):\n    r = %kdoctor check {FIT.replace('x,', 'inputs,', 1)}\n    return r\nr = look(x)",
        f"def train():\n    h = {FIT}\n    return h.history['loss'][-1]\nr = %kdoctor check train()",
    ],
    ids=["line", "lines", "inside a function", "of a function"],
)
def test_every_way_to_write_it(digits_shell, cell):
    original = keras.Model.fit
    digits_shell.run(cell)
    report = digits_shell.run("r")
    assert keras.Model.fit is original
    assert report.record.outcome.status == "checked"
    assert report.record.source.call.startswith("model.fit(")
    assert {"initial_loss", "zero_input", "inference_randomness"} <= set(report.record.quantities)
    assert not report.record.failures
    assert not report.record.instrument.unprobed
    text = digits_shell.shown[0]["text/plain"]
    assert "checked, nothing was trained" in text
    assert "Verdict: Nothing was trained: no curve to read." in text
    assert "Curves" not in text
    assert "nothing was trained" in digits_shell.shown[0]["text/html"]
    assert digits_shell.run("int(model.optimizer.iterations)") == 0


def test_nothing_of_the_users_changes(digits_shell):
    digits_shell.run("model.add(keras.layers.Dropout(0.5, name='late'))\nmodel.compile('adam', 'mse')")
    digits_shell.run("model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])")
    model = digits_shell.ip.user_ns["model"]

    def state():
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        values = [keras.ops.convert_to_numpy(variable).tobytes() for variable in variables]
        return values, random.getstate(), str(np.random.get_state())  # noqa: NPY002 (what users draw from)

    before = state()
    digits_shell.run(f"%kdoctor check {FIT}")
    assert state() == before


def test_a_few_rows_are_learned_by_heart_where_that_is_asked_for(digits_shell):
    digits_shell.run(f"r = %kdoctor check --overfit {FIT}")
    digits_shell.run(f"plain = %kdoctor check {FIT}")
    assert digits_shell.run("r").record.quantities["overfit_batch"].compiled.learned
    assert "known in" in digits_shell.shown[0]["text/plain"]
    assert "overfit_batch" not in digits_shell.run("plain").record.quantities
    assert digits_shell.run("int(model.optimizer.iterations)") == 0


def test_the_fit_after_it_is_that_without_it(digits_shell):
    make = "keras.utils.set_random_seed(3)\nmodel = programs.classifier()\n"
    digits_shell.run(f"{make}plain = {FIT}.history['loss']")
    digits_shell.run(f"{make}%kdoctor check {FIT}\nchecked = {FIT}.history['loss']")
    assert digits_shell.run("checked == plain")


def test_a_pipeline_is_not_drawn_from(digits_shell):
    digits_shell.run("def rows():\n    raise SystemError('drawn')\n    yield")
    digits_shell.run("r = %kdoctor check model.fit(rows())")
    assert digits_shell.run("r").record.instrument.unprobed == "the rows are not given as arrays"


def test_a_check_has_no_curves_to_show(digits_shell):
    digits_shell.run("%kdoctor check model.fit(x, y)")
    assert "was a check: it has no curves to show; write %kdoctor report" in str(digits_shell.fails("%kdoctor show"))


def test_rows_that_the_model_does_not_take_are_no_crash(digits_shell):
    digits_shell.run("r = %kdoctor check model.fit(x[:, :5], y)")
    report = digits_shell.run("r")
    assert report.record.instrument.unprobed == "fit raises ValueError"
    assert [diagnosis.name for diagnosis in report.diagnoses] == ["fit-raised"]
    assert not report.record.failures


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%kdoctor check", ["write %kdoctor check model.fit(x, y, ...)"]),
        ("%kdoctor check 3 + 4", ["no", "write %kdoctor check"]),
        ("%kdoctor check len(x)", ["no Keras fit", "write %kdoctor check"]),
        ("%kdoctor check model.fit(x))", ["write %kdoctor check"]),
        ("%kdoctor check model.fit(x, z=1)", ["fit cannot be called so"]),
        ("%kdoctor check programs.classifier(compiled=False).fit(x, y)", ["not compiled", "model.compile("]),
    ],
)
def test_one_clear_line_without_a_traceback(digits_shell, capsys, cell, words):
    capsys.readouterr()
    digits_shell.fails(cell)
    said = "".join(capsys.readouterr())
    assert all(word in said for word in words), said
    assert said.startswith("UsageError")
    assert said.count("\n") == 1


def test_a_monitor_that_no_epoch_would_log(digits_shell):
    stop = "callbacks=[keras.callbacks.EarlyStopping(monitor={monitor!r}, patience=1)], epochs=9, verbose=0"
    for monitor, split, found in (("val_loss", "", True), ("val_loss", "validation_split=0.2, ", False)):
        digits_shell.run(f"r = %kdoctor check model.fit(x, y, {split}{stop.format(monitor=monitor)})")
        assert ("idle-early-stopping" in [d.name for d in digits_shell.run("r").diagnoses]) is found
    digits_shell.run(f"r = %kdoctor check model.fit(x, y, validation_split=0.2, {stop.format(monitor='val_acc')})")
    assert "it watches 'val_acc', which is not logged" in digits_shell.shown[-1]["text/plain"]
