from array import array
from dataclasses import replace

import pytest

from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.quantities.target_scale import Moments, TargetScale
from kerasdoctor.record import Compile, Layer, Loss, Model, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "unscaled-inputs"
DENSE = Layer(name="dense", kind="Dense", parameters=650)


def record_of(high: float, first: float, *layers: Layer, dtype: str = "float32") -> TrainingRecord:
    return TrainingRecord(
        model=Model(layers=layers or (DENSE,)),
        compile=Compile(losses=(Loss(name="sparse_categorical_crossentropy"),)),
        quantities={
            "input_range": InputRange({"x": Range(dtype, (100, 64), 0.0, high, 0, None)}, {}, 100, 100),
            "target_range": TargetRange(
                {"y": Range("int64", (100,), 0.0, 9.0, 0, None)}, {}, {"y": 10}, None, 100, 100
            ),
            "batch_loss": BatchLoss(array("q", [1]), array("d", [first])),
        },
    )


@pytest.mark.parametrize(
    ("high", "first", "fires"), [(255.0, 147.0, True), (255.0, 22.9, False), (16.0, 147.0, False), (21.0, 23.1, True)]
)
def test_large_values_and_a_far_loss_together(high: float, first: float, fires: bool) -> None:
    assert (diagnosis(record_of(high, first), NAME) is not None) is fires


def test_the_message_says_both() -> None:
    found = diagnosis(record_of(255.0, 147.0), NAME)
    assert found is not None
    assert "x runs from 0 to 255, and the first batch cost 147, where guessing costs 2.3 (ln 10)" in found.message


@pytest.mark.parametrize("kind", ["Rescaling", "BatchNormalization", "Normalization", "LayerNormalization"])
def test_a_model_that_scales_first_is_healthy(kind: str) -> None:
    scaling = Layer(name="scaling", kind=kind, parameters=129)
    assert diagnosis(record_of(255.0, 147.0, scaling, DENSE), NAME) is None
    assert diagnosis(record_of(255.0, 147.0, DENSE, scaling), NAME) is not None


def test_arithmetic_of_a_functional_model_may_scale() -> None:
    record = record_of(255.0, 147.0)
    record.model = replace(record.model, operations=("TrueDivide",))
    assert diagnosis(record, NAME) is None


def test_a_normalization_that_was_never_adapted() -> None:
    layer = Layer(name="normalization", kind="Normalization", parameters=129, config={"adapted": False})
    record = record_of(255.0, 3.0, layer, DENSE)
    assert cause(record, NAME, "unadapted-normalization").status.value == "confirmed"
    assert diagnosis(record_of(1.0, 3.0, layer, DENSE), NAME) is None


def test_an_index_of_words_is_no_size() -> None:
    embedding = Layer(name="embedding", kind="Embedding", parameters=9000)
    assert diagnosis(record_of(5000.0, 147.0, embedding, DENSE, dtype="int64"), NAME) is None


def test_weights_that_are_not_fresh_begin_elsewhere() -> None:
    record = record_of(255.0, 147.0)
    record.model = replace(record.model, iterations=10)
    assert diagnosis(record, NAME) is None


def test_stuck_at_guessing_after_some_patience() -> None:
    record = record_of(255.0, 16.1)
    record.history = {"loss": [7.0, 2.31, 2.31, 2.30]}
    assert diagnosis(record, NAME) is None
    record.history["loss"].append(2.30)
    found = diagnosis(record, NAME)
    assert found is not None
    assert "no better than guessing so far" in found.message


def test_regression_guesses_0() -> None:
    record = record_of(255.0, 900.0)
    record.compile = Compile(losses=(Loss(name="mean_squared_error"),))
    assert diagnosis(record, NAME) is None
    record.quantities["target_scale"] = TargetScale({"y": Moments(0.0, 10.0, 100.0, 8.0, 100.0, 8.0)})
    assert diagnosis(record, NAME) is None
    record.quantities["batch_loss"] = BatchLoss(array("q", [1]), array("d", [1001.0]))
    assert diagnosis(record, NAME) is not None


def test_a_few_far_rows_are_no_scale() -> None:
    record = record_of(255.0, 147.0)
    far = FarRows(rows=1437, count=1, first=3, typical=2.0, largest=255.0)
    record.quantities["far_rows"] = far
    assert diagnosis(record, NAME) is None
    record.quantities["far_rows"] = replace(far, typical=21.0)
    assert diagnosis(record, NAME) is not None
    record.quantities["far_rows"] = replace(far, of_targets=True)
    assert diagnosis(record, NAME) is not None
