"""The two loss curves read together, as the head of every report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Diagnosis, Severity, Status, Verdict
from kerasdoctor.examinations import falls_below_zero
from kerasdoctor.heads import plain
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord

#: Readings that say more than what the curves do: beside a diagnosis that knows better it gives its name.
_CLAIMS = frozenset({"converged", "data at fault", "learning", "overfitting"})
#: Diagnoses of metrics, callbacks, single steps or single rows; beside them the curves mean what they mean alone.
_ASIDE = frozenset(
    {
        "accuracy-on-regression",
        "accuracy-on-several-labels",
        "idle-early-stopping",
        "ignored-activity-regularizer",
        "label-errors",
        "loss-accuracy-disagreement",
        "loss-spike",
        "metric-threshold-on-logits",
        "oscillating-validation",
        "overfitting",
    }
)


@dataclass(frozen=True)
class _Reading:
    """What the two curves do, and what that means when nothing else is known; both are templates."""

    name: str
    facts: str
    meaning: str = ""


#: Training and validation trend -> how they are read.
_TABLE: Mapping[tuple[str, str], _Reading] = {
    ("down", "down"): _Reading(
        "learning",
        _("both losses are still falling (loss {last:.3g}, val_loss {val_last:.3g})"),
        _("the network is learning, and more epochs may help"),
    ),
    ("down", "flat"): _Reading(
        "overfitting",
        _(
            "the training loss is still falling ({last:.3g}) while val_loss has settled at {val_last:.3g} (best in "
            "epoch {best})"
        ),
        _("from here on the network only fits its training rows better, overfitting begins"),
    ),
    ("down", "up"): _Reading(
        "overfitting",
        _(
            "the validation loss is rising ({val_last:.3g}, best in epoch {best}) while the training loss is falling "
            "({last:.3g})"
        ),
        _("overfitting begins; the rise is not yet {least:.0%}, or not yet clear of the curve's noise"),
    ),
    ("flat", "down"): _Reading(
        "data at fault",
        _("the validation loss is falling ({val_last:.3g}) while the training loss is flat ({last:.3g})"),
        _(
            "look at the data first, for validation rows that are easier or also train; dropout and augmentation, "
            "which keep only the training loss up, do it too"
        ),
    ),
    ("flat", "flat"): _Reading(
        "bottleneck",
        _("both losses are flat (loss {last:.3g}{left}; val_loss {val_last:.3g})"),
        _(
            "learning has reached a bottleneck, or all that this network can take from these data; try a smaller "
            "learning rate or another batch size"
        ),
    ),
    ("flat", "up"): _Reading(
        "drifting",
        _(
            "the validation loss is rising ({val_last:.3g}, best in epoch {best}) while the training loss is flat "
            "({last:.3g})"
        ),
        _("the weights still move, but to nothing better; try a smaller learning rate"),
    ),
    ("up", "down"): _Reading(
        "contradictory",
        _("the training loss is rising ({last:.3g}) while val_loss is falling ({val_last:.3g})"),
        _("look for weights, penalties or augmentation that act on the training loss alone"),
    ),
    ("up", "flat"): _Reading(
        "diverging",
        _("the training loss is rising ({last:.3g}) and val_loss does not fall ({val_last:.3g})"),
        _("check the learning rate first, then the network's design and the data for uncleaned rows"),
    ),
    ("up", "up"): _Reading(
        "diverging",
        _("both losses are rising (loss {last:.3g}, val_loss {val_last:.3g})"),
        _("the network's design, its settings (the learning rate first) or uncleaned data are at fault"),
    ),
    ("down", "unclear"): _Reading(
        "unclear",
        _(
            "the training loss is falling ({last:.3g}); val_loss shows no clear trend yet ({val_last:.3g}, best in "
            "epoch {best})"
        ),
    ),
    ("flat", "unclear"): _Reading(
        "unclear",
        _(
            "the training loss is flat ({last:.3g}); val_loss shows no clear trend ({val_last:.3g}, best in epoch "
            "{best})"
        ),
    ),
    ("up", "unclear"): _Reading(
        "diverging",
        _("the training loss is rising ({last:.3g}), and val_loss shows no clear trend ({val_last:.3g})"),
        _("check the learning rate first, then the network's design and the data"),
    ),
    ("unclear", "unclear"): _Reading(
        "unclear",
        _(
            "neither curve shows a clear trend in the last {window} epochs (loss {last:.3g}, val_loss {val_last:.3g}, "
            "best in epoch {best})"
        ),
    ),
}
_TRAINING_UNCLEAR = _Reading(
    "unclear",
    _(
        "the training loss shows no clear trend ({last:.3g}), so val_loss ({val_last:.3g}, best in epoch {best}) "
        "cannot be read against it"
    ),
)
_STUCK = _Reading(
    "bottleneck",
    _("neither loss has moved (loss {last:.3g}{left}; val_loss {val_last:.3g})"),
    _("nothing is being learned; check labels and inputs, then try learning rates ten times smaller and larger"),
)
_CONVERGED = _Reading(
    "converged",
    _("both losses have settled (loss {last:.3g}, val_loss {val_last:.3g}, best in epoch {best})"),
    _("training has converged, and more epochs will change little"),
)
_VALIDATION_BEHIND = _Reading(
    "learning",
    _("the training loss is flat ({last:.3g}) and val_loss is still falling ({val_last:.3g})"),
    _("more epochs may help the rows that the network does not train on"),
)
_VALIDATION_SETTLED = _Reading(
    "converged",
    _(
        "the training loss is still falling ({last:.3g}) while val_loss has settled at {val_last:.3g} (best in epoch "
        "{best})"
    ),
    _("more epochs will change little for rows that the network does not train on"),
)
#: A loss whose least value is not known tells nothing of what is left to learn.
_SETTLED_ANYWHERE = _Reading(
    "unclear",
    _("both losses have settled (loss {last:.3g}, val_loss {val_last:.3g}, best in epoch {best})"),
    _("how much there is left to learn, a loss that falls below 0 does not tell"),
)
_NEARLY_CONVERGED = _Reading(
    "converged",
    _("the training loss has settled ({last:.3g}) and val_loss is still falling a little ({val_last:.3g})"),
    _("training has nearly converged"),
)
_OVERFITS = _Reading(
    "overfitting",
    _(
        "the validation loss has risen by {rise:.0%} since epoch {onset} (now {val_last:.3g}, best in epoch {best}) "
        "while the training loss went on falling ({last:.3g})"
    ),
    _("the network overfits"),
)
_CONVERGED_RISING = _Reading(
    "overfitting",
    _(
        "the validation loss is rising ({val_last:.3g}, best in epoch {best}) while the training loss has settled "
        "({last:.3g})"
    ),
    _("training has nowhere left to fall, and more epochs do harm"),
)
_TOO_FEW = _(
    "{epochs} epochs are too few to tell a trend (loss {first:.3g} to {last:.3g}, val_loss {val_first:.3g} to "
    "{val_last:.3g}); it takes {needed}."
)
_NOT_COMPARABLE = _(
    "the validation rows hold other labels than the training rows, so val_loss ({val_last:.3g}) does not measure what "
    "the network learned (loss {last:.3g})."
)
_NOT_FINITE = _(
    "the loss is NaN or infinite from epoch {lost} on: from there on the curves say nothing and nothing is learned."
)
_AT_TIMES_NOT_FINITE = _(
    "the loss was NaN or infinite in {count} of {epochs} epochs, first in epoch {lost}, and is {last:.3g} now: a mean "
    "over an epoch is lost by a single batch."
)
_VALIDATION_NOT_FINITE = _(
    "the validation loss is NaN or infinite from epoch {lost} on and cannot be read; the training loss stayed finite "
    "({last:.3g})."
)
_NOT_VALIDATED = {
    "down": _("the training loss is falling ({begin:.3g} to {last:.3g} in the last {window} of {epochs} epochs)"),
    "flat": _("the training loss is flat ({begin:.3g} to {last:.3g} in the last {window} of {epochs} epochs)"),
    "up": _("the training loss is rising ({begin:.3g} to {last:.3g} in the last {window} of {epochs} epochs)"),
    "unclear": _(
        "the training loss shows no clear trend ({begin:.3g} to {last:.3g} in the last {window} of {epochs} epochs)"
    ),
}


_NO_LOSS = _("No loss is among what the {epochs} epochs have logged: there is no loss curve to read.")
_NO_EPOCH = _("No epoch is complete yet: there is no curve to read.")
_ENDED_BEFORE = {
    "raised": _("An exception ended the call before its first epoch was complete: there is no curve to read."),
    "interrupted": _("The call was interrupted before its first epoch was complete: there is no curve to read."),
    "stopped_early": _("Training was stopped before its first epoch was complete: there is no curve to read."),
}
_LOOP = _("A loop of your own has no epochs and no validation that can be seen: there is no curve to read.")


def read_curves(record: TrainingRecord, diagnoses: Sequence[Diagnosis] = ()) -> Verdict:
    """What training and validation loss say together: down, flat, up or unclear, each over its last epochs.

    Fewer than five epochs have no trend, fewer than ten no plateau: "unclear" is an answer, and the sentence says
    which of its reasons it has. The same two curves have many causes: where an examination has found one, the sentence
    tells it instead of what the curves would mean alone.

    Args:
        record: the run.
        diagnoses: what was found in it, the most severe first.
    """
    curves = _Curves.of(record)
    if curves is None and record.outcome.epochs and not record.fit.loop:
        return Verdict("unclear", "unclear", "unclear", _(_NO_LOSS).format(epochs=record.outcome.epochs))
    if curves is None:
        why = _LOOP if record.fit.loop else _ENDED_BEFORE.get(record.outcome.status, _NO_EPOCH)
        return Verdict("unclear", "unclear", "unclear", _(why))
    reading, sentence = _read(curves, record, diagnoses)
    told = _part_of_the_run(record, curves.epochs) + sentence
    return Verdict(curves.train.direction, curves.validation.direction, reading, told[0].upper() + told[1:])


@dataclass(frozen=True)
class _Curves:
    """The two loss curves in numbers; NaN where there is none."""

    epochs: int
    train: statistics.Trend
    validation: statistics.Trend
    #: First and last finite value, as the legend of the chart shows them.
    first: float
    last: float
    val_first: float
    val_last: float
    #: First finite value of those whose trend is told.
    begin: float
    #: Mean of the last three, which a single epoch does not move.
    level: float
    val_level: float
    #: What the loss cannot fall below; NaN where it is not known.
    least: float
    #: Epoch of the lowest validation loss, from 1.
    best: int | None
    #: How far the validation loss moved over the run.
    val_range: float
    #: Epoch from which on a loss is not finite, from 1.
    lost: int | None
    val_lost: int | None
    #: Where the network began to overfit, as `overfitting` judges it.
    overfits: statistics.Onset | None

    @classmethod
    def of(cls, record: TrainingRecord) -> _Curves | None:
        logged, val_logged = record.history.get("loss", []), record.history.get("val_loss", [])
        if not logged:
            return None
        train = np.array(logged, dtype=np.float64)
        metric = record.metrics.get("loss")
        # with `validation_freq` the values stand at their own epochs
        validation = np.array(val_logged, dtype=np.float64) if metric is None else metric.validation
        seen = np.flatnonzero(np.isfinite(validation))
        return cls(
            epochs=len(train),
            train=statistics.trend(train),
            validation=statistics.trend(validation),
            first=_mean(train[:1]),
            last=_mean(train, 1),
            val_first=_mean(validation[seen[:1]]),
            val_last=_mean(validation, 1),
            begin=_mean(train[np.isfinite(train)][-statistics.trend(train).window :][:1]),
            level=_mean(train),
            val_level=_mean(validation),
            least=_least(record, np.concatenate([train, validation])),
            best=int(seen[validation[seen].argmin()]) + 1 if len(seen) else None,
            val_range=float(np.ptp(validation[seen])) if len(seen) else math.nan,
            lost=_first_nonfinite(logged),
            val_lost=_first_nonfinite(val_logged, record.fit.validation_freq),
            overfits=statistics.overfits(train, validation),
        )


def _least(record: TrainingRecord, losses: NDArray[np.float64]) -> float:
    """What the loss cannot fall below; NaN where it is below 0 and nothing else is known of it."""
    known = record.compile.losses
    if len(known) == 1 and known[0].builtin and plain(known[0].name) == "cosinesimilarity":
        return -1.0
    return math.nan if falls_below_zero(losses) else 0.0


def _mean(values: NDArray[np.float64], most: int = 3) -> float:
    """Mean of the last finite values, `most` of them."""
    finite = values[np.isfinite(values)][-most:]
    return float((finite / len(finite)).sum()) if len(finite) else math.nan


def _first_nonfinite(values: list[float], stride: int = 1) -> int | None:
    return next(((index + 1) * stride for index, value in enumerate(values) if not math.isfinite(value)), None)


def _part_of_the_run(record: TrainingRecord, epochs: int) -> str:
    """What the sentence is about, when it is not the whole run."""
    planned = record.fit.epochs - record.fit.initial_epoch
    match record.outcome.status:
        case "running":
            return _("so far ({epochs} of {planned} epochs): ").format(epochs=epochs, planned=planned)
        case "interrupted":
            return _("interrupted after {epochs} of {planned} epochs: ").format(epochs=epochs, planned=planned)
        case "raised":
            return _("ended by an exception after {epochs} of {planned} epochs: ").format(
                epochs=epochs, planned=planned
            )
        case _:
            return ""


def _read(curves: _Curves, record: TrainingRecord, diagnoses: Sequence[Diagnosis]) -> tuple[str, str]:
    """Name and sentence of the reading; what forbids a comparison comes first."""
    labels = record.quantities.get("split_labels")
    lost = [value for value in record.history.get("loss", []) if not math.isfinite(value)]
    if curves.lost is not None and math.isfinite(record.history["loss"][-1]):
        told = _(_AT_TIMES_NOT_FINITE).format(count=len(lost), epochs=curves.epochs, lost=curves.lost, last=curves.last)
        found = "not finite", told
    elif curves.lost is not None:
        found = "not finite", _(_NOT_FINITE).format(lost=curves.lost)
    elif curves.val_lost is not None:
        found = "not finite", _(_VALIDATION_NOT_FINITE).format(lost=curves.val_lost, last=curves.last)
    elif curves.best is None:
        sentence = _("{course}; without validation nothing tells whether the network generalizes.")
        found = "not validated", sentence.format(course=_filled(_NOT_VALIDATED[curves.train.direction], curves))
    elif curves.epochs < statistics.SHORTEST_TREND:
        found = "unclear", _filled(_TOO_FEW, curves)
    elif (
        labels is not None
        and labels.kind == "classes"
        and not statistics.alike(list(labels.train.values()), list(labels.validation.values()))
    ):
        found = "not comparable", _filled(_NOT_COMPARABLE, curves)
    else:
        found = _told(_compare(curves, record), curves, diagnoses)
    return found


def _told(reading: _Reading, curves: _Curves, diagnoses: Sequence[Diagnosis]) -> tuple[str, str]:
    """Name and sentence of a reading; what was found in the run goes before what the curves would mean alone."""
    facts = _filled(reading.facts, curves)
    first = _first(reading, diagnoses)
    if first is not None:
        why = next((cause.explanation for cause in first.causes if cause.status is Status.CONFIRMED), "")
        see = _("{facts}. See {name} below first: {why}.") if why else _("{facts}. See {name} below first.")
        name = first.name if reading.name in _CLAIMS else reading.name
        return name, see.format(facts=facts, name=first.name, why=why)
    return reading.name, f"{facts}: {_filled(reading.meaning, curves)}." if reading.meaning else f"{facts}."


def _first(reading: _Reading, diagnoses: Sequence[Diagnosis]) -> Diagnosis | None:
    """The diagnosis that says more about these curves than they do."""
    # only a fault outweighs overfitting that is measured itself
    overfits = reading.name == "overfitting" and any(diagnosis.name == "overfitting" for diagnosis in diagnoses)
    least = Severity.ERROR if overfits else Severity.WARNING
    return next(
        (diagnosis for diagnosis in diagnoses if diagnosis.severity >= least and diagnosis.name not in _ASIDE), None
    )


def _filled(template: str, curves: _Curves) -> str:
    return _(template).format(
        epochs=curves.epochs,
        window=curves.train.window,
        needed=statistics.SHORTEST_TREND,
        first=curves.first,
        begin=curves.begin,
        last=curves.last,
        val_first=curves.val_first,
        val_last=curves.val_last,
        best=curves.best,
        least=statistics.LEAST_RISE,
        rise=curves.overfits.rise / curves.overfits.level if curves.overfits else math.nan,
        onset=curves.overfits.index + 1 if curves.overfits else None,
        left=_(", {share:.0f} % of where it began").format(share=100 * curves.last / curves.first)
        if curves.least == 0 and curves.first > 0
        else "",
    )


def _compare(curves: _Curves, record: TrainingRecord) -> _Reading:
    """The table of the two trends, but for a rise that stays and for training that has come to its end."""
    if curves.overfits is not None and curves.train.direction != "up":
        return _OVERFITS
    trends = curves.train.direction, curves.validation.direction
    # a share of a loss is one of what lies above the least that it can be
    val_moved = abs(curves.val_level - curves.val_first)
    if trends == ("flat", "down") and val_moved < 0.05 * (curves.val_first - curves.least):
        # a fall that one can measure, and that means nothing
        trends = ("flat", "flat")
    # settled side by side: the curves lie closer than 15 % of the way that val_loss went, as a flat one may move
    together = curves.val_level - curves.level < 0.15 * curves.val_range
    if trends == ("down", "flat") and together:
        return _CONVERGED
    if curves.train.direction == "flat" and _at_its_end(curves, record):
        ended = {"flat": _CONVERGED, "down": _NEARLY_CONVERGED, "up": _CONVERGED_RISING}
        if curves.validation.direction in ended:
            return ended[curves.validation.direction]
    return _as_it_lies(trends, curves)


def _as_it_lies(trends: tuple[str, str], curves: _Curves) -> _Reading:
    """The table of the two trends, but where the levels of the curves contradict what it would claim."""
    if trends == ("flat", "flat"):
        return _both_flat(curves)
    # easier rows, or a burden of training alone, would put it below
    if trends == ("flat", "down") and curves.level - curves.val_level < 0.15 * curves.val_range:
        return _VALIDATION_BEHIND
    # nothing is lost yet: the best is among the last three, which no onset can be told of
    if trends == ("down", "flat") and curves.best is not None and curves.best > curves.epochs - 3:
        return _VALIDATION_SETTLED
    return _TABLE.get(trends, _TRAINING_UNCLEAR)


def _both_flat(curves: _Curves) -> _Reading:
    if math.isnan(curves.least):
        return _SETTLED_ANYWHERE
    # the end is within 5 % of the begin
    stuck = abs(curves.level - curves.first) < 0.05 * (curves.first - curves.least)
    return _STUCK if stuck else _TABLE["flat", "flat"]


def _at_its_end(curves: _Curves, record: TrainingRecord) -> bool:
    """Whether the training loss has nowhere left to fall: a tenth of its first value, or 98 % of the rows right.

    Never by its value where the least that it can be is not known.
    """
    right = [
        _mean(metric.train) for metric in record.metrics.values() if metric.proportion and metric.direction == "up"
    ]
    near = curves.level - curves.least <= 0.1 * (curves.first - curves.least)
    return near or any(share >= 0.98 for share in right)
