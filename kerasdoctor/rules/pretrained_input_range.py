"""`pretrained-input-range`."""

from __future__ import annotations

import math
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.drawn_range import DrawnRange
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import Layer, Model, TrainingRecord
from kerasdoctor.remedies.backbone_range import BackboneRange
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Beginning of the name that Keras gives a model of `keras.applications` -> the values that it was trained on, read in
#: Keras 3.15: "bytes" where it rescales 0 to 255 itself, "unit" for -1 to 1, "mean" for 0 to 255 minus the mean, "zero"
#: for 0 to 1, standardized.
_BACKBONES = {
    "efficientnet": "bytes",
    "convnext": "bytes",
    "MobileNetV3": "bytes",
    "mobilenetv2": "unit",
    "mobilenet_": "unit",
    "inception": "unit",
    "xception": "unit",
    "resnet50v2": "unit",
    "resnet101v2": "unit",
    "resnet152v2": "unit",
    "nasnet": "unit",
    "NASNet": "unit",
    "resnet50": "mean",
    "resnet101": "mean",
    "resnet152": "mean",
    "vgg16": "mean",
    "vgg19": "mean",
    "densenet": "zero",
}
_NESTED = {"Functional", "Sequential", "Model"}
_WORDS = {
    "bytes": "0 to 255",
    "unit": "-1 to 1",
    "mean": "0 to 255 less the mean of each channel",
    "zero": "0 to 1, standardized",
}


def _backbone(model: Model) -> tuple[Layer, str] | None:
    """The nested model with frozen layers, of `keras.applications` or one that rescales itself, and what it knows.

    One that trains freely may have begun with weights of its own, which take any range.
    """
    for place, layer in enumerate(model.layers):
        if layer.kind not in _NESTED:
            continue
        inner = [part for part in model.layers[place + 1 :] if not part.top_level]
        expected = next((known for name, known in _BACKBONES.items() if layer.name.startswith(name)), "")
        if expected == "bytes" and not {part.kind for part in inner} & {"Rescaling", "Normalization"}:
            # built with include_preprocessing=False
            return None
        expected = expected or ("bytes" if _divides_bytes(inner) else "")
        if expected:
            frozen = not layer.trainable or any(part.parameters and not part.trainable for part in inner)
            return (layer, expected) if frozen else None
    return None


def _divides_bytes(inner: list[Layer]) -> bool:
    """Whether the first of the layers that does something is a Rescaling by 1/255, 1/127.5 or so."""
    first = next((layer for layer in inner if layer.kind != "InputLayer"), None)
    scale = None if first is None or first.kind != "Rescaling" else first.config.get("scale")
    return isinstance(scale, int | float) and 1 / 256 <= scale <= 1 / 127


def _in_front(model: Model, backbone: Layer) -> list[Layer]:
    """Layers of the model itself that come before the backbone."""
    found = []
    for layer in model.layers:
        if layer is backbone:
            break
        if layer.top_level:
            found.append(layer)
    return found


def _fed(
    model: Model, backbone: Layer, input_range: InputRange | None, drawn_range: DrawnRange | None
) -> tuple[str, float, float] | None:
    """The images' range as the backbone gets it, with the input's name; None where it cannot be told."""
    if input_range is not None:
        ranges = [(name, len(found.shape), found.minimum, found.maximum) for name, found in input_range.inputs.items()]
    elif drawn_range is not None:
        ranges = [(name, found.rank, found.minimum, found.maximum) for name, found in drawn_range.train.items()]
    else:
        raise NotMeasured("input_range")
    images = [(name, low, high) for name, rank, low, high in ranges if rank == 4 and math.isfinite(low + high)]
    if len(images) != 1 or model.kind == "subclassed" or model.operations:
        # arithmetic in front of it, as `preprocess_input` does, is not in the record
        return None
    name, low, high = images[0]
    for layer in _in_front(model, backbone):
        if layer.kind == "Rescaling":
            scale, offset = layer.config.get("scale"), layer.config.get("offset", 0.0)
            if not isinstance(scale, int | float) or not isinstance(offset, int | float):
                return None
            low, high = low * scale + offset, high * scale + offset
        elif layer.kind not in {"InputLayer", "ZeroPadding2D", "Resizing", "CenterCrop"} and not layer.kind.startswith(
            "Random"
        ):
            return None
    return name, low, high


def _fault(expected: str, low: float, high: float) -> str:
    """The cause by which images of this range are wrong for a backbone; empty where they are right."""
    if high <= 2:
        # ranges that a division has made
        return "rescaled-twice" if expected in {"bytes", "mean"} else ""
    return "not-rescaled" if expected in {"unit", "zero"} and low >= 0 and high > 20 else ""


def _found(
    model: Model, input_range: InputRange | None, drawn_range: DrawnRange | None
) -> tuple[str, Layer, str, float, float]:
    known = _backbone(model)
    fed = None if known is None else _fed(model, known[0], input_range, drawn_range)
    if known is None or fed is None:
        raise NotMeasured("input_range")
    return _fault(known[1], fed[1], fed[2]), known[0], known[1], fed[1], fed[2]


def rescaled_twice(
    model: Model, input_range: InputRange | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether images were divided that the backbone divides itself, or wants undivided."""
    fault, layer, expected, low, high = _found(model, input_range, drawn_range)
    inside = _(", which it rescales itself") if expected == "bytes" else ""
    return (Status.CONFIRMED if fault == "rescaled-twice" else Status.RULED_OUT), Evidence(
        _("{layer} gets {low:.3g} to {high:.3g} and was trained on {words}").format(
            layer=layer.name, low=low, high=high, words=_WORDS[expected]
        )
        + inside,
        quantity="input_range",
        where=layer.name,
        value=high,
        threshold=2.0,
    )


def not_rescaled(
    model: Model, input_range: InputRange | None = None, drawn_range: DrawnRange | None = None
) -> tuple[Status, Evidence]:
    """Whether images come as they are in their file to a backbone that wants them scaled."""
    fault, layer, expected, low, high = _found(model, input_range, drawn_range)
    return (Status.CONFIRMED if fault == "not-rescaled" else Status.RULED_OUT), Evidence(
        _("{layer} gets {low:.3g} to {high:.3g} and was trained on {words}").format(
            layer=layer.name, low=low, high=high, words=_WORDS[expected]
        ),
        quantity="input_range",
        where=layer.name,
        value=high,
        threshold=20.0,
    )


def _images_for(backbone: str, top: float) -> TrainingRecord:
    record = shuffled_digits()
    measured = record.quantities["input_range"]
    values = replace(measured.inputs["x"], shape=(1797, 96, 96, 3), maximum=top)
    record.quantities["input_range"] = replace(measured, inputs={"x": values})
    frozen = Layer(name=backbone, kind="Functional", parameters=4_049_571, trainable=False)
    inside = Layer(name="rescaling", kind="Rescaling", top_level=False, trainable=False, config={"scale": 1 / 255})
    inner = (inside,) if backbone.startswith("efficientnet") else ()
    record.model = replace(record.model, layers=(frozen, *inner, record.model.layers[-1]))
    return record


def _efficientnet_on_unit_images() -> TrainingRecord:
    return _images_for("efficientnetb0", 1.0)


def _mobilenet_on_bytes() -> TrainingRecord:
    return _images_for("mobilenetv2_1.00_96", 255.0)


def _efficientnet_on_bytes() -> TrainingRecord:
    return _images_for("efficientnetb0", 255.0)


def _own_base_on(top: float, *front: Layer) -> TrainingRecord:
    """A frozen base of the user's own that divides by 255."""
    record = _images_for("efficientnetb0", top)
    backbone, *rest = record.model.layers
    record.model = replace(record.model, layers=(*front, replace(backbone, name="base"), *rest))
    return record


def _own_base_behind_a_rescaling() -> TrainingRecord:
    return _own_base_on(255.0, Layer(name="rescaling_1", kind="Rescaling", config={"scale": 1 / 255, "offset": 0.0}))


def _own_base_on_bytes() -> TrainingRecord:
    return _own_base_on(255.0)


class PretrainedInputRange(Rule):
    """A pretrained model gets images in another range than it was trained on.

    ## What it sees
    Before the first step: a nested model with frozen layers, of `keras.applications` by the name that Keras gives it,
    or any that begins with a Rescaling by 1/255 of its own, and the range of the images in front of it, followed
    through Rescaling layers. It says nothing where other layers or arithmetic (`preprocess_input`) stand in between,
    or the backbone trains freely.

    ## How it is told apart
    Rescaled twice: EfficientNet, ConvNeXt and MobileNetV3, or a model of your own, have the rescaling inside and want 0
    to 255, as ResNet50 and VGG do, whose `preprocess_input` subtracts a mean. Not rescaled: MobileNetV2, ResNetV2,
    Inception, Xception, NASNet and DenseNet have none inside.

    ## Remedies
    No division for the former; `keras.applications.NAME.preprocess_input`, or `Rescaling(1 / 127.5, offset=-1)` in
    front, for the latter.

    ## References
    keras-team/keras-io#1549 (a division by 255 before EfficientNetB0), tensorflow/tensorflow#48412, keras-team/keras
    #13293. What each model has inside was read in Keras 3.15.
    """

    family = "data"
    severity = Severity.WARNING
    message = _("The pretrained model does not get the images that it knows: {statement}.")

    causes = (
        Cause(
            "rescaled-twice",
            _("the images were divided, which this model does not want"),
            examine=rescaled_twice,
            remedies=(BackboneRange(bytes_wanted=True),),
        ),
        Cause(
            "not-rescaled",
            _("the images were not scaled, which this model wants"),
            examine=not_rescaled,
            remedies=(BackboneRange(bytes_wanted=False),),
        ),
    )

    examples = (
        Unhealthy(_efficientnet_on_unit_images, confirms=("rescaled-twice",)),
        Unhealthy(_mobilenet_on_bytes, confirms=("not-rescaled",)),
        Unhealthy(_own_base_behind_a_rescaling, confirms=("rescaled-twice",)),
        Healthy(_efficientnet_on_bytes),
        Healthy(_own_base_on_bytes),
    )

    def check(
        self, model: Model, input_range: InputRange | None = None, drawn_range: DrawnRange | None = None
    ) -> Evidence | None:
        known = _backbone(model)
        if known is None:
            return None
        fed = _fed(model, known[0], input_range, drawn_range)
        if fed is None or not _fault(known[1], fed[1], fed[2]):
            return None
        _name, low, high = fed
        return Evidence(
            _("{layer} gets values from {low:.3g} to {high:.3g} and was trained on {words}").format(
                layer=known[0].name, low=low, high=high, words=_WORDS[known[1]]
            ),
            quantity="input_range",
            where=known[0].name,
            value=high,
        )
