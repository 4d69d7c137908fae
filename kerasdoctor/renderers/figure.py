"""The curves of a run as a picture; its text is Keras keys and symbols only, so it needs no translation."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray
from PIL import Image

from kerasdoctor.diagnosis import Diagnosis, Evidence, Severity, When
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.record import Metric, TrainingRecord
from kerasdoctor.renderers import wording
from kerasdoctor.report import Report

Array = NDArray[np.float64]

#: Width of the picture and height of a row of panels in CSS pixels; the PNG has twice as many.
WIDTH, ROW = 800, 260
#: Metrics that get a panel, and runs that one panel shows.
MOST_PANELS, MOST_RUNS = 6, 8
#: Colours of the palette.
COLORS = 64
#: Points that a series is drawn with: two for each column of a panel.
POINTS = 1400
#: A series of positive values that spread over more than this factor gets a logarithmic axis.
LOG_FROM = 50.0
#: Marks of diagnoses that a panel has room for.
MOST_MARKS = 4
#: Values are drawn within these; the arithmetic of an axis overflows beyond.
_HUGE, _TINY = 1e120, 1e-120

_PAPER, _INK, _FAINT, _RULE = "#fafaf8", "#2b2b2b", "#666666", "#deded9"
# blue and vermilion of Okabe and Ito (2008) are told apart with every kind of colour vision
_TRAIN, _VALIDATION, _BATCH = "#0072b2", "#d55e00", "#a8cbe2"
# runs differ by hue and by dashes
_RUNS = ("#0b3c5d", "#d55e00", "#009e73", "#8e5ea2", "#b58900", "#0072b2", "#a3324f", "#666666")
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 1.6), (2, 1.2), (6, 1.4, 1.5, 1.4))
#: The shapes of the badges.
_MARKS = {Severity.ERROR: ("s", "#b3001b"), Severity.WARNING: ("^", "#8a5a00"), Severity.INFO: ("o", "#33527a")}
_SMALL = 8.0
#: Matplotlib's parameters that are no matter of style.
_NO_STYLE = ("animation", "backend", "docstring", "interactive", "keymap", "macosx", "tk", "toolbar", "webagg")


def render(report: Report) -> bytes:
    """A PNG of `WIDTH` CSS pixels at double resolution."""
    return png(draw(report.record, report.diagnoses))


def png(figure: Figure) -> bytes:
    """The picture as PNG; its few colours need a palette only, a quarter of the size."""
    canvas = FigureCanvasAgg(figure)
    with _own_style():
        canvas.draw()  # type: ignore[no-untyped-call] # Matplotlib's Agg has no types yet
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call] # nor here
    palette = pixels.quantize(COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def draw(record: TrainingRecord, diagnoses: Sequence[Diagnosis] = ()) -> Figure:
    """Loss and metrics over the epochs, with the moments that the evidence of `diagnoses` points at."""
    metrics, _omitted = panels(record, diagnoses)
    steps = _Steps(record)
    marks = sorted(_marks(diagnoses, steps), key=lambda mark: -mark.severity)
    names = {metric.name for metric in metrics}
    with _own_style(*record.history):
        figure, all_axes = _figure(max(1, len(metrics)), unit="step" if record.fit.loop else "epoch")
        if not metrics:
            _empty(all_axes[0], "")
        for metric, axes in zip(metrics, all_axes, strict=False):
            here = [
                mark
                for mark in marks
                if mark.metric == metric.name or (metric.name == "loss" and mark.metric not in names)
            ]
            _panel(axes, _lines(metric, record, steps), proportion=metric.proportion, head=len(here[:MOST_MARKS]))
            if (ring := _ring(metric, record)) is not None:
                axes.plot(*ring, "o", ms=8, mfc="none", mec=_VALIDATION, mew=1.4, zorder=4)
            _draw_marks(axes, here)
        _align(all_axes[: len(metrics)])
    return figure


def draw_runs(records: Sequence[TrainingRecord]) -> Figure:
    """Several runs in one picture: the loss and the metric that most of them share, one curve for each run.

    The curves are of validation where every run has it. A run that goes on with the model of the run before it (a
    loop over `fit(epochs=1)`) continues its curve.
    """
    shown = chains(records)[:MOST_RUNS]
    counts = Counter(name for record in records for name in record.metrics)
    names = sorted(counts, key=lambda name: (name != "loss", -counts[name]))[:2]
    with _own_style(*names, *(record.run for record in records)):
        figure, all_axes = _figure(max(1, len(names)))
        if not names:
            _empty(all_axes[0], "")
        for name, axes in zip(names, all_axes, strict=False):
            metrics = [record.metrics[name] for record in records if name in record.metrics]
            validated = all(len(metric.validation) for metric in metrics)
            lines = [_chain_line(chain, name, place, validated=validated) for place, chain in enumerate(shown)]
            _panel(
                axes,
                [line for line in lines if line is not None],
                proportion=any(metric.proportion for metric in metrics),
                title=f"val_{name}" if validated else name,
            )
        _align(all_axes[: len(names)])
    return figure


def panels(record: TrainingRecord, diagnoses: Sequence[Diagnosis] = ()) -> tuple[list[Metric], list[str]]:
    """Metrics that get a panel, loss first, then what the evidence points at; and names of the others."""
    metrics = {name: metric for name, metric in record.metrics.items() if len(metric.train) or len(metric.validation)}
    if "loss" not in metrics and len(_batch_loss(record)[0]):
        metrics["loss"] = Metric(name="loss", train=np.empty(0), validation=np.empty(0), direction="down")
    pointed = {_target(evidence) for diagnosis in diagnoses for evidence in diagnosis.evidence}
    order = sorted(metrics, key=lambda name: (name != "loss", name not in pointed))
    return [metrics[name] for name in order[:MOST_PANELS]], order[MOST_PANELS:]


def signs(record: TrainingRecord, diagnoses: Sequence[Diagnosis] = ()) -> list[str]:
    """Which signs the picture of a run holds, of "batch", "ring", "end" and "mark"."""
    metrics, _omitted = panels(record, diagnoses)
    steps = _Steps(record)
    lines = [line for metric in metrics for line in _lines(metric, record, steps)]
    found = {
        "batch": any(line.color == _BATCH for line in lines),
        "ring": any(_ring(metric, record) for metric in metrics),
        "end": any(_end(line.y) is not None for line in lines),
        "mark": any(_marks(diagnoses, steps)),
    }
    return [sign for sign, there in found.items() if there]


def decimate(x: Array, y: Array, points: int = POINTS) -> tuple[Array, Array]:
    """At most `points` points that draw the same line: minimum and maximum of each stretch, in their order.

    Args:
        x: shape (n,), ascending.
        y: shape (n,); stretches without any finite value stay NaN.
        points: even.
    """
    if len(y) <= points:
        return x, y
    length = math.ceil(len(y) / (points // 2))
    padded = np.full(math.ceil(len(y) / length) * length, np.nan)
    padded[: len(y)] = y
    stretches = padded.reshape(-1, length)
    known = np.isfinite(stretches)
    low = np.where(known, stretches, np.inf).argmin(axis=1)
    high = np.where(known, stretches, -np.inf).argmax(axis=1)
    places = np.sort(np.stack([low, high], axis=1), axis=1) + np.arange(len(stretches))[:, None] * length
    places = places.reshape(-1).clip(max=len(y) - 1)
    return x[places], y[places]


@dataclass(frozen=True)
class _Line:
    label: str
    x: Array
    y: Array
    color: str
    width: float = 1.7
    dashes: tuple[float, ...] = ()
    dotted_points: bool = True
    #: Drawn behind and not asked for the range of the axis beyond its bulk.
    background: bool = False


@dataclass(frozen=True)
class _Mark:
    x: float
    name: str
    severity: Severity
    metric: str


class _Steps:
    """Turns steps of the call into epochs: the first epoch lies between 0 and 1, its end at 1.

    The steps of a loop of the user's own stay steps.
    """

    def __init__(self, record: TrainingRecord) -> None:
        self.first = record.fit.initial_epoch
        epochs = record.quantities.get("epoch_begin")
        begins = np.array(epochs.step if isinstance(epochs, EpochBegin) else [0], dtype=np.float64)
        begins = np.unique(begins) if len(begins) else np.zeros(1)
        self._begins = np.append(begins, begins[-1] + self._length(record, begins))

    @staticmethod
    def _length(record: TrainingRecord, begins: Array) -> float:
        if record.fit.loop:
            return 1.0
        if len(begins) > 1:
            return float(begins[1] - begins[0])
        if record.fit.steps_per_epoch:
            return record.fit.steps_per_epoch
        if record.data.n_train and record.fit.batch_size:
            return math.ceil(record.data.n_train / record.fit.batch_size)
        steps, _values = _batch_loss(record)
        epochs = max([1, record.outcome.epochs, *(len(values) for values in record.history.values())])
        return max(1.0, float(steps[-1]) / epochs) if len(steps) else 1.0

    def epoch(self, steps: Array) -> Array:
        last = len(self._begins) - 1
        length = self._begins[-1] - self._begins[-2]
        inside = np.interp(steps, self._begins, np.arange(last + 1, dtype=np.float64))
        return self.first + np.where(steps > self._begins[-1], last + (steps - self._begins[-1]) / length, inside)

    def moment(self, when: When) -> float | None:
        if when.step is not None:
            return float(self.epoch(np.array([when.step], dtype=np.float64))[0])
        return None if when.epoch is None else float(self.first + when.epoch)


def _batch_loss(record: TrainingRecord) -> tuple[Array, Array]:
    recorded = record.quantities.get("batch_loss")
    if not isinstance(recorded, BatchLoss):
        return np.empty(0), np.empty(0)
    return recorded.steps.astype(np.float64), recorded.values


def _target(evidence: Evidence) -> str:
    """The metric whose panel shows this evidence."""
    for name in (evidence.where, evidence.quantity):
        if name:
            return name.removeprefix("val_")
    return "loss"


def _marks(diagnoses: Sequence[Diagnosis], steps: _Steps) -> Iterator[_Mark]:
    for diagnosis in diagnoses:
        for evidence in diagnosis.evidence:
            x = None if evidence.when is None else steps.moment(evidence.when)
            if x is not None:
                yield _Mark(x, diagnosis.name, diagnosis.severity, _target(evidence))
                break  # the onset is enough: later evidence is in the text


def _lines(metric: Metric, record: TrainingRecord, steps: _Steps) -> list[_Line]:
    lines = []
    if metric.name == "loss":
        at, batch = _batch_loss(record)
        if len(batch):
            color, width = (_BATCH, 0.8) if len(metric.train) else (_TRAIN, 1.2)
            lines.append(_Line("batch", steps.epoch(at), batch, color, width, dotted_points=False, background=True))
    if metric.name in record.history:
        lines.append(_Line(metric.name, *_over_epochs(metric.train, steps.first), _TRAIN))
    if len(metric.validation):
        x, y = _over_epochs(metric.validation, steps.first, record.fit.validation_freq)
        lines.append(_Line(f"val_{metric.name}", x, y, _VALIDATION, dashes=(4.5, 1.6)))
    return lines


def _over_epochs(values: Array, first: int, frequency: int = 1) -> tuple[Array, Array]:
    """Epochs and values of a series; epochs that were not due for validation are no gaps in the curve."""
    epochs = first + np.arange(1.0, len(values) + 1)
    due = epochs % frequency == 0
    if not np.isnan(values[~due]).all():
        due[:] = True
    return epochs[due], values[due]


def _ring(metric: Metric, record: TrainingRecord) -> tuple[list[float], list[float]] | None:
    place = wording.best(metric, metric.validation)
    known = metric.validation[np.isfinite(metric.validation)]
    if place is None or len(known) < 3 or known.min() == known.max():
        return None
    return [record.fit.initial_epoch + place + 1], [float(metric.validation[place])]


def chains(records: Sequence[TrainingRecord]) -> list[list[TrainingRecord]]:
    """Runs in their order, those that go on with the model of the run before them together with it."""
    found: list[list[TrainingRecord]] = []
    for record in records:
        before = found[-1][-1].model if found else None
        if (
            before is not None
            and (before.name, before.layers) == (record.model.name, record.model.layers)
            and before.iterations < record.model.iterations
        ):
            found[-1].append(record)
        else:
            found.append([record])
    return found


def _chain_line(chain: Sequence[TrainingRecord], name: str, place: int, *, validated: bool) -> _Line | None:
    points = []
    first = chain[0].fit.initial_epoch
    for record in chain:
        if name in record.metrics:
            metric = record.metrics[name]
            values = metric.validation if validated else metric.train
            points.append(_over_epochs(values, first, record.fit.validation_freq if validated else 1))
            first += len(values)
    if not points:
        return None
    x, y = (np.concatenate(parts) for parts in zip(*points, strict=True))
    run = chain[0].run if len(chain) == 1 else f"{chain[0].run}–{chain[-1].run}"
    return _Line(run, x, y, _RUNS[place], 1.5, dashes=_DASHES[place % len(_DASHES)])


@contextlib.contextmanager
def _own_style(*names: str) -> Iterator[None]:
    """Matplotlib's defaults while drawing: a user's dark style, LaTeX or tight boxes would spoil the picture.

    The user's parameters are back afterwards. Names in other scripts may use the fonts that the user has set.
    """
    fonts = ["DejaVu Sans"]
    if not all(name.isascii() for name in names):
        wanted = [family for key in ("font.family", "font.sans-serif") for family in mpl.rcParams[key]]
        known = set(font_manager.fontManager.get_font_names())
        fonts += [family for family in wanted if family in known and family not in fonts]
    parameters = {key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith(_NO_STYLE)}
    with mpl.rc_context({**parameters, "font.family": fonts}), warnings.catch_warnings():
        # a script that no font here knows shows as boxes; the report has the name in full
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def _figure(count: int, *, unit: str = "epoch") -> tuple[Figure, list[Axes]]:
    columns = 1 if count == 1 else 2
    rows = math.ceil(count / columns)
    width, height = WIDTH, ROW * rows
    figure = Figure(figsize=(width / 100, height / 100), dpi=200, facecolor=_PAPER)
    left, right, top, bottom = 56, 14, 30, 36
    all_axes = []
    for index in range(count):
        row, column = divmod(index, columns)
        box = (
            (column * width / columns + left) / width,
            (height - (row + 1) * ROW + bottom) / height,
            (width / columns - left - right) / width,
            (ROW - top - bottom) / height,
        )
        axes = figure.add_axes(box, facecolor=_PAPER)
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(_FAINT)
        axes.grid(axis="y", color=_RULE, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(colors=_FAINT, labelsize=_SMALL, length=3, width=0.7)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value + 0.0:,.6g}"))
        axes.set_xlabel(unit, fontsize=_SMALL, color=_FAINT, labelpad=2)
        axes.xaxis.set_label_coords(1, -0.115)
        axes.xaxis.label.set_horizontalalignment("right")
        all_axes.append(axes)
    return figure, all_axes


def _panel(axes: Axes, lines: Sequence[_Line], *, proportion: bool, title: str = "", head: int = 0) -> None:
    low, high = _range(lines)
    logarithmic = not proportion and 0 < low < high and high / low > LOG_FROM
    _limit(axes, lines, low, high, logarithmic=logarithmic, proportion=proportion)
    _make_room(axes, head)
    handles = []
    batches_ended = False
    for line in lines:
        y = np.clip(np.where(np.isfinite(line.y), line.y, np.nan), -_HUGE, _HUGE)
        if logarithmic:
            y = np.where(y > 0, y.clip(min=_TINY), np.nan)
        x, y = decimate(line.x, y)
        behind = 1.5 if line.background else 3
        (handle,) = axes.plot(x, y, color=line.color, linewidth=line.width, solid_joinstyle="round", zorder=behind)
        if line.dashes:
            handle.set_dashes(line.dashes)
        points = np.isfinite(y) if line.dotted_points and len(y) <= 25 else _isolated(y)
        axes.plot(x[points], y[points], "o", color=line.color, markersize=3.2, zorder=behind)
        handles.append((line.label, handle))
        # the mean over an epoch ends where one of its batches does: one mark is enough
        if not (batches_ended and line.color == _TRAIN):
            _mark_end(axes, line)
        batches_ended |= line.background and _end(line.y) is not None
    if not math.isfinite(low):
        _empty(axes, "NaN" if any(len(line.y) for line in lines) else "")
    _legend(axes, handles, title)


def _legend(axes: Axes, handles: Sequence[tuple[str, Line2D]], title: str) -> None:
    if title:
        axes.set_title(" ", fontsize=_SMALL)
        axes.text(0, 1.03, _label(title), transform=axes.transAxes, fontsize=_SMALL + 0.5, color=_INK, parse_math=False)
    # Legend drops labels that begin with "_", so the texts are set afterwards
    legend = axes.legend(
        [handle for _text, handle in handles],
        ["x"] * len(handles),
        loc="lower right" if title else "lower left",
        bbox_to_anchor=(1, 1) if title else (0, 1),
        ncols=max(1, len(handles)),
        frameon=False,
        fontsize=_SMALL + 0.5,
        labelcolor=_INK,
        handlelength=1.8,
        handletextpad=0.5,
        columnspacing=1.3,
        borderaxespad=0.1,
    )
    for text, (label, handle), drawn in zip(legend.get_texts(), handles, legend.get_lines(), strict=True):
        text.set_parse_math(False)
        text.set_text(_label(label))
        drawn.set_linewidth(max(1.5, handle.get_linewidth()))


def _range(lines: Sequence[_Line]) -> tuple[float, float]:
    """Range of what the axis must show; infinite where nothing is finite."""
    epochs = [line.y[np.isfinite(line.y)] for line in lines if not line.background]
    batches = [line.y[np.isfinite(line.y)] for line in lines if line.background]
    values = np.concatenate(epochs) if epochs else np.empty(0)
    bulk = np.concatenate(batches) if batches else np.empty(0)
    if len(bulk):
        # single batches that stick out would press the curves flat
        bulk = np.quantile(bulk.clip(-_HUGE, _HUGE), [0.01, 0.99]) if len(values) else bulk
    values = np.concatenate([values, bulk]).clip(-_HUGE, _HUGE)
    if not len(values):
        return -math.inf, math.inf
    positive = values[values > 0]
    low = float(values.min())
    return (max(low, _TINY) if len(positive) == len(values) else low), float(values.max())


def _limit(axes: Axes, lines: Sequence[_Line], low: float, high: float, *, logarithmic: bool, proportion: bool) -> None:
    if logarithmic:
        axes.set_yscale("log")
        pad = (high / low) ** 0.06
        axes.set_ylim(low / pad, high * pad)
        decades = math.log10(high / low)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if decades < 3 else (1.0,), numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
    elif math.isfinite(low):
        pad = 0.06 * (high - low) or 0.1 * abs(high) or 0.5
        bottom, top = low - pad, high + pad
        axes.set_ylim(max(bottom, -0.03) if proportion else bottom, min(top, 1.03) if proportion and high <= 1 else top)
        ticks = np.array(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(*axes.get_ylim()))
        axes.yaxis.set_major_locator(FixedLocator(ticks[ticks <= axes.get_ylim()[1]].tolist()))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: wording.number(value + 0.0)))
    starts = [line.x[0] for line in lines if len(line.x)]
    ends = [line.x[-1] for line in lines if len(line.x)]
    if ends:
        first = min(starts)
        batches = any(line.background for line in lines)
        first = math.floor(first) if batches else first
        pad = 0.02 * (max(ends) - first) or 0.5
        axes.set_xlim(first - pad, max(ends) + pad)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=not batches or max(ends) - first > 1, steps=[1, 2, 5, 10]))


def _make_room(axes: Axes, rows: int) -> None:
    """Space above the curves for rows of marks."""
    bottom, top = axes.get_ylim()
    share = 0.1 * rows
    axes.set_ylim(bottom, top * (top / bottom) ** share if axes.get_yscale() == "log" else top + (top - bottom) * share)


def _align(all_axes: Sequence[Axes]) -> None:
    """The same epochs in every panel."""
    limits = [axes.get_xlim() for axes in all_axes]
    for axes in all_axes:
        axes.set_xlim(min(left for left, _right in limits), max(right for _left, right in limits))


def _isolated(y: Array) -> NDArray[np.bool_]:
    """Finite values without a finite neighbour, which a line does not show."""
    known = np.pad(np.isfinite(y), 1)
    alone: NDArray[np.bool_] = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone


def _end(y: Array) -> int | None:
    """Index of the last value before the first that is not finite."""
    lost = np.flatnonzero(~np.isfinite(y))
    return int(lost[0]) - 1 if len(lost) and lost[0] > 0 else None


def _mark_end(axes: Axes, line: _Line) -> None:
    """A cross where the curve stops being finite, with what came then."""
    place = _end(line.y)
    if place is None:
        return
    color = _TRAIN if line.background else line.color
    at, height = float(line.x[place]), float(np.clip(line.y[place], -_HUGE, _HUGE))
    axes.plot([at], [height], "x", color=color, ms=7, mew=2, zorder=5)
    left = at > np.mean(axes.get_xlim())
    axes.annotate(
        wording.number(float(line.y[place + 1])),
        (at, height),
        xytext=(-7 if left else 7, -1),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=_SMALL,
        fontweight="bold",
        color=color,
        zorder=5,
    )


def _draw_marks(axes: Axes, marks: Sequence[_Mark]) -> None:
    """A symbol on the upper edge, a line down to the axis, and the name of the diagnosis."""
    left, right = axes.get_xlim()
    for row, mark in enumerate(marks[:MOST_MARKS]):
        symbol, color = _MARKS[mark.severity]
        x = min(max(mark.x, left), right)
        beyond_middle = x > (left + right) / 2
        axes.axvline(x, ymax=0.97 - 0.09 * row, color=color, linewidth=0.9, linestyle=(0, (1, 2)), zorder=2)
        axes.plot(
            [x],
            [0.97 - 0.09 * row],
            symbol,
            transform=axes.get_xaxis_transform(),
            color=color,
            ms=6.5,
            mec=_PAPER,
            mew=0.6,
            zorder=6,
        )
        axes.annotate(
            _label(mark.name, 34),
            (x, 0.97 - 0.09 * row),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-6 if beyond_middle else 6, 0),
            textcoords="offset points",
            ha="right" if beyond_middle else "left",
            va="center",
            fontsize=_SMALL,
            color=color,
            parse_math=False,
            zorder=6,
        )


def _empty(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=_FAINT, fontsize=12)
    axes.yaxis.set_major_locator(NullLocator())


def _label(name: str, most: int = 24) -> str:
    text = " ".join(wording.exact(name[: most + 1]).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
