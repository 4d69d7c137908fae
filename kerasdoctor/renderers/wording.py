"""The words, numbers and facts that text and HTML share, so that both say the same."""

from __future__ import annotations

import dataclasses
import math
import unicodedata
from collections.abc import Sequence

import numpy as np

from kerasdoctor.diagnosis import Applicability, CellEdit, Diagnosis, Evidence, Prescription, Severity, Status, Verdict
from kerasdoctor.locale import _
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.record import Compile, Data, Failure, Fit, Instrument, Metric, Model, TrainingRecord
from kerasdoctor.remedies.merging import Conflict
from kerasdoctor.report import Report

#: Longest text of the user's (a name, an exception) that is shown in full.
MOST_CHARACTERS = 1200
#: Rows of the table of curves, layers of the model and own failures that are listed.
MOST_ROWS = 24

Rows = list[tuple[str, str]]
#: Joiners that Persian and emoji need; every other format character may hide or reorder what follows it.
_JOINERS = "\u200c\u200d"


def plain(text: str, most: int = MOST_CHARACTERS) -> str:
    """`text` that shows as what it is: control, bidi and unpaired characters as escapes, cut after `most` characters.

    Line feeds and tabs stay.
    """
    cut = len(text) - most
    if cut > 0:
        text = text[:most]
    text = exact(text.replace("\r\n", "\n"))
    return _("{text}... ({count:,} more characters)").format(text=text, count=cut) if cut > 0 else text


#: Sign of a line of a diff -> what has become of the line.
DIFF = {" ": "unchanged", "-": "removed", "+": "added"}


def edit(change: CellEdit) -> str:
    """What a diff is of."""
    return _("The same as an edit of your cell [{number}]").format(number=change.number)


def after_edit() -> str:
    """What is to be done once a cell is edited."""
    return _("Then run your cells again from the one that builds the model on: it starts from fresh weights.")


def exact(source: str) -> str:
    """Source code in full, for a terminal: what could drive it is shown as an escape that means the same in Python."""
    if source.isprintable():
        return source
    return "".join(_escape(character) for character in source)


def _escape(character: str) -> str:
    if (
        character in "\n\t"
        or character in _JOINERS
        or character.isprintable()
        or unicodedata.category(character) == "Zs"
    ):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: float) -> str:
    """Four significant digits, thousands in full; "NaN", "inf" and "-inf" for what is not finite."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """A time in its two largest units: "0.42 s", "8.4 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 10:
        return _("{seconds:.2g} s").format(seconds=seconds)
    if round(seconds) < 60:
        return _("{seconds:.0f} s").format(seconds=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)


def identifier(report: Report, number: int) -> str:
    """How a prescription is named for good: "RUN.NUMBER"."""
    return f"{report.record.run}.{number}" if report.record.run else str(number)


def conflict(report: Report, prescriptions: Sequence[Prescription], found: Conflict) -> str:
    """Why two of the prescriptions cannot stand in one cell."""
    one, other = (
        f"{identifier(report, prescription.number)} ({prescription.name})"
        for prescription in (prescriptions[found.first], prescriptions[found.second])
    )
    return _("fixes {one} and {other} do not go together: both decide {decided}").format(
        one=one, other=other, decided=plain(found.decided)
    )


def model_title(model: Model) -> str:
    """The kind of model with its name: `Sequential "digits"`."""
    return _('{kind} "{name}"').format(kind=model.kind, name=plain(model.name, 80)) if model.name else model.kind


def ending(record: TrainingRecord) -> str:
    """How the call ended, in a few words."""
    outcome = record.outcome
    if outcome.status == "stopped_early" and outcome.stopped_by:
        return _("stopped early by {callback}").format(callback=plain(outcome.stopped_by, 80))
    if outcome.status == "raised" and outcome.exception:
        return _("raised {exception}").format(exception=plain(outcome.exception.partition(":")[0], 80))
    return {
        "running": _("still running"),
        "finished": _("finished"),
        "stopped_early": _("stopped early"),
        "interrupted": _("interrupted"),
        "raised": _("raised an exception"),
        "checked": _("checked, nothing was trained"),
    }[outcome.status]


def epochs(record: TrainingRecord) -> str:
    """Epochs completed and asked for; of a loop of the user's own its updates."""
    if record.fit.loop:
        return _("updates: {done:,}").format(done=record.outcome.steps)
    asked = max(record.fit.epochs - record.fit.initial_epoch, record.outcome.epochs)
    return _("epochs: {done:,} of {asked:,}").format(done=record.outcome.epochs, asked=asked)


def header(record: TrainingRecord) -> list[str]:
    """The parts of the header line: run, model, how it ended, epochs, time."""
    parts = [_("run {run}").format(run=plain(record.run, 80))] if record.run else []
    trained = [] if record.outcome.status == "checked" else [epochs(record)]
    return [*parts, model_title(record.model), ending(record), *trained, duration(record.outcome.seconds)]


def severity(level: Severity) -> str:
    """The word for a severity."""
    return {Severity.INFO: _("info"), Severity.WARNING: _("warning"), Severity.ERROR: _("error")}[level]


def status(of_cause: Status) -> str:
    """The word for the status of a cause."""
    return {
        Status.CONFIRMED: _("confirmed"),
        Status.POSSIBLE: _("possible"),
        Status.RULED_OUT: _("ruled out"),
    }[of_cause]


def applicability(level: Applicability) -> str:
    """What a prescription does to the user's code, in words."""
    return {
        Applicability.SAFE: _("safe: keeps the meaning of your code"),
        Applicability.UNSAFE: _("changes the training"),
        Applicability.HAS_PLACEHOLDERS: _("has gaps: fill in the marked values before running it"),
    }[level]


def trends(verdict: Verdict, record: TrainingRecord) -> list[tuple[str, str, str]]:
    """Key, arrow and word of each loss curve that the verdict read."""
    if record.outcome.status == "checked":
        return []
    words = {"down": ("↘", _("down")), "flat": ("→", _("flat")), "up": ("↗", _("up")), "unclear": ("", _("unclear"))}
    read = [("loss", *words[verdict.train])]
    if record.history.get("val_loss"):
        read.append(("val_loss", *words[verdict.validation]))
    return read


_RECORD_PARTS = {field.name for field in dataclasses.fields(TrainingRecord)}


def measured(evidence: Evidence, initial_epoch: int = 0) -> list[str]:
    """The number behind a statement, where and when it was seen; epochs as Keras counts them."""
    parts = []
    # a part of the record is where to look, not what the number is
    quantity = "" if evidence.quantity in _RECORD_PARTS else plain(evidence.quantity or "", 80)
    if evidence.value is not None:
        value = number(evidence.value)
        parts.append(f"{quantity} = {value}" if quantity else value)
    elif quantity:
        parts.append(quantity)
    if evidence.threshold is not None:
        parts.append(_("threshold {value}").format(value=number(evidence.threshold)))
    if evidence.where is not None:
        parts.append(_("at {where}").format(where=plain(evidence.where, 80)))
    if evidence.when is not None and evidence.when.epoch is not None:
        parts.append(_("epoch {epoch:,}").format(epoch=initial_epoch + evidence.when.epoch))
    if evidence.when is not None and evidence.when.steps:
        parts.append(evidence.when.steps)
    return parts


def told(diagnosis: Diagnosis, initial_epoch: int = 0) -> tuple[list[str], list[Evidence]]:
    """What was measured for the evidence that the message tells already, and the other evidence."""
    within = [evidence for evidence in diagnosis.evidence if evidence.statement in diagnosis.message]
    parts = [part for evidence in within for part in measured(evidence, initial_epoch)]
    return list(dict.fromkeys(parts)), [evidence for evidence in diagnosis.evidence if evidence not in within]


def explained(diagnosis: Diagnosis) -> list[str]:
    """What follows from a diagnosis, a sentence each."""
    return [
        _("This explains {name}: {message}").format(name=other.name, message=plain(other.message))
        for other in diagnosis.explained
    ]


#: Readings of the curves beside which "nothing found" would be no clean bill.
_NOT_WELL = {"overfitting", "data at fault", "drifting", "contradictory", "diverging"}


def no_finding(report: Report) -> str:
    """The clean bill of a run, as far as it was looked at."""
    if report.diagnoses:
        return _("Nothing found that needs treatment; the notes below are for your information.")
    if report.record.outcome.status == "raised" or report.record.outcome.exception:
        foreseen = _("fit would raise an exception, and no rule found its cause.")
        raised = _("The call raised an exception, and no rule found its cause in what was recorded until then.")
        return foreseen if report.record.outcome.status == "checked" else raised
    if report.record.outcome.status in {"running", "interrupted"}:
        return _("Nothing found in what was recorded until then.")
    ignored = [skipped.name for skipped in report.skipped if skipped.ignored]
    if ignored:
        return _("Nothing else was found; this project ignores {names}.").format(names=", ".join(ignored))
    if report.skipped or report.record.failures or report.record.data.not_examined:
        return _(
            "Nothing found. What could be examined shows no fault; what could not is listed below, with its reason."
        )
    well = report.verdict.reading not in _NOT_WELL
    return (
        _("Nothing found. Everything was examined, and no fault showed.")
        if well
        else _("No rule found a fault beyond what the curves say above. Everything was examined.")
    )


def examined(report: Report) -> list[tuple[str, str]]:
    """What was looked at and what was not: a heading and its text, in order."""
    found = [(diagnosis.name, [other.name for other in diagnosis.explained]) for diagnosis in report.diagnoses]
    within = _("{name} (and by it {others})")
    names = ", ".join(within.format(name=name, others=", ".join(others)) if others else name for name, others in found)
    entries = [(_("Found"), names or _("nothing"))]
    reasons: dict[str, list[str]] = {}
    for skipped in report.skipped:
        reasons.setdefault(skipped.reason, []).append(skipped.name)
    entries += [
        (", ".join(skipped), _("not examined: {reason}").format(reason=reason)) for reason, skipped in reasons.items()
    ]
    if report.record.data.not_examined:
        entries.append(
            (_("contents of the data"), _("not examined: {reason}").format(reason=report.record.data.not_examined))
        )
    entries.append((_("Every other rule"), _("examined, nothing found")))
    return entries


def unwritten(report: Report) -> str:
    """Why the fixes of this run come without code; empty where they have it."""
    return _("No code is written for the fixes: {reason}.").format(reason=report.unwritten) if report.unwritten else ""


def failures(record: TrainingRecord) -> list[Failure]:
    """Keras Doctor's own crashes, each kind once, the first ones."""
    return list(dict.fromkeys(record.failures))[:MOST_ROWS]


def facts(record: TrainingRecord) -> list[tuple[str, Rows]]:
    """Facts of the run in groups, each a title and its rows; what is not known or is Keras's default is left out."""
    groups = [
        (_("Model"), _model(record.model)),
        (_("Compile"), _compile(record.compile, record.quantities.get("learning_rate"))),
        (_("Data"), _data(record.data)),
        (_("Fit"), _fit(record.fit)),
        (_("Probed"), _probed(record)),
        (_("Recorded"), _instrument(record.instrument)),
    ]
    if record.source is not None:
        groups.append((_("Call"), [(_("source"), record.source.call)]))
    return [(title, rows) for title, rows in groups if rows]


def _instrument(instrument: Instrument) -> Rows:
    rows = []
    if instrument.level != "default":
        rows.append((_("level"), instrument.level))
    missing = {
        _("lowered"): instrument.lowered,
        _("no gradients"): instrument.untapped if instrument.level != "light" else "",
        _("no activations"): instrument.unwatched,
        _("no looks at training rows"): instrument.unlooked,
        _("no probes"): instrument.unprobed,
    }
    return rows + [(what, reason) for what, reason in missing.items() if reason]


def _probed(record: TrainingRecord) -> Rows:
    found, rows = record.quantities, []
    loss = found.get("initial_loss")
    if loss is not None:
        text = _("{value} ({guessing} by guessing, {prior} by knowing the targets' distribution)")
        rows.append(
            (
                _("loss at initialization"),
                text.format(value=number(loss.value), guessing=number(loss.guessing), prior=number(loss.prior)),
            )
        )
    zero = found.get("zero_input")
    if zero is not None:
        text = _("{value} of their size; at an input of 0 they differ by {zero}")
        rows.append(
            (_("outputs vary over the rows by"), text.format(value=number(zero.spread), zero=number(zero.distance)))
        )
    twice = found.get("inference_randomness")
    if twice is not None:
        text = _("the outputs differ by {value} of their size")
        same = _("the same outputs")
        rows.append((_("same rows twice"), text.format(value=number(twice.difference)) if twice.difference else same))
    overfit = found.get("overfit_batch")
    if overfit is not None:
        known = overfit.compiled.learned
        text = _("known in {steps:,} steps") if known else _("not known after {steps:,} steps, loss {first} -> {last}")
        attempt = overfit.compiled
        rows.append(
            (
                _("{rows} rows by heart").format(rows=overfit.rows),
                text.format(steps=attempt.steps, first=number(attempt.first), last=number(attempt.last)),
            )
        )
    return rows


def _model(model: Model) -> Rows:
    rows = [(_("name"), model_title(model))]
    if model.layers:
        kinds = [layer.kind for layer in model.layers[:MOST_ROWS]]
        more = len(model.layers) - len(kinds)
        rows.append((_("layers"), ", ".join([*kinds, *([_("{count:,} more").format(count=more)] if more else [])])))
    if model.parameters:
        trained = _("{total:,}, trainable: {trainable:,}")
        rows.append((_("parameters"), trained.format(total=model.parameters, trainable=model.trainable_parameters)))
    if model.iterations:
        rows.append(
            (_("updates before this run"), _("{count:,} (continued, not fresh)").format(count=model.iterations))
        )
    return rows


def _compile(compiled: Compile, used: LearningRate | None) -> Rows:
    rows = []
    if compiled.optimizer:
        rate = _("a schedule") if compiled.learning_rate is None else number(compiled.learning_rate)
        extent = used.extent if used is not None else None
        if extent is not None and extent[0] < extent[1]:
            rate = _("{lowest} to {highest} as it was used").format(lowest=number(extent[0]), highest=number(extent[1]))
        rows.append(
            (_("optimizer"), _("{optimizer}, learning rate: {rate}").format(optimizer=compiled.optimizer, rate=rate))
        )
    for loss in compiled.losses:
        notes = [_("of {output}").format(output=loss.output)] if loss.output else []
        notes += [] if loss.builtin else [_("your own")]
        notes += ["from_logits"] if loss.from_logits else []
        rows.append((_("loss"), f"{loss.name} ({', '.join(notes)})" if notes else loss.name))
    if compiled.dtype_policy != "float32":
        rows.append((_("precision"), compiled.dtype_policy))
    return rows


def _data(data: Data) -> Rows:
    rows: Rows = [(_("given as"), data.kind)]
    if data.n_train is not None:
        rows.append((_("training rows"), f"{data.n_train:,}"))
    if data.n_validation is not None:
        rows.append((_("validation rows"), f"{data.n_validation:,}"))
    passed = [f"{name}: {kind}" for name, kind in data.containers.items() if kind != "none"]
    if passed:
        rows.append((_("containers"), ", ".join(passed)))
    return rows


def _fit(fit: Fit) -> Rows:
    rows: Rows = [(_("loop"), fit.loop)] if fit.loop else [("epochs", f"{fit.epochs:,}")]
    optional = [
        ("initial_epoch", fit.initial_epoch, 0),
        ("batch_size", fit.batch_size, None),
        ("steps_per_epoch", fit.steps_per_epoch, None),
        ("validation_split", fit.validation_split, 0.0),
        ("validation_freq", fit.validation_freq, 1),
        ("shuffle", fit.shuffle, True),
        ("class_weight", fit.class_weight, False),
        ("sample_weight", fit.sample_weight, False),
    ]
    for name, value, default in optional:
        if value != default:
            text = _("yes") if value is True else _("no") if value is False else f"{value:,}"
            rows.append((name, text))
    if fit.callbacks:
        rows.append(("callbacks", ", ".join(fit.callbacks)))
    if fit.seed is not None:
        rows.append((_("seed"), str(fit.seed)))
    return rows


def direction(metric: Metric) -> str:
    """Which way is better: "down", "up" or "unknown"; a loss is minimized by definition."""
    return "down" if metric.name == "loss" else metric.direction


def best(metric: Metric, values: np.ndarray) -> int | None:
    """Index of the best finite value of a series of `metric`; None where better has no direction."""
    finite = np.isfinite(values)
    if direction(metric) == "unknown" or not finite.any():
        return None
    filled = np.where(finite, values, np.inf if direction(metric) == "down" else -np.inf)
    return int(filled.argmin() if direction(metric) == "down" else filled.argmax())


def curves(record: TrainingRecord) -> tuple[list[tuple[str, str, str, str]], int]:
    """Rows of key, first value, best value with its epoch, last value; and how many keys were left out."""
    rows = []
    initial = record.fit.initial_epoch
    for metric in sorted(record.metrics.values(), key=lambda metric: metric.name != "loss"):
        for key, values in ((metric.name, metric.train), (f"val_{metric.name}", metric.validation)):
            seen = np.flatnonzero(~np.isnan(values))
            if not len(values) or key not in record.history:
                continue
            if not len(seen):
                rows.append((key, "NaN", "", "NaN"))
                continue
            place = best(metric, values)
            top = (
                ""
                if place is None
                else _("{value} (epoch {epoch:,})").format(value=number(values[place]), epoch=initial + place + 1)
            )
            last = values[seen[-1]] if key.startswith("val_") and record.fit.validation_freq > 1 else values[-1]
            rows.append((key, number(values[seen[0]]), top, number(last)))
    return rows[:MOST_ROWS], max(0, len(rows) - MOST_ROWS)


def last(record: TrainingRecord, key: str) -> str:
    """The last value of a key of the history; empty without any."""
    values = record.history.get(key)
    return number(values[-1]) if values else ""


def next_steps(report: Report) -> list[tuple[str, str]]:
    """Commands and what each does, for this report; none for a script, which has no magics."""
    if report.record.source is not None and not report.record.source.notebook:
        return []
    run = report.record.run
    steps = []
    first = next(report.prescriptions(), None)
    if first is not None:
        name = identifier(report, first[2].number)
        steps.append(
            (
                f"%kdoctor fix {name}",
                _(
                    "writes the code of fix {name} into a new cell (in a terminal, the next prompt); it runs nothing. "
                    "Several names make one cell"
                ).format(name=name),
            )
        )
    if report.diagnoses:
        name = report.diagnoses[0].name
        steps.append(
            (f"%kdoctor explain {name}", _("says at length what {name} is and how it is told apart").format(name=name))
        )
        steps.append((f"%kdoctor ignore {name}", _("silences it in this project, if you know better")))
    if report.record.metrics or "batch_loss" in report.record.quantities:
        steps.append((f"%kdoctor show {run}".rstrip(), _("opens the curves, to zoom and to point at")))
    return steps


def first_place(diagnoses: Sequence[Diagnosis]) -> dict[int, tuple[str, str]]:
    """Number of a prescription -> diagnosis and cause where it is met first, and its code shown."""
    places: dict[int, tuple[str, str]] = {}
    for diagnosis in diagnoses:
        for cause in diagnosis.causes:
            for prescription in cause.prescriptions:
                places.setdefault(prescription.number, (diagnosis.name, cause.name))
    return places
