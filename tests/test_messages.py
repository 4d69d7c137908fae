"""What each rule says of its own example, kept in `tests/snapshots`; `pytest --snapshot-update` writes it anew."""

from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from kerasdoctor import engine
from kerasdoctor.diagnosis import Diagnosis
from kerasdoctor.renderers import text
from kerasdoctor.rule import Rule, Unhealthy, discover

EXAMPLES = [(rule, example) for rule in discover() for example in rule.examples if isinstance(example, Unhealthy)]


class _Text(SingleFileSnapshotExtension):
    file_extension = "txt"
    _write_mode = WriteMode.TEXT

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(Path(__file__).parent / "snapshots" / test_location.basename)


def _without_code(diagnosis: Diagnosis) -> Diagnosis:
    """The code of the fixes is tested where it is written."""
    return replace(diagnosis, causes=tuple(replace(cause, prescriptions=()) for cause in diagnosis.causes))


@pytest.mark.parametrize(
    ("rule", "example"), EXAMPLES, ids=[f"{rule.name}-{example.record.__name__}" for rule, example in EXAMPLES]
)
def test_message(rule: Rule, example: Unhealthy, snapshot: SnapshotAssertion) -> None:
    report = engine.diagnose(example.record(), candidates=[rule])
    (diagnosis,) = map(_without_code, report.diagnoses)
    shown = text.render(replace(report, diagnoses=(diagnosis,)))
    begin = shown.index(f"] {rule.name}\n")
    end = min(shown.find(f"\n\n{heading}\n", begin) % (len(shown) + 1) for heading in ("Curves", "Facts of the run"))
    assert shown[shown.rindex("\n", 0, begin) + 1 : end] + "\n" == snapshot(extension_class=_Text)
