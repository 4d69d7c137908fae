"""Several plans as one: what goes together, and that the one cell does what each of them says."""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest

import kerasdoctor
from kerasdoctor.diagnosis import Applicability
from kerasdoctor.record import Compile, Layer, Loss, Model, Output, TrainingRecord
from kerasdoctor.remedies import (
    AddCallback,
    BalanceClasses,
    Change,
    DropNonfinite,
    DropRepeats,
    InsertLayer,
    NormalizeFirst,
    Plan,
    PrependLayer,
    RemoveFitArgument,
    ReplaceTargets,
    ScaleInputs,
    ScaleTargets,
    SetCompileArgument,
    SetFitArgument,
    SetLayerArgument,
    SetLearningRate,
    SetOptimizerArgument,
    ShiftSentences,
    ShuffleRows,
    SplitForward,
    SplitStratified,
    cell,
)
from kerasdoctor.remedies.merging import Conflict, merge

STOP = "keras.callbacks.EarlyStopping(patience={})"
RECORD = TrainingRecord(
    model=Model(
        kind="Sequential",
        layers=(Layer(name="dense", kind="Dense"), Layer(name="out", kind="Dense", config={"activation": "softmax"})),
        outputs=(Output(name="out", shape=(None, 3), layer="out", kind="Dense", activation="softmax"),),
    ),
    compile=Compile(
        optimizer="Adam",
        source={"optimizer": "keras.optimizers.Adam(learning_rate=0.001)", "loss": '"sparse_categorical_crossentropy"'},
        losses=(Loss(name="sparse_categorical_crossentropy"),),
    ),
)


@dataclass(frozen=True)
class Unknown(Change):
    value: int


def merged(*changes: Change) -> tuple[Change, ...]:
    return merge(RECORD, [Plan((change,), "why") for change in changes]).changes


@pytest.mark.parametrize(
    ("one", "other", "decided"),
    [
        (SetLearningRate(1e-3), SetLearningRate(1e-4), "the learning rate"),
        (SetLearningRate(1e-3), SetOptimizerArgument("learning_rate", "schedule(1)"), "the learning rate"),
        (SetLearningRate(1e-3), SetCompileArgument("optimizer", "keras.optimizers.SGD(0.1)"), "the learning rate"),
        (SetOptimizerArgument("clipnorm", "1.0"), SetOptimizerArgument("global_clipnorm", "1.0"), "clipped"),
        (
            SetOptimizerArgument("learning_rate", "keras.optimizers.schedules.CosineDecay(0.1, decay_steps=9)"),
            AddCallback("keras.callbacks.ReduceLROnPlateau()"),
            "how the learning rate changes",
        ),
        (SetCompileArgument("loss", '"mse"'), SetCompileArgument("loss", '"mae"'), "the loss"),
        (
            SetCompileArgument("loss", "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
            SetLayerArgument("out", "activation", '"relu"'),
            "whether the loss gets logits",
        ),
        (ShuffleRows(1), SplitStratified(0.2, 1), "which rows validate"),
        (SplitForward(3), SplitStratified(0.2, 1), "which rows validate"),
        # they are shuffled too, which a time series must not be
        (DropRepeats(1), SplitForward(3), "which rows validate"),
        (RemoveFitArgument("class_weight"), BalanceClasses(), "class_weight"),
        (ScaleInputs(), NormalizeFirst(), "the scale of the inputs"),
        (NormalizeFirst(), SetLayerArgument("random_flip", "value_range", "(0, 255)"), "the scale of the inputs"),
        (ScaleInputs(), PrependLayer("keras.layers.GaussianNoise(3.0)"), "the size of the noise"),
        (ScaleTargets(1, 2), ReplaceTargets("{y} - 1", "from_zero"), "the values of the targets"),
        (SetFitArgument("batch_size", "8"), SetFitArgument("batch_size", "64"), "batch_size"),
        (SetLayerArgument("dense", "units", "8"), SetLayerArgument("dense", "units", "9"), "units of dense"),
        (AddCallback(STOP.format(5)), AddCallback(STOP.format(9)), "EarlyStopping"),
        (Unknown(1), Unknown(2), "the whole cell"),
        (Unknown(1), InsertLayer("dense", "keras.layers.Dropout(0.5)"), "the whole cell"),
    ],
)
def test_what_sets_one_thing_to_two_values_does_not_go_together(one: Change, other: Change, decided: str) -> None:
    for pair in ((one, other), (other, one)):
        with pytest.raises(Conflict, match=decided) as conflict:
            merged(*pair)
        assert (conflict.value.first, conflict.value.second) == (0, 1)


@pytest.mark.parametrize(
    "pair",
    [
        (SetLearningRate(1e-3), SetOptimizerArgument("clipnorm", "1.0")),
        (SetCompileArgument("optimizer", "keras.optimizers.SGD(0.1)"), SetOptimizerArgument("clipnorm", "1.0")),
        # compiled again, as it was
        (SetCompileArgument("optimizer", RECORD.compile.source["optimizer"]), SetLearningRate(1e-4)),
        (SetCompileArgument("loss", '"mse"'), SetLayerArgument("out", "activation", '"relu"')),
        (ScaleTargets(0, 255), ReplaceTargets("{y}[:, None]", "column")),
        (AddCallback(STOP.format(5)), AddCallback('keras.callbacks.ModelCheckpoint("best.keras")')),
        (InsertLayer("dense", "keras.layers.Dropout(0.5)"), InsertLayer("dense", "keras.layers.BatchNormalization()")),
        (SetLayerArgument("dense", "units", "8"), SetLayerArgument("out", "units", "9")),
        (DropRepeats(1), DropNonfinite()),
        (RemoveFitArgument("steps_per_epoch"), SetLearningRate(1e-3)),
        (SetLearningRate(1e-3), SetLearningRate(1e-3)),
        (Unknown(1), Unknown(1)),
    ],
)
def test_what_sets_different_things_goes_together_and_equal_changes_are_made_once(pair: tuple[Change, Change]) -> None:
    assert merged(*pair) == merged(*reversed(pair)) or set(merged(*pair)) == set(pair)
    assert len(merged(*pair)) == len(set(pair))


def test_the_order_is_that_of_a_careful_person() -> None:
    ordered = [
        DropNonfinite(),
        ReplaceTargets("{y} - 1", "from_zero"),
        BalanceClasses(),
        SplitStratified(0.2, 1),
        ScaleInputs(),
        InsertLayer("dense", "keras.layers.Dropout(0.5)"),
        SetCompileArgument("optimizer", "keras.optimizers.SGD(0.1)"),
        SetOptimizerArgument("clipnorm", "1.0"),
        SetFitArgument("batch_size", "8"),
        AddCallback(STOP.format(5)),
    ]
    assert list(merged(*ordered)) == list(merged(*reversed(ordered))) == ordered


def test_the_reasons_of_all_stand_and_the_most_demanding_applies() -> None:
    plans = [
        Plan((SetLearningRate(1e-4),), "one", Applicability.SAFE),
        Plan((ScaleInputs(),), "two", Applicability.HAS_PLACEHOLDERS),
        Plan((DropNonfinite(),), "one", Applicability.UNSAFE),
    ]
    plan = merge(RECORD, plans)
    assert (plan.reason, plan.further, plan.applicability) == ("one", ("two",), Applicability.HAS_PLACEHOLDERS)


PROGRAM = """
import keras
import numpy as np
rng = np.random.default_rng(0)
x = (100 + 50 * rng.normal(size=(120, 4))).astype("float32")
x[3] = np.nan
y = np.tile([0, 1, 1, 2], 30)
words = rng.integers(1, 9, (120, 6))
model = keras.Sequential(
    [
        keras.Input((4,)),
        keras.layers.Dense(8, activation="relu", name="dense"),
        keras.layers.Dense(3, activation="softmax", name="out"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy")
reader = keras.Sequential(
    [keras.Input((6,)), keras.layers.Embedding(9, 4), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
)
reader.compile("adam", "sparse_categorical_crossentropy")
"""
FIT = "model.fit(x, y, validation_split=0.25, verbose=0)"


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    """The names of the program, and its records by their call."""
    names: dict[str, Any] = {"__name__": "__program__", "records": {}}
    exec(PROGRAM, names)
    for call in (
        FIT,
        FIT.replace("model.fit(x,", "reader.fit(words,"),
        FIT.replace("verbose", "callbacks=[], verbose"),
    ):
        linecache.cache["merged.py"] = (len(call), None, [call], "merged.py")
        with kerasdoctor.watch(quiet=True) as watch:
            exec(compile(call, "merged.py", "exec"), names)
        names["records"][call] = watch.report.record
    return names


def run(program: dict[str, Any], *changes: Change, call: str = FIT) -> dict[str, Any]:
    """The names after the cell that the changes are merged into."""
    record = program["records"][call]
    plans = [Plan((change,), f"reason {number}") for number, change in enumerate(changes)]
    written = cell.write(record, merge(record, plans))
    assert written is not None
    assert written.source.count(".fit(") == 1
    assert [line for line in written.source.splitlines() if line.startswith("#")][: len(changes)] == [
        f"# {plan.reason}" for plan in plans
    ]
    names = {**program, "cell": written.source}
    exec(written.source, names)
    return names


def kinds(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def test_rows_model_optimizer_and_callbacks_in_one_cell(program: dict[str, Any]) -> None:
    names = run(
        program,
        AddCallback(STOP.format(5)),
        SetLearningRate(1e-4),
        NormalizeFirst(),
        PrependLayer("keras.layers.GaussianNoise(0.1)"),
        ShuffleRows(1),
        DropNonfinite(),
        BalanceClasses(),
        AddCallback("keras.callbacks.TerminateOnNaN()"),
        SetFitArgument("epochs", "2"),
    )
    model = names["model"]
    assert kinds(model) == ["GaussianNoise", "Normalization", "Sequential"]
    finite = program["x"][np.isfinite(program["x"]).all(axis=1)]
    shuffled = names["x"]
    assert sorted(shuffled[:, 0]) == sorted(finite[:, 0])
    # the scale is that of the rows that train, behind the shuffle
    np.testing.assert_allclose(np.ravel(model.layers[1].mean), shuffled[: int(119 * 0.75)].mean(axis=0), rtol=1e-4)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-4)
    assert f"callbacks=[{STOP.format(5)}, keras.callbacks.TerminateOnNaN()]" in names["cell"]
    assert "class_weight=class_weight" in names["cell"]
    assert np.isfinite(model.get_weights()[-1]).all()


def test_inputs_are_scaled_behind_the_split_in_both_parts(program: dict[str, Any]) -> None:
    names = run(program, ScaleInputs(), SplitStratified(0.25, 1), DropNonfinite())
    assert (names["x_train"].min(), names["x_train"].max()) == (0, 1)
    assert 0 < names["x_val"].mean() < 1
    assert np.bincount(names["y_val"]).tolist() == [8, 15, 7]
    assert "validation_data=(x_val, y_val)" in names["cell"]
    assert "validation_split" not in names["cell"]


def test_layers_at_one_place_and_arguments_of_layers(program: dict[str, Any]) -> None:
    inserted = (
        InsertLayer("dense", "keras.layers.Dropout(0.5)"),
        InsertLayer("dense", "keras.layers.BatchNormalization()"),
    )
    alone = run(program, *inserted)["model"]
    assert kinds(alone) == ["Dense", "Sequential", "Dense"]
    assert kinds(alone.layers[1]) == ["BatchNormalization", "Dropout"]
    both = run(program, *inserted, SetLayerArgument("dense", "units", "16"), NormalizeFirst())["model"]
    assert kinds(both) == ["Normalization", "Functional"]
    assert both.layers[1].get_layer("dense").units == 16
    assert kinds(both.layers[1])[-3:] == ["Dense", "Sequential", "Dense"]
    in_front = run(program, *inserted, NormalizeFirst())["model"]
    assert kinds(in_front) == ["Normalization", "Dense", "Sequential", "Dense"]


def test_each_fold_has_its_own_scale_and_a_model_of_its_own(program: dict[str, Any]) -> None:
    names = run(program, SplitForward(2), NormalizeFirst(), DropNonfinite())
    # the folds build theirs from the user's, which stays as it is
    assert kinds(names["fresh_model"]) == ["Normalization", "Sequential"]
    assert kinds(names["fresh_model"].layers[1]) == ["Dense", "Dense"]
    assert names["model"] is program["model"]
    assert run(program, SplitForward(2), ScaleInputs())["x_val"].shape == (40, 4)


def test_only_rows_that_train_are_augmented_behind_a_split(program: dict[str, Any]) -> None:
    call = FIT.replace("model.fit(x,", "reader.fit(words,")
    names = run(program, ShiftSentences(1), SplitStratified(0.25, 1), call=call)
    assert len(names["words_augmented"]) == len(names["y_augmented"]) == 180
    assert "validation_data=(words_val, y_val)" in names["cell"]


def test_further_callbacks_join_those_that_another_change_has_written(program: dict[str, Any]) -> None:
    names = run(
        program,
        AddCallback("keras.callbacks.TerminateOnNaN()"),
        SetFitArgument("callbacks", f"[{STOP.format(7)}]"),
        call=FIT.replace("verbose", "callbacks=[], verbose"),
    )
    assert f"callbacks=[{STOP.format(7)}, keras.callbacks.TerminateOnNaN()]" in names["cell"]


def test_a_placeholder_of_one_is_one_of_the_whole_cell() -> None:
    call = "model.fit(x, y)"
    record = TrainingRecord(model=Model(kind="subclassed"), compile=RECORD.compile)
    source = kerasdoctor.record.Source(call=call, arguments=cell.FitCall(call).arguments())
    record.source = source
    plan = merge(record, [Plan((SetLearningRate(1e-4),), "one"), Plan((BalanceClasses(),), "two")])
    written = cell.write(record, plan)
    assert written is not None
    assert written.applicability is Applicability.HAS_PLACEHOLDERS
    ast.parse(written.source)
