"""`small-validation-set`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, tumours
from kerasdoctor.locale import _
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Data, Fit, Metric, TrainingRecord
from kerasdoctor.remedies.larger_validation_set import LargerValidationSet
from kerasdoctor.remedies.stratified_split import StratifiedSplit
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Validation rows below which a proportion is known to no better than 14 points: 1.96 sqrt(.25 / 50) = .139; and where
#: a callback decides by it to no better than 10 points: 1.96 sqrt(.25 / 100) = .098.
FEWEST, FEWEST_TO_DECIDE = 50, 100
#: Rows of a class below which its own share of right ones moves by 20 points with each row.
FEWEST_OF_A_CLASS = 5
#: Callbacks that decide by the validation.
_DECIDING = ("EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau")


def _rarest(split_labels: SplitLabels | None) -> tuple[str, int] | None:
    """The class with the fewest validation rows among those that have some training rows."""
    if split_labels is None or split_labels.kind != "classes":
        return None
    # more classes than this are no classes of which each has to be judged
    if not 2 <= len(split_labels.train) <= 20:
        return None
    counts = {name: rows for name, rows in split_labels.validation.items() if split_labels.train[name]}
    return min(counts.items(), key=lambda item: item[1]) if counts else None


def _is_a_sample(split_labels: SplitLabels | None) -> bool:
    """Whether the part has about the label shares of the rest; where it has not, its size is not what is wrong."""
    return split_labels is not None and statistics.alike(
        list(split_labels.train.values()), list(split_labels.validation.values())
    )


def _deciding(fit: Fit) -> list[str]:
    return [name for name in fit.callbacks if name in _DECIDING]


def _wanted(fit: Fit) -> int:
    return FEWEST_TO_DECIDE if _deciding(fit) else FEWEST


def too_few_rows(data: Data, fit: Fit, metrics: Mapping[str, Metric]) -> tuple[Status, Evidence]:
    """Whether the part is so small that its figures say little."""
    n = data.n_validation or 0
    statement = _("of {n:,} rows each counts {share:.1%}").format(n=n, share=1 / max(n, 1))
    proportion = next((metric for metric in metrics.values() if metric.proportion and len(metric.validation)), None)
    if proportion is not None and np.isfinite(proportion.validation[-1]):
        p = float(np.clip(proportion.validation[-1], 0.0, 1.0))
        # as in statistics.swing: never 0
        centre = (p * n + 2) / (n + 4)
        error = 1.96 * float(np.sqrt(centre * (1 - centre) / max(n, 1)))
        statement = _("of {n:,} rows val_{name} is {value:.3f} give or take {error:.3f} by chance").format(
            n=n, name=proportion.name, value=p, error=error
        )
    return (Status.CONFIRMED if n < _wanted(fit) else Status.RULED_OUT), Evidence(
        statement, quantity="data", value=float(n), threshold=float(_wanted(fit))
    )


def too_few_of_a_class(split_labels: SplitLabels | None = None) -> tuple[Status, Evidence]:
    """Whether a class has hardly any row in the part."""
    found = _rarest(split_labels)
    if found is None:
        return Status.RULED_OUT, Evidence(_("the targets are no classes of which each could be judged"))
    name, rows = found
    return (Status.CONFIRMED if rows < FEWEST_OF_A_CLASS else Status.RULED_OUT), Evidence(
        _("class {name} has {rows} of the validation rows").format(name=name, rows=rows),
        quantity="split_labels",
        where=name,
        value=float(rows),
        threshold=float(FEWEST_OF_A_CLASS),
    )


def _few_tumours() -> TrainingRecord:
    """Breast cancer, 5 % of 569 rows to validate, with early stopping."""
    record = tumours()
    record.data = replace(record.data, n_train=540, n_validation=29)
    record.fit = replace(
        record.fit, validation_split=0.05, callbacks=("EarlyStopping",), callback_settings=({"monitor": "val_loss"},)
    )
    record.quantities["split_labels"] = SplitLabels(
        "classes", {"0": 201, "1": 339}, {"0": 11, "1": 18}, "validation_split"
    )
    return record


class SmallValidationSet(Rule):
    """The validation part is so small that its figures move by chance.

    ## What it sees
    Fewer than 50 validation rows, of which a proportion is known to no better than 14 points, or fewer than 100 where
    a callback decides by them (EarlyStopping, ModelCheckpoint, ReduceLROnPlateau); or a class, of at most 20, with
    fewer than five rows. It is for your information: the training itself is not touched.

    ## How it is told apart
    Too few rows in all, with the error by chance of the accuracy; too few rows of a class.

    ## Remedies
    A larger or a stratified split; cross-validation where rows are few; more `patience` and a `min_delta` for callbacks
    that decide by the validation.

    ## References
    keras-team/keras#3559 (it "oscillates heavily"). The interval of a proportion: Agresti and Coull (1998).
    """

    family = "data"
    severity = Severity.INFO
    message = _("The validation part is small: {statement}.")

    causes = (
        Cause("too-few-rows", _("it has few rows"), examine=too_few_rows, remedies=(LargerValidationSet(),)),
        Cause(
            "too-few-of-a-class",
            _("a class has hardly any rows in it"),
            examine=too_few_of_a_class,
            remedies=(StratifiedSplit(fewest=FEWEST_OF_A_CLASS),),
        ),
    )

    examples = (Unhealthy(_few_tumours, confirms=("too-few-rows",)), Healthy(shuffled_digits), Healthy(tumours))

    def check(self, data: Data, fit: Fit, split_labels: SplitLabels | None = None) -> Evidence | None:
        n = data.n_validation
        if not n:
            return None
        deciding = _deciding(fit)
        note = _(", and {names} decides by it").format(names=", ".join(deciding)) if deciding else ""
        if n < _wanted(fit):
            statement = _("{n} rows, of which each counts {share:.1%}").format(n=n, share=1 / n) + note
            return Evidence(statement, quantity="data", value=float(n), threshold=float(_wanted(fit)))
        rarest = _rarest(split_labels)
        if rarest is None or rarest[1] >= FEWEST_OF_A_CLASS or not _is_a_sample(split_labels):
            return None
        name, rows = rarest
        statement = _("class {name} has {rows} rows of {n:,}").format(name=name, rows=rows, n=n) + note
        return Evidence(
            statement, quantity="split_labels", where=name, value=float(rows), threshold=float(FEWEST_OF_A_CLASS)
        )
