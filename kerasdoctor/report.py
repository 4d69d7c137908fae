"""The report: what one run did and what the examination of it found."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasdoctor.diagnosis import CauseFinding, Diagnosis, Evidence, Prescription, Severity, Skipped, Verdict
from kerasdoctor.record import TrainingRecord, json_number
from kerasdoctor.remedies import cell, merging

VERSION = 1


@dataclass(frozen=True)
class Report:
    """Record, verdict, diagnoses (the most severe first) and what was not looked at."""

    record: TrainingRecord
    verdict: Verdict
    diagnoses: tuple[Diagnosis, ...]
    skipped: tuple[Skipped, ...]
    #: Why the fixes of this run come without code; empty where they have it, or where there is none to make.
    unwritten: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing of severity WARNING or above was found."""
        return all(diagnosis.severity < Severity.WARNING for diagnosis in self.diagnoses)

    def prescriptions(self) -> Iterator[tuple[Diagnosis, CauseFinding, Prescription]]:
        """Every prescription once, in the order of its number, with what it is for."""
        seen: set[int] = set()
        for diagnosis in self.diagnoses:
            for cause in diagnosis.causes:
                for prescription in cause.prescriptions:
                    if prescription.number not in seen:
                        seen.add(prescription.number)
                        yield diagnosis, cause, prescription

    def combined(self, prescriptions: Sequence[Prescription]) -> cell.Written | None:
        """The cell that makes the changes of several prescriptions of this report, with one call to `fit`.

        Returns:
            None where it is not known what one of them changes, or no cell can be written.

        Raises:
            merging.Conflict: when two of them decide the same thing differently.
        """
        plans = [prescription.plan for prescription in prescriptions if prescription.plan is not None]
        if not plans or len(plans) < len(prescriptions):
            return None
        plan = merging.merge(self.record, plans)
        written = cell.write(self.record, plan)
        return written and dataclasses.replace(written, applicability=max(plan.applicability, written.applicability))

    def to_dict(self) -> dict[str, Any]:
        """Versioned JSON types; the README documents the form."""
        data: dict[str, Any] = {
            "version": VERSION,
            "verdict": dataclasses.asdict(self.verdict),
            "diagnoses": [_diagnosis(diagnosis) for diagnosis in self.diagnoses],
            "skipped": [dataclasses.asdict(skipped) for skipped in self.skipped],
        }
        return data | ({"unwritten": self.unwritten} if self.unwritten else {})

    def save_json(self, path: str | Path) -> None:
        """Writes `to_dict()` as strict JSON.

        Raises:
            OSError: when the file cannot be written.
        """
        Path(path).write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")

    def save_html(self, path: str | Path) -> None:
        """Writes a page that needs no other file.

        Raises:
            OSError: when the file cannot be written.
        """
        from kerasdoctor.renderers import html

        Path(path).write_text(html.render(self, standalone=True), "utf-8")

    def __str__(self) -> str:
        from kerasdoctor.renderers import text

        return text.render(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Static HTML with the figure inside, the figure and plain text; a front end shows the richest it knows."""
        from kerasdoctor.renderers import bundle

        return bundle.render(self)


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": diagnosis.name,
        "family": diagnosis.family,
        "severity": diagnosis.severity.label,
        "message": diagnosis.message,
        "evidence": [_evidence(evidence) for evidence in diagnosis.evidence],
        "causes": [
            {
                "name": cause.name,
                "status": cause.status.value,
                "evidence": _evidence(cause.evidence),
                "prescriptions": [_prescription(prescription) for prescription in cause.prescriptions],
            }
            for cause in diagnosis.causes
        ],
    }
    if diagnosis.explained:
        data["explained"] = [
            {"name": other.name, "severity": other.severity.label, "message": other.message}
            for other in diagnosis.explained
        ]
    return data


def _prescription(prescription: Prescription) -> dict[str, Any]:
    data: dict[str, Any] = {
        "title": prescription.title,
        "source": prescription.source,
        "applicability": prescription.applicability.label,
    }
    if prescription.edits:
        data["edits"] = [
            {"cell": edit.number, "id": edit.cell_id, "source": edit.new, "diff": edit.unified}
            for edit in prescription.edits
        ]
    return data


def _evidence(evidence: Evidence) -> dict[str, Any]:
    data = dataclasses.asdict(evidence)
    return {key: json_number(value) if isinstance(value, float) else value for key, value in data.items()}
