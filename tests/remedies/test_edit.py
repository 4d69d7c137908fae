"""Edits of the user's cells: they give the model that the rebuilt cell gives, and touch nothing else."""

from __future__ import annotations

import dataclasses
import difflib
import io
import tokenize
from typing import Any

import keras
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from kerasdoctor import engine
from kerasdoctor.diagnosis import CellEdit
from kerasdoctor.instrumentation.summaries import compilation, model
from kerasdoctor.record import Cell, Data, Fit, Outcome, Source, TrainingRecord
from kerasdoctor.remedies import (
    AddCallback,
    Change,
    InsertLayer,
    Plan,
    PrependLayer,
    SetCompileArgument,
    SetFitArgument,
    SetLayerArgument,
    SetLearningRate,
    SetOptimizerArgument,
    cell,
    edit,
)
from kerasdoctor.remedies.call import FitCall
from kerasdoctor.remedies.dropout import Dropout
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from tests.remedies.building_cells import EDITABLE, FIT, UNCLEAR

L2 = "keras.regularizers.L1L2(1e-05, 0.0001)"
REASON = "what was measured says so"


@pytest.fixture(autouse=True)
def untrained(monkeypatch) -> list[dict[str, Any]]:
    """`fit` only keeps what it is given."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(keras.Model, "fit", lambda self, *_args, **_words: calls.append({"model": self}))
    return calls


def run(cells: tuple[str, ...]) -> dict[str, Any]:
    names: dict[str, Any] = {"x": np.zeros((4, 8), "float32"), "y": np.zeros(4)}
    for text in cells:
        lines = [line for line in text.split("\n") if not line.startswith(("%", "!"))]
        exec(compile("\n".join(lines).replace("%kdoctor fit ", ""), "cell", "exec"), names)
    return names


def record(cells: tuple[str, ...], names: dict[str, Any]) -> TrainingRecord:
    variable = "модель" if "модель" in names else "model"
    call = f"{variable}.fit(x, y, epochs=2)"
    in_function = "def train():" in "".join(cells)
    return TrainingRecord(
        model=model.summarize(names[variable]),
        compile=compilation.summarize(names[variable], names),
        data=Data(kind="arrays", n_train=4, containers={"x": "ndarray", "y": "ndarray"}),
        fit=Fit(epochs=2),
        source=Source(
            call=call,
            arguments=FitCall(call).arguments(),
            model=variable,
            function="train" if in_function else "",
            taken=tuple(name for name in names if not name.startswith("_")),
            modules={"keras": "keras"} if "keras" in names else {},
            cells=tuple(Cell(text=text, number=number) for number, text in enumerate(cells, 1)),
        ),
    )


def changes(recorded: TrainingRecord) -> dict[str, tuple[Change, ...]]:
    dense = [layer.name for layer in recorded.model.layers if layer.top_level and layer.kind == "Dense"]
    return {
        "dropout": (InsertLayer(dense[1], "keras.layers.Dropout(0.3)"),),
        "normalization": tuple(InsertLayer(name, "keras.layers.BatchNormalization()") for name in dense[:-1]),
        "regularizers": tuple(SetLayerArgument(name, "kernel_regularizer", L2) for name in dense[:-1]),
        "activation": tuple(SetLayerArgument(name, "activation", '"leaky_relu"') for name in dense[:-1]),
        "initializer": (
            SetLayerArgument(dense[0], "activation", '"elu"'),
            SetLayerArgument(dense[0], "kernel_initializer", '"he_normal"'),
        ),
        "units": (SetLayerArgument(dense[1], "units", "64"),),
        "rescaling": (PrependLayer("keras.layers.Rescaling(0.25)"),),
        "rate": (SetLearningRate(0.0003),),
        "clipping": (SetOptimizerArgument("global_clipnorm", "1.0"),),
        "loss": (SetCompileArgument("loss", "keras.losses.SparseCategoricalCrossentropy(ignore_class=2)"),),
        "optimizer": (SetCompileArgument("optimizer", "keras.optimizers.AdamW(learning_rate=0.001)"),),
    }


def edited(cells: tuple[str, ...], made: tuple[CellEdit, ...]) -> tuple[str, ...]:
    by_number = {change.number: change for change in made}
    for number, change in by_number.items():
        assert change.old == cells[number - 1]
    return tuple(by_number[number].new if number in by_number else text for number, text in enumerate(cells, 1))


def described(net: keras.Model) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and settings of all layers, in the order of the graph, without their names."""
    found = []
    for layer in net.layers:
        if isinstance(layer, keras.Model):
            found += described(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            config = {key: value for key, value in layer.get_config().items() if key not in {"name", "build_config"}}
            config = {key: value for key, value in config.items() if "shape" not in key}
            found.append((type(layer).__name__, repr(config)))
    return found


def compiled(net: keras.Model) -> tuple[Any, ...]:
    summary = compilation.summarize(net, {})
    return summary.optimizer, summary.optimizer_config, summary.losses


KINDS = ("dropout", "normalization", "regularizers", "activation", "initializer", "units")
KINDS += ("rescaling", "rate", "clipping", "loss", "optimizer")
#: What only comes on top.
INSERTED = {"dropout", "normalization", "regularizers", "rescaling"}
#: What has no sure place in these cells: the cell that rebuilds the model is left.
NO_PLACE = {
    # the first layer tells the shape of the inputs
    ("a dimension of the input at the layer", "rescaling"),
    # two layers read the input
    ("functional with branches and names", "rescaling"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EDITABLE)
def test_the_edited_cells_give_the_model_of_the_rebuilt_one(name, kind, untrained):
    cells = EDITABLE[name]
    names = run(cells)
    recorded = record(cells, names)
    plan = Plan(changes(recorded)[kind], REASON)
    made = edit.edits(recorded, plan)
    if (name, kind) in NO_PLACE:
        assert made == ()
        return
    assert made
    after = edited(cells, made)
    run(after)
    new = untrained[-1]["model"]
    rebuilt = cell.write(recorded, plan)
    assert rebuilt is not None
    exec(rebuilt.source, names)
    assert described(new) == described(untrained[-1]["model"])
    assert compiled(new) == compiled(untrained[-1]["model"])
    for change in made:
        assert f"# {REASON}" in change.new.replace("\n", " ")
        keeps_all_else(change, 0 if kind in INSERTED else 3 * len(plan.changes))


def tokens(text: str) -> list[str]:
    """Words and comments: what no breaking of a line changes."""
    python = TransformerManager().transform_cell(text)
    kept = {tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.COMMENT}
    return [token.string for token in tokenize.generate_tokens(io.StringIO(python).readline) if token.type in kept]


def keeps_all_else(change: CellEdit, replaced: int) -> None:
    """No more than that many parts of values are gone; all other words and comments stand in their order."""
    matcher = difflib.SequenceMatcher(None, tokens(change.old), tokens(change.new), autojunk=False)
    gone = [tag for tag, *_places in matcher.get_opcodes() if tag in {"replace", "delete"}]
    assert len(gone) <= replaced
    assert [line for sign, line in change.diff if sign != "+"] == change.old.split("\n")
    assert [line for sign, line in change.diff if sign != "-"] == change.new.split("\n")


def test_lines_elsewhere_are_the_same_to_the_byte():
    cells = ("x = 1   # odd  blanks\t\n\n" + EDITABLE["a list"][0] + "\n\nprint( 'kept' )   \n", FIT)
    recorded = record(cells, run(cells))
    (made,) = edit.edits(recorded, Plan(changes(recorded)["dropout"], REASON))
    where = made.old.index("    keras.layers.Dense(8")
    inserted = f"    # {REASON}\n    keras.layers.Dropout(0.3),\n"
    behind = made.old.index("\n", where) + 1
    assert made.new == made.old[:behind] + inserted + made.old[behind:]


@pytest.mark.parametrize("name", UNCLEAR)
def test_no_edit_where_the_place_is_not_certain(name):
    cells = UNCLEAR[name]
    recorded = record(cells, run(cells))
    for kind, asked in changes(recorded).items():
        assert edit.edits(recorded, Plan(asked, REASON)) == (), kind


CALLS = {
    "h = model.fit(x, y, epochs=2)": "h = model.fit(x, y, epochs=2, batch_size=64, callbacks=[nan])",
    "model.fit(x, y, 32, 2)": "model.fit(x, y, 64, 2, callbacks=[nan])",
    "%kdoctor fit model.fit(x, y, batch_size=8, callbacks=[])": (
        "%kdoctor fit model.fit(x, y, batch_size=64, callbacks=[nan])"
    ),
    "model.fit(\n    x, y,\n    callbacks=[stop],  # mine\n    batch_size=16,\n)": (
        "model.fit(\n    x, y,\n    callbacks=[stop, nan],  # mine\n    batch_size=64,\n)"
    ),
}


@pytest.mark.parametrize("written", CALLS)
def test_the_call_of_fit(written):
    cells = (*EDITABLE["a list"][:1], f"# train\n{written}\nmodel.evaluate(x, y)")
    call = written.replace("%kdoctor fit ", "").removeprefix("h = ")
    recorded = record(cells, run(cells[:1]))
    recorded.source = dataclasses.replace(recorded.source, call=call, arguments=FitCall(call).arguments())
    recorded.source = dataclasses.replace(recorded.source, taken=("nan",))
    recorded.data = Data(kind="arrays", containers={"callbacks": "list"})
    asked = (SetFitArgument("batch_size", "64"), AddCallback("nan"))
    (made,) = edit.edits(recorded, Plan(asked, REASON))
    lines = made.new.split("\n")
    lines.remove(next(line for line in lines if line.strip() == f"# {REASON}"))
    assert "\n".join(lines) == f"# train\n{CALLS[written]}\nmodel.evaluate(x, y)"


def test_what_comes_through_a_variable_or_twice_is_not_edited():
    for written in ("model.fit(**options)", "model.fit(x, y)\nmodel.fit(x, y)"):
        cells = (*EDITABLE["a list"][:1], written)
        recorded = record(cells, run(cells[:1]))
        recorded.source = dataclasses.replace(recorded.source, call=written.split("\n", maxsplit=1)[0], arguments={})
        assert edit.edits(recorded, Plan((SetFitArgument("batch_size", "64"),), REASON)) == ()


def test_the_layer_inside_of_a_wrapper():
    text = """from keras import Sequential, layers, regularizers
model = Sequential([
    layers.Input((4, 8)),
    layers.TimeDistributed(layers.Dense(16, activation="relu"), name="steps"),
    layers.Dense(3),
])
model.compile("adam", "mse")"""
    recorded = record((text, FIT), run((text,)))
    (made,) = edit.edits(recorded, WeightRegularization().plan(recorded))
    assert "layers.TimeDistributed(\n" in made.new
    assert "            kernel_regularizer=regularizers.L1L2(1e-05, 0.0001),\n        ),\n" in made.new
    assert run((made.new,))["model"].layers[0].layer.kernel_regularizer is not None


SUBCLASSED = """import keras
from keras import layers

class Net(keras.Model):
    def __init__(self, units=16):
        super().__init__()
        self.units = units
        self.first = layers.Dense(units, activation="relu")  # hidden
        self.second = layers.Dense(8, activation="relu")
        self.dropout = layers.Dropout(0.1)
        self.top = layers.Dense(3, activation="softmax")
        self.seen = keras.metrics.Mean()

    def call(self, inputs, training=False):
        x = self.first(inputs)
        x = self.second(x)  # narrow
        return self.top(self.dropout(x, training=training))

model = Net()
model.compile("adam", "sparse_categorical_crossentropy")
"""


def subclassed(text: str = SUBCLASSED) -> tuple[TrainingRecord, dict[str, Any]]:
    names = run((text,))
    names["model"](names["x"])
    return record((text, FIT), names), names


def edited_kinds(made: tuple[CellEdit, ...]) -> list[str]:
    (only,) = made
    net = run((only.new,))["model"]
    net(np.zeros((4, 8), "float32"))
    return [type(layer).__name__ for layer in net.layers]


def test_a_model_that_a_function_is_given_is_not_the_one_of_that_name_outside():
    cells = ("def train(model):\n    model.fit(x, y, epochs=2)", EDITABLE["a list"][0], "train(build())")
    recorded = record(cells, run(cells[1:2]))
    asked = Plan((SetLearningRate(0.1),), REASON)
    function = {"function": "train", "call": "model.fit(x, y, epochs=2)"}
    recorded.source = dataclasses.replace(recorded.source, **function)
    assert edit.edits(recorded, asked) == ()
    # the one from outside
    cells = (cells[0].replace("(model)", "()"), *cells[1:])
    recorded.source = dataclasses.replace(
        recorded.source, cells=tuple(Cell(text=text, number=number) for number, text in enumerate(cells, 1))
    )
    assert len(edit.edits(recorded, asked)) == 1


class TestSubclassed:
    def test_a_layer_behind_another(self):
        recorded, _names = subclassed()
        after = recorded.model.layers[1].name
        made = edit.edits(recorded, Plan((InsertLayer(after, "keras.layers.LayerNormalization()"),), REASON))
        assert edited_kinds(made) == ["Dense", "Dense", "LayerNormalization", "Dropout", "Dense"]
        assert "        x = self.second(x)  # narrow\n        x = self.layernormalization(x)\n" in made[0].new
        assert not made[0].placeholders

    def test_a_call_within_a_call_and_a_name_that_is_taken(self):
        recorded, _names = subclassed()
        after = recorded.model.layers[2].name
        made = edit.edits(recorded, Plan((InsertLayer(after, "keras.layers.Dropout(0.4)"),), REASON))
        assert edited_kinds(made) == ["Dense", "Dense", "Dropout", "Dropout", "Dense"]
        assert "return self.top(self.dropout_2(self.dropout(x, training=training)))" in made[0].new

    def test_an_argument_and_the_compilation(self):
        recorded, _names = subclassed()
        name = recorded.model.layers[0].name
        made = edit.edits(recorded, Plan((SetLayerArgument(name, "kernel_regularizer", L2),), REASON))
        assert 'activation="relu",\n            kernel_regularizer=keras.regularizers' in made[0].new
        assert edited_kinds(made)
        (rate,) = edit.edits(recorded, Plan((SetLearningRate(0.1),), REASON))
        assert "model.compile(\n    keras.optimizers.Adam(learning_rate=0.1),\n" in rate.new

    def test_a_layer_that_is_called_twice_is_to_be_filled_in(self):
        recorded, _names = subclassed(
            SUBCLASSED.replace("x = self.second(x)", "x = self.second(self.second(x[:, :8]))")
        )
        after = recorded.model.layers[1].name
        (made,) = edit.edits(recorded, Plan((InsertLayer(after, "keras.layers.Dropout(0.4)"),), REASON))
        assert made.placeholders
        assert "        # fill in: self.dropout_2(...) behind one call of self.second, or behind each\n" in made.new

    def test_other_orders_and_other_ways_are_left_alone(self):
        turned = SUBCLASSED.replace("self.first(inputs)", "self.first(self.second(inputs))")
        loop = SUBCLASSED.replace("self.second = layers", "self.blocks = [layers.Dense(8)]; self.second = layers")
        for text in (turned.replace("x = self.second(x)", "x = x"), loop):
            recorded, _names = subclassed(text)
            for layer in recorded.model.layers:
                asked = InsertLayer(layer.name, "keras.layers.Dropout(0.4)")
                assert edit.edits(recorded, Plan((asked,), REASON)) == ()

    def test_a_prescription_is_the_edit(self):
        recorded, _names = subclassed()
        recorded.outcome = Outcome(status="finished")
        found = engine._prescribe(Dropout(), recorded, [])
        assert found is not None
        assert found.source == found.edits[0].new.rstrip("\n")
        assert engine._prescribe(Dropout(), dataclasses.replace(recorded, source=None), []) is None
