from dataclasses import replace
from typing import Any

import pytest

from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.record import Layer, Model, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "augmentation-value-range"
RESCALING = Layer(name="rescaling", kind="Rescaling", config={"scale": 1 / 255, "offset": 0.0})
CONV = Layer(name="conv2d", kind="Conv2D", parameters=80)


def layer(kind: str, given: Any) -> Layer:
    return Layer(name="augmentation", kind=kind, config={"value_range": given})


def record_of(top: float, *layers: Layer, rank: int = 4) -> TrainingRecord:
    shape = (100, 8, 8, 3)[:rank]
    return TrainingRecord(
        model=Model(kind="Sequential", layers=layers),
        quantities={"input_range": InputRange({"x": Range("float32", shape, 0.0, top, 0, None)}, {}, 100, 100)},
    )


@pytest.mark.parametrize(
    ("top", "layers", "name"),
    [
        (1.0, (layer("RandomBrightness", [0, 255]), CONV), "default-value-range"),
        (255.0, (RESCALING, layer("RandomBrightness", [0, 255]), CONV), "rescaled-before"),
        (255.0, (layer("RandomContrast", [0, 1]), CONV), "smaller-value-range"),
    ],
)
def test_what_is_mistaken(top: float, layers: tuple[Layer, ...], name: str) -> None:
    record = record_of(top, *layers)
    found = diagnosis(record, NAME)
    assert found is not None
    assert [finding.name for finding in found.causes if finding.status.value == "confirmed"] == [name]
    assert cause(record, NAME, name).evidence.where


@pytest.mark.parametrize(
    ("top", "layers"),
    [
        (1.0, (layer("RandomBrightness", [0, 1]), CONV)),
        (255.0, (layer("RandomBrightness", [0, 255]), RESCALING, CONV)),
        (1.0, (layer("RandomContrast", [0, 255]), CONV)),
        (255.0, (layer("RandomSaturation", [0, 1]), CONV)),
        (1.0, (CONV, layer("RandomBrightness", [0, 255]))),
        (40.0, (layer("RandomBrightness", [0, 255]), CONV)),
    ],
    ids=["told", "before the rescaling", "harmless", "harmless too", "on features", "no images"],
)
def test_what_is_right_or_does_no_harm(top: float, layers: tuple[Layer, ...]) -> None:
    assert diagnosis(record_of(top, *layers), NAME) is None


def test_what_is_not_known_is_not_judged() -> None:
    record = record_of(1.0, layer("RandomBrightness", [0, 255]))
    assert diagnosis(record, NAME) is not None
    record.model = replace(record.model, operations=("Multiply",))
    assert diagnosis(record, NAME) is None
    assert diagnosis(record_of(1.0, layer("RandomBrightness", [0, 255]), rank=2), NAME) is None
