from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.record import Content, ContentKind, Loss, Outcome, RaisedBy, TrainingRecord
from tests.rules.differential import diagnosis

NAME = "fit-raised"
RANK = "ValueError: Arguments `target` and `output` must have the same rank (ndim). Received: "
SPARSE = "ValueError: Argument `output` must have rank (ndim) `target.ndim - 1`. Received: "


def record_of(exception: str, loss: str = "categorical_crossentropy") -> TrainingRecord:
    record = shuffled_digits()
    record.compile = replace(record.compile, losses=(Loss(name=loss),))
    record.outcome = Outcome(status="raised", exception=exception)
    return record


@pytest.mark.parametrize(
    ("exception", "confirmed"),
    [
        (RANK + "target.shape=(32,), output.shape=(32, 3)", "integer-labels-for-categorical"),
        (RANK + "target.shape=(32, 3), output.shape=(32, 6, 6, 3)", "output-shape"),
        (SPARSE + "target.shape=(32, 3), output.shape=(32, 3)", "one-hot-for-sparse"),
        (SPARSE + "target.shape=(32,), output.shape=(32, 6, 6, 3)", "output-shape"),
        (
            "ValueError: Dimensions must be equal, for 'compile_loss/mse/sub' with input shapes: [2], [3].",
            "output-shape",
        ),
        (
            "InvalidArgumentError: Received a label value of 3 which is outside the valid range of [0, 3).",
            "label-out-of-range",
        ),
        ("InvalidArgumentError: indices[0,0] = 59 is not in [0, 50)", "embedding-index"),
        ("ValueError: Data cardinality is ambiguous. 'x' sizes: 64 'y' sizes: 60", "different-lengths"),
        ("ValueError: Invalid dtype: object", "object-dtype"),
        ("ValueError: Invalid dtype: str96", "text-input"),
        ("UnimplementedError: Cast string to float is not supported", "text-input"),
        ("ValueError: Input 0 of layer 'lstm': expected ndim=3, found ndim=2.", "input-shape"),
        ('ValueError: Missing data for input "b".', "input-shape"),
        ("ResourceExhaustedError: OOM when allocating", "out-of-memory"),
        ("ValueError: Training data contains 1 samples, which is not sufficient to split it into", "no-data"),
        ("ValueError: No loss to compute. Provide a `loss` argument in `compile()`.", "missing-loss"),
    ],
)
def test_the_words_of_keras(exception: str, confirmed: str) -> None:
    found = diagnosis(record_of(exception), NAME)
    assert found is not None
    assert [cause.name for cause in found.causes if cause.status is Status.CONFIRMED] == [confirmed]


@pytest.mark.parametrize("exception", ["ValueError: mine", "KeyError: 'target'", ""])
def test_nothing_about_another_exception(exception: str) -> None:
    assert diagnosis(record_of(exception), NAME) is None


def test_rows_in_a_list() -> None:
    record = record_of("ValueError: Data cardinality is ambiguous. 'x' sizes: 8, 8, 8, 8, 8, 8 'y' sizes: 6")
    record.data = replace(record.data, containers={"x": "list", "y": "ndarray"})
    found = diagnosis(record, NAME)
    assert found is not None
    assert [cause.name for cause in found.causes if cause.status is Status.CONFIRMED] == ["python-lists"]


def test_no_targets() -> None:
    record = record_of("ValueError: None values not supported.")
    assert diagnosis(record, NAME) is None
    record.data = replace(record.data, containers={"x": "ndarray", "y": "none"})
    assert diagnosis(record, NAME) is not None


@pytest.mark.parametrize(
    ("kind", "confirmed"),
    [
        ("numbers", "object-dtype"),
        ("missing", "object-dtype"),
        ("arrays", "object-dtype"),
        ("objects", "object-dtype"),
        ("mixed", "object-dtype"),
        ("text", "text-input"),
        ("rows", "ragged-input"),
    ],
)
def test_what_the_objects_are(kind: ContentKind, confirmed: str) -> None:
    record = record_of("ValueError: Invalid dtype: object")
    record.data = replace(record.data, contents={"x": Content(kind=kind, where="town")})
    found = diagnosis(record, NAME)
    assert found is not None
    assert [cause.name for cause in found.causes if cause.status is Status.CONFIRMED] == [confirmed]
    record.outcome = replace(record.outcome, exception="ValueError: mine")
    assert diagnosis(record, NAME) is None


def test_lists_of_words_are_no_numbers() -> None:
    record = record_of("ValueError: Unrecognized data type: x=['a', 'b'] (of type <class 'list'>)")
    record.data = replace(record.data, kind="other", containers={"x": "list"}, contents={"x": Content(kind="text")})
    found = diagnosis(record, NAME)
    assert found is not None
    assert [cause.name for cause in found.causes if cause.status is Status.CONFIRMED] == ["text-input"]


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("callback", "callback-raised"), ("data", "data-raised"), ("layer", "own-code"), ("loss", "own-code")],
)
def test_whose_code_raised_it(kind: str, cause: str) -> None:
    record = record_of("KeyError: 'val_{acc}'")
    origin = RaisedBy(kind=kind, name="Mine.on_{epoch}_end", line='logs["val_{acc}"]')  # type: ignore[arg-type]
    record.outcome = replace(record.outcome, raised_by=origin)
    found = diagnosis(record, NAME)
    assert found is not None
    assert [one.name for one in found.causes if one.status is Status.CONFIRMED] == [cause]
    assert "Mine.on_{epoch}_end" in found.message
    assert 'in the line: logs["val_{acc}"]' in found.message


def test_where_memory_was_short() -> None:
    record = record_of("ResourceExhaustedError: OOM when allocating tensor with shape[2000000,2000000] and type float")
    record.outcome = replace(record.outcome, raised_by=RaisedBy(kind="operation", name="wide", operation="MatMul"))
    found = diagnosis(record, NAME)
    assert found is not None
    assert "no room for an array of 2000000 x 2000000, in wide" in found.message


OPERANDS = (
    "ValueError: Dimensions must be equal, but are 3 and 10 for '{{{{node compile_loss/sub}}}} = Sub[T=DT_FLOAT]({}, "
    "{})' with input shapes: [32,3], [?,10]."
)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("data_1", "net_1/dense/BiasAdd"), "the targets are (rows, 3), the outputs (rows, 10)"),
        (("net_1/dense/BiasAdd", "compile_loss/huber/Cast"), "the targets are (rows, 10), the outputs (rows, 3)"),
        (("compile_loss/clip", "compile_loss/clip_1"), "arrays of (rows, 3) and of (rows, 10)"),
    ],
)
def test_which_is_the_target_and_which_the_output(names: tuple[str, str], words: str) -> None:
    record = record_of(OPERANDS.format(*names), "mean_squared_error")
    found = diagnosis(record, NAME)
    assert found is not None
    assert words in found.message
    assert [one.name for one in found.causes if one.status is Status.CONFIRMED] == ["output-shape"]
    record.outcome = replace(record.outcome, raised_by=RaisedBy(kind="loss", name="mine", line="return t - p"))
    found = diagnosis(record, NAME)
    assert found is not None
    assert "code of your own raised it: mine" in found.message
    assert [one.name for one in found.causes if one.status is Status.CONFIRMED] == ["own-code"]


MONITOR = "ValueError: EarlyStopping callback received monitor=val_acc, but Keras isn't able to automatically determine"


@pytest.mark.parametrize(
    ("logged", "words"),
    [
        (("loss", "accuracy", "val_loss", "val_accuracy"), "which is not logged: write monitor='val_accuracy'"),
        (("loss", "mae"), "what is logged: loss, mae"),
        ((), "which is not logged"),
    ],
)
def test_a_monitor_that_is_not_logged(logged: tuple[str, ...], words: str) -> None:
    record = record_of(MONITOR)
    record.outcome = replace(record.outcome, logged=logged)
    found = diagnosis(record, NAME)
    assert found is not None
    assert "EarlyStopping watches 'val_acc', " in found.message
    assert words in found.message
    assert [one.name for one in found.causes if one.status is Status.CONFIRMED] == ["unknown-monitor"]


def test_a_monitor_that_is_logged() -> None:
    record = record_of(MONITOR)
    record.outcome = replace(record.outcome, logged=("loss", "val_acc"))
    assert diagnosis(record, NAME) is None
