"""What several rules measure alike: the scale of the data, the start of the loss, how far the weights moved."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Evidence, Status
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.quantities.update_norm import UpdateNorm
from kerasdoctor.quantities.weight_norm import WeightNorm
from kerasdoctor.record import Compile, Data, Fit, Model

Floats = NDArray[np.float64]

#: Rows whose mean loss is one value: a single small batch jumps by chance.
ROWS = 64
#: Inputs beyond it are unscaled: standardized ones rarely pass 10, and a network is initialized for about 1.
LARGE_INPUT = 20.0
#: Targets of a squared error beyond it: its gradient grows with them.
LARGE_TARGET = 100.0

_SCALING = {"Normalization", "Rescaling", "BatchNormalization", "LayerNormalization", "Embedding"}
_WITHOUT_WEIGHTS = {"InputLayer", "Flatten", "Reshape", "Permute"}
_REGRESSIONS = {"meansquarederror", "meansquaredlogarithmicerror", "mse", "meanabsoluteerror", "mae", "huber"}


def rows_per_step(fit: Fit, data: Data) -> int:
    """Rows of a batch; Keras's default where nothing tells."""
    if fit.batch_size:
        return fit.batch_size
    if data.n_train and fit.steps_per_epoch:
        return max(1, data.n_train // fit.steps_per_epoch)
    return 32


def block_losses(batch_loss: BatchLoss, rows: int) -> Floats:
    """Mean losses of consecutive stretches of `ROWS` rows or more, for batches of `rows`."""
    size = max(1, ROWS // max(rows, 1))
    values = batch_loss.values
    blocks: Floats = values[: len(values) // size * size].reshape(-1, size).mean(axis=1)
    return blocks


def falls_below_zero(losses: Floats) -> bool:
    """Whether 0 is not the least that a loss can be, so that no share of it is a measure of anything."""
    # log-cosh and others come to -1e-8 by rounding
    size = np.abs(losses[np.isfinite(losses)]).max(initial=0.0)
    return bool((losses < -1e-6 * size).any())


def first_loss(batch_loss: BatchLoss, rows: int) -> float | None:
    """The loss before training; the median of the first 64 rows where a batch has fewer than 16.

    None where it is not a positive number, or where a later one is below 0: a ratio to it says nothing.
    """
    values = batch_loss.values
    if not len(values) or falls_below_zero(values):
        return None
    start = float(values[0] if rows >= 16 else np.median(values[: max(1, ROWS // max(rows, 1))]))
    return start if np.isfinite(start) and start > 0 else None


def kernels(columns: Iterable[str]) -> list[int]:
    """Positions of the variables that are matrices of weights, by Keras's name for them."""
    return [index for index, path in enumerate(columns) if path.endswith("kernel")]


def used_rate(compile: Compile, learning_rate: LearningRate | None) -> str:  # noqa: A002 - a part of the record
    """The learning rate in words: as it was used, where a schedule or a callback changed it; empty if not known."""
    extent = learning_rate.extent if learning_rate is not None else None
    if extent is not None and extent[0] < extent[1]:
        return _("a learning rate between {lowest:.3g} and {highest:.3g}").format(lowest=extent[0], highest=extent[1])
    rate = compile.learning_rate if extent is None else extent[0]
    return "" if rate is None else _("a learning rate of {rate:.3g}").format(rate=rate)


def at_rate(compile: Compile, learning_rate: LearningRate | None) -> str:  # noqa: A002 - a part of the record
    """`used_rate` as the end of a statement; empty where it is not known."""
    rate = used_rate(compile, learning_rate)
    return _(", at {rate}").format(rate=rate) if rate else ""


def path_length(update_norm: UpdateNorm, weight_norm: WeightNorm, since: int = 0) -> float | None:
    """How far the kernels can have moved since a step, as a share of their norm; of the kernel that moved most.

    The sum of the lengths of all updates, so an upper bound. None where no kernel was seen.
    """
    if update_norm.columns != weight_norm.columns or not len(update_norm) or not len(weight_norm):
        return None
    chosen = kernels(update_norm.columns)
    if not chosen or update_norm.nonfinite[:, chosen].any():
        return None
    lengths = update_norm.total[update_norm.last > since][:, chosen].sum(axis=0)
    norms = weight_norm.mean[-1, chosen]
    known = np.isfinite(norms) & (norms > 0)
    return float((lengths[known] / norms[known]).max()) if known.any() else None


def scale_of_inputs(model: Model, input_range: InputRange, far_rows: FarRows | None = None) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than a network is initialized for, and not a few rows of them alone."""
    first = next((layer for layer in model.layers if layer.kind not in _WITHOUT_WEIGHTS), None)
    if first is not None and first.kind in _SCALING:
        statement = _("the model begins with {layer}, a {kind} layer").format(layer=first.name, kind=first.kind)
        return Status.RULED_OUT, Evidence(statement, quantity="model", where=first.name)
    status, found = _scale("input_range", input_range.inputs.items(), LARGE_INPUT)
    if status is Status.CONFIRMED and far_rows is not None and only_far_rows(far_rows, LARGE_INPUT):
        return Status.RULED_OUT, Evidence(far(far_rows), quantity="far_rows", value=float(far_rows.count))
    return status, found


def only_far_rows(far_rows: FarRows, limit: float) -> bool:
    """Whether the inputs stay within a limit but for a few rows."""
    return bool(far_rows.count) and not far_rows.of_targets and far_rows.typical <= limit


def far(far_rows: FarRows) -> str:
    """The rows that are far from the others, in words."""
    statement = _(
        "{count:,} of {rows:,} training rows reach up to {largest:.4g}, row {first} the first, where 98 in 100 stay "
        "within {typical:.4g}"
    )
    if far_rows.of_targets:
        statement = _(
            "the targets of {count:,} of {rows:,} training rows reach up to {largest:.4g}, row {first} the first, "
            "where 98 in 100 stay within {typical:.4g}"
        )
    return statement.format(
        count=far_rows.count,
        rows=far_rows.rows,
        largest=far_rows.largest,
        first=far_rows.first,
        typical=far_rows.typical,
    )


def scale_of_targets(compile: Compile, target_range: TargetRange) -> tuple[Status, Evidence]:  # noqa: A002 - a part of the record
    """Whether the targets of a regression are far larger than what a network puts out at first."""
    if not any(loss.name.replace("_", "").lower() in _REGRESSIONS for loss in compile.losses):
        names = ", ".join(loss.name for loss in compile.losses) or _("the loss")
        return Status.RULED_OUT, Evidence(_("{loss} is no regression loss").format(loss=names), quantity="compile")
    return _scale("target_range", target_range.outputs.items(), LARGE_TARGET)


def _scale(quantity: str, ranges: Iterable[tuple[str, Range]], limit: float) -> tuple[Status, Evidence]:
    known = [(max(abs(values.minimum), abs(values.maximum)), name, values) for name, values in ranges]
    known = [found for found in known if np.isfinite(found[0])]
    if not known:
        return Status.POSSIBLE, Evidence(_("not measured: no range of numbers is known"), quantity=quantity)
    size, name, values = max(known, key=lambda found: found[0])
    statement = _("{name} runs from {low:.4g} to {high:.4g}").format(name=name, low=values.minimum, high=values.maximum)
    status = Status.CONFIRMED if size > limit else Status.RULED_OUT
    return status, Evidence(statement, quantity=quantity, where=name, value=float(size), threshold=limit)
