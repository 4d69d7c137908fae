"""What the model puts out where it sees nothing."""

from __future__ import annotations

import keras
import numpy as np

from kerasdoctor.instrumentation.probes import Subject, numbers_of, outputs_of
from kerasdoctor.quantities.zero_input import ZeroInput


def measure(subject: Subject) -> ZeroInput | None:
    """How far the outputs depend on the input; None where an input is no number."""
    flat = keras.tree.flatten(subject.inputs)
    if subject.rows < 2 or not all(np.issubdtype(part.dtype, np.number) for part in flat):
        return None
    zeros = keras.tree.map_structure(lambda part: np.zeros_like(part[:1]), subject.inputs)
    return ZeroInput.of(numbers_of(subject.outputs), numbers_of(outputs_of(subject.model, zeros)))
