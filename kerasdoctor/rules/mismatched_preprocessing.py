"""`mismatched-preprocessing`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import piped_digits, shuffled_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.part_scale import Difference, PartScale
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.record import Data, Source, TrainingRecord
from kerasdoctor.remedies.same_columns import SameColumns
from kerasdoctor.remedies.same_scale import SameScale
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Times that the median feature may spread wider, or less wide, in the validation part: 0 of 3,000 random splits of
#: each kind of rows, heavy-tailed ones too (tests/accuracy/simulations); a forgotten division by 255 is 255.
RATIO = 8.0
#: Times from which on a difference counts as one of range, once something is found.
OTHER_RANGE = 3.0
#: Half spreads (of the quantiles .05 and .95) by which the median feature may lie elsewhere: 3.3 standard deviations
#: of a normal one. A steady trend moves the last fifth of a series by 1.3, images of two seasons by less than 0.5.
SHIFT, SHIFT_OF_IMAGES = 2.0, 0.8
#: The same where the median feature spreads as wide in both parts, within `ALIKE` times, moves by no more than `STILL`
#: half spreads from one half of the training rows to the other, and the rows that validate are `TAIL` of all at most:
#: the tail of a trend that lies so far away spreads far less than the rest, or than the noise on it (at most 0.9;
#: tests/accuracy/simulations).
SHIFT_ALONE, ALIKE, STILL, TAIL = 1.2, 1.1, 0.3, 0.2
#: The same where no trend moves the rows, the spread is the same, and both ends of the values have moved by as much,
#: within `WIDTH` of the distance between them and by `ENDS` of it at least: the range is the same and lies elsewhere.
#: It adds nothing to the alarms of random splits and of series in order, and 1 of 300 to growth whose rows that train
#: were shuffled (tests/accuracy/simulations).
SHIFT_OF_ENDS, WIDTH, ENDS = 0.5, 0.02, 0.25
#: Rows of each part, of a pipeline, below which nothing is said, and standard deviations of the most distant value
#: beyond which the deviation is that of a few values, which says nothing of the others.
FEWEST, MOST_DISTANT = 100, 6.0
#: Half the distance of the quantiles .05 and .95 of a normal distribution, in standard deviations.
_HALF_SPREAD = 1.645


@dataclass(frozen=True)
class _Parts:
    """One input in both parts, of arrays or as drawn from pipelines."""

    name: str
    dtypes: tuple[str, str]
    ranges: tuple[float, float, float, float]
    ratio: float
    shift: float
    moved: int | None
    images: bool
    #: Features that vary.
    features: int = 0
    #: Whether no trend can have moved the validation part without changing its spread.
    still: bool = False
    #: Whether the rows that train do not move by themselves.
    steady: bool = False

    @property
    def shift_allowed(self) -> float:
        if self.ends_moved:
            return SHIFT_OF_ENDS
        if self.images:
            return SHIFT_OF_IMAGES
        return SHIFT_ALONE if self.still and 1 / ALIKE <= self.ratio <= ALIKE else SHIFT

    @property
    def ends_moved(self) -> bool:
        """Whether the values have the same range and spread in both parts, and lie elsewhere."""
        low, high, low_2, high_2 = self.ranges
        width, moved = high - low, (low_2 - low, high_2 - high)
        return (
            self.steady
            and 0 < width < math.inf
            and 1 / ALIKE <= self.ratio <= ALIKE
            and abs(moved[1] - moved[0]) <= WIDTH * width
            and min(abs(moved[0]), abs(moved[1])) >= ENDS * width
        )

    @property
    def in_words(self) -> str:
        low, high, low_2, high_2 = self.ranges
        statement = _(
            "{name} runs from {low:.4g} to {high:.4g} in the rows that train and from {low_2:.4g} to {high_2:.4g} in "
            "those that validate"
        )
        return statement.format(name=self.name, low=low, high=high, low_2=low_2, high_2=high_2)

    @property
    def differs(self) -> bool:
        return (
            not 1 / RATIO <= self.ratio <= RATIO
            or self.shift > self.shift_allowed
            or (self.moved is not None and self.moved >= 2)
        )


def _of_arrays(name: str, found: Difference, data: Data) -> _Parts:
    train, validation = data.n_train or 0, data.n_validation or 0
    return _Parts(
        name,
        (found.train_dtype, found.validation_dtype),
        (found.train_minimum, found.train_maximum, found.validation_minimum, found.validation_maximum),
        found.spread_ratio,
        found.shift,
        found.moved,
        found.images,
        found.features,
        found.drift <= STILL and 0 < validation <= TAIL * (train + validation),
        found.drift <= STILL,
    )


def _of_batches(name: str, train: DrawnValues, validation: DrawnValues) -> _Parts | None:
    if min(train.rows, validation.rows) < FEWEST or not (train.values and validation.values):
        return None
    deviation, other = train.deviation, validation.deviation
    if not (math.isfinite(deviation) and math.isfinite(other) and max(deviation, other) > 0):
        return None
    wider = train if deviation > other else validation
    if max(wider.maximum - wider.mean, wider.mean - wider.minimum) > MOST_DISTANT * wider.deviation:
        return None
    distance = abs(validation.mean - train.mean)
    return _Parts(
        name,
        (train.dtype, validation.dtype),
        (train.minimum, train.maximum, validation.minimum, validation.maximum),
        other / deviation if deviation else math.inf,
        distance / (_HALF_SPREAD * deviation) if deviation else math.inf,
        None,
        train.rank == 4,
    )


def _worst(part_scale: PartScale | None, drawn_range: DrawnRange | None, data: Data) -> _Parts | None:
    """The first input that differs between the parts, or the first at all."""
    found: list[_Parts | None] = []
    if part_scale is not None:
        found += [_of_arrays(name, difference, data) for name, difference in part_scale.inputs.items()]
    elif drawn_range is not None:
        found += [
            _of_batches(name, values, drawn_range.validation[name])
            for name, values in drawn_range.train.items()
            if name in drawn_range.validation
        ]
    else:
        raise NotMeasured("part_scale")
    known = [parts for parts in found if parts is not None]
    return next((parts for parts in known if parts.differs), known[0] if known else None)


def _found(part_scale: PartScale | None, drawn_range: DrawnRange | None, data: Data) -> _Parts:
    parts = _worst(part_scale, drawn_range, data)
    if parts is None:
        raise NotMeasured("part_scale")
    return parts


def different_range(
    data: Data, part_scale: PartScale | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether the values of one part spread far wider: one of them was divided, the other was not."""
    parts = _found(part_scale, drawn_range, data)
    apart = not 1 / OTHER_RANGE <= parts.ratio <= OTHER_RANGE and (parts.moved or 0) < 2
    statement = _(
        "the values of {name} spread {ratio:.3g} times as wide in the validation part as in the training part"
    )
    return (Status.CONFIRMED if apart else Status.RULED_OUT), Evidence(
        statement.format(name=parts.name, ratio=parts.ratio),
        quantity="part_scale",
        where=parts.name,
        value=parts.ratio,
        threshold=OTHER_RANGE,
    )


def shifted_mean(
    data: Data, part_scale: PartScale | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether the values of one part lie elsewhere, as wide as those of the other: a mean was subtracted from one."""
    parts = _found(part_scale, drawn_range, data)
    same_range = 1 / OTHER_RANGE <= parts.ratio <= OTHER_RANGE and (parts.moved or 0) < 2
    statement = _("the validation part lies {shift:.3g} half spreads of the training part away from it")
    if not same_range:
        statement = _("the validation part differs in more than its place: its values spread {ratio:.3g} times as wide")
    return (Status.CONFIRMED if same_range and parts.shift > parts.shift_allowed else Status.RULED_OUT), Evidence(
        statement.format(shift=parts.shift, ratio=parts.ratio),
        quantity="part_scale",
        where=parts.name,
        value=parts.shift,
        threshold=parts.shift_allowed,
    )


def different_dtype(
    data: Data, part_scale: PartScale | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether one part still has the whole numbers of its file, which the other was converted from."""
    parts = _found(part_scale, drawn_range, data)
    train, validation = parts.dtypes
    differ = ("int" in train) != ("int" in validation)
    statement = _("{name} is {train} in the training part and {validation} in the validation part")
    return (Status.CONFIRMED if differ else Status.RULED_OUT), Evidence(
        statement.format(name=parts.name, train=train, validation=validation),
        quantity="part_scale",
        where=parts.name,
        value=float(differ),
    )


def different_columns(
    data: Data, part_scale: PartScale | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether features of the validation part look like other features of the training part."""
    parts = _found(part_scale, drawn_range, data)
    if parts.moved is None:
        return Status.POSSIBLE, Evidence(_("not measured: of a pipeline the features are not looked at one by one"))
    statement = _(
        "at least {moved} of {features} features of the validation part have the place and the spread of another "
        "training feature, and not their own"
    )
    if parts.moved < 2:
        statement = _(
            "{moved} of {features} features of the validation part have the place and the spread of another training "
            "feature, and not their own"
        )
    return (Status.CONFIRMED if parts.moved >= 2 else Status.RULED_OUT), Evidence(
        statement.format(moved=parts.moved, features=parts.features),
        quantity="part_scale",
        where=parts.name,
        value=float(parts.moved),
        threshold=2.0,
    )


_ALIKE = Difference("float32", "float32", 0.0, 1.0, 0.0, 1.0, 50, 1.0, 0.0, 0, images=False)


def _digits_in_parts(difference: Difference) -> TrainingRecord:
    record = shuffled_digits()
    record.fit = replace(record.fit, validation_split=0.0)
    record.data = replace(
        record.data, validation_kind="arrays", containers={**record.data.containers, "validation_data": "tuple"}
    )
    arguments = {"x": "x", "y": "y", "validation_data": "(x_val, y_val)"}
    call = "model.fit(x, y, validation_data=(x_val, y_val))"
    record.source = Source(call=call, arguments=arguments, model="model", notebook=True)
    labels = record.quantities["split_labels"]
    return with_quantities(
        record, split_labels=replace(labels, source="validation_data"), part_scale=PartScale({"x": difference})
    )


def _digits_divided_alike() -> TrainingRecord:
    return _digits_in_parts(_ALIKE)


def _digits_divided_in_one_part() -> TrainingRecord:
    """Digits divided by 16 to train, and as they are to validate."""
    return _digits_in_parts(replace(_ALIKE, validation_maximum=16.0, spread_ratio=16.0, shift=14.6))


def _piped_digits_divided_in_one_part() -> TrainingRecord:
    record = piped_digits()
    drawn = record.quantities["drawn_range"]
    values = drawn.validation["x"]
    drawn.validation["x"] = replace(
        values, dtype="uint8", maximum=16.0, mean=16 * values.mean, squares=256 * values.squares
    )
    return record


class MismatchedPreprocessing(Rule):
    """The rows that validate were prepared in another way than the rows that train.

    ## What it sees
    The inputs of `validation_data`, or of a validation pipeline, against those that train: in the median feature the
    values spread more than eight times as wide, or as narrow; or they lie more than two half spreads (.05 to .95
    quantiles) elsewhere, in images 0.8, and 1.2 in a fifth of the rows that spreads as wide as the rest, which does not
    move by itself, and 0.5 where the ends of all values lie elsewhere and as far from each other ([0, 2] for [-1, 1]);
    or features have changed places. Rows that follow each other, whose future may lie elsewhere than
    their past, do not alarm for a shift. A difference of the kind of rows is not looked for.

    ## How it is told apart
    Different range: the spread. Shifted mean: the place alone. Different dtype: whole numbers in one part only, as a
    file holds them. Different columns: features that fit another one's place and spread, and not their own.

    ## Remedies
    One function that prepares both parts, or the scaling as a layer of the model (Rescaling, Normalization), where it
    cannot be forgotten. A cell divides the part that was not divided, and takes the columns of a DataFrame by their
    names; which mean was subtracted, only you know.

    ## References
    keras-team/keras#12689 (two ways of preprocessing in two generators: val_acc stays at 1/C), #7187.
    """

    family = "data"
    severity = Severity.ERROR
    explains = ("loss-accuracy-disagreement", "majority-predictor", "overfitting", "small-dataset", "trained-too-long")
    message = _("The rows that validate were prepared differently from those that train: {statement}.")

    causes = (
        Cause(
            "different-range",
            _("one part was scaled, the other was not"),
            examine=different_range,
            remedies=(SameScale(),),
        ),
        Cause(
            "shifted-mean",
            _("a mean was subtracted from one part only; subtract the one of the training rows from both"),
            examine=shifted_mean,
        ),
        Cause("different-dtype", _("one part was never converted"), examine=different_dtype, remedies=(SameScale(),)),
        Cause(
            "different-columns",
            _("the features stand in another order"),
            examine=different_columns,
            remedies=(SameColumns(),),
        ),
    )

    examples = (
        Unhealthy(_digits_divided_in_one_part, confirms=("different-range",)),
        Unhealthy(_piped_digits_divided_in_one_part, confirms=("different-range", "different-dtype")),
        Healthy(_digits_divided_alike),
        Healthy(piped_digits),
    )

    def check(
        self,
        data: Data,
        part_scale: PartScale | None = None,
        drawn_range: DrawnRange | None = None,
        row_order: RowOrder | None = None,
    ) -> Evidence | None:
        parts = _worst(part_scale, drawn_range, data)
        if parts is None or not parts.differs:
            return None
        near = None if row_order is None else row_order.neighbour_distance
        series = row_order is not None and (bool(row_order.time_ordered) or (near is not None and near < 0.5))
        if series and 1 / RATIO <= parts.ratio <= RATIO and (parts.moved or 0) < 2:
            return None
        statement = parts.in_words
        if parts.moved is not None and parts.moved >= 2:
            # those whose places look alike are not told apart
            statement = _("at least {moved} of the {features} features of {name} have changed places").format(
                moved=parts.moved, features=parts.features, name=parts.name
            )
        scaled = not 1 / RATIO <= parts.ratio <= RATIO
        return Evidence(
            statement,
            quantity="part_scale",
            where=parts.name,
            value=parts.ratio if scaled else parts.shift,
            threshold=RATIO if scaled else parts.shift_allowed,
        )
