"""Cells of single remedies, run as they are inserted in a notebook that shows the fault."""

from __future__ import annotations

from typing import Any

import pytest

from kerasdoctor.diagnosis import Applicability
from tests.notebook.conftest import Shell

PROGRAM = """
import keras, numpy as np, pandas as pd, tensorflow as tf
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
y = rng.integers(0, 3, 600)
x = (np.eye(8)[y] + 0.3 * rng.normal(size=(600, 8))).astype("float32")
x_val, y_val = x[480:], y[480:]
def net(*hidden, last=3, activation="softmax"):
    hidden = hidden or (keras.layers.Dense(16, activation="relu"),)
    return keras.Sequential([keras.Input((8,)), *hidden, keras.layers.Dense(last, activation=activation)])
model = net()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""


def treated(shell: Shell, setup: str, call: str, rule: str, remedy: str) -> tuple[Any, Any, str]:
    """The reports before and after the cell, and the cell."""
    shell.run(PROGRAM)
    if setup:
        shell.run(setup)
    shell.ip.run_cell(call)
    before = shell.run("%kdoctor report")
    assert rule in [diagnosis.name for diagnosis in before.diagnoses], before.record.outcome
    found = [
        prescription
        for diagnosis in before.diagnoses
        if diagnosis.name == rule
        for cause in diagnosis.causes
        for prescription in cause.prescriptions
        if prescription.name == remedy
    ]
    assert found, (rule, remedy, before.skipped)
    assert found[0].applicability is not Applicability.HAS_PLACEHOLDERS
    first = found[0].source.splitlines()[0]
    # the comment says why, with the number that showed it
    assert first.startswith("# ")
    assert any(character.isdigit() for character in first), first
    shell.run(found[0].source)
    return before, shell.run("%kdoctor report"), found[0].source


def cured(report: Any, rule: str) -> bool:
    assert report.record.outcome.status != "raised", report.record.outcome
    return rule not in [diagnosis.name for diagnosis in report.diagnoses]


FIT = "%kdoctor fit model.fit(x, y, epochs=2, verbose=0, "
MONITOR = "callbacks=[keras.callbacks.EarlyStopping(monitor='val_acc', patience=1)])"
CHECKPOINT = "keep = keras.callbacks.EarlyStopping(monitor='val_acc', patience=1)"
GENERATOR = """
def endless():
    while True:
        rows = rng.integers(0, 600, 32)
        yield x[rows], y[rows]
def short():
    for _ in range(30):
        yield x[:32], y[:32]
held_out = endless()
"""
PIPE = "train = tf.data.Dataset.from_tensor_slices((x, y)){steps}"


@pytest.mark.parametrize(
    ("setup", "call", "rule", "remedy"),
    [
        ("", f"{FIT}validation_split=0.2, {MONITOR}", "fit-raised", "logged-monitor"),
        (CHECKPOINT, f"{FIT}validation_split=0.2, callbacks=[keep])", "fit-raised", "logged-monitor"),
        ("model = net(); model.compile('adam')", f"{FIT}validation_split=0.2)", "fit-raised", "loss-of-targets"),
        (
            "y = np.eye(5)[y]; model.compile('adam', 'categorical_crossentropy')",
            f"{FIT})",
            "fit-raised",
            "output-shape",
        ),
        ("y = np.array(['a', 'b', 'c'])[y]", f"{FIT})", "fit-raised", "numbered-labels"),
        (
            "x = np.array([row[: 3 + i % 5] for i, row in enumerate(x)], dtype=object)",
            f"{FIT})",
            "fit-raised",
            "equal-lengths",
        ),
        ("y = 10 * y + 3", f"{FIT})", "fit-raised", "numbered-labels"),
        (
            "model = net(last=1, activation='sigmoid'); model.compile('adam', 'binary_crossentropy')",
            f"{FIT})",
            "targets-out-of-range",
            "class-outputs",
        ),
        (
            "model = net(last=1, activation='linear'); model.compile('adam', 'mse', metrics=['accuracy'])",
            f"{FIT})",
            "accuracy-on-regression",
            "class-outputs",
        ),
        (
            (
                "hidden = keras.layers.Dense(3, activation='softmax')\n"
                "model = keras.Sequential([keras.Input((8,)), hidden, keras.layers.Activation('softmax')])\n"
                "model.compile('adam', 'sparse_categorical_crossentropy')"
            ),
            f"{FIT})",
            "softmax-twice",
            "single-softmax",
        ),
        (
            (
                "model = keras.Sequential([net(), keras.layers.Dropout(0.5)])\n"
                "model.compile('adam', 'sparse_categorical_crossentropy')"
            ),
            f"{FIT})",
            "strong-dropout",
            "predictions-kept",
        ),
        (
            (
                "model = net(keras.layers.Dense(64, activation='relu'), keras.layers.Dropout(0.8))\n"
                "model.compile('adam', 'sparse_categorical_crossentropy')"
            ),
            f"{FIT})",
            "strong-dropout",
            "share-to-drop",
        ),
        (
            "y = np.eye(3)[y] * 5; model.compile('adam', 'categorical_crossentropy')",
            f"{FIT})",
            "targets-out-of-range",
            "rescale-targets",
        ),
        (
            "y = 0.2 + 0.5 * np.eye(3)[y]; model.compile('adam', 'categorical_crossentropy')",
            f"{FIT})",
            "rows-not-distributions",
            "rows-sum-to-one",
        ),
        (
            GENERATOR,
            "%kdoctor fit model.fit(short(), steps_per_epoch=20, epochs=2, verbose=0)",
            "exhausted-data",
            "whole-passes",
        ),
        (
            PIPE.format(steps=".batch(32)"),
            "%kdoctor fit model.fit(train, steps_per_epoch=30, epochs=2, verbose=0)",
            "exhausted-data",
            "whole-passes",
        ),
        (
            GENERATOR,
            "%kdoctor fit model.fit(x, y, validation_data=held_out, validation_steps=5, epochs=3, verbose=0)",
            "changing-validation-set",
            "fixed-validation-set",
        ),
        (
            "held_out = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(600).batch(32)",
            "%kdoctor fit model.fit(x, y, validation_data=held_out, validation_steps=5, epochs=3, verbose=0)",
            "changing-validation-set",
            "fixed-validation-set",
        ),
        (
            "x = np.abs(x); x_val = (255 * x[480:]).astype('float32')",
            f"{FIT}validation_data=(x_val, y_val))",
            "mismatched-preprocessing",
            "same-scale",
        ),
        (
            "x = 255 * np.abs(x); held_out = (x[480:] / 255, y[480:])",
            f"{FIT}validation_data=held_out)",
            "mismatched-preprocessing",
            "same-scale",
        ),
        (
            (
                "x = pd.DataFrame(x * np.arange(1, 9) + 40 * np.arange(8), columns=list('abcdefgh'))\n"
                "x_val = x.iloc[480:][list('hgfedcba')]"
            ),
            f"{FIT}validation_data=(x_val, y_val))",
            "mismatched-preprocessing",
            "same-columns",
        ),
        (
            (
                "x, y = np.concatenate([x, x[:300]]), np.concatenate([y, y[:300]])\n"
                "order = rng.permutation(900); x, y = x[order], y[order]"
            ),
            f"{FIT}validation_split=0.2)",
            "duplicated-rows",
            "drop-repeated-rows",
        ),
        (
            PIPE.format(steps=".shuffle(600, reshuffle_each_iteration=False).batch(32)"),
            "%kdoctor fit model.fit(train, epochs=3, verbose=0)",
            "repeated-shuffle",
            "full-shuffle",
        ),
        (
            PIPE.format(steps=".shuffle(600).batch(32).cache()"),
            "%kdoctor fit model.fit(train, epochs=3, verbose=0)",
            "repeated-shuffle",
            "full-shuffle",
        ),
        (
            "x, y = x[:200], y[:200]",
            f"{FIT}validation_split=0.05)",
            "small-validation-set",
            "larger-validation-set",
        ),
        ("model.trainable = False", f"{FIT})", "nothing-trainable", "trainable-head"),
        ("model.trainable = False", f"{FIT})", "nothing-trainable", "two-stages"),
    ],
)
def test_the_fault_is_gone(shell, setup, call, rule, remedy):
    _before, after, source = treated(shell, setup, call, rule, remedy)
    assert cured(after, rule), source


def test_the_weights_the_optimizer_and_the_epoch_go_on(shell):
    setup = "model.compile(keras.optimizers.SGD(0.02), 'sparse_categorical_crossentropy')"
    call = "%kdoctor fit model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)"
    before, after, source = treated(shell, setup, call, "stopped-too-early", "continue-training")
    # nothing is built or compiled
    assert "clone_model" not in source
    assert "compile" not in source
    assert "goes on from the weights and the optimizer that are there" in source
    record = after.record
    # 480 rows in batches of 32
    assert record.model.iterations == 8 * 15
    assert record.fit.initial_epoch == 8
    assert record.outcome.epochs == 16
    assert record.history["loss"][0] < before.record.history["loss"][-1]
    assert not {"continued-training", "lost-optimizer-state"} & {found.name for found in after.diagnoses}


def test_an_optimizer_is_not_lost_again(shell):
    shell.run(PROGRAM)
    shell.run("%kdoctor fit model.fit(x, y, epochs=2, verbose=0)")
    setup = "model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])"
    shell.run(setup)
    shell.run("%kdoctor fit model.fit(x, y, initial_epoch=2, epochs=4, verbose=0)")
    report = shell.run("%kdoctor report")
    (found,) = [found for found in report.diagnoses if found.name == "lost-optimizer-state"]
    chosen = next(p for cause in found.causes for p in cause.prescriptions if p.name == "continue-training")
    shell.run(chosen.source)
    after = shell.run("%kdoctor report")
    assert cured(after, "lost-optimizer-state")
    assert after.record.fit.initial_epoch == 4
    assert after.record.model.iterations == 2 * 19


@pytest.mark.parametrize("name", ["best.weights.h5", "epoch{epoch:02d}.keras"])
def test_saved_weights_come_back(shell, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    only = ", save_weights_only=True" if "weights" in name else ""
    setup = (
        "class Longer(keras.callbacks.Callback):\n"
        "    def on_epoch_begin(self, epoch, logs=None):\n"
        "        self.model.optimizer.learning_rate = 1e30 if epoch == 3 else 0.05\n"
        "model.compile(keras.optimizers.SGD(0.05), 'sparse_categorical_crossentropy')\n"
        f"keep = keras.callbacks.ModelCheckpoint({name!r}, monitor='loss', save_best_only=True{only})"
    )
    call = "%kdoctor fit model.fit(x, y, epochs=5, verbose=0, callbacks=[keep, Longer()])"
    shell.run(PROGRAM)
    shell.run(setup)
    shell.run(call)
    report = shell.run("%kdoctor report")
    (found,) = [found for found in report.diagnoses if found.name in {"nan-loss", "loss-spike"}]
    chosen = [p for cause in found.causes for p in cause.prescriptions if p.name == "saved-weights"]
    assert chosen, [(cause.name, cause.status) for cause in found.causes]
    assert "epoch 3" in chosen[0].source
    shell.run(chosen[0].source.replace(", Longer()", ""))
    after = shell.run("%kdoctor report")
    assert cured(after, found.name)
    assert after.record.fit.initial_epoch == 3
    assert after.record.history["loss"][0] < report.record.history["loss"][1]


PRETRAINED = """
def backbone():
    hidden = keras.layers.Dense(32, activation="relu", name="inner")
    return keras.Sequential([keras.Input((8,)), hidden, keras.layers.BatchNormalization()], name="base")
base = backbone()
teacher = keras.Sequential([base, keras.layers.Dense(3, activation="softmax")])
teacher.compile("adam", "sparse_categorical_crossentropy")
teacher.fit(x, y, epochs=5, verbose=0)
x = 4 * x + 9
model = keras.Sequential([keras.Input((8,)), base, keras.layers.Dense(3, activation="softmax", name="head")])
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
"""
FINE = "%kdoctor fit model.fit(x[:160], y[:160], epochs=3, validation_split=0.2, verbose=0)"


@pytest.mark.parametrize("remedy", ["frozen-batch-norm", "two-stages"])
def test_pretrained_statistics_are_kept(shell, remedy):
    before, after, source = treated(shell, PRETRAINED, FINE, "fine-tuned-batch-norm", remedy)
    assert cured(after, "fine-tuned-batch-norm"), source
    assert "clone_model" not in source
    (norm,) = [layer for layer in after.record.model.layers if layer.kind == "BatchNormalization"]
    assert not norm.trainable
    rate = before.record.compile.learning_rate
    assert after.record.compile.learning_rate == pytest.approx(rate / (10 if remedy == "frozen-batch-norm" else 100))
    # the dense layer in front of it learns, with its pretrained weights
    assert shell.run("model.get_layer('base').get_layer('inner').trainable")
    shell.run("kernel = base.get_layer('inner').kernel")
    assert shell.run("model.get_layer('base').get_layer('inner').kernel is kernel")


def test_nan_on_raw_data_needs_both(shell):
    setup = (
        "y = (1000 * x[:, 0]).astype('float32'); x = 1e4 * x; model = net(last=1, activation='linear')\n"
        "model.compile(keras.optimizers.SGD(0.5), 'mse')"
    )
    _before, after, source = treated(shell, setup, f"{FIT}validation_split=0.2)", "nan-loss", "normalized-and-clipped")
    assert cured(after, "nan-loss"), source


def test_the_rate_falls_where_the_loss_stays(shell):
    from kerasdoctor.remedies import cell
    from kerasdoctor.remedies.reduce_on_plateau import ReduceOnPlateau

    shell.run(PROGRAM)
    shell.run("%kdoctor fit model.fit(x, y, epochs=5, validation_split=0.2, verbose=0)")
    record = shell.run("%kdoctor report").record
    plan = ReduceOnPlateau().plan(record)
    assert plan is not None
    written = cell.write(record, plan)
    assert written is not None
    shell.run(written.source)
    assert shell.run("%kdoctor report").record.fit.callbacks == ("ReduceLROnPlateau",)
    # one is enough
    assert ReduceOnPlateau().plan(shell.run("%kdoctor report").record) is None


def test_images_for_a_pretrained_network(shell):
    setup = (
        "base = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, weights=None, include_top=False)\n"
        "base.trainable = False\n"
        "head = [keras.layers.Flatten(), keras.layers.Dense(3, activation='softmax')]\n"
        "model = keras.Sequential([keras.Input((32, 32, 3)), base, *head])\n"
        "model.compile('adam', 'sparse_categorical_crossentropy')\n"
        "x = rng.integers(0, 256, (64, 32, 32, 3)).astype('float32'); y = y[:64]"
    )
    _before, after, source = treated(
        shell, setup, "%kdoctor fit model.fit(x, y, epochs=1, verbose=0)", "pretrained-input-range", "backbone-range"
    )
    assert cured(after, "pretrained-input-range"), source
    # the pretrained network itself, not a copy
    assert shell.run("scaled_model.layers[-1] is model")
    assert float(shell.run("scaled_model.layers[0](x).numpy().min()")) == pytest.approx(-1.0)


def test_weights_of_a_file_that_the_user_names(shell, tmp_path, monkeypatch):
    from kerasdoctor.remedies import cell
    from kerasdoctor.remedies.pretrained_weights import PretrainedWeights

    monkeypatch.chdir(tmp_path)
    shell.run(PROGRAM)
    shell.run("%kdoctor fit model.fit(x, y, epochs=3, verbose=0)")
    shell.run("model.save_weights('old.weights.h5'); model.save('old.keras'); model.save('old.h5')")
    (tmp_path / "old.h5").rename(tmp_path / "old.hdf5")
    plan = PretrainedWeights().plan(shell.run("%kdoctor report").record)
    assert plan is not None
    written = cell.write(shell.run("%kdoctor report").record, plan)
    assert written is not None
    assert written.applicability is Applicability.HAS_PLACEHOLDERS
    for name in ("old.weights.h5", "old.keras", "old.hdf5"):
        # another number of classes: the last layer does not fit
        shell.run("first = model.layers[0].kernel.numpy(); model = net(last=5)")
        shell.run("model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])")
        loaded = written.source.split("model.compile")[0].replace("weights = ...", f"weights = {name!r}")
        shell.run(loaded)
        assert shell.run("bool((model.layers[0].kernel.numpy() == first).all())"), name
        shell.run(written.source.replace("weights = ...", f"weights = {name!r}"))
        shell.run("model.load_weights('old.keras', skip_mismatch=True)")


def test_half_precision_is_left(shell):
    setup = (
        "keras.config.set_dtype_policy('mixed_float16'); model = net(last=1, activation='linear')\n"
        "keras.config.set_dtype_policy('float32')\n"
        "model.compile('sgd', 'mse'); x = 3e4 * x; y = y.astype('float32')"
    )
    before, after, source = treated(shell, setup, f"{FIT})", "nan-loss", "full-precision")
    assert before.record.compile.dtype_policy == "mixed_float16"
    assert after.record.compile.dtype_policy == "float32", source


@pytest.mark.parametrize(
    ("setup", "call", "rule", "remedy"),
    [
        (
            "x = x.reshape(600, 2, 4)\nmodel.build((None, 8))",
            f"{FIT}validation_data=(x, y))",
            "fit-raised",
            "input-axes",
        ),
        (
            "model = net(last=8, activation='linear'); model.compile('adam', 'mse')",
            "%kdoctor fit model.fit(x, epochs=2, verbose=0)",
            "fit-raised",
            "inputs-as-targets",
        ),
        (
            (
                "x = np.abs(x); pairs = tf.data.Dataset.from_tensor_slices\n"
                "train = pairs((x, y)).batch(32); held_out = pairs((255 * x[400:], y[400:])).batch(32)"
            ),
            "%kdoctor fit model.fit(train, validation_data=held_out, epochs=2, verbose=0)",
            "mismatched-preprocessing",
            "same-scale",
        ),
    ],
)
def test_the_data_fit_now(shell, setup, call, rule, remedy):
    _before, after, source = treated(shell, setup, call, rule, remedy)
    assert cured(after, rule), source


def test_an_interrupted_run_goes_on(shell):
    shell.run(PROGRAM)
    shell.run(
        "class Stop(keras.callbacks.Callback):\n"
        "    def on_epoch_begin(self, epoch, logs=None):\n"
        "        if epoch == 2: raise KeyboardInterrupt\n"
        "stop = [Stop()]"
    )
    shell.ip.run_cell("%kdoctor fit model.fit(x, y, epochs=6, validation_split=0.2, verbose=0, callbacks=stop)")
    before = shell.run("%kdoctor report")
    (found,) = [found for found in before.diagnoses if found.name == "interrupted-run"]
    source = found.causes[0].prescriptions[0].source
    assert source.startswith("# 2 epochs are trained: those up to 6 follow")
    shell.run("stop.clear()")
    shell.run(source)
    after = shell.run("%kdoctor report")
    assert cured(after, "interrupted-run")
    assert (after.record.fit.initial_epoch, after.record.outcome.epochs) == (2, 4)
    assert after.record.history["loss"][0] < before.record.history["loss"][-1]
    assert after.record.model.iterations == 2 * 15
