"""`nonfinite-data`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import digits_with_a_gap, shuffled_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.nonfinite_values import Missing, NonfiniteValues
from kerasdoctor.record import Model, Outcome, TrainingRecord
from kerasdoctor.remedies.drop_nonfinite_rows import DropNonfiniteRows
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy


def _of_arrays(name: str, found: Missing) -> str:
    statement = _("{name} holds {what}, in {rows:,} rows, the first in row {first:,}").format(
        name=name, what=_kinds(found.nan, found.infinite), rows=found.rows, first=found.first_row
    )
    if found.features == 1 and found.rows > 1:
        statement += _(", all in column {column}").format(column=found.first_feature)
    return statement


def _of_batches(name: str, found: DrawnValues) -> str:
    return _("{name} holds {what} in the batches drawn, the first in batch {first:,}").format(
        name=name, what=_kinds(found.nan, found.infinite), first=found.first_nonfinite + 1
    )


def _kinds(nan: int, infinite: int) -> str:
    if not infinite:
        return _("{nan:,} NaN").format(nan=nan)
    if not nan:
        return _("{infinite:,} infinite values").format(infinite=infinite)
    return _("{nan:,} NaN and {infinite:,} infinite values").format(nan=nan, infinite=infinite)


def _found(
    nonfinite_values: NonfiniteValues | None, drawn_range: DrawnRange | None
) -> dict[str, list[tuple[str, str, int, int]]]:
    """Part -> name, statement, NaN and infinite values of what is not finite in it."""
    if nonfinite_values is not None:
        arrays = {"train": nonfinite_values.train, "validation": nonfinite_values.validation}
        return {
            part: [(name, _of_arrays(name, found), found.nan, found.infinite) for name, found in missing.items()]
            for part, missing in arrays.items()
        }
    if drawn_range is None:
        raise NotMeasured("nonfinite_values")
    drawn = {
        "train": {**drawn_range.train, **drawn_range.train_targets},
        "validation": {**drawn_range.validation, **drawn_range.validation_targets},
    }
    return {
        part: [
            (name, _of_batches(name, found), found.nan, found.infinite)
            for name, found in values.items()
            if found.nan or found.infinite
        ]
        for part, values in drawn.items()
    }


def missing_values(
    nonfinite_values: NonfiniteValues | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether rows that train hold NaN."""
    for name, statement, nan, _infinite in _found(nonfinite_values, drawn_range)["train"]:
        if nan:
            return Status.CONFIRMED, Evidence(statement, quantity="nonfinite_values", where=name, value=nan)
    return Status.RULED_OUT, Evidence(_("no row that trains holds NaN"), quantity="nonfinite_values", value=0.0)


def infinite_values(
    nonfinite_values: NonfiniteValues | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether rows that train hold infinities: a division by 0, or a number beyond float32."""
    for name, statement, _nan, infinite in _found(nonfinite_values, drawn_range)["train"]:
        if infinite:
            return Status.CONFIRMED, Evidence(statement, quantity="nonfinite_values", where=name, value=infinite)
    return Status.RULED_OUT, Evidence(
        _("no row that trains holds an infinite value"), quantity="nonfinite_values", value=0.0
    )


def missing_values_in_validation(
    nonfinite_values: NonfiniteValues | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether rows that validate hold NaN or infinities."""
    for name, statement, nan, infinite in _found(nonfinite_values, drawn_range)["validation"]:
        return Status.CONFIRMED, Evidence(
            _("of the rows that validate {statement}").format(statement=statement),
            quantity="nonfinite_values",
            where=name,
            value=nan + infinite,
        )
    return Status.RULED_OUT, Evidence(
        _("every value of the rows that validate is finite"), quantity="nonfinite_values", value=0.0
    )


def _gap_before_the_fit() -> TrainingRecord:
    """The digits with a gap, before the first step: `%kdoctor check`."""
    record = digits_with_a_gap()
    del record.quantities["batch_loss"]
    record.history, record.outcome = {}, Outcome(status="running")
    return with_quantities(record, nonfinite_values=NonfiniteValues({"x": Missing(1, 0, 1, 700, 1, 20)}, {}, False))


def _gap_in_the_tail() -> TrainingRecord:
    record = _gap_before_the_fit()
    values = record.quantities["input_range"].inputs["x"]
    record.quantities["input_range"] = replace(
        record.quantities["input_range"], inputs={"x": replace(values, first_nonfinite_row=1500)}
    )
    return with_quantities(record, nonfinite_values=NonfiniteValues({}, {"x": Missing(1, 0, 1, 1500, 1, 20)}, False))


def _complete_digits() -> TrainingRecord:
    return with_quantities(shuffled_digits(), nonfinite_values=NonfiniteValues({}, {}, False))


def _effect(part: str, losses: Sequence[float]) -> str:
    """What such a value does, or has not done in this run."""
    if losses:
        key = "loss" if part == "train" else "val_loss"
        return _("{key} has stayed finite all the same ({last:.3g}), so the curves do not show it").format(
            key=key, last=losses[-1]
        )
    if part == "validation":
        return _("A single one can make val_loss NaN; no weight learns from these rows")
    return _("A single one can make the loss NaN, and every weight with it")


#: Layers that add up their inputs, so that one NaN among them is one in every unit.
_OF_NUMBERS = {"Dense", "Conv1D", "Conv2D", "Conv3D"}


def _first_layer(model: Model) -> str:
    kinds = (layer.kind for layer in model.layers)
    return next((kind for kind in kinds if kind not in {"InputLayer", "Flatten", "Reshape", "Rescaling"}), "")


class NonfiniteData(Rule):
    """The data hold NaN or infinite values, of which one is enough to make every weight NaN.

    ## What it sees
    A NaN or an infinity in an input or a target, counted in the arrays before the first step, or in the batches that
    Keras draws from a pipeline. It speaks before the first epoch is over: afterwards either the loss is NaN, which
    `nan-loss` tells, or it is finite, and then the model knows how to deal with missing values.

    ## How it is told apart
    By where and what they are: missing values in rows that train, infinite ones (a division by 0, a number beyond
    float32), or values that are missing in the validation part alone, which makes `val_loss` NaN and nothing else.

    ## Remedies
    Leave the rows out, or fill the gaps in. A column that is missing in most rows is better left out itself.

    ## References
    Measured in Keras 3.15: one NaN in 4,800 numbers makes the loss NaN in the first epoch and freezes the accuracy at
    the share of class 0; one in the validation part alone leaves `val_accuracy` looking fine.
    """

    family = "data"
    severity = Severity.ERROR
    message = _("The data are not finite: {statement}.")

    causes = (
        Cause(
            "missing-values",
            _("values are missing in rows that train"),
            examine=missing_values,
            remedies=(DropNonfiniteRows(),),
        ),
        Cause(
            "infinite-values",
            _("values are infinite in rows that train"),
            examine=infinite_values,
            remedies=(DropNonfiniteRows(),),
        ),
        Cause(
            "missing-values-in-validation",
            _("values are missing in rows that validate"),
            examine=missing_values_in_validation,
            remedies=(DropNonfiniteRows(),),
        ),
    )

    examples = (
        Unhealthy(_gap_before_the_fit, confirms=("missing-values",)),
        Unhealthy(_gap_in_the_tail, confirms=("missing-values-in-validation",)),
        Healthy(_complete_digits),
    )

    def check(
        self,
        history: Mapping[str, Sequence[float]],
        nonfinite_values: NonfiniteValues | None = None,
        drawn_range: DrawnRange | None = None,
        batch_loss: BatchLoss | None = None,
        model: Model | None = None,
    ) -> Evidence | None:
        found = _found(nonfinite_values, drawn_range)
        losses = [value for key in ("loss", "val_loss") for value in history.get(key, ())]
        if any(not math.isfinite(value) for value in losses) or (batch_loss is not None and batch_loss.nonfinite):
            return None
        # a finite loss after a whole epoch: the model takes such values in its stride, unless they go straight into a
        # layer of numbers, whose NaN a relu makes 0 of on some processors
        keys = {"train": "loss", "validation": "val_loss"}
        swallowed = model is not None and _first_layer(model) in _OF_NUMBERS
        for part in (part for part, key in keys.items() if swallowed or not history.get(key)):
            for name, statement, nan, infinite in found[part]:
                return Evidence(
                    f"{statement}. {_effect(part, history.get(keys[part], ()))}",
                    quantity="nonfinite_values",
                    where=name,
                    value=float(nan + infinite),
                    threshold=0.0,
                )
        return None
