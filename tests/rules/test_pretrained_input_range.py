from dataclasses import replace

import pytest

from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.record import Layer, Model, TrainingRecord
from tests.rules.differential import diagnosis

NAME = "pretrained-input-range"
DENSE = Layer(name="dense", kind="Dense", parameters=10)


def record_of(
    name: str, low: float, high: float, *front: Layer, frozen: bool = True, inside: str = "Rescaling"
) -> TrainingRecord:
    backbone = Layer(name=name, kind="Functional", parameters=1000, trainable=not frozen)
    inner = Layer(name="inner", kind=inside, top_level=False, parameters=10, trainable=not frozen)
    return TrainingRecord(
        model=Model(kind="Functional", layers=(*front, backbone, inner, DENSE)),
        quantities={
            "input_range": InputRange({"x": Range("float32", (100, 96, 96, 3), low, high, 0, None)}, {}, 100, 100)
        },
    )


@pytest.mark.parametrize(
    ("name", "low", "high", "confirmed"),
    [
        ("efficientnetb0", 0.0, 1.0, "rescaled-twice"),
        ("efficientnetb0", 0.0, 255.0, None),
        ("resnet50", 0.0, 1.0, "rescaled-twice"),
        ("resnet50", -124.0, 151.0, None),
        ("resnet50v2", 0.0, 255.0, "not-rescaled"),
        ("resnet50v2", -1.0, 1.0, None),
        ("mobilenetv2_1.00_96", 0.0, 255.0, "not-rescaled"),
        ("densenet121", 0.0, 255.0, "not-rescaled"),
        ("my_backbone", 0.0, 1.0, None),
    ],
)
def test_backbones(name: str, low: float, high: float, confirmed: str | None) -> None:
    found = diagnosis(record_of(name, low, high), NAME)
    assert (found is not None) is (confirmed is not None)
    if found is not None:
        assert [finding.name for finding in found.causes if finding.status.value == "confirmed"] == [confirmed]


def test_a_rescaling_in_front_counts() -> None:
    unit = Layer(name="rescaling", kind="Rescaling", config={"scale": 1 / 127.5, "offset": -1})
    assert diagnosis(record_of("mobilenetv2_1.00_96", 0.0, 255.0, unit), NAME) is None
    assert diagnosis(record_of("efficientnetb0", 0.0, 255.0, unit), NAME) is not None


def test_what_is_not_known_is_not_judged() -> None:
    assert diagnosis(record_of("efficientnetb0", 0.0, 1.0, frozen=False), NAME) is None
    assert diagnosis(record_of("efficientnetv2-b0", 0.0, 1.0, inside="Conv2D"), NAME) is None
    assert diagnosis(record_of("efficientnetb0", 0.0, 1.0, replace(DENSE, name="first")), NAME) is None
    record = record_of("efficientnetb0", 0.0, 1.0)
    record.model = replace(record.model, operations=("Multiply",))
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize(
    ("scale", "front", "fires"),
    [(1 / 255, 1 / 255, True), (1 / 255, 1.0, False), (1 / 127.5, 1 / 127.5, True), (1 / 4, 1 / 255, False)],
)
def test_a_base_of_the_users_own_that_rescales(scale: float, front: float, fires: bool) -> None:
    record = record_of(
        "base", 0.0, 255.0, Layer(name="front", kind="Rescaling", config={"scale": front, "offset": 0.0})
    )
    first, backbone, inner, last = record.model.layers
    inner = replace(inner, config={"scale": scale, "offset": 0.0})
    record.model = replace(record.model, layers=(first, backbone, inner, last))
    found = diagnosis(record, NAME)
    assert (found is not None) is fires
    if found is not None:
        assert "base gets values from 0 to" in found.message
    record.model = replace(
        record.model, layers=(first, replace(backbone, trainable=True), replace(inner, trainable=True), last)
    )
    assert diagnosis(record, NAME) is None
