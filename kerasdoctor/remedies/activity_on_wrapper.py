"""Put an activity regularizer where Keras reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class ActivityOnWrapper(Remedy):
    """The activity regularizer of a layer inside TimeDistributed set on the wrapper, which Keras 3 calls."""

    title: ClassVar[str] = _("Put the activity regularizer on the wrapper")

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.model.kind == "subclassed":
            return None
        changes = []
        for layer in record.model.layers:
            inner = inner_activity(layer.config)
            source = None if inner is None else _source(inner)
            if layer.top_level and layer.kind == "TimeDistributed" and source:
                changes.append(SetLayerArgument(layer.name, "activity_regularizer", source))
        if not changes:
            return None
        reason = _("Keras 3 reads the activity regularizer of {names}, not of the layer inside").format(
            names=", ".join(change.layer for change in changes)
        )
        return Plan(tuple(changes), reason)


def inner_activity(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The activity regularizer of the layer inside a wrapper that has none itself, as it is written down."""
    inner = config.get("layer")
    inner_config = inner.get("config") if isinstance(inner, Mapping) else None
    found = inner_config.get("activity_regularizer") if isinstance(inner_config, Mapping) else None
    return found if isinstance(found, Mapping) and not config.get("activity_regularizer") else None


def _source(regularizer: Mapping[str, Any]) -> str | None:
    """How one of Keras's own is constructed; None for others."""
    kind, config = regularizer.get("class_name"), regularizer.get("config")
    if kind not in {"L1", "L2", "L1L2"} or not isinstance(config, Mapping):
        return None
    numbers = {name: value for name, value in config.items() if isinstance(value, int | float)}
    return f"keras.regularizers.{kind}({', '.join(f'{name}={value:.6g}' for name, value in numbers.items())})"
