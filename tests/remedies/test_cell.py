"""The cells: the user's names, fresh weights, and they run as they are written."""

from __future__ import annotations

import ast
import itertools
import linecache
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import kerasdoctor
from kerasdoctor.diagnosis import Applicability
from kerasdoctor.record import Compile, Data, Fit, Layer, Model, Source, TrainingRecord
from kerasdoctor.remedies import AddCallback, InsertLayer, Plan, SetFitArgument, ShuffleRows, cell
from kerasdoctor.remedies.drop_nonfinite_rows import DropNonfiniteRows
from kerasdoctor.remedies.dropout import Dropout
from kerasdoctor.remedies.early_stopping import EarlyStopping
from kerasdoctor.remedies.forward_split import ForwardSplit
from kerasdoctor.remedies.larger_batch import LargerBatch
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.rescale_targets import RescaleTargets
from kerasdoctor.remedies.shuffle_jointly import ShuffleJointly
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.remedies.stratified_split import StratifiedSplit
from kerasdoctor.remedies.trainable_layers import TrainableLayers
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from tests import programs

CELLS = itertools.count()


def record(call: str, **source: Any) -> TrainingRecord:
    """A record of `call`, with a small model compiled by keywords."""
    arguments = cell.FitCall(call).arguments()
    return TrainingRecord(
        model=Model(kind="Sequential", layers=(Layer(name="dense", kind="Dense"), Layer(name="out", kind="Dense"))),
        compile=Compile(source={"optimizer": "keras.optimizers.Adam(learning_rate=0.001)", "loss": '"mse"'}),
        data=Data(kind="arrays", n_train=80, n_validation=20, containers={"x": "ndarray", "y": "ndarray"}),
        fit=Fit(validation_split=0.2),
        source=Source(**{"call": call, "arguments": arguments, "modules": {"numpy": "np", "keras": "keras"}} | source),
    )


def written(recorded: TrainingRecord, *changes: Any) -> str:
    result = cell.write(recorded, Plan(changes, "why"))
    assert result is not None
    ast.parse(result.source.replace("%kdoctor fit ", ""))
    return result.source


class TestNames:
    def test_the_whole_cell(self):
        recorded = record("model.fit(x, y, validation_split=0.2)", assignment="h = ", notebook=True)
        source = written(recorded, ShuffleRows(7))
        assert source == (
            "# why\n"
            "order = np.random.default_rng(7).permutation(len(y))\n"
            "x, y = x[order], y[order]\n"
            "\n"
            "# fresh weights: the old ones have seen the new validation rows\n"
            "model = keras.models.clone_model(model)\n"
            'model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse")\n'
            "h = %kdoctor fit model.fit(x, y, validation_split=0.2)"
        )

    def test_only_what_is_missing_is_imported_and_names_of_the_user_are_kept(self):
        source = written(record("net.fit(x, y)", modules={"numpy": "numpy"}, taken=("order", "x")), ShuffleRows(1))
        assert "import keras\n" in source
        assert "import numpy" not in source
        assert "row_order = numpy.random.default_rng(1)" in source

    def test_expressions_get_new_names(self):
        source = written(record('model.fit(x / 255, data["y"], epochs=2)', taken=("x",)), ShuffleRows(1))
        assert 'x_data, y = (x / 255)[order], data["y"][order]' in source
        assert "model.fit(x_data, y, epochs=2)" in source

    def test_what_is_local_to_a_function_is_a_placeholder(self):
        recorded = record("model.fit(x, y)", local_names=("x", "y"), function="train")
        result = cell.write(recorded, Plan((ShuffleRows(1),), "why"))
        assert result is not None
        assert result.applicability is Applicability.HAS_PLACEHOLDERS
        assert "# fill in: local to train() and unknown here\nx = ...\ny = ...\n" in result.source

    def test_a_subclassed_model_is_a_placeholder(self):
        recorded = record("model.fit(x, y)")
        recorded.model = Model(kind="subclassed")
        result = cell.write(recorded, Plan((ShuffleRows(1),), "why"))
        assert result is not None
        assert result.applicability is Applicability.HAS_PLACEHOLDERS
        assert "model = ...  # fill in" in result.source

    def test_a_model_that_the_call_builds_is_built_by_it(self):
        source = written(record("build().fit(x, y)"), ShuffleRows(1))
        assert "clone_model" not in source
        assert "build().fit(x, y)" in source

    def test_a_loss_that_only_the_old_model_knows_is_read_before_its_name_is_taken(self):
        recorded = record("model.fit(x, y)")
        optimizer = {"optimizer": "keras.optimizers.SGD(learning_rate=0.1)"}
        recorded.compile = Compile(source=optimizer, unwritable=("loss",))
        lines = written(recorded, ShuffleRows(1)).splitlines()
        assert lines.index("model = fresh_model") > next(i for i, line in enumerate(lines) if "loss=model.loss" in line)

    def test_no_cell_where_positions_are_unknown(self):
        assert cell.write(record("model.fit(*data)"), Plan((ShuffleRows(1),), "why")) is None
        assert cell.write(TrainingRecord(), Plan((ShuffleRows(1),), "why")) is None

    def test_a_reason_is_one_comment_whatever_it_holds(self):
        hostile = "layer\nimport os  # \x1b[31m\u2028x"
        assert cell.comment(hostile).splitlines() == ["# layer import os # [31m x"]

    def test_layer_names_are_literals(self):
        name = 'a" or "\\\n'
        assert ast.literal_eval(cell.quoted(name)) == name

    @pytest.mark.parametrize(
        ("call", "container", "expected"),
        [
            ("model.fit(x, y)", "none", "callbacks=[new]"),
            ("model.fit(x, y, callbacks=[])", "list", "callbacks=[new]"),
            ("model.fit(x, y, callbacks=[a, b,])", "list", "callbacks=[a, b, new]"),
            ("model.fit(x, y, callbacks=mine)", "list", "callbacks=[*mine, new]"),
            ("model.fit(x, y, callbacks=stop)", "EarlyStopping", "callbacks=[stop, new]"),
        ],
    )
    def test_callbacks_are_added(self, call, container, expected):
        recorded = record(call)
        recorded.data = Data(kind="arrays", containers={"callbacks": container})
        assert expected in written(recorded, AddCallback("new"))

    @pytest.mark.parametrize(
        ("container", "expected"),
        [
            ("DataFrame", "x.iloc[order]"),
            ("tensor", "keras.ops.take(x, order, axis=0)"),
            ("list", "[part[order] for part in x]"),
            ("dict", "{name: part[order] for name, part in x.items()}"),
        ],
    )
    def test_rows_of_every_container(self, container, expected):
        recorded = record("model.fit(x, y)")
        recorded.data = Data(kind="arrays", containers={"x": container, "y": "ndarray"})
        assert expected in written(recorded, ShuffleRows(1))

    def test_several_changes_are_one_cell_with_one_fit(self):
        dropout = InsertLayer("dense", "keras.layers.Dropout(0.3)")
        changes = (ShuffleRows(1), dropout, SetFitArgument("batch_size", "64"))
        source = written(record("model.fit(x, y)"), *changes, AddCallback("keras.callbacks.EarlyStopping()"))
        assert source.count(".fit(") == source.count(".compile(") == 1
        assert "batch_size=64" in source


def trained(call: str, **names: Any) -> TrainingRecord:
    """The record of a call as a cell makes it, at the top level, where its source can be found."""
    filename = f"<cell {next(CELLS)}>"
    linecache.cache[filename] = (len(call), None, call.splitlines(keepends=True), filename)
    with kerasdoctor.watch(quiet=True) as watch:
        exec(compile(call, filename, "exec"), {"np": np, "keras": keras, **names})
    return watch.report.record


class TestCellsRun:
    """Each remedy's cell, executed as it stands, on a real model."""

    @pytest.fixture
    def x_y(self):
        x, y = programs.digits(ordered=True)
        return x[::9], y[::9]

    def run(self, remedy: Any, recorded: TrainingRecord, **names: Any) -> dict[str, Any]:
        plan = remedy.plan(recorded)
        assert plan is not None
        result = cell.write(recorded, plan)
        assert result is not None
        assert result.applicability is not Applicability.HAS_PLACEHOLDERS
        names |= {"np": np, "keras": keras}
        exec(compile(result.source, "<cell>", "exec"), names)
        return names

    @pytest.mark.parametrize(
        "remedy",
        [
            ShuffleJointly(),
            StratifiedSplit(),
            ForwardSplit(),
            EarlyStopping(),
            Dropout(),
            WeightRegularization(),
            SmallerLearningRate(),
            LargerBatch(factor=2),
            MinMaxNormalization(),
        ],
        ids=lambda remedy: remedy.name,
    )
    def test_it_trains_a_fresh_model(self, x_y, remedy):
        model = programs.classifier()
        x, y = x_y
        call = "model.fit(x, y, batch_size=16, validation_split=0.2, epochs=1, verbose=0)"
        names = self.run(remedy, trained(call, model=model, x=x, y=y), model=model, x=x, y=y)
        fresh = names["model"]
        assert fresh is not model
        assert fresh.optimizer.iterations > 0
        assert {type(layer).__name__ for layer in model.layers} <= {type(layer).__name__ for layer in fresh.layers}
        if remedy.name == "dropout":
            assert [type(layer).__name__ for layer in fresh.layers] == ["Dense", "Dropout", "Dense"]
        if remedy.name == "weight-regularization":
            assert len(fresh.losses) == 1
        if remedy.name == "smaller-learning-rate":
            assert float(fresh.optimizer.learning_rate) == pytest.approx(1e-4)
        if remedy.name == "shuffle-jointly":
            rows = {(*features.tolist(), label) for features, label in zip(x, y, strict=True)}
            assert {(*row.tolist(), label) for row, label in zip(names["x"], names["y"], strict=True)} == rows

    def test_functional_models_keep_their_graph(self, x_y):
        x, y = x_y
        inputs = keras.Input((64,))
        shared = keras.layers.Dense(16, activation="relu", name="shared")
        both = keras.layers.Concatenate(name="both")([shared(inputs), shared(inputs * 2)])
        model = keras.Model(inputs, keras.layers.Dense(10, "softmax", name="out")(both))
        model.compile("adam", "sparse_categorical_crossentropy")
        recorded = trained("model.fit(x, y, verbose=0)", model=model, x=x, y=y)
        fresh = self.run(Dropout(), recorded, model=model, x=x, y=y)["model"]
        dropout = next(layer for layer in fresh.layers if isinstance(layer, keras.layers.Dropout))
        assert dropout.input is fresh.get_layer("both").output
        assert len([layer for layer in fresh.layers if layer.name == "shared"]) == 1
        regularized = self.run(WeightRegularization(), recorded, model=model, x=x, y=y)["model"]
        assert len(regularized.losses) == 1

    def test_data_frames(self, x_y):
        x, y = pd.DataFrame(x_y[0]), pd.Series(x_y[1])
        model = programs.classifier()
        recorded = trained("model.fit(x, y, validation_split=0.2, verbose=0)", model=model, x=x, y=y)
        for remedy in (ShuffleJointly(), StratifiedSplit(), MinMaxNormalization()):
            self.run(remedy, recorded, model=model, x=x, y=y)

    def test_rows_that_are_not_finite_are_left_out(self, x_y):
        x, y = x_y[0].copy(), x_y[1]
        x[3, 3] = np.nan
        model = programs.classifier()
        recorded = trained("model.fit(x, y, verbose=0)", model=model, x=x, y=y)
        names = self.run(DropNonfiniteRows(), recorded, model=model, x=x, y=y)
        assert len(names["x"]) == len(names["y"]) == len(x) - 1
        assert np.isfinite(names["x"]).all()

    def test_a_model_that_is_frozen_as_a_whole_is_trained(self, x_y):
        x, y = x_y
        model = programs.classifier(compiled=False)
        model.trainable = False
        model.compile("adam", "sparse_categorical_crossentropy")
        recorded = trained("model.fit(x, y, verbose=0)", model=model, x=x, y=y)
        fresh = self.run(TrainableLayers(), recorded, model=model, x=x, y=y)["model"]
        assert len(fresh.trainable_variables) == len(model.variables) > 0
        assert model.trainable_variables == []

    @pytest.mark.parametrize("held_out", ["(x_val, y_val)", "[x_val, y_val]", "pair"])
    def test_rows_of_validation_data_are_left_out_and_scaled(self, x_y, held_out):
        x, y = 16 * x_y[0][:100], x_y[1][:100]
        x_val, y_val = 16 * x_y[0][100:].copy(), x_y[1][100:]
        x_val[2, 2] = np.nan
        model = programs.classifier()
        names = {"model": model, "x": x, "y": y, "x_val": x_val, "y_val": y_val, "pair": (x_val, y_val)}
        recorded = trained(f"model.fit(x, y, validation_data={held_out}, verbose=0)", **names)
        finite = self.run(DropNonfiniteRows(), recorded, **names)
        assert np.isfinite(finite["model"].history.history["val_loss"]).all()
        assert finite["x"] is x
        assert finite["finite_held_out"].sum() == len(x_val) - 1
        scaled = self.run(MinMaxNormalization(), recorded, **names)
        np.testing.assert_allclose(
            scaled["held_out"],
            (x_val - scaled["low"]) / np.where(np.ptp(x, axis=0) > 0, np.ptp(x, axis=0), 1),
            rtol=1e-5,
        )
        assert scaled["x"].max() == 1

    @pytest.mark.parametrize("held_out", ["(x, y)", "pair"])
    def test_targets_of_validation_data_come_into_zero_to_one(self, x_y, held_out):
        x, y = x_y[0], np.where(np.arange(len(x_y[0])) % 2, 1, 2)
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(1, activation="sigmoid")])
        model.compile(loss="binary_crossentropy")
        names = {"model": model, "x": x, "y": y, "pair": (x, y)}
        recorded = trained(f"model.fit(x, y, validation_data={held_out}, verbose=0)", **names)
        fresh = self.run(RescaleTargets(), recorded, **names)["model"]
        # equal rows have an equal loss
        expected = fresh.evaluate(x, y - 1, verbose=0)
        assert fresh.history.history["val_loss"][-1] == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize(("low", "high"), [(1, 2), (-1, 1), (0, 255)])
    def test_targets_come_into_zero_to_one(self, x_y, low, high):
        x = x_y[0]
        y = np.where(np.arange(len(x)) % 2, high, low)
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(1, activation="sigmoid")])
        model.compile(loss="binary_crossentropy")
        recorded = trained("model.fit(x, y, verbose=0)", model=model, x=x, y=y)
        names = self.run(RescaleTargets(), recorded, model=model, x=x, y=y)
        scaled = names["y_scaled"]
        assert (scaled.min(), scaled.max()) == (0, 1)
        # so that the cell may be run twice
        assert names["y"] is y

    def test_several_classes_are_not_rescaled(self, x_y):
        recorded = trained("model.fit(x, y, verbose=0)", model=programs.classifier(), x=x_y[0], y=x_y[1])
        assert RescaleTargets().plan(recorded) is None

    def test_a_custom_loss_is_found_by_its_name(self, x_y):
        def my_loss(y_true, y_pred):
            return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

        x, y = x_y
        model = programs.classifier(compiled=False)
        metric = keras.metrics.SparseTopKCategoricalAccuracy(3, name="top")
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss=my_loss, metrics=[metric])
        names = {"model": model, "x": x, "y": y}
        recorded = trained("model.fit(x, y, verbose=0)", my_loss=my_loss, **names)
        assert recorded.compile.source == {
            "optimizer": "keras.optimizers.SGD(learning_rate=0.05, momentum=0.9)",
            "loss": "my_loss",
            "metrics": '[keras.metrics.SparseTopKCategoricalAccuracy(k=3, name="top")]',
        }
        nameless = trained("model.fit(x, y, verbose=0)", **names)
        assert nameless.compile.unwritable == ("loss",)
        assert self.run(SmallerLearningRate(), nameless, **names)["model"].loss is my_loss


class TestPlaces:
    """Where Dropout goes."""

    @staticmethod
    def after(*layers: Layer) -> str | None:
        plan = Dropout().plan(TrainingRecord(model=Model(kind="Sequential", layers=layers)))
        return plan.changes[0].after if plan else None

    def test_in_front_of_the_dense_layer_with_most_parameters(self):
        layers = [Layer(name=name, kind="Dense", parameters=size) for name, size in [("a", 10), ("b", 90), ("c", 20)]]
        assert self.after(*layers) == "a"

    def test_behind_the_last_concatenate(self):
        assert self.after(Layer(name="c", kind="Concatenate"), Layer(name="d", kind="Dense", parameters=9)) == "c"

    def test_not_where_there_is_one(self):
        layers = (Layer(name="a", kind="Dropout"), Layer(name="b", kind="Dense", parameters=9))
        assert self.after(*layers) is None

    def test_not_in_a_model_of_one_layer(self):
        assert self.after(Layer(name="b", kind="Dense", parameters=9)) is None
