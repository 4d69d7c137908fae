"""Give fit arrays of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class ArrayOfNumbers(Remedy):
    """Lists as tensors, and numbers that are Python objects as float32."""

    title: ClassVar[str] = _("Pass arrays of numbers")

    def plan(self, record: TrainingRecord) -> Plan | None:
        arguments = {} if record.source is None else record.source.arguments
        changes = []
        for name in ("x", "y"):
            content = record.data.contents.get(name)
            if name not in arguments or (content is not None and content.kind != "numbers"):
                continue
            source = f"({arguments[name]})" if not arguments[name].isidentifier() else arguments[name]
            if content is not None and record.data.containers.get(name) in {"ndarray", "DataFrame", "Series"}:
                changes.append(SetFitArgument(name, f'{source}.astype("float32")'))
            elif record.data.containers.get(name) in {"list", "tuple"}:
                changes.append(SetFitArgument(name, f"keras.ops.convert_to_tensor({source})"))
        if not changes:
            return None
        names = ", ".join(change.argument for change in changes)
        return Plan(tuple(changes), _("Keras takes arrays of numbers: {names}").format(names=names))
