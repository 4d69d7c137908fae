"""`augmentation-value-range`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.drawn_range import DrawnRange
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import Layer, Model, TrainingRecord
from kerasdoctor.remedies.value_range import ValueRange
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Layers that put values of the whole range into an image; measured in Keras 3.15 on images in [0, 1] with the default
#: (0, 255), against the same layer with (0, 1): the image changes by 28 to 610 of its standard deviations, with the
#: others (RandomContrast, RandomHue, ...) by no more than it should.
_SPREAD_OUT = {
    "AugMix",
    "AutoContrast",
    "RandAugment",
    "RandomBrightness",
    "RandomErasing",
    "RandomInvert",
    "Solarization",
}
#: Layers that cut an image of 0 to 255 down to (0, 1): more than nine in ten of its values become 1 or the like.
_CUT_OFF = {
    *("AugMix", "AutoContrast", "Equalization", "RandAugment", "RandomBrightness", "RandomColorDegeneration"),
    *("RandomContrast", "RandomElasticTransform", "RandomGaussianBlur", "RandomHue", "RandomInvert", "RandomSharpness"),
    "Solarization",
}
_NESTED = {"Functional", "Sequential", "Model"}


def _image_top(input_range: InputRange | None, drawn_range: DrawnRange | None) -> tuple[str, float] | None:
    """The input that looks like images of [0, 1] or [0, 255], and its largest value; None where none does."""
    if input_range is not None:
        ranges = [(name, len(found.shape), found.minimum, found.maximum) for name, found in input_range.inputs.items()]
    elif drawn_range is not None:
        ranges = [(name, found.rank, found.minimum, found.maximum) for name, found in drawn_range.train.items()]
    else:
        raise NotMeasured("input_range")
    for name, rank, low, high in ranges:
        if rank == 4 and math.isfinite(low) and low >= 0 and (0 < high <= 1 or 100 < high <= 255):
            return name, high
    return None


def _factor(layer: Layer) -> float | None:
    """What a Rescaling layer multiplies by; None where it is no single number or also shifts."""
    scale, offset = layer.config.get("scale"), layer.config.get("offset", 0.0)
    return float(scale) if isinstance(scale, int | float) and offset in {0, None} else None


def _mistaken(model: Model, top: float) -> tuple[Layer, float, Sequence[float]] | None:
    """The first layer whose `value_range` is not that of the images it gets, their largest value, and the range."""
    if model.kind == "subclassed" or model.operations:
        # in an order, or by arithmetic, that the record does not have
        return None
    for layer in model.layers:
        if layer.kind == "Rescaling":
            factor = _factor(layer)
            if factor is None:
                return None
            top *= factor
        elif "value_range" in layer.config:
            given = layer.config["value_range"]
            if not isinstance(given, list | tuple) or len(given) != 2 or given[0] != 0:
                continue
            if layer.kind in _SPREAD_OUT and given[1] == 255 and top <= 1.001:
                return layer, top, given
            if layer.kind in _CUT_OFF and given[1] == 1 and top > 100:
                return layer, top, given
        elif layer.parameters and layer.kind not in _NESTED:
            return None
    return None


def default_value_range(
    model: Model, input_range: InputRange | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether images that come in [0, 1] meet the default of 0 to 255."""
    found = _image_top(input_range, drawn_range)
    if found is None:
        raise NotMeasured("input_range")
    name, top = found
    mistaken = _mistaken(model, top)
    given = mistaken is not None and mistaken[2][1] == 255
    return (Status.CONFIRMED if given and top <= 1 else Status.RULED_OUT), Evidence(
        _("{name} comes with values up to {top:.4g}").format(name=name, top=top),
        quantity="input_range",
        where=name,
        value=top,
        threshold=1.0,
    )


def rescaled_before(
    model: Model, input_range: InputRange | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether a Rescaling layer in front of the augmentation has brought the images into [0, 1]."""
    found = _image_top(input_range, drawn_range)
    if found is None:
        raise NotMeasured("input_range")
    mistaken = _mistaken(model, found[1])
    if mistaken is None or mistaken[2][1] != 255 or found[1] <= 1:
        return Status.RULED_OUT, Evidence(
            _("no Rescaling in front of the augmentation brings the images into [0, 1]"), quantity="model"
        )
    names = [layer.name for layer in model.layers]
    scaling = next(layer.name for layer in model.layers if layer.kind == "Rescaling")
    before = names.index(scaling) < names.index(mistaken[0].name)
    return (Status.CONFIRMED if before else Status.RULED_OUT), Evidence(
        _("{scaling} stands in front of {layer}, which gets values up to {top:.4g}").format(
            scaling=scaling, layer=mistaken[0].name, top=mistaken[1]
        ),
        quantity="model",
        where=scaling,
        value=mistaken[1],
        threshold=1.0,
    )


def smaller_value_range(
    model: Model, input_range: InputRange | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether images of 0 to 255 are cut off at 1."""
    found = _image_top(input_range, drawn_range)
    if found is None:
        raise NotMeasured("input_range")
    mistaken = _mistaken(model, found[1])
    cut = mistaken is not None and mistaken[2][1] == 1
    return (Status.CONFIRMED if cut else Status.RULED_OUT), Evidence(
        _("the images in front of the augmentation have values up to {top:.4g}").format(
            top=found[1] if mistaken is None else mistaken[1]
        ),
        quantity="input_range",
        where=found[0],
        value=found[1] if mistaken is None else mistaken[1],
        threshold=1.0,
    )


def _images(top: float, *layers: Layer) -> TrainingRecord:
    """Digits as images of 8 x 8, with layers in front of the network."""
    record = shuffled_digits()
    measured = record.quantities["input_range"]
    values = replace(measured.inputs["x"], shape=(1797, 8, 8, 1), maximum=top)
    record.quantities["input_range"] = replace(measured, inputs={"x": values})
    record.model = replace(record.model, layers=(*layers, Layer(name="flatten", kind="Flatten"), *record.model.layers))
    return record


def _brightness(low: float, high: float) -> Layer:
    return Layer(name="random_brightness", kind="RandomBrightness", config={"factor": 0.2, "value_range": [low, high]})


_RESCALING = Layer(name="rescaling", kind="Rescaling", config={"scale": 1 / 255, "offset": 0.0})


def _default_on_unit_images() -> TrainingRecord:
    return _images(1.0, _brightness(0, 255))


def _default_behind_rescaling() -> TrainingRecord:
    return _images(255.0, _RESCALING, _brightness(0, 255))


def _told_range() -> TrainingRecord:
    return _images(255.0, _RESCALING, _brightness(0, 1))


class AugmentationValueRange(Rule):
    """An augmentation layer works on another range of values than the images have.

    ## What it sees
    Before the first step: a layer such as RandomBrightness with `value_range=(0, 255)`, which is the default of all
    of Keras's, that gets images in [0, 1]; or with (0, 1) and images of 0 to 255. The range is followed through
    Rescaling layers. Only layers that harm are judged: RandomContrast or RandomHue do the same in either range.
    What a pipeline maps onto the images is not seen.

    ## How it is told apart
    Images that come in [0, 1]; images that a Rescaling layer brings there before the augmentation; images of 0 to 255
    that are cut off at 1.

    ## Remedies
    `value_range=(0, 1)`, or the augmentation in front of the Rescaling.

    ## References
    Measured in Keras 3.15: `RandomBrightness(.2)` on images of the constant .5 gives means of 3.9, 47.5, 24.4 and 0.0,
    with `value_range=(0, 1)` .46, .64, .31 and .70. The default is (0, 255) in all 18 layers that have the argument.
    Random layers are off in validation, so that the training accuracy is at chance and the validation may look better.
    """

    family = "data"
    severity = Severity.ERROR
    explains = ("majority-predictor", "oscillating-validation", "underfitting")
    message = _("The augmentation destroys the images: {statement}.")

    causes = (
        Cause(
            "default-value-range",
            _("the images are in [0, 1], the layer's default is 0 to 255"),
            examine=default_value_range,
            remedies=(ValueRange(),),
        ),
        Cause(
            "rescaled-before",
            _("the images are rescaled before they are augmented"),
            examine=rescaled_before,
            remedies=(ValueRange(),),
        ),
        Cause(
            "smaller-value-range",
            _("the layer is told 0 to 1, the images are 0 to 255"),
            examine=smaller_value_range,
            remedies=(ValueRange(),),
        ),
    )

    examples = (
        Unhealthy(_default_on_unit_images, confirms=("default-value-range",)),
        Unhealthy(_default_behind_rescaling, confirms=("rescaled-before",)),
        Healthy(_told_range),
    )

    def check(
        self, model: Model, input_range: InputRange | None = None, drawn_range: DrawnRange | None = None
    ) -> Evidence | None:
        if not any("value_range" in layer.config for layer in model.layers):
            return None
        found = _image_top(input_range, drawn_range)
        mistaken = None if found is None else _mistaken(model, found[1])
        if mistaken is None:
            return None
        layer, top, given = mistaken
        return Evidence(
            _("{layer} works on values from {low} to {high}, and gets images with values up to {top:.3g}").format(
                layer=layer.name, low=given[0], high=given[1], top=top
            ),
            quantity="model",
            where=layer.name,
            value=top,
            threshold=float(given[1]),
        )
