import io
import math
import os
import subprocess
import sys
import time
from array import array
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.figure import Figure
from PIL import Image

from kerasdoctor.diagnosis import Diagnosis, Evidence, Severity, When
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.record import Fit, MetricFacts, Model, TrainingRecord
from kerasdoctor.renderers import figure
from kerasdoctor.report import Report
from tests.renderers.conftest import digits, many_metrics, nan_loss, overfitting, sorted_digits


def texts(drawn: Figure) -> list[str]:
    return [text.get_text() for axes in drawn.axes for text in axes.findobj(mpl.text.Text) if text.get_text()]


def series(**history: list[float]) -> TrainingRecord:
    return digits(history=history, metric_facts={name: MetricFacts() for name in history}, fit=Fit(epochs=20))


def test_a_png_of_double_resolution(report: Report) -> None:
    picture = figure.render(report)
    assert picture.startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(picture)).size[0] == 2 * figure.WIDTH
    assert len(picture) < 80_000


def test_the_users_style_neither_spoils_it_nor_changes() -> None:
    plain = figure.render(sorted_digits())
    users = {
        "axes.facecolor": "black",
        "lines.linewidth": 9.0,
        "font.size": 30.0,
        "text.usetex": True,
        "savefig.bbox": "tight",
    }
    with mpl.rc_context(users):
        before = dict(mpl.rcParams)
        assert figure.render(sorted_digits()) == plain
        assert dict(mpl.rcParams) == before


def test_pyplot_is_not_touched() -> None:
    program = (
        "import sys; from kerasdoctor.renderers import figure; from kerasdoctor.record import TrainingRecord;"
        "figure.png(figure.draw(TrainingRecord())); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    path = str(Path(figure.__file__).parents[2])
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": path})


def test_batches_lie_where_their_epoch_does() -> None:
    loss = figure.draw(sorted_digits().record).axes[0]
    batch, train = loss.lines[0], next(line for line in loss.lines if len(line.get_xdata()) == 20)
    assert batch.get_xdata()[0] == pytest.approx(1 / 45)
    assert batch.get_xdata()[-1] == 20
    assert list(train.get_xdata()) == list(range(1, 21))


def test_epochs_go_on_from_the_initial_one_and_skip_those_not_validated() -> None:
    validation = figure.draw(many_metrics().record).axes[0].lines[2]
    assert list(validation.get_xdata()) == list(range(12, 41, 2))
    assert np.isfinite(validation.get_ydata()).all()


def test_a_diagnosis_is_marked_where_it_begins() -> None:
    report = nan_loss()
    (axes,) = figure.draw(report.record, report.diagnoses).axes
    (name,) = [text for text in axes.texts if text.get_text() == "nan-loss"]
    assert name.xy[0] == pytest.approx(88 / 40)


def test_a_mark_stands_in_the_panel_of_its_metric() -> None:
    report = overfitting()
    loss, accuracy = figure.draw(report.record, report.diagnoses).axes
    assert "overfitting" in [text.get_text() for text in loss.texts]
    assert "loss-accuracy-disagreement" in [text.get_text() for text in accuracy.texts]


def test_a_metric_that_evidence_points_at_gets_a_panel() -> None:
    report = many_metrics()
    assert "sex_recall" in figure.panels(report.record)[1]
    found = Diagnosis("x", "data", Severity.INFO, "", (Evidence("", where="val_sex_recall", when=When(epoch=3)),), ())
    shown, omitted = figure.panels(report.record, [found])
    assert [metric.name for metric in shown][:2] == ["loss", "sex_recall"]
    assert len(shown) == figure.MOST_PANELS
    assert len(shown) + len(omitted) == 10


def test_the_curve_ends_where_it_is_not_finite() -> None:
    (axes,) = figure.draw(series(loss=[3.0, 2.0, math.nan, math.nan])).axes
    assert "NaN" in [text.get_text() for text in axes.texts]
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (2.0, 2.0)


def test_infinity_is_named() -> None:
    assert "inf" in texts(figure.draw(series(loss=[1.0, math.inf])))


def test_a_loss_over_decades_is_logarithmic_and_a_share_never() -> None:
    wide = [1.0, 0.1, 0.001]
    record = replace(
        series(loss=wide, accuracy=wide), metric_facts={"loss": MetricFacts(), "accuracy": MetricFacts(proportion=True)}
    )
    loss, accuracy = figure.draw(record).axes
    assert loss.get_yscale() == "log"
    assert accuracy.get_yscale() == "linear"
    assert figure.draw(series(loss=[1.0, -100.0])).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.5],
        [math.nan],
        [math.nan] * 30,
        [math.inf, -math.inf],
        [0.0] * 5,
        [-3.0] * 5,
        [1e308, -1e308, 1e-308],
        [5e-324, 1.7e308],
        [1e-320] * 3,
        [1.0, math.nan, 2.0, math.nan, 3.0],
        list(range(5000)),
    ],
    ids=repr,
)
def test_any_series_gives_a_picture(values: list[float]) -> None:
    record = series(loss=values, val_loss=values)
    record.quantities["batch_loss"] = BatchLoss(step=array("q", range(1, len(values) + 1)), value=array("d", values))
    assert figure.png(figure.draw(record)).startswith(b"\x89PNG")


def test_a_record_of_nothing_gives_a_picture() -> None:
    assert figure.png(figure.draw(TrainingRecord())).startswith(b"\x89PNG")


def test_names_are_words_not_formulas() -> None:
    names = ["$\\frac{a}{", "_hidden", "a_b^c", "<b>", "מדד", "准确率", "x" * 10_000]
    record = series(**{"loss": [1.0, 0.5], **{name: [1.0, 0.5] for name in names[:5]}})
    drawn = figure.draw(record)
    assert set(names[:4]) <= set(texts(drawn))
    assert figure.png(drawn).startswith(b"\x89PNG")
    long = figure.draw(series(**{names[6]: [1.0], names[5]: [1.0]}))
    assert max(len(text) for text in texts(long)) <= 24
    assert figure.png(long).startswith(b"\x89PNG")


def test_a_single_spike_does_not_press_the_curves_flat() -> None:
    record = sorted_digits().record
    batch = record.quantities["batch_loss"]
    batch.value[10] = 1e9
    assert figure.draw(record).axes[0].get_ylim()[1] < 100


def test_runs_of_one_model_are_joined() -> None:
    records = [
        digits(run=str(run), model=Model(name="m", iterations=10 * run), history={"loss": [1.0 / (1 + run)]})
        for run in range(30)
    ]
    (axes,) = figure.draw_runs(records).axes
    assert list(axes.lines[0].get_xdata()) == list(range(1, 31))
    assert "0–29" in texts(axes.figure)


def test_runs_are_compared_by_what_they_share(reports: list[Report]) -> None:
    loss, accuracy = figure.draw_runs([report.record for report in reports]).axes
    assert "loss" in [text.get_text() for text in loss.texts]
    assert "val_accuracy" in [text.get_text() for text in accuracy.texts]


@given(
    arrays.arrays(np.float64, st.integers(1, 300), elements=st.floats(allow_nan=True, width=32) | st.just(math.nan)),
    st.integers(2, 20).map(lambda half: 2 * half),
)
def test_decimation_keeps_the_extremes_of_every_stretch(y: np.ndarray, points: int) -> None:
    x = np.arange(len(y), dtype=np.float64)
    kept_x, kept_y = figure.decimate(x, y, points)
    assert len(kept_x) == len(kept_y) <= max(points, min(points, len(y)))
    assert (np.diff(kept_x) >= 0).all()
    np.testing.assert_array_equal(kept_y, y[kept_x.astype(int)])
    if len(y) > points:
        length = math.ceil(len(y) / (points // 2))
        for start in range(0, len(y), length):
            stretch = [value for value in y[start : start + length] if math.isfinite(value)]
            inside = kept_y[(kept_x >= start) & (kept_x < start + length)]
            if stretch:
                assert {min(stretch), max(stretch)} == set(inside)
            else:
                assert not np.isfinite(inside).any()


def test_a_million_batches_cost_little() -> None:
    record = sorted_digits().record
    steps = 1_000_000
    values = np.random.default_rng(0).normal(1, 0.1, steps)
    record.quantities = {"batch_loss": BatchLoss(step=array("q", range(1, steps + 1)), value=array("d", values))}
    drawn = figure.draw(record)
    assert len(drawn.axes[0].lines[0].get_xdata()) <= figure.POINTS
    assert len(figure.png(drawn)) < 100_000


def test_time_is_at_most_five_times_that_of_a_bare_figure() -> None:
    report = sorted_digits()

    def bare() -> None:
        plot = Figure(figsize=(figure.WIDTH / 100, figure.ROW / 100), dpi=200)
        for place, name in enumerate(("loss", "accuracy")):
            axes = plot.add_subplot(1, 2, place + 1)
            axes.plot(report.record.history[name])
            axes.plot(report.record.history[f"val_{name}"])
        plot.savefig(io.BytesIO())

    ours = _fastest(lambda: figure.render(report))
    assert ours <= 5 * _fastest(bare)


def _fastest(call: object, repeats: int = 4) -> float:
    times = []
    for _repeat in range(repeats):
        start = time.perf_counter()
        call()  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return min(times)
