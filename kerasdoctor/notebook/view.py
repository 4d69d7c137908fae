"""The live view under the cell that trains: it reads the growing record and sends the browser only what is new.

Every run is a row. Points travel as float32 pairs in binary messages, at most ten a second, and are never sent twice.
The synced trait `state` holds everything shown, but is put together only when a front end asks for it: when the view
is displayed and when a reloaded page looks for its widgets. The types on the other side are in `js/src/model.ts`.
"""

from __future__ import annotations

import bisect
import math
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Applicability, Diagnosis, Evidence, Severity, Status
from kerasdoctor.instrumentation.observer import Progress
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.record import TrainingRecord
from kerasdoctor.renderers import combinations, wording
from kerasdoctor.report import Report
from kerasdoctor.series import extremes

Part = Literal["batch", "train", "validation"]

#: Seconds between two messages of one run: twenty a second were still smooth with browser, server and kernel on two
#: cores, two hundred built a backlog of seconds.
INTERVAL = 0.1
#: Points that one message may carry, so at most 2,000 a second.
POINTS_PER_MESSAGE = 200
#: Points of one series in the state that a reloaded page asks for: more than a chart has pixels.
POINTS_IN_STATE = 2000

#: Seconds after which the facts of a running row are told again, to a page that missed them while it was loading.
REPEAT = 2.0

_STATIC = Path(__file__).parent.parent / "static"


class Series(NamedTuple):
    """Points of one line: `x` counts steps for the part "batch" and completed epochs for the others, both from 1."""

    metric: str
    part: Part
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass
class _Row:
    record: TrainingRecord
    report: Report | None = None
    #: What several fixes become as one cell, once the run is over; see `renderers.combinations`.
    combinations: str = ""
    progress: Progress | None = None
    #: Metric and part -> points sent; of the batches, the last step sent.
    sent: dict[tuple[str, Part], int] = field(default_factory=dict)
    #: What the front end was last told of the run, beside its points.
    told: dict[str, Any] = field(default_factory=dict)
    told_at: float = 0.0
    #: `time.perf_counter()` before which nothing more is sent.
    due: float = 0.0


class LiveView(anywidget.AnyWidget):
    """Curves, progress, badges and fixes of the runs of one cell, a row for each."""

    _esm = _STATIC / "view.js"
    _css = _STATIC / "view.css"

    #: Every row as it stands; see `State` in model.ts. Its value never changes, so it is never sent by itself.
    state = traitlets.Dict().tag(sync=True, to_json=lambda _value, view: view._everything())
    #: The words of the view, in the language of the moment.
    words = traitlets.Dict().tag(sync=True)
    #: Id of the widget's model, by which a page finds what it missed.
    ident = traitlets.Unicode().tag(sync=True)

    def __init__(self, reports: Iterable[Report] = ()) -> None:
        self._rows = {report.record.run: _Row(report.record, report, combinations.render(report)) for report in reports}
        ident = uuid.uuid4().hex
        super().__init__(model_id=ident, ident=ident, words=words())
        self.on_msg(self._asked)

    @classmethod
    def of(cls, reports: Iterable[Report]) -> Self:
        """A view of runs that have ended."""
        return cls(reports)

    def add(self, record: TrainingRecord) -> None:
        """Starts the row of a run, or goes on with the one it has."""
        row = self._rows.setdefault(record.run, _Row(record))
        row.record = record
        self._tell(row)

    def refresh(self, record: TrainingRecord, progress: Progress | None = None, *, force: bool = False) -> None:
        """Sends what the record has gained, in one message; does nothing until the next message is due.

        Called from the training thread after every batch.

        Args:
            record: the record of a run that was added.
            progress: how far the run is.
            force: send at once, e.g. at the end.
        """
        now = time.perf_counter()
        row = self._rows[record.run]
        row.progress = progress or row.progress
        if now < row.due and not force:
            return
        row.due = now + INTERVAL
        if now > row.told_at + REPEAT or len(record.metric_facts) != len(row.told.get("metrics", ())):
            self._tell(row, again=True)
        points = [_thinned(series, POINTS_PER_MESSAGE) for series in _series(record, row.sent)]
        content = {
            "kind": "points",
            "run": record.run,
            "steps": _steps_per_epoch(record, row.progress),
            "progress": progress and asdict(progress),
        }
        self.send({**content, "series": _headings(points)}, buffers=[_packed(points)])

    def examined(self, report: Report) -> None:
        """Shows what an examination of a run found: badges, the verdict, the differentials and the fixes."""
        row = self._rows[report.record.run]
        row.report = report
        if report.record.outcome.status != "running":
            row.combinations = combinations.render(report, alone=len(self._rows) == 1)
        self._tell(row)

    def finish(self, record: TrainingRecord) -> None:
        """Shows the last points of a run and how it ended."""
        self.refresh(record, force=True)
        self._tell(self._rows[record.run])

    def _asked(self, _view: object, content: Any, _buffers: object) -> None:
        """A page that was too slow to take in its first messages asks for everything."""
        if content == {"kind": "everything"}:
            self.send_state("state")

    def _tell(self, row: _Row, *, again: bool = False) -> None:
        """Sends everything of a row but its points, if any of it is new or it is to be told `again`."""
        facts = _facts(row)
        if again or facts != row.told:
            row.told = facts
            row.told_at = time.perf_counter()
            self.send({"kind": "run", "run": facts})

    def _everything(self) -> dict[str, Any]:
        runs = []
        for row in self._rows.values():
            points = [_thinned(series, POINTS_IN_STATE) for series in _series(row.record, {})]
            runs.append(
                {
                    **_facts(row),
                    "progress": row.progress and asdict(row.progress),
                    "steps": _steps_per_epoch(row.record, row.progress),
                    "series": _headings(points),
                    "points": _packed(points),
                }
            )
        return {"runs": runs}


def words() -> dict[str, str]:
    """What the view says by itself; names in braces are filled in by the view."""
    return {
        "view": _("Keras Doctor: training run {run}"),
        "run": _("run {run}"),
        "training": _("training"),
        "epoch": _("epoch"),
        "step": _("step"),
        "progress_epoch": _("epoch {epoch} of {epochs}"),
        "progress_step": _("step {step} of {steps}"),
        "progress_step_open": _("step {step}"),
        "time_left": _("{time} left"),
        "batch": _("per batch"),
        "train": _("training"),
        "validation": _("validation"),
        "chart": _("{metric} at epoch {epoch}: {values}"),
        "log": _("log"),
        "log_title": _("logarithmic scale"),
        "metric": _("metric to draw"),
        "not_finite": _("{value} by step {step}"),
        "not_finite_epoch": _("{value} at epoch {epoch}"),
        "healthy": _("nothing found"),
        "healthy_yet": _("nothing found yet"),
        "causes": _("What explains it"),
        "treated_by": _("fix {ids}"),
        "fixes": _("Fixes"),
        "no_fix": _("No fix is written for this one."),
        "show_curves": _("show curves"),
        "hide_curves": _("hide curves"),
        "copy": _("Copy"),
        "copy_title": _("Copy fix {id}: {title}"),
        "copied": _("Copied"),
        "copy_failed": _("Not allowed here; the text is selected, copy it by hand"),
        "hint": _("or run {command}, which writes it into a new cell; several names make one"),
        **{severity.label: wording.severity(severity) for severity in Severity},
        **{status.value: wording.status(status) for status in Status},
        **{applicability.label: wording.applicability(applicability) for applicability in Applicability},
    }


def _facts(row: _Row) -> dict[str, Any]:
    record, report = row.record, row.report
    ending = (wording.ending(record), wording.epochs(record), wording.duration(record.outcome.seconds))
    return {
        "run": record.run,
        "call": wording.plain(record.source.call) if record.source else "",
        "cell": record.source.cell_id if record.source else "",
        "epochs": record.fit.epochs,
        "initial_epoch": record.fit.initial_epoch,
        "metrics": list(record.metric_facts),
        "status": record.outcome.status,
        "ending": "" if record.outcome.status == "running" else ", ".join(ending),
        "exception": wording.plain(record.outcome.exception),
        "report": report
        and {
            "verdict": wording.plain(report.verdict.sentence),
            "diagnoses": [_diagnosis(diagnosis, report) for diagnosis in report.diagnoses],
            "combinations": row.combinations,
        },
    }


def _diagnosis(diagnosis: Diagnosis, report: Report) -> dict[str, Any]:
    prescriptions = {
        prescription.number: {
            "id": wording.identifier(report, prescription.number),
            "title": wording.plain(prescription.title),
            "source": prescription.source,
            "applicability": prescription.applicability.label,
        }
        for cause in diagnosis.causes
        for prescription in cause.prescriptions
    }
    return {
        "name": diagnosis.name,
        "severity": diagnosis.severity.label,
        "message": wording.plain(diagnosis.message),
        "evidence": [
            *(_evidence(evidence, report) for evidence in diagnosis.evidence),
            *({"statement": sentence, "measured": ""} for sentence in _said(diagnosis, report)),
        ],
        "causes": [
            {
                "name": cause.name,
                "explanation": wording.plain(cause.explanation),
                "status": cause.status.value,
                "evidence": _evidence(cause.evidence, report),
                "prescriptions": [prescriptions[prescription.number]["id"] for prescription in cause.prescriptions],
            }
            for cause in diagnosis.causes
        ],
        "prescriptions": list(prescriptions.values()),
    }


def _said(diagnosis: Diagnosis, report: Report) -> list[str]:
    unwritten = wording.plain(wording.unwritten(report))
    return [*wording.explained(diagnosis), *([unwritten] if unwritten else [])]


def _evidence(evidence: Evidence, report: Report) -> dict[str, str]:
    measured = wording.measured(evidence, report.record.fit.initial_epoch)
    return {"statement": wording.plain(evidence.statement), "measured": ", ".join(measured)}


def _series(record: TrainingRecord, sent: dict[tuple[str, Part], int]) -> Iterator[Series]:
    """The points of each line that are not `sent` yet; notes them as sent."""
    batch = record.quantities.get("batch_loss")
    if isinstance(batch, BatchLoss):
        # by the step, not by the place: a long series is thinned
        begin = bisect.bisect_right(batch.step, sent.get(("loss", "batch"), 0))
        if begin < len(batch.step):
            sent["loss", "batch"] = batch.step[-1]
            yield Series("loss", "batch", np.array(batch.step[begin:], float), np.array(batch.value[begin:]))
    for name, metric in record.metrics.items():
        if name in record.history:
            yield from _epochs(name, "train", metric.train, sent)
        if metric.validation.size:
            # between two validations there is nothing to show; a NaN that was measured is shown
            skipping = record.fit.validation_freq != 1
            yield from _epochs(name, "validation", metric.validation, sent, skip_nan=skipping)


def _epochs(
    name: str, part: Part, values: NDArray[np.float64], sent: dict[tuple[str, Part], int], *, skip_nan: bool = False
) -> Iterator[Series]:
    begin = sent.get((name, part), 0)
    sent[name, part] = len(values)
    x, y = np.arange(begin + 1, len(values) + 1, dtype=float), values[begin:]
    if skip_nan:
        x, y = x[~np.isnan(y)], y[~np.isnan(y)]
    if len(y):
        yield Series(name, part, x, y)


def _thinned(series: Series, most: int) -> Series:
    """At most `most` points that draw the same line."""
    kept = extremes(series.y, most)
    return series._replace(x=series.x[kept], y=series.y[kept])


def _headings(points: Iterable[Series]) -> list[tuple[str, Part, int]]:
    return [(series.metric, series.part, len(series.y)) for series in points]


def _packed(points: Iterable[Series]) -> bytes:
    """For each series its x, then its y, as little-endian float32."""
    blocks = [block for series in points for block in (series.x, series.y)]
    with np.errstate(over="ignore"):  # what float32 cannot hold is off every chart: infinite
        return np.concatenate([np.empty(0), *blocks]).astype("<f4").tobytes()


def _steps_per_epoch(record: TrainingRecord, progress: Progress | None) -> int | None:
    """From what was said, else from what was seen; None in the first epoch of a pipeline without a length."""
    if progress and progress.steps:
        return progress.steps
    if record.fit.steps_per_epoch:
        return record.fit.steps_per_epoch
    batch, epochs = record.quantities.get("batch_loss"), record.quantities.get("epoch_begin")
    if isinstance(epochs, EpochBegin) and len(epochs.step) > 1:
        return epochs.step[1] - epochs.step[0]
    if isinstance(batch, BatchLoss) and batch.step and record.outcome.epochs:
        return math.ceil(batch.step[-1] / record.outcome.epochs)
    if record.data.n_train and record.fit.batch_size:
        return math.ceil(record.data.n_train / record.fit.batch_size)
    return None
