"""The engine with rules made up for the test."""

import json
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from kerasdoctor import engine
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import mislabelled_digits, shuffled_digits, sorted_digits
from kerasdoctor.quantities.overfit_batch import OverfitBatch
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Data, Fit, Metric, Source, TrainingRecord
from kerasdoctor.remedies import AddCallback, Plan, Remedy
from kerasdoctor.rule import Cause, NotMeasured, Rule, inject


class Silent(Rule):
    """Never fires."""

    family = "data"
    severity = Severity.INFO
    message = "never"

    def check(self) -> None:
        return None


class Info(Silent):
    """Fires with two observations."""

    message = "{statement} at {when.step}, {value:.1f} over {threshold}, {where}, {fit.epochs}, {data.n_train:,}"

    def check(self) -> list[Evidence]:  # type: ignore[override]
        first = Evidence("odd {braces}", where="loss", when=When(step=3), value=2.0, threshold=1.0)
        return [first, Evidence("more")]


class Fatal(Silent):
    """Fires as an error."""

    severity = Severity.ERROR
    message = "fatal"

    def check(self) -> Evidence:  # type: ignore[override]
        return Evidence("it is so")


class Broken(Silent):
    """Raises."""

    def check(self) -> None:
        raise ZeroDivisionError("by\nnothing")


class Hungry(Silent):
    """Needs what no record holds."""

    def check(self, moon_phase: float) -> None:
        raise AssertionError(moon_phase)


class Choosy(Silent):
    """Finds only while it looks that something is missing."""

    def check(self) -> None:
        raise NotMeasured("a full moon")


@dataclass(frozen=True)
class Stop(Remedy):
    title: ClassVar[str] = "Stop"
    patience: int = 1

    def plan(self, record: TrainingRecord) -> Plan | None:
        return Plan((AddCallback(f"keras.callbacks.EarlyStopping(patience={self.patience})"),), "why not")


@dataclass(frozen=True)
class Nowhere(Remedy):
    title: ClassVar[str] = "Nowhere"

    def plan(self, record: TrainingRecord) -> Plan | None:
        return None


@dataclass(frozen=True)
class Unwritable(Remedy):
    title: ClassVar[str] = "Unwritable"

    def plan(self, record: TrainingRecord) -> Plan | None:
        raise KeyError("layer")


def ends(status: Status, statement: str = "measured") -> object:
    def examine() -> tuple[Status, Evidence]:
        return status, Evidence(statement)

    return examine


def fails() -> tuple[Status, Evidence]:
    raise ValueError("no")


def needs(moon_phase: float) -> tuple[Status, Evidence]:
    raise AssertionError(moon_phase)


class Differential(Fatal):
    """Has causes of every kind."""

    causes = (
        Cause("out", "o", ends(Status.RULED_OUT), (Stop(),)),  # type: ignore[arg-type]
        Cause("failing", "f", fails),
        Cause("blind", "b", needs, (Stop(2),)),
        Cause("sure", "s", ends(Status.CONFIRMED), (Stop(), Nowhere(), Unwritable(), Stop(2))),  # type: ignore[arg-type]
    )


def test_a_rule_that_raises_is_skipped_with_its_error() -> None:
    report = engine.diagnose(shuffled_digits(), candidates=[Broken(), Info()])
    assert [(skipped.name, skipped.reason) for skipped in report.skipped] == [
        ("broken", "failed: ZeroDivisionError: by nothing")
    ]
    assert [diagnosis.name for diagnosis in report.diagnoses] == ["info"]


def test_a_message_that_cannot_be_filled_is_a_failure_too() -> None:
    class Garbled(Fatal):
        """Names a field that is not there."""

        message = "{nothing}"

    report = engine.diagnose(shuffled_digits(), candidates=[Garbled()])
    assert report.diagnoses == ()
    assert report.skipped[0].reason.startswith("failed: KeyError")


def test_what_is_missing_is_said() -> None:
    report = engine.diagnose(shuffled_digits(), candidates=[Hungry(), Choosy(), Silent()])
    assert [(skipped.name, skipped.reason) for skipped in report.skipped] == [
        ("hungry", "needs moon_phase, not recorded"),
        ("choosy", "needs a full moon, not recorded"),
    ]
    assert report.clean


def test_ignored_rules_are_not_asked() -> None:
    report = engine.diagnose(
        shuffled_digits(), candidates=[Broken(), Fatal()], ignored={"broken": "known", "fatal": ""}
    )
    assert report.diagnoses == ()
    assert report.skipped[0].reason == "ignored in this project: known"


def test_the_hardest_comes_first() -> None:
    report = engine.diagnose(shuffled_digits(), candidates=[Info(), Fatal()])
    assert [diagnosis.name for diagnosis in report.diagnoses] == ["fatal", "info"]
    assert not report.clean
    assert engine.diagnose(shuffled_digits(), candidates=[Info()]).clean


def test_the_message_is_filled_from_the_first_evidence() -> None:
    diagnosis = engine.diagnose(shuffled_digits(), candidates=[Info()]).diagnoses[0]
    assert diagnosis.message == "odd {braces} at 3, 2.0 over 1.0, loss, 20, 1,437"
    assert [evidence.statement for evidence in diagnosis.evidence] == ["odd {braces}", "more"]


def test_causes_are_sorted_and_none_is_lost() -> None:
    causes = engine.diagnose(shuffled_digits(), candidates=[Differential()]).diagnoses[0].causes
    assert [(cause.name, cause.status.value) for cause in causes] == [
        ("sure", "confirmed"),
        ("failing", "possible"),
        ("blind", "possible"),
        ("out", "ruled_out"),
    ]
    assert causes[1].evidence.statement == "not measured: the examination failed (ValueError: no)"
    assert causes[2].evidence.statement == "not measured: needs moon_phase"


def test_equal_code_has_one_number() -> None:
    report = engine.diagnose(shuffled_digits(), candidates=[Differential()])
    numbers = {cause.name: [p.number for p in cause.prescriptions] for cause in report.diagnoses[0].causes}
    assert numbers == {"sure": [1, 2], "failing": [], "blind": [2], "out": []}
    assert [prescription.number for _diagnosis, _cause, prescription in report.prescriptions()] == [1, 2]


class Root(Differential):
    """Explains what follows from it, and what follows from that."""

    explains = ("middle",)


class Middle(Differential):
    """Stands between the two."""

    explains = ("leaf", "silent")


class Leaf(Differential):
    """Explains nothing."""


def test_what_follows_from_another_diagnosis_stands_under_it() -> None:
    report = engine.diagnose(shuffled_digits(), candidates=[Leaf(), Middle(), Root(), Silent(), Fatal()])
    assert [diagnosis.name for diagnosis in report.diagnoses] == ["fatal", "root"]
    fatal, root = report.diagnoses
    assert fatal.explained == ()
    assert [diagnosis.name for diagnosis in root.explained] == ["leaf", "middle"]
    # the cause is treated, not what follows from it
    assert all(cause.prescriptions == () for diagnosis in root.explained for cause in diagnosis.causes)
    assert {diagnosis.name for diagnosis, _cause, _fix in report.prescriptions()} == {"root"}
    told = report.to_dict()["diagnoses"][1]["explained"]
    assert told == [{"name": name, "severity": "error", "message": "fatal"} for name in ("leaf", "middle")]


class Turning(Differential):
    """Follows from `root` but where its sure cause is found."""

    causes = tuple(replace(one, explains=("middle", "upper")) for one in Differential.causes if one.name == "sure")


class Upper(Differential):
    """Explains what turns it round."""

    explains = ("turning",)


def test_a_confirmed_cause_turns_round_what_holds_in_general() -> None:
    report = engine.diagnose(shuffled_digits(), candidates=[Leaf(), Middle(), Turning(), Upper()])
    assert [diagnosis.name for diagnosis in report.diagnoses] == ["turning"]
    assert [diagnosis.name for diagnosis in report.diagnoses[0].explained] == ["leaf", "middle", "upper"]


def test_what_explains_must_be_there() -> None:
    report = engine.diagnose(shuffled_digits(), candidates=[Leaf(), Middle(), Root()], ignored={"middle": "known"})
    assert [diagnosis.name for diagnosis in report.diagnoses] == ["leaf", "root"]


def test_a_remedy_that_cannot_be_written_is_said() -> None:
    report = engine.diagnose(shuffled_digits(), candidates=[Differential()])
    assert ("unwritable", "its cell could not be written: KeyError: 'layer'") in [
        (skipped.name, skipped.reason) for skipped in report.skipped
    ]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "the call of fit was not found in the code"),
        (Source(call="model.fit(*load())", opaque="*load()"), "what *load() passes to fit is not known"),
        (Source(call="model.fit(x, **options())", opaque="**options()"), "what **options() passes to fit is not known"),
        (Source(call="model.fit(x, y)"), ""),
    ],
)
def test_why_there_is_no_code_is_said_once(source: Source | None, reason: str) -> None:
    record = shuffled_digits()
    record.source = source
    report = engine.diagnose(record, candidates=[Differential()])
    assert report.unwritten.startswith(reason)
    assert bool(report.unwritten) == bool(reason) == (not list(report.prescriptions()))
    assert str(report).count("No code is written for the fixes") == bool(reason)
    assert report.to_dict().get("unwritten", "") == report.unwritten


def test_nothing_is_said_of_code_that_nobody_would_write() -> None:
    record = shuffled_digits()
    record.source = None
    assert engine.diagnose(record, candidates=[Fatal(), Silent()]).unwritten == ""


def test_a_verdict_that_fails_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "read_curves", lambda _record: 1 / 0)
    report = engine.diagnose(sorted_digits())
    assert report.verdict.reading == "failed"
    assert [diagnosis.name for diagnosis in report.diagnoses] == ["unshuffled-split"]


def test_a_record_that_still_grows_is_not_touched() -> None:
    record = mislabelled_digits()
    before = json.dumps(record.to_dict())
    engine.diagnose(record)
    assert json.dumps(record.to_dict()) == before


def test_the_same_record_has_the_same_report() -> None:
    assert engine.diagnose(sorted_digits()).to_dict() == engine.diagnose(sorted_digits()).to_dict()


def test_injection() -> None:
    record = shuffled_digits()

    def wants(
        self: None, split_labels: SplitLabels, loss: Metric, fit: Fit, data: Data, extra: int, absent: int = 7
    ) -> None: ...

    arguments = inject(wants, record, extra=5)
    assert set(arguments) == {"split_labels", "loss", "fit", "data", "extra"}
    assert arguments["fit"] is record.fit
    assert arguments["loss"].name == "loss"
    with pytest.raises(NotMeasured, match="split_labels"):
        inject(wants, TrainingRecord(), extra=5)


def test_describe() -> None:
    assert engine.describe(ValueError()) == "ValueError"
    assert engine.describe(ValueError("a\n  b")) == "ValueError: a b"
    assert engine.describe(ValueError("layer \x1b[1mDense\x1b[0m [1m]")) == "ValueError: layer Dense [1m]"


@pytest.mark.parametrize(
    ("status", "offered"), [(Status.POSSIBLE, True), (Status.CONFIRMED, False), (Status.RULED_OUT, False)]
)
def test_the_probe_that_would_decide_is_offered_until_it_has_measured(status: Status, offered: bool) -> None:
    class Undecided(Fatal):
        """Cannot tell."""

        causes = (Cause("why", "because", lambda: (status, Evidence("as it seems")), probe="overfit_batch"),)

    record = shuffled_digits()
    (cause,) = engine.diagnose(record, candidates=[Undecided()]).diagnoses[0].causes
    offer = "; %kdoctor check --overfit model.fit(...) would tell"
    assert (offer in cause.evidence.statement) is offered
    record.quantities["overfit_batch"] = OverfitBatch(8, (), 4, 0, 0.5)
    (cause,) = engine.diagnose(record, candidates=[Undecided()]).diagnoses[0].causes
    assert cause.evidence.statement == "as it seems"
