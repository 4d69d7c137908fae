import math

from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.nonfinite_values import Missing, NonfiniteValues
from kerasdoctor.record import Layer, Model, TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "nonfinite-data"


def record_of(train: Missing | None, validation: Missing | None = None) -> TrainingRecord:
    found = NonfiniteValues({"x": train} if train else {}, {"x": validation} if validation else {}, sampled=False)
    return TrainingRecord(quantities={"nonfinite_values": found})


def test_names_what_and_where() -> None:
    found = diagnosis(record_of(Missing(3, 2, 4, 17, 1, 5)), NAME)
    assert found is not None
    assert "x holds 3 NaN and 2 infinite values, in 4 rows, the first in row 17, all in column 5" in found.message
    for name in ("missing-values", "infinite-values"):
        assert cause(record_of(Missing(3, 2, 4, 17, 1, 5)), NAME, name).status.value == "confirmed"


def test_only_what_validates() -> None:
    record = record_of(None, Missing(1, 0, 1, 8, 1, 0))
    assert cause(record, NAME, "missing-values-in-validation").status.value == "confirmed"
    assert cause(record, NAME, "missing-values").status.value == "ruled_out"


def test_a_model_that_copes_with_missing_values_is_healthy() -> None:
    record = record_of(Missing(3, 0, 3, 0, 2, 1))
    record.history = {"loss": [0.5]}
    assert diagnosis(record, NAME) is None


def test_once_the_loss_is_nan_another_rule_tells_it() -> None:
    record = record_of(Missing(3, 0, 3, 0, 2, 1))
    record.history = {"loss": [math.nan]}
    assert diagnosis(record, NAME) is None


def test_batches_of_a_pipeline() -> None:
    drawn = DrawnRange(train={"x": DrawnValues("float32", 2, 0.0, 1.0, 99, nan=1, first_nonfinite=2)})
    found = diagnosis(TrainingRecord(quantities={"drawn_range": drawn}), NAME)
    assert found is not None
    assert "x holds 1 NaN in the batches drawn, the first in batch 3" in found.message


def test_without_data_it_does_not_look() -> None:
    assert "needs nonfinite_values" in (reason(TrainingRecord(), NAME) or "")
    assert diagnosis(record_of(None), NAME) is None


def test_it_says_what_the_values_do_in_this_run() -> None:
    missing = Missing(1, 0, 1, 0, 1, 0)
    for record, said in (
        (record_of(missing), "can make the loss NaN, and every weight with it"),
        (record_of(None, missing), "can make val_loss NaN; no weight learns from these rows"),
    ):
        found = diagnosis(record, NAME)
        assert found is not None
        assert said in found.message
        # a relu has made 0 of it
        record.model = Model(layers=(Layer(name="dense", kind="Dense", activation="relu"),))
        record.history = {"loss": [0.7, 0.5], "val_loss": [0.8, 0.6]}
        found = diagnosis(record, NAME)
        assert found is not None
        assert "has stayed finite all the same" in found.message
        assert "make" not in found.message
    assert "val_loss has stayed finite all the same (0.6)" in found.message
