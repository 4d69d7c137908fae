"""Show every row of a table with other noise each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.locale import _
from kerasdoctor.quantities.feature_scale import FeatureScale
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, PrependLayer, Remedy
from kerasdoctor.remedies.image_augmentation import only_shape


@dataclass(frozen=True)
class NoiseOnInputs(Remedy):
    """A GaussianNoise layer in front of the model, at work in training alone, for features of like scales.

    Noise on the inputs acts as a penalty on steep functions (Bishop 1995).
    """

    title: ClassVar[str] = _("Add noise to the inputs")
    share: float = 0.1

    def plan(self, record: TrainingRecord) -> Plan | None:
        scales = record.quantities.get("feature_scale")
        noisy = any(layer.kind in {"GaussianNoise", "Embedding"} for layer in record.model.layers)
        if len(only_shape(record)) != 2 or record.model.kind == "subclassed" or noisy:
            return None
        if not isinstance(scales, FeatureScale) or len(scales.inputs) != 1:
            return None
        scale = next(iter(scales.inputs.values()))
        # one noise for all of them would drown the small ones
        if not 0 < scale.smallest <= scale.largest <= 10 * scale.smallest:
            return None
        deviation = float(f"{self.share * np.sqrt(scale.smallest * scale.largest):.2g}")
        reason = _(
            "{rows:,} rows, whose features have standard deviations of {low:.2g} to {high:.2g}: noise of {share:.0%}"
        )
        return Plan(
            (PrependLayer(f"keras.layers.GaussianNoise({deviation})"),),
            reason.format(
                rows=record.data.n_train or only_shape(record)[0],
                low=scale.smallest,
                high=scale.largest,
                share=self.share,
            ),
        )
