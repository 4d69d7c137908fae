"""What the tests of the rules read off a report."""

from kerasdoctor import engine
from kerasdoctor.diagnosis import CauseFinding, Diagnosis
from kerasdoctor.record import TrainingRecord
from kerasdoctor.rule import discover


def diagnosis(record: TrainingRecord, name: str) -> Diagnosis | None:
    """What the rule `name` finds in `record`."""
    report = engine.diagnose(record, candidates=[rule for rule in discover() if rule.name == name])
    assert not [skipped for skipped in report.skipped if skipped.reason.startswith("failed")]
    return report.diagnoses[0] if report.diagnoses else None


def reason(record: TrainingRecord, name: str) -> str | None:
    """Why the rule `name` did not look."""
    report = engine.diagnose(record, candidates=[rule for rule in discover() if rule.name == name])
    return report.skipped[0].reason if report.skipped else None


def cause(record: TrainingRecord, rule: str, name: str) -> CauseFinding:
    """One cause of a rule that fires."""
    found = diagnosis(record, rule)
    assert found is not None
    return next(cause for cause in found.causes if cause.name == name)
