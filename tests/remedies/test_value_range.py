"""The range that an augmentation layer is told is that of the images which reach it."""

from dataclasses import replace

import pytest

from kerasdoctor.record import Layer
from kerasdoctor.remedies import SetLayerArgument
from kerasdoctor.remedies.value_range import ValueRange
from kerasdoctor.rules.augmentation_value_range import AugmentationValueRange


def brightness(low: float, high: float) -> Layer:
    return Layer(name="bright", kind="RandomBrightness", config={"factor": 0.2, "value_range": [low, high]})


RESCALING = Layer(name="rescaling", kind="Rescaling", config={"scale": 1 / 255, "offset": 0.0})


@pytest.mark.parametrize(
    ("top", "layers", "told"),
    [
        (1.0, [brightness(0, 255)], "(0, 1)"),
        (255.0, [RESCALING, brightness(0, 255)], "(0, 1)"),
        (255.0, [brightness(0, 1), RESCALING], "(0, 255)"),
        (255.0, [brightness(0, 255), RESCALING], None),
        (255.0, [replace(RESCALING, config={"scale": 1 / 127.5, "offset": -1.0}), brightness(0, 1)], None),
    ],
)
def test_the_range_is_that_of_the_images_that_reach_the_layer(top, layers, told):
    record = AugmentationValueRange.examples[0].record()
    measured = record.quantities["input_range"]
    record.quantities["input_range"] = replace(
        measured, inputs={name: replace(of, maximum=top) for name, of in measured.inputs.items()}
    )
    record.model = replace(record.model, layers=tuple(layers))
    plan = ValueRange().plan(record)
    expected = None if told is None else (SetLayerArgument("bright", "value_range", told),)
    assert (plan.changes if plan else None) == expected
