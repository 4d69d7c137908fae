"""Begin with the weights of a network that has seen more data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import KeepWeights, Plan, Remedy, SetCompileArgument
from kerasdoctor.remedies.continue_training import has_model


@dataclass(frozen=True)
class PretrainedWeights(Remedy):
    """Weights from a file of the user's, `.weights.h5`, `.keras`, `.h5` or `.hdf5`, in the layers that they fit."""

    title: ClassVar[str] = _("Begin with weights that were trained on more data")

    def plan(self, record: TrainingRecord) -> Plan | None:
        optimizer = record.compile.source.get("optimizer")
        if optimizer is None or not has_model(record):
            return None
        reason = _("{rows} rows for {parameters:,} parameters: weights that were trained on more know more").format(
            rows=_("an unknown number of") if record.data.n_train is None else f"{record.data.n_train:,}",
            parameters=record.model.parameters,
        )
        changes = (KeepWeights(None, skip_mismatch=True), SetCompileArgument("optimizer", optimizer))
        return Plan(changes, reason)
