"""From what was recorded to what it means: `diagnose(record)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from kerasdoctor import quantities
from kerasdoctor import rule as rules
from kerasdoctor.diagnosis import (
    Applicability,
    CauseFinding,
    Diagnosis,
    Evidence,
    Prescription,
    Skipped,
    Status,
    Verdict,
)
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Remedy, cell, edit
from kerasdoctor.report import Report
from kerasdoctor.verdict import read_curves

#: Keras writes summaries in bold into some of its messages.
_TERMINAL = re.compile(r"\x1b\[[0-9;]*m")
_ORDER = {Status.CONFIRMED: 0, Status.POSSIBLE: 1, Status.RULED_OUT: 2}


# the numbers of a run that diverged overflow; what comes out is NaN, which every rule expects
@np.errstate(all="ignore")
def diagnose(
    record: TrainingRecord,
    *,
    ignored: Mapping[str, str] | None = None,
    candidates: Iterable[rules.Rule] | None = None,
) -> Report:
    """Examine a record with every rule.

    A rule that raises is skipped, with its error as the reason; it never stops the others.

    Args:
        record: what a call to `fit` did, also while it is still running.
        ignored: names of diagnoses not to make -> the reason given for that.
        candidates: the rules to ask; all that `kerasdoctor.rules` holds by default.
    """
    ignored = ignored or {}
    diagnoses: list[Diagnosis] = []
    skipped: list[Skipped] = []
    asked = tuple(rules.discover() if candidates is None else candidates)
    for rule in asked:
        if rule.name in ignored:
            told = _("ignored in this project: {reason}").format(reason=ignored[rule.name])
            skipped.append(Skipped(rule.name, told, ignored=True))
            continue
        try:
            evidence = _evidence(rule.check(**rules.inject(rule.check, record)))
            if evidence:
                diagnoses.append(_diagnosis(rule, evidence, record, skipped))
        except rules.NotMeasured as missing:
            reason = _("needs {name}, not recorded").format(name=missing) + _why(str(missing), record)
            skipped.append(Skipped(rule.name, reason))
        except Exception as error:  # a rule of ours must never cost the user the rest of the report
            skipped.append(Skipped(rule.name, _("failed: {error}").format(error=describe(error))))
    diagnoses.sort(key=lambda diagnosis: (-diagnosis.severity, diagnosis.name))
    found = _numbered(_explained(diagnoses, asked))
    return Report(
        record=record,
        verdict=_verdict(record, found),
        diagnoses=found,
        skipped=tuple(skipped),
        unwritten=_unwritten(record, found, asked),
    )


def _why(name: str, record: TrainingRecord) -> str:
    """Why a quantity may not have been recorded."""
    kind = quantities.types().get(name)
    if record.outcome.status == "checked" and (kind is None or kind.grows):
        return _(" (nothing was trained)")
    if kind is None:
        return ""
    if kind.probed:
        reason = record.instrument.unprobed
        if not reason and (kind.option or record.outcome.status != "checked"):
            reason = _("%kdoctor check {option}measures it").format(option=kind.option)
        return f" ({reason})" if reason else ""
    reason = record.instrument.untapped if kind.grows else record.data.not_examined
    return f" ({reason})" if reason else ""


def describe(error: BaseException) -> str:
    """Class and text of an exception on one line, without the terminal's codes for bold and colours."""
    text = " ".join(_TERMINAL.sub("", str(error)).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _verdict(record: TrainingRecord, diagnoses: tuple[Diagnosis, ...]) -> Verdict:
    if record.outcome.status == "checked":
        return Verdict("unclear", "unclear", "not trained", _("Nothing was trained: no curve to read."))
    try:
        return read_curves(record, diagnoses)
    except Exception as error:  # as in `diagnose`
        sentence = _("The curves could not be read: {error}.").format(error=describe(error))
        return Verdict("unclear", "unclear", "failed", sentence)


def _evidence(finding: rules.Finding) -> tuple[Evidence, ...]:
    if finding is None:
        return ()
    return (finding,) if isinstance(finding, Evidence) else tuple(finding)


def _diagnosis(
    rule: rules.Rule, evidence: tuple[Evidence, ...], record: TrainingRecord, skipped: list[Skipped]
) -> Diagnosis:
    causes = [_examine(cause, evidence[0], record, skipped) for cause in rule.causes]
    first = evidence[0]
    message = _(rule.message).format(
        statement=first.statement,
        where=first.where,
        when=first.when,
        value=first.value,
        threshold=first.threshold,
        fit=record.fit,
        model=record.model,
        data=record.data,
        compile=record.compile,
    )
    return Diagnosis(
        name=rule.name,
        family=rule.family,
        severity=rule.severity_in(record),
        message=message,
        evidence=evidence,
        causes=tuple(sorted(causes, key=lambda cause: _ORDER[cause.status])),
    )


def _examine(cause: rules.Cause, evidence: Evidence, record: TrainingRecord, skipped: list[Skipped]) -> CauseFinding:
    try:
        status, found = cause.examine(**rules.inject(cause.examine, record, evidence=evidence))
    except rules.NotMeasured as missing:
        status = Status.POSSIBLE
        found = Evidence(_("not measured: needs {name}").format(name=missing) + _why(str(missing), record))
    except Exception as error:  # as in `diagnose`
        status = Status.POSSIBLE
        found = Evidence(_("not measured: the examination failed ({error})").format(error=describe(error)))
    if status is Status.POSSIBLE and cause.probe and cause.probe not in record.quantities:
        offer = _("{statement}; %kdoctor check {option}model.fit(...) would tell")
        option = quantities.types()[cause.probe].option
        found = replace(found, statement=offer.format(statement=found.statement, option=option))
    treatments = () if status is Status.RULED_OUT else cause.remedies
    prescriptions = []
    for remedy in treatments:
        try:
            prescriptions.append(_prescribe(remedy, record, skipped))
        except Exception as error:  # as in `diagnose`
            reason = _("its cell could not be written: {error}").format(error=describe(error))
            skipped.append(Skipped(remedy.name, reason))
    return CauseFinding(
        name=cause.name,
        explanation=_(cause.explanation),
        status=status,
        evidence=found,
        prescriptions=tuple(prescription for prescription in prescriptions if prescription),
    )


def _prescribe(remedy: Remedy, record: TrainingRecord, skipped: list[Skipped]) -> Prescription | None:
    plan = remedy.plan(record)
    if plan is None:
        return None
    try:
        # nobody is shown them before the end, and the training waits for this
        edits = () if record.outcome.status == "running" else edit.edits(record, plan)
    except Exception as error:  # as in `diagnose`; there is the cell
        edits = ()
        skipped.append(Skipped(remedy.name, _("its edit could not be written: {error}").format(error=describe(error))))
    if edit.needed(record, plan):
        gaps = any(edited.placeholders for edited in edits)
        source = edit.joined(edits)
        written = source and cell.Written(source, Applicability.HAS_PLACEHOLDERS if gaps else Applicability.UNSAFE)
    else:
        written = cell.write(record, plan)
    if not written:
        return None
    return Prescription(
        number=0,
        name=remedy.name,
        title=_(remedy.title),
        source=written.source,
        applicability=max(plan.applicability, written.applicability),
        plan=None if edit.needed(record, plan) else plan,
        edits=edits,
    )


def _unwritten(record: TrainingRecord, found: Iterable[Diagnosis], asked: Iterable[rules.Rule]) -> str:
    """Why there is no cell where there would be one; empty where there is, or where there is nothing to treat."""
    reason = cell.unwritable(record)
    if not reason:
        return ""
    known = {rule.name: rule for rule in asked}
    candidates = {
        (diagnosis.name, cause.name)
        for diagnosis in found
        for cause in diagnosis.causes
        if cause.status is not Status.RULED_OUT
    }
    remedies = [
        remedy
        for diagnosis in found
        for cause in known[diagnosis.name].causes
        if (diagnosis.name, cause.name) in candidates
        for remedy in cause.remedies
    ]
    return reason if any(_acts(remedy, record) for remedy in remedies) else ""


def _acts(remedy: Remedy, record: TrainingRecord) -> bool:
    try:
        return remedy.plan(record) is not None
    except Exception:  # `_examine` has told of it
        return False


def _explained(diagnoses: list[Diagnosis], asked: Iterable[rules.Rule]) -> list[Diagnosis]:
    """The diagnoses that no other one explains; what they explain stands under them, without prescriptions."""
    known = {rule.name: rule for rule in asked}
    severity = {diagnosis.name: diagnosis.severity for diagnosis in diagnoses}
    certain = {
        diagnosis.name: {
            name
            for cause in known[diagnosis.name].causes
            for name in cause.explains
            if severity.get(name, diagnosis.severity) <= diagnosis.severity
            and Status.CONFIRMED in {found.status for found in diagnosis.causes if found.name == cause.name}
        }
        for diagnosis in diagnoses
    }

    def explains(other: str, name: str) -> bool:
        # what was measured here turns round what holds in general
        return name in certain[other] or (name in known[other].explains and other not in certain[name])

    why = {
        diagnosis.name: next((other.name for other in diagnoses if explains(other.name, diagnosis.name)), None)
        for diagnosis in diagnoses
    }

    def root(name: str) -> str:
        above = why[name]
        return name if above is None else root(above)

    return [
        replace(
            diagnosis,
            explained=tuple(
                replace(other, causes=tuple(replace(cause, prescriptions=()) for cause in other.causes))
                for other in diagnoses
                if other is not diagnosis and root(other.name) == diagnosis.name
            ),
        )
        for diagnosis in diagnoses
        if why[diagnosis.name] is None
    ]


def _numbered(diagnoses: list[Diagnosis]) -> tuple[Diagnosis, ...]:
    """The same diagnoses with their prescriptions numbered as they are shown; equal code keeps one number."""
    numbers: dict[str, int] = {}

    def number(prescription: Prescription) -> Prescription:
        return replace(prescription, number=numbers.setdefault(prescription.source, len(numbers) + 1))

    return tuple(
        replace(
            diagnosis,
            causes=tuple(
                replace(cause, prescriptions=tuple(number(prescription) for prescription in cause.prescriptions))
                for cause in diagnosis.causes
            ),
        )
        for diagnosis in diagnoses
    )
