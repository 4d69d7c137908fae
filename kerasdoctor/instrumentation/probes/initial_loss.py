"""The loss before the first step."""

from __future__ import annotations

import keras
import numpy as np

from kerasdoctor.instrumentation.probes import Subject
from kerasdoctor.quantities.initial_loss import InitialLoss


def measure(subject: Subject) -> InitialLoss | None:
    """The loss of fresh weights beside that of guessing; None where the model has several outputs or losses."""
    losses = subject.record.compile.losses
    flat = keras.tree.flatten((subject.targets, subject.outputs))
    if subject.record.model.iterations or len(losses) != 1 or not losses[0].builtin or len(flat) != 2:
        return None
    value = subject.loss()
    if value is None:
        return None
    targets, outputs = flat
    return InitialLoss.of(losses[0].name, value, np.asarray(targets), np.asarray(outputs).shape[-1])
