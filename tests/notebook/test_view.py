"""What the live view sends to the browser: only what is new, in binary, and seldom."""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
import timeit
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import comm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kerasdoctor.diagnosis import (
    Applicability,
    CauseFinding,
    Diagnosis,
    Evidence,
    Prescription,
    Severity,
    Status,
    Verdict,
)
from kerasdoctor.instrumentation.observer import Progress
from kerasdoctor.notebook import view as module
from kerasdoctor.notebook.view import LiveView
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.record import Fit, MetricFacts, Outcome, Source, TrainingRecord
from kerasdoctor.report import Report

SOURCES = Path(__file__).parents[2] / "js" / "src"

Points = dict[tuple[str, str], tuple[list[float], list[float]]]


class Wire:
    """Takes the place of the browser: keeps what widgets send."""

    def __init__(self) -> None:
        self.opened: list[dict[str, Any]] = []
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []

    def create(self, **arguments: Any) -> Wire:
        if "_esm" in arguments["data"]["state"]:
            self.opened.append(arguments)
        return self

    comm_id = "wire"

    def on_msg(self, _callback: Any) -> None:
        """The browser sends nothing."""

    def send(self, data: dict[str, Any], buffers: list[bytes] | None = None, **_: Any) -> None:
        json.dumps(data, allow_nan=False)
        self.sent.append((data, buffers or []))

    def messages(self, kind: str) -> list[tuple[dict[str, Any], list[bytes]]]:
        contents = [(data["content"], buffers) for data, buffers in self.sent if data["method"] == "custom"]
        return [(content, buffers) for content, buffers in contents if content["kind"] == kind]

    def points(self) -> list[Points]:
        return [unpacked(content["series"], *buffers) for content, buffers in self.messages("points")]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(comm, "create_comm", wire.create)
    return wire


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module.time, "perf_counter", clock)
    return clock


def unpacked(headings: Any, buffer: bytes) -> Points:
    values = np.frombuffer(buffer, "<f4").tolist()
    points: Points = {}
    for metric, part, n in headings:
        points[metric, part] = (values[:n], values[n : 2 * n])
        values = values[2 * n :]
    assert not values
    return points


def record(run: str = "1", **fit: Any) -> TrainingRecord:
    return TrainingRecord(
        run=run,
        fit=Fit(**{"epochs": 3, **fit}),
        quantities={"batch_loss": BatchLoss()},
        source=Source(call="model.fit(x, y)", cell_id="abc"),
    )


def step(of: TrainingRecord, *losses: float) -> None:
    batch = of.quantities["batch_loss"]
    for loss in losses:
        batch.step.append(len(batch.step) + 1)
        batch.value.append(loss)


def epoch(of: TrainingRecord, **values: float) -> None:
    for name, value in values.items():
        of.history.setdefault(name, []).append(value)
    of.metric_facts = {name: MetricFacts() for name in of.history if not name.startswith("val_")}


def report(of: TrainingRecord) -> Report:
    prescription = Prescription(1, "shuffle", "Shuffle", "x = 1", Applicability.UNSAFE)
    cause = CauseFinding("sorted", "rows are sorted", Status.CONFIRMED, Evidence("runs", value=0.9), (prescription,))
    other = CauseFinding("drift", "rows drift", Status.POSSIBLE, Evidence("not measured"), (prescription,))
    found = Diagnosis("unshuffled-split", "data", Severity.ERROR, "it is sorted", (Evidence("it is"),), (cause, other))
    return Report(of, Verdict("down", "up", "overfitting", "It overfits."), (found,), ())


def test_each_message_carries_only_the_new_points(wire: Wire, clock: Clock) -> None:
    run, view = record(), LiveView()
    view.add(run)
    step(run, 3.0, 2.0)
    view.refresh(run, Progress(1, 3, 2, 2, 0.1))
    epoch(run, loss=2.5, val_loss=4.0)
    step(run, 1.5)
    clock.now = 1.0
    view.refresh(run, Progress(2, 3, 1, 2, 0.2))
    assert wire.points() == [
        {("loss", "batch"): ([1, 2], [3, 2])},
        {("loss", "batch"): ([3], [1.5]), ("loss", "train"): ([1], [2.5]), ("loss", "validation"): ([1], [4])},
    ]


def test_nothing_is_sent_twice_at_the_end(wire: Wire) -> None:
    run, view = record(), LiveView()
    view.add(run)
    step(run, 3.0)
    view.refresh(run, Progress(1, 3, 1, 1, 0.1))
    view.finish(run)
    assert wire.points() == [{("loss", "batch"): ([1], [3])}, {}]


@pytest.mark.parametrize("steps_per_second", [20, 1_000, 20_000])
def test_at_most_ten_messages_and_two_thousand_points_a_second(wire: Wire, clock: Clock, steps_per_second: int) -> None:
    run, view = record(), LiveView()
    view.add(run)
    seconds = 3
    for i in range(seconds * steps_per_second):
        clock.now = i / steps_per_second
        step(run, math.sin(i))
        view.refresh(run, Progress(1, 1, i + 1, None, clock.now))
    messages = wire.points()
    assert seconds * min(10, steps_per_second) * 0.9 <= len(messages) <= seconds * 10 + 1
    assert sum(len(message["loss", "batch"][0]) for message in messages) <= seconds * 2_000 + 200


def test_points_come_with_the_progress_and_the_length_of_an_epoch(wire: Wire, clock: Clock) -> None:
    run, view = record(), LiveView()
    view.add(run)
    for at, progress in enumerate((Progress(1, 3, 5, None, 0.5), Progress(2, 3, 1, 8, 0.9))):
        clock.now = at
        view.refresh(run, progress)
    contents = [content for content, _ in wire.messages("points")]
    assert [content["steps"] for content in contents] == [None, 8]
    assert contents[1]["progress"] == {"epoch": 2, "epochs": 3, "step": 1, "steps": 8, "seconds": 0.9}


def test_epochs_without_validation_leave_no_points(wire: Wire, clock: Clock) -> None:
    run, view = record(validation_freq=2, epochs=4), LiveView()
    view.add(run)
    for number in range(1, 5):
        epoch(run, loss=float(number), **({"val_loss": number / 2} if number % 2 == 0 else {}))
        clock.now = number
        view.refresh(run)
    validation = [message.get(("loss", "validation")) for message in wire.points()]
    assert validation == [None, ([2], [1]), None, ([4], [2])]


def test_a_loss_that_is_no_number_is_sent(wire: Wire) -> None:
    run, view = record(), LiveView()
    view.add(run)
    step(run, 1.0, math.nan, math.inf, 1e300)
    epoch(run, loss=math.nan)
    view.refresh(run, Progress(1, 3, 2, 2, 0.1))
    (points,) = wire.points()
    assert np.array_equal(points["loss", "batch"][1], [1, math.nan, math.inf, math.inf], equal_nan=True)
    assert math.isnan(points["loss", "train"][1][0])


@given(
    arrays.arrays(
        float, st.integers(21, 400), elements=st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])
    )
)
def test_thinning_keeps_every_low_and_high_and_the_first_fault(values: Any) -> None:
    series = module.Series("loss", "batch", np.arange(1.0, len(values) + 1), values)
    thinned = module._thinned(series, 20)
    assert len(thinned.x) <= 20
    kept = (thinned.x - 1).astype(int)
    assert (np.diff(kept) > 0).all()
    assert np.array_equal(thinned.y, values[kept], equal_nan=True)
    # slowly and independently: every stretch on its own
    stretches = 10 if np.isfinite(values).all() else 6
    begins = [len(values) * i // stretches for i in range(stretches + 1)]
    for begin, end in itertools.pairwise(begins):
        stretch = values[begin:end].tolist()
        numbers = [value for value in stretch if math.isfinite(value)]
        faults = [begin + i for i, value in enumerate(stretch) if not math.isfinite(value)]
        mine = [i for i in kept if begin <= i < end]
        assert not numbers or {min(numbers), max(numbers)} <= set(values[mine])
        assert not faults or faults[0] in mine


def test_an_examination_is_sent_when_it_says_something_new(wire: Wire) -> None:
    run, view = record(), LiveView()
    view.add(run)
    view.examined(report(run))
    view.examined(report(run))
    facts = [content["run"] for content, _ in wire.messages("run")]
    assert [bool(fact["report"]) for fact in facts] == [False, True]
    (diagnosis,) = facts[1]["report"]["diagnoses"]
    # equal code is shown once and named by both causes
    assert [prescription["id"] for prescription in diagnosis["prescriptions"]] == ["1.1"]
    assert [cause["prescriptions"] for cause in diagnosis["causes"]] == [["1.1"], ["1.1"]]


def test_what_follows_from_a_diagnosis_is_sent_with_it(wire: Wire) -> None:
    run, view = record(), LiveView()
    view.add(run)
    found = report(run)
    (first,) = found.diagnoses
    follows = replace(first, name="follows", message="It follows.", causes=())
    view.examined(replace(found, diagnoses=(replace(first, explained=(follows,)),)))
    facts = [content["run"] for content, _ in wire.messages("run")]
    (diagnosis,) = facts[1]["report"]["diagnoses"]
    assert diagnosis["evidence"][-1] == {"statement": "This explains follows: It follows.", "measured": ""}


def test_the_end_of_a_run_is_told(wire: Wire) -> None:
    run, view = record(), LiveView()
    view.add(run)
    run.outcome = Outcome(status="raised", epochs=1, seconds=2, exception="ValueError: \x1b[31m")
    view.finish(run)
    last, _ = wire.messages("run")[-1]
    assert last["run"]["status"] == "raised"
    assert "ValueError" in last["run"]["ending"]
    assert last["run"]["exception"] == "ValueError: \\x1b[31m"


def test_fits_of_a_loop_that_are_joined_stay_one_row(wire: Wire) -> None:
    run, view = record(epochs=1), LiveView()
    for number in range(1, 4):
        view.add(run)
        step(run, float(number))
        epoch(run, loss=float(number))
        view.finish(run)
    assert [message["loss", "train"] for message in wire.points()] == [([1], [1]), ([2], [2]), ([3], [3])]
    assert len(view.get_state()["state"]["runs"]) == 1


def test_a_reloaded_page_gets_everything_that_was_sent(wire: Wire, clock: Clock) -> None:
    run, view = record(), LiveView()
    view.add(run)
    for i in range(5_000):
        clock.now += 0.01
        step(run, math.cos(i / 100))
        view.refresh(run, Progress(1, 1, i + 1, 5_000, clock.now))
    epoch(run, loss=0.1, accuracy=0.9, val_accuracy=0.8)
    view.examined(report(run))
    view.finish(run)
    (state,) = view.get_state()["state"]["runs"]
    points = unpacked(state["series"], state["points"])
    assert set(points) == {("loss", "batch"), ("loss", "train"), ("accuracy", "train"), ("accuracy", "validation")}
    x, y = points["loss", "batch"]
    assert len(x) == module.POINTS_IN_STATE
    assert (min(y), max(y)) == pytest.approx((-1, 1), abs=1e-3)
    assert state["progress"]["step"] == 5_000
    assert state["report"]["verdict"] == "It overfits."
    # it was put together for the page that asked, and never sent along
    assert not [data for data, _ in wire.sent if data["method"] != "custom"]


def test_a_page_that_missed_messages_hears_of_the_run_again_and_may_ask(wire: Wire, clock: Clock) -> None:
    run, view = record(), LiveView()
    view.add(run)
    for clock.now in (0.5, 1.5, 2.5, 3.5, 5.0):
        view.refresh(run, Progress(1, 1, 1, None, clock.now))
    assert len(wire.messages("run")) == 3
    view._handle_custom_msg({"kind": "everything"}, [])
    (update,) = [data for data, _ in wire.sent if data["method"] == "update"]
    assert [row["run"] for row in update["state"]["state"]["runs"]] == ["1"]


def test_a_view_of_ended_runs_opens_complete(wire: Wire) -> None:
    runs = [record("1"), record("2")]
    for run in runs:
        step(run, 2.0, 1.0)
        epoch(run, loss=1.5)
        run.outcome = Outcome(status="finished", epochs=1)
    view = LiveView.of([report(run) for run in runs])
    assert [run["run"] for run in view.get_state()["state"]["runs"]] == ["1", "2"]
    (opened,) = wire.opened
    first = opened["data"]["state"]["state"]["runs"][0]
    place = opened["data"]["buffer_paths"].index(["state", "runs", 0, "points"])
    assert unpacked(first["series"], opened["buffers"][place])["loss", "train"] == ([1], [1.5])
    assert first["steps"] == 2


@pytest.mark.usefixtures("wire")
def test_a_batch_that_sends_nothing_costs_next_to_nothing() -> None:
    run, view = record(), LiveView()
    view.add(run)
    progress = Progress(1, 3, 1, 2, 0.1)
    view.refresh(run, progress)
    view._rows["1"].due = math.inf

    def seconds(call: Any) -> float:
        return min(timeit.repeat(call, number=2_000, repeat=7))

    # beside the least that the callback does at every step anyway: it says how far the run is
    assert seconds(lambda: view.refresh(run, progress)) < seconds(lambda: Progress(1, 3, 1, 2, 0.1))


def test_the_browser_keeps_what_it_gets() -> None:
    subprocess.run([sys.executable, SOURCES.parent / "build.py", "test"], check=True, capture_output=True)


def interface(name: str) -> set[str]:
    """The fields of an interface in model.ts."""
    text = (SOURCES / "model.ts").read_text(encoding="utf-8")
    body = re.search(rf"interface {name} \{{(.*?)\n\}}", text, re.DOTALL)
    assert body, name
    return set(re.findall(r"^  (\w+): ", body[1], re.MULTILINE))


def test_the_browser_knows_the_same_types() -> None:
    run = record()
    facts = module._facts(module._Row(run, report(run)))
    (diagnosis,) = facts["report"]["diagnoses"]
    assert interface("Facts") == set(facts)
    assert interface("Diagnosis") == set(diagnosis)
    assert interface("Cause") == set(diagnosis["causes"][0])
    assert interface("Evidence") == set(diagnosis["evidence"][0])
    assert interface("Prescription") == set(diagnosis["prescriptions"][0])
    assert interface("Progress") == set(Progress.__dataclass_fields__)


def used_words() -> Iterator[str]:
    for path in SOURCES.glob("*.ts"):
        yield from re.findall(r'words\["(\w+)"\]', path.read_text(encoding="utf-8"))


def test_every_word_of_the_view_is_there_and_used() -> None:
    by_value = {
        "healthy",
        "healthy_yet",
        "batch",
        "train",
        "validation",
        "epoch",
        "step",
        "show_curves",
        "hide_curves",
        "copied",
        "copy_failed",
    }
    by_value |= {severity.label for severity in Severity} | {status.value for status in Status}
    by_value |= {applicability.label for applicability in Applicability}
    assert set(used_words()) | by_value == set(module.words())
