"""`unscaled-inputs`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import only_far_rows
from kerasdoctor.examples import shuffled_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.drawn_range import DrawnRange
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.feature_scale import FeatureScale, Scale
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.quantities.target_scale import TargetScale
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.record import Compile, Layer, Model, TrainingRecord
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.normalization_layer import NormalizationLayer
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Inputs beyond it are unscaled: standardized ones rarely pass 10, and a network is initialized for about 1.
LARGE = 20.0
#: Times the loss of guessing that the first batch may cost. Two hidden layers on digits, measured in Keras 3.15:
#: inputs in [0, 1] cost 1.02 times ln 10, [0, 16] 4.4 times (and train well), [0, 255] 70 times, [0, 4080] 1,100.
FAR_ABOVE = 10.0
#: Epochs after which a loss that is still that of guessing is stuck.
PATIENCE = 5
#: Largest over smallest deviation of the features beyond which their scales are mixed; below it pixels at the border
#: of images, of which few are not 0, have such ratios too.
MIXED, PERHAPS_MIXED = 1000.0, 100.0
#: Distance of the mean row from 0, over that of the rows from it, beyond which they are far from 0.
OFF_CENTER = 10.0

_SCALING = {"Rescaling", "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization"}
#: Operations of a functional model that may scale.
_ARITHMETIC = {"TrueDivide", "Divide", "Multiply", "Subtract", "Normalize", "Log", "Log1p", "Cast"}
_NESTED = {"Functional", "Sequential", "Model"}


def _unadapted(model: Model) -> Layer | None:
    return next((layer for layer in model.layers if layer.config.get("adapted") is False), None)


def _scales_itself(model: Model) -> bool:
    """Whether the first layers bring the inputs to a scale of their own."""
    if _ARITHMETIC & set(model.operations):
        return True
    for layer in model.layers:
        if layer.kind in _SCALING or (layer.kind == "Normalization" and layer.config.get("adapted") is not False):
            return True
        if layer.kind not in _NESTED and layer.kind != "Normalization" and layer.parameters:
            return False
    return False


def _largest(
    model: Model, input_range: InputRange | None, drawn_range: DrawnRange | None
) -> tuple[str, float, float] | None:
    """Name and range of the input with the largest values; None where there is none of numbers."""
    if input_range is not None:
        ranges = {name: (found.dtype, found.minimum, found.maximum) for name, found in input_range.inputs.items()}
    elif drawn_range is not None:
        ranges = {name: (found.dtype, found.minimum, found.maximum) for name, found in drawn_range.train.items()}
    else:
        raise NotMeasured("input_range")
    embedded = any(layer.kind == "Embedding" for layer in model.layers)
    found = [
        (name, low, high)
        for name, (dtype, low, high) in ranges.items()
        # an index of words is no size
        if math.isfinite(low) and math.isfinite(high) and not (embedded and "float" not in dtype)
    ]
    # words may come as floats, too
    if embedded and len(ranges) == 1:
        return None
    return max(found, key=lambda entry: max(abs(entry[1]), abs(entry[2])), default=None)


def _guessing(
    compile: Compile,
    target_range: TargetRange | None,
    target_scale: TargetScale | None,
    target_form: TargetForm | None,
) -> tuple[float, str] | None:
    """Loss of a network that knows nothing yet, and what it is in words; None where it cannot be told."""
    if len(compile.losses) != 1 or not compile.losses[0].builtin:
        return None
    name = compile.losses[0].name.replace("_", "").lower()
    forms = [] if target_form is None else target_form.outputs.values()
    # rows that do not sum to 1 have another loss
    distributions = not any(form.several or form.other for form in forms)
    if name in {"sparsecategoricalcrossentropy", "categoricalcrossentropy"} and target_range is not None:
        units = next(iter(target_range.units.values()), 0)
        return (math.log(units), _("ln {units}").format(units=units)) if units > 1 and distributions else None
    if name == "binarycrossentropy":
        return math.log(2), _("ln 2")
    if target_scale is None or len(target_scale.outputs) != 1:
        return None
    moments = next(iter(target_scale.outputs.values()))
    expected = {"meansquarederror": moments.square, "mse": moments.square}
    expected |= {"meanabsoluteerror": moments.absolute, "mae": moments.absolute}
    value = expected.get(name)
    if value is None or not 0 < value < math.inf:
        return None
    return value, _("that of predicting 0")


def _scale(feature_scale: FeatureScale | None, evidence: Evidence) -> tuple[str, Scale]:
    if feature_scale is None or not feature_scale.inputs:
        raise NotMeasured("feature_scale")
    name = evidence.where if evidence.where in feature_scale.inputs else next(iter(feature_scale.inputs))
    return str(name), feature_scale.inputs[str(name)]


def large_values(
    model: Model, input_range: InputRange | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than what a network is initialized for."""
    found = _largest(model, input_range, drawn_range)
    if found is None:
        raise NotMeasured("input_range")
    name, low, high = found
    size = max(abs(low), abs(high))
    statement = _("{name} runs from {low:.4g} to {high:.4g}; a network is initialized for values about 1")
    return (Status.CONFIRMED if size > LARGE else Status.RULED_OUT), Evidence(
        statement.format(name=name, low=low, high=high),
        quantity="input_range",
        where=name,
        value=size,
        threshold=LARGE,
    )


def mixed_scales(evidence: Evidence, feature_scale: FeatureScale | None = None) -> tuple[Status, Evidence]:
    """Whether some features are far larger than others, which they drown."""
    name, scale = _scale(feature_scale, evidence)
    if scale.features < 2 or not scale.smallest > 0:
        return Status.RULED_OUT, Evidence(_("{name} has one scale").format(name=name), quantity="feature_scale")
    ratio = scale.largest / scale.smallest
    statement = _("the standard deviations of the features of {name} run from {low:.3g} (feature {low_feature}) to ")
    statement += _("{high:.3g} (feature {high_feature})")
    statement = statement.format(
        name=name,
        low=scale.smallest,
        low_feature=scale.smallest_feature,
        high=scale.largest,
        high_feature=scale.largest_feature,
    )
    status = Status.CONFIRMED if ratio > MIXED else Status.POSSIBLE if ratio > PERHAPS_MIXED else Status.RULED_OUT
    if status is Status.POSSIBLE:
        statement = _("measured, undecided: {statement}, which pixels at the border of images do as well").format(
            statement=statement
        )
    return status, Evidence(statement, quantity="feature_scale", where=name, value=ratio, threshold=MIXED)


def far_from_zero(evidence: Evidence, feature_scale: FeatureScale | None = None) -> tuple[Status, Evidence]:
    """Whether the rows lie far from 0 for how much they vary, as years do."""
    name, scale = _scale(feature_scale, evidence)
    if not scale.off_center >= 0:
        return Status.RULED_OUT, Evidence(_("no feature of {name} varies").format(name=name), quantity="feature_scale")
    statement = _("the mean row of {name} is {value:.3g} times as far from 0 as a row is from the mean row")
    return (Status.CONFIRMED if scale.off_center > OFF_CENTER else Status.RULED_OUT), Evidence(
        statement.format(name=name, value=scale.off_center),
        quantity="feature_scale",
        where=name,
        value=scale.off_center,
        threshold=OFF_CENTER,
    )


def unadapted_normalization(model: Model) -> tuple[Status, Evidence]:
    """Whether a Normalization layer was never shown the data, and passes them on as they are."""
    layer = _unadapted(model)
    if layer is not None:
        return Status.CONFIRMED, Evidence(
            _(
                "{layer} still has mean 0 and variance 1: `adapt` was not called, and it passes the data on unchanged"
            ).format(layer=layer.name),
            quantity="model",
            where=layer.name,
        )
    count = sum(layer.kind == "Normalization" for layer in model.layers)
    statement = _("every Normalization layer was adapted") if count else _("the model has no Normalization layer")
    return Status.RULED_OUT, Evidence(statement, quantity="model", value=float(count))


def _digits_to(high: float, scale: Scale, first: float, history: Mapping[str, str]) -> TrainingRecord:
    """The digits with pixels of 0 to `high`, whose first batch cost `first`."""
    record = shuffled_digits()
    measured = record.quantities["input_range"]
    values = replace(measured.inputs["x"], maximum=high)
    record.history = {key: [float(value) for value in series.split()] for key, series in history.items()}
    record.quantities["batch_loss"].value[0] = first
    return with_quantities(
        record, input_range=replace(measured, inputs={"x": values}), feature_scale=FeatureScale({"x": scale})
    )


def _digits_in_bytes() -> TrainingRecord:
    """Digits of 0 to 255, Adam: what is learned at first is to undo the first predictions."""
    return _digits_to(
        255.0,
        Scale(64, 3, 0.4203, 103.8, 56, 42, 1.482),
        147.0,
        {
            "accuracy": "0.318 0.685 0.843 0.894 0.924 0.943 0.949 0.958 0.979 0.983 0.978 0.988 0.991 0.992 0.997 "
            "0.997 1.0 1.0 1.0 1.0",
            "loss": "33.02 3.786 1.637 0.943 0.613 0.399 0.262 0.177 0.124 0.083 0.081 0.037 0.026 0.015 0.011 0.006 "
            "0.002 0.001 0.001 0.001",
            "val_accuracy": "0.547 0.786 0.853 0.861 0.892 0.892 0.892 0.889 0.908 0.917 0.914 0.911 0.922 0.917 "
            "0.922 0.928 0.931 0.931 0.931 0.931",
            "val_loss": "6.952 2.593 1.471 1.241 0.957 0.954 0.976 0.901 0.830 0.795 0.721 0.858 0.818 0.750 0.715 "
            "0.719 0.665 0.664 0.663 0.663",
        },
    )


def _digits_up_to_16() -> TrainingRecord:
    """Digits as scikit-learn gives them, 0 to 16, Adam: not normalized, and healthy."""
    return _digits_to(
        16.0,
        Scale(64, 3, 0.02637, 6.51, 56, 42, 1.482),
        9.6,
        {
            "accuracy": "0.352 0.812 0.912 0.951 0.967 0.978 0.987 0.990 0.994 0.995 0.996 0.997 0.999 0.999 0.999 "
            "1.0 1.0 1.0 1.0 1.0",
            "loss": "2.680 0.615 0.285 0.184 0.132 0.097 0.073 0.057 0.044 0.036 0.029 0.024 0.021 0.017 0.015 0.013 "
            "0.011 0.009 0.008 0.007",
            "val_accuracy": "0.664 0.875 0.928 0.953 0.961 0.969 0.969 0.969 0.969 0.972 0.969 0.972 0.975 0.978 "
            "0.978 0.978 0.981 0.981 0.983 0.983",
            "val_loss": "1.005 0.390 0.238 0.178 0.154 0.131 0.123 0.112 0.103 0.098 0.094 0.088 0.086 0.081 0.077 "
            "0.075 0.069 0.069 0.065 0.065",
        },
    )


class UnscaledInputs(Rule):
    """The inputs are so large that the network begins with absurd predictions.

    ## What it sees
    Inputs beyond 20, and not of a few rows alone, that no layer scales first (Normalization, Rescaling,
    BatchNormalization, ...), on fresh weights, *and* the harm: the first batch costs more than ten times the loss of
    guessing (the logarithm of the number of classes; for a regression that of predicting 0), or the loss is still that
    of guessing after five epochs. Inputs of 0 to 16 begin at four times and train well: they do not alarm. A
    Normalization layer that was never adapted alarms
    at once where the inputs are beyond 20: it does nothing.

    ## How it is told apart
    Large values; features whose standard deviations differ by more than 1,000 times; rows far from 0 for how much
    they vary, all features together; a Normalization layer without `adapt`.

    ## Remedies
    Inputs in [0, 1], or a Normalization layer adapted to the training rows and saved with the model.

    ## References
    keras-team/keras#510 (zero mean and unit variance). Measured in Keras 3.15 on digits: with inputs of 0 to 255 the
    first batch costs 70 times ln 10, SGD at 0.01 stays at ln 10 for good, and Adam spends its first epochs on undoing
    the first predictions. That unscaled inputs make a cross-entropy negative is a legend: see `negative-loss`.
    """

    family = "data"
    severity = Severity.WARNING
    explains = ("oscillating-validation",)
    message = _("The inputs are not scaled: {statement}.")

    causes = (
        Cause(
            "unadapted-normalization",
            _("a Normalization layer was never adapted"),
            examine=unadapted_normalization,
            remedies=(NormalizationLayer(),),
        ),
        Cause(
            "large-values",
            _("the values are far larger than 1"),
            examine=large_values,
            remedies=(MinMaxNormalization(), NormalizationLayer()),
            explains=("exploding-gradients",),
        ),
        Cause(
            "mixed-scales",
            _("the features have very different scales"),
            examine=mixed_scales,
            remedies=(NormalizationLayer(), MinMaxNormalization()),
        ),
        Cause(
            "far-from-zero",
            _("the rows lie far from 0"),
            examine=far_from_zero,
            remedies=(NormalizationLayer(), MinMaxNormalization()),
        ),
    )

    examples = (Unhealthy(_digits_in_bytes, confirms=("large-values",)), Healthy(_digits_up_to_16))

    def check(
        self,
        model: Model,
        compile: Compile,
        history: Mapping[str, Sequence[float]],
        input_range: InputRange | None = None,
        drawn_range: DrawnRange | None = None,
        batch_loss: BatchLoss | None = None,
        target_range: TargetRange | None = None,
        target_scale: TargetScale | None = None,
        weight_penalty: WeightPenalty | None = None,
        target_form: TargetForm | None = None,
        far_rows: FarRows | None = None,
    ) -> Evidence | None:
        found = _largest(model, input_range, drawn_range)
        if found is None or max(abs(found[1]), abs(found[2])) <= LARGE or _scales_itself(model):
            return None
        if far_rows is not None and only_far_rows(far_rows, LARGE):
            # `loss-spike` tells it
            return None
        name, low, high = found
        layer = _unadapted(model)
        if layer is not None:
            statement = _("{name} runs from {low:.4g} to {high:.4g}, and {layer} passes it on unchanged: it was never ")
            statement += _("adapted to the data")
            return Evidence(
                statement.format(name=name, low=low, high=high, layer=layer.name), quantity="model", where=name
            )
        guess = _guessing(compile, target_range, target_scale, target_form)
        if guess is None or model.iterations or batch_loss is None or not len(batch_loss) or batch_loss.step[0] != 1:
            return None
        expected, words = guess
        penalty = float(weight_penalty.value[0]) if weight_penalty is not None and len(weight_penalty) else 0.0
        first = batch_loss.value[0] - penalty
        if math.isfinite(first) and first > FAR_ABOVE * expected:
            statement = _(
                "{name} runs from {low:.4g} to {high:.4g}, and the first batch cost {first:.3g}, where guessing costs "
                "{expected:.3g} ({words})"
            ).format(name=name, low=low, high=high, first=first, expected=expected, words=words)
            when, value, threshold = When(epoch=1, step=1), first, FAR_ABOVE * expected
        else:
            losses = list(history.get("loss", ()))
            if len(losses) < PATIENCE or not min(losses) - penalty > 0.98 * expected:
                return None
            statement = _(
                "{name} runs from {low:.4g} to {high:.4g}, and after {epochs} epochs the loss is {loss:.3g}, no better "
                "than guessing so far ({expected:.3g}, {words})"
            ).format(name=name, low=low, high=high, epochs=len(losses), loss=losses[-1], expected=expected, words=words)
            when, value, threshold = When(epoch=len(losses)), losses[-1], 0.98 * expected
        return Evidence(statement, quantity="batch_loss", where=name, when=when, value=value, threshold=threshold)
